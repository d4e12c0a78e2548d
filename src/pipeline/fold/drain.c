/* Drain: the published words of a quiet unit, segment by segment. */
#include "fold_priv.h"

#include "millrace/base/assert.h"

#define RUN 32u /* slots looked at before their entries are read, so that the misses overlap */

struct drain {
    const struct mri_shape *shape;
    enum mr_rc (*emit)(void *context, const struct mr_fold_row *row);
    void *context;
    struct mr_value dims[MR_MAX_DIMS];
    struct mr_value measures[MR_MAX_MEASURES * 2];
};

static enum mr_rc
emit_entry(struct drain *drain, struct mri_entry *entry)
{
    struct mr_fold_row row = {.dims = drain->dims, .measures = drain->measures};
    mri_fold_key_decode(
        drain->shape, mri_fold_entry_key(drain->shape, entry), &row.window_start_us, drain->dims);
    enum mr_rc rc = mri_fold_cells_read(drain->shape, entry, drain->measures);
    return rc == MR_OK ? drain->emit(drain->context, &row) : rc;
}

/* Relaxed loads: the caller acquired the unit's in-flight counter at 0, so every publication and
 * every addition happened before. */
static uint32_t
collect_run(const struct mri_table *table,
            const struct mri_segment *segment,
            uint64_t first,
            struct mri_entry **ret_entries)
{
    uint64_t end = first + RUN <= segment->mask + 1 ? first + RUN : segment->mask + 1;
    uint32_t count = 0;
    for (uint64_t i = first; i < end; i++) {
        uint64_t word = atomic_load_explicit(&segment->slots[i], memory_order_relaxed);
        if (((word >> MRI_GEN_SHIFT) & 0xff) != segment->gen)
            continue;
        ret_entries[count] = mri_fold_entry_at(table, (word & MRI_INDEX_MASK) - 1);
        __builtin_prefetch(ret_entries[count++]);
    }
    return count;
}

static enum mr_rc
drain_segment(struct drain *drain, const struct mri_table *table, const struct mri_segment *segment)
{
    struct mri_entry *entries[RUN];
    for (uint64_t first = 0; first <= segment->mask; first += RUN) {
        uint32_t count = collect_run(table, segment, first, entries);
        for (uint32_t i = 0; i < count; i++) {
            enum mr_rc rc = emit_entry(drain, entries[i]);
            if (rc != MR_OK)
                return rc;
        }
    }
    return MR_OK;
}

enum mr_rc
mr_fold_drain(struct mr_fold_unit *unit,
              uint32_t index,
              enum mr_rc (*emit)(void *context, const struct mr_fold_row *row),
              void *context)
{
    MR_REQUIRE(index < unit->fold->rollup_count);
    const struct mri_table *table = &unit->tables[index];
    struct drain drain = {.shape = table->shape, .emit = emit, .context = context};
    const struct mri_segment *segment = atomic_load_explicit(&table->newest, memory_order_relaxed);
    enum mr_rc rc = MR_OK;
    for (; segment && rc == MR_OK; segment = segment->older)
        rc = drain_segment(&drain, table, segment);
    return rc;
}

static uint64_t
table_keys(const struct mri_table *table, uint64_t *ret_slots)
{
    uint64_t keys = 0;
    *ret_slots = 0;
    /* Acquire: the older links, partner is the release in grow; the counts are approximate while
     * workers add, hence relaxed. */
    const struct mri_segment *segment = atomic_load_explicit(&table->newest, memory_order_acquire);
    for (; segment; segment = segment->older) {
        keys += atomic_load_explicit(&segment->keys, memory_order_relaxed);
        *ret_slots += segment->mask + 1;
    }
    return keys;
}

uint64_t
mr_fold_unit_keys(const struct mr_fold_unit *unit)
{
    uint64_t most = 0, slots;
    for (uint32_t i = 0; i < unit->fold->rollup_count; i++) {
        uint64_t keys = table_keys(&unit->tables[i], &slots);
        most = keys > most ? keys : most;
    }
    return most;
}

void
mr_fold_unit_stats(const struct mr_fold_unit *unit, uint32_t index, struct mr_fold_stats *ret_stats)
{
    MR_REQUIRE(index < unit->fold->rollup_count);
    const struct mri_table *table = &unit->tables[index];
    struct mr_fold_stats stats = {.keys = 0};
    stats.keys = table_keys(table, &stats.slots);
    uint64_t entries = atomic_load_explicit(&table->next_entry, memory_order_relaxed);
    if (entries < table->paid_entries)
        entries = table->paid_entries;
    stats.bytes = stats.slots * sizeof(uint64_t) + entries * table->shape->entry_bytes;
    for (uint32_t i = 0; i < MRI_WORKERS; i++) {
        const struct mri_share *share = unit->shares[i];
        if (!share)
            continue;
        stats.lookups += atomic_load_explicit(&share->stats[index].lookups, memory_order_relaxed);
        stats.probes_total +=
            atomic_load_explicit(&share->stats[index].probes_total, memory_order_relaxed);
        uint64_t max = atomic_load_explicit(&share->stats[index].probes_max, memory_order_relaxed);
        stats.probes_max = max > stats.probes_max ? max : stats.probes_max;
    }
    *ret_stats = stats;
}
