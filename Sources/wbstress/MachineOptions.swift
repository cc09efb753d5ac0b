// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressLab
import StressMachine

/// What the user says of this machine as a place for trials.
struct MachineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Run on this machine, on a block device. All data on it is lost. Add --loop DIR for images of \
      cache and swap.
      """,
      valueName: "device"),
    completion: .file())
  var device: String?

  @Option(
    help: ArgumentHelp(
      "Confirm with the device's serial number or size in bytes, as 'check --device' prints them.",
      valueName: "serial-or-size"))
  var yesWipe: String?

  @Option(
    help: ArgumentHelp(
      """
      On this machine: create cgroups below this delegated one (default: in a systemd unit, or \
      below the root if systemd does not run).
      """,
      valueName: "path"),
    completion: .directory)
  var cgroup: String?

  @Flag(help: "On this machine: allow profiles without memory.max, which load the whole machine.")
  var wholeMachine = false

  @Flag(help: "On this machine: allow profiles without memory.max beside earlyoom and similar.")
  var allowOomDaemon = false

  @Flag(help: "On this machine: allow a graphical session.")
  var allowDesktop = false

  /// The same on a machine that is reached by ssh.
  func remotePlace(images: String?) -> RemotePlace {
    var place = RemotePlace(images: images.map(File.plain), device: device, cgroup: cgroup)
    place.confirmation = yesWipe
    place.wholeMachine = wholeMachine
    place.allowsDaemons = allowOomDaemon
    place.allowsDesktop = allowDesktop
    return place
  }

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
