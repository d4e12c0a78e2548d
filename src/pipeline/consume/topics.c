/* The first question to the brokers: do the topics exist? */
#include <string.h>

#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"

#define ASK_MS 1000 /* one question; asked again until the caller's time is over */

uint32_t
mri_consume_topic_index(const struct mr_consumer *consumer, const char *name)
{
    const struct mr_strings *topics = &consumer->config->kafka.topics;
    uint32_t i = 0;
    while (i < topics->count && strcmp(topics->items[i], name) != 0) {
        i++;
    }
    return i;
}

const char *
mri_consume_topic_name(const struct mr_consumer *consumer, uint16_t topic)
{
    return consumer->config->kafka.topics.items[topic];
}

/* Outcome of one question about one topic: transport errors in *ret_code. An answer names a broker. */
static rd_kafka_resp_err_t
ask(struct mr_consumer *consumer,
    const char *name,
    rd_kafka_resp_err_t *ret_code,
    int32_t *ret_broker)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t verdict = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer->rk, name, NULL);
    if (!topic) {
        *ret_code = RD_KAFKA_RESP_ERR_NO_ERROR;
        return rd_kafka_last_error(); /* no lawful name */
    }
    *ret_code = rd_kafka_metadata(consumer->rk, 0, topic, &metadata, ASK_MS);
    if (*ret_code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        verdict = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                           : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        *ret_broker = metadata->broker_cnt > 0 ? metadata->brokers[0].id : -1;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return verdict;
}

static bool
is_final(rd_kafka_resp_err_t verdict)
{
    return verdict == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           verdict == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           verdict == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
           verdict == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           verdict == RD_KAFKA_RESP_ERR__INVALID_ARG;
}

static enum mr_rc
fail_unreachable(struct mr_consumer *consumer,
                 rd_kafka_resp_err_t code,
                 int64_t timeout_ms,
                 struct mr_error *reterr_error)
{
    mri_consume_serve(consumer, 0); /* brings the reason, such as "connection refused" */
    const char *reason =
        consumer->problem.text[0] ? consumer->problem.text : rd_kafka_err2str(code);
    return mr_error_set(reterr_error,
                        MR_KAFKA,
                        "no broker of \"%s\" answered in %d ms: %s",
                        consumer->config->kafka.brokers,
                        (int)timeout_ms,
                        reason);
}

static enum mr_rc
fail_missing(const char *names, struct mr_error *reterr_error)
{
    (void)mr_error_set(reterr_error, MR_CONFIG, "source.kafka.topics: %s", names);
    mr_error_hint(reterr_error,
                  "create the topic, or correct its name; with access control, the user "
                  "needs Read and Describe on it");
    return MR_CONFIG;
}

enum mr_rc
mr_consumer_topics(struct mr_consumer *consumer, int64_t timeout_ms, struct mr_error *reterr_error)
{
    const struct mr_strings *topics = &consumer->config->kafka.topics;
    int64_t deadline = mr_clock_monotonic_ms() + timeout_ms;
    char missing[400] = "";
    int32_t broker = -1;
    for (uint32_t i = 0; i < topics->count;) {
        rd_kafka_resp_err_t code, verdict = ask(consumer, topics->items[i], &code, &broker);
        if (!code && (!verdict || is_final(verdict))) {
            size_t used = strlen(missing);
            if (verdict) {
                snprintf(missing + used,
                         sizeof missing - used,
                         "%s\"%s\": %s",
                         used ? ", " : "",
                         topics->items[i],
                         rd_kafka_err2str(verdict));
            }
            i++;
        } else if (mr_clock_monotonic_ms() >= deadline) {
            return fail_unreachable(consumer, code ? code : verdict, timeout_ms, reterr_error);
        } else {
            mri_consume_serve(consumer, 50);
        }
    }
    if (missing[0]) {
        return fail_missing(missing, reterr_error);
    }
    if (broker >= 0) {
        mri_consume_ask_limits(consumer, broker);
    }
    return MR_OK;
}
