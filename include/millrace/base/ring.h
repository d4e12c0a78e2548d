/* Bounded queue of pointers between threads; moves batches and units, never single events.
 * Threads: any number of producers and consumers (_mpmc). Progress: blocks on one mutex, taken once
 * a batch (about 1,000 events), so that an empty side can sleep without spinning.
 * Memory: capacity pointers, fixed. Errors: none after new. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/base/attr.h"
#include "millrace/base/rc.h"

struct mr_ring;

MR_NODISCARD enum mr_rc
mr_ring_new(size_t capacity, struct mr_ring **ret_ring);

/* The ring must be empty or its content not owned; NULL is allowed; nulls. */
void
mr_ring_free(struct mr_ring **ring);

/* False when full or closed. */
MR_NODISCARD bool
mr_ring_push_mpmc(struct mr_ring *ring, void *item);

/* Waits up to timeout_ms (negative: for ever) for an item. NULL when none came, or when the ring is
 * closed and empty. timeout_ms = 0 only looks. */
MR_NODISCARD void *
mr_ring_pop_mpmc(struct mr_ring *ring, int64_t timeout_ms);

/* Wakes every waiter; items already in the ring are still handed out. */
void
mr_ring_close(struct mr_ring *ring);

bool
mr_ring_is_closed(struct mr_ring *ring);

size_t
mr_ring_count(struct mr_ring *ring);
