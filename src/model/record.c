/* Batches: a fixed array of records and the byte area that they point into. */
#include "millrace/model/record.h"

#include <stdlib.h>
#include <string.h>

enum mr_rc
mr_batch_new(uint32_t records, size_t bytes_capacity, struct mr_batch **ret_batch)
{
    struct mr_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return MR_MEMORY;
    batch->records = calloc(records, sizeof *batch->records);
    batch->bytes = calloc(1, bytes_capacity + MR_BATCH_PAD);
    batch->capacity = records;
    batch->bytes_capacity = bytes_capacity;
    if (!batch->records || !batch->bytes) {
        mr_batch_free(&batch);
        return MR_MEMORY;
    }
    *ret_batch = batch;
    return MR_OK;
}

void
mr_batch_free(struct mr_batch **batch)
{
    if (!*batch)
        return;
    free((*batch)->records);
    free((*batch)->bytes);
    free(*batch);
    *batch = NULL;
}

void
mr_batch_reset(struct mr_batch *batch)
{
    batch->unit = NULL;
    batch->count = 0;
    batch->bytes_used = 0;
    batch->reserved = 0;
}

static const char *
copy_in(struct mr_batch *batch, const char *bytes, size_t len)
{
    char *to = batch->bytes + batch->bytes_used;
    if (len > 0)
        memcpy(to, bytes, len);
    batch->bytes_used += len;
    return to;
}

bool
mr_batch_add(struct mr_batch *batch, const struct mr_record *message, size_t value_max,
             size_t oversize_keep)
{
    bool oversize = message->value && message->value_len > value_max;
    size_t value_len = message->value_len, key_len = message->key_len;
    if (oversize && value_len > oversize_keep)
        value_len = oversize_keep;
    /* A key has no limit of its own in Kafka; ours is that of a value. */
    if (key_len > value_max)
        key_len = value_max;
    if (batch->count == batch->capacity ||
        value_len + key_len > batch->bytes_capacity - batch->bytes_used)
        return false;
    struct mr_record *record = &batch->records[batch->count++];
    *record = *message;
    record->value_total = message->value_len;
    record->value_len = (uint32_t)value_len;
    record->key_len = (uint32_t)key_len;
    record->oversize = oversize;
    record->value = message->value ? copy_in(batch, message->value, value_len) : NULL;
    record->key = message->key ? copy_in(batch, message->key, key_len) : NULL;
    return true;
}
