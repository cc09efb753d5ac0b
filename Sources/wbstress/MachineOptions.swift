import ArgumentParser
import StressCore
import StressLab
import StressMachine

/// What the user says of this machine as a place for trials.
struct MachineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Run on this machine, on a block device: all that is on it is lost. --loop DIR beside it is for images of \
      cache and swap.
      """,
      valueName: "device"),
    completion: .file())
  var device: String?

  @Option(
    help: ArgumentHelp(
      "The device's serial number or its size in bytes, as 'wbstress check --device' prints them.",
      valueName: "serial-or-size"))
  var yesWipe: String?

  @Option(
    help: ArgumentHelp(
      """
      On this machine: make cgroups below this one, which is delegated to you (default: in a unit of systemd's, or \
      where there is none below the root).
      """,
      valueName: "path"),
    completion: .directory)
  var cgroup: String?

  @Flag(help: "On this machine: also profiles without memory.max, which load all of it.")
  var wholeMachine = false

  @Flag(help: "On this machine: also profiles without memory.max beside earlyoom and its like.")
  var allowOomDaemon = false

  @Flag(help: "On this machine: although there is a graphical session.")
  var allowDesktop = false

  /// - Parameter results: the campaign's directory.
  func place(images: String?, _ results: String?) throws(HarnessError) -> LocalPlace {
    var place = LocalPlace(
      images: images.map(File.plain), device: device, cgroups: try CgroupPlace(cgroup))
    place.confirmation = yesWipe
    place.results = results
    place.wholeMachine = wholeMachine
    place.allowsDaemons = allowOomDaemon
    place.allowsDesktop = allowDesktop
    return place
  }
}
