// SPDX-License-Identifier: Apache-2.0
import StressCore

extension Glossary {
  static let memcg: [Entry] = [
    Entry(
      "memory.current", in: .memcg,
      """
      Bytes charged to the cgroup and those below it. It is live, and reading it flushes nothing; \
      charges that CPUs hold in advance (64 pages each) are in it. \
      Documentation/admin-guide/cgroup-v2.rst.
      """),
    Entry(
      "memory.max", in: .memcg,
      """
      The limit. A charge that meets it reclaims first, up to 16 rounds, and then calls the OOM \
      killer of the cgroup. cgroup-v2.rst, mm/memcontrol.c.
      """),
    Entry(
      "memory.high", in: .memcg,
      """
      Above it tasks reclaim and are delayed on their return to user space, up to 2 s at a time; \
      it never kills. Below memory.max it keeps a cgroup from its OOM killer. cgroup-v2.rst.
      """),
    Entry(
      "memory.min", "memory.low", in: .memcg,
      """
      What reclaim spares: min always, low as long as there is something unprotected. Effective \
      only within what the ancestors have. cgroup-v2.rst.
      """),
    Entry(
      "memory.oom.group", in: .memcg,
      """
      1: the OOM killer kills all tasks of the cgroup. On 6.1 and 6.12 the first victim is then \
      counted twice in memory.events. cgroup-v2.rst.
      """),
    Entry(
      "low", file: "memory.events", in: .memcg,
      """
      Times that the cgroup was reclaimed although below memory.low. Subtree; .local has the \
      cgroup's own.
      """),
    Entry(
      "high", file: "memory.events", in: .memcg,
      """
      Times that a task was throttled or reclaimed for memory.high.
      """),
    Entry(
      "max", file: "memory.events", in: .memcg,
      """
      Times that a charge met memory.max and went into reclaim: one for each attempt, so that \
      thousands are normal at a limit. Not a count of kills.
      """),
    Entry(
      "oom", file: "memory.events", in: .memcg,
      """
      Times that the cgroup whose limit was met gave up reclaim and called the OOM path. Attempts, \
      not kills: several tasks may be at it at once.
      """),
    Entry(
      "oom_kill", file: "memory.events", in: .memcg,
      """
      Processes killed by any OOM killer, counted at the victim's cgroup and its ancestors: a \
      global kill is here, too. With memory.oom.group one victim counts twice (6.1, 6.12).
      """),
    Entry(
      "oom_group_kill", file: "memory.events", in: .memcg,
      """
      Kills of the whole cgroup by memory.oom.group. Since 5.17.
      """),
    Entry(
      "sock_throttled", file: "memory.events", in: .memcg,
      """
      Times that a socket was held back for the cgroup's memory. In the dumps only 6.18 has it.
      """),
    Entry(
      "memory.events", "memory.events.local", in: .memcg,
      """
      Counters of what happened to the cgroup: low, high, max, oom, oom_kill, oom_group_kill; of \
      the subtree, .local of the cgroup alone. Reading them flushes nothing, and poll(2) tells of \
      changes. cgroup-v2.rst.
      """),
    Entry(
      "memory.stat", in: .memcg,
      """
      What the cgroup's memory consists of, and events. The values are collected by rstat: reading \
      it flushes them, which on 6.9 and later changes dirty throttling, so a trial reads it before \
      and after only, unless observe.rstat asks for more. Before 6.16 io.stat, cpu.stat and \
      memory.numa_stat flush as well.
      """),
    Entry(
      "rstat", in: .memcg,
      """
      The kernel's collection of per-CPU statistics of cgroups, flushed every 2 s, when enough has \
      changed, or when somebody reads. Since 6.9 dirty throttling uses what the last flush left \
      (mem_cgroup_wb_stats).
      """),
    Entry(
      "some", "full", file: "memory.pressure", in: .memcg,
      """
      PSI, us in all since the boot: some, at least one task of the group waited for the resource; \
      full, all of them that were not idle did. Totals are exact when read; reading flushes \
      nothing. Documentation/accounting/psi.rst.
      """),
    Entry(
      "some", "full", file: "io.pressure", in: .memcg,
      """
      PSI, us in all: tasks waited for I/O: reads, fsync, writeback, and pauses by dirty \
      throttling. io_uring's workers count as tasks of the cgroup, flushers only at the root.
      """),
    Entry(
      "some", "full", file: "cpu.pressure", in: .memcg,
      """
      PSI, us in all: tasks were runnable and had no CPU. full is 0 for the whole machine. \
      Documentation/accounting/psi.rst.
      """),
    Entry(
      "some", "full", file: "irq.pressure", in: .memcg,
      """
      PSI of the whole machine or a cgroup: how long at least one (some), or all (full), of the \
      tasks that were not idle waited. As columns in us since the boot.
      """),
    Entry(
      "PSI", "memory.pressure", "io.pressure", "cpu.pressure", in: .memcg,
      """
      Pressure stall information: the time in which tasks could not go on for want of memory, I/O \
      or CPU. Reclaim and its throttling are memory; dirty-throttle pauses and waits for writeback \
      are io. Documentation/accounting/psi.rst; since 4.20.
      """),
  ]
}
