/* The byte budget that bounds queues, tables and bodies together (option `memory`).
 * Threads: any. Progress: lock-free, except mr_budget_wait. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mr_budget {
    int64_t limit;        /* [const] bytes */
    _Atomic int64_t used; /* [atomic: relaxed, a plain sum; it orders nothing] */
    _Atomic int64_t peak; /* [atomic: relaxed, statistics] */
};

void
mr_budget_init(struct mr_budget *budget, int64_t limit_bytes);

/* True and charged when bytes fit under the limit; false and unchanged otherwise. */
bool
mr_budget_try(struct mr_budget *budget, int64_t bytes);

/* Charges without asking: for memory that an earlier mr_budget_try has already covered. */
void
mr_budget_force(struct mr_budget *budget, int64_t bytes);

void
mr_budget_refund(struct mr_budget *budget, int64_t bytes);

int64_t
mr_budget_used(const struct mr_budget *budget);
