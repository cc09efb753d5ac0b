// SPDX-License-Identifier: Apache-2.0
extension Glossary {
  static let pages: [Entry] = [
    Entry(
      "nr_free_pages", file: "vmstat", in: .pages,
      """
      Free pages now, up to 125 a CPU late.
      """),
    Entry(
      "nr_free_pages_blocks", file: "vmstat", in: .pages,
      """
      Free pages that are whole pageblocks. In 6.18's dump only.
      """),
    Entry(
      "nr_free_cma", "nr_zspages", file: "vmstat", in: .pages,
      """
      Free pages of CMA, and pages of zsmalloc.
      """),
    Entry(
      "nr_slab_reclaimable", "nr_slab_unreclaimable", "nr_kernel_misc_reclaimable", file: "vmstat",
      in: .pages,
      """
      Kernel memory in pages: slab that shrinkers can free, slab that they cannot, and other \
      reclaimable memory.
      """),
    Entry(
      "nr_kernel_stack", file: "vmstat", in: .pages,
      """
      Kernel stacks, KiB, not pages.
      """),
    Entry(
      "nr_page_table_pages", "nr_sec_page_table_pages", file: "vmstat", in: .pages,
      """
      Pages of page tables; secondary ones are KVM's and IOMMUs'.
      """),
    Entry(
      "nr_iommu_pages", "nr_memmap_pages", "nr_memmap_boot_pages", "nr_unaccepted", file: "vmstat",
      in: .pages,
      """
      Memory of IOMMU tables, of the memory map, and not yet accepted by a confidential guest. Not \
      in 6.1.
      """),
    Entry(
      "nr_hugetlb", "nr_balloon_pages", file: "vmstat", in: .pages,
      """
      Pages of hugetlbfs, and in the hands of a balloon. In 6.18's dump only.
      """),
    Entry(
      "nr_foll_pin_acquired", "nr_foll_pin_released", file: "vmstat", in: .pages,
      """
      Pages pinned for I/O by pin_user_pages, and let go.
      """),
    Entry(
      "nr_unstable", file: "vmstat", in: .pages,
      """
      Always 0: kept for old readers.
      """),
    Entry(
      "pgalloc_*", "pgfree", file: "vmstat", in: .pages,
      """
      Pages allocated, by zone, and freed, by the page allocator.
      """),
    Entry(
      "pgfault", "pgmajfault", file: "vmstat", in: .pages,
      """
      Page faults, and those of them that needed I/O.
      """),
    Entry(
      "pgreuse", file: "vmstat", in: .pages,
      """
      Writes to a shared page that could be had without a copy.
      """),
    Entry(
      "thp_fault_alloc", "thp_fault_fallback", "thp_fault_fallback_charge", file: "vmstat",
      in: .pages,
      """
      Huge pages given at a fault, and how often small ones had to do: none was free, or the \
      cgroup could not be charged.
      """),
    Entry(
      "thp_collapse_alloc", "thp_collapse_alloc_failed", "thp_scan_exceed_*", file: "vmstat",
      in: .pages,
      """
      khugepaged: huge pages it allocated or could not, and ranges it left because too much of \
      them was empty, shared or swapped.
      """),
    Entry(
      "thp_split_*", "thp_deferred_split_page", "thp_underused_split_page", file: "vmstat",
      in: .pages,
      """
      Huge pages split, of which reclaim's are one cause, and those set aside for it. underused is \
      not in 6.1.
      """),
    Entry(
      "thp_file_*", "thp_zero_page_*", "thp_swpout", "thp_swpout_fallback", file: "vmstat",
      in: .pages,
      """
      Huge pages of files and shmem, of zeros, and swapped out whole, or not.
      """),
    Entry(
      "thp_migration_*", file: "vmstat", in: .pages,
      """
      Huge pages that were moved, could not be, or were split for it.
      """),
    Entry(
      "numa_*", file: "vmstat", in: .pages,
      """
      NUMA: numa_hit, numa_miss, numa_foreign, numa_local, numa_other and numa_interleave tell \
      where allocations came from; the others are NUMA balancing's. On one node only hits.
      """),
    Entry(
      "compact_stall", "compact_fail", "compact_success", file: "vmstat", in: .pages,
      """
      Tasks that compacted because an allocation of higher order failed, and how it ended.
      """),
    Entry(
      "compact_migrate_scanned", "compact_free_scanned", "compact_isolated", file: "vmstat",
      in: .pages,
      """
      Pages that compaction's two scanners looked at, and took off the lists.
      """),
    Entry(
      "compact_daemon_*", file: "vmstat", in: .pages,
      """
      kcompactd: how often it was woken, and what it scanned.
      """),
    Entry(
      "pgmigrate_success", "pgmigrate_fail", file: "vmstat", in: .pages,
      """
      Pages moved, and not: a page under writeback is one that cannot be, unless it is waited for.
      """),
    Entry(
      "htlb_buddy_alloc_*", file: "vmstat", in: .pages,
      """
      Huge pages for hugetlbfs from the page allocator: got, and not.
      """),
    Entry(
      "direct_map_level*", file: "vmstat", in: .pages,
      """
      Splits of the kernel's mapping into smaller pages, and collapses, which only 6.18's dump \
      has.
      """),
    Entry(
      "balloon_*", file: "vmstat", in: .pages,
      """
      Pages that the balloon driver gave away, took back or moved. If it moves while a guest is \
      measured, its memory is not what the profile says.
      """),
  ]
}
