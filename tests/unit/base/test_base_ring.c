/* Ring and budget: bounds, order, closing, and conservation between threads. */
#include "millrace/base/budget.h"
#include "millrace/base/clock.h"
#include "millrace/base/ring.h"
#include "millrace/base/thread.h"

#include "test.h"

#define ITEMS 20000

static int items[ITEMS];

Test(base_ring, hands_out_in_order_and_refuses_when_full)
{
    struct mr_ring *ring;
    T_INT_EQ(mr_ring_new(2, &ring), MR_OK);
    T_TRUE(mr_ring_push_mpmc(ring, &items[0]));
    T_TRUE(mr_ring_push_mpmc(ring, &items[1]));
    T_TRUE(!mr_ring_push_mpmc(ring, &items[2]));
    T_TRUE(mr_ring_pop_mpmc(ring, 0) == &items[0]);
    T_TRUE(mr_ring_push_mpmc(ring, &items[2]));
    T_TRUE(mr_ring_pop_mpmc(ring, 0) == &items[1]);
    T_TRUE(mr_ring_pop_mpmc(ring, 0) == &items[2]);
    T_TRUE(mr_ring_pop_mpmc(ring, 0) == NULL);
    mr_ring_free(&ring);
    T_TRUE(ring == NULL);
}

Test(base_ring, waits_no_longer_than_its_timeout)
{
    struct mr_ring *ring;
    T_INT_EQ(mr_ring_new(1, &ring), MR_OK);
    int64_t start = mr_clock_monotonic_ms();
    T_TRUE(mr_ring_pop_mpmc(ring, 30) == NULL);
    T_TRUE(mr_clock_monotonic_ms() - start >= 29);
    mr_ring_free(&ring);
}

Test(base_ring, hands_out_what_it_holds_after_closing)
{
    struct mr_ring *ring;
    T_INT_EQ(mr_ring_new(2, &ring), MR_OK);
    T_TRUE(mr_ring_push_mpmc(ring, &items[0]));
    mr_ring_close(ring);
    T_TRUE(!mr_ring_push_mpmc(ring, &items[1]));
    T_TRUE(mr_ring_pop_mpmc(ring, -1) == &items[0]);
    T_TRUE(mr_ring_pop_mpmc(ring, -1) == NULL);
    mr_ring_free(&ring);
}

struct taker {
    struct mr_ring *ring;
    struct mr_thread thread;
    uint64_t sum, count;
};

static void
take_all(void *argument)
{
    struct taker *taker = argument;
    for (int *item; (item = mr_ring_pop_mpmc(taker->ring, -1)) != NULL; taker->count++)
        taker->sum += (uint64_t)(item - items);
}

Test(base_ring, gives_every_item_to_exactly_one_of_several_threads)
{
    struct taker takers[3] = {0};
    struct mr_ring *ring;
    uint64_t sum = 0, count = 0;
    T_INT_EQ(mr_ring_new(16, &ring), MR_OK);
    for (int i = 0; i < 3; i++) {
        takers[i].ring = ring;
        T_INT_EQ(mr_thread_start(&takers[i].thread, "taker", take_all, &takers[i]), MR_OK);
    }
    for (int i = 0; i < ITEMS; i++)
        while (!mr_ring_push_mpmc(ring, &items[i]))
            mr_clock_sleep_ms(0);
    mr_ring_close(ring);
    for (int i = 0; i < 3; i++) {
        mr_thread_join(&takers[i].thread);
        sum += takers[i].sum;
        count += takers[i].count;
    }
    T_INT_EQ(count, ITEMS);
    T_INT_EQ(sum, (uint64_t)ITEMS * (ITEMS - 1) / 2);
    mr_ring_free(&ring);
}

struct spender {
    struct mr_budget *budget;
    struct mr_thread thread;
    int64_t held_max;
};

static void
spend(void *argument)
{
    struct spender *spender = argument;
    for (int i = 0; i < 20000; i++) {
        if (!mr_budget_try(spender->budget, 7))
            continue;
        int64_t used = mr_budget_used(spender->budget);
        if (used > spender->held_max)
            spender->held_max = used;
        mr_budget_refund(spender->budget, 7);
    }
}

Test(base_budget, is_never_overdrawn_by_threads_that_ask)
{
    struct mr_budget budget;
    struct spender spenders[3] = {0};
    mr_budget_init(&budget, 15);
    for (int i = 0; i < 3; i++) {
        spenders[i].budget = &budget;
        T_INT_EQ(mr_thread_start(&spenders[i].thread, "spend", spend, &spenders[i]), MR_OK);
    }
    for (int i = 0; i < 3; i++) {
        mr_thread_join(&spenders[i].thread);
        T_TRUE(spenders[i].held_max <= 15);
    }
    T_INT_EQ(mr_budget_used(&budget), 0);
    T_TRUE(budget.peak == 7 || budget.peak == 14);
}

Test(base_budget, refuses_what_does_not_fit_and_takes_what_was_promised)
{
    struct mr_budget budget;
    mr_budget_init(&budget, 100);
    T_TRUE(mr_budget_try(&budget, 100));
    T_TRUE(!mr_budget_try(&budget, 1));
    mr_budget_force(&budget, 50);
    T_INT_EQ(mr_budget_used(&budget), 150);
    mr_budget_refund(&budget, 150);
    T_INT_EQ(mr_budget_used(&budget), 0);
    T_INT_EQ(budget.peak, 150);
}

Test(base_budget, keeps_what_is_promised_free_and_counts_only_charges_as_use)
{
    struct mr_budget budget;
    mr_budget_init(&budget, 100);
    T_TRUE(mr_budget_promise(&budget, 60));
    T_INT_EQ(mr_budget_used(&budget), 0);
    T_INT_EQ(mr_budget_promised(&budget), 60);
    T_INT_EQ(mr_budget_left(&budget), 40);
    T_TRUE(!mr_budget_try(&budget, 41));
    T_TRUE(!mr_budget_promise(&budget, 41));
    mr_budget_force(&budget, 60); /* within the promise, and beside it until it ends */
    T_INT_EQ(mr_budget_left(&budget), -20);
    T_INT_EQ(budget.peak, 60);
    mr_budget_release(&budget, 60);
    T_INT_EQ(mr_budget_left(&budget), 40);
    T_INT_EQ(mr_budget_promised(&budget), 0);
    mr_budget_keep(&budget, 10); /* a part that outlives its promise */
    T_TRUE(!mr_budget_try(&budget, 31));
    T_TRUE(mr_budget_try(&budget, 30));
    mr_budget_release(&budget, 10);
    mr_budget_refund(&budget, 90);
    T_INT_EQ(mr_budget_left(&budget), 100);
    T_INT_EQ(budget.peak, 90);
}
