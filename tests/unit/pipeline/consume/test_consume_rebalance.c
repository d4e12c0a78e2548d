/* Assignments: starts, refusals, two members. */
#include <string.h>

#include "consume_support.h"
#include "millrace/base/clock.h"
#include "test.h"

#define LIST_OFFSETS 2 /* Kafka's api keys */
#define OFFSET_FETCH 9

Test(consume_rebalance, the_app_decides_where_to_start)
{
    struct cluster cluster;
    struct member member;
    cluster_start(&cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 100);
    }
    member_init(&member, &cluster, "app");
    member.starts[0] = 90;
    member.starts[1] = 100;
    member.starts[2] = 0;
    member_start(&member, 10, 1 << 20);
    member_take(&member, 10 + 0 + 100 + 100);
    T_INT_EQ(member.first[0], 90);
    T_INT_EQ(member.first[1], 100);
    T_INT_EQ(member.first[2], 0);
    T_INT_EQ(member.first[3], 0);
    T_INT_EQ(member.positions, 1);
    member_stop(&member);
    T_INT_EQ(member.revoked, 1);
    T_INT_EQ(member.lost, 0);
    cluster_stop(&cluster);
}

Test(consume_rebalance, latest_is_the_end_as_a_number)
{
    struct cluster cluster;
    struct member member;
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 100);
    member_init(&member, &cluster, "latest");
    member.config.kafka.start = MR_START_LATEST;
    member_start(&member, 10, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    T_INT_EQ(member.first[0], 100);
    T_INT_EQ(member.first[1], 0);
    cluster_produce(&cluster, 0, 20);
    member_take(&member, 20);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_rebalance, a_refused_assignment_is_asked_for_again)
{
    struct cluster cluster;
    struct member member;
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 50);
    member_init(&member, &cluster, "refuse");
    member.refusals = 2;
    member_start(&member, 10, 1 << 20);
    member_take(&member, 50);
    T_INT_EQ(member.assigned, 3);
    T_INT_EQ(member.positions, 1);
    member_stop(&member);
    T_INT_EQ(member.revoked, 1);
    cluster_stop(&cluster);
}

/* An error reads like "none" otherwise: the member would begin at the end, or at the beginning. */
Test(consume_rebalance, a_start_that_kafka_refuses_to_tell_is_asked_for_again)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    cluster_start(&cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 50);
    }
    member_init(&member, &cluster, "untold");
    rd_kafka_mock_push_request_errors(
        cluster.mock, LIST_OFFSETS, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    member_start(&member, 10, 1 << 20);
    member_take(&member, 200);
    T_INT_EQ(member.assigned, 2);
    T_INT_EQ(member.positions, 1);
    T_TRUE_MSG(member_commit(&member, &error) == MR_OK, "%s", error.text);
    member_stop(&member);

    member_init(&member, &cluster, "untold");
    rd_kafka_mock_push_request_errors(
        cluster.mock, OFFSET_FETCH, 1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    member_start(&member, 10, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    T_INT_EQ(member.assigned, 2);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        T_INT_EQ(member.first[p], 50);
    }
    member_stop(&member);
    cluster_stop(&cluster);
}

static void
drive(struct member *a, struct member *b, int64_t total)
{
    struct mr_error error = {0};
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (member_total(a) + member_total(b) < total && mr_clock_monotonic_ms() < deadline) {
        T_TRUE_MSG(member_fill(a, 10, &error) == MR_OK, "%s", error.text);
        T_TRUE_MSG(member_fill(b, 10, &error) == MR_OK, "%s", error.text);
    }
    T_INT_EQ(member_total(a) + member_total(b), total);
}

/* Both write down what they took when partitions go: then nothing is lost and nothing comes twice.
 */
Test(consume_rebalance, two_members_share_and_hand_over_exactly)
{
    struct cluster cluster;
    struct member a, b;
    int64_t shared[T_PARTITIONS] = {0};
    cluster_start(&cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 500);
    }
    member_init(&a, &cluster, "share");
    member_init(&b, &cluster, "share");
    a.shared = shared;
    b.shared = shared;
    member_start(&a, 7, 1 << 20);
    member_take(&a, 700); /* the rest lies in its queue when the other one comes */
    member_start(&b, 7, 1 << 20);
    members_share(&a, &b, true);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 500);
    }
    drive(&a, &b, 4 * 1000);
    T_TRUE(a.revoked >= 1); /* a loaded machine may add one */
    member_stop(&b);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 100);
    }
    member_take(&a, 4 * 1100 - member_total(&b));
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        T_INT_EQ(a.taken[p] + b.taken[p], 1100);
    }
    member_stop(&a);
    cluster_stop(&cluster);
}

Test(consume_rebalance, a_rebalance_is_served_under_back_pressure)
{
    struct cluster cluster;
    struct member a, b;
    int64_t shared[T_PARTITIONS] = {0};
    cluster_start(&cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 500);
    }
    member_init(&a, &cluster, "served");
    member_init(&b, &cluster, "served");
    a.shared = shared;
    b.shared = shared;
    member_start(&a, 100, 64); /* bytes end first: a message is always held for the next batch */
    member_take(&a, 70);
    int64_t taken = member_total(&a);
    member_start(&b, 7, 1 << 20);
    members_share(&a, &b, false);
    T_INT_EQ(member_total(&a), taken);
    T_INT_EQ(a.lost, 0);
    drive(&a, &b, 4 * 500);
    member_stop(&b);
    member_stop(&a);
    cluster_stop(&cluster);
}

Test(consume_rebalance, what_was_left_in_a_batch_goes_with_its_partitions)
{
    struct cluster cluster;
    struct member a, b;
    cluster_start(&cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 500);
    }
    member_init(&a, &cluster, "left");
    member_init(&b, &cluster, "left");
    member_start(&a, 7, 1 << 20);
    do {
        T_INT_EQ(member_fill(&a, 20, NULL), MR_OK);
    } while (a.batch->count < 7);
    member_start(&b, 7, 1 << 20);
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (a.revoked == 0 && mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(a.batch->count, 7);
        T_INT_EQ(mr_consumer_fill(a.consumer, a.batch, 10, NULL), MR_OK);
        T_INT_EQ(mr_consumer_fill(b.consumer, NULL, 10, NULL), MR_OK);
    }
    T_INT_EQ(a.revoked, 1);
    T_INT_EQ(a.batch->count, 0);
    T_INT_EQ(a.batch->bytes_used, 0);
    member_stop(&b);
    member_stop(&a);
    cluster_stop(&cluster);
}
