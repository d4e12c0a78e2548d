/* For tests of fold and harvest: a layout, events, and a plain single-threaded aggregation that the
 * lock-free tables must equal.
 * Threads: a map belongs to one thread. Memory: ff_map_fini. Errors: abort, with a message. */
#pragma once

#include "millrace/base/attr.h"
#include "millrace/fold.h"

/* Ends the program with this message. */
MR_NORETURN void ff_die(const char *what);

/* Columns of ff_columns, in this order. */
enum ff_column { FF_AT, FF_NAME, FF_NUM, FF_FLAG, FF_PRICE, FF_WIDE, FF_RATIO, FF_DAY, FF_COUNT };

/* at TIMESTAMP · name STRING? · num INT64? · flag BOOL? · price DECIMAL(18,2) ·
 * wide DECIMAL(38,4)? · ratio DOUBLE? · day DATE?   (? = nullable) */
struct mr_column *ff_columns(void);

/* A layout over ff_columns with the caller's rollups. */
struct mr_layout ff_layout(struct mr_rollup *rollups, uint32_t count);

/* A measure as the configuration would compile it; column -1 for count(). */
struct mr_measure ff_measure(const char *name, enum mr_op op, int32_t column);

/* An event whose values are all NULL but at = time_us. */
struct mr_event ff_event(struct mr_value *values, int64_t time_us);

struct mr_value ff_text(const char *text);
struct mr_value ff_i64(int64_t value);
struct mr_value ff_f64(double value);
struct mr_value ff_dec(__int128 value);

struct mr_fold *ff_fold(const struct mr_layout *layout, const struct mr_fold_options *options);

/* One group of a rollup: its key as text, then one value an output of the drain. */
struct ff_row {
    char *key;
    struct mr_value *values;
    struct ff_row *next;
    uint64_t pieces; /* rows of a drain that were merged into it */
};

struct ff_map {
    const struct mr_layout *layout;
    const struct mr_rollup *rollup;
    struct ff_row **buckets;
    uint64_t rows;
};

void ff_map_init(struct ff_map *map, const struct mr_layout *layout, uint32_t rollup);
void ff_map_fini(struct ff_map *map);

/* The reference: adds one event. */
void ff_map_add(struct ff_map *map, const struct mr_event *event);

/* For mr_fold_drain: merges a row as the sink's aggregation does; context is a struct ff_map. */
enum mr_rc ff_map_merge(void *context, const struct mr_fold_row *row);

/* True when both hold the same groups with the same values; prints the first difference. */
bool ff_map_equal(const struct ff_map *drained, const struct ff_map *reference);

/* The row of a key text such as "0|s3:web|null"; NULL when there is none. */
const struct ff_row *ff_map_find(const struct ff_map *map, const char *key);

uint32_t ff_outputs(const struct mr_rollup *rollup);

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators". */
uint64_t ff_random(uint64_t *state);
