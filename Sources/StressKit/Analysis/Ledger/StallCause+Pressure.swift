// SPDX-License-Identifier: Apache-2.0
import StressRecord

extension StallCause {
  /// The resource whose PSI counts a task in this wait as stalled, as far as that can be told from the wait:
  /// what happens between psi_memstall_enter and _leave is memory's, iowait is io's (kernel/sched/psi.c); a
  /// wait for a completion of io_uring is iowait, too (commit 8a796565cec3, 6.5 and its stable trees).
  package var pressure: PressureStall.Resource? {
    switch self {
    case .memcgReclaim, .directReclaim, .throttledWriteback, .throttledIsolated,
      .throttledNoprogress, .throttledCongested, .throttled, .memoryHigh, .compaction, .swapIn:
      .memory
    case .dirtyThrottle, .folioWriteback, .folioLock, .fileRead, .blockLayer, .journal,
      .spaceReservation, .orderedExtent, .metadataLock, .completion:
      .io
    case .oom, .inodeLock, .mmapLock, .ioWqQueue, .signal, .idle, .cpuWait, .running,
      .exited, .unknownWait, .unlistedWait, .unseenCompletion, .lostRecords, .untraced:
      nil
    }
  }
}
