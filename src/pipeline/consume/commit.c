/* Offset commits: ask, wait, classify the answer. An error proves nothing about single partitions:
 * librdkafka retries by itself, and stamps one refusal on all of them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"

#define ANSWER_MS    10000
#define READ_BACK_MS 5000

/* ---- answers ---- */

/* The next event of the queue of answers: *ret_number of which commit, 0 for anything else. False:
 * none came. Beside its purpose, every poll tells librdkafka that the application is alive. */
static bool
take_answer(struct mr_consumer *consumer,
            int64_t wait_ms,
            uintptr_t *ret_number,
            rd_kafka_resp_err_t *ret_code)
{
    rd_kafka_event_t *event = mri_wait_event(&consumer->commits, wait_ms);
    if (!event) {
        return false;
    }
    bool answer = rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT;
    *ret_number = answer ? (uintptr_t)rd_kafka_event_opaque(event) : 0;
    *ret_code = rd_kafka_event_error(event);
    consumer->commits_answered += answer;
    rd_kafka_event_destroy(event);
    return true;
}

/* Waits for the answer number `sent`; earlier ones, which timed out, are counted on the way. */
static rd_kafka_resp_err_t
wait_answer(struct mr_consumer *consumer, uintptr_t sent, int64_t timeout_ms)
{
    int64_t deadline = mr_clock_monotonic_ms() + timeout_ms;
    for (int64_t left = timeout_ms; left >= 0; left = deadline - mr_clock_monotonic_ms()) {
        uintptr_t number;
        rd_kafka_resp_err_t code;
        if (take_answer(consumer, left, &number, &code) && number == sent) {
            return code;
        }
    }
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

bool
mri_consume_settle(struct mr_consumer *consumer, int64_t timeout_ms)
{
    int64_t deadline = mr_clock_monotonic_ms() + timeout_ms;
    uintptr_t number;
    rd_kafka_resp_err_t code;
    while (take_answer(consumer, 0, &number, &code)) {
    }
    for (int64_t left = timeout_ms;
         consumer->commits_answered != consumer->commits_sent && left > 0;
         left = deadline - mr_clock_monotonic_ms()) {
        (void)take_answer(consumer, left, &number, &code);
    }
    return consumer->commits_answered == consumer->commits_sent;
}

/* Sends one commit of the list and waits. */
static rd_kafka_resp_err_t
commit_list(struct mr_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    uintptr_t number = ++consumer->commits_sent;
    rd_kafka_resp_err_t code =
        rd_kafka_commit_queue(consumer->rk, list, consumer->commits.queue, NULL, (void *)number);
    if (code) {
        consumer->commits_answered++; /* refused at once: there will be no answer */
        return code;
    }
    return wait_answer(consumer, number, ANSWER_MS);
}

/* ---- at least once ---- */

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
    rd_kafka_resp_err_t code = commit_list(consumer, list);
    bool applied = !code || read_back(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return applied
               ? MR_OK
               : mr_error_set(
                     reterr_error, MR_KAFKA, "offsets not confirmed: %s", rd_kafka_err2str(code));
}

/* ---- exactly once ---- */

/* NULL: a metadata text without an end, or no memory. */
static rd_kafka_topic_partition_list_t *
list_with_metadata(const struct mr_consumer *consumer,
                   const struct mr_offset *offsets,
                   uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        const char *topic = mri_consume_topic_name(consumer, offsets[i].topic);
        size_t len = strnlen(offsets[i].metadata, sizeof offsets[i].metadata);
        rd_kafka_topic_partition_t *elem =
            rd_kafka_topic_partition_list_add(list, topic, offsets[i].partition);
        elem->offset = offsets[i].offset;
        elem->metadata =
            len < sizeof offsets[i].metadata ? strndup(offsets[i].metadata, len) : NULL;
        elem->metadata_size = len; /* the list frees it */
        if (!elem->metadata) {
            elem->metadata_size = 0;
            rd_kafka_topic_partition_list_destroy(list);
            return NULL;
        }
    }
    return list;
}

/* A client that is at its end refuses by itself; what ended it is the answer. */
static rd_kafka_resp_err_t
cause_of(struct mr_consumer *consumer, rd_kafka_resp_err_t code)
{
    char text[256];
    rd_kafka_resp_err_t fatal = code == RD_KAFKA_RESP_ERR__FATAL
                                    ? rd_kafka_fatal_error(consumer->rk, text, sizeof text)
                                    : RD_KAFKA_RESP_ERR_NO_ERROR;
    return fatal ? fatal : code;
}

enum mr_answer
mri_consume_answer_of(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return MR_ANSWER_OK;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        return MR_ANSWER_FENCED;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__DESTROY:
    case RD_KAFKA_RESP_ERR__WAIT_COORD: /* parked after an attempt that may have got through */
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: /* written, its replication not awaited to the end */
        return MR_ANSWER_LOST;
    default:
        return MR_ANSWER_ERROR;
    }
}

enum mr_answer
mr_consumer_commit_offsets(struct mr_consumer *consumer,
                           const struct mr_offset *offsets,
                           uint32_t count,
                           struct mr_error *reterr_error)
{
    if (!mri_consume_settle(consumer, 0)) {
        (void)mr_error_set(
            reterr_error, MR_KAFKA, "offsets not committed: an earlier commit has no answer yet");
        return MR_ANSWER_LOST;
    }
    rd_kafka_topic_partition_list_t *list = list_with_metadata(consumer, offsets, count);
    if (!list) {
        (void)mr_error_set(
            reterr_error, MR_MEMORY, "offsets not committed: metadata without an end, or no memory");
        return MR_ANSWER_ERROR;
    }
    rd_kafka_resp_err_t code = cause_of(consumer, commit_list(consumer, list));
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        (void)mr_error_set(
            reterr_error, MR_KAFKA, "offsets not confirmed: %s", rd_kafka_err2str(code));
    }
    return mri_consume_answer_of(code);
}
