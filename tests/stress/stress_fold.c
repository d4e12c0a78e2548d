/* Conservation under concurrency: per unit, rollup and key, what is drained equals what a plain
 * single-threaded aggregation of the same events says; and no segment holds a key twice. Several
 * units are alive at once, cuts are random, hashes are made to collide, tables and chunks are tiny.
 *
 *   stress_fold [seed [rounds]]
 * The seed of a failing round is printed; running with it alone repeats the round. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "fold_fixture.h"

#include "millrace/base/assert.h"
#include "millrace/base/race.h"
#include "millrace/base/ring.h"
#include "millrace/base/thread.h"
#include "pipeline/fold/fold_priv.h"

#define THREADS_MAX 8u
#define BATCH_MAX   96u
#define ROLLUPS     3u
#define LONG_NAME   300u

struct stress_unit {
    struct mr_fold_unit *fold;
    struct ff_map reference[ROLLUPS];
    _Atomic int32_t in_flight; /* [atomic: release by each holder, acquire by the last one] */
};

struct batch {
    struct stress_unit *unit;
    uint32_t count;
    struct mr_event events[BATCH_MAX];
    struct mr_value values[BATCH_MAX][FF_COUNT];
    char names[BATCH_MAX][LONG_NAME + 1];
};

struct round {
    uint64_t seed, random;
    uint32_t threads, names, minutes, events;
    struct mr_fold_options options;
    struct mr_budget budget;
    struct mr_layout layout;
    struct mr_fold *fold;
    struct mr_ring *ring;
    _Atomic uint64_t rows, pieces, units, different; /* [atomic: relaxed, read after the join] */
};

static void
fill_rollups(struct mr_rollup *rollups)
{
    memset(rollups, 0, ROLLUPS * sizeof *rollups);
    rollups[0] = (struct mr_rollup){.table = "by_name",
                                    .size_us = 60000000,
                                    .dim_count = 2,
                                    .dims = {FF_NAME, FF_NUM},
                                    .measure_count = 5};
    rollups[0].measures[0] = ff_measure("n", MR_OP_COUNT_ALL, -1);
    rollups[0].measures[1] = ff_measure("num", MR_OP_SUM, FF_NUM);
    rollups[0].measures[2] = ff_measure("price", MR_OP_SUM, FF_PRICE);
    rollups[0].measures[3] = ff_measure("low", MR_OP_MIN, FF_PRICE);
    rollups[0].measures[4] = ff_measure("high", MR_OP_MAX, FF_WIDE);
    rollups[1] = (struct mr_rollup){.table = "by_flag",
                                    .size_us = 3600000000,
                                    .offset_us = 900000000,
                                    .dim_count = 1,
                                    .dims = {FF_FLAG},
                                    .measure_count = 7};
    rollups[1].measures[0] = ff_measure("nums", MR_OP_COUNT, FF_NUM);
    rollups[1].measures[1] = ff_measure("num", MR_OP_AVG, FF_NUM);
    rollups[1].measures[2] = ff_measure("wide", MR_OP_SUM, FF_WIDE);
    rollups[1].measures[3] = ff_measure("first", MR_OP_MIN, FF_NAME);
    rollups[1].measures[4] = ff_measure("last", MR_OP_MAX, FF_NAME);
    rollups[1].measures[5] = ff_measure("ratio", MR_OP_SUM, FF_RATIO);
    rollups[1].measures[6] = ff_measure("most", MR_OP_MAX, FF_NUM);
    rollups[2] = (struct mr_rollup){.table = "total", .size_us = 86400000000, .measure_count = 3};
    rollups[2].measures[0] = ff_measure("n", MR_OP_COUNT_ALL, -1);
    rollups[2].measures[1] = ff_measure("num", MR_OP_SUM, FF_NUM);
    rollups[2].measures[2] = ff_measure("ratio", MR_OP_MIN, FF_RATIO);
}

static uint64_t
below(struct round *round, uint64_t limit)
{
    return ff_random(&round->random) % limit;
}

/* Short names, names beyond the entry, and names beyond the scratch. */
static struct mr_value
draw_name(struct round *round, char *out)
{
    uint64_t name = below(round, round->names);
    int len = snprintf(out, LONG_NAME + 1, "n%llu", (unsigned long long)name);
    size_t wanted = name % 7 == 3 ? 40 : name % 11 == 5 ? LONG_NAME : (size_t)len;
    for (size_t i = (size_t)len; i < wanted; i++)
        out[i] = (char)('a' + (name + i) % 26);
    out[wanted] = '\0';
    return ff_text(out);
}

static int64_t
draw_number(struct round *round)
{
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, -1, 0, 1};
    return below(round, 4) ? (int64_t)below(round, 7) - 3 : extremes[below(round, 6)];
}

static void
draw_event(struct round *round, struct batch *batch, uint32_t i)
{
    struct mr_value *values = batch->values[i];
    int64_t time_us = ((int64_t)below(round, round->minutes) - round->minutes / 2) * 60000000;
    batch->events[i] = ff_event(values, time_us + (int64_t)below(round, 60000000));
    if (below(round, 8))
        values[FF_NAME] = draw_name(round, batch->names[i]);
    if (below(round, 8))
        values[FF_NUM] = ff_i64(draw_number(round));
    if (below(round, 8))
        values[FF_FLAG] = ff_i64((int64_t)below(round, 2));
    values[FF_PRICE] = ff_dec((__int128)below(round, 2000000000) * 1000000000 - 999999999999999999);
    if (below(round, 8))
        values[FF_WIDE] = ff_dec((__int128)(int64_t)ff_random(&round->random) * 1000000000000);
    if (below(round, 8))
        values[FF_RATIO] = ff_f64((double)below(round, 1000) - 500); /* whole: any order adds up */
}

struct key {
    const char *key;
    uint32_t len;
};

static int
by_key(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order = memcmp(x->key, y->key, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Guarantee B of the table: a row's pieces come from different segments. The output cannot show a
 * breach, since pieces add up wherever they are, so the segment is looked at. */
static bool
holds_no_key_twice(const struct mri_table *table, const struct mri_segment *segment)
{
    struct key *keys = calloc(segment->mask + 1, sizeof *keys);
    size_t count = 0;
    bool unique = true;
    MR_INSIST(keys != NULL);
    for (uint64_t i = 0; i <= segment->mask; i++) {
        uint64_t word = atomic_load_explicit(&segment->slots[i], memory_order_relaxed);
        if (((word >> MRI_GEN_SHIFT) & 0xff) != segment->gen)
            continue;
        const struct mri_entry *entry = mri_fold_entry_at(table, (word & MRI_INDEX_MASK) - 1);
        keys[count++] = (struct key){mri_fold_entry_key(table->shape, entry), entry->key_len};
    }
    qsort(keys, count, sizeof *keys, by_key);
    for (size_t i = 1; i < count; i++)
        unique &= by_key(&keys[i - 1], &keys[i]) != 0;
    free(keys);
    return unique;
}

static bool
table_is_sound(const struct mri_table *table)
{
    const struct mri_segment *segment = atomic_load_explicit(&table->newest, memory_order_relaxed);
    bool sound = true;
    for (; segment; segment = segment->older)
        sound &= holds_no_key_twice(table, segment);
    return sound;
}

/* Last holder: drains, compares, retires, while the others are in later units. */
static void
settle_unit(struct round *round, struct stress_unit *unit)
{
    for (uint32_t i = 0; i < ROLLUPS; i++) {
        struct ff_map drained;
        ff_map_init(&drained, &round->layout, i);
        enum mr_rc rc = mr_fold_drain(unit->fold, i, ff_map_merge, &drained);
        if (rc != MR_OK || !ff_map_equal(&drained, &unit->reference[i]) ||
            !table_is_sound(&unit->fold->tables[i])) {
            fprintf(stderr, "rollup %u differs, or a segment holds a key twice\n", i);
            atomic_fetch_add_explicit(&round->different, 1, memory_order_relaxed);
        }
        struct mr_fold_stats stats;
        mr_fold_unit_stats(unit->fold, i, &stats);
        atomic_fetch_add_explicit(&round->rows, drained.rows, memory_order_relaxed);
        atomic_fetch_add_explicit(&round->pieces, stats.keys, memory_order_relaxed);
        ff_map_fini(&drained);
        ff_map_fini(&unit->reference[i]);
    }
    atomic_fetch_add_explicit(&round->units, 1, memory_order_relaxed);
    mr_fold_unit_retire(round->fold, &unit->fold);
    free(unit);
}

static void
release_unit(struct round *round, struct stress_unit *unit)
{
    if (atomic_fetch_sub_explicit(&unit->in_flight, 1, memory_order_acq_rel) == 1)
        settle_unit(round, unit);
}

static void
work(void *argument)
{
    struct round *round = argument;
    struct mr_fold_worker *worker = NULL;
    enum mr_rc rc = mr_fold_worker_new(round->fold, &worker);
    MR_INSIST(rc == MR_OK);
    struct batch *batch;
    while ((batch = mr_ring_pop_mpmc(round->ring, -1)) != NULL) {
        mr_fold_add(worker, batch->unit->fold, batch->events, batch->count);
        mr_fold_leave(worker, batch->unit->fold);
        release_unit(round, batch->unit);
        free(batch);
    }
    mr_fold_worker_free(&worker);
}

static struct stress_unit *
open_unit(struct round *round)
{
    struct stress_unit *unit = calloc(1, sizeof *unit);
    MR_INSIST(unit != NULL);
    enum mr_rc rc = mr_fold_unit_open(round->fold, &unit->fold);
    MR_INSIST(rc == MR_OK);
    for (uint32_t i = 0; i < ROLLUPS; i++)
        ff_map_init(&unit->reference[i], &round->layout, i);
    atomic_init(&unit->in_flight, 1);
    return unit;
}

static void
hand_out(struct round *round, struct stress_unit *unit)
{
    struct batch *batch = calloc(1, sizeof *batch);
    MR_INSIST(batch != NULL);
    batch->unit = unit;
    batch->count = 1 + (uint32_t)below(round, BATCH_MAX);
    for (uint32_t i = 0; i < batch->count; i++) {
        draw_event(round, batch, i);
        for (uint32_t r = 0; r < ROLLUPS; r++)
            ff_map_add(&unit->reference[r], &batch->events[i]);
    }
    /* Relaxed: the feeder's own reference keeps the unit meanwhile. */
    atomic_fetch_add_explicit(&unit->in_flight, 1, memory_order_relaxed);
    while (!mr_ring_push_mpmc(round->ring, batch))
        thrd_yield();
}

static void
feed(struct round *round)
{
    struct stress_unit *unit = open_unit(round);
    for (uint32_t fed = 0; fed < round->events; fed += BATCH_MAX / 2) {
        hand_out(round, unit);
        if (below(round, 6) == 0) {
            release_unit(round, unit);
            unit = open_unit(round);
        }
    }
    release_unit(round, unit);
}

static void
draw_round(struct round *round)
{
    static const uint32_t names[] = {1, 3, 40, 400};
    round->random = round->seed;
    round->threads = 2 + (uint32_t)below(round, THREADS_MAX - 1);
    round->names = names[below(round, 4)];
    round->minutes = 1 + (uint32_t)below(round, 4);
    round->options = (struct mr_fold_options){.budget = &round->budget,
                                              .seed = ff_random(&round->random),
                                              .slots_min = below(round, 3) ? 8 : 1024,
                                              .chunk_entries = below(round, 3) ? 1 : 64,
                                              .hash_mask = below(round, 2) ? 0xf : 0};
}

static bool
run_round(uint64_t seed, uint32_t events)
{
    struct mr_rollup rollups[ROLLUPS];
    struct mr_thread threads[THREADS_MAX];
    struct round round = {.seed = seed, .events = events};
    fill_rollups(rollups);
    draw_round(&round);
    mr_race_seed(seed);
    mr_budget_init(&round.budget, (int64_t)1 << 32);
    round.layout = ff_layout(rollups, ROLLUPS);
    round.fold = ff_fold(&round.layout, &round.options);
    enum mr_rc rc = mr_ring_new(64, &round.ring);
    MR_INSIST(rc == MR_OK);
    for (uint32_t i = 0; i < round.threads; i++) {
        rc = mr_thread_start(&threads[i], "stress", work, &round);
        MR_INSIST(rc == MR_OK);
    }
    feed(&round);
    mr_ring_close(round.ring);
    for (uint32_t i = 0; i < round.threads; i++)
        mr_thread_join(&threads[i]);
    mr_ring_free(&round.ring);
    mr_fold_free(&round.fold);
    printf("seed %llu: %u threads, %u names, slots %u, chunk %u, mask %llx: %llu units, "
           "%llu groups, %llu entries, %lld bytes left\n",
           (unsigned long long)seed,
           round.threads,
           round.names,
           round.options.slots_min,
           round.options.chunk_entries,
           (unsigned long long)round.options.hash_mask,
           (unsigned long long)round.units,
           (unsigned long long)round.rows,
           (unsigned long long)round.pieces,
           (long long)mr_budget_used(&round.budget));
    return round.different == 0 && round.pieces >= round.rows && mr_budget_used(&round.budget) == 0;
}

int
main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : 24;
    for (uint64_t i = 0; i < rounds; i++)
        if (!run_round(seed + i, 6000)) {
            fprintf(stderr, "FAILED with seed %llu\n", (unsigned long long)(seed + i));
            return 1;
        }
    return 0;
}
