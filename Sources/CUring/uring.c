// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CUring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

struct cu_ring {
  struct io_uring uring;
};

_Static_assert(sizeof(struct cu_completion) == 16, "mirrors struct io_uring_cqe");

int cu_ring_create(unsigned entries, struct cu_ring **out, int *deferred) {
  struct cu_ring *ring = calloc(1, sizeof *ring);
  if (!ring) return -ENOMEM;
  *deferred = 1;
  int rc = io_uring_queue_init(entries, &ring->uring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  if (rc == -EINVAL) {
    *deferred = 0;
    rc = io_uring_queue_init(entries, &ring->uring, 0);
  }
  if (rc < 0) {
    free(ring);
    return rc;
  }
  // Spares each call the look-up of the descriptor, which is shared with the io-wq workers. A gain only.
  io_uring_register_ring_fd(&ring->uring);
  *out = ring;
  return 0;
}

void cu_ring_destroy(struct cu_ring *ring) {
  io_uring_queue_exit(&ring->uring);
  free(ring);
}

int cu_queue_write(struct cu_ring *ring, int fd, const void *buffer, uint32_t length, uint64_t offset, int flags,
                   uint64_t user_data) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
  if (!sqe) return -EBUSY;
  io_uring_prep_write(sqe, fd, buffer, length, offset);
  sqe->rw_flags = flags;
  io_uring_sqe_set_data64(sqe, user_data);
  return 0;
}

int cu_queue_read(struct cu_ring *ring, int fd, void *buffer, uint32_t length, uint64_t offset, int flags,
                  uint64_t user_data) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
  if (!sqe) return -EBUSY;
  io_uring_prep_read(sqe, fd, buffer, length, offset);
  sqe->rw_flags = flags;
  io_uring_sqe_set_data64(sqe, user_data);
  return 0;
}

int cu_submit(struct cu_ring *ring, unsigned count) {
  return count ? io_uring_submit_and_wait(&ring->uring, count) : io_uring_submit_and_get_events(&ring->uring);
}

int cu_wait(struct cu_ring *ring, uint64_t nanoseconds) {
  struct io_uring_cqe *cqe;
  struct __kernel_timespec timeout = {
      .tv_sec = (long long)(nanoseconds / 1000000000u), .tv_nsec = (long long)(nanoseconds % 1000000000u)};
  return io_uring_wait_cqe_timeout(&ring->uring, &cqe, &timeout);
}

unsigned cu_reap(struct cu_ring *ring, struct cu_completion *out, unsigned capacity) {
  unsigned head, taken = 0;
  struct io_uring_cqe *cqe;
  io_uring_for_each_cqe(&ring->uring, head, cqe) {
    if (taken == capacity) break;
    out[taken].user_data = cqe->user_data;
    out[taken].result = cqe->res;
    out[taken].flags = cqe->flags;
    taken++;
  }
  io_uring_cq_advance(&ring->uring, taken);
  return taken;
}
