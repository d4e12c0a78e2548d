/* Brokers that are away, offsets and topics that are gone. */
#include <string.h>

#include "consume_support.h"
#include "millrace/base/clock.h"
#include "test.h"

static struct mr_consumer *
make_consumer(struct member *member)
{
    struct mr_error error = {0};
    struct mr_consumer_events events = {0};
    struct mr_consumer *consumer = NULL;
    enum mr_rc rc = mr_consumer_new(&member->config, &events, &consumer, &error);
    T_TRUE_MSG(rc == MR_OK, "%s", error.text);
    return consumer;
}

Test(consume_faults, a_wrong_broker_is_told_with_its_reason_in_time)
{
    struct member member;
    struct mr_error error = {0};
    member_init(&member, NULL, "wrong");
    struct mr_consumer *consumer = make_consumer(&member);
    int64_t began = mr_clock_monotonic_ms();
    T_INT_EQ(mr_consumer_topics(consumer, 1500, &error), MR_KAFKA);
    T_TRUE(mr_clock_monotonic_ms() - began < 4000);
    T_TRUE_MSG(strstr(error.text, "\"127.0.0.1:1\"") != NULL, "%s", error.text);
    T_TRUE_MSG(strstr(error.text, "Connection refused") != NULL, "%s", error.text);
    began = mr_clock_monotonic_ms();
    mr_consumer_free(&consumer);
    T_TRUE(mr_clock_monotonic_ms() - began < 5500);
}

Test(consume_faults, leaving_is_bounded_when_nobody_answers)
{
    struct member member;
    struct mr_error error = {0};
    member_init(&member, NULL, "away");
    struct mr_consumer *consumer = make_consumer(&member);
    T_INT_EQ(mr_consumer_subscribe(consumer, &error), MR_OK);
    T_INT_EQ(mr_consumer_fill(consumer, NULL, 100, &error), MR_OK);
    int64_t began = mr_clock_monotonic_ms();
    mr_consumer_free(&consumer);
    T_TRUE(mr_clock_monotonic_ms() - began < 6500);
}

Test(consume_faults, missing_topics_are_all_named)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    char missing[] = "not a lawful name", *topics[] = {(char *)(uintptr_t)T_TOPIC, missing, NULL};
    cluster_start(&cluster);
    member_init(&member, &cluster, "missing");
    struct mr_consumer *consumer = make_consumer(&member);
    T_TRUE_MSG(mr_consumer_topics(consumer, 5000, &error) == MR_OK, "%s", error.text);
    mr_consumer_free(&consumer);
    rd_kafka_mock_topic_set_error(cluster.mock, missing, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    member.config.kafka.topics = (struct mr_strings){topics, 2};
    consumer = make_consumer(&member);
    T_INT_EQ(mr_consumer_topics(consumer, 5000, &error), MR_CONFIG);
    T_TRUE_MSG(strstr(error.text, missing) != NULL, "%s", error.text);
    T_TRUE_MSG(strstr(error.text, "\"" T_TOPIC "\"") == NULL, "%s", error.text);
    mr_consumer_free(&consumer);
    cluster_stop(&cluster);
}

Test(consume_faults, an_offset_beyond_the_log_stops_with_the_ranges)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    cluster_start(&cluster);
    cluster_produce(&cluster, 2, 100);
    member_init(&member, &cluster, "range");
    member.starts[2] = 150;
    member_start(&member, 10, 1 << 20);
    int64_t deadline = mr_clock_monotonic_ms() + 15000;
    enum mr_rc rc = MR_OK;
    while (rc == MR_OK && mr_clock_monotonic_ms() < deadline) {
        rc = member_fill(&member, 20, &error);
    }
    T_INT_EQ(rc, MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "\"orders\" partition 2") != NULL, "%s", error.text);
    T_TRUE_MSG(strstr(error.text, "[0, 100)") != NULL, "%s", error.text);
    T_TRUE_MSG(strstr(error.text, "[100, 150) are gone") != NULL, "%s", error.text);
    T_TRUE(error.hint[0] != 0);
    T_INT_EQ(member_fill(&member, 20, &error), MR_STOPPED); /* it stays so */
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_faults, a_topic_that_is_gone_stops)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 100);
    member_init(&member, &cluster, "gone");
    member_start(&member, 10, 1 << 20);
    member_take(&member, 100);
    rd_kafka_mock_topic_set_error(cluster.mock, T_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    enum mr_rc rc = MR_OK;
    while (rc == MR_OK && mr_clock_monotonic_ms() < deadline) {
        rc = member_fill(&member, 20, &error);
    }
    T_INT_EQ(rc, MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "\"orders\" does not exist any more") != NULL, "%s", error.text);
    member_stop(&member);
    cluster_stop(&cluster);
}

static bool
wait_connected(struct member *member, bool connected)
{
    struct mr_consumer_state state;
    int64_t deadline = mr_clock_monotonic_ms() + 15000;
    do {
        T_INT_EQ(member_fill(member, 20, NULL), MR_OK);
        mr_consumer_get_state(member->consumer, &state);
    } while (state.connected != connected && mr_clock_monotonic_ms() < deadline);
    return state.connected == connected && (state.problem[0] == 0) == connected;
}

Test(consume_faults, an_outage_is_a_state_and_ends_by_itself_with_nothing_lost)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 1000);
    member_init(&member, &cluster, "outage");
    member_start(&member, 10, 1 << 20);
    member_take(&member, 300);
    T_TRUE(wait_connected(&member, true));
    T_INT_EQ(rd_kafka_mock_broker_set_down(cluster.mock, 1), 0);
    T_TRUE(wait_connected(&member, false));
    T_INT_EQ(rd_kafka_mock_broker_set_up(cluster.mock, 1), 0);
    T_TRUE(wait_connected(&member, true));
    cluster_produce(&cluster, 0, 200);
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (member.next[0] < 1200 && mr_clock_monotonic_ms() < deadline) {
        T_TRUE_MSG(member_fill(&member, 20, &error) == MR_OK, "%s", error.text);
    }
    T_INT_EQ(member.next[0], 1200);
    member_stop(&member);
    cluster_stop(&cluster);
}
