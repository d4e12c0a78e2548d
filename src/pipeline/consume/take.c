/* Messages into batches. */
#include <inttypes.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"

#define RANGE_MS 2000 /* for the two numbers in an error text */

static struct mri_slot *
slot_of(struct mr_consumer *consumer, const rd_kafka_message_t *message)
{
    struct mri_slot *last = consumer->last_slot;
    if (last && consumer->last_topic == message->rkt && last->partition == message->partition) {
        return last;
    }
    uint32_t topic = mri_consume_topic_index(consumer, rd_kafka_topic_name(message->rkt));
    last = mri_consume_find_slot(consumer, (uint16_t)topic, message->partition);
    consumer->last_topic = message->rkt;
    consumer->last_slot = last;
    return last;
}

static struct mr_record
record_of(const rd_kafka_message_t *message, const struct mri_slot *slot)
{
    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    return (struct mr_record){.value = message->payload,
                              .key = message->key,
                              .value_len = (uint32_t)message->len,
                              .key_len = (uint32_t)message->key_len,
                              .partition = message->partition,
                              .offset = message->offset,
                              .time_us = time_ms < 0 ? -1 : time_ms * 1000,
                              .topic = slot->topic};
}

static bool
add_record(struct mr_consumer *consumer, const struct mr_record *record)
{
    return mr_batch_add(consumer->batch,
                        record,
                        (size_t)consumer->config->event.max_bytes,
                        (size_t)consumer->config->quarantine.raw_bytes);
}

/* Copies a message that found the batch full: librdkafka frees it when the callback returns. */
static void
hold(struct mr_consumer *consumer, const struct mr_record *record)
{
    struct mri_held *held = &consumer->held;
    MR_INSIST(!held->set);
    mr_text_reset(&held->bytes);
    mr_text_add(&held->bytes, record->value, record->value ? record->value_len : 0);
    mr_text_add(&held->bytes, record->key, record->key ? record->key_len : 0);
    mr_text_add(&held->bytes, "", 1); /* never empty, so that its address is good */
    if (held->bytes.overflow) {
        consumer->stop.rc = mr_error_set(&consumer->stop.error,
                                         MR_MEMORY,
                                         "no memory for a message of %" PRIu32 " bytes",
                                         record->value_len);
        return;
    }
    held->record = *record;
    held->record.value = record->value ? held->bytes.p : NULL;
    held->record.key = record->key ? held->bytes.p + (record->value ? record->value_len : 0) : NULL;
    held->set = true;
}

/* The held message first; an empty batch that cannot take it gets it without its key. */
static void
add_held(struct mr_consumer *consumer)
{
    struct mri_held *held = &consumer->held;
    if (!held->set) {
        return;
    }
    bool added = add_record(consumer, &held->record);
    if (!added && consumer->batch->count == 0) {
        held->record.key_len = 0;
        added = add_record(consumer, &held->record);
        MR_REQUIRE(added); /* batches have room for event.max_bytes */
    }
    held->set = !added;
}

static bool
is_full(const struct mr_consumer *consumer)
{
    return consumer->held.set || consumer->batch->count == consumer->batch->capacity;
}

static void
on_partition_error(struct mr_consumer *consumer,
                   const rd_kafka_message_t *message,
                   struct mri_slot *slot)
{
    bool outside = message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
                   message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
    /* Behind records that it could not read, the client may look anywhere. */
    if ((outside && slot->gap.unreadable) ||
        mri_gap_refuse(&slot->gap, message->err, mr_clock_monotonic_ms())) {
        mri_gap_stop(consumer, slot);
        return;
    }
    if (outside) {
        consumer->stop.rc = MR_STOPPED;
        consumer->stop.code = message->err;
        consumer->stop.at = *slot;
        return;
    }
    /* A topic that is gone is confirmed by the probe: a starting broker may deny one it has. */
    mri_problem_note(
        &consumer->problem, MRI_PROBLEM_PARTITION, message->err, rd_kafka_message_errstr(message));
}

static void
take_message(struct mr_consumer *consumer, const rd_kafka_message_t *message, struct mri_slot *slot)
{
    struct mr_record record = record_of(message, slot);
    if (!add_record(consumer, &record)) {
        hold(consumer, &record);
    }
    slot->position = message->offset + 1;
    if (slot->until >= 0) {
        mri_replay_reached(consumer, slot, slot->position);
    }
}

/* Of a range that has been read again, nothing more is wanted until everything is read on. */
static bool
is_wanted(const struct mr_consumer *consumer, const struct mri_slot *slot)
{
    return !consumer->again && (consumer->replay == MRI_REPLAY_NONE || slot->until >= 0);
}

static void
take_passed(struct mr_consumer *consumer,
            const rd_kafka_message_t *message,
            struct mri_slot *slot,
            bool end)
{
    if (end) {
        mri_replay_reached(consumer, slot, message->offset);
    } else if (consumer->replay == MRI_REPLAY_NONE ||
               mri_replay_wants(consumer, slot, message->offset)) {
        take_message(consumer, message, slot);
    }
}

static bool
must_yield(const struct mr_consumer *consumer)
{
    return is_full(consumer) || consumer->again || consumer->stop.rc != MR_OK ||
           mri_replay_is_over(consumer);
}

static void
on_message(rd_kafka_message_t *message, void *opaque)
{
    struct mr_consumer *consumer = opaque;
    struct mri_slot *slot = slot_of(consumer, message);
    if (!slot) {
        return; /* of a partition that is not ours any more */
    }
    bool end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (message->err && !end) {
        on_partition_error(consumer, message, slot);
    } else if (is_wanted(consumer, slot) &&
               mri_gap_pass(consumer, slot, message->offset, end)) {
        take_passed(consumer, message, slot, end);
    }
    if (must_yield(consumer)) {
        rd_kafka_yield(consumer->rk); /* the rest stays in the queue, in order */
    }
}

/* Which offsets are missing: asked here, for the callback must not wait. */
static void
explain_range(struct mr_consumer *consumer)
{
    const struct mri_slot *at = &consumer->stop.at;
    const char *topic = mri_consume_topic_name(consumer, at->topic);
    int64_t low = -1, high = -1;
    rd_kafka_resp_err_t code = mri_consume_log_end(
        consumer->rk, topic, at->partition, RD_KAFKA_OFFSET_BEGINNING, RANGE_MS, &low);
    code = code ? code
                : mri_consume_log_end(
                      consumer->rk, topic, at->partition, RD_KAFKA_OFFSET_END, RANGE_MS, &high);
    if (code) {
        (void)mr_error_set(&consumer->stop.error,
                           MR_STOPPED,
                           "topic \"%s\" partition %" PRId32 ": offset %" PRId64
                           " is not in the log any more (its range is unknown: %s)",
                           topic,
                           at->partition,
                           at->position,
                           rd_kafka_err2str(code));
    } else {
        int64_t from = at->position < low ? at->position : high;
        int64_t to = at->position < low ? low : at->position;
        (void)mr_error_set(&consumer->stop.error,
                           MR_STOPPED,
                           "topic \"%s\" partition %" PRId32 ": offset %" PRId64
                           " is to be read next, but the log holds [%" PRId64 ", %" PRId64
                           "): offsets [%" PRId64 ", %" PRId64 ") are gone",
                           topic,
                           at->partition,
                           at->position,
                           low,
                           high,
                           from,
                           to);
    }
    mr_error_hint(
        &consumer->stop.error,
        "retention was faster than we were, or the topic was re-created or truncated; what "
        "is gone cannot be loaded: decide where to go on, and set the group's offsets there");
    consumer->stop.code = 0;
}

static enum mr_rc
check_stop(struct mr_consumer *consumer, struct mr_error *reterr_error)
{
    if (consumer->stop.rc == MR_OK) {
        consumer->stop.rc = mri_probe_verdict(consumer->probe, &consumer->stop.error);
    }
    if (consumer->stop.code) {
        explain_range(consumer);
    }
    if (consumer->stop.rc != MR_OK && reterr_error) {
        *reterr_error = consumer->stop.error;
    }
    return consumer->stop.rc;
}

/* Until the batch is full, or timeout_ms after the first message, or after now when none comes. */
static void
take(struct mr_consumer *consumer, int64_t timeout_ms)
{
    struct mr_batch *batch = consumer->batch;
    int64_t deadline = mr_clock_monotonic_ms() + timeout_ms;
    int64_t left = timeout_ms;
    uint32_t before = batch->count;
    add_held(consumer);
    bool began = batch->count > 0;
    while (!must_yield(consumer) && left >= 0) {
        uint32_t had = batch->count;
        (void)rd_kafka_consume_callback_queue(consumer->data.queue, 0, on_message, consumer);
        if (batch->count == had && !must_yield(consumer)) {
            mri_wait(&consumer->data, left);
        }
        int64_t now = mr_clock_monotonic_ms();
        if (!began && batch->count > 0) {
            began = true;
            deadline = now + timeout_ms;
        }
        left = deadline - now;
        left = left == 0 ? -1 : left;
    }
    if (mri_replay_is_over(consumer)) {
        consumer->replay = MRI_REPLAY_ENDED;
    }
    mri_probe_hurry(consumer->probe, batch->count - before);
    if (batch->count > before) {
        /* A broker's problem goes on: these may have lain in the client's queue. */
        mri_problem_end(&consumer->problem, MRI_PROBLEM_PARTITION);
    }
}

enum mr_rc
mr_consumer_fill(struct mr_consumer *consumer,
                 struct mr_batch *batch,
                 int64_t timeout_ms,
                 struct mr_error *reterr_error)
{
    consumer->batch = batch;
    mri_consume_serve(consumer, batch && consumer->slot_count > 0 ? 0 : timeout_ms);
    mri_replay_go_on(consumer);
    mri_gap_go_back(consumer);
    if (consumer->again) { /* it was not possible yet */
        mri_consume_serve(consumer, batch ? timeout_ms : 0);
    } else if (batch && consumer->slot_count > 0 && consumer->stop.rc == MR_OK) {
        take(consumer, timeout_ms);
    }
    mri_consume_publish(consumer, false);
    consumer->batch = NULL;
    return check_stop(consumer, reterr_error);
}
