// SPDX-License-Identifier: Apache-2.0
// io_uring for Swift, behind an opaque handle.
//
// liburing.h is never seen by Swift: it defines _GNU_SOURCE for whatever is imported after it, and its
// io_uring_sqe differs from the kernel header's that swift-system uses.
#ifndef CURING_H
#define CURING_H

#include <stddef.h>
#include <stdint.h>

struct cu_ring;

/// One completion: `result` is what the operation returned, or a negated errno.
struct cu_completion {
  uint64_t user_data;
  int32_t result;
  uint32_t flags;
};

/// Creates a ring with room for `entries` operations, to be used by the calling thread alone. Returns 0 or a
/// negated errno.
///
/// Where the kernel can (6.1), a completion becomes visible in the calls below and nowhere else, those of
/// the operations that a call carried out itself first; `*deferred` is 1 then. It spares the thread the
/// interruption by each operation that an io-wq worker ends.
int cu_ring_create(unsigned entries, struct cu_ring *_Nullable *_Nonnull out, int *_Nonnull deferred);

void cu_ring_destroy(struct cu_ring *_Nonnull ring);

/// Queues a write or a read of `length` bytes at `offset`, with `flags` as of pwritev2(2) (RWF_*). Returns 0, or -EBUSY
/// when the submission queue is full.
int cu_queue_write(struct cu_ring *_Nonnull ring, int fd, const void *_Nonnull buffer, uint32_t length,
                   uint64_t offset, int flags, uint64_t user_data);
int cu_queue_read(struct cu_ring *_Nonnull ring, int fd, void *_Nonnull buffer, uint32_t length, uint64_t offset,
                  int flags, uint64_t user_data);

/// Submits what is queued and sleeps until `count` completions are there (0: looks for them only), in one
/// system call. Returns the number submitted or a negated errno; what was not submitted stays queued.
int cu_submit(struct cu_ring *_Nonnull ring, unsigned count);

/// Sleeps until a completion is there or `nanoseconds` have passed. Returns 0, -ETIME or a negated errno.
int cu_wait(struct cu_ring *_Nonnull ring, uint64_t nanoseconds);

/// Takes up to `capacity` completions into `out`; no system call. Returns how many.
unsigned cu_reap(struct cu_ring *_Nonnull ring, struct cu_completion *_Nonnull out, unsigned capacity);

#endif
