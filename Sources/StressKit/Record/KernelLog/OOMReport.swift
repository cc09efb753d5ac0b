// SPDX-License-Identifier: Apache-2.0

/// One incident of the kernel's OOM killer, as the kernel log tells it. nil is "not told", never 0: the
/// dump is rate limited (10 in 5 s), and of an undumped incident only the kill lines are printed.
///
/// Sizes are bytes, times ns of the kernel log's clock. Source: mm/oom_kill.c, mm/memcontrol.c and
/// mm/show_mem.c of 6.1, 6.6, 6.12 and 6.18; logs of 3.10 to 6.19 are among the tests.
package struct OOMReport: Equatable, Sendable {
  /// The comm of the task whose allocation failed: often not the victim's, with io_uring `iou-wrk-PID`.
  package var invoker: String?
  package var invokerPID: Int32?
  package var invokerScoreAdj: Int32?
  package var invokedTime: UInt64?
  package var invokedSequence: UInt64?
  package var gfpMask: UInt64?
  package var gfpFlags: String?
  /// -1: asked for with sysrq-f.
  package var order: Int32?
  /// As in `CONSTRAINT_MEMCG`.
  package var constraint: String?
  /// Whether the machine, and not a cgroup, was out of memory.
  package var global: Bool?
  /// The cgroup whose limit was hit (oom_memcg).
  package var oomCgroup: String?
  /// The victim's cgroup (task_memcg).
  package var taskCgroup: String?
  /// The process that the `oom-kill:` line chose.
  package var chosenPID: Int32?
  package var usage: UInt64?
  package var limit: UInt64?
  /// How often a charge met the limit.
  package var failcnt: UInt64?
  /// Of the cgroup, or of the machine (`Total swap`).
  package var swapUsage: UInt64?
  package var swapLimit: UInt64?
  /// Of the kernel whose log it is; nil: the log does not tell, and what it counts in pages is left out.
  package var pageSize: UInt64?
  /// Figures that `memory` lacks for that.
  package var unsizedFigures = 0
  /// Nodes that a machine's dump tells of: 1 where the kernel has no NUMA.
  package var nodes: Int?
  /// The state at the kill, free of any observer's effect, under the kernel's own keys and in its order:
  /// `Memory cgroup stats for` (bytes, and counts of events), else the first record of `Mem-Info:`
  /// (its pages are given in bytes), then the sums over nodes or zones of `kernel_stack` and over zones of
  /// `min` and `managed`.
  package var memory: [Figure] = []
  /// The `Tasks state` table.
  package var tasks: [TaskRow] = []
  /// One for each "Killed process" line. The parser reports an incident at the first one;
  /// memory.oom.group adds more (see `OOMReportParser.Event.groupKill`).
  package var victims: [Victim] = []

  package init() {}

  package struct Figure: Equatable, Sendable {
    package var key: String
    package var value: UInt64
    package init(_ key: String, _ value: UInt64) {
      self.key = key
      self.value = value
    }
  }

  /// A "Killed process" line.
  package struct Victim: Equatable, Sendable {
    package var pid: Int32
    package var comm: String
    package var totalVM: UInt64?
    package var anonRSS: UInt64?
    package var fileRSS: UInt64?
    package var shmemRSS: UInt64?
    package var uid: UInt32?
    package var pageTables: UInt64?
    package var oomScoreAdj: Int32?
    package var time: UInt64
    package var sequence: UInt64
    package init(pid: Int32, comm: String, time: UInt64, sequence: UInt64) {
      self.pid = pid
      self.comm = comm
      self.time = time
      self.sequence = sequence
    }
  }

  /// A row of the `Tasks state` table; the table's pages are given in bytes, where a page's size is known.
  package struct TaskRow: Equatable, Sendable {
    /// Of a thread that still has the memory: not the thread group's when its leader has exited.
    package var pid: Int32
    package var name: String
    package var uid: UInt32?
    package var tgid: Int32?
    package var totalVM: UInt64?
    package var rss: UInt64?
    /// The three parts of rss, which 6.12 tells and 6.6 does not.
    package var rssAnon: UInt64?
    package var rssFile: UInt64?
    package var rssShmem: UInt64?
    package var pageTables: UInt64?
    package var swap: UInt64?
    package var oomScoreAdj: Int32?
    package init(pid: Int32, name: String) {
      self.pid = pid
      self.name = name
    }
  }

  /// The figure of that name in `memory`.
  package subscript(key: String) -> UInt64? { memory.first { $0.key == key }?.value }
}

// MARK: - Figures by meaning

extension OOMReport {
  package var killTime: UInt64? { victims.first?.time }

  /// memcg: all of the page cache, shmem included. global: the file LRU lists.
  package var file: UInt64? { self["file"] ?? sum("active_file", "inactive_file") }
  package var fileDirty: UInt64? { self["file_dirty"] ?? self["dirty"] }
  package var fileWriteback: UInt64? { self["file_writeback"] ?? self["writeback"] }
  /// memcg: anonymous memory, locked or not. global: the anon LRU lists, which lack locked memory and
  /// have shmem.
  package var anon: UInt64? { self["anon"] ?? sum("active_anon", "inactive_anon") }
  package var unevictable: UInt64? { self["unevictable"] }

  private func sum(_ first: String, _ second: String) -> UInt64? {
    guard let a = self[first], let b = self[second] else { return nil }
    return a &+ b
  }
}
