// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine
import StressRecord

/// Guests of the other machine, in place of trials on itself: as ``GuestVenue/Options``, which depend on the machine.
package struct RemoteGuests: Sendable, Equatable {
  /// nil: KVM if a probe guest boots there.
  package var accelerator: Accelerator?
  /// How long a guest may take to reach the harness, ns; nil: as ``GuestTrial/Patience`` has it.
  package var bootTimeout: UInt64?
  /// Debian's mirror; nil: that of the machine's apt.
  package var mirror: String?

  package init(accelerator: Accelerator?, bootTimeout: UInt64?, mirror: String?) {
    self.accelerator = accelerator
    self.bootTimeout = bootTimeout
    self.mirror = mirror
  }

  var json: JSON {
    [
      "accelerator": .optional(accelerator?.rawValue),
      "boot_timeout": bootTimeout.map(JSON.uint) ?? .null, "mirror": .optional(mirror),
    ]
  }

  init?(_ json: JSON?) {
    guard let json, json.members != nil else { return nil }
    accelerator = json["accelerator"]?.string.flatMap(Accelerator.init(rawValue:))
    bootTimeout = json["boot_timeout"]?.int.map { UInt64(clamping: $0) }
    mirror = json["mirror"]?.string
  }

  /// On this machine, which is the other one for whoever asks: fetches the kernels and checks what guests need.
  ///
  /// - Parameters:
  ///   - kernels: of each profile, as `--kernel` spells it.
  ///   - progress: is told in words; what it throws ends the preparation.
  /// - Throws: everything that the machine lacks, at once.
  func venue(
    _ profiles: [Profile], _ kernels: [String], progress: (String) -> Void
  ) throws(HarnessErrors) -> (venue: GuestVenue, cells: [Matrix.Cell]) {
    do {
      guard kernels.count == profiles.count, !kernels.isEmpty else {
        throw HarnessError(.usage, "request", "names \(kernels.count) kernels of \(profiles.count)")
      }
      guard let binary = ProfileCatalog.executable() else {
        throw HarnessError(.harness, "/proc/self/exe", "readlink", errno: .noSuchFileOrDirectory)
      }
      let cells = zip(profiles, kernels).map { profile, kernel in
        CampaignFile.Cell(
          axes: [Profile.Setting(CampaignFile.kernelKey, kernel)], profile: profile)
      }
      let matrix = try Matrix(
        CampaignFile(
          label: "request", cells: cells, identity: [], trials: 1, seed: 0, untilVerdict: nil,
          threshold: nil))
      var options = GuestVenue.Options(binary: binary, store: try KernelStore(mirror: mirror))
      options.accelerator = accelerator
      options.bootTimeout = bootTimeout
      let venue = try GuestVenue(matrix, jobs: 1, options, progress: progress)
      return (venue, matrix.cells)
    } catch let error as HarnessErrors {
      throw error
    } catch let error as HarnessError {
      throw HarnessErrors([error])
    } catch {
      throw HarnessErrors([HarnessError(.harness, "guests", "\(error)")])
    }
  }
}
