/* Assignments: what is taken over and given up, and routing of messages.
 *
 * Messages of all partitions are forwarded to a queue of their own, so that the consumer's control
 * queue holds rebalances and errors only: under back-pressure it is served without taking a
 * message, and a rebalance never waits behind messages. librdkafka keeps such a forward over the
 * start of the fetch (it marks queues that the application forwarded), so it is set before
 * rd_kafka_assign.
 *
 * A start that cannot be found yet (StarRocks or the coordinator is away) does not hold up the
 * group: an empty assignment is taken, and the partitions are tried again after a pause. */
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "pipeline/consume/consume_priv.h"

#define RETRY_FIRST_MS 500
#define RETRY_MOST_MS  5000
#define SETTLE_MS      5000

void
mri_consume_drop_slots(struct mr_consumer *consumer)
{
    free(consumer->slots);
    consumer->slots = NULL;
    consumer->slot_count = 0;
    consumer->replay = MRI_REPLAY_NONE;
    consumer->replay_left = 0;
    consumer->again = false;
    consumer->last_topic = NULL;
    consumer->last_slot = NULL;
    consumer->held.set = false;
    consumer->generation++;
    if (consumer->batch) {
        /* Nobody has taken these records yet; whoever gets the partitions reads them again. */
        consumer->batch->count = 0;
        consumer->batch->bytes_used = 0;
    }
    mri_consume_publish(consumer, true);
}

static void
drop_pending(struct mr_consumer *consumer)
{
    if (consumer->pending) {
        rd_kafka_topic_partition_list_destroy(consumer->pending);
        consumer->pending = NULL;
    }
    consumer->pending_pause_ms = 0;
}

/* ---- spans, slots ---- */

static int
compare_slots(const void *a, const void *b)
{
    const struct mri_slot *left = a, *right = b;
    if (left->topic != right->topic) {
        return left->topic < right->topic ? -1 : 1;
    }
    return (left->partition > right->partition) - (left->partition < right->partition);
}

struct mri_slot *
mri_consume_find_slot(struct mr_consumer *consumer, uint16_t topic, int32_t partition)
{
    struct mri_slot key = {.topic = topic, .partition = partition};
    return consumer->slot_count == 0
               ? NULL
               : bsearch(&key, consumer->slots, consumer->slot_count, sizeof key, compare_slots);
}

/* One span an element, without offsets. NULL: no memory. */
static struct mr_span *
new_spans(const struct mr_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    struct mr_span *spans = calloc((size_t)list->cnt + 1, sizeof *spans);
    for (int i = 0; spans && i < list->cnt; i++) {
        spans[i].topic = (uint16_t)mri_consume_topic_index(consumer, list->elems[i].topic);
        spans[i].partition = list->elems[i].partition;
        spans[i].start = -1;
        spans[i].end = -1;
        spans[i].event_time_us = INT64_MIN;
    }
    return spans;
}

/* until[i] as the app gave it; an end that the start has reached is none. */
static enum mr_rc
add_slots(struct mr_consumer *consumer,
          const struct mr_span *spans,
          const int64_t *until,
          uint32_t count)
{
    struct mri_slot *slots = calloc(count + 1, sizeof *slots);
    if (!slots) {
        return MR_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t end = until[i] > spans[i].end ? until[i] : -1;
        slots[i] = (struct mri_slot){.topic = spans[i].topic,
                                     .partition = spans[i].partition,
                                     .position = spans[i].end,
                                     .until = end,
                                     .gap = {.to = -1}};
    }
    if (count > 1) {
        qsort(slots, count, sizeof *slots, compare_slots);
    }
    memset(consumer->topic_has_gaps, 0, consumer->config->kafka.topics.count * sizeof(bool));
    free(consumer->slots);
    consumer->slots = slots;
    consumer->slot_count = count;
    consumer->generation++;
    mri_replay_begin(consumer);
    mri_consume_publish(consumer, true);
    return MR_OK;
}

/* ---- the assignment ---- */

static void
route_messages(struct mr_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(
            consumer->rk, list->elems[i].topic, list->elems[i].partition);
        if (queue) {
            rd_kafka_queue_forward(queue, consumer->data.queue);
            rd_kafka_queue_destroy(queue);
        }
    }
}

static enum mr_rc
take_over(struct mr_consumer *consumer,
          rd_kafka_topic_partition_list_t *list,
          struct mr_span *spans,
          int64_t *until)
{
    uint32_t count = (uint32_t)list->cnt;
    enum mr_rc rc = mri_starts_find(consumer, list, spans, until);
    if (rc == MR_OK) {
        rc = add_slots(consumer, spans, until, count);
    }
    if (rc == MR_OK && consumer->events.positions) {
        rc = consumer->events.positions(consumer->events.context, spans, count);
        if (rc != MR_OK) {
            mri_starts_refused("ledger", mr_rc_text(rc));
            mri_consume_drop_slots(consumer);
        }
    }
    return rc;
}

/* As take_over, with the memory for it. */
static enum mr_rc
take_over_list(struct mr_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    struct mr_span *spans = new_spans(consumer, list);
    int64_t *until = calloc((size_t)list->cnt + 1, sizeof *until);
    for (int i = 0; until && i < list->cnt; i++) {
        until[i] = -1;
    }
    enum mr_rc rc = spans && until ? take_over(consumer, list, spans, until) : MR_MEMORY;
    free(until);
    free(spans);
    return rc;
}

static void
log_assignment(const rd_kafka_topic_partition_list_t *list)
{
    mr_log(MR_LOG_INFO, "consume", "partitions assigned", MR_INT("partitions", list->cnt));
    for (int i = 0; i < list->cnt; i++) {
        mr_log(MR_LOG_DEBUG,
               "consume",
               "partition starts",
               MR_STR("topic", list->elems[i].topic),
               MR_INT("partition", list->elems[i].partition),
               MR_INT("offset", list->elems[i].offset));
    }
}

void
mri_consume_assign(struct mr_consumer *consumer, const struct mri_slot *slots)
{
    uint32_t count = slots ? consumer->slot_count : 0;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        const char *topic = mri_consume_topic_name(consumer, slots[i].topic);
        if (consumer->replay == MRI_REPLAY_NONE || slots[i].until >= 0) {
            rd_kafka_topic_partition_list_add(list, topic, slots[i].partition)->offset =
                slots[i].position;
        }
    }
    route_messages(consumer, list);
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        mri_problem_note(&consumer->problem, MRI_PROBLEM_GROUP, code, rd_kafka_err2str(code));
    }
}

/* Takes the pending list over. False: to be tried again. The group waits for the assignment of its
 * own event, whatever happened meanwhile; a local one after a loss would only hide it. */
static bool
try_pending(struct mr_consumer *consumer, bool local)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(consumer->pending);
    enum mr_rc rc = take_over_list(consumer, list);
    if (rc == MR_OK && !(local && rd_kafka_assignment_lost(consumer->rk))) {
        mri_consume_assign(consumer, consumer->slots);
        log_assignment(list);
        mri_problem_end(&consumer->problem, MRI_PROBLEM_GROUP);
    }
    if (rc == MR_OK) {
        drop_pending(consumer);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return rc == MR_OK;
}

static void
set_retry(struct mr_consumer *consumer)
{
    int64_t pause = consumer->pending_pause_ms * 2;
    pause = pause < RETRY_FIRST_MS ? RETRY_FIRST_MS : pause;
    consumer->pending_pause_ms = pause > RETRY_MOST_MS ? RETRY_MOST_MS : pause;
    consumer->pending_at_ms = mr_clock_monotonic_ms() + consumer->pending_pause_ms;
}

void
mri_consume_retry(struct mr_consumer *consumer)
{
    if (!consumer->pending || mr_clock_monotonic_ms() < consumer->pending_at_ms ||
        consumer->stop.rc != MR_OK || rd_kafka_assignment_lost(consumer->rk)) {
        return;
    }
    consumer->in_event = true;
    if (!try_pending(consumer, true)) {
        set_retry(consumer);
    }
    consumer->in_event = false;
}

static void
on_assign(struct mr_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    consumer->rebalances++;
    consumer->epoch++;
    consumer->standby = list->cnt == 0;
    drop_pending(consumer);
    consumer->pending = rd_kafka_topic_partition_list_copy(list);
    if (list->cnt > 0 && consumer->stop.rc == MR_OK && try_pending(consumer, false)) {
        return;
    }
    /* The group must not wait for us: with nothing assigned, we are its member all the same. */
    mri_consume_assign(consumer, NULL);
    if (list->cnt == 0) {
        drop_pending(consumer);
        mr_log(MR_LOG_INFO, "consume", "no partition is left for this member, standing by");
    } else {
        set_retry(consumer);
    }
}

static void
on_revoke(struct mr_consumer *consumer)
{
    bool lost = rd_kafka_assignment_lost(consumer->rk) != 0;
    consumer->standby = false;
    if (consumer->slot_count > 0) {
        mr_log(lost ? MR_LOG_WARN : MR_LOG_INFO,
               "consume",
               "partitions revoked",
               MR_INT("partitions", consumer->slot_count),
               MR_STR("lost", lost ? "yes" : "no"));
        if (consumer->events.revoked) {
            consumer->events.revoked(consumer->events.context, lost);
        }
    }
    drop_pending(consumer);
    mri_consume_drop_slots(consumer);
    consumer->epoch++;
    /* Unassigning under an outstanding commit stops the heartbeats: first its answer. */
    (void)mri_consume_settle(consumer, SETTLE_MS);
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer->rk, NULL);
    if (code) {
        mri_problem_note(&consumer->problem, MRI_PROBLEM_GROUP, code, rd_kafka_err2str(code));
    }
}

void
mri_consume_rebalance(struct mr_consumer *consumer,
                      rd_kafka_resp_err_t code,
                      const rd_kafka_topic_partition_list_t *list)
{
    consumer->in_event = true;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        on_assign(consumer, list);
    } else {
        on_revoke(consumer); /* also for codes that this version does not know */
    }
    consumer->in_event = false;
}
