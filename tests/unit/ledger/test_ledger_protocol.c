/* Seeded schedules over the protocol's machines: every offset is visible exactly once, or the
 * pipeline stops; and each thing that a driver may do wrong is noticed. */
#include "protocol_sim.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef MR_TEST_PLAIN
#define SEEDS 60 /* the build that looks for races: there is one thread here */
#else
#define SEEDS 300
#endif
#define MUTANT_SEEDS 4000

static struct sim_world *
make_world(void)
{
    struct sim_world *world = malloc(sizeof *world);
    T_TRUE(world != NULL);
    return world;
}

static void
check_schedules(unsigned faults)
{
    struct sim_world *world = make_world();
    unsigned replays = 0, recoveries = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sim_run(world, seed, SIM_CORRECT, faults);
        T_TRUE_MSG(world->failure[0] == '\0',
                   "seed %llu, faults %u: %s",
                   (unsigned long long)seed,
                   faults,
                   world->failure);
        T_INT_EQ(world->stops, 0); /* allowed after F15, F24, F25, and yet never needed */
        replays += world->replays;
        recoveries += world->recoveries;
    }
    fprintf(stderr, "faults %u: %u recoveries, %u replays\n", faults, recoveries, replays);
    free(world);
}

/* A mutant that survives says that the schedules do not test what it breaks. */
static void
check_caught(enum sim_mutation mutation, unsigned faults)
{
    struct sim_world *world = make_world();
    uint64_t seed = 0;
    do {
        sim_run(world, ++seed, mutation, faults);
    } while (world->failure[0] == '\0' && seed < MUTANT_SEEDS);
    T_TRUE_MSG(world->failure[0] != '\0', "mutation %d survives", (int)mutation);
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, world->failure);
    free(world);
}

Test(ledger_protocol, nothing_goes_wrong_when_nothing_goes_wrong)
{
    check_schedules(0);
}

Test(ledger_protocol, lost_dropped_and_late_requests_change_nothing)
{
    check_schedules(SIM_LOST);
}

Test(ledger_protocol, crashes_stalls_and_rebalances_change_nothing)
{
    check_schedules(SIM_LOST | SIM_CRASH | SIM_STALL | SIM_REBALANCE);
}

Test(ledger_protocol, cancelled_transactions_are_replayed)
{
    check_schedules(SIM_LOST | SIM_CRASH | SIM_STALL | SIM_REBALANCE | SIM_RESTART);
}

Test(ledger_protocol, F15_partial_commits_are_survived)
{
    check_schedules(SIM_CRASH | SIM_STALL | SIM_REBALANCE | SIM_REFUSED);
}

Test(ledger_protocol, F24_commits_of_nobody_are_survived)
{
    check_schedules(SIM_STALE);
    check_schedules(SIM_STALE | SIM_CRASH | SIM_STALL | SIM_REBALANCE | SIM_REFUSED);
}

Test(ledger_protocol, F25_late_duplicates_of_commits_are_survived)
{
    check_schedules(SIM_LOST | SIM_LATE | SIM_CRASH | SIM_STALL | SIM_REBALANCE);
}

Test(ledger_protocol, all_faults_together_are_survived)
{
    check_schedules(255);
}

Test(ledger_protocol, a_missing_fence_is_noticed)
{
    check_caught(SIM_NO_FENCE, SIM_STALE | SIM_REFUSED);
}

Test(ledger_protocol, a_fence_that_believes_the_state_is_noticed)
{
    check_caught(SIM_FENCE_BY_STATE, SIM_STALE | SIM_REFUSED);
}

Test(ledger_protocol, a_settling_that_believes_the_state_is_noticed)
{
    check_caught(SIM_SETTLE_BY_STATE, SIM_STALE);
}

Test(ledger_protocol, a_number_used_twice_is_noticed)
{
    check_caught(SIM_NUMBER_REUSED, SIM_LOST);
}

Test(ledger_protocol, a_commit_before_the_decision_is_noticed)
{
    check_caught(SIM_COMMIT_BEFORE_DECISION, SIM_STALE);
}

Test(ledger_protocol, a_decision_before_the_unit_before_is_committed_is_noticed)
{
    check_caught(SIM_DECIDE_BEFORE_COMMITTED, SIM_CRASH);
}

Test(ledger_protocol, a_chain_that_the_sink_was_not_told_of_is_noticed)
{
    check_caught(SIM_NO_ANNOUNCE, SIM_CRASH);
}

Test(ledger_protocol, a_start_at_the_committed_offset_is_noticed)
{
    check_caught(SIM_START_AT_COMMITTED, SIM_CRASH | SIM_RESTART);
}

Test(ledger_protocol, an_end_read_before_it_is_visible_is_noticed)
{
    check_caught(SIM_END_BEFORE_VISIBLE, SIM_CRASH | SIM_RESTART);
}

Test(ledger_protocol, a_missing_post_check_is_noticed)
{
    check_caught(SIM_NO_POST_CHECK, SIM_STALE);
}

Test(ledger_protocol, a_missing_overtaken_test_is_noticed)
{
    check_caught(SIM_NO_OVERTAKEN, SIM_STALE);
}

Test(ledger_protocol, a_look_at_the_own_partition_only_is_noticed)
{
    check_caught(SIM_OWN_PARTITION_ONLY, SIM_STALE);
}
