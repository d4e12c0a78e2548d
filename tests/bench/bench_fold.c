/* Adding events to one rollup of 100,000 keys (a text and a number), three measures, one thread,
 * against a plain single-threaded map with the same keys and hash. Interleaved, median of seven;
 * the answers of both are compared. The cost of making the events is measured apart and taken off.
 *
 *   bench_fold [keys [events]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fold_fixture.h"

#include "millrace/base/assert.h"
#include "millrace/base/hash.h"
#include "pipeline/fold/fold_priv.h"

#define ROUNDS 7u
#define GROUP  32u
#define NAMES  8u

struct plain_entry {
    uint64_t hash;
    uint32_t key_len;
    char key[40];
    uint64_t count;
    __int128 sum;
    int64_t max;
};

struct bench {
    uint32_t keys, events;
    uint32_t *draws; /* key of each event */
    struct mr_rollup rollup;
    struct mr_layout layout;
    struct mr_budget budget;
    struct mr_fold *fold;
    struct mr_fold_worker *worker;
    struct mri_shape shape;
    struct plain_entry *plain;
    uint64_t plain_mask;
    struct mr_event group[GROUP];
    struct mr_value values[GROUP][FF_COUNT];
    int64_t count, sum, max;
};

static double
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void
make_group(struct bench *bench, uint32_t first)
{
    static const char *const names[NAMES] = {
        "web", "app", "store", "phone", "kiosk", "partner", "mail", "other"};
    for (uint32_t i = 0; i < GROUP; i++) {
        uint32_t key = bench->draws[first + i];
        struct mr_value *values = bench->values[i];
        bench->group[i].time_us = INT64_C(1769853600000000) + (first + i) % 60000000;
        values[FF_NAME].text = (struct mr_slice){names[key % NAMES], strlen(names[key % NAMES])};
        values[FF_NUM].i64 = key / NAMES;
        values[FF_PRICE].dec = (first + i) % 10007;
    }
}

static double
run_making(struct bench *bench)
{
    int64_t used = 0; /* so that the events have to be made */
    double start = now_ns();
    for (uint32_t i = 0; i < bench->events; i += GROUP) {
        make_group(bench, i);
        used += bench->values[i / GROUP % GROUP][FF_PRICE].i64;
    }
    bench->sum = used;
    return now_ns() - start;
}

static enum mr_rc
total(void *context, const struct mr_fold_row *row)
{
    struct bench *bench = context;
    bench->count += row->measures[0].i64;
    bench->sum += (int64_t)row->measures[1].dec;
    bench->max += (int64_t)row->measures[2].dec;
    return MR_OK;
}

static double
run_fold(struct bench *bench, double *ret_drain_ns)
{
    struct mr_fold_unit *unit = NULL;
    enum mr_rc rc = mr_fold_unit_open(bench->fold, &unit);
    MR_INSIST(rc == MR_OK);
    double start = now_ns();
    for (uint32_t i = 0; i < bench->events; i += GROUP) {
        make_group(bench, i);
        mr_fold_add(bench->worker, unit, bench->group, GROUP);
    }
    mr_fold_leave(bench->worker, unit);
    double took = now_ns() - start;
    bench->count = bench->sum = bench->max = 0;
    start = now_ns();
    rc = mr_fold_drain(unit, 0, total, bench);
    MR_INSIST(rc == MR_OK);
    *ret_drain_ns = (now_ns() - start) / bench->keys;
    mr_fold_unit_retire(bench->fold, &unit);
    return took;
}

static struct plain_entry *
plain_find(struct bench *bench, const char *key, uint32_t len)
{
    uint64_t hash = mr_hash_bytes(key, len, 1);
    for (uint64_t i = hash;; i++) {
        struct plain_entry *entry = &bench->plain[i & bench->plain_mask];
        if (entry->key_len == 0) {
            entry->hash = hash;
            entry->key_len = len;
            entry->max = INT64_MIN;
            memcpy(entry->key, key, len);
            return entry;
        }
        if (entry->hash == hash && entry->key_len == len && memcmp(entry->key, key, len) == 0)
            return entry;
    }
}

static double
run_plain(struct bench *bench)
{
    int64_t window = 0;
    memset(bench->plain, 0, (bench->plain_mask + 1) * sizeof *bench->plain);
    double start = now_ns();
    for (uint32_t i = 0; i < bench->events; i += GROUP) {
        make_group(bench, i);
        for (uint32_t k = 0; k < GROUP; k++) {
            char key[40 + MRI_KEY_SLACK];
            uint32_t len = mri_fold_key_encode(&bench->shape, &bench->group[k], &window, key, 40);
            struct plain_entry *entry = plain_find(bench, key, len);
            int64_t price = (int64_t)bench->values[k][FF_PRICE].dec;
            entry->count++;
            entry->sum += price;
            entry->max = price > entry->max ? price : entry->max;
        }
    }
    return now_ns() - start;
}

static void
check(const struct bench *bench)
{
    int64_t count = 0, sum = 0, max = 0;
    for (uint64_t i = 0; i <= bench->plain_mask; i++) {
        const struct plain_entry *entry = &bench->plain[i];
        if (entry->key_len == 0)
            continue;
        count += (int64_t)entry->count;
        sum += (int64_t)entry->sum;
        max += entry->max;
    }
    MR_INSIST(count == bench->events);
    MR_INSIST(bench->count == count && bench->sum == sum && bench->max == max);
}

static void
set_up(struct bench *bench)
{
    struct mr_fold_options options = {.budget = &bench->budget, .seed = 1};
    uint64_t random = 1, slots = 1;
    bench->rollup = (struct mr_rollup){.table = "bench",
                                       .size_us = 60000000,
                                       .dim_count = 2,
                                       .dims = {FF_NAME, FF_NUM},
                                       .measure_count = 3};
    bench->rollup.measures[0] = ff_measure("n", MR_OP_COUNT_ALL, -1);
    bench->rollup.measures[1] = ff_measure("price", MR_OP_SUM, FF_PRICE);
    bench->rollup.measures[2] = ff_measure("most", MR_OP_MAX, FF_PRICE);
    bench->layout = ff_layout(&bench->rollup, 1);
    mr_budget_init(&bench->budget, INT64_MAX);
    bench->fold = ff_fold(&bench->layout, &options);
    enum mr_rc rc = mr_fold_worker_new(bench->fold, &bench->worker);
    MR_INSIST(rc == MR_OK);
    rc = mri_fold_shape_compile(&bench->layout, &bench->rollup, &bench->shape);
    MR_INSIST(rc == MR_OK);
    while (slots < bench->keys * 2)
        slots *= 2;
    bench->plain_mask = slots - 1;
    bench->plain = calloc(slots, sizeof *bench->plain);
    bench->draws = calloc(bench->events, sizeof *bench->draws);
    MR_INSIST(bench->plain != NULL && bench->draws != NULL);
    for (uint32_t i = 0; i < bench->events; i++)
        bench->draws[i] = (uint32_t)(ff_random(&random) % bench->keys);
    for (uint32_t i = 0; i < GROUP; i++) {
        bench->group[i] = ff_event(bench->values[i], 0);
        bench->values[i][FF_NAME].set = bench->values[i][FF_NUM].set = true;
    }
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

int
main(int argc, char **argv)
{
    static struct bench bench;
    double fold[ROUNDS], plain[ROUNDS], drain[ROUNDS];
    bench.keys = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    bench.events = (argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 2000000) / GROUP * GROUP;
    set_up(&bench);
    (void)run_fold(&bench, &drain[0]); /* the first unit maps and grows */
    (void)run_plain(&bench);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        double making = run_making(&bench);
        fold[i] = (run_fold(&bench, &drain[i]) - making) / bench.events;
        plain[i] = (run_plain(&bench) - making) / bench.events;
        check(&bench);
    }
    double fold_ns = median(fold), plain_ns = median(plain);
    printf("fold: %u keys, %u events: %.1f ns an event; plain map %.1f ns; ratio %.2f; "
           "drain %.1f ns a key (medians of %u)\n",
           bench.keys,
           bench.events,
           fold_ns,
           plain_ns,
           fold_ns / plain_ns,
           median(drain),
           ROUNDS);
    return 0;
}
