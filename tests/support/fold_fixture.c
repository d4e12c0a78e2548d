/* Layout and events for tests of fold and harvest. */
#include "fold_fixture.h"

#include <stdio.h>
#include <stdlib.h>

void
ff_die(const char *what)
{
    fprintf(stderr, "fold_fixture: %s\n", what);
    abort();
}

struct mr_column *
ff_columns(void)
{
    static struct mr_column columns[FF_COUNT] = {
        [FF_AT] = {.name = "at", .path = "at", .type = MR_TYPE_TIMESTAMP},
        [FF_NAME] = {.name = "name",
                     .path = "name",
                     .type = MR_TYPE_STRING,
                     .nullable = true,
                     .max_bytes = 65533},
        [FF_NUM] = {.name = "num", .path = "num", .type = MR_TYPE_INT64, .nullable = true},
        [FF_FLAG] = {.name = "flag", .path = "flag", .type = MR_TYPE_BOOL, .nullable = true},
        [FF_PRICE] = {.name = "price",
                      .path = "price",
                      .type = MR_TYPE_DECIMAL,
                      .precision = 18,
                      .scale = 2},
        [FF_WIDE] = {.name = "wide",
                     .path = "wide",
                     .type = MR_TYPE_DECIMAL,
                     .nullable = true,
                     .precision = 38,
                     .scale = 4},
        [FF_RATIO] = {.name = "ratio", .path = "ratio", .type = MR_TYPE_DOUBLE, .nullable = true},
        [FF_DAY] = {.name = "day", .path = "day", .type = MR_TYPE_DATE, .nullable = true},
    };
    return columns;
}

struct mr_layout
ff_layout(struct mr_rollup *rollups, uint32_t count)
{
    static const char *const topics[] = {"orders", "returns"};
    return (struct mr_layout){.pipeline = "shop",
                              .database = "demo",
                              .detail_table = "orders",
                              .quarantine_table = "orders_quarantine",
                              .topic_count = 2,
                              .topics = topics,
                              .column_count = FF_COUNT,
                              .columns = ff_columns(),
                              .time_column = FF_AT,
                              .sequence_column = -1,
                              .rollup_count = count,
                              .rollups = rollups};
}

struct mr_measure
ff_measure(const char *name, enum mr_op op, int32_t column)
{
    struct mr_measure measure = {.name = name, .op = op, .column = column, .type = MR_TYPE_INT64};
    if (column < 0)
        return measure;
    const struct mr_column *from = &ff_columns()[column];
    if (op != MR_OP_COUNT)
        measure.type = from->type;
    measure.precision = from->precision;
    measure.scale = from->scale;
    measure.nullable = from->nullable;
    return measure;
}

struct mr_event
ff_event(struct mr_value *values, int64_t time_us)
{
    memset(values, 0, FF_COUNT * sizeof *values);
    values[FF_AT] = ff_i64(time_us);
    values[FF_PRICE] = ff_dec(0); /* not nullable */
    return (struct mr_event){.time_us = time_us, .values = values};
}

struct mr_value
ff_text(const char *text)
{
    return (struct mr_value){.text = mr_slice_of(text), .set = true};
}

struct mr_value
ff_i64(int64_t value)
{
    return (struct mr_value){.i64 = value, .set = true};
}

struct mr_value
ff_f64(double value)
{
    return (struct mr_value){.f64 = value, .set = true};
}

struct mr_value
ff_dec(__int128 value)
{
    return (struct mr_value){.dec = value, .set = true};
}

struct mr_fold *
ff_fold(const struct mr_layout *layout, const struct mr_fold_options *options)
{
    struct mr_fold *fold = NULL;
    if (mr_fold_new(layout, options, &fold) != MR_OK)
        ff_die("mr_fold_new failed");
    return fold;
}

uint64_t
ff_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}
