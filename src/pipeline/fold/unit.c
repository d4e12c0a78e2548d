/* Units: tables and workers' shares, fitted to what is expected, emptied, kept for the next one. */
#include <stdlib.h>
#include <string.h>

#include "fold_priv.h"

#include "millrace/base/assert.h"
#include "millrace/base/attr.h"
#include "millrace/base/pages.h"
#include "millrace/model/body.h"

/* Thread: owner, or the unit's last one. Every access by workers happened before. */
static struct mri_segment *
newest_own(const struct mri_table *table)
{
    return atomic_load_explicit(&table->newest, memory_order_relaxed);
}

static void
set_newest_own(struct mri_table *table, struct mri_segment *segment)
{
    /* Relaxed: the unit reaches the workers through the caller's ring or counter. */
    atomic_store_explicit(&table->newest, segment, memory_order_relaxed);
}

static void
free_blocks(struct mri_table *table)
{
    for (uint32_t i = 0; i < MRI_BLOCKS; i++) {
        char *block = atomic_load_explicit(&table->blocks[i], memory_order_relaxed);
        mr_pages_unmap(block, block ? mri_fold_block_bytes(table, i) : 0);
        atomic_store_explicit(&table->blocks[i], NULL, memory_order_relaxed);
    }
    table->paid_entries = 0;
}

static void
free_segments(struct mri_segment *segment)
{
    while (segment) {
        struct mri_segment *older = segment->older;
        mri_fold_segment_free(segment);
        segment = older;
    }
}

static void
free_bytes(struct mri_share *share)
{
    while (share->bytes) {
        struct mri_bytes *next = share->bytes->next;
        free(share->bytes);
        share->bytes = next;
    }
}

struct mr_fold_unit *
mri_fold_unit_new(struct mr_fold *fold)
{
    size_t size = sizeof(struct mr_fold_unit) + fold->rollup_count * sizeof(struct mri_table);
    size = (size + MR_CACHE_PAIR - 1) / MR_CACHE_PAIR * MR_CACHE_PAIR;
    struct mr_fold_unit *unit = aligned_alloc(MR_CACHE_PAIR, size);
    if (!unit)
        return NULL;
    memset(unit, 0, size);
    unit->fold = fold;
    for (uint32_t i = 0; i < fold->rollup_count; i++) {
        unit->tables[i].shape = &fold->shapes[i];
        unit->tables[i].entry_bytes = fold->shapes[i].entry_bytes;
    }
    return unit;
}

void
mri_fold_unit_free(struct mr_fold_unit *unit)
{
    int64_t charged = unit->charged, promised = unit->promised;
    for (uint32_t i = 0; i < unit->fold->rollup_count; i++) {
        free_segments(newest_own(&unit->tables[i]));
        free_blocks(&unit->tables[i]);
    }
    for (uint32_t i = 0; i < MRI_WORKERS; i++) {
        if (!unit->shares[i])
            continue;
        charged += unit->shares[i]->charged;
        promised += unit->shares[i]->promised;
        free_bytes(unit->shares[i]);
        free(unit->shares[i]);
    }
    mr_budget_refund(unit->fold->budget, charged);
    mr_budget_release(unit->fold->budget, promised);
    free(unit);
}

static uint64_t
power_of_two(uint64_t least)
{
    uint64_t power = 1;
    while (power < least)
        power <<= 1;
    return power;
}

/* Room for half as many keys again as are expected, at 70 % load. */
static uint64_t
slots_wanted(const struct mr_fold *fold, uint32_t index)
{
    uint64_t slots = fold->expected[index] * 15 / 7;
    return power_of_two(slots > fold->slots_min ? slots : fold->slots_min);
}

static int64_t
segment_bytes(uint64_t slots)
{
    return (int64_t)(slots * sizeof(uint64_t));
}

/* A smaller table gives its whole memory back: the arena's blocks have sizes of their own. */
static int64_t
drop_table(struct mri_table *table)
{
    struct mri_segment *segment = newest_own(table);
    if (!segment)
        return 0;
    int64_t bytes = segment_bytes(segment->mask + 1) +
                    (int64_t)(table->paid_entries * table->shape->entry_bytes);
    free_segments(segment);
    set_newest_own(table, NULL);
    free_blocks(table);
    return bytes;
}

static enum mr_rc
make_table(struct mr_fold_unit *unit, struct mri_table *table, uint64_t slots)
{
    if (!mr_budget_try(unit->fold->budget, segment_bytes(slots)))
        return MR_BUSY;
    struct mri_segment *segment = mri_fold_segment_new(slots);
    if (!segment) {
        mr_budget_refund(unit->fold->budget, segment_bytes(slots));
        return MR_MEMORY;
    }
    unit->charged += segment_bytes(slots);
    set_newest_own(table, segment);
    uint64_t entries = slots / 2 > unit->fold->chunk ? slots / 2 : unit->fold->chunk;
    table->block_shift = (uint32_t)__builtin_ctzll(entries);
    return MR_OK;
}

/* Up to four times the wanted slots a table is kept as it is; beyond that one burst would hold its
 * memory for ever. A table that is too small is made anew, so that it need not grow. */
static enum mr_rc
fit_table(struct mr_fold_unit *unit, struct mri_table *table, uint64_t wanted)
{
    struct mri_segment *segment = newest_own(table);
    if (segment && segment->mask + 1 <= 4 * wanted && segment->mask + 1 >= wanted)
        return MR_OK;
    int64_t bytes = drop_table(table);
    unit->charged -= bytes;
    mr_budget_refund(unit->fold->budget, bytes);
    enum mr_rc rc = make_table(unit, table, wanted);
    /* The budget is nearly used up: begin small, the workers' reservations pay for growth. */
    return rc == MR_BUSY ? make_table(unit, table, unit->fold->slots_min) : rc;
}

/* Each rollup's body begins with a whole chunk, however few its rows are. */
static enum mr_rc
promise_bodies(struct mr_fold_unit *unit)
{
    int64_t bytes = (int64_t)(unit->fold->rollup_count * MR_BODY_LEAST);
    if (!unit->fold->promises)
        return MR_OK;
    if (!mr_budget_promise(unit->fold->budget, bytes))
        return MR_BUSY;
    unit->promised += bytes;
    return MR_OK;
}

enum mr_rc
mri_fold_unit_fit(struct mr_fold_unit *unit)
{
    for (uint32_t i = 0; i < unit->fold->rollup_count; i++) {
        enum mr_rc rc = fit_table(unit, &unit->tables[i], slots_wanted(unit->fold, i));
        if (rc != MR_OK)
            return rc;
    }
    return promise_bodies(unit);
}

/* The next use of the array has another generation, so the words of this one read as empty; when
 * the eight bits are used up the array is cleared for real. */
static void
renew_segment(struct mri_segment *segment)
{
    free_segments(segment->older);
    segment->older = NULL;
    segment->gen++;
    if (segment->gen > MRI_GEN_MAX) {
        memset(segment->area, 0, (segment->mask + 1) * sizeof(uint64_t));
        segment->gen = 1;
    }
    segment->gen_bits = (uint64_t)segment->gen << MRI_GEN_SHIFT;
    atomic_store_explicit(&segment->keys, 0, memory_order_relaxed);
}

/* Bytes that the table keeps. */
static int64_t
reset_table(struct mri_table *table)
{
    struct mri_segment *segment = newest_own(table);
    if (!segment)
        return 0;
    renew_segment(segment);
    uint64_t entries = atomic_load_explicit(&table->next_entry, memory_order_relaxed);
    if (entries > table->paid_entries)
        table->paid_entries = entries;
    atomic_store_explicit(&table->next_entry, 0, memory_order_relaxed);
    return segment_bytes(segment->mask + 1) +
           (int64_t)(table->paid_entries * table->shape->entry_bytes);
}

/* One byte area of the usual size is kept, with the promise for its texts. */
static int64_t
reset_share(const struct mr_fold *fold, struct mri_share *share)
{
    struct mri_bytes *kept = share->bytes;
    if (kept && kept->capacity == MRI_BYTES_BLOCK) {
        share->bytes = kept->next;
        kept->next = NULL;
        kept->used = 0;
    } else {
        kept = NULL;
    }
    free_bytes(share);
    memset(share, 0, sizeof *share);
    if (!kept)
        return 0;
    share->bytes = kept;
    share->promised = mri_fold_area_promise(fold, kept->capacity);
    return (int64_t)(sizeof *kept + kept->capacity);
}

void
mri_fold_unit_reset(struct mr_fold_unit *unit)
{
    int64_t charged = unit->charged, kept = 0, promised = unit->promised;
    for (uint32_t i = 0; i < unit->fold->rollup_count; i++)
        kept += reset_table(&unit->tables[i]);
    for (uint32_t i = 0; i < MRI_WORKERS; i++) {
        if (!unit->shares[i])
            continue;
        charged += unit->shares[i]->charged;
        promised += unit->shares[i]->promised;
        kept += reset_share(unit->fold, unit->shares[i]);
        promised -= unit->shares[i]->promised;
    }
    /* Each key paid its share of the slots that were linked (arena.c). */
    MR_INSIST(charged >= kept);
    mr_budget_refund(unit->fold->budget, charged - kept);
    mr_budget_release(unit->fold->budget, promised);
    unit->charged = kept;
    unit->promised = 0;
}

struct mri_share *
mri_fold_unit_share(struct mr_fold_unit *unit, uint32_t id)
{
    struct mri_share *share = unit->shares[id];
    if (MR_LIKELY(share != NULL))
        return share;
    share = calloc(1, sizeof *share);
    MR_INSIST(share != NULL); /* once a worker and unit object, a few hundred bytes */
    unit->shares[id] = share;
    return share;
}
