/* Tables: segments of slots, linear probing, publication by one CAS, growth by linking. */
#include <stdlib.h>
#include <string.h>

#include "fold_priv.h"

#include "millrace/base/assert.h"
#include "millrace/base/attr.h"
#include "millrace/base/pages.h"

#define GEN_MASK (UINT64_C(0xff) << MRI_GEN_SHIFT)

struct mri_segment *
mri_fold_segment_new(uint64_t slots)
{
    struct mri_segment *segment = aligned_alloc(MR_CACHE_PAIR, sizeof *segment);
    void *area = segment ? mr_pages_map(slots * sizeof(uint64_t)) : NULL;
    if (!area) {
        free(segment);
        return NULL;
    }
    memset(segment, 0, sizeof *segment);
    segment->slots = area;
    segment->area = area;
    segment->mask = slots - 1;
    segment->grow_at = slots * 7 / 10;
    segment->gen = 1;
    segment->gen_bits = UINT64_C(1) << MRI_GEN_SHIFT;
    return segment;
}

void
mri_fold_segment_free(struct mri_segment *segment)
{
    if (!segment)
        return;
    mr_pages_unmap(segment->area, (segment->mask + 1) * sizeof(uint64_t));
    free(segment);
}

/* Links a twice larger segment, unless another thread did. Growth needs no lock: one CAS decides,
 * and the map of a thread that came late is given back untouched. */
static struct mri_segment *
grow(struct mri_table *table, struct mri_segment *full)
{
    /* Acquire: the segment's content, from the release below. */
    struct mri_segment *newest = atomic_load_explicit(&table->newest, memory_order_acquire);
    if (newest != full)
        return newest;
    struct mri_segment *fresh = mri_fold_segment_new(2 * (full->mask + 1));
    MR_INSIST(fresh != NULL); /* as in the arena: ending is exact, losing an event is not */
    fresh->older = full;
    MR_RACE_POINT("fold.grow.before_link");
    /* Release: partner are the acquires of newest. A failure means that another thread linked one;
     * no ABA: a segment is never unlinked while the unit is open. */
    if (atomic_compare_exchange_strong_explicit(
            &table->newest, &newest, fresh, memory_order_release, memory_order_acquire))
        return fresh;
    mri_fold_segment_free(fresh);
    return newest;
}

/* An entry that this thread has written, or will write, and has not published. */
struct draft {
    uint64_t index;
    struct mri_entry *entry; /* NULL: not written yet */
    size_t bytes;            /* of the byte area that it takes when it is published */
};

static void
store_key(struct mr_fold *fold,
          struct mri_share *share,
          const struct mri_item *item,
          struct draft *draft)
{
    struct mri_entry *entry = draft->entry;
    if (item->key_len <= item->table->shape->inline_bytes) {
        memcpy(entry->key, item->key, item->key_len);
        return;
    }
    /* A long key already stands at the end of the byte area, the others in the item's scratch. */
    const char *key = item->key;
    if (key == item->scratch) {
        char *to = mri_fold_bytes_reserve(fold, share, item->key_len);
        memcpy(to, key, item->key_len);
        key = to;
    }
    memcpy(entry->key, &key, sizeof key);
    draft->bytes = item->key_len;
}

/* Plain stores: nobody else knows the index before it is published. */
static void
write_draft(struct mr_fold *fold,
            struct mri_share *share,
            const struct mri_item *item,
            struct draft *draft)
{
    struct mri_table *table = item->table;
    struct mri_chunk *chunk = &share->chunks[item->rollup];
    if (chunk->next == chunk->end) {
        chunk->next = mri_fold_claim(fold, table, share);
        chunk->end = chunk->next + fold->chunk;
    }
    draft->index = chunk->next;
    draft->entry = mri_fold_entry_at(table, draft->index);
    draft->entry->hash = item->hash;
    draft->entry->key_len = item->key_len;
    store_key(fold, share, item, draft);
    mri_fold_cells_init(table->shape, draft->entry);
}

const char *
mri_fold_entry_key(const struct mri_shape *shape, const struct mri_entry *entry)
{
    const char *key = (const char *)entry->key;
    if (entry->key_len > shape->inline_bytes)
        memcpy(&key, entry->key, sizeof key);
    return key;
}

/* A key has at least the eight bytes of its window: whole words, the last one overlapping. */
static bool
same_bytes(const char *a, const char *b, uint32_t len)
{
    uint64_t x, y;
    for (uint32_t i = 0; i + 8 < len; i += 8) {
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y)
            return false;
    }
    memcpy(&x, a + len - 8, 8);
    memcpy(&y, b + len - 8, 8);
    return x == y;
}

static bool
is_key_of(const struct mri_entry *entry, const struct mri_item *item)
{
    return entry->hash == item->hash && entry->key_len == item->key_len &&
           same_bytes(mri_fold_entry_key(item->table->shape, entry), item->key, item->key_len);
}

/* Publishes the draft in an empty slot. On failure *word is the word of the thread that won. */
static bool
publish(struct mri_share *share,
        const struct mri_item *item,
        struct mri_segment *segment,
        _Atomic uint64_t *slot,
        uint64_t *word,
        const struct draft *draft)
{
    uint64_t mine =
        (item->hash >> MRI_TAG_SHIFT << MRI_TAG_SHIFT) | segment->gen_bits | (draft->index + 1);
    MR_RACE_POINT("fold.insert.before_publish");
    /* Linearisation point of an insert. Release: key and initial words, partner is the acquire in
     * find_in. A failure means that another thread published a key here: it made progress; its
     * entry is read next, hence acquire. No ABA: a slot changes once a generation. */
    if (!atomic_compare_exchange_strong_explicit(
            slot, word, mine, memory_order_release, memory_order_acquire))
        return false;
    share->chunks[item->rollup].next++;
    if (draft->bytes > 0)
        mri_fold_bytes_take(share, draft->bytes);
    /* Relaxed: decides only when to grow. */
    atomic_fetch_add_explicit(&segment->keys, 1, memory_order_relaxed);
    return true;
}

/* Relaxed: a stale count grows a little later. */
static bool
holds(struct mri_segment *segment, uint64_t keys)
{
    return atomic_load_explicit(&segment->keys, memory_order_relaxed) >= keys;
}

/* One writer, so load and store suffice; relaxed: statistics. */
static void
count_probes(struct mri_share *share, uint32_t rollup, uint64_t probes)
{
    _Atomic uint64_t *total = &share->stats[rollup].probes_total;
    _Atomic uint64_t *lookups = &share->stats[rollup].lookups;
    _Atomic uint64_t *max = &share->stats[rollup].probes_max;
    atomic_store_explicit(
        total, atomic_load_explicit(total, memory_order_relaxed) + probes, memory_order_relaxed);
    atomic_store_explicit(
        lookups, atomic_load_explicit(lookups, memory_order_relaxed) + 1, memory_order_relaxed);
    if (MR_UNLIKELY(probes > atomic_load_explicit(max, memory_order_relaxed)))
        atomic_store_explicit(max, probes, memory_order_relaxed);
}

/* The item's entry in this segment; NULL when the segment is too full to take it. A probe over the
 * bound counts as full from half the slots on: below that only hashes that collide on purpose get
 * there, and more slots would not part them. */
static struct mri_entry *
find_in(struct mr_fold *fold,
        struct mri_share *share,
        const struct mri_item *item,
        struct mri_segment *segment,
        struct draft *draft)
{
    uint64_t wanted = (item->hash >> MRI_TAG_SHIFT << MRI_TAG_SHIFT) | segment->gen_bits;
    for (uint64_t probe = 0; probe <= segment->mask; probe++) {
        _Atomic uint64_t *slot = &segment->slots[(item->hash + probe) & segment->mask];
        /* Acquire: key and initial words of the entry, partner is the release in publish. */
        uint64_t word = atomic_load_explicit(slot, memory_order_acquire);
        MR_RACE_POINT("fold.find.loaded");
        if ((word & GEN_MASK) != segment->gen_bits) {
            if (holds(segment, segment->grow_at))
                return NULL;
            if (!draft->entry)
                write_draft(fold, share, item, draft);
            if (publish(share, item, segment, slot, &word, draft)) {
                count_probes(share, item->rollup, probe + 1);
                return draft->entry;
            }
        }
        if ((word & ~MRI_INDEX_MASK) == wanted) {
            struct mri_entry *entry = mri_fold_entry_at(item->table, (word & MRI_INDEX_MASK) - 1);
            if (MR_LIKELY(is_key_of(entry, item))) {
                count_probes(share, item->rollup, probe + 1);
                return entry;
            }
        }
        if (MR_UNLIKELY(probe + 1 >= MRI_PROBE_BOUND) && holds(segment, (segment->mask + 1) / 2))
            return NULL;
    }
    return NULL;
}

struct mri_entry *
mri_fold_find(struct mr_fold *fold, struct mri_share *share, const struct mri_item *item)
{
    struct draft draft = {.index = 0};
    /* Acquire: the segment's content, partner is the release in grow. */
    struct mri_segment *segment = atomic_load_explicit(&item->table->newest, memory_order_acquire);
    struct mri_entry *entry;
    /* Each turn ends in a segment that was linked after the last one was full: lock-free. */
    while (!(entry = find_in(fold, share, item, segment, &draft)))
        segment = grow(item->table, segment);
    return entry;
}
