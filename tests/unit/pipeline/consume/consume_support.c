#include "consume_support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "test.h"

/* ---- cluster ---- */

void
cluster_start(struct cluster *cluster)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    memset(cluster, 0, sizeof *cluster);
    T_INT_EQ(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why), 0);
    T_INT_EQ(rd_kafka_conf_set(conf, "linger.ms", "5", why, sizeof why), 0);
    cluster->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    T_TRUE_MSG(cluster->rk != NULL, "%s", why);
    cluster->mock = rd_kafka_handle_mock_cluster(cluster->rk);
    T_INT_EQ(rd_kafka_mock_topic_create(cluster->mock, T_TOPIC, T_PARTITIONS, 1), 0);
}

void
cluster_stop(struct cluster *cluster)
{
    rd_kafka_destroy(cluster->rk);
}

static void
enqueue(struct cluster *cluster,
        int32_t partition,
        const char *key,
        const void *value,
        size_t value_len)
{
    rd_kafka_resp_err_t code;
    do {
        code = rd_kafka_producev(cluster->rk,
                                 RD_KAFKA_V_TOPIC(T_TOPIC),
                                 RD_KAFKA_V_PARTITION(partition),
                                 RD_KAFKA_V_KEY(key, key ? strlen(key) : 0),
                                 RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_len),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(cluster->rk, 50);
        }
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    T_INT_EQ(code, 0);
    cluster->produced[partition]++;
}

void
cluster_produce(struct cluster *cluster, int32_t partition, int count)
{
    char key[32], value[64];
    for (int i = 0; i < count; i++) {
        int64_t offset = cluster->produced[partition];
        snprintf(key, sizeof key, "k%" PRId64, offset);
        int len = snprintf(value, sizeof value, "p%" PRId32 " o%" PRId64, partition, offset);
        enqueue(cluster, partition, key, value, (size_t)len);
    }
    T_INT_EQ(rd_kafka_flush(cluster->rk, T_PATIENCE_MS), 0);
}

void
cluster_produce_one(struct cluster *cluster,
                    int32_t partition,
                    const char *key,
                    const void *value,
                    size_t value_len)
{
    enqueue(cluster, partition, key, value, value_len);
    T_INT_EQ(rd_kafka_flush(cluster->rk, T_PATIENCE_MS), 0);
}

void
cluster_commit(struct cluster *cluster,
               const char *group,
               int32_t partition,
               int64_t offset,
               const char *metadata)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *brokers = rd_kafka_mock_cluster_bootstraps(cluster->mock);
    T_INT_EQ(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why), 0);
    T_INT_EQ(rd_kafka_conf_set(conf, "group.id", group, why, sizeof why), 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    T_TRUE_MSG(rk != NULL, "%s", why);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *elem = rd_kafka_topic_partition_list_add(list, T_TOPIC, partition);
    elem->offset = offset;
    elem->metadata = strdup(metadata);
    elem->metadata_size = strlen(metadata);
    T_INT_EQ(rd_kafka_commit(rk, list, 0), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

/* ---- member ---- */

static enum mr_rc
on_assigned(void *context, struct mr_span *spans, int64_t *until, uint32_t count)
{
    struct member *member = context;
    member->assigned++;
    if (member->in_assigned) {
        member->in_assigned(member);
    }
    if (member->stop) {
        return MR_STOPPED;
    }
    if (member->refusals > 0) {
        member->refusals--;
        return MR_STARROCKS;
    }
    for (uint32_t i = 0; i < count; i++) {
        T_INT_EQ(spans[i].end, -1);
        T_INT_EQ(until[i], -1);
        const int64_t *starts = member->shared ? member->shared : member->starts;
        spans[i].end = starts[spans[i].partition];
        until[i] = member->until[spans[i].partition];
        spans[i].totals.consumed = 1000 + spans[i].partition;
    }
    return MR_OK;
}

static enum mr_rc
on_positions(void *context, const struct mr_span *spans, uint32_t count)
{
    struct member *member = context;
    member->positions++;
    for (uint32_t i = 0; i < count; i++) {
        T_TRUE(spans[i].end >= 0);
        T_INT_EQ(spans[i].totals.consumed, 1000 + spans[i].partition);
        member->next[spans[i].partition] = spans[i].end;
        member->first[spans[i].partition] = spans[i].end;
    }
    return MR_OK;
}

static void
on_revoked(void *context, bool lost)
{
    struct member *member = context;
    member->revoked++;
    member->lost += lost;
    for (int i = 0; i < T_PARTITIONS; i++) {
        if (member->shared && member->next[i] >= 0) {
            member->shared[i] = member->next[i];
        }
        member->next[i] = -1;
    }
}

void
member_property(struct member *member, const char *name, const char *value)
{
    struct mr_pairs *pairs = &member->config.kafka.properties;
    T_TRUE(pairs->count < MR_ARRAY_LEN(member->properties));
    pairs->items = member->properties;
    pairs->items[pairs->count++] =
        (struct mr_pair){(char *)(uintptr_t)name, (char *)(uintptr_t)value, pairs->count + 1};
}

void
member_init(struct member *member, const struct cluster *cluster, const char *group)
{
    memset(member, 0, sizeof *member);
    member->topics[0] = (char *)(uintptr_t)T_TOPIC;
    member->config.kafka.brokers =
        (char *)(uintptr_t)(cluster ? rd_kafka_mock_cluster_bootstraps(cluster->mock)
                                    : "127.0.0.1:1");
    member->config.kafka.topics = (struct mr_strings){member->topics, 1};
    member->config.kafka.group = (char *)(uintptr_t)group;
    member->config.event.max_bytes = 1000;
    member->config.quarantine.raw_bytes = 100;
    member_property(member, "session.timeout.ms", "4500");
    member_property(member, "heartbeat.interval.ms", "200");
    member_property(member, "fetch.wait.max.ms", "10");
    for (int i = 0; i < T_PARTITIONS; i++) {
        member->next[i] = -1;
        member->starts[i] = -1;
        member->until[i] = -1;
    }
}

void
member_start(struct member *member, uint32_t records, size_t bytes)
{
    struct mr_error error = {0};
    struct mr_consumer_events events = {member, on_assigned, on_positions, on_revoked};
    T_INT_EQ(mr_batch_new(records, bytes, &member->batch), MR_OK);
    enum mr_rc rc = mr_consumer_new(&member->config, &events, &member->consumer, &error);
    T_TRUE_MSG(rc == MR_OK, "%s", error.text);
    rc = mr_consumer_subscribe(member->consumer, &error);
    T_TRUE_MSG(rc == MR_OK, "%s", error.text);
}

/* Values that cluster_produce did not make begin with another letter. */
static void
check_bytes(struct member *member, const struct mr_record *record)
{
    char value[64], key[32];
    int value_len =
        snprintf(value, sizeof value, "p%" PRId32 " o%" PRId64, record->partition, record->offset);
    int key_len = snprintf(key, sizeof key, "k%" PRId64, record->offset);
    if (!record->value || record->value_len == 0 || record->value[0] != 'p') {
        return;
    }
    T_INT_EQ(record->value_len, value_len);
    T_TRUE(memcmp(record->value, value, record->value_len) == 0);
    T_INT_EQ(record->key_len, key_len);
    T_TRUE(memcmp(record->key, key, record->key_len) == 0);
    T_TRUE(record->time_us > INT64_C(1577836800000000));
    member->checked++;
}

enum mr_rc
member_fill(struct member *member, int64_t timeout_ms, struct mr_error *reterr_error)
{
    mr_batch_reset(member->batch);
    enum mr_rc rc = mr_consumer_fill(member->consumer, member->batch, timeout_ms, reterr_error);
    for (uint32_t i = 0; i < member->batch->count; i++) {
        const struct mr_record *record = &member->batch->records[i];
        T_INT_EQ(record->topic, 0);
        T_TRUE(record->partition >= 0 && record->partition < T_PARTITIONS);
        T_INT_EQ(record->offset, member->next[record->partition]);
        member->next[record->partition]++;
        member->taken[record->partition]++;
        check_bytes(member, record);
    }
    return rc;
}

int64_t
member_total(const struct member *member)
{
    int64_t total = 0;
    for (int i = 0; i < T_PARTITIONS; i++) {
        total += member->taken[i];
    }
    return total;
}

void
member_take(struct member *member, int64_t total)
{
    struct mr_error error = {0};
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (member_total(member) < total && mr_clock_monotonic_ms() < deadline) {
        enum mr_rc rc = member_fill(member, 20, &error);
        T_TRUE_MSG(rc == MR_OK, "%s", error.text);
    }
    T_TRUE_MSG(member_total(member) >= total, "%d of %d", (int)member_total(member), (int)total);
}

void
member_wait_assigned(struct member *member, uint32_t count)
{
    struct mr_error error = {0};
    struct mr_consumer_state state = {0};
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    do {
        enum mr_rc rc = mr_consumer_fill(member->consumer, NULL, 20, &error);
        T_TRUE_MSG(rc == MR_OK, "%s", error.text);
        mr_consumer_get_state(member->consumer, &state);
    } while (state.partitions != count && mr_clock_monotonic_ms() < deadline);
    T_INT_EQ(state.partitions, count);
}

static int
member_holds(const struct member *member)
{
    int held = 0;
    for (int i = 0; i < T_PARTITIONS; i++) {
        held += member->next[i] >= 0;
    }
    return held;
}

static void
serve(struct member *member, bool take)
{
    enum mr_rc rc = take ? member_fill(member, 10, NULL)
                         : mr_consumer_fill(member->consumer, NULL, 10, NULL);
    T_INT_EQ(rc, MR_OK);
}

void
members_share(struct member *a, struct member *b, bool take)
{
    const int half = T_PARTITIONS / 2;
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while ((member_holds(a) != half || member_holds(b) != half) &&
           mr_clock_monotonic_ms() < deadline) {
        serve(a, take);
        serve(b, take);
    }
    T_INT_EQ(member_holds(a), half);
    T_INT_EQ(member_holds(b), half);
}

enum mr_rc
member_commit(struct member *member, struct mr_error *reterr_error)
{
    struct mr_span spans[T_PARTITIONS];
    uint32_t count = 0;
    memset(spans, 0, sizeof spans);
    for (int i = 0; i < T_PARTITIONS; i++) {
        if (member->next[i] >= 0) {
            spans[count].partition = i;
            spans[count++].end = member->next[i];
        }
    }
    return mr_consumer_commit(member->consumer, spans, count, reterr_error);
}

void
member_stop(struct member *member)
{
    mr_consumer_free(&member->consumer);
    mr_batch_free(&member->batch);
}

void
member_take_replay(struct member *member)
{
    struct mr_error error = {0};
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (mr_consumer_replaying(member->consumer) && mr_clock_monotonic_ms() < deadline) {
        T_TRUE_MSG(member_fill(member, 20, &error) == MR_OK, "%s", error.text);
    }
    T_TRUE(!mr_consumer_replaying(member->consumer));
}
