#include "fixture.h"

#include <stdlib.h>

#define US INT64_C(1000000)

enum { ID, TIME, CHANNEL, COUNTRY, AMOUNT, ITEMS, SCORE, PAID, NOTE, COLUMNS };

static struct mr_column columns[COLUMNS] = {
    [ID] = {.name = "id", .type = MR_TYPE_STRING, .max_bytes = 64},
    [TIME] = {.name = "occurred_at", .type = MR_TYPE_TIMESTAMP},
    [CHANNEL] = {.name = "channel", .type = MR_TYPE_STRING, .max_bytes = 32, .nullable = true},
    [COUNTRY] = {.name = "country", .type = MR_TYPE_STRING, .max_bytes = 2},
    [AMOUNT] = {.name = "amount", .type = MR_TYPE_DECIMAL, .precision = 18, .scale = 2},
    [ITEMS] = {.name = "items", .type = MR_TYPE_INT64, .nullable = true},
    [SCORE] = {.name = "score", .type = MR_TYPE_DOUBLE, .nullable = true},
    [PAID] = {.name = "paid", .type = MR_TYPE_BOOL, .nullable = true},
    [NOTE] = {.name = "note", .type = MR_TYPE_JSON, .nullable = true},
};
static const char *const topics[] = {"orders"};

static struct mr_rollup rollups[] = {
    {.table = "orders_1m",
     .size_us = 60 * US,
     .dim_count = 2,
     .dims = {CHANNEL, COUNTRY},
     .measure_count = 4,
     .measures = {{.name = "orders", .op = MR_OP_COUNT_ALL, .column = -1, .type = MR_TYPE_INT64},
                  {.name = "revenue",
                   .op = MR_OP_SUM,
                   .column = AMOUNT,
                   .type = MR_TYPE_DECIMAL,
                   .precision = 18,
                   .scale = 2},
                  {.name = "biggest",
                   .op = MR_OP_MAX,
                   .column = AMOUNT,
                   .type = MR_TYPE_DECIMAL,
                   .precision = 18,
                   .scale = 2},
                  {.name = "basket",
                   .op = MR_OP_AVG,
                   .column = ITEMS,
                   .type = MR_TYPE_INT64,
                   .nullable = true}}},
    {.table = "orders_1d",
     .size_us = 86400 * US,
     .offset_us = 900 * US,
     .measure_count = 5,
     .measures = {{.name = "items",
                   .op = MR_OP_SUM,
                   .column = ITEMS,
                   .type = MR_TYPE_INT64,
                   .nullable = true},
                  {.name = "scores",
                   .op = MR_OP_COUNT,
                   .column = SCORE,
                   .type = MR_TYPE_INT64,
                   .nullable = true},
                  {.name = "score",
                   .op = MR_OP_SUM,
                   .column = SCORE,
                   .type = MR_TYPE_DOUBLE,
                   .nullable = true},
                  {.name = "first_at", .op = MR_OP_MIN, .column = TIME, .type = MR_TYPE_TIMESTAMP},
                  {.name = "price",
                   .op = MR_OP_AVG,
                   .column = AMOUNT,
                   .type = MR_TYPE_DECIMAL,
                   .precision = 18,
                   .scale = 2}}},
};

static struct mr_layout orders = {
    .pipeline = "orders",
    .database = "demo",
    .detail_table = "orders",
    .quarantine_table = "orders_quarantine",
    .topic_count = 1,
    .topics = topics,
    .column_count = COLUMNS,
    .columns = columns,
    .time_column = TIME,
    .sequence_column = -1,
    .rollup_count = 2,
    .rollups = rollups,
};

struct mr_layout *
fixture_orders(void)
{
    return &orders;
}

struct mr_layout *
fixture_keyed(void)
{
    static struct mr_layout keyed;
    keyed = orders;
    keyed.key_count = 1;
    keyed.keys[0] = ID;
    return &keyed;
}

struct mr_text
fixture_ddl(const struct mr_layout *layout, uint32_t i, int64_t buckets)
{
    struct mr_text text = {0};
    struct mri_table table;
    if (mri_table_init(layout, buckets, i, &table) != MR_OK)
        abort();
    mri_ddl_create(layout, &table, 1, &text);
    mri_table_fini(&table);
    return text;
}
