// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What the memory that ran out consisted of at the kill, by the kernel's own dump, in bytes.
///
/// The parts and `unaccounted` sum to `total` exactly, and those that the kernel tells are its own figures; what a
/// kernel does not tell is no part. Sources: memory.stat in Documentation/admin-guide/cgroup-v2.rst;
/// mm/show_mem.c for the machine's. `file` of a memcg has shmem in it, but not the swap cache: that counts for
/// the node only (`add_to_swap_cache`, mm/swap_state.c).
package struct OOMComposition: Sendable, Equatable {
  package enum Part: String, CaseIterable, Sendable {
    /// Anonymous memory; on a whole machine: what of it is on the evictable LRU lists.
    case anon
    /// A whole machine's only: all of its unevictable list, whatever is locked there.
    case locked
    case fileClean = "file clean"
    case fileDirty = "file dirty"
    case fileWriteback = "file under writeback"
    /// 0 or less: what dirty pages and those under writeback are more than all file pages. A page may be
    /// both; and a page on its way to an LRU list is not on one yet, where the lists are what is told.
    case fileOverlap = "file overlap"
    case shmem
    /// A memcg's only: what of it no page table maps. The rest is in `anon`.
    case swapCache = "swap cache"
    case slabReclaimable = "slab reclaimable"
    case slabUnreclaimable = "slab unreclaimable"
    case kernelStack = "kernel stacks"
    case pageTables = "page tables"
    /// percpu, vmalloc and whatever else is in `kernel`.
    case otherKernel = "other kernel"
    case sock
    /// A whole machine's only.
    case free
  }

  /// The limit of the cgroup, or the memory that the machine's zones manage; nil: not told.
  package var limit: Int64?
  /// Charged to the cgroup, or all that the zones manage.
  package var total: Int64
  package var parts: [Part: Int64]
  /// Of the parts: on the unevictable list, such as locked memory.
  package var unevictable: Int64
  /// Clean pages of files on the LRU lists that reclaim takes from.
  package var cleanEvictable: Int64
  /// Anonymous memory on those lists, shmem included.
  package var anonEvictable: Int64
  /// Swap that is left; nil: not told. Where a cgroup's is without bound, the machine's is not told.
  package var swapLeft: Int64?
  /// Of a machine: the zones' `min` watermarks, which no ordinary allocation may go below.
  package var watermark: Int64?

  /// `total` less the parts: what the dump does not name. Charges that CPUs hold in advance make it
  /// positive; statistics of before the last charge, of either sign.
  package var unaccounted: Int64 { total - parts.values.reduce(0, +) }

  package subscript(part: Part) -> Int64 { parts[part] ?? 0 }

  /// File pages that are dirty or under writeback: what would be clean after waiting.
  package var awaitingWriteback: Int64 {
    self[.fileDirty] + self[.fileWriteback] + self[.fileOverlap]
  }

  private static let machineKeys = [
    "active_anon", "inactive_anon", "isolated_anon", "active_file", "inactive_file",
    "isolated_file", "unevictable", "dirty", "writeback", "shmem", "free", "free_pcp",
  ]
  private static let cgroupKeys = [
    "anon", "file", "shmem", "file_dirty", "file_writeback", "active_anon", "inactive_anon",
    "active_file", "inactive_file", "unevictable",
  ]

  /// Whether the report has all the figures that every kernel's dump of its kind has.
  static func lacksNothing(_ report: OOMReport) -> Bool {
    guard let global = report.global else { return false }
    return (global ? machineKeys : cgroupKeys).allSatisfy { report[$0] != nil }
  }

  /// nil: the kill came without its dump, which is rate limited, or the dump is not whole.
  ///
  /// - Parameters:
  ///   - machine: the machine's memory, bytes, for reports that lack the zones'.
  ///   - hasSwap: whether the machine has any; nil: not known.
  package init?(_ report: OOMReport, machine: Int64? = nil, hasSwap: Bool? = nil) {
    guard let global = report.global, Self.lacksNothing(report) else { return nil }
    func told(_ key: String) -> Int64? { report[key].map { Int64(clamping: $0) } }
    func figure(_ key: String) -> Int64 { told(key) ?? 0 }
    parts = [:]
    let lists = ["active_file", "inactive_file"].reduce(0) { $0 + figure($1) }
    let cache: Int64
    if global {
      guard let managed = told("managed") ?? machine else { return nil }
      (limit, total) = (managed, managed)
      parts[.locked] = figure("unevictable")
      cache = lists + figure("isolated_file")
      let anon = ["active_anon", "inactive_anon", "isolated_anon"].reduce(0) { $0 + figure($1) }
      // On the anonymous lists, unless it is locked.
      let shmem = min(figure("shmem"), anon)
      parts[.shmem] = shmem
      parts[.anon] = anon - shmem
      parts[.free] = figure("free") + figure("free_pcp")
    } else {
      guard let usage = report.usage else { return nil }
      limit = report.limit.map { Int64(clamping: $0) }
      total = Int64(clamping: usage)
      parts[.anon] = figure("anon")
      parts[.shmem] = figure("shmem")
      // On the lists of anonymous memory, or locked with it, and not among what is mapped.
      let lists = ["active_anon", "inactive_anon", "unevictable"].reduce(0) { $0 + figure($1) }
      let unmapped = max(0, lists - figure("anon") - figure("shmem"))
      parts[.swapCache] = told("swapcached").map { min($0, unmapped) }
      parts[.sock] = told("sock")
      cache = max(0, figure("file") - figure("shmem"))
    }
    let writeback = Int64(clamping: report.fileWriteback ?? 0)
    let dirty = Int64(clamping: report.fileDirty ?? 0)
    parts[.fileWriteback] = writeback
    parts[.fileDirty] = dirty
    parts[.fileClean] = max(0, cache - writeback - dirty)
    parts[.fileOverlap] = min(0, cache - writeback - dirty)
    parts[.slabReclaimable] = told("slab_reclaimable")
    parts[.slabUnreclaimable] = told("slab_unreclaimable")
    parts[.kernelStack] = told("kernel_stack")
    // Secondary ones have a figure of their own since 6.1.
    parts[.pageTables] = told("pagetables").map { $0 + figure("sec_pagetables") }
    let named = [parts[.slabReclaimable], parts[.slabUnreclaimable], parts[.kernelStack]]
      .reduce(parts[.pageTables] ?? 0) { $0 + ($1 ?? 0) }
    // `kernel` is in memory.stat since 5.18; a machine's dump has no such sum.
    let others = [told("percpu"), told("vmalloc")].compactMap(\.self)
    parts[.otherKernel] =
      told("kernel").map { $0 - named } ?? (others.isEmpty ? nil : others.reduce(0, +))

    unevictable = figure("unevictable")
    cleanEvictable = min(parts[.fileClean]!, max(0, lists - writeback - dirty))
    anonEvictable = figure("active_anon") + figure("inactive_anon")
    watermark = told("min")
    // `max` is printed as the largest counter that pages can have: nothing that a device could hold.
    if let swap = report.swapLimit, swap < 1 << 60 {
      swapLeft = Int64(clamping: swap) - Int64(clamping: min(report.swapUsage ?? 0, swap))
    } else if hasSwap == false {
      swapLeft = 0
    }
  }
}
