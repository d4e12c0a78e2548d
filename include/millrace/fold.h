/* Fold: event → unit tables (window, key, measures), lock-free, shared by all workers.
 * Purpose: insert-only hash tables, one a rollup and unit; retired whole.
 * Threads: mr_fold_add by up to 256 workers at once, each with its own mr_fold_worker, in any number
 *   of open units; open and retire by any thread; drain and retire only when no worker can add (after
 *   the unit's in-flight counter, released by the workers, was acquired at 0).
 * Progress: add is lock-free (a failed CAS means that another thread published a key); open and
 *   retire take one mutex, once a unit.
 * Memory: areas from mr_pages_map, charged to the budget; reserved before a batch is handed out
 *   (mr_fold_worst_bytes), so that add cannot fail for memory in the middle of an event; with it room
 *   for the bodies that the unit is drained into, which is promised until it is retired; recycled
 *   from unit to unit. Errors: none on the hot path; when the kernel refuses memory that the budget
 *   had granted the process ends, and the unit, of which nothing is committed, is read again.
 * Exactness: sums are 128 bits wide in two words with carry; min/max by CAS when they improve;
 *   sum and avg over DOUBLE are CAS loops and depend on order in the last digits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/base/budget.h"
#include "millrace/base/rc.h"
#include "millrace/model/event.h"
#include "millrace/model/layout.h"

struct mr_fold;
struct mr_fold_unit;
struct mr_fold_worker;

struct mr_fold_options {
    struct mr_budget *budget;
    uint64_t seed;           /* of the key hash */
    uint32_t slots_min;      /* first segment of a table, rounded up to a power of two; 0 = 4096 */
    uint32_t chunk_entries;  /* entries that a worker claims at once; 0 = default */
    uint64_t hash_mask;      /* 0 = none; tests force collisions with it */
    const size_t *row_bytes; /* a rollup: what a row becomes when it is drained, its texts apart. The
                                unit keeps a promise for its rows until it is retired. NULL: none */
};

struct mr_fold_stats {
    uint64_t keys;         /* entries (a key found in two segments counts twice) */
    uint64_t slots;        /* slots of all segments */
    uint64_t probes_max;   /* longest probe */
    uint64_t probes_total; /* probes of all look-ups */
    uint64_t lookups;
    uint64_t bytes;
};

/* layout is borrowed until mr_fold_free. Errors: MR_SCHEMA: a rollup groups by a DOUBLE or JSON, or
 * has a measure that its column's type does not allow; MR_MEMORY. */
MR_NODISCARD enum mr_rc
mr_fold_new(const struct mr_layout *layout, const struct mr_fold_options *options,
            struct mr_fold **ret_fold);

/* Units still open are freed with it; workers must be gone. */
void
mr_fold_free(struct mr_fold **fold);

/* Bytes that adding `records` events whose texts have `bytes` bytes can charge at most, in one unit by
 * one worker. A record's own length is a bound of its texts (defaults of the schema apart). */
int64_t
mr_fold_worst_bytes(const struct mr_fold *fold, uint32_t records, size_t bytes);

/* What opening a unit takes of the budget at least. */
int64_t
mr_fold_least_bytes(const struct mr_fold *fold);

/* An empty unit, recycled when one is there; tables sized by the last units' keys. Errors: MR_BUSY:
 * the budget has no room even for the smallest tables; MR_MEMORY. */
MR_NODISCARD enum mr_rc
mr_fold_unit_open(struct mr_fold *fold, struct mr_fold_unit **ret_unit);

/* Back to the pool; nulls. No worker may still use it. */
void
mr_fold_unit_retire(struct mr_fold *fold, struct mr_fold_unit **unit);

/* Gives the memory of all units in the pool back: for when it is needed elsewhere. */
void
mr_fold_trim(struct mr_fold *fold);

MR_NODISCARD enum mr_rc
mr_fold_worker_new(struct mr_fold *fold, struct mr_fold_worker **ret_worker);

void
mr_fold_worker_free(struct mr_fold_worker **worker);

/* Adds `count` events (any number; best in groups of 16-32) to every rollup. */
void
mr_fold_add(struct mr_fold_worker *worker, struct mr_fold_unit *unit, const struct mr_event *events,
            uint32_t count);

/* Before the worker releases the unit: gives back what it keeps of it. A worker may come back. */
void
mr_fold_leave(struct mr_fold_worker *worker, struct mr_fold_unit *unit);

/* Largest number of keys in a table of the unit so far; any thread, approximate while adding. */
uint64_t
mr_fold_unit_keys(const struct mr_fold_unit *unit);

/* One row of a rollup at the drain. Slices live until the unit is retired. */
struct mr_fold_row {
    int64_t window_start_us;
    const struct mr_value *dims;     /* dim_count, in the rollup's order */
    const struct mr_value *measures; /* see mr_fold_drain */
};

/* Calls each row of rollup `index` (order unspecified; a key may come more than once when the table
 * grew: the sink's aggregation merges). Measure values in order: COUNT* → i64; SUM → dec (INT64,
 * DECIMAL) or f64 (DOUBLE); MIN/MAX → as the column's type; AVG → two values, sum then count. SUM, AVG's
 * sum, MIN and MAX over NULLs alone are NULL. May be called again. Returns the first code that is not
 * MR_OK from emit; MR_TABLE when a sum is beyond DECIMAL(38) or the doubles: it is refused, never
 * wrapped. */
MR_NODISCARD enum mr_rc
mr_fold_drain(struct mr_fold_unit *unit, uint32_t index,
              enum mr_rc (*emit)(void *context, const struct mr_fold_row *row), void *context);

void
mr_fold_unit_stats(const struct mr_fold_unit *unit, uint32_t index, struct mr_fold_stats *ret_stats);
