/* Fold: life of tables, units and workers. The hot path is in add.c, table.c and cell.c. */
#include "fold_priv.h"

#include <stdlib.h>

#include "millrace/base/assert.h"
#include "millrace/model/body.h"

#define SLOTS_DEFAULT 4096u
#define CHUNK_DEFAULT 64u

static uint32_t
round_up(uint32_t value, uint32_t least)
{
    uint32_t power = least;
    while (power < value)
        power <<= 1;
    return power;
}

static enum mr_rc
compile_shapes(struct mr_fold *fold, const struct mr_layout *layout)
{
    for (uint32_t i = 0; i < layout->rollup_count; i++) {
        enum mr_rc rc = mri_fold_shape_compile(layout, &layout->rollups[i], &fold->shapes[i]);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}

/* A short text lies in its entry. Frugal bodies grow by a quarter, and leave at the end of each chunk less
 * than what a row may need, 48 bytes a column: three eighths more hold both. */
static int64_t
row_promise(const struct mri_shape *shape, size_t row_bytes)
{
    size_t texts = shape->has_strings ? shape->inline_bytes : 0;
    return (int64_t)((row_bytes + texts) * 11 / 8);
}

enum mr_rc
mr_fold_new(const struct mr_layout *layout,
            const struct mr_fold_options *options,
            struct mr_fold **ret_fold)
{
    MR_REQUIRE(layout->rollup_count <= MR_MAX_ROLLUPS);
    struct mr_fold *fold = calloc(1, sizeof *fold);
    if (!fold)
        return MR_MEMORY;
    fold->budget = options->budget;
    fold->seed = options->seed;
    fold->hash_mask = options->hash_mask;
    fold->default_bytes = layout->default_bytes;
    fold->slots_min = round_up(options->slots_min ? options->slots_min : SLOTS_DEFAULT, 8);
    fold->chunk = round_up(options->chunk_entries ? options->chunk_entries : CHUNK_DEFAULT, 1);
    fold->rollup_count = layout->rollup_count;
    pthread_mutex_init(&fold->pool, NULL);
    fold->shapes = calloc(layout->rollup_count + 1, sizeof *fold->shapes);
    enum mr_rc rc = fold->shapes ? compile_shapes(fold, layout) : MR_MEMORY;
    fold->promises = options->row_bytes != NULL;
    for (uint32_t i = 0; rc == MR_OK && fold->promises && i < layout->rollup_count; i++)
        fold->shapes[i].row_promise = row_promise(&fold->shapes[i], options->row_bytes[i]);
    if (rc != MR_OK)
        mr_fold_free(&fold);
    else
        *ret_fold = fold;
    return rc;
}

void
mr_fold_free(struct mr_fold **fold)
{
    if (!*fold)
        return;
    for (struct mr_fold_unit *unit = (*fold)->all; unit;) {
        struct mr_fold_unit *next = unit->next_all;
        mri_fold_unit_free(unit);
        unit = next;
    }
    pthread_mutex_destroy(&(*fold)->pool);
    free((*fold)->shapes);
    free(*fold);
    *fold = NULL;
}

/* Bytes that one event can leave in a worker's byte area, its texts apart. */
static int64_t
fixed_bytes(const struct mri_shape *shape)
{
    size_t key = sizeof(int64_t) + (size_t)shape->rollup->dim_count * MRI_KEY_FIXED;
    size_t bytes = shape->refs * 3 * sizeof(uint64_t);
    if (shape->has_strings || key > shape->inline_bytes)
        bytes += key + MRI_KEY_SLACK;
    return (int64_t)bytes;
}

int64_t
mr_fold_worst_bytes(const struct mr_fold *fold, uint32_t records, size_t bytes)
{
    int64_t worst = 0, area = 0;
    int64_t texts = (int64_t)(bytes + fold->default_bytes * records);
    for (uint32_t i = 0; i < fold->rollup_count; i++) {
        const struct mri_shape *shape = &fold->shapes[i];
        worst += mri_fold_entry_cost(shape) * ((int64_t)records + fold->chunk);
        area += fixed_bytes(shape) * records;
        area += texts * (shape->has_strings + (int64_t)shape->refs);
    }
    /* An area is left when the next piece does not fit: what was used and that piece are more than
     * an area, so twice the bytes and one area hold everything; headers are in the second one. */
    size_t areas = area > 0 ? 2 * (size_t)area + 2 * MRI_BYTES_BLOCK : 0;
    return worst + (int64_t)areas + mri_fold_area_promise(fold, areas);
}

int64_t
mr_fold_least_bytes(const struct mr_fold *fold)
{
    size_t body = fold->promises ? MR_BODY_LEAST : 0;
    return (int64_t)(fold->rollup_count * (fold->slots_min * sizeof(uint64_t) + body));
}

/* Pool locked. */
static struct mr_fold_unit *
take_unit(struct mr_fold *fold)
{
    struct mr_fold_unit *unit = fold->free;
    if (unit) {
        fold->free = unit->next_free;
        fold->free_count--;
        return unit;
    }
    unit = mri_fold_unit_new(fold);
    if (unit) {
        unit->next_all = fold->all;
        fold->all = unit;
    }
    return unit;
}

/* Pool locked. */
static void
drop_unit(struct mr_fold *fold, struct mr_fold_unit *unit)
{
    struct mr_fold_unit **link = &fold->all;
    while (*link != unit)
        link = &(*link)->next_all;
    *link = unit->next_all;
    mri_fold_unit_free(unit);
}

/* Pool locked. */
static void
give_unit(struct mr_fold *fold, struct mr_fold_unit *unit)
{
    unit->open = false;
    if (fold->free_count == MRI_POOL_UNITS) {
        drop_unit(fold, unit);
        return;
    }
    unit->next_free = fold->free;
    fold->free = unit;
    fold->free_count++;
}

void
mr_fold_trim(struct mr_fold *fold)
{
    pthread_mutex_lock(&fold->pool);
    for (struct mr_fold_unit *unit = fold->free; unit;) {
        struct mr_fold_unit *next = unit->next_free;
        drop_unit(fold, unit);
        unit = next;
    }
    fold->free = NULL;
    fold->free_count = 0;
    pthread_mutex_unlock(&fold->pool);
}

enum mr_rc
mr_fold_unit_open(struct mr_fold *fold, struct mr_fold_unit **ret_unit)
{
    pthread_mutex_lock(&fold->pool);
    struct mr_fold_unit *unit = take_unit(fold);
    enum mr_rc rc = unit ? mri_fold_unit_fit(unit) : MR_MEMORY;
    if (rc == MR_OK) {
        unit->open = true;
        *ret_unit = unit;
    } else if (unit) {
        give_unit(fold, unit);
    }
    pthread_mutex_unlock(&fold->pool);
    return rc;
}

/* A burst is remembered for a few units: the expectation halves at most. */
static void
note_keys(struct mr_fold *fold, const struct mr_fold_unit *unit)
{
    for (uint32_t i = 0; i < fold->rollup_count; i++) {
        struct mr_fold_stats stats;
        mr_fold_unit_stats(unit, i, &stats);
        uint64_t least = fold->expected[i] / 2;
        fold->expected[i] = stats.keys > least ? stats.keys : least;
    }
}

void
mr_fold_unit_retire(struct mr_fold *fold, struct mr_fold_unit **unit)
{
    if (!*unit)
        return;
    MR_REQUIRE((*unit)->fold == fold);
    pthread_mutex_lock(&fold->pool);
    MR_REQUIRE((*unit)->open);
    note_keys(fold, *unit);
    mri_fold_unit_reset(*unit);
    give_unit(fold, *unit);
    pthread_mutex_unlock(&fold->pool);
    *unit = NULL;
}

/* Lowest free id. Acquire: what the worker that had it before did to its shares, partner is the
 * release in mr_fold_worker_free. A failed exchange means that another worker took or gave an id.
 */
static bool
take_id(struct mr_fold *fold, uint32_t *ret_id)
{
    for (uint32_t i = 0; i < MR_ARRAY_LEN(fold->workers); i++) {
        uint64_t used = atomic_load_explicit(&fold->workers[i], memory_order_relaxed);
        while (~used) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~used);
            if (atomic_compare_exchange_weak_explicit(&fold->workers[i],
                                                      &used,
                                                      used | UINT64_C(1) << bit,
                                                      memory_order_acquire,
                                                      memory_order_relaxed)) {
                *ret_id = i * 64 + bit;
                return true;
            }
        }
    }
    return false;
}

enum mr_rc
mr_fold_worker_new(struct mr_fold *fold, struct mr_fold_worker **ret_worker)
{
    struct mr_fold_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return MR_MEMORY;
    worker->fold = fold;
    if (!take_id(fold, &worker->id)) {
        free(worker);
        return MR_MEMORY;
    }
    for (uint32_t i = 0; i < fold->rollup_count; i++)
        worker->windows[i] = mri_fold_window_start(fold->shapes[i].rollup, 0);
    *ret_worker = worker;
    return MR_OK;
}

void
mr_fold_worker_free(struct mr_fold_worker **worker)
{
    if (!*worker)
        return;
    uint32_t id = (*worker)->id;
    /* Release: partner is take_id. */
    atomic_fetch_and_explicit(
        &(*worker)->fold->workers[id / 64], ~(UINT64_C(1) << id % 64), memory_order_release);
    free(*worker);
    *worker = NULL;
}
