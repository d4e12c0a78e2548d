/* The byte budget: one counter and its limit. Orders nothing, hence relaxed throughout. */
#include "millrace/base/budget.h"

#include "millrace/base/assert.h"

void
mr_budget_init(struct mr_budget *budget, int64_t limit_bytes)
{
    budget->limit = limit_bytes;
    atomic_init(&budget->used, 0);
    atomic_init(&budget->peak, 0);
}

static void
note_peak(struct mr_budget *budget, int64_t used)
{
    int64_t peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
    /* A failed exchange means that another thread raised the peak: look again. */
    while (used > peak &&
           !atomic_compare_exchange_weak_explicit(&budget->peak, &peak, used, memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
}

bool
mr_budget_try(struct mr_budget *budget, int64_t bytes)
{
    int64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do {
        if (bytes > budget->limit - used)
            return false;
        /* A failed exchange means that another thread charged or refunded. */
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    note_peak(budget, used + bytes);
    return true;
}

void
mr_budget_force(struct mr_budget *budget, int64_t bytes)
{
    int64_t before = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
    note_peak(budget, before + bytes);
}

void
mr_budget_refund(struct mr_budget *budget, int64_t bytes)
{
    int64_t before = atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
    MR_INSIST(before >= bytes);
}

int64_t
mr_budget_used(const struct mr_budget *budget)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed);
}
