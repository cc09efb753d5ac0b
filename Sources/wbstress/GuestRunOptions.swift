// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressLab

/// How guests are run.
struct GuestRunOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Time limit for a guest to reach the harness (default: 30, emulated 90).",
      valueName: "seconds"))
  var bootTimeout: Int?

  @Option(
    help: ArgumentHelp("kvm, tcg, or auto: KVM if a probe guest boots.", valueName: "name"),
    completion: .list(["auto", "kvm", "tcg"]))
  var accelerator: String = "auto"

  func validate() throws {
    if let bootTimeout, !(1...3600).contains(bootTimeout) {
      throw ValidationError("--boot-timeout: 1 to 3600 seconds")
    }
    if accelerator != "auto", Accelerator(rawValue: accelerator) == nil {
      throw ValidationError("--accelerator: auto, kvm or tcg")
    }
  }

  func venueOptions(_ store: KernelStore) throws(HarnessError) -> GuestVenue.Options {
    // This program's file has the guest's PID 1 in it.
    guard let binary = ProfileCatalog.executable() else {
      throw HarnessError(.harness, "/proc/self/exe", "readlink", errno: .noSuchFileOrDirectory)
    }
    var options = GuestVenue.Options(binary: binary, store: store)
    options.accelerator = Accelerator(rawValue: accelerator)
    options.bootTimeout = timeout
    return options
  }

  /// The same on another machine.
  func remote(mirror: String?) -> RemoteGuests {
    RemoteGuests(
      accelerator: Accelerator(rawValue: accelerator), bootTimeout: timeout, mirror: mirror)
  }

  private var timeout: UInt64? { bootTimeout.map { UInt64($0) * 1_000_000_000 } }
}
