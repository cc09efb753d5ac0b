// SPDX-License-Identifier: Apache-2.0
import StressCore

extension Glossary {
  static let reclaim: [Entry] = [
    Entry(
      "pgscan_kswapd", "pgsteal_kswapd", file: "vmstat", in: .reclaim,
      """
      Pages that kswapd scanned, or reclaimed.
      """),
    Entry(
      "pgscan_direct", "pgsteal_direct", file: "vmstat", in: .reclaim,
      """
      Pages scanned, or reclaimed, by tasks that reclaim for themselves. Up to 6.18 reclaim at a \
      cgroup's limit is not in it: zero here beside a growing pgscan_file is a cgroup at its limit. \
      7.2 counts all reclaim (linux-mm 2026-02-19, "mm: move pgscan, pgsteal, pgrefill to node \
      stats"): what the machine's own shortage did is then this less the cgroups' memory.stat.
      """),
    Entry(
      "pgscan_khugepaged", "pgsteal_khugepaged", file: "vmstat", in: .reclaim,
      """
      Pages scanned, or reclaimed, on behalf of khugepaged. Not in 6.1.
      """),
    Entry(
      "pgscan_proactive", "pgsteal_proactive", file: "vmstat", in: .reclaim,
      """
      Pages scanned, or reclaimed, because memory.reclaim was written to. In the dumps of 6.18 \
      only.
      """),
    Entry(
      "pgscan_anon", "pgscan_file", "pgsteal_anon", "pgsteal_file", file: "vmstat", in: .reclaim,
      """
      Pages scanned, or reclaimed, by kind of list: of all reclaim, that of cgroups included. \
      Under 6.18's MGLRU dirty pages are moved on before they count as scanned.
      """),
    Entry(
      "pgscan_direct_throttle", file: "vmstat", in: .reclaim,
      """
      Tasks that waited because the reserves for swapping over the network were low. It has \
      nothing to do with VMSCAN_THROTTLE_*.
      """),
    Entry(
      "pgrefill", file: "vmstat", in: .reclaim,
      """
      Pages scanned on active lists.
      """),
    Entry(
      "pgactivate", "pgdeactivate", file: "vmstat", in: .reclaim,
      """
      Pages moved to, and off, the active lists. Dirty pages that classic reclaim meets again and \
      again are activated.
      """),
    Entry(
      "pglazyfree", "pglazyfreed", file: "vmstat", in: .reclaim,
      """
      Pages marked by MADV_FREE, and those of them that were freed.
      """),
    Entry(
      "pgrotated", file: "vmstat", in: .reclaim,
      """
      Pages moved to the tail of their list when their writeback ended, as reclaim had met them \
      while they were dirty. It moves under MGLRU, too: the sign on every kernel that reclaim met \
      dirty pages.
      """),
    Entry(
      "nr_vmscan_write", file: "vmstat", in: .reclaim,
      """
      Pages that reclaim itself wrote: to swap, shmem, and on kernels up to 6.1 by kswapd on ext4. \
      File data of ext4, xfs and btrfs should show 0.
      """),
    Entry(
      "nr_vmscan_immediate_reclaim", file: "vmstat", in: .reclaim,
      """
      Dirty file pages at the list's tail that were marked for reclaim as soon as they are clean, \
      instead of being written. Counts cgroups' reclaim. The classic LRU's sign that dirty pages \
      reached reclaim; under 6.18's MGLRU it stays 0.
      """),
    Entry(
      "allocstall_*", file: "vmstat", in: .reclaim,
      """
      Entries into direct reclaim by the zone that was wanted. Reclaim at a cgroup's limit is not \
      in it, on 7.3 neither: memory.stat has that.
      """),
    Entry(
      "pgskip_*", file: "vmstat", in: .reclaim,
      """
      Pages passed over because they lie in a zone that does not help.
      """),
    Entry(
      "pageoutrun", file: "vmstat", in: .reclaim,
      """
      Runs of kswapd (balance_pgdat).
      """),
    Entry(
      "kswapd_low_wmark_hit_quickly", "kswapd_high_wmark_hit_quickly", file: "vmstat", in: .reclaim,
      """
      kswapd went to sleep and the watermark was met at once again: it sleeps too early.
      """),
    Entry(
      "kswapd_inodesteal", "pginodesteal", file: "vmstat", in: .reclaim,
      """
      Pages of inodes that were freed with them, by kswapd and by direct reclaim.
      """),
    Entry(
      "slabs_scanned", file: "vmstat", in: .reclaim,
      """
      Objects that slab shrinkers looked at.
      """),
    Entry(
      "zone_reclaim_failed", "zone_reclaim_success", file: "vmstat", in: .reclaim,
      """
      Reclaim within a node before another one is used (vm.zone_reclaim_mode). success is not in \
      6.1.
      """),
    Entry(
      "oom_kill", file: "vmstat", in: .reclaim,
      """
      Processes killed by the OOM killer, of cgroups and of the machine. Not counted is a victim \
      that was exiting already; with memory.oom.group one victim may count twice.
      """),
    Entry(
      "pgdemote_kswapd", "pgdemote_direct", "pgdemote_khugepaged", "pgdemote_proactive",
      file: "vmstat", in: .reclaim,
      """
      Pages moved to slower memory instead of being reclaimed, by who did it; the last two came \
      after 6.1.
      """),
    Entry(
      "pgpromote_success", "pgpromote_candidate", "pgpromote_candidate_nrl", file: "vmstat",
      in: .reclaim,
      """
      Pages moved back to faster memory, and candidates for it.
      """),
    Entry(
      "unevictable_pgs_*", file: "vmstat", in: .reclaim,
      """
      Pages that were found, moved or freed around the unevictable list: mlocked and munlocked \
      show that pinning worked.
      """),
  ]
}
