/* Deletes offsets of the group, so that the next start is a first one. The broker does that for nobody
 * while the group has members that read the topic. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/consume/consume_priv.h"

#define ANSWER_MS 10000

/* Sends the request; its answer comes to queue. False: it could not be sent. */
static bool
send_request(struct mr_consumer *consumer,
             const rd_kafka_topic_partition_list_t *list,
             rd_kafka_queue_t *queue)
{
    char why[256];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(consumer->rk, RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS);
    rd_kafka_DeleteConsumerGroupOffsets_t *request =
        rd_kafka_DeleteConsumerGroupOffsets_new(consumer->config->kafka.group, list);
    bool sent =
        options && request &&
        !rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof why);
    if (sent) {
        rd_kafka_DeleteConsumerGroupOffsets(consumer->rk, &request, 1, options, queue);
    }
    if (request) {
        rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
    }
    if (options) {
        rd_kafka_AdminOptions_destroy(options);
    }
    return sent;
}

/* A group, or an offset, that is not there is what was asked for. */
static rd_kafka_resp_err_t
error_that_counts(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND ||
                   code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
               ? RD_KAFKA_RESP_ERR_NO_ERROR
               : code;
}

/* The first error of the request, of the group, or of a partition. */
static rd_kafka_resp_err_t
find_error(rd_kafka_event_t *event)
{
    size_t count = 0;
    if (!event) {
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    const rd_kafka_DeleteConsumerGroupOffsets_result_t *result =
        rd_kafka_event_DeleteConsumerGroupOffsets_result(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_group_result_t **groups =
        result ? rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &count) : NULL;
    if (code || count != 1) { /* of a group that is not there the request itself fails */
        return code ? error_that_counts(code) : RD_KAFKA_RESP_ERR__BAD_MSG;
    }
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    code = error ? error_that_counts(rd_kafka_error_code(error)) : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; !code && list && i < list->cnt; i++) {
        code = error_that_counts(list->elems[i].err);
    }
    return code;
}

static enum mr_rc
explain(const struct mr_consumer *consumer, rd_kafka_resp_err_t code, struct mr_error *reterr_error)
{
    bool members = code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP ||
                   code == RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC;
    return mr_error_set(reterr_error,
                        members ? MR_BUSY : MR_KAFKA,
                        "offsets of consumer group \"%s\" not deleted: %s",
                        consumer->config->kafka.group,
                        rd_kafka_err2str(code));
}

enum mr_rc
mr_consumer_delete_offsets(struct mr_consumer *consumer,
                           const struct mr_offset *offsets,
                           uint32_t count,
                           struct mr_error *reterr_error)
{
    if (count == 0) {
        return MR_OK;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->rk);
    for (uint32_t i = 0; i < count; i++) {
        const char *topic = mri_consume_topic_name(consumer, offsets[i].topic);
        rd_kafka_topic_partition_list_add(list, topic, offsets[i].partition);
    }
    rd_kafka_event_t *event = NULL;
    if (send_request(consumer, list, queue)) {
        event = rd_kafka_queue_poll(queue, ANSWER_MS);
    }
    rd_kafka_resp_err_t code = find_error(event);
    if (event) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? explain(consumer, code, reterr_error) : MR_OK;
}
