/* The byte budget: two counters and a limit. Orders nothing, hence relaxed throughout. */
#include "millrace/base/budget.h"

#include "millrace/base/assert.h"

void
mr_budget_init(struct mr_budget *budget, int64_t limit_bytes)
{
    budget->limit = limit_bytes;
    atomic_init(&budget->held, 0);
    atomic_init(&budget->used, 0);
    atomic_init(&budget->peak, 0);
}

static void
add_used(struct mr_budget *budget, int64_t bytes)
{
    int64_t used = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed) + bytes;
    int64_t peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
    /* A failed exchange means that another thread raised the peak: look again. */
    while (used > peak &&
           !atomic_compare_exchange_weak_explicit(&budget->peak, &peak, used, memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
}

bool
mr_budget_promise(struct mr_budget *budget, int64_t bytes)
{
    int64_t held = atomic_load_explicit(&budget->held, memory_order_relaxed);
    do {
        if (bytes > budget->limit - held)
            return false;
        /* A failed exchange means that another thread charged, promised or gave back. */
    } while (!atomic_compare_exchange_weak_explicit(&budget->held, &held, held + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void
mr_budget_keep(struct mr_budget *budget, int64_t bytes)
{
    atomic_fetch_add_explicit(&budget->held, bytes, memory_order_relaxed);
}

void
mr_budget_release(struct mr_budget *budget, int64_t bytes)
{
    int64_t before = atomic_fetch_sub_explicit(&budget->held, bytes, memory_order_relaxed);
    MR_INSIST(before >= bytes);
}

bool
mr_budget_try(struct mr_budget *budget, int64_t bytes)
{
    if (!mr_budget_promise(budget, bytes))
        return false;
    add_used(budget, bytes);
    return true;
}

void
mr_budget_force(struct mr_budget *budget, int64_t bytes)
{
    mr_budget_keep(budget, bytes);
    add_used(budget, bytes);
}

void
mr_budget_refund(struct mr_budget *budget, int64_t bytes)
{
    int64_t before = atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
    MR_INSIST(before >= bytes);
    mr_budget_release(budget, bytes);
}

int64_t
mr_budget_used(const struct mr_budget *budget)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed);
}

int64_t
mr_budget_promised(const struct mr_budget *budget)
{
    int64_t used = mr_budget_used(budget);
    int64_t held = atomic_load_explicit(&budget->held, memory_order_relaxed);
    return held > used ? held - used : 0;
}

int64_t
mr_budget_left(const struct mr_budget *budget)
{
    return budget->limit - atomic_load_explicit(&budget->held, memory_order_relaxed);
}
