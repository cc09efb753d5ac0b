// SPDX-License-Identifier: Apache-2.0
// Counts the calling thread's heap allocations, in Swift and in C alike, by standing before glibc's malloc.
#ifndef CALLOCATIONCOUNT_H
#define CALLOCATIONCOUNT_H

#include <stdint.h>

/// Allocations that the calling thread has made so far.
uint64_t ac_allocations(void);

#endif
