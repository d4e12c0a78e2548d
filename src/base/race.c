/* Seeded yields at race points. */
#include "millrace/base/race.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

static _Atomic uint64_t next_seed = 1; /* [atomic: relaxed, only tells threads apart] */
static _Thread_local uint64_t state;

void
mr_race_seed(uint64_t seed)
{
    atomic_store_explicit(&next_seed, seed | 1, memory_order_relaxed);
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint64_t
draw(void)
{
    if (state == 0)
        state = atomic_fetch_add_explicit(&next_seed, UINT64_C(0x9E3779B97F4A7C15),
                                          memory_order_relaxed) | 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545F4914F6CDD1D);
}

void
mr_race_point(const char *place)
{
    (void)place;
    uint64_t lot = draw() >> 56;
    if (lot < 2)
        usleep(50);
    else if (lot < 32)
        sched_yield();
}
