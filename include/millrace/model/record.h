/* Record and batch: what consume hands to the workers.
 * Threads: a batch is owned by one thread at a time; a ring hands it over.
 * Memory: records point into the batch's own byte area, which is followed by MR_BATCH_PAD readable
 * bytes, so that wide loads may pass the end of the last record. Limits: see mr_batch_new. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/base/attr.h"
#include "millrace/base/rc.h"

#define MR_BATCH_PAD 64

struct mr_unit;

struct mr_record {
    const char *value;    /* NULL for a tombstone */
    const char *key;      /* NULL when the message has none */
    uint32_t value_len;   /* bytes kept here */
    uint32_t value_total; /* bytes that the message had: more than value_len when it was oversize */
    uint32_t key_len;
    int32_t partition;
    int64_t offset;
    int64_t time_us; /* broker time, UTC; -1 when unknown */
    uint16_t topic;  /* index into mr_layout.topics */
    bool oversize;   /* larger than event.max_bytes: value is cut, never decoded */
};

struct mr_batch {
    struct mr_unit *unit; /* stamp: the unit of every record, set at hand-out */
    struct mr_record *records;
    uint32_t count;
    uint32_t capacity;
    char *bytes; /* followed by MR_BATCH_PAD zero bytes beyond bytes_capacity */
    size_t bytes_used;
    size_t bytes_capacity;
    int64_t reserved; /* bytes charged to the budget for the worst case of this batch */
};

/* records and bytes_capacity bound one batch. Errors: MR_MEMORY. */
MR_NODISCARD enum mr_rc
mr_batch_new(uint32_t records, size_t bytes_capacity, struct mr_batch **ret_batch);

void
mr_batch_free(struct mr_batch **batch);

/* Empties the batch for its next use. */
void
mr_batch_reset(struct mr_batch *batch);

/* Copies one message in. At most value_max bytes of a value are kept: a longer one becomes an
 * oversize record with its first oversize_keep bytes. False when the batch has no room (try the
 * next batch; an empty batch always has room when bytes_capacity >= value_max + key). */
MR_NODISCARD bool
mr_batch_add(struct mr_batch *batch, const struct mr_record *message, size_t value_max,
             size_t oversize_keep);
