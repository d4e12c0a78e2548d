/* Private to src/pipeline/fold: how a table, its entries and its keys are laid out.
 *
 * fold → units (pool) → one table a rollup → segments of slots + one arena of entries.
 * README.md holds the guarantees, the linearisation points and the proofs. */
#pragma once

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "millrace/base/attr.h"
#include "millrace/base/race.h"
#include "millrace/fold.h"

/* Keys are written as words and read back on the same machine. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "key encoding is little-endian");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics are lock-free");

/* Slot word: tag (16 hash bits) | generation of the array (8) | entry index + 1 (40). */
#define MRI_TAG_SHIFT  48
#define MRI_GEN_SHIFT  40
#define MRI_GEN_MAX    255u
#define MRI_INDEX_MASK ((UINT64_C(1) << MRI_GEN_SHIFT) - 1)

#define MRI_PROBE_BOUND 128u /* longer probes grow the table, once it is half full */
#define MRI_BLOCKS      40u  /* each next block doubles the arena */
#define MRI_GROUP       32u  /* (event, rollup) pairs between two passes */
#define MRI_KEY_SCRATCH 128u /* longer keys are encoded in the worker's byte area */
#define MRI_KEY_FIXED   17u  /* most bytes of a dimension that is no string */
#define MRI_KEY_SLACK   16u  /* the encoder stores whole words past the end */
#define MRI_WORKERS     256u
#define MRI_BYTES_BLOCK ((size_t)64 << 10)
#define MRI_POOL_UNITS  4u

/* What one measure of an entry is made of. A cell is shared by all measures that need it: avg(f)
 * and sum(f) use one sum, and the non-null count of a column also says whether its sum is NULL. */
enum mri_cell_kind {
    MRI_COUNT_ALL,
    MRI_COUNT,
    MRI_SUM,      /* INT64, DECIMAL: two words, 128 bits */
    MRI_SUM_WIDE, /* DECIMAL whose sum may pass 128 bits: three words */
    MRI_SUM_F64,
    MRI_MIN, /* INT64, BOOL, TIMESTAMP, DATE, DECIMAL up to 18 digits: one word */
    MRI_MAX,
    MRI_MIN_F64,
    MRI_MAX_F64,
    MRI_MIN_REF, /* STRING, wider DECIMAL: the word points to an immutable value */
    MRI_MAX_REF
};

struct mri_cell {
    enum mri_cell_kind kind;
    enum mr_type type;
    uint32_t column; /* unused for MRI_COUNT_ALL */
    uint32_t word;   /* index of its first word */
    bool nullable;
};

/* One output value of the drain. */
struct mri_output {
    uint32_t cell;
    int32_t count_cell; /* non-null count that says whether the value is NULL; -1 = never NULL */
};

/* A rollup, compiled. [const] after mr_fold_new. */
struct mri_shape {
    const struct mr_rollup *rollup;
    enum mr_type dim_types[MR_MAX_DIMS];
    bool has_strings; /* a key may outgrow its entry */
    uint32_t refs;    /* MIN/MAX cells that take bytes from the worker's area */
    uint32_t cell_count, word_count, output_count;
    struct mri_cell cells[MR_MAX_MEASURES * 2];
    struct mri_output outputs[MR_MAX_MEASURES * 2];
    uint32_t entry_bytes;  /* multiple of a cache line */
    uint32_t inline_bytes; /* key bytes that fit into the entry */
    int64_t row_promise;   /* for the row that an entry is drained to; texts in byte areas apart */
};

/* Header of an entry; then inline_bytes of key (or a pointer to a longer one), then the words at
 * the end of the entry. Written with plain stores by the thread that claimed it, published by the
 * slot word, constant from then on; only the words change. */
struct mri_entry {
    uint64_t hash;
    uint32_t key_len;
    unsigned char key[]; /* inline, or in its first 8 bytes a pointer into a byte area */
};

/* Slots of a table. [const] after publication, except slots and keys. */
struct mri_segment {
    _Atomic uint64_t *slots; /* [atomic: release by publish, acquire by find] */
    void *area;              /* the same memory, for mapping, clearing and prefetching */
    uint64_t mask;
    uint64_t grow_at;  /* keys at which the next segment is linked: 70 % */
    uint64_t gen_bits; /* generation, in place */
    uint32_t gen;      /* [own: owner of the unit] 1..255, one more at each reuse */
    struct mri_segment *older;
    alignas(MR_CACHE_PAIR) _Atomic uint64_t keys; /* [atomic: relaxed, a statistic that only
                                                     decides when to grow] */
};

struct mri_table {
    const struct mri_shape *shape;        /* [const] */
    _Atomic(struct mri_segment *) newest; /* [atomic: release by grow, acquire by find] */
    _Atomic(char *) blocks[MRI_BLOCKS];   /* [atomic: release by map, acquire by claim] */
    uint32_t block_shift;                 /* [const] block 0 holds 1 << block_shift entries */
    uint32_t entry_bytes;                 /* [const] of the shape */
    uint64_t paid_entries;                /* [own: owner] entries charged by earlier units */
    alignas(MR_CACHE_PAIR) _Atomic uint64_t next_entry; /* [atomic: relaxed, hands out indexes] */
};

struct mri_bytes {
    struct mri_bytes *next;
    size_t used, capacity;
    char data[];
};

/* Private entries of one worker in one table: a chunk. */
struct mri_chunk {
    uint64_t next, end;
};

/* What one worker keeps in one unit. It lives in the unit, so a worker may change units at any
 * batch and come back. [own: that worker until the unit is quiet, then its owner] */
struct mri_share {
    struct mri_bytes *bytes; /* byte areas, newest first */
    int64_t charged;         /* to the budget, for entries and byte areas */
    int64_t promised;        /* for the rows that they are drained to */
    struct mri_chunk chunks[MR_MAX_ROLLUPS];
    struct {
        _Atomic uint64_t lookups, probes_total, probes_max; /* [atomic: relaxed, one writer] */
    } stats[MR_MAX_ROLLUPS];
};

struct mr_fold_unit {
    struct mr_fold *fold;
    struct mr_fold_unit *next_all;         /* [lock: pool] */
    struct mr_fold_unit *next_free;        /* [lock: pool] */
    bool open;                             /* [lock: pool] */
    int64_t charged;                       /* [own: owner] bytes kept from unit to unit */
    int64_t promised;                      /* [own: owner] for the first chunk of each body */
    struct mri_share *shares[MRI_WORKERS]; /* [own: worker i, then owner] */
    struct mri_table tables[];
};

struct mr_fold {
    struct mr_budget *budget;                   /* [const] */
    uint64_t seed, hash_mask;                   /* [const] */
    size_t default_bytes;                       /* [const] of the layout */
    uint32_t slots_min, chunk;                  /* [const] powers of two */
    bool promises;                              /* [const] room for drained rows */
    uint32_t rollup_count;                      /* [const] */
    struct mri_shape *shapes;                   /* [const] */
    _Atomic uint64_t workers[MRI_WORKERS / 64]; /* [atomic: acquire/release] ids in use */
    pthread_mutex_t pool;                       /* guards what follows; taken once a unit */
    struct mr_fold_unit *all, *free;            /* [lock: pool] */
    uint32_t free_count;                        /* [lock: pool] */
    uint64_t expected[MR_MAX_ROLLUPS];          /* [lock: pool] keys that the next unit may have */
};

/* One (event, rollup) pair on its way through the passes. */
struct mri_item {
    const struct mr_event *event;
    struct mri_table *table;
    uint64_t hash;
    const char *key;
    uint32_t key_len;
    uint32_t rollup;
    char scratch[MRI_KEY_SCRATCH + MRI_KEY_SLACK];
};

struct mr_fold_worker {
    struct mr_fold *fold;
    uint32_t id;
    uint32_t item_count;
    int64_t windows[MR_MAX_ROLLUPS]; /* start of the window met last */
    struct mri_item items[MRI_GROUP];
};

/* shape.c */
MR_NODISCARD enum mr_rc mri_fold_shape_compile(const struct mr_layout *layout,
                                               const struct mr_rollup *rollup,
                                               struct mri_shape *ret_shape);

/* key.c — Encodes the key of an event: window start, then each dimension. Returns its length, or 0
 * when it needs more than room bytes; out has room + MRI_KEY_SLACK bytes. *window_us: start of some
 * window of the shape, set to that of the event: the next event is nearly always in the same one.
 */
uint32_t mri_fold_key_encode(const struct mri_shape *shape,
                             const struct mr_event *event,
                             int64_t *window_us,
                             char *out,
                             size_t room);

int64_t mri_fold_window_start(const struct mr_rollup *rollup, int64_t time_us);

/* Bytes that surely hold the key. */
size_t mri_fold_key_bound(const struct mri_shape *shape, const struct mr_event *event);

/* Slices of ret_dims point into key. */
void mri_fold_key_decode(const struct mri_shape *shape,
                         const char *key,
                         int64_t *ret_window_us,
                         struct mr_value *ret_dims);

/* What CSV cannot carry, decided anew for a text that left its event. */
bool mri_fold_key_csv_unsafe(struct mr_slice text);

/* arena.c — Block 0 holds 2^shift entries, block k > 0 holds 2^(shift + k - 1), from that index on.
 */
static inline uint32_t
mri_fold_block_of(const struct mri_table *table, uint64_t index)
{
    uint64_t rest = index >> table->block_shift;
    return MR_LIKELY(rest == 0) ? 0 : 64 - (uint32_t)__builtin_clzll(rest);
}

static inline struct mri_entry *
mri_fold_entry_at(const struct mri_table *table, uint64_t index)
{
    uint32_t block = mri_fold_block_of(table, index);
    uint64_t first = block ? UINT64_C(1) << (table->block_shift + block - 1) : 0;
    /* Relaxed: whoever knows the index claimed it (and acquired the block), or read it from a slot
     * word with acquire, which orders the claim of the thread that published it before us. */
    char *base = atomic_load_explicit(&table->blocks[block], memory_order_relaxed);
    void *entry = base + (index - first) * table->entry_bytes;
    return entry;
}

/* Thread: any worker. */
/* First of `chunk` entries that belong to the caller; their memory is there. */
uint64_t mri_fold_claim(struct mr_fold *fold, struct mri_table *table, struct mri_share *share);

/* Room in the worker's byte area; taken with mri_fold_bytes_take. 8-aligned. */
char *mri_fold_bytes_reserve(struct mr_fold *fold, struct mri_share *share, size_t need);

void mri_fold_bytes_take(struct mri_share *share, size_t used);

size_t mri_fold_block_bytes(const struct mri_table *table, uint32_t block);

/* Worst case of what one new key charges: its entry and its part of the next slot array. */
int64_t mri_fold_entry_cost(const struct mri_shape *shape);

/* What is promised for the texts of an area. */
int64_t mri_fold_area_promise(const struct mr_fold *fold, size_t capacity);

/* table.c */
MR_NODISCARD struct mri_segment *mri_fold_segment_new(uint64_t slots);

void mri_fold_segment_free(struct mri_segment *segment);

const char *mri_fold_entry_key(const struct mri_shape *shape, const struct mri_entry *entry);

/* Finds the item's key in the newest segment or inserts it. Thread: any worker. */
struct mri_entry *
mri_fold_find(struct mr_fold *fold, struct mri_share *share, const struct mri_item *item);

/* cell.c */
_Atomic uint64_t *mri_fold_entry_words(const struct mri_shape *shape, struct mri_entry *entry);

void mri_fold_cells_init(const struct mri_shape *shape, struct mri_entry *entry);

void mri_fold_cells_add(struct mr_fold *fold,
                        struct mri_share *share,
                        const struct mri_shape *shape,
                        struct mri_entry *entry,
                        const struct mr_event *event);

/* At the drain. MR_TABLE when a sum is beyond what its column can hold. */
MR_NODISCARD enum mr_rc mri_fold_cells_read(const struct mri_shape *shape,
                                            struct mri_entry *entry,
                                            struct mr_value *ret_values);

/* unit.c */
MR_NODISCARD struct mr_fold_unit *mri_fold_unit_new(struct mr_fold *fold);

/* Fits an empty unit to the expected keys; charges. MR_BUSY when the budget has no room. */
MR_NODISCARD enum mr_rc mri_fold_unit_fit(struct mr_fold_unit *unit);

/* Empties a quiet unit, keeping its newest segments and its arena; refunds the rest. */
void mri_fold_unit_reset(struct mr_fold_unit *unit);

void mri_fold_unit_free(struct mr_fold_unit *unit);

/* Thread: the worker with that id. */
struct mri_share *mri_fold_unit_share(struct mr_fold_unit *unit, uint32_t id);
