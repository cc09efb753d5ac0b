// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { look_ms = 1000 };

static uint64_t cpu_time(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

// Tells why before it kills: a supervisor that sees its workers dead must find the reason.
static void fire(struct cl_watch *page, uint64_t cause, uint64_t since, uint64_t value, uint64_t source) {
  if (page->cause == CL_WATCH_NOTHING) {
    page->since = since;
    page->value = value;
    page->source = source;
    page->fired = cl_monotonic();
    cl_store(&page->cause, cause);
  }
  // Cgroups that are gone have nothing to kill.
  for (uint64_t i = 0; i < page->kills; i++)
    if (write(CL_WATCH_FIRST + (int)i, "1", 1) < 0) continue;
}

// The number behind the first `name` that follows `line` in a file; UINT64_MAX when it cannot be read.
static uint64_t number(int fd, const char *line, const char *name) {
  char text[512];
  ssize_t got = pread(fd, text, sizeof text - 1, 0);
  if (got <= 0) return UINT64_MAX;
  text[got] = 0;
  const char *at = strstr(text, line);
  if (at) at = strstr(at, name);
  if (!at) return UINT64_MAX;
  at += strlen(name);
  while (*at == ' ') at++;
  uint64_t value = 0;
  if (*at < '0' || *at > '9') return UINT64_MAX;
  for (; *at >= '0' && *at <= '9'; at++) value = value * 10 + (uint64_t)(*at - '0');
  return value;
}

static void look_at_memory(struct cl_watch *page, uint64_t now) {
  if (page->least_available == 0) return;
  // proc(5): kB, which are KiB.
  uint64_t kib = number(CL_WATCH_MEMINFO, "MemAvailable:", "MemAvailable:");
  if (kib != UINT64_MAX && kib << 10 < page->least_available)
    fire(page, CL_WATCH_AVAILABLE, now, kib << 10, 0);
}

// Of one memory.pressure file: its total at the last look, and since when it has been above the limit.
struct stall {
  uint64_t total, above;
};

static void look_at_pressure(struct cl_watch *page, uint64_t now, uint64_t elapsed, struct stall *stalls) {
  if (page->most_pressure == 0) return;
  for (uint64_t i = 0; i < page->pressures; i++) {
    struct stall *stall = &stalls[i];
    // Documentation/accounting/psi.rst: total is in microseconds.
    uint64_t total = number(CL_WATCH_FIRST + (int)(page->kills + i), "full ", "total=");
    if (total == UINT64_MAX) continue;
    uint64_t before = stall->total;
    stall->total = total;
    if (before == 0 || elapsed == 0 || total < before) continue;
    // Linux 6.0 counts centuries within seconds. As PressureTotal.canGrow: nobody was stalled for longer than time
    // passed, by clocks that differ, and looked at late.
    if ((total - before) / 1000 > (elapsed + elapsed / 16 + 2000000000) / 1000000) continue;
    uint64_t share = (total - before) * 1000 * 1000 / elapsed;
    if (share <= page->most_pressure) {
      stall->above = 0;
      continue;
    }
    if (stall->above == 0) stall->above = now - elapsed;
    if (now - stall->above >= page->pressure_time)
      fire(page, CL_WATCH_PRESSURE, stall->above, share, i);
  }
}

// By CLOCK_MONOTONIC throughout: a machine that was suspended has been neither stuck nor under pressure for that long.
_Noreturn void cl_watch(struct cl_watch *page) {
  // Pages that are there stay there; MCL_ONFAULT: none comes that is never used.
  mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
  if (cl_set_fifo(1) == 0) page->priority = 1;
  struct stall stalls[CL_WATCH_MOST] = {0};
  struct pollfd pipe = {.fd = CL_WATCH_PIPE, .events = POLLIN};
  uint64_t last = 0;
  for (;;) {
    uint64_t now = cl_monotonic();
    look_at_memory(page, now);
    look_at_pressure(page, now, last ? now - last : 0, stalls);
    uint64_t deadline = cl_load(&page->deadline);
    if (deadline != 0 && now > deadline) fire(page, CL_WATCH_STUCK, deadline, 0, 0);
    last = now;
    page->cpu = cpu_time();
    cl_store(&page->looks, page->looks + 1);
    if (poll(&pipe, 1, look_ms) > 0) {
      fire(page, CL_WATCH_GONE, cl_monotonic(), 0, 0);
      _exit(0);
    }
  }
}
