// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// One trial on this machine: set up, run, take down, always; told to a record as it goes.
package final class Trial {
  package static let mountPoint = ScratchDisk.mountPoint
  /// The cgroup that holds the limits, and all the others; below the tree's base.
  package static let root = Profile.limitedGroup
  static let second: UInt64 = 1_000_000_000

  /// What the trial asks of whoever has it carried out, and whom it tells. A value: nothing in it leads back to the
  /// trial, which therefore goes with its last owner.
  package struct Venue {
    /// Returns when the scratch device and the file system's module are there. A guest loads them while the pinned
    /// memory is being filled.
    package var awaitDevices: () throws(HarnessError) -> Void
    /// Called when all is ready; returns when the device is as slow as the profile wants.
    package var awaitGo: () throws(HarnessError) -> Void
    /// Changes that while the streams run.
    package var throttle: (Throttle) throws(HarnessError) -> Void
    /// Asked now and then; a trial that is interrupted is taken down at once, and says so.
    package var isInterrupted: () -> Bool = { false }
    package var onPhase: (PhaseLine.Name) -> Void = { _ in }
    /// Told, on a thread of its own, of a trial that hangs in its own unmount, and so cannot end by itself.
    package var onStall: (@Sendable (Ending) -> Void)?
    /// What aborts it for the sake of the machine; nil: the machine is the trial's own, and has a host to watch it.
    package var machineLimits: MachineLimits?

    package init(
      awaitDevices: @escaping () throws(HarnessError) -> Void,
      awaitGo: @escaping () throws(HarnessError) -> Void,
      throttle: @escaping (Throttle) throws(HarnessError) -> Void
    ) {
      self.awaitDevices = awaitDevices
      self.awaitGo = awaitGo
      self.throttle = throttle
    }
  }

  private let context: TrialContext
  /// Kept with the trial: to let go of a worker that cannot be killed is to wait for it.
  private var parts: TrialParts

  /// - Parameters:
  ///   - journal: of what is made; the trial undoes what it must for its record, its caller the rest.
  ///   - cgroups: the machine's v2 hierarchy; the caller's process is already in a group of its own.
  ///   - tracing: made while nothing else was at work yet; nil: none.
  package init(
    _ plan: TrialPlan, record: RecordWriter, journal: CleanupJournal, cgroups: CgroupTree,
    tracing: Tracing?, in venue: Venue
  ) throws(HarnessError) {
    context = TrialContext(
      plan: plan, record: record, journal: journal, tracing: tracing, venue: venue)
    parts = TrialParts(
      cgroups: cgroups, disk: ScratchDisk(plan, journal),
      lanes: Lanes(plan.profile.observe, record), kernelLog: try KernelLogFollower(record))
  }

  /// Carries the trial out. The caller writes the ending as the record's last line.
  package func run() -> Ending {
    do throws(HarnessError) {
      let limited = try TrialSetUp(context).run(&parts)
      let stalled = try TrialRun.run(context, limited, &parts)
      return TrialTakeDown(context, parts).end(stalled)
    } catch {
      return TrialTakeDown(context, parts).end(after: error)
    }
  }
}
