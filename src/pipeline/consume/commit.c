/* Offset commits: ask, wait, and after anything but a plain yes read back what the broker has. */
#include <inttypes.h>

#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"

#define ANSWER_MS    10000
#define READ_BACK_MS 5000

static rd_kafka_topic_partition_list_t *
list_of(const struct mr_consumer *consumer, const struct mr_span *spans, uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        const char *topic = mri_consume_topic_name(consumer, spans[i].topic);
        rd_kafka_topic_partition_list_add(list, topic, spans[i].partition)->offset = spans[i].end;
    }
    return list;
}

/* Waits for the answer number `sent`; earlier ones, which timed out, are counted on the way. */
static rd_kafka_resp_err_t
wait_answer(struct mr_consumer *consumer, uintptr_t sent, int64_t timeout_ms)
{
    int64_t deadline = mr_clock_monotonic_ms() + timeout_ms;
    for (int64_t left = timeout_ms; left >= 0; left = deadline - mr_clock_monotonic_ms()) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(consumer->commits, (int)left);
        if (!event) {
            continue;
        }
        bool answer = rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT;
        uintptr_t number = answer ? (uintptr_t)rd_kafka_event_opaque(event) : 0;
        rd_kafka_resp_err_t code = rd_kafka_event_error(event);
        rd_kafka_event_destroy(event);
        consumer->commits_answered += answer;
        if (answer && number == sent) {
            return code;
        }
    }
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

void
mri_consume_settle(struct mr_consumer *consumer, int64_t timeout_ms)
{
    int64_t deadline = mr_clock_monotonic_ms() + timeout_ms;
    int64_t left = timeout_ms;
    while (consumer->commits_answered != consumer->commits_sent && left > 0) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(consumer->commits, (int)left);
        if (event) {
            consumer->commits_answered +=
                rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT;
            rd_kafka_event_destroy(event);
        }
        left = deadline - mr_clock_monotonic_ms();
    }
}

/* True when the broker has exactly the offsets of list. */
static bool
read_back(struct mr_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *now = rd_kafka_topic_partition_list_copy(list);
    bool same = rd_kafka_committed(consumer->rk, now, READ_BACK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; same && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *elem =
            rd_kafka_topic_partition_list_find(now, list->elems[i].topic, list->elems[i].partition);
        same = elem && !elem->err && elem->offset == list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(now);
    return same;
}

/* NULL: these spans may be committed. */
static const char *
objection(struct mr_consumer *consumer, const struct mr_span *spans, uint32_t count)
{
    if (consumer->slot_count == 0) {
        return "no partition is assigned";
    }
    if (rd_kafka_assignment_lost(consumer->rk)) {
        return "the partitions were lost to another member";
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!mri_consume_find_slot(consumer, spans[i].topic, spans[i].partition)) {
            return "a partition is not assigned any more";
        }
    }
    return NULL;
}

enum mr_rc
mr_consumer_commit(struct mr_consumer *consumer,
                   const struct mr_span *spans,
                   uint32_t count,
                   struct mr_error *reterr_error)
{
    if (count == 0) {
        return MR_OK;
    }
    const char *reason = objection(consumer, spans, count);
    if (reason) {
        return mr_error_set(reterr_error, MR_KAFKA, "offsets not committed: %s", reason);
    }
    rd_kafka_topic_partition_list_t *list = list_of(consumer, spans, count);
    uintptr_t number = ++consumer->commits_sent;
    rd_kafka_resp_err_t code =
        rd_kafka_commit_queue(consumer->rk, list, consumer->commits, NULL, (void *)number);
    if (code) {
        consumer->commits_answered++; /* refused at once: there will be no answer */
    } else {
        code = wait_answer(consumer, number, ANSWER_MS);
    }
    bool applied = !code || read_back(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return applied
               ? MR_OK
               : mr_error_set(
                     reterr_error, MR_KAFKA, "offsets not confirmed: %s", rd_kafka_err2str(code));
}
