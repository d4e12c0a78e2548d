/* Does the broker take commit metadata of our length? One that does not would refuse every commit;
 * said here it is a reason, not a riddle. Who may not be asked, or does not answer, is believed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "pipeline/consume/consume_priv.h"

#define ASK_MS 2000

static const char option_name[] = "offset.metadata.max.bytes";

/* Sends the question; its answer comes to queue. False: it could not be sent. */
static bool
send_question(rd_kafka_t *rk, int32_t broker, rd_kafka_queue_t *queue)
{
    char id[16], why[256];
    snprintf(id, sizeof id, "%" PRId32, broker);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, id);
    bool sent = options && resource &&
                !rd_kafka_AdminOptions_set_request_timeout(options, ASK_MS, why, sizeof why);
    if (sent) {
        rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
    }
    if (resource) {
        rd_kafka_ConfigResource_destroy(resource);
    }
    if (options) {
        rd_kafka_AdminOptions_destroy(options);
    }
    return sent;
}

/* The option's value in the answer; NULL: it is not there. */
static const char *
find_value(rd_kafka_event_t *event)
{
    const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
    size_t resource_count = 0, entry_count = 0;
    const rd_kafka_ConfigResource_t **resources =
        result ? rd_kafka_DescribeConfigs_result_resources(result, &resource_count) : NULL;
    const rd_kafka_ConfigEntry_t **entries =
        resource_count == 1 ? rd_kafka_ConfigResource_configs(resources[0], &entry_count) : NULL;
    for (size_t i = 0; i < entry_count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), option_name) == 0) {
            return rd_kafka_ConfigEntry_value(entries[i]);
        }
    }
    return NULL;
}

static void
take_answer(struct mr_consumer *consumer, rd_kafka_event_t *event)
{
    const char *value = event ? find_value(event) : NULL;
    if (!value) {
        mr_log(MR_LOG_DEBUG,
               "consume",
               "the broker does not tell how long metadata may be, assuming enough",
               MR_STR("reason", event ? rd_kafka_event_error_string(event) : "no answer"));
        return;
    }
    char *end;
    int64_t most = strtoll(value, &end, 10);
    consumer->metadata_short = end != value && most < MR_METADATA_CHARS;
    mr_log(consumer->metadata_short ? MR_LOG_WARN : MR_LOG_DEBUG,
           "consume",
           "the broker's limit of commit metadata",
           MR_INT("bytes", most),
           MR_INT("needed", MR_METADATA_CHARS));
}

void
mri_consume_ask_limits(struct mr_consumer *consumer, int32_t broker)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->rk);
    rd_kafka_event_t *event = NULL;
    if (send_question(consumer->rk, broker, queue)) {
        event = rd_kafka_queue_poll(queue, ASK_MS);
    }
    take_answer(consumer, event);
    if (event) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
}
