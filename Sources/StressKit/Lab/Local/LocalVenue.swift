// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine
import StressRecord

/// This machine, one trial after the other.
package struct LocalVenue: Venue {
  /// They hold the machine.
  private let guards: Guards
  private let machine: LocalPlace
  private let limits: MachineLimits

  /// Checks the machine.
  ///
  /// - Parameter limits: what aborts a trial for the machine's sake.
  /// - Throws: every reason not to run here, at once.
  package init(
    _ matrix: Matrix, _ machine: LocalPlace, limits: MachineLimits
  ) throws(HarnessErrors) {
    guards = Guards(matrix.cells.map(\.profile), machine)
    try guards.demand()
    self.machine = machine
    self.limits = limits
  }

  package var jobs: Int { 1 }
  package var place: String {
    "on this machine" + (guards.device.map { ", on \($0.path)" } ?? "")
  }
  package var identity: [Profile.Setting] { Preflight.identity(guards.device) }
  /// Each look takes from the CPU under test.
  package var lookInterval: UInt64 { 1_000_000_000 }

  package var warnings: [String] { guards.findings.warnings }

  package var remains: String? { guards.device.map { Self.remains(on: $0.path) } }

  static func remains(on device: String) -> String {
    "\(device) keeps the last trial's file system (\(Signature.label)); to wipe it: "
      + "wipefs -a \(device)"
  }

  package func run(
    _ plan: TrialPlan, of cell: Matrix.Cell, directory: String, _ interrupt: Interrupt,
    progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending {
    var trial = LocalTrial(
      plan: plan, directory: directory, images: machine.images, device: guards.device,
      place: machine.cgroups)
    trial.limits = limits
    return try trial.run(interrupt, progress: progress)
  }

  /// Of a trial that was aborted for the machine's sake: the next one would do the same.
  package func refusal(of cell: Matrix.Cell, after ending: Ending) -> HarnessError? {
    Self.refusal(after: ending, on: "this machine")
  }

  static func refusal(after ending: Ending, on machine: String) -> HarnessError? {
    guard ending.outcome == .invalid, ending.reason == Ending.machine else { return nil }
    return HarnessError(
      .refused, machine, ending.message ?? "",
      remedy: "free memory, lower the profile's limits, or run it in a guest: --kernel debian:6.12")
  }
}
