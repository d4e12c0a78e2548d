/* Tables as DESC and SHOW CREATE TABLE describe them, against the tables that are needed. */
#include "fixture.h"
#include "test.h"

#include <stdlib.h>

/* What DESC answered for a rollup made by the DDL of the fixture, spelled as older servers do. */
static const char *const rollup_desc[][6] = {
    {"window_start", "datetime", "NO", "true", NULL, ""},
    {"channel", "varchar(32)", "YES", "true", NULL, ""},
    {"country", "varchar(2)", "NO", "true", NULL, ""},
    {"orders", "bigint(20)", "NO", "false", NULL, "SUM"},
    {"revenue", "decimal128(38, 2)", "NO", "false", NULL, "SUM"},
    {"biggest", "decimal64(18, 2)", "NO", "false", NULL, "MAX"},
    {"basket_sum", "largeint(40)", "YES", "false", NULL, "SUM"},
    {"basket_count", "bigint(20)", "NO", "false", NULL, "SUM"},
};
#define ROLLUP_ROWS MR_ARRAY_LEN(rollup_desc)

struct outcome {
    uint32_t count;
    char *text;
    struct mr_error first;
};

/* Compares the i-th table of the layout with columns read from rows. */
static struct outcome
compare(const struct mr_layout *layout,
        uint32_t i,
        enum mri_model model,
        const char *const (*rows)[6],
        uint32_t count)
{
    struct outcome outcome = {0};
    size_t size = 0;
    struct mri_found_column columns[16];
    struct mri_found found = {.model = model, .columns = columns, .count = count};
    for (uint32_t c = 0; c < count; c++) {
        struct mri_row row = {.cells = rows[c], .count = 6};
        T_TRUE(mri_found_column(&row, &columns[c]));
    }
    struct mri_table want;
    T_INT_EQ(mri_table_init(layout, 0, i, &want), MR_OK);
    struct mri_differences differences = {.out = open_memstream(&outcome.text, &size)};
    mri_compare(&want, &found, &differences);
    fclose(differences.out);
    mri_table_fini(&want);
    outcome.count = differences.count;
    outcome.first = differences.first;
    return outcome;
}

/* The rollup's DESC with one cell replaced. */
static struct outcome
compare_changed(uint32_t row, uint32_t cell, const char *value)
{
    const char *rows[ROLLUP_ROWS][6];
    memcpy(rows, rollup_desc, sizeof rows);
    rows[row][cell] = value;
    return compare(fixture_orders(), 2, MRI_AGGREGATE, (const char *const(*)[6])rows, ROLLUP_ROWS);
}

static void
expect(struct outcome outcome, uint32_t count, const char *part)
{
    T_TRUE_MSG(outcome.count == count, "%u differences: %s", outcome.count, outcome.text);
    T_TRUE_MSG(strstr(outcome.text, part) != NULL, "no \"%s\" in: %s", part, outcome.text);
    free(outcome.text);
}

Test(verify_compare, a_table_as_we_make_it_fits)
{
    expect(compare(fixture_orders(), 2, MRI_AGGREGATE, rollup_desc, ROLLUP_ROWS), 0, "");
}

Test(verify_compare, a_wider_varchar_and_a_nullable_column_fit)
{
    expect(compare_changed(1, 1, "varchar(65533)"), 0, "");
    expect(compare_changed(3, 2, "YES"), 0, "");
}

Test(verify_compare, a_narrower_varchar_is_named_with_its_fix)
{
    expect(compare_changed(1, 1, "varchar(8)"),
           1,
           "demo.orders_1m.channel: is varchar(8), VARCHAR(32) is needed\n"
           "  FIX: ALTER TABLE `demo`.`orders_1m` MODIFY COLUMN `channel` VARCHAR(32) NULL");
}

Test(verify_compare, a_sum_that_could_wrap_is_a_difference)
{
    expect(compare_changed(6, 1, "bigint(20)"), 1, "basket_sum: is bigint(20), LARGEINT is needed");
}

Test(verify_compare, another_aggregate_function_is_a_difference)
{
    expect(compare_changed(5, 5, "MIN"), 1, "biggest: is merged by MIN, MAX is needed");
    expect(compare_changed(3, 5, "REPLACE"), 1, "orders: is merged by REPLACE, SUM is needed");
    expect(compare_changed(3, 5, ""), 1, "orders: is merged by nothing, SUM is needed");
}

Test(verify_compare, a_dimension_that_is_no_key_is_a_difference)
{
    expect(compare_changed(1, 3, "false"), 1, "channel: is no key column");
    expect(compare_changed(3, 3, "true"), 1, "orders: is a key column, it must not be");
}

Test(verify_compare, a_column_that_may_be_null_needs_a_nullable_column)
{
    expect(compare_changed(1, 2, "NO"), 1, "channel: is NOT NULL, but the event's field may be");
}

Test(verify_compare, a_missing_measure_cannot_be_added_to_a_rollup)
{
    expect(compare(fixture_orders(), 2, MRI_AGGREGATE, rollup_desc, ROLLUP_ROWS - 1),
           1,
           "basket_count: is missing (BIGINT is needed)\n  FIX: its older rows would lack it");
}

Test(verify_compare, another_key_model_is_the_only_difference_named)
{
    struct outcome outcome = compare(fixture_orders(), 2, MRI_DUPLICATE, rollup_desc, 1);
    T_STR_EQ(outcome.first.text,
             "table 'demo.orders_1m': is a DUPLICATE KEY, AGGREGATE KEY is needed");
    T_INT_EQ(outcome.first.rc, MR_TABLE);
    expect(outcome, 1, "demo.orders_1m: is a DUPLICATE KEY, AGGREGATE KEY is needed");
}

static const char *const ledger_like[][6] = {
    {"received_at", "datetime", "NO", "true", NULL, ""},
    {"reason", "varchar(16)", "NO", "false", NULL, "NONE"},
    {"message", "varchar(1024)", "NO", "false", NULL, "NONE"},
    {"_topic", "varchar(249)", "NO", "false", NULL, "NONE"},
    {"_partition", "int", "NO", "false", NULL, "NONE"},
    {"_offset", "bigint", "NO", "false", NULL, "NONE"},
    {"record_time", "datetime", "YES", "false", NULL, "NONE"},
    {"record_key", "varbinary(1048576)", "YES", "false", NULL, "NONE"},
    {"raw", "varbinary(1048576)", "YES", "false", NULL, "NONE"},
    {"RAW_BYTES", "bigint", "NO", "false", NULL, "NONE"},
    {"team", "varchar(10)", "YES", "false", NULL, "NONE"},
    {"region", "varchar(10)", "NO", "false", "eu", "NONE"},
};

Test(verify_compare, further_columns_with_a_default_fit_and_without_do_not)
{
    expect(compare(fixture_orders(), 1, MRI_DUPLICATE, ledger_like, 12), 0, "");
    const char *rows[12][6];
    memcpy(rows, ledger_like, sizeof rows);
    rows[11][4] = NULL;
    expect(compare(fixture_orders(), 1, MRI_DUPLICATE, (const char *const(*)[6])rows, 12),
           1,
           "region: is NOT NULL without a default, and Millrace does not fill it");
}

Test(verify_compare, a_missing_column_of_a_detail_like_table_comes_with_alter_table)
{
    expect(compare(fixture_orders(), 1, MRI_DUPLICATE, ledger_like, 9),
           1,
           "FIX: ALTER TABLE `demo`.`orders_quarantine` ADD COLUMN `raw_bytes` BIGINT NULL");
}

Test(verify_compare, a_view_is_compared_by_its_columns)
{
    static const char *const rows[][6] = {
        {"window_start", "datetime", "YES", "false", NULL, ""},
        {"channel", "varchar(32)", "YES", "false", NULL, ""},
        {"country", "varchar(2)", "YES", "false", NULL, ""},
        {"orders", "bigint", "YES", "false", NULL, ""},
        {"revenue", "decimal(38,2)", "YES", "false", NULL, ""},
        {"biggest", "decimal(18,2)", "YES", "false", NULL, ""},
    };
    expect(compare(fixture_orders(), 3, MRI_VIEW, rows, 6),
           1,
           "demo.orders_1m_view.basket: is missing\n  FIX: DROP VIEW");
}

Test(verify_compare, a_row_of_another_form_is_refused)
{
    static const char *const cells[] = {"a", "bigint", "NO"};
    struct mri_row row = {.cells = cells, .count = 3};
    struct mri_found_column column;
    T_TRUE(!mri_found_column(&row, &column));
}

Test(verify_compare, the_key_model_is_read_from_the_create_statement)
{
    enum mri_model model;
    T_TRUE(mri_found_model("CREATE TABLE `t` (\n  `a` int(11) NOT NULL COMMENT \"\"\n"
                           ") ENGINE=OLAP \nPRIMARY KEY(`a`)\nDISTRIBUTED BY HASH(`a`)",
                           &model));
    T_INT_EQ(model, MRI_PRIMARY);
    T_TRUE(mri_found_model("CREATE TABLE `t` (\n  `a` int\n)\nduplicate key (`a`)", &model));
    T_INT_EQ(model, MRI_DUPLICATE);
    T_TRUE(mri_found_model("CREATE TABLE `t` (`a` int)\nUNIQUE KEY(`a`)", &model));
    T_INT_EQ(model, MRI_UNIQUE);
    T_TRUE(mri_found_model("CREATE VIEW `v` AS SELECT 1", &model));
    T_INT_EQ(model, MRI_VIEW);
    T_TRUE(!mri_found_model("CREATE EXTERNAL TABLE `t` (a int) ENGINE=MYSQL", &model));
}
