/* Arena: dense entries of a table, claimed by chunks; and the byte areas of a worker. */
#include <stdlib.h>

#include "fold_priv.h"

#include "millrace/base/assert.h"
#include "millrace/base/attr.h"
#include "millrace/base/pages.h"

/* A segment of 2S slots is linked when one of S holds at least S/2 keys (table.c): 16 bytes of new
 * slots a slot, so each key pays for 32. Growing then never needs a charge of its own. */
#define SLOT_SHARE 32
/* A body leaves the end of a chunk when the next row does not fit: less than that row. So twice the texts
 * are room for them, however long they are. */
#define TEXT_SHARE 2

int64_t
mri_fold_entry_cost(const struct mri_shape *shape)
{
    return (int64_t)shape->entry_bytes + SLOT_SHARE + shape->row_promise;
}

static void
charge(struct mr_fold *fold, struct mri_share *share, int64_t cost, int64_t promise)
{
    mr_budget_force(fold->budget, cost);
    mr_budget_keep(fold->budget, promise);
    share->charged += cost;
    share->promised += promise;
}

int64_t
mri_fold_area_promise(const struct mr_fold *fold, size_t capacity)
{
    return fold->promises ? TEXT_SHARE * (int64_t)capacity : 0;
}

size_t
mri_fold_block_bytes(const struct mri_table *table, uint32_t block)
{
    uint32_t shift = table->block_shift + (block ? block - 1 : 0);
    return ((size_t)1 << shift) * table->shape->entry_bytes;
}

/* The first thread that needs a block maps it; the map of one that came late is given back. */
static void
need_block(struct mri_table *table, uint32_t block)
{
    /* Acquire: the zeroed area, from the release below. */
    char *base = atomic_load_explicit(&table->blocks[block], memory_order_acquire);
    if (MR_LIKELY(base != NULL))
        return;
    char *fresh = mr_pages_map(mri_fold_block_bytes(table, block));
    /* The bytes were granted by the budget before the batch was handed out. When the kernel refuses
     * all the same, ending is exact: nothing of this unit is committed, all of it is read again. */
    MR_INSIST(fresh != NULL);
    MR_RACE_POINT("fold.arena.before_block");
    /* Release: partner is the acquire above. A failure means that another thread mapped it; the
     * acquire of the failure is that partner. */
    if (!atomic_compare_exchange_strong_explicit(
            &table->blocks[block], &base, fresh, memory_order_release, memory_order_acquire))
        mr_pages_unmap(fresh, mri_fold_block_bytes(table, block));
}

uint64_t
mri_fold_claim(struct mr_fold *fold, struct mri_table *table, struct mri_share *share)
{
    /* Relaxed: only makes indexes unique; entries reach others through the slot word. */
    uint64_t first =
        atomic_fetch_add_explicit(&table->next_entry, fold->chunk, memory_order_relaxed);
    MR_INSIST(first + fold->chunk < MRI_INDEX_MASK);
    MR_RACE_POINT("fold.arena.claimed");
    need_block(table, mri_fold_block_of(table, first));
    int64_t cost = (int64_t)SLOT_SHARE * fold->chunk;
    if (first >= table->paid_entries)
        cost += (int64_t)table->shape->entry_bytes * fold->chunk;
    charge(fold, share, cost, table->shape->row_promise * fold->chunk);
    return first;
}

char *
mri_fold_bytes_reserve(struct mr_fold *fold, struct mri_share *share, size_t need)
{
    struct mri_bytes *area = share->bytes;
    if (area && area->capacity - area->used >= need)
        return area->data + area->used;
    size_t capacity = need > MRI_BYTES_BLOCK ? need : MRI_BYTES_BLOCK;
    area = malloc(sizeof *area + capacity);
    MR_INSIST(area != NULL); /* as in need_block */
    *area = (struct mri_bytes){.next = share->bytes, .capacity = capacity};
    charge(fold, share, (int64_t)(sizeof *area + capacity), mri_fold_area_promise(fold, capacity));
    share->bytes = area;
    return area->data;
}

void
mri_fold_bytes_take(struct mri_share *share, size_t used)
{
    struct mri_bytes *area = share->bytes;
    size_t rounded = (used + 7) & ~(size_t)7;
    size_t room = area->capacity - area->used;
    area->used += rounded < room ? rounded : room;
}
