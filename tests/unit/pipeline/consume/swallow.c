#include "swallow.h"

#include "millrace/base/assert.h"
#include "test.h"

static struct swallow rules[4];
static int rule_count;
static int32_t endless = -1;

struct filter {
    void (*callback)(rd_kafka_message_t *message, void *opaque);
    void *opaque;
};

int __real_rd_kafka_consume_callback_queue(rd_kafka_queue_t *queue,
                                           int timeout_ms,
                                           void (*callback)(rd_kafka_message_t *, void *),
                                           void *opaque);

int __wrap_rd_kafka_consume_callback_queue(rd_kafka_queue_t *queue,
                                           int timeout_ms,
                                           void (*callback)(rd_kafka_message_t *, void *),
                                           void *opaque);

static const struct swallow *
rule_for(const rd_kafka_message_t *message)
{
    for (int i = 0; i < rule_count && !message->err; i++) {
        struct swallow *rule = &rules[i];
        if (message->partition == rule->partition && message->offset >= rule->first &&
            message->offset <= rule->last &&
            rule->hits[message->offset - rule->first] < rule->left) {
            rule->hits[message->offset - rule->first]++;
            return rule;
        }
    }
    return NULL;
}

static void
pass(rd_kafka_message_t *message, void *opaque)
{
    const struct filter *filter = opaque;
    const struct swallow *rule = rule_for(message);
    bool end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (end && message->partition == endless) {
        return;
    }
    if (!rule) {
        filter->callback(message, filter->opaque);
    } else if (rule->error) {
        rd_kafka_message_t bad = {.err = rule->error,
                                  .rkt = message->rkt,
                                  .partition = message->partition,
                                  .offset = message->offset};
        filter->callback(&bad, filter->opaque);
    }
}

int
__wrap_rd_kafka_consume_callback_queue(rd_kafka_queue_t *queue,
                                       int timeout_ms,
                                       void (*callback)(rd_kafka_message_t *, void *),
                                       void *opaque)
{
    struct filter filter = {callback, opaque};
    return __real_rd_kafka_consume_callback_queue(queue, timeout_ms, pass, &filter);
}

struct swallow *
swallow(int32_t partition, int64_t first, int64_t last, int times, rd_kafka_resp_err_t error)
{
    MR_INSIST(rule_count < (int)MR_ARRAY_LEN(rules) && last - first < 16);
    rules[rule_count] = (struct swallow){partition, first, last, times, error, {0}};
    return &rules[rule_count++];
}

void
swallow_ends(int32_t partition)
{
    endless = partition;
}

void
swallow_start(struct cluster *cluster, struct member *member, const char *group)
{
    rule_count = 0;
    endless = -1;
    cluster_start(cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(cluster, p, 100);
    }
    member_init(member, cluster, group);
}

void
swallow_stop(struct cluster *cluster, struct member *member)
{
    member_stop(member);
    cluster_stop(cluster);
}

void
swallow_check_counts(const struct member *member, int64_t skipped, int64_t gap_offsets)
{
    struct mr_consumer_state state;
    mr_consumer_get_state(member->consumer, &state);
    T_INT_EQ(state.skipped, skipped);
    T_INT_EQ(state.gap_offsets, gap_offsets);
}
