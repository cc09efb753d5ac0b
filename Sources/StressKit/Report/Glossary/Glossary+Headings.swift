// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

extension Glossary {
  static let headings: [Entry] = [
    Entry(
      "#", in: .headings,
      """
      The cell's number in the report, from 1, as --cell takes it. In finished lines and records \
      'CELL-NUMBER' names a trial of it.
      """),
    Entry(
      "OOM", in: .headings,
      """
      Trials of the cell in which the OOM killer ran, of those that count, as killed:counted. A \
      trial counts once, however many it killed. Not counted are harness-lost, invalid and skipped \
      ones, which are listed below.
      """),
    Entry(
      "95 % of trials", in: .headings,
      """
      Wilson's score interval of the rate in OOM, at 95 %: 0:4 is 0-49 %. How sure the rate is; \
      with few trials it is wide, and two cells whose intervals overlap may still differ: \
      'wbstress compare' tests that. docs/statistics.md.
      """),
    Entry(
      "kills by finding", in: .headings,
      """
      How many kills there were of each finding (\(OOMFinding.all.map(\.name).joined(separator: ", "))), by \
      the kernel's dump alone. 'global': the machine, not a cgroup, was out of memory.
      """
    ),
    Entry(
      "outcomes", in: .headings,
      """
      How the cell's trials ended, and how many: completed, oom, stalled, hang, panic. 'control +' \
      or '-' says what the profile is a control of.
      """),
    Entry(
      "MiB/s", in: .headings,
      """
      Bytes that writes completed, over the streams' time, of a trial; the median over trials. It \
      is what the page cache took, which may be faster than the disk. A trial that ended in a kill \
      has it for as long as it lasted.
      """),
    Entry("range", in: .headings, "The smallest and the largest MiB/s of the cell's trials."),
    Entry(
      "p50", "p99", "max", in: .headings,
      """
      Latency of a trial's writes, s: half, or 99 of 100, took no longer; the median over trials. \
      max: the longest of all trials. Writes in flight at the end count with their age. Below 100 \
      writes in a trial p99 is the longest of them.
      """),
    Entry(
      "memory", "io", in: .headings,
      """
      PSI of the limited cgroup while the streams ran, some/full, s: how long at least one of its \
      tasks, and how long all of them, waited for memory (reclaim, refaults, swap-in) or for I/O. \
      Pauses by dirty throttling and waits for writeback are in io, reclaim with its throttling in \
      memory. Documentation/accounting/psi.rst.
      """),
    Entry(
      "throttle reaction", in: .headings,
      """
      From: \(ThrottleReaction.definition). 'never in N:M': in N of M trials the OOM kill came first. On 6.9 \
      and later the decision rests on statistics that may be 2 s old, which shows here.
      """),
    Entry(
      "latency, p99 / max in ms", in: .headings,
      """
      What took how long: p99 of a trial, the median over trials, and the longest of all trials. \
      First what user space timed, then the kernel's own intervals; each can be explained by its \
      name.
      """),
    Entry(
      "what reclaim did", in: .headings,
      """
      Events of the trace as count / seconds in all, and counters of vmstat as growth from the \
      start delay to the streams' end; medians over trials. -: not recorded, or the kernel does \
      not have it.
      """),
    Entry(
      "balance_dirty_pages pauses", in: .headings,
      """
      How often dirty throttling paused a task of the trial, and the seconds that it announced for \
      it (the event's pause, at most 200 ms each). Tries of io_uring that must not sleep are left \
      out: their worker is paused instead. mm/page-writeback.c.
      """),
    Entry(
      "kswapd CPU s", in: .headings,
      """
      CPU time of all kswapd threads while the streams ran, by /proc/PID/schedstat. kswapd works \
      for the whole machine: reclaim of a cgroup at its own limit is done by the tasks that \
      charge.
      """),
    Entry(
      "flusher woken by reclaim", in: .headings,
      """
      writeback_start with reason vmscan: reclaim met dirty pages only and had the flusher \
      started. Few or none beside many dirty pages is the mark of a kernel that does not wake it \
      (14aa8b2d5c2e, mended in 6.13 by 1bc542c6a0d1).
      """),
    Entry(
      "kswapd passes, no progress", in: .headings,
      """
      mm_vmscan_kswapd_reclaim_fail, on kernels since 7.3: passes of balance_pgdat() that reclaimed \
      no page. After 16 in a row (MAX_RECLAIM_RETRIES) kswapd leaves the node to direct reclaim, \
      until something is reclaimed there (mm_vmscan_kswapd_clear_hopeless).
      """),
    Entry(
      "host wait", in: .headings,
      """
      Of the time of the guest's CPUs while the streams ran, the share in which their threads on the \
      host waited for a CPU (/proc/PID/task/TID/schedstat). It is what steal would be: an emulated CPU \
      has none. Above 25 % a trial is marked.
      """),
    Entry(
      "vmstat by mmtests' names", in: .headings,
      """
      Counters of /proc/vmstat under the names of mmtests' comparison, with its derived figures. \
      Growth from the start delay to the streams' end.
      """),
    Entry(
      "other counters of vmstat", in: .headings,
      """
      Those of /proc/vmstat that grew most and are in no table above; medians over trials of the \
      growth from the start delay to the streams' end.
      """),
    Entry(
      names: VmstatNames.names, in: .headings,
      """
      A counter of /proc/vmstat as mmtests calls it (bin/lib/MMTests/MonitorMmtestsvmstat.pm). \
      Direct and Kswapd pages scanned or reclaimed are pgscan_ and pgsteal_direct and _kswapd, \
      which leave out reclaim at a cgroup's limit, as Allocation stalls do; efficiency is \
      reclaimed of scanned, %; velocity is pages scanned a second; Sector Reads and Writes are KiB \
      (pgpgin, pgpgout); Page writes file is nr_vmscan_write less pswpout.
      """),
    Entry(
      "counter", "quiet", "before", "ratio", "SD", "lag", "r", in: .headings,
      """
      Of 'counters before': a counter's mean in quiet seconds, and in the second before the event; \
      their ratio; the difference in standard deviations of the quiet seconds; how long before the \
      stalls it moves, s, where their correlation r is strongest. Trials are the unit, kills are \
      compared with seconds before the first one only. docs/why.md.
      """),
    Entry(
      "second from the event", in: .headings,
      "A counter's mean in each second around the events, 0 being the second that ends with the event."
    ),
    Entry(
      "write stalls, % of time", "stalls", "their time, s", in: .headings,
      """
      The stall ledger: of operations of at least 10 ms, how the sum of their time divides over \
      what the kernel was doing for them, in %; how many there were; and that sum. Every instant \
      of a stall has exactly one cause. docs/ledger.md.
      """),
    Entry(
      "io.pressure full, % of time", "memory.pressure full, % of time", in: .headings,
      """
      The stall ledger of times in which PSI's full of the limited cgroup grew: what its tasks \
      were waiting for. docs/ledger.md.
      """),
    Entry(
      "unexplained", "unexplained, median/p90", in: .headings,
      """
      The share of the stalls' time for which no cause was found: waits in unknown stacks, records \
      lost, tasks that the trace did not follow. Median and p90 over the stalls tell whether it is \
      spread or in a few.
      """),
    Entry(
      "queued behind others", in: .headings,
      """
      Of a stall's time, how much passed while other operations of the same worker were carried \
      out before it: in the ledger it has their causes.
      """),
    Entry(
      "limit met (memory.events max)", in: .headings,
      """
      When the cgroup met memory.max before the kill: each count of max is one round of reclaim on \
      behalf of a charge. Thousands are normal at a limit; what matters is how long before the \
      kill they began.
      """),
    Entry(
      "dirty throttle paused a task", in: .headings,
      """
      When balance_dirty_pages last paused a task before the kill. 'never' beside dirty pages that \
      filled the limit means that dirty throttling did not see them.
      """),
    Entry(
      "reclaim put a task to sleep", in: .headings,
      """
      When reclaim_throttle() last made a task wait before the kill \
      (mm_vmscan_throttled, any reason). 'never' means that reclaim used up its retries without \
      waiting for writeback.
      """),
    Entry(
      "flusher woken for background writeback", in: .headings,
      """
      When dirtying crossed the background threshold and the flusher was woken for it \
      (writeback_wake_background).
      """),
    Entry(
      names: OOMComposition.Part.allCases.map(\.rawValue) + [
        "unaccounted", "unevictable", "clean evictable file", "swap left",
      ], in: .headings,
      """
      A part of what the memory consisted of at a kill, KiB, by the kernel's own dump. Parts and \
      unaccounted sum to the usage exactly. file is split by file_dirty and file_writeback, the \
      rest is clean; 'file overlap' is 0 or less, what these are more than all file pages; \
      unaccounted is what the dump does not name, such as charges that CPUs hold in advance. \
      'unevictable' and 'clean evictable file' are of the parts, not beside them. docs/why.md.
      """),
    Entry(
      "accelerator", "kernel", "guest", "machine", "device", "limits", "cgroups", "streams",
      "tasks", "timeline",
      "mount options", "observer", "all cells", "source", in: .headings,
      """
      A line of the report's head: what holds for all cells. accelerator: kvm, or tcg, where the \
      CPU is emulated and only outcomes, counts and order mean something; device: the disk as the \
      profile slows it; observer: what was read while streams ran, where rstat other than off \
      changes the result on 6.9 and later.
      """),
    Entry(
      "kills disagree", in: .headings,
      """
      Kernel log, memory.events and serial console are three accounts of the kills. With \
      memory.oom.group a single victim is counted twice in memory.events (6.1 and 6.12); else a \
      difference means that lines were lost.
      """),
  ]
}
