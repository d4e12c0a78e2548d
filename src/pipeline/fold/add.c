/* Adding: groups of (event, rollup) pairs in three passes, so that the cache misses of one pair
 * overlap with those of the others. */
#include "fold_priv.h"

#include "millrace/base/assert.h"
#include "millrace/base/attr.h"
#include "millrace/base/hash.h"

static uint64_t
hash_key(const struct mr_fold *fold, const char *key, uint32_t len)
{
    uint64_t hash = mr_hash_bytes(key, len, fold->seed);
    return MR_UNLIKELY(fold->hash_mask != 0) ? hash & fold->hash_mask : hash;
}

static void
prefetch_entry(const struct mri_item *item)
{
    const struct mri_segment *segment =
        atomic_load_explicit(&item->table->newest, memory_order_acquire);
    /* Relaxed: a hint; nothing is read through it here. */
    uint64_t word =
        atomic_load_explicit(&segment->slots[item->hash & segment->mask], memory_order_relaxed);
    if ((word >> MRI_GEN_SHIFT) != ((item->hash >> MRI_TAG_SHIFT << 8) | segment->gen))
        return;
    const char *entry = (const char *)mri_fold_entry_at(item->table, (word & MRI_INDEX_MASK) - 1);
    __builtin_prefetch(entry, 1);
    __builtin_prefetch(entry + item->table->shape->entry_bytes - 1, 1);
}

static void
add_item(struct mr_fold *fold, struct mri_share *share, const struct mri_item *item)
{
    struct mri_entry *entry = mri_fold_find(fold, share, item);
    MR_RACE_POINT("fold.add.found");
    mri_fold_cells_add(fold, share, item->table->shape, entry, item->event);
}

/* Passes 2 and 3; pass 1 was made while the items were staged. */
static void
run_group(struct mr_fold_worker *worker, struct mri_share *share)
{
    for (uint32_t i = 0; i < worker->item_count; i++)
        prefetch_entry(&worker->items[i]);
    for (uint32_t i = 0; i < worker->item_count; i++)
        add_item(worker->fold, share, &worker->items[i]);
    worker->item_count = 0;
}

/* A key beyond the scratch is encoded straight into the byte area, where it stays if it turns out
 * to be the first of its kind. Such pairs go one by one: the area has one open end. */
static void
add_long(struct mr_fold_worker *worker, struct mri_share *share, struct mri_item *item)
{
    struct mr_fold *fold = worker->fold;
    run_group(worker, share);
    size_t bound = mri_fold_key_bound(item->table->shape, item->event);
    char *key = mri_fold_bytes_reserve(fold, share, bound + MRI_KEY_SLACK);
    item->key = key;
    item->key_len = mri_fold_key_encode(
        item->table->shape, item->event, &worker->windows[item->rollup], key, bound);
    MR_INSIST(item->key_len > 0);
    item->hash = hash_key(fold, item->key, item->key_len);
    add_item(fold, share, item);
}

/* Pass 1: key, hash, prefetch of the slot. */
static void
stage(struct mr_fold_worker *worker,
      struct mri_share *share,
      struct mr_fold_unit *unit,
      const struct mr_event *event,
      uint32_t rollup)
{
    if (worker->item_count == MRI_GROUP)
        run_group(worker, share);
    struct mri_item *item = &worker->items[worker->item_count];
    item->event = event;
    item->rollup = rollup;
    item->table = &unit->tables[rollup];
    item->key = item->scratch;
    item->key_len = mri_fold_key_encode(
        item->table->shape, event, &worker->windows[rollup], item->scratch, MRI_KEY_SCRATCH);
    if (MR_UNLIKELY(item->key_len == 0)) {
        add_long(worker, share, item);
        return;
    }
    item->hash = hash_key(worker->fold, item->key, item->key_len);
    worker->item_count++;
    /* Acquire: the segment's fields, partner is the release in grow. */
    const struct mri_segment *segment =
        atomic_load_explicit(&item->table->newest, memory_order_acquire);
    __builtin_prefetch((const uint64_t *)segment->area + (item->hash & segment->mask));
}

void
mr_fold_add(struct mr_fold_worker *worker,
            struct mr_fold_unit *unit,
            const struct mr_event *events,
            uint32_t count)
{
    struct mri_share *share = mri_fold_unit_share(unit, worker->id);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t rollup = 0; rollup < worker->fold->rollup_count; rollup++)
            stage(worker, share, unit, &events[i], rollup);
    run_group(worker, share);
}

/* Nothing is private to a worker: its chunks and byte areas are in the unit, for the case that it
 * comes back, and go with it. Only a group under way would be lost, and add ends with none. */
void
mr_fold_leave(struct mr_fold_worker *worker, struct mr_fold_unit *unit)
{
    MR_REQUIRE(unit->fold == worker->fold);
    MR_INSIST(worker->item_count == 0);
}
