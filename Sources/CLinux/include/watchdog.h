// SPDX-License-Identifier: Apache-2.0
// The watchdog's loop: a process that must go on where memory cannot be had, and so allocates nothing after
// its start, neither by malloc(3) nor by a language's runtime.
#ifndef CLINUX_WATCHDOG_H
#define CLINUX_WATCHDOG_H

#include <stdint.h>

/// Descriptors that the supervisor passes: one end of a pipe whose other end only the supervisor holds, the shared
/// page (memfd), /proc/meminfo, and from the last on the cgroup.kill files, followed by the memory.pressure files.
enum {
  CL_WATCH_PIPE = 3,
  CL_WATCH_PAGE = 4,
  CL_WATCH_MEMINFO = 5,
  CL_WATCH_FIRST = 6,
  CL_WATCH_MOST = 32,
};

/// Why the watchdog killed the trial.
enum {
  CL_WATCH_NOTHING = 0,
  CL_WATCH_GONE = 1,       // the pipe closed: the supervisor has ended
  CL_WATCH_STUCK = 2,      // the deadline passed
  CL_WATCH_AVAILABLE = 3,  // MemAvailable fell below its limit
  CL_WATCH_PRESSURE = 4,   // a cgroup beside the test stalled for memory
};

/// What a supervisor shares with its watchdog: one page, every member a 64-bit word with one writer. Times are
/// CLOCK_MONOTONIC in ns.
struct cl_watch {
  // The supervisor's, before the watchdog starts.
  uint64_t kills;             // how many cgroup.kill files there are
  uint64_t pressures;         // how many memory.pressure files
  uint64_t least_available;   // of MemAvailable, bytes; 0: no limit
  uint64_t most_pressure;     // of a `full` stall's share of time, per mille; 0: no limit
  uint64_t pressure_time;     // for how long it has to be above that, ns
  // The supervisor's, at any time.
  uint64_t deadline;          // 0: none
  // The watchdog's.
  uint64_t looks;             // so far; 0: it is not at work yet
  uint64_t cpu;               // ns used
  uint64_t priority;          // of SCHED_FIFO; 0: it is not allowed
  uint64_t cause;             // CL_WATCH_*
  uint64_t fired;             // when it first killed
  uint64_t since;             // since when the cause held
  uint64_t value;             // bytes of MemAvailable, or per mille of time
  uint64_t source;            // which of the memory.pressure files
};

/// The watchdog's whole life: looks once a second, and ends with the supervisor. Never returns.
_Noreturn void cl_watch(struct cl_watch *_Nonnull page);

#endif
