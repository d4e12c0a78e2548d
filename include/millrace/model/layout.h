/* Layout: what one pipeline's events and tables look like, compiled once from schema and
 * configuration by decode, then read by everybody.
 * Threads: immutable after mr_plan_new, shared by all. Memory: owned by the plan. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "millrace/model/event.h"

#define MR_MAX_COLUMNS 512
#define MR_MAX_ROLLUPS 32
#define MR_MAX_DIMS 32
#define MR_MAX_MEASURES 64

struct mr_column {
    const char *name; /* in StarRocks */
    const char *path; /* in the event, dotted: "payload.amount" */
    enum mr_type type;
    bool nullable;
    uint8_t precision, scale; /* DECIMAL only */
    uint32_t max_bytes;       /* VARCHAR(n): bytes; STRING only */
};

enum mr_op {
    MR_OP_COUNT_ALL, /* count() */
    MR_OP_COUNT,     /* count(f): events in which f is not null */
    MR_OP_SUM,
    MR_OP_MIN,
    MR_OP_MAX,
    MR_OP_AVG /* two columns, <name>_sum and <name>_count; the view divides */
};

struct mr_measure {
    const char *name;
    enum mr_op op;
    int32_t column;    /* index into layout->columns; -1 for count() */
    enum mr_type type; /* type of the column; INT64 for counts */
    uint8_t precision, scale;
    bool nullable; /* the column may be null, so the measure may be */
};

struct mr_rollup {
    const char *table;
    int64_t size_us;   /* window length: whole seconds */
    int64_t offset_us; /* windows start at offset + k * size since the epoch; 0 <= offset < size */
    uint32_t dim_count;
    uint32_t dims[MR_MAX_DIMS]; /* column indexes; types STRING INT64 BOOL DECIMAL TIMESTAMP DATE */
    uint32_t measure_count;
    struct mr_measure measures[MR_MAX_MEASURES];
    uint64_t max_keys; /* a unit; reaching it cuts the unit */
};

struct mr_layout {
    const char *pipeline;
    const char *database;
    const char *detail_table;
    const char *quarantine_table;
    uint32_t topic_count;
    const char *const *topics;
    uint32_t column_count; /* event columns; _topic, _partition, _offset are always beside them */
    struct mr_column *columns;
    size_t default_bytes;     /* texts of all defaults: what a row can hold beside its record */
    uint32_t time_column;     /* event time: TIMESTAMP, not nullable */
    uint32_t key_count;       /* 0 = append mode (DUPLICATE KEY) */
    uint32_t keys[MR_MAX_DIMS]; /* key mode (PRIMARY KEY): column indexes */
    int32_t sequence_column;  /* column named `sequence`, INT64, that decides between repeats; -1 = none,
                                 then _offset decides */
    uint32_t rollup_count;
    struct mr_rollup *rollups;
};
