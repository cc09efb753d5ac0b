/// What the memory that ran out consisted of at the kill, by the kernel's own dump, in bytes.
///
/// The parts and `unaccounted` sum to `total` exactly, and those that the kernel tells are its own figures. Sources: memory.stat in
/// Documentation/admin-guide/cgroup-v2.rst; mm/show_mem.c for the machine's. `file` of a memcg has shmem
/// and the swap cache in it.
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
  /// Swap that is left; nil: not told, or without bound.
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

  /// nil: the kill came without its dump, which is rate limited.
  ///
  /// - Parameter machine: the machine's memory, bytes, for reports that lack the zones'.
  package init?(_ report: OOMReport, machine: Int64? = nil) {
    guard let global = report.global, !report.memory.isEmpty else { return nil }
    func figure(_ key: String) -> Int64 { report[key].map { Int64(clamping: $0) } ?? 0 }
    parts = [:]
    let lists = ["active_file", "inactive_file"].reduce(0) { $0 + figure($1) }
    let cache: Int64
    if global {
      guard let managed = report["managed"].map({ Int64(clamping: $0) }) ?? machine else {
        return nil
      }
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
      let swapCache = figure("swapcached")
      parts[.anon] = figure("anon")
      parts[.shmem] = figure("shmem")
      parts[.swapCache] = swapCache
      parts[.sock] = figure("sock")
      cache = max(0, figure("file") - figure("shmem") - swapCache)
    }
    let writeback = Int64(clamping: report.fileWriteback ?? 0)
    let dirty = Int64(clamping: report.fileDirty ?? 0)
    parts[.fileWriteback] = writeback
    parts[.fileDirty] = dirty
    parts[.fileClean] = max(0, cache - writeback - dirty)
    parts[.fileOverlap] = min(0, cache - writeback - dirty)
    parts[.slabReclaimable] = figure("slab_reclaimable")
    parts[.slabUnreclaimable] = figure("slab_unreclaimable")
    parts[.kernelStack] = figure("kernel_stack")
    parts[.pageTables] = figure("pagetables") + figure("sec_pagetables")
    let named =
      parts[.slabReclaimable]! + parts[.slabUnreclaimable]! + parts[.kernelStack]!
      + parts[.pageTables]!
    // `kernel` is in memory.stat since 5.18; a machine's dump has no such sum.
    let kernel = report["kernel"].map { Int64(clamping: $0) }
    parts[.otherKernel] = kernel.map { $0 - named } ?? (figure("percpu") + figure("vmalloc"))

    unevictable = figure("unevictable")
    cleanEvictable = min(parts[.fileClean]!, max(0, lists - writeback - dirty))
    anonEvictable = figure("active_anon") + figure("inactive_anon")
    watermark = report["min"].map { Int64(clamping: $0) }
    // `max` is printed as the largest counter that pages can have: nothing that a device could hold.
    if let swap = report.swapLimit, swap < 1 << 60 {
      swapLeft = Int64(clamping: swap) - Int64(clamping: min(report.swapUsage ?? 0, swap))
    }
  }
}
