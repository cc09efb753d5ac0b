// SPDX-License-Identifier: Apache-2.0

/// What the time of a stall went to: each instant of it has exactly one cause. docs/ledger.md says how it is
/// found, WaitChannels which kernel functions stand for which.
package enum StallCause: UInt8, CaseIterable, Sendable {
  // Waits of the task that carries the operation.
  case dirtyThrottle
  case memcgReclaim, directReclaim
  /// In reclaim, by the reason of mm_vmscan_throttled; the last: no such event tells it.
  case throttledWriteback, throttledIsolated, throttledNoprogress, throttledCongested, throttled
  case memoryHigh, oom, compaction, swapIn
  case folioWriteback, folioLock, fileRead, blockLayer
  case journal, spaceReservation, orderedExtent, inodeLock, metadataLock, mmapLock
  case ioWqQueue, completion, signal, idle
  /// Runnable, and not running.
  case cpuWait
  /// On a CPU, and not in reclaim or compaction: copying, the file system's code, interrupts.
  case running
  /// The operation is still open, and the task that carried it is no more.
  case exited
  // Unexplained, by what is missing.
  /// It waited, in a stack that is not in the table or was not told.
  case unknownWait
  /// Waits that have no line of their own: the record has their sum.
  case unlistedWait
  /// It waited for a completion, and nobody was seen at work on it.
  case unseenCompletion
  /// Records of the trace, or lines of the record, were lost: what looks like running may be a wait.
  case lostRecords
  /// The trace does not follow the task, or not then.
  case untraced

  /// As reports call it: the kernel's words where it has some.
  package var label: String {
    switch self {
    case .dirtyThrottle: "dirty-throttle pause"
    case .memcgReclaim: "memcg reclaim"
    case .directReclaim: "direct reclaim"
    case .throttledWriteback: TraceSpan.throttledWriteback.label
    case .throttledIsolated: TraceSpan.throttledIsolated.label
    case .throttledNoprogress: TraceSpan.throttledNoprogress.label
    case .throttledCongested: TraceSpan.throttledCongested.label
    case .throttled: "throttled in reclaim"
    case .memoryHigh: "memory.high penalty"
    case .oom: "OOM killer"
    case .compaction: "compaction, migration"
    case .swapIn: "swap-in"
    case .folioWriteback: "folio under writeback"
    case .folioLock: "folio lock"
    case .fileRead: "page-in of a file"
    case .blockLayer: "block layer"
    case .journal: "journal or log commit"
    case .spaceReservation: "space reservation"
    case .orderedExtent: "ordered extent"
    case .inodeLock: "inode lock"
    case .metadataLock: "metadata or extent lock"
    case .mmapLock: "mmap_lock"
    case .ioWqQueue: "io-wq queueing"
    case .completion: "io_uring completion"
    case .signal: "freezer or signal"
    case .idle: "idle"
    case .cpuWait: "CPU wait"
    case .running: "running"
    case .exited: "task had exited"
    case .unknownWait: "wait in unknown stack"
    case .unlistedWait: "waits without a line"
    case .unseenCompletion: "completion, work unseen"
    case .lostRecords: "records lost"
    case .untraced: "task not followed"
    }
  }

  package var isUnexplained: Bool {
    switch self {
    case .unknownWait, .unlistedWait, .unseenCompletion, .lostRecords, .untraced: true
    default: false
    }
  }
}
