/* Cumulative totals: what a unit's workers counted, checked against the offsets that it took. */
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger_priv.h"
#include "millrace/base/assert.h"

static int
compare(const struct mr_span *a, const struct mr_span *b)
{
    if (a->topic != b->topic) {
        return a->topic < b->topic ? -1 : 1;
    }
    return (a->partition > b->partition) - (a->partition < b->partition);
}

static int
compare_takes(const void *a, const void *b)
{
    const struct mri_ledger_take *left = a, *right = b;
    return compare(&left->part->row, &right->part->row);
}

void
mri_ledger_sort_takes(struct mri_ledger_unit *unit)
{
    if (unit->take_count > 1) {
        qsort(unit->takes, unit->take_count, sizeof *unit->takes, compare_takes);
    }
}

/* Index of the unit's take of the span's partition; take_count when it took nothing there. */
static uint32_t
find_take(const struct mri_ledger_unit *unit, const struct mr_span *span)
{
    uint32_t low = 0, high = unit->take_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(&unit->takes[middle].part->row, span);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return unit->take_count;
}

/* Sums the workers' spans into one row a take. False: a span of offsets that the unit never took.
 */
static bool
sum_spans(const struct mri_ledger_unit *unit,
          const struct mr_span *spans,
          uint32_t count,
          struct mr_span *sums)
{
    for (uint32_t i = 0; i < unit->take_count; i++) {
        const struct mri_ledger_take *take = &unit->takes[i];
        sums[i] = (struct mr_span){.topic = take->part->row.topic,
                                   .partition = take->part->row.partition,
                                   .start = take->start,
                                   .end = take->end,
                                   .event_time_us = INT64_MIN};
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = find_take(unit, &spans[i]);
        if (at == unit->take_count || spans[i].start < unit->takes[at].start ||
            spans[i].end > unit->takes[at].end) {
            return false;
        }
        mr_span_add(&sums[at], &spans[i]);
    }
    return true;
}

/* At least the last offset of a span was a record; gaps have none. */
static bool
is_plausible(const struct mr_ledger *ledger, const struct mr_span *sum)
{
    const struct mr_totals *t = &sum->totals;
    if (t->consumed < 1 || t->consumed > sum->end - sum->start || t->detail < 0 ||
        t->quarantined < 0 || t->filtered < 0 || t->tombstones < 0 ||
        t->consumed != t->detail + t->quarantined + t->filtered + t->tombstones) {
        return false;
    }
    for (uint32_t i = 0; i < MR_MAX_ROLLUPS; i++) {
        int64_t most = i < ledger->rollup_count ? t->consumed : 0;
        if (t->rollups[i] < 0 || t->rollups[i] > most) {
            return false;
        }
    }
    return t->late >= 0 && t->late <= t->consumed;
}

static bool
all_plausible(const struct mr_ledger *ledger, const struct mr_span *sums, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!is_plausible(ledger, &sums[i])) {
            return false;
        }
    }
    return true;
}

/* From the unit's own sums to the sums since the beginning, and to the ledger's state. */
static void
accumulate(struct mri_ledger_unit *unit)
{
    for (uint32_t i = 0; i < unit->take_count; i++) {
        struct mr_span *row = &unit->rows[i], *total = &unit->takes[i].part->row;
        struct mr_span before = *total;
        before.start = row->start;
        before.end = row->end;
        mr_span_add(row, &before);
        *total = *row;
    }
}

/* Partitions that the unit left alone: unchanged end, nothing in between. */
static void
add_idle(const struct mr_ledger *ledger, struct mri_ledger_unit *unit)
{
    unit->row_count = unit->take_count;
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        const struct mr_span *total = &ledger->parts[i]->row;
        if (total->end >= 0 && find_take(unit, total) == unit->take_count) {
            struct mr_span *row = &unit->rows[unit->row_count++];
            *row = *total;
            row->start = total->end;
        }
    }
}

/* The lower units that are still held are all counted, so that this one's sums can follow. */
static bool
is_next(const struct mr_ledger *ledger, uint64_t number)
{
    for (uint64_t lower = ledger->first; lower < number; lower++) {
        if (!mri_ledger_find_unit(ledger, lower)->counted) {
            return false;
        }
    }
    return true;
}

enum mr_rc
mr_ledger_count(struct mr_ledger *ledger,
                uint64_t number,
                const struct mr_span *spans,
                uint32_t count)
{
    struct mri_ledger_unit *unit = mri_ledger_find_unit(ledger, number);
    if (!unit || unit->state == MR_UNIT_FAILED) {
        return MR_OK; /* nobody will load it */
    }
    MR_REQUIRE(unit->state == MR_UNIT_SEALED);
    MR_REQUIRE(!unit->counted);
    MR_REQUIRE(is_next(ledger, number));
    struct mr_span *sums = calloc(ledger->part_count + 1, sizeof *sums); /* + 1: never of size 0 */
    if (!sums) {
        return MR_MEMORY;
    }
    if (!sum_spans(unit, spans, count, sums) || !all_plausible(ledger, sums, unit->take_count)) {
        free(sums);
        return MR_INTERNAL;
    }
    unit->rows = sums;
    unit->counted = true;
    accumulate(unit);
    add_idle(ledger, unit);
    return MR_OK;
}

static const struct mri_ledger_unit *
find_usable(const struct mr_ledger *ledger, uint64_t number)
{
    const struct mri_ledger_unit *unit = mri_ledger_find_unit(ledger, number);
    return unit && unit->counted && unit->state != MR_UNIT_FAILED ? unit : NULL;
}

const struct mr_span *
mr_ledger_offsets(const struct mr_ledger *ledger, uint64_t number, uint32_t *ret_count)
{
    const struct mri_ledger_unit *unit = find_usable(ledger, number);
    *ret_count = unit ? unit->row_count : 0;
    return unit ? unit->rows : NULL;
}

const struct mr_span *
mr_ledger_rows(const struct mr_ledger *ledger, uint64_t number, uint32_t *ret_count)
{
    const struct mri_ledger_unit *unit = find_usable(ledger, number);
    *ret_count = unit ? unit->take_count : 0;
    return unit ? unit->rows : NULL;
}
