/* Where an assignment starts: at the app's offsets, the group's, or those of the configuration. */
#include "millrace/base/log.h"
#include "pipeline/consume/consume_priv.h"

#define COMMITTED_MS 10000
#define OFFSETS_MS   10000

/* The elements that have no offset (< 0) yet. */
static rd_kafka_topic_partition_list_t *
missing_of(const rd_kafka_topic_partition_list_t *list, int64_t query)
{
    rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_new(list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *elem = &list->elems[i];
        if (elem->offset < 0) {
            rd_kafka_topic_partition_list_add(asked, elem->topic, elem->partition)->offset = query;
        }
    }
    return asked;
}

/* Moves the answers into list and frees them. An error of one partition is one of all. */
static rd_kafka_resp_err_t
take_answers(rd_kafka_topic_partition_list_t *list,
             rd_kafka_topic_partition_list_t *asked,
             rd_kafka_resp_err_t code)
{
    for (int i = 0; i < asked->cnt && !code; i++) {
        code = asked->elems[i].err;
    }
    for (int i = 0; i < asked->cnt && !code; i++) {
        const rd_kafka_topic_partition_t *from = &asked->elems[i];
        int64_t offset = from->offset >= 0 ? from->offset : -1;
        (void)rd_kafka_topic_partition_list_set_offset(list, from->topic, from->partition, offset);
    }
    rd_kafka_topic_partition_list_destroy(asked);
    return code;
}

/* The group's offsets. An error is not "none": the offsets read the same then. */
static rd_kafka_resp_err_t
fill_committed(struct mr_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *asked = missing_of(list, -1);
    rd_kafka_resp_err_t code =
        asked->cnt > 0 ? rd_kafka_committed(consumer->rk, asked, COMMITTED_MS) : 0;
    return take_answers(list, asked, code);
}

/* ListOffsets takes these in the place of a timestamp, in one request a leader. */
static int64_t
start_query(const struct mr_config *config)
{
    switch (config->kafka.start) {
    case MR_START_EARLIEST:
        return RD_KAFKA_OFFSET_BEGINNING;
    case MR_START_LATEST:
        return RD_KAFKA_OFFSET_END;
    case MR_START_TIME:
        break;
    }
    return config->kafka.start_time_ms;
}

/* What has no answer (no record that late) stays without. */
static rd_kafka_resp_err_t
fill_queried(struct mr_consumer *consumer, rd_kafka_topic_partition_list_t *list, int64_t query)
{
    rd_kafka_topic_partition_list_t *asked = missing_of(list, query);
    rd_kafka_resp_err_t code =
        asked->cnt > 0 ? rd_kafka_offsets_for_times(consumer->rk, asked, OFFSETS_MS) : 0;
    return take_answers(list, asked, code);
}

/* Absolute offsets for all, so that auto.offset.reset never decides. */
static rd_kafka_resp_err_t
fill_starts(struct mr_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = fill_committed(consumer, list);
    if (!code) {
        code = fill_queried(consumer, list, start_query(consumer->config));
    }
    if (!code) {
        code = fill_queried(consumer, list, RD_KAFKA_OFFSET_END); /* no record that late: the end */
    }
    return code;
}

void
mri_starts_refused(const char *what, const char *reason)
{
    mr_log(MR_LOG_WARN,
           "consume",
           "start offsets are not known yet, trying again",
           MR_STR("asked", what),
           MR_STR("reason", reason));
}

/* What the app says; sticky when it stops. */
static enum mr_rc
ask_app(struct mr_consumer *consumer, struct mr_span *spans, int64_t *until, uint32_t count)
{
    if (!consumer->events.assigned) {
        return MR_OK;
    }
    enum mr_rc rc = consumer->events.assigned(consumer->events.context, spans, until, count);
    if (rc == MR_STOPPED) {
        consumer->stop.rc = mr_error_set(&consumer->stop.error,
                                         MR_STOPPED,
                                         "the start of the assigned partitions was refused: "
                                         "going on could lose or double rows");
    }
    if (rc != MR_OK) {
        mri_starts_refused("ledger", mr_rc_text(rc));
    }
    return rc;
}

enum mr_rc
mri_starts_find(struct mr_consumer *consumer,
                rd_kafka_topic_partition_list_t *list,
                struct mr_span *spans,
                int64_t *until)
{
    enum mr_rc rc = ask_app(consumer, spans, until, (uint32_t)list->cnt);
    if (rc != MR_OK) {
        return rc;
    }
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = spans[i].end;
    }
    rd_kafka_resp_err_t code = fill_starts(consumer, list);
    if (code) {
        mri_starts_refused("kafka", rd_kafka_err2str(code));
        return MR_KAFKA;
    }
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0) {
            mri_starts_refused("kafka", "no offset in the answer");
            return MR_KAFKA;
        }
        spans[i].start = list->elems[i].offset;
        spans[i].end = list->elems[i].offset;
    }
    return MR_OK;
}
