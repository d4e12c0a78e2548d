/* The byte budget that bounds queues, tables and bodies together (option `memory`).
 * Charges are memory that is there; promises are room kept for charges to come, by those who cannot be
 * refused then. A charge within a promise counts beside it until the promise is released, so room is
 * given out too late rather than twice, and charges alone never pass the limit.
 * Threads: any. Progress: lock-free. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mr_budget {
    int64_t limit;        /* [const] bytes */
    _Atomic int64_t held; /* [atomic: relaxed, a plain sum; it orders nothing] charges and promises */
    _Atomic int64_t used; /* [atomic: relaxed, likewise] charges */
    _Atomic int64_t peak; /* [atomic: relaxed, statistics] of the charges */
};

void
mr_budget_init(struct mr_budget *budget, int64_t limit_bytes);

/* True and charged when bytes fit under the limit; false and unchanged otherwise. */
bool
mr_budget_try(struct mr_budget *budget, int64_t bytes);

/* Charges without asking: for memory that a promise covers. */
void
mr_budget_force(struct mr_budget *budget, int64_t bytes);

void
mr_budget_refund(struct mr_budget *budget, int64_t bytes);

/* True and promised when bytes fit under the limit; false and unchanged otherwise. */
bool
mr_budget_promise(struct mr_budget *budget, int64_t bytes);

/* Promises without asking: the part of a promise that shall outlive it. */
void
mr_budget_keep(struct mr_budget *budget, int64_t bytes);

/* Ends a promise, whatever part of it was charged meanwhile. */
void
mr_budget_release(struct mr_budget *budget, int64_t bytes);

/* Charges. */
int64_t
mr_budget_used(const struct mr_budget *budget);

/* Promises. An estimate while other threads charge or give back. */
int64_t
mr_budget_promised(const struct mr_budget *budget);

/* Room for further charges or promises; negative after mr_budget_force without a promise. */
int64_t
mr_budget_left(const struct mr_budget *budget);
