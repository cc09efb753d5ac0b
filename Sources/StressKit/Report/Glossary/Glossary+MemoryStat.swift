// SPDX-License-Identifier: Apache-2.0
extension Glossary {
  static let memoryStat: [Entry] = [
    Entry(
      "anon", file: "memory.stat", in: .memoryStat,
      """
      Anonymous memory, what is in swap left out. Bytes; of the cgroup and those below it. Reading \
      it flushes rstat.
      """),
    Entry(
      "file", file: "memory.stat", in: .memoryStat,
      """
      Page cache, with tmpfs and shared memory, without the swap cache. Bytes; of the cgroup and \
      those below it. Reading it flushes rstat.
      """),
    Entry(
      "kernel", file: "memory.stat", in: .memoryStat,
      """
      All kernel memory that is charged: stacks, page tables, percpu, vmalloc, slab and more. \
      Since 5.18. Bytes; of the cgroup and those below it. Reading it flushes rstat.
      """),
    Entry(
      "kernel_stack", "pagetables", "sec_pagetables", "percpu", "vmalloc", "sock",
      file: "memory.stat", in: .memoryStat,
      """
      A kind of kernel memory charged to the cgroup; sec_pagetables are those of KVM and IOMMUs \
      (6.1 and later). Bytes; of the cgroup and those below it. Reading it flushes rstat.
      """),
    Entry(
      "shmem", file: "memory.stat", in: .memoryStat,
      """
      Memory of tmpfs and shared mappings: in file, but reclaimed as anonymous memory. Bytes; of \
      the cgroup and those below it. Reading it flushes rstat.
      """),
    Entry(
      "file_mapped", "file_dirty", "file_writeback", file: "memory.stat", in: .memoryStat,
      """
      Page cache that is mapped, dirty, or under writeback. The two latter are what dirty \
      throttling decides on; between flushes it sees the last values. Bytes; of the cgroup and \
      those below it. Reading it flushes rstat.
      """),
    Entry(
      "swapcached", file: "memory.stat", in: .memoryStat,
      """
      Memory that is in the swap cache, accounted as both. Bytes; of the cgroup and those below \
      it. Reading it flushes rstat.
      """),
    Entry(
      "zswap", "zswapped", file: "memory.stat", in: .memoryStat,
      """
      Memory that zswap takes, and what was compressed into it. With CONFIG_ZSWAP. Bytes; of the \
      cgroup and those below it. Reading it flushes rstat.
      """),
    Entry(
      "anon_thp", "file_thp", "shmem_thp", file: "memory.stat", in: .memoryStat,
      """
      What of it is in transparent huge pages. Bytes; of the cgroup and those below it. Reading it \
      flushes rstat.
      """),
    Entry(
      "inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable",
      file: "memory.stat", in: .memoryStat,
      """
      Memory on that LRU list. With MGLRU the two youngest generations count as active. shmem is \
      on the anonymous lists, locked memory on unevictable. Bytes; of the cgroup and those below \
      it. Reading it flushes rstat.
      """),
    Entry(
      "slab", "slab_reclaimable", "slab_unreclaimable", file: "memory.stat", in: .memoryStat,
      """
      Slab memory; reclaimable is mostly dentries and inodes. Bytes; of the cgroup and those below \
      it. Reading it flushes rstat.
      """),
    Entry(
      "hugetlb", file: "memory.stat", in: .memoryStat,
      """
      Memory of hugetlbfs that is charged to the cgroup (mount option memory_hugetlb_accounting). \
      In the dumps 6.18 has it. Bytes; of the cgroup and those below it. Reading it flushes rstat.
      """),
    Entry(
      "workingset_*", file: "memory.stat", in: .memoryStat,
      """
      As the counter of that name in vmstat, of this cgroup's reclaim. Events since the cgroup was \
      made. Reading it flushes rstat.
      """),
    Entry(
      "pgscan", "pgsteal", file: "memory.stat", in: .memoryStat,
      """
      Pages that reclaim scanned, and those it took back, of this cgroup: by kswapd, direct and \
      limit reclaim together. pgsteal far below pgscan: it met pages that it could not take, such \
      as dirty ones. Events since the cgroup was made. Reading it flushes rstat.
      """),
    Entry(
      "pgscan_kswapd", "pgscan_direct", "pgscan_khugepaged", "pgscan_proactive", "pgsteal_kswapd",
      "pgsteal_direct", "pgsteal_khugepaged", "pgsteal_proactive", file: "memory.stat",
      in: .memoryStat,
      """
      Pages scanned or reclaimed by who did it. Unlike those of vmstat, direct here has the \
      reclaim at the cgroup's own limit in it. khugepaged is not in 6.1, proactive \
      (memory.reclaim) in the dumps of 6.18 only. Events since the cgroup was made. Reading it \
      flushes rstat.
      """),
    Entry(
      "pgfault", "pgmajfault", file: "memory.stat", in: .memoryStat,
      """
      Page faults, and those of them that needed I/O. Events since the cgroup was made. Reading it \
      flushes rstat.
      """),
    Entry(
      "pgrefill", "pgactivate", "pgdeactivate", "pglazyfree", "pglazyfreed", file: "memory.stat",
      in: .memoryStat,
      """
      Pages scanned on the active list, moved to it, moved off it, marked by MADV_FREE, and freed \
      of these. Events since the cgroup was made. Reading it flushes rstat.
      """),
    Entry(
      "pgdemote_*", "pgpromote_*", file: "memory.stat", in: .memoryStat,
      """
      Pages moved to slower memory and back. Not in 6.1. Events since the cgroup was made. Reading \
      it flushes rstat.
      """),
    Entry(
      "pswpin", "pswpout", "swpin_zero", "swpout_zero", "zswpin", "zswpout", "zswpwb",
      file: "memory.stat", in: .memoryStat,
      """
      Pages swapped in or out, those of zeros only that needed no I/O, and zswap's. Which are \
      there depends on kernel and configuration. Events since the cgroup was made. Reading it \
      flushes rstat.
      """),
    Entry(
      "thp_*", file: "memory.stat", in: .memoryStat,
      """
      Transparent huge pages: faults, collapses, swap-outs and their fallbacks, as in vmstat. \
      Events since the cgroup was made. Reading it flushes rstat.
      """),
    Entry(
      "numa_*", file: "memory.stat", in: .memoryStat,
      """
      NUMA balancing: pages moved, page tables changed, hinting faults. Not in 6.1. Events since \
      the cgroup was made. Reading it flushes rstat.
      """),
  ]
}
