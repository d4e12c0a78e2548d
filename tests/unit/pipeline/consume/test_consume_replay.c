/* Ranges read again, starting over, an app that stops. */
#include <string.h>

#include "consume_support.h"
#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"
#include "test.h"

static void
start_cluster(struct cluster *cluster, struct member *member, const char *group, int each)
{
    cluster_start(cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(cluster, p, each);
    }
    member_init(member, cluster, group);
}

static enum mr_rc
fill_until_stopped(struct member *member, struct mr_error *reterr_error)
{
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    enum mr_rc rc = MR_OK;
    while (rc == MR_OK && mr_clock_monotonic_ms() < deadline) {
        rc = member_fill(member, 20, reterr_error);
    }
    return rc;
}

/* bytes: of a batch. Partitions 1 and 3 are read again, each batch size with its own ways to end. */
static void
replay_two(uint32_t records, size_t bytes)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    start_cluster(&cluster, &member, "replay", 500);
    member.starts[1] = 100;
    member.until[1] = 150;
    member.starts[2] = 400;
    member.starts[3] = 7;
    member.until[3] = 500;
    member_start(&member, records, bytes);
    member_wait_assigned(&member, T_PARTITIONS);
    T_TRUE(mr_consumer_replaying(member.consumer));
    member_take_replay(&member);
    T_INT_EQ(member.taken[0], 0);
    T_INT_EQ(member.taken[1], 50);
    T_INT_EQ(member.taken[2], 0);
    T_INT_EQ(member.taken[3], 493);
    T_TRUE_MSG(member_commit(&member, &error) == MR_OK, "%s", error.text); /* all are held */
    member_take(&member, 500 + 400 + 100 + 493);
    T_INT_EQ(member.next[0], 500);
    T_INT_EQ(member.next[1], 500);
    T_INT_EQ(member.next[2], 500);
    T_INT_EQ(member.next[3], 500);
    T_TRUE(!mr_consumer_replaying(member.consumer));
    T_INT_EQ(member.assigned, 1);
    T_INT_EQ(member.positions, 1);
    T_INT_EQ(member.revoked, 0);
    cluster_produce(&cluster, 3, 10);
    member_take(&member, 500 + 400 + 100 + 503);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_replay, only_the_ranges_come_and_then_all_the_rest)
{
    replay_two(1000, 1 << 20);
}

Test(consume_replay, a_range_that_ends_with_a_held_message_ends_after_it)
{
    replay_two(1000, 40);
}

Test(consume_replay, a_range_that_ends_with_a_full_batch_ends_there)
{
    replay_two(1, 1 << 20);
}

Test(consume_replay, a_start_at_or_past_the_end_needs_no_replay)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "arrived", 100);
    member.starts[0] = 40;
    member.until[0] = 40;
    member.starts[1] = 60;
    member.until[1] = 50;
    member_start(&member, 1000, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    T_TRUE(!mr_consumer_replaying(member.consumer));
    member_take(&member, 60 + 40 + 100 + 100);
    T_INT_EQ(member.taken[0], 60);
    T_INT_EQ(member.taken[1], 40);
    member_stop(&member);
    cluster_stop(&cluster);
}

/* A log without records before the end, which the mock cannot have. */
Test(consume_replay, the_next_record_or_the_end_of_the_log_ends_a_range_too)
{
    struct mri_slot slots[3] = {{.partition = 0, .position = 5, .until = 10},
                                {.partition = 1, .position = 5, .until = -1},
                                {.partition = 2, .position = 5, .until = 10}};
    struct mr_consumer consumer = {.slots = slots, .slot_count = 3};
    mri_replay_begin(&consumer);
    T_TRUE(mr_consumer_replaying(&consumer));
    T_INT_EQ(consumer.replay_left, 2);
    T_TRUE(mri_replay_wants(&consumer, &slots[0], 9));
    T_TRUE(!mri_replay_wants(&consumer, &slots[1], 5));
    T_TRUE(!mri_replay_wants(&consumer, &slots[0], 12));
    T_INT_EQ(slots[0].position, 10);
    T_TRUE(!mri_replay_wants(&consumer, &slots[0], 13));
    T_INT_EQ(consumer.replay_left, 1);
    mri_replay_reached(&consumer, &slots[2], 9); /* the log may still grow */
    T_TRUE(!mri_replay_is_over(&consumer));
    mri_replay_reached(&consumer, &slots[2], 10);
    T_INT_EQ(slots[2].position, 10);
    T_INT_EQ(slots[1].position, 5);
    consumer.held.set = true;
    T_TRUE(!mri_replay_is_over(&consumer));
    consumer.held.set = false;
    T_TRUE(mri_replay_is_over(&consumer));
}

Test(consume_replay, a_range_that_is_gone_stops_with_its_bounds)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    start_cluster(&cluster, &member, "gone", 100);
    member.starts[2] = 150;
    member.until[2] = 170;
    member_start(&member, 10, 1 << 20);
    T_INT_EQ(fill_until_stopped(&member, &error), MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "\"orders\" partition 2") != NULL, "%s", error.text);
    T_INT_EQ(member_total(&member), 0);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_replay, a_log_that_ends_within_the_range_was_cut)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    start_cluster(&cluster, &member, "cut", 100);
    member.starts[2] = 50;
    member.until[2] = 170;
    member_start(&member, 10, 1 << 20);
    T_INT_EQ(fill_until_stopped(&member, &error), MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "ends at 100, but was already read to 170") != NULL, "%s",
               error.text);
    T_INT_EQ(member_total(&member), 50);
    T_TRUE(mr_consumer_replaying(member.consumer));
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_replay, a_rebalance_ends_a_replay)
{
    struct cluster cluster;
    struct member a, b;
    start_cluster(&cluster, &a, "ended", 300);
    a.starts[0] = 10;
    a.until[0] = 290;
    member_start(&a, 10, 1 << 20);
    member_take(&a, 10);
    T_TRUE(mr_consumer_replaying(a.consumer));
    a.starts[0] = 290;
    a.until[0] = -1;
    member_init(&b, &cluster, "ended");
    b.starts[0] = 290;
    member_start(&b, 10, 1 << 20);
    members_share(&a, &b, false);
    T_TRUE(a.revoked >= 1); /* a loaded machine may add one */
    T_TRUE(!mr_consumer_replaying(a.consumer) && !mr_consumer_replaying(b.consumer));
    int64_t before = member_total(&a) + 10 + 300; /* one partition from 290, another whole */
    int64_t other = 600;
    if (a.next[0] < 0) {
        before = member_total(&a) + 600;
        other = 310;
    }
    member_take(&a, before);
    member_take(&b, other);
    T_INT_EQ(member_total(&a), before);
    T_INT_EQ(member_total(&b), other);
    member_stop(&b);
    member_stop(&a);
    cluster_stop(&cluster);
}

Test(consume_restart, everything_is_read_from_the_new_starts_and_the_group_sees_nothing)
{
    struct cluster cluster;
    struct member member;
    struct mr_standing before, after;
    struct mr_consumer_state state;
    start_cluster(&cluster, &member, "restart", 1000);
    member_start(&member, 100, 500); /* bytes end first: a message is held when it restarts */
    for (int round = 0; round < 5; round++) {
        int64_t taken = member_total(&member);
        member_take(&member, taken + 700);
        mr_consumer_standing(member.consumer, &before);
        for (int p = 0; p < T_PARTITIONS; p++) {
            member.starts[p] = member.next[p] > 250 ? member.next[p] - 250 : 0;
        }
        mr_consumer_restart(member.consumer);
        mr_consumer_get_state(member.consumer, &state);
        T_INT_EQ(state.partitions, 0);
        member_wait_assigned(&member, T_PARTITIONS);
        mr_consumer_standing(member.consumer, &after);
        T_INT_EQ(member.assigned, round + 2);
        T_INT_EQ(member.positions, round + 2);
        T_INT_EQ(after.generation, before.generation);
        T_TRUE(after.member == before.member && after.epoch > before.epoch && !after.lost);
        T_TRUE(!mr_standing_holds(&before, &after));
        for (int p = 0; p < T_PARTITIONS; p++) {
            T_INT_EQ(member.next[p], member.starts[p]);
        }
    }
    int64_t left = 0;
    for (int p = 0; p < T_PARTITIONS; p++) {
        left += 1000 - member.next[p];
    }
    left += member_total(&member);
    member_take(&member, left);
    T_INT_EQ(member_total(&member), left);
    T_INT_EQ(member.revoked, 0);
    mr_consumer_get_state(member.consumer, &state);
    T_INT_EQ(state.rebalances, 1);
    member_stop(&member);
    T_INT_EQ(member.revoked, 1);
    cluster_stop(&cluster);
}

Test(consume_restart, a_refusal_after_it_is_asked_again_and_a_replay_may_follow)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "again", 200);
    member_start(&member, 50, 1 << 20);
    member_take(&member, 4 * 200);
    member.refusals = 1;
    for (int p = 0; p < T_PARTITIONS; p++) {
        member.starts[p] = 200;
    }
    member.starts[3] = 150;
    member.until[3] = 190;
    mr_consumer_restart(member.consumer);
    member_wait_assigned(&member, T_PARTITIONS);
    T_INT_EQ(member.assigned, 3);
    T_TRUE(mr_consumer_replaying(member.consumer));
    mr_consumer_restart(member.consumer); /* within the replay */
    T_TRUE(!mr_consumer_replaying(member.consumer));
    member_wait_assigned(&member, T_PARTITIONS);
    member_take_replay(&member);
    T_INT_EQ(member_total(&member), 800 + 40);
    member_take(&member, 800 + 50);
    T_INT_EQ(member_fill(&member, 50, NULL), MR_OK);
    T_INT_EQ(member_total(&member), 800 + 50);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_restart, without_partitions_it_does_nothing)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "early", 10);
    member_start(&member, 50, 1 << 20);
    mr_consumer_restart(member.consumer);
    member_take(&member, 40);
    T_INT_EQ(member.assigned, 1);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_restart, an_app_that_stops_ends_the_consumer)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    start_cluster(&cluster, &member, "stop", 10);
    member.stop = true;
    member_start(&member, 50, 1 << 20);
    T_INT_EQ(fill_until_stopped(&member, &error), MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "refused") != NULL, "%s", error.text);
    T_INT_EQ(member_fill(&member, 600, &error), MR_STOPPED); /* it stays so, and is not asked again */
    T_INT_EQ(member_fill(&member, 600, &error), MR_STOPPED);
    T_INT_EQ(member.assigned, 1);
    T_INT_EQ(member_total(&member), 0);
    member_stop(&member);
    T_INT_EQ(member.revoked, 0);
    cluster_stop(&cluster);
}
