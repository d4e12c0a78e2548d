/* Questions about the group's offsets, our place in the group, and a log's end. */
#include <inttypes.h>
#include <string.h>

#include "millrace/base/hash.h"
#include "pipeline/consume/consume_priv.h"

#define COMMITTED_MS 10000
#define END_MS       5000

/* ---- offsets of the group ---- */

static void
take_offset(const rd_kafka_topic_partition_t *elem, struct mr_offset *offset)
{
    size_t size = elem->metadata ? elem->metadata_size : 0;
    size_t kept = size < sizeof offset->metadata ? size : sizeof offset->metadata;
    offset->offset = elem->offset >= 0 ? elem->offset : -1;
    offset->metadata_len = (uint32_t)size;
    memset(offset->metadata, 0, sizeof offset->metadata);
    if (kept > 0) {
        memcpy(offset->metadata, elem->metadata, kept);
    }
}

/* The first error of a partition: one is one of all. */
static rd_kafka_resp_err_t
error_of(const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt && !code; i++) {
        code = list->elems[i].err;
    }
    return code;
}

enum mr_rc
mr_consumer_committed(struct mr_consumer *consumer,
                      struct mr_offset *offsets,
                      uint32_t count,
                      struct mr_error *reterr_error)
{
    if (count == 0) {
        return MR_OK;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        const char *topic = mri_consume_topic_name(consumer, offsets[i].topic);
        rd_kafka_topic_partition_list_add(list, topic, offsets[i].partition);
    }
    /* The call's error first: after it the offsets read like "none". */
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer->rk, list, COMMITTED_MS);
    code = code ? code : error_of(list);
    for (uint32_t i = 0; i < count && !code; i++) {
        take_offset(&list->elems[i], &offsets[i]);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? mr_error_set(reterr_error,
                               MR_KAFKA,
                               "the group's offsets are not known: %s",
                               rd_kafka_err2str(code))
                : MR_OK;
}

/* ---- the place in the group ---- */

struct membership {
    int32_t generation; /* -1 when it could not be read */
    uint64_t member;
};

/* Written by librdkafka 2.0.2 as "CGMDv2:", int32_t generation in the machine's order, group id NUL,
 * member id NUL, … There are no getters. */
static bool
parse_membership(const char *bytes, size_t size, struct membership *ret_membership)
{
    static const char magic[] = "CGMDv2:";
    const size_t magic_len = sizeof magic - 1;
    struct membership found;
    if (size < magic_len + sizeof found.generation || memcmp(bytes, magic, magic_len) != 0) {
        return false;
    }
    memcpy(&found.generation, bytes + magic_len, sizeof found.generation);
    const char *group = bytes + magic_len + sizeof found.generation, *end = bytes + size;
    const char *group_end = memchr(group, 0, (size_t)(end - group));
    const char *member = group_end ? group_end + 1 : end;
    const char *member_end = memchr(member, 0, (size_t)(end - member));
    if (!member_end) {
        return false;
    }
    found.member = mr_hash_bytes(member, (size_t)(member_end - member), 0);
    *ret_membership = found;
    return true;
}

static struct membership
ask_membership(struct mr_consumer *consumer)
{
    struct membership found = {.generation = -1};
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(consumer->rk);
    void *bytes = NULL;
    size_t size = 0;
    rd_kafka_error_t *error =
        metadata ? rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size) : NULL;
    if (bytes && !parse_membership(bytes, size, &found)) {
        found = (struct membership){.generation = -1};
    }
    if (error) {
        rd_kafka_error_destroy(error);
    }
    if (bytes) {
        rd_kafka_mem_free(consumer->rk, bytes);
    }
    if (metadata) {
        rd_kafka_consumer_group_metadata_destroy(metadata);
    }
    return found;
}

void
mr_consumer_standing(struct mr_consumer *consumer, struct mr_standing *ret_standing)
{
    /* A late answer makes room for the next commit; and who asks this is alive (max.poll.interval). */
    (void)mri_consume_settle(consumer, 0);
    struct membership membership = ask_membership(consumer);
    char text[256];
    *ret_standing = (struct mr_standing){
        .lost = rd_kafka_assignment_lost(consumer->rk) != 0 ||
                rd_kafka_fatal_error(consumer->rk, text, sizeof text) != 0, /* fenced, and the like */
        .topics_known = consumer->stop.rc == MR_OK &&
                        mri_probe_verdict(consumer->probe, NULL) == MR_OK,
        .metadata_fits = !consumer->metadata_short,
        .generation = membership.generation,
        .member = membership.member,
        .epoch = consumer->epoch};
}

/* ---- the end of a log ---- */

rd_kafka_resp_err_t
mri_consume_log_end(rd_kafka_t *rk,
                    const char *topic,
                    int32_t partition,
                    int64_t which,
                    int64_t timeout_ms,
                    int64_t *ret_offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = which;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, list, (int)timeout_ms);
    code = code ? code : list->elems[0].err;
    if (!code && list->elems[0].offset < 0) {
        code = RD_KAFKA_RESP_ERR__NO_OFFSET;
    }
    if (!code) {
        *ret_offset = list->elems[0].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static bool
is_no_partition(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

enum mr_answer
mr_consumer_same_topic(struct mr_consumer *consumer,
                       uint16_t topic,
                       int32_t partition,
                       int64_t end,
                       struct mr_error *reterr_error)
{
    const char *name = mri_consume_topic_name(consumer, topic);
    int64_t high = -1;
    rd_kafka_resp_err_t code = mri_consume_log_end(
        consumer->rk, name, partition, RD_KAFKA_OFFSET_END, END_MS, &high);
    if (!code && high >= end) {
        return MR_ANSWER_OK;
    }
    if (!code) {
        (void)mr_error_set(reterr_error,
                           MR_KAFKA,
                           "topic \"%s\" partition %" PRId32 " ends at %" PRId64
                           ", but was read to %" PRId64,
                           name,
                           partition,
                           high,
                           end);
        return MR_ANSWER_UNKNOWN;
    }
    (void)mr_error_set(reterr_error,
                       MR_KAFKA,
                       "the end of topic \"%s\" partition %" PRId32 " is not known: %s",
                       name,
                       partition,
                       rd_kafka_err2str(code));
    return is_no_partition(code) ? MR_ANSWER_UNKNOWN : mri_consume_answer_of(code);
}
