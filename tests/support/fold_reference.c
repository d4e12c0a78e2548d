/* The reference aggregation for tests of fold and harvest. */
#include "fold_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS     16384u
#define OUTPUTS_MAX (MR_MAX_MEASURES * 2)

static void *
need(void *memory)
{
    if (!memory)
        ff_die("out of memory");
    return memory;
}

void
ff_map_init(struct ff_map *map, const struct mr_layout *layout, uint32_t rollup)
{
    *map = (struct ff_map){.layout = layout, .rollup = &layout->rollups[rollup]};
    map->buckets = need(calloc(BUCKETS, sizeof *map->buckets));
}

static void
free_row(struct ff_row *row)
{
    for (uint32_t i = 0; i < OUTPUTS_MAX; i++)
        free((void *)(uintptr_t)row->values[i].text.p);
    free(row->values);
    free(row->key);
    free(row);
}

void
ff_map_fini(struct ff_map *map)
{
    for (uint32_t i = 0; map->buckets && i < BUCKETS; i++)
        for (struct ff_row *row = map->buckets[i]; row;) {
            struct ff_row *next = row->next;
            free_row(row);
            row = next;
        }
    free(map->buckets);
    map->buckets = NULL;
}

static void
add_dim(struct mr_text *key, enum mr_type type, const struct mr_value *value)
{
    if (!value->set)
        mr_text_adds(key, "|null");
    else if (type == MR_TYPE_STRING) {
        mr_text_addf(key, "|s%zu:", value->text.len);
        mr_text_add(key, value->text.p, value->text.len);
    } else if (type == MR_TYPE_DECIMAL)
        mr_text_addf(key,
                     "|d%016llx%016llx",
                     (unsigned long long)(value->dec >> 64),
                     (unsigned long long)value->dec);
    else
        mr_text_addf(key, "|%lld", (long long)value->i64);
}

/* FNV-1a: Fowler, Noll, Vo. */
static uint32_t
bucket_of(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash >> 32) % BUCKETS;
}

const struct ff_row *
ff_map_find(const struct ff_map *map, const char *key)
{
    const struct ff_row *row = map->buckets[bucket_of(key)];
    while (row && strcmp(row->key, key) != 0)
        row = row->next;
    return row;
}

/* The row of a group, made when it is new. Keys with NUL bytes are not for this map. */
static struct ff_row *
need_row(struct ff_map *map, int64_t window_us, const struct mr_value *const *dims)
{
    struct mr_text key = {.limit = 0};
    mr_text_addf(&key, "%lld", (long long)window_us);
    for (uint32_t i = 0; i < map->rollup->dim_count; i++)
        add_dim(&key, map->layout->columns[map->rollup->dims[i]].type, dims[i]);
    struct ff_row **bucket = &map->buckets[bucket_of(mr_text_str(&key))];
    struct ff_row *row = *bucket;
    while (row && strcmp(row->key, mr_text_str(&key)) != 0)
        row = row->next;
    if (!row) {
        row = need(calloc(1, sizeof *row));
        row->key = need(strdup(mr_text_str(&key)));
        row->values = need(calloc(OUTPUTS_MAX, sizeof *row->values));
        row->next = *bucket;
        *bucket = row;
        map->rows++;
    }
    mr_text_fini(&key);
    return row;
}

static int
compare(enum mr_type type, const struct mr_value *a, const struct mr_value *b)
{
    if (type == MR_TYPE_STRING) {
        size_t least = a->text.len < b->text.len ? a->text.len : b->text.len;
        int order = least ? memcmp(a->text.p, b->text.p, least) : 0;
        return order ? order : (a->text.len > b->text.len) - (a->text.len < b->text.len);
    }
    if (type == MR_TYPE_DECIMAL)
        return (a->dec > b->dec) - (a->dec < b->dec);
    if (type == MR_TYPE_DOUBLE)
        return (a->f64 > b->f64) - (a->f64 < b->f64);
    return (a->i64 > b->i64) - (a->i64 < b->i64);
}

static void
keep(struct mr_value *to, enum mr_type type, const struct mr_value *value)
{
    free((void *)(uintptr_t)to->text.p);
    *to = *value;
    to->text = (struct mr_slice){NULL, 0};
    if (type != MR_TYPE_STRING)
        return;
    char *copy = need(malloc(value->text.len + 1));
    if (value->text.len > 0)
        memcpy(copy, value->text.p, value->text.len);
    to->text = (struct mr_slice){copy, value->text.len};
}

static void
merge_extreme(struct mr_value *to, enum mr_type type, const struct mr_value *value, bool least)
{
    int order = to->set ? compare(type, value, to) : 0;
    if (value->set && (!to->set || (least ? order < 0 : order > 0)))
        keep(to, type, value);
}

/* INT64 and DECIMAL sums are both in dec. */
static void
merge_sum(struct mr_value *to, enum mr_type type, const struct mr_value *sum)
{
    if (!sum->set)
        return;
    if (type == MR_TYPE_DOUBLE)
        to->f64 = (to->set ? to->f64 : 0) + sum->f64;
    else
        to->dec = (to->set ? to->dec : 0) + sum->dec;
    to->set = true;
}

static void
merge_count(struct mr_value *to, int64_t count)
{
    to->i64 += count;
    to->set = true;
}

static void
add_measure(struct mr_value *to, const struct mr_measure *measure, const struct mr_value *value)
{
    if (measure->op == MR_OP_COUNT_ALL || measure->op == MR_OP_COUNT) {
        merge_count(to, measure->op == MR_OP_COUNT_ALL || value->set);
    } else if (measure->op == MR_OP_MIN || measure->op == MR_OP_MAX) {
        merge_extreme(to, measure->type, value, measure->op == MR_OP_MIN);
    } else {
        struct mr_value sum = *value;
        if (measure->type == MR_TYPE_INT64)
            sum.dec = value->i64;
        merge_sum(to, measure->type, &sum);
        if (measure->op == MR_OP_AVG)
            merge_count(to + 1, value->set);
    }
}

static int64_t
window_of(const struct mr_rollup *rollup, int64_t time_us)
{
    int64_t start = rollup->offset_us;
    /* The slow and obvious way: step until the window holds the time. */
    start += (time_us - start) / rollup->size_us * rollup->size_us;
    while (start > time_us)
        start -= rollup->size_us;
    while (start + rollup->size_us <= time_us)
        start += rollup->size_us;
    return start;
}

void
ff_map_add(struct ff_map *map, const struct mr_event *event)
{
    const struct mr_rollup *rollup = map->rollup;
    const struct mr_value *dims[MR_MAX_DIMS];
    for (uint32_t i = 0; i < rollup->dim_count; i++)
        dims[i] = &event->values[rollup->dims[i]];
    struct ff_row *row = need_row(map, window_of(rollup, event->time_us), dims);
    struct mr_value *to = row->values;
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        const struct mr_measure *measure = &rollup->measures[i];
        add_measure(to, measure, &event->values[measure->column < 0 ? 0 : measure->column]);
        to += measure->op == MR_OP_AVG ? 2 : 1;
    }
}

static void
merge_measure(struct mr_value *to, const struct mr_measure *measure, const struct mr_value *values)
{
    if (measure->op == MR_OP_COUNT_ALL || measure->op == MR_OP_COUNT) {
        merge_count(to, values[0].i64);
    } else if (measure->op == MR_OP_MIN || measure->op == MR_OP_MAX) {
        merge_extreme(to, measure->type, &values[0], measure->op == MR_OP_MIN);
    } else {
        merge_sum(to, measure->type, &values[0]);
        if (measure->op == MR_OP_AVG)
            merge_count(to + 1, values[1].i64);
    }
}

enum mr_rc
ff_map_merge(void *context, const struct mr_fold_row *row)
{
    struct ff_map *map = context;
    const struct mr_value *dims[MR_MAX_DIMS];
    for (uint32_t i = 0; i < map->rollup->dim_count; i++)
        dims[i] = &row->dims[i];
    struct ff_row *to_row = need_row(map, row->window_start_us, dims);
    to_row->pieces++;
    struct mr_value *to = to_row->values;
    const struct mr_value *from = row->measures;
    for (uint32_t i = 0; i < map->rollup->measure_count; i++) {
        uint32_t outputs = map->rollup->measures[i].op == MR_OP_AVG ? 2 : 1;
        merge_measure(to, &map->rollup->measures[i], from);
        to += outputs;
        from += outputs;
    }
    return MR_OK;
}

uint32_t
ff_outputs(const struct mr_rollup *rollup)
{
    uint32_t outputs = 0;
    for (uint32_t i = 0; i < rollup->measure_count; i++)
        outputs += rollup->measures[i].op == MR_OP_AVG ? 2 : 1;
    return outputs;
}

static bool
same_measure(const struct mr_measure *measure, const struct mr_value *a, const struct mr_value *b)
{
    bool count = measure->op == MR_OP_COUNT_ALL || measure->op == MR_OP_COUNT;
    bool sum = measure->op == MR_OP_SUM || measure->op == MR_OP_AVG;
    if (count)
        return a[0].i64 == b[0].i64;
    if (measure->op == MR_OP_AVG && a[1].i64 != b[1].i64)
        return false;
    if (a[0].set != b[0].set)
        return false;
    enum mr_type type = sum && measure->type != MR_TYPE_DOUBLE ? MR_TYPE_DECIMAL : measure->type;
    return !a[0].set || compare(type, &a[0], &b[0]) == 0;
}

static bool
same_row(const struct mr_rollup *rollup, const struct ff_row *a, const struct ff_row *b)
{
    uint32_t output = 0;
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        const struct mr_measure *measure = &rollup->measures[i];
        if (!same_measure(measure, &a->values[output], &b->values[output])) {
            fprintf(stderr,
                    "group %s: %s is %lld (set %d), expected %lld (set %d)\n",
                    a->key,
                    measure->name,
                    (long long)a->values[output].i64,
                    a->values[output].set,
                    (long long)b->values[output].i64,
                    b->values[output].set);
            return false;
        }
        output += measure->op == MR_OP_AVG ? 2 : 1;
    }
    return true;
}

bool
ff_map_equal(const struct ff_map *drained, const struct ff_map *reference)
{
    if (drained->rows != reference->rows) {
        fprintf(stderr,
                "%llu groups, expected %llu\n",
                (unsigned long long)drained->rows,
                (unsigned long long)reference->rows);
        return false;
    }
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (const struct ff_row *row = drained->buckets[i]; row; row = row->next) {
            const struct ff_row *other = ff_map_find(reference, row->key);
            if (!other) {
                fprintf(stderr, "group %s was never fed\n", row->key);
                return false;
            }
            if (!same_row(drained->rollup, row, other))
                return false;
        }
    return true;
}
