// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

extension Glossary {
  static let causes: [Entry] = StallCause.allCases.map { cause in
    let psi =
      switch cause.pressure {
      case .memory: " In PSI it counts as memory."
      case .io: " In PSI it counts as io."
      case nil: ""
      }
    let kind = cause.isUnexplained ? "Part of what is unexplained" : "Cause of a stall"
    return Entry(cause.label, in: .causes, "\(kind): \(text(cause))\(psi) docs/ledger.md.")
  }

  private static func text(_ cause: StallCause) -> String {
    switch cause {
    case .dirtyThrottle:
      """
      the task sleeps in balance_dirty_pages, so that writeback keeps up with it.
      """
    case .memcgReclaim:
      """
      the task reclaims for a cgroup at its limit (try_to_free_mem_cgroup_pages), on a CPU or \
      waiting in it, and not in one of the throttles.
      """
    case .directReclaim:
      """
      the task reclaims because the machine is short of memory (try_to_free_pages and around it).
      """
    case .throttledWriteback:
      """
      reclaim made the task wait: too many pages under writeback at the lists' tail.
      """
    case .throttledIsolated:
      """
      reclaim made the task wait: too many pages isolated by others.
      """
    case .throttledNoprogress:
      """
      reclaim made the task wait: it freed nothing.
      """
    case .throttledCongested:
      """
      reclaim made the task wait: all dirty pages scanned were under writeback already.
      """
    case .throttled:
      """
      a stack in reclaim_throttle() without an event that tells the reason.
      """
    case .memoryHigh:
      """
      the penalty for being over memory.high, at most 2 s each time the task returns to user \
      space.
      """
    case .oom:
      """
      the OOM killer chooses and kills on the task's behalf, or it waits for one that does.
      """
    case .compaction:
      """
      the task compacts or migrates pages, or waits for a page that is being moved.
      """
    case .swapIn:
      """
      a page comes back from swap.
      """
    case .folioWriteback:
      """
      the task waits until a page, or an inode, has been written.
      """
    case .folioLock:
      """
      the task waits for a page that another task has locked.
      """
    case .fileRead:
      """
      a page of a file is read, after a refault perhaps.
      """
    case .blockLayer:
      """
      the task waits for a request, a tag, a throttle or a buffer of the block layer.
      """
    case .journal:
      """
      the task waits for a commit of jbd2 or btrfs, or for xfs's log.
      """
    case .spaceReservation:
      """
      the file system makes room for data or metadata first.
      """
    case .orderedExtent:
      """
      btrfs waits for data of a range to be on disk.
      """
    case .inodeLock:
      """
      another task holds the inode (i_rwsem): writes of one file go one after the other.
      """
    case .metadataLock:
      """
      a lock on a tree, an extent or a buffer of the file system.
      """
    case .mmapLock:
      """
      another task holds the address space (mmap_lock).
      """
    case .ioWqQueue:
      """
      the request waits until a worker of io_uring begins it; what its worker did meanwhile for \
      others is 'queued behind others'.
      """
    case .completion:
      """
      submitted I/O is under way and only its completion is missing.
      """
    case .signal:
      """
      stopped, frozen or on its way to exit.
      """
    case .idle:
      """
      nobody works for the operation, and nothing is waited for: the worker had not got to it.
      """
    case .cpuWait:
      """
      runnable, and another task has the CPU. Much of it under emulation, which has few CPUs and \
      slow ones.
      """
    case .running:
      """
      on a CPU, neither in reclaim nor compaction: copying, the file system's code, interrupts; \
      under TCG slower than on hardware.
      """
    case .exited:
      """
      the operation is still open, and the task that carried it is no more.
      """
    case .unknownWait:
      """
      it slept in a stack that the table of wait channels does not have, or that was not told.
      """
    case .unlistedWait:
      """
      waits shorter than 100 us, or beyond what a second lists, of which the record has the sum \
      only.
      """
    case .unseenCompletion:
      """
      it waited for a completion, and nobody was seen at work on it.
      """
    case .lostRecords:
      """
      records of the trace, or lines of the record, were lost: what looks like running may be a \
      wait.
      """
    case .untraced:
      """
      the trace does not follow the task, or not then. All of it, where observe.sched is off or \
      the kernel lacks the events.
      """
    }
  }
}
