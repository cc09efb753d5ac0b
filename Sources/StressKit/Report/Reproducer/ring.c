/* SPDX-License-Identifier: Apache-2.0 */
/* What the script of an io_uring stream compiles: io_uring(7) without a library. */

/* FILE BLOCK COUNT DEPTH [dsync|direct|fsync]...: writes by io_uring */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#define AT(base, offset) ((unsigned *)((char *)(base) + (offset)))
#define MAP(size, what) \
  mmap(0, size, 3, MAP_SHARED, ring, IORING_OFF_##what)
int main(int n, char **arg) {
  long block = atol(arg[2]), left = atol(arg[3]), depth = atol(arg[4]);
  int flags = O_WRONLY | O_CREAT | O_TRUNC, sync = 0, busy = 0, ring, file;
  struct io_uring_params p = {0};
  for (int i = 5; i < n; i++)
    if (!strcmp(arg[i], "dsync")) flags |= O_DSYNC;
    else if (!strcmp(arg[i], "direct")) flags |= O_DIRECT;
    else sync = 1;
  if ((file = open(arg[1], flags, 0644)) < 0) return 2;
  if ((ring = syscall(__NR_io_uring_setup, depth, &p)) < 0) return 3;
  void *sq = MAP(p.sq_off.array + 4 * p.sq_entries, SQ_RING);
  void *cq = MAP(p.cq_off.cqes + 16 * p.cq_entries, CQ_RING);
  struct io_uring_sqe *entry = MAP(p.sq_entries * sizeof(*entry), SQES);
  struct io_uring_cqe *done = (void *)AT(cq, p.cq_off.cqes);
  unsigned *tail = AT(sq, p.sq_off.tail), *head = AT(cq, p.cq_off.head);
  char *data = aligned_alloc(4096, block);
  memset(data, 0x5a, block);
  for (off_t at = 0; left || busy;) {
    unsigned new = 0;
    for (; left && busy < depth; left--, busy++, new++, at += block) {
      unsigned slot = *tail & *AT(sq, p.sq_off.ring_mask);
      entry[slot] = (struct io_uring_sqe){.opcode = IORING_OP_WRITE,
        .fd = file, .addr = (long)data, .len = block, .off = at};
      AT(sq, p.sq_off.array)[slot] = slot;
      __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    }
    syscall(__NR_io_uring_enter, ring, new, 1, IORING_ENTER_GETEVENTS, 0,
            0);
    unsigned *last = AT(cq, p.cq_off.tail);
    for (; *head != __atomic_load_n(last, __ATOMIC_ACQUIRE); busy--) {
      if (done[*head & *AT(cq, p.cq_off.ring_mask)].res < 0) return 4;
      __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    }
  }
  return sync && fsync(file) ? 5 : 0;
}
