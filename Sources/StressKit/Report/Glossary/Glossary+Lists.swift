// SPDX-License-Identifier: Apache-2.0
extension Glossary {
  static let lists: [Entry] = [
    Entry(
      "nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file", "nr_unevictable",
      file: "vmstat", in: .lists,
      """
      Pages on that LRU list now, of all cgroups. With MGLRU the two youngest generations count as \
      active (Documentation/mm/multigen_lru.rst). Folded from CPUs once a second.
      """),
    Entry(
      "nr_zone_inactive_anon", "nr_zone_active_anon", "nr_zone_inactive_file",
      "nr_zone_active_file", "nr_zone_unevictable", file: "vmstat", in: .lists,
      """
      Pages on that LRU list now, counted by zone and summed: as the counter without zone_, but \
      for what is on its way.
      """),
    Entry(
      "nr_isolated_anon", "nr_isolated_file", file: "vmstat", in: .lists,
      """
      Pages taken off their lists, to be reclaimed or moved. Many of them make others wait for \
      VMSCAN_THROTTLE_ISOLATED.
      """),
    Entry(
      "nr_mlock", file: "vmstat", in: .lists,
      """
      Pages that are locked: pinned memory.
      """),
    Entry(
      "nr_file_pages", file: "vmstat", in: .lists,
      """
      Page cache, shmem and swap cache included, pages.
      """),
    Entry(
      "nr_anon_pages", "nr_mapped", "nr_shmem", "nr_anon_transparent_hugepages", file: "vmstat",
      in: .lists,
      """
      Anonymous pages that are mapped; file pages that are; shmem; anonymous memory in huge pages \
      (in units of a huge page).
      """),
    Entry(
      "nr_shmem_hugepages", "nr_shmem_pmdmapped", "nr_file_hugepages", "nr_file_pmdmapped",
      file: "vmstat", in: .lists,
      """
      Huge pages of shmem and of files, and those mapped as such.
      """),
    Entry(
      "nr_kernel_file_pages", file: "vmstat", in: .lists,
      """
      Page cache that is the kernel's own and charged to no cgroup: btrfs's metadata. Since 6.18; \
      before, it was charged to whoever touched it.
      """),
    Entry(
      "nr_swapcached", file: "vmstat", in: .lists,
      """
      Pages in the swap cache: in memory, and on swap as well.
      """),
    Entry(
      "workingset_nodes", file: "vmstat", in: .lists,
      """
      Nodes of the page cache's trees that hold shadows of evicted pages. A gauge.
      """),
    Entry(
      "workingset_refault_anon", "workingset_refault_file", "workingset_refault", file: "vmstat",
      in: .lists,
      """
      Pages that were evicted and are needed again: the cost of what reclaim took. Since 5.9 by \
      kind.
      """),
    Entry(
      "workingset_activate_anon", "workingset_activate_file", "workingset_activate", file: "vmstat",
      in: .lists,
      """
      Refaulted pages that were taken for part of the working set at once.
      """),
    Entry(
      "workingset_restore_anon", "workingset_restore_file", "workingset_restore", file: "vmstat",
      in: .lists,
      """
      Refaulted pages that had been of the working set before they were evicted: thrashing.
      """),
    Entry(
      "workingset_nodereclaim", file: "vmstat", in: .lists,
      """
      Nodes with shadows only that were reclaimed: the history of evictions is lost with them.
      """),
    Entry(
      "pswpin", "pswpout", file: "vmstat", in: .lists,
      """
      Pages swapped in, and out.
      """),
    Entry(
      "swap_ra", "swap_ra_hit", file: "vmstat", in: .lists,
      """
      Pages read ahead from swap, and those of them that were needed.
      """),
    Entry(
      "swpin_zero", "swpout_zero", file: "vmstat", in: .lists,
      """
      Pages of zeros that were swapped without I/O. Not in 6.1.
      """),
    Entry(
      "zswpin", "zswpout", "zswpwb", file: "vmstat", in: .lists,
      """
      Pages loaded from, stored to, and written back from zswap.
      """),
    Entry(
      "ksm_swpin_copy", "cow_ksm", file: "vmstat", in: .lists,
      """
      Copies of pages that KSM had merged: at swap-in, and at a write.
      """),
  ]
}
