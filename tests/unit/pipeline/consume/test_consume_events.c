/* What happens while `assigned` runs, which may take long: the sink is asked in it. */
#include <string.h>

#include "consume_support.h"
#include "millrace/base/clock.h"
#include "test.h"

#define HEARTBEAT 12 /* Kafka's api key */
#define LONG_MS   6000
#define SHORT_MS  "3500" /* the mock cluster makes the first member wait for 3 s */

static struct mr_standing began, ended;

static void
sleep_long(struct member *member)
{
    mr_consumer_standing(member->consumer, &began);
    mr_clock_sleep_ms(LONG_MS);
    mr_consumer_standing(member->consumer, &ended);
}

static void
ask_long(struct member *member)
{
    int64_t deadline = mr_clock_monotonic_ms() + LONG_MS;
    mr_consumer_standing(member->consumer, &began);
    do {
        mr_clock_sleep_ms(50);
        mr_consumer_standing(member->consumer, &ended);
    } while (mr_clock_monotonic_ms() < deadline);
}

static void
start(struct cluster *cluster, struct member *member, const char *group)
{
    cluster_start(cluster);
    cluster_produce(cluster, 0, 100);
    member_init(member, cluster, group);
    member_property(member, "session.timeout.ms", SHORT_MS);
}

static void
wait_lost(struct member *member)
{
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (member->revoked == 0 && mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(mr_consumer_fill(member->consumer, NULL, 20, NULL), MR_OK);
    }
    T_INT_EQ(member->revoked, 1);
    T_INT_EQ(member->lost, 1);
}

Test(consume_events, heartbeats_go_on_while_the_app_decides)
{
    struct cluster cluster;
    struct member member;
    start(&cluster, &member, "heart");
    member.in_assigned = sleep_long; /* longer than a session */
    member_start(&member, 10, 1 << 20);
    member_take(&member, 100);
    T_TRUE(began.generation >= 0 && mr_standing_holds(&began, &ended));
    T_INT_EQ(member.assigned, 1);
    T_INT_EQ(member.lost, 0);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_events, an_app_that_asks_for_its_standing_is_alive_past_the_poll_interval)
{
    struct cluster cluster;
    struct member member;
    start(&cluster, &member, "alive");
    member_property(&member, "max.poll.interval.ms", SHORT_MS);
    member_start(&member, 10, 1 << 20);
    member_take(&member, 100);
    member.in_assigned = ask_long;
    mr_consumer_restart(member.consumer); /* the interval counts from the first assignment on */
    member_take(&member, 200);
    T_TRUE(mr_standing_holds(&began, &ended));
    T_INT_EQ(member.assigned, 2);
    T_INT_EQ(member.revoked, 0);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_events, an_app_that_does_not_loses_its_place_and_gets_it_back)
{
    struct cluster cluster;
    struct member member;
    start(&cluster, &member, "asleep");
    member_property(&member, "max.poll.interval.ms", SHORT_MS);
    member_start(&member, 10, 1 << 20);
    member_take(&member, 100);
    member.in_assigned = sleep_long;
    mr_consumer_restart(member.consumer);
    T_INT_EQ(mr_consumer_fill(member.consumer, NULL, 20, NULL), MR_OK);
    T_TRUE(!mr_standing_holds(&began, &ended) && ended.lost);
    member.in_assigned = NULL;
    wait_lost(&member); /* the loss is not hidden by what was assigned meanwhile */
    T_INT_EQ(member_total(&member), 100);
    member_take(&member, 200);
    member_stop(&member);
    cluster_stop(&cluster);
}

static struct cluster *fencing;

/* The client tells nothing of it before it has its answer: only the member id shows it. */
static void
be_fenced(struct member *member)
{
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    member->in_assigned = NULL;
    mr_consumer_standing(member->consumer, &began);
    rd_kafka_mock_push_request_errors(
        fencing->mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    do {
        mr_clock_sleep_ms(20);
        mr_consumer_standing(member->consumer, &ended);
    } while (mr_standing_holds(&began, &ended) && mr_clock_monotonic_ms() < deadline);
}

Test(consume_events, a_member_that_is_expelled_while_the_app_decides_sees_it)
{
    struct cluster cluster;
    struct member member;
    start(&cluster, &member, "expelled");
    fencing = &cluster;
    member.in_assigned = be_fenced;
    member_start(&member, 10, 1 << 20);
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (member.assigned < 2 && mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(mr_consumer_fill(member.consumer, NULL, 20, NULL), MR_OK);
    }
    T_TRUE(!mr_standing_holds(&began, &ended));
    T_TRUE(ended.member != began.member);
    T_INT_EQ(member.assigned, 2);
    T_INT_EQ(member.revoked, 1);
    member_take(&member, 100);
    T_INT_EQ(member_total(&member), 100);
    member_stop(&member);
    cluster_stop(&cluster);
}

static struct member joining;

static void
let_another_join(struct member *member)
{
    int64_t until = mr_clock_monotonic_ms() + 1000;
    member->in_assigned = NULL;
    member_start(&joining, 10, 1 << 20);
    while (mr_clock_monotonic_ms() < until) { /* a few heartbeats see the rebalance */
        mr_clock_sleep_ms(50);
        mr_consumer_standing(member->consumer, &ended);
        T_TRUE(!ended.lost);
    }
}

Test(consume_events, a_rebalance_that_comes_while_the_app_decides_follows_it)
{
    struct cluster cluster;
    struct member first;
    int64_t shared[T_PARTITIONS] = {0};
    cluster_start(&cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 100);
    }
    member_init(&first, &cluster, "during");
    member_init(&joining, &cluster, "during");
    first.shared = shared;
    joining.shared = shared;
    first.in_assigned = let_another_join;
    member_start(&first, 10, 1 << 20);
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (member_total(&first) + member_total(&joining) < 400 &&
           mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(member_fill(&first, 10, NULL), MR_OK);
        if (joining.consumer) {
            T_INT_EQ(member_fill(&joining, 10, NULL), MR_OK);
        }
    }
    while ((first.positions < 2 || joining.positions < 1) && mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(member_fill(&first, 10, NULL), MR_OK);
        T_INT_EQ(member_fill(&joining, 10, NULL), MR_OK);
    }
    T_INT_EQ(member_total(&first) + member_total(&joining), 400);
    T_TRUE(first.revoked >= 1);
    T_INT_EQ(first.lost, 0);
    T_TRUE(first.positions >= 2 && joining.positions >= 1);
    member_stop(&joining);
    member_stop(&first);
    cluster_stop(&cluster);
}

/* A topic that comes into being stands for one that grows: the mock cannot add partitions. */
Test(consume_events, partitions_that_come_while_it_runs_are_assigned_with_the_others)
{
    struct cluster cluster;
    struct member member;
    char late[] = "late";
    start(&cluster, &member, "grow");
    T_INT_EQ(rd_kafka_mock_topic_create(cluster.mock, late, 2, 1), 0);
    rd_kafka_mock_topic_set_error(cluster.mock, late, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    member.topics[1] = late;
    member.config.kafka.topics.count = 2;
    member_property(&member, "topic.metadata.refresh.interval.ms", "300");
    member_start(&member, 10, 1 << 20);
    member_take(&member, 100);
    T_INT_EQ(member.assigned, 1);
    member.starts[0] = 100;
    rd_kafka_mock_topic_set_error(cluster.mock, late, RD_KAFKA_RESP_ERR_NO_ERROR);
    member_wait_assigned(&member, T_PARTITIONS + 2);
    T_INT_EQ(member.assigned, 2);
    T_INT_EQ(member.revoked, 1);
    T_INT_EQ(member.lost, 0);
    member_stop(&member);
    cluster_stop(&cluster);
}
