// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressRecord
import Synchronization

/// Looks on while the supervisor itself waits for the disks in umount(2), which nothing can interrupt: when they
/// stand still for all of the trial's patience, there is at least the evidence.
final class StorageWatch {
  /// Hears of a trial that is stalled, once, on the watch's thread.
  typealias Handler = @Sendable (Ending) -> Void

  private final class Shared: Sendable {
    let isOver = Atomic<Bool>(false)
    let bell = Doorbell()
  }

  private let shared = Shared()
  private let thread: Thread

  init(_ plan: TrialPlan, _ record: RecordWriter, _ handle: Handler?) throws(HarnessError) {
    let begin = cl_boottime()
    let beats = Heartbeats(plan, begin: begin)
    thread = try Thread("wb-umount") { [shared] in
      var beats = beats
      while !shared.isOver.load(ordering: .acquiring) {
        let now = cl_boottime()
        beats.look(Heartbeats.Workload(oldest: begin), at: now)
        if beats.isStalled(at: now) {
          Self.tell(beats, at: now, record, handle)
          return
        }
        shared.bell.wait(atMost: Heartbeats.interval)
      }
    }
  }

  /// The wait is over.
  func finish() {
    shared.isOver.store(true, ordering: .releasing)
    shared.bell.ring()
    thread.join()
  }

  private static func tell(
    _ beats: Heartbeats, at now: UInt64, _ record: RecordWriter, _ handle: Handler?
  ) {
    record.emit(beats.line(at: now), at: now)
    let ending = Ending(
      .stalled, reason: "unmount",
      message:
        "unmount has waited for \(beats.workloadAge(at: now) / 1_000_000_000) s, and "
        + beats.storage(at: now) + StallEvidence.tell([], record))
    record.emit(NoteLine(ending.message ?? ""), at: now)
    handle?(ending)
  }
}
