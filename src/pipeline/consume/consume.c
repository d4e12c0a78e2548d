/* Life of the consumer, its control events, its state. */
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "pipeline/consume/consume_priv.h"

#define PUBLISH_MS 250 /* positions to the probe */
#define LATE_ANSWER_MS                                                                             \
    500 /* an answer that was under way when the connection broke proves nothing */

/* librdkafka's own lines repeat what its errors say; those are told by problem.c. */
static void
log_client(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const int critical = 2;
    (void)rk;
    mr_log(level <= critical ? MR_LOG_WARN : MR_LOG_DEBUG,
           "consume",
           "librdkafka reports",
           MR_STR("facility", facility),
           MR_STR("text", text));
}

static enum mr_rc
open_client(struct mr_consumer *consumer, struct mr_error *reterr_error)
{
    char why[256];
    rd_kafka_conf_t *conf = NULL;
    enum mr_rc rc = mri_consume_conf(consumer->config, NULL, &conf, reterr_error);
    if (rc != MR_OK) {
        return rc;
    }
    rd_kafka_conf_set_log_cb(conf, log_client);
    rd_kafka_conf_set_events(
        conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_OFFSET_COMMIT);
    consumer->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!consumer->rk) {
        rd_kafka_conf_destroy(conf); /* a client takes it over; this one was refused */
        return mr_error_set(reterr_error, MR_CONFIG, "source.kafka: %s", why);
    }
    rd_kafka_poll_set_consumer(consumer->rk);
    rc = mri_wait_open(&consumer->control, rd_kafka_queue_get_consumer(consumer->rk));
    if (rc == MR_OK) {
        rc = mri_wait_open(&consumer->data, rd_kafka_queue_new(consumer->rk));
    }
    if (rc == MR_OK) {
        rc = mri_wait_open(&consumer->commits, rd_kafka_queue_new(consumer->rk));
    }
    return rc == MR_OK ? MR_OK : mr_error_set(reterr_error, rc, "consumer: no file descriptor");
}

enum mr_rc
mr_consumer_new(const struct mr_config *config,
                const struct mr_consumer_events *events,
                struct mr_consumer **ret_consumer,
                struct mr_error *reterr_error)
{
    struct mr_consumer *consumer = calloc(1, sizeof *consumer);
    if (!consumer) {
        return mr_error_set(reterr_error, MR_MEMORY, "consumer: out of memory");
    }
    consumer->config = config;
    consumer->events = *events;
    consumer->topic_has_gaps = calloc(config->kafka.topics.count + 1, sizeof(bool));
    consumer->held.bytes.limit = SIZE_MAX / 2; /* a message is bounded by the client's own limits */
    enum mr_rc rc = consumer->topic_has_gaps
                        ? open_client(consumer, reterr_error)
                        : mr_error_set(reterr_error, MR_MEMORY, "consumer: out of memory");
    if (rc == MR_OK &&
        mri_probe_start(consumer->rk, &config->kafka.topics, &consumer->probe) != MR_OK) {
        rc = mr_error_set(reterr_error, MR_SYSTEM, "consumer: no thread for the probe");
    }
    if (rc != MR_OK) {
        mr_consumer_free(&consumer);
        return rc;
    }
    *ret_consumer = consumer;
    return MR_OK;
}

void
mr_consumer_free(struct mr_consumer **consumer)
{
    struct mr_consumer *old = *consumer;
    if (!old) {
        return;
    }
    if (old->rk) {
        mri_consume_close(old);
    }
    if (old->pending) {
        rd_kafka_topic_partition_list_destroy(old->pending);
    }
    mr_text_fini(&old->held.bytes);
    free(old->topic_has_gaps);
    free(old->slots);
    free(old);
    *consumer = NULL;
}

enum mr_rc
mr_consumer_subscribe(struct mr_consumer *consumer, struct mr_error *reterr_error)
{
    const struct mr_strings *topics = &consumer->config->kafka.topics;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topics->count);
    for (uint32_t i = 0; i < topics->count; i++) {
        rd_kafka_topic_partition_list_add(list, topics->items[i], RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        return mr_error_set(reterr_error, MR_KAFKA, "cannot subscribe: %s", rd_kafka_err2str(code));
    }
    consumer->subscribed = true;
    return MR_OK;
}

/* ---- control events ---- */

static enum mri_problem_kind
kind_of(rd_kafka_resp_err_t code)
{
    /* The client's own codes are about connections; what a broker answers is about the group. */
    bool local = code < RD_KAFKA_RESP_ERR__END && code != RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED;
    return local ? MRI_PROBLEM_BROKER : MRI_PROBLEM_GROUP;
}

static void
on_error(struct mr_consumer *consumer, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    if (rd_kafka_event_error_is_fatal(event)) {
        consumer->stop.rc = mr_error_set(
            &consumer->stop.error, MR_KAFKA, "the kafka client cannot go on: %s", text);
    } else if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        mri_problem_note(&consumer->problem, kind_of(code), code, text);
    }
}

static void
serve_event(struct mr_consumer *consumer, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE:
        mri_consume_rebalance(
            consumer, rd_kafka_event_error(event), rd_kafka_event_topic_partition_list(event));
        break;
    case RD_KAFKA_EVENT_ERROR:
        on_error(consumer, event);
        break;
    default: /* no other kind is enabled */
        break;
    }
    rd_kafka_event_destroy(event);
}

void
mri_consume_serve(struct mr_consumer *consumer, int64_t timeout_ms)
{
    rd_kafka_event_t *event;
    bool due = consumer->pending && mr_clock_monotonic_ms() >= consumer->pending_at_ms;
    int64_t wait_ms = due ? 0 : timeout_ms;
    while ((event = mri_wait_event(&consumer->control, wait_ms)) != NULL) {
        serve_event(consumer, event);
        wait_ms = 0;
    }
    mri_consume_retry(consumer);
    if (mri_probe_answered_ms(consumer->probe) > consumer->problem.last_ms + LATE_ANSWER_MS) {
        mri_problem_end(&consumer->problem, MRI_PROBLEM_BROKER);
    }
}

/* ---- state ---- */

void
mri_consume_publish(struct mr_consumer *consumer, bool now)
{
    int64_t time_ms = mr_clock_monotonic_ms();
    if (now || time_ms - consumer->published_ms >= PUBLISH_MS) {
        consumer->published_ms = time_ms;
        mri_probe_update(
            consumer->probe, consumer->slots, consumer->slot_count, consumer->generation);
    }
}

/* -1 while it is unknown: without an assignment, and before the first answer to a fetch. */
static int64_t
lag_of(const struct mr_consumer *consumer)
{
    int64_t lag = 0;
    for (uint32_t i = 0; i < consumer->slot_count; i++) {
        const struct mri_slot *slot = &consumer->slots[i];
        int64_t low = -1, high = -1;
        rd_kafka_resp_err_t code =
            rd_kafka_get_watermark_offsets(consumer->rk,
                                           mri_consume_topic_name(consumer, slot->topic),
                                           slot->partition,
                                           &low,
                                           &high);
        if (code || high < 0) {
            return -1;
        }
        lag += high > slot->position ? high - slot->position : 0;
    }
    return consumer->slot_count > 0 || consumer->standby ? lag : -1;
}

void
mr_consumer_get_state(struct mr_consumer *consumer, struct mr_consumer_state *ret_state)
{
    int64_t answered = mri_probe_answered_ms(consumer->probe);
    struct mr_consumer_state state = {
        .connected = answered > 0 && answered >= mri_probe_unanswered_ms(consumer->probe) &&
                     consumer->problem.kind != MRI_PROBLEM_BROKER,
        .joined = consumer->slot_count > 0 || consumer->standby,
        .partitions = consumer->slot_count,
        .lag_records = lag_of(consumer),
        .rebalances = consumer->rebalances,
        .gap_offsets = consumer->gap_offsets,
        .skipped = consumer->skipped};
    snprintf(state.problem, sizeof state.problem, "%s", consumer->problem.text);
    *ret_state = state;
}
