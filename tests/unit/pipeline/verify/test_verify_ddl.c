#include "fixture.h"
#include "test.h"

#include <stdlib.h>

static void
expect_ddl(const struct mr_layout *layout, uint32_t i, int64_t buckets, const char *expected)
{
    struct mr_text text = fixture_ddl(layout, i, buckets);
    T_STR_EQ(mr_text_str(&text), expected);
    mr_text_fini(&text);
}

Test(verify_ddl, detail_in_append_mode_is_a_duplicate_key_table_by_day)
{
    expect_ddl(fixture_orders(),
               0,
               0,
               "CREATE TABLE IF NOT EXISTS `demo`.`orders` (\n"
               "  `occurred_at` DATETIME NOT NULL,\n"
               "  `_topic` VARCHAR(249) NOT NULL,\n"
               "  `_partition` INT NOT NULL,\n"
               "  `_offset` BIGINT NOT NULL,\n"
               "  `id` VARCHAR(64) NOT NULL,\n"
               "  `channel` VARCHAR(32) NULL,\n"
               "  `country` VARCHAR(2) NOT NULL,\n"
               "  `amount` DECIMAL(18,2) NOT NULL,\n"
               "  `items` BIGINT NULL,\n"
               "  `score` DOUBLE NULL,\n"
               "  `paid` BOOLEAN NULL,\n"
               "  `note` JSON NULL\n"
               ")\n"
               "DUPLICATE KEY(`occurred_at`)\n"
               "PARTITION BY date_trunc('day', `occurred_at`)\n"
               "DISTRIBUTED BY HASH(`_partition`, `_offset`)\n"
               "PROPERTIES (\"replication_num\" = \"1\")");
}

Test(verify_ddl, detail_in_key_mode_is_a_primary_key_table_without_partitions)
{
    expect_ddl(fixture_keyed(),
               0,
               4,
               "CREATE TABLE IF NOT EXISTS `demo`.`orders` (\n"
               "  `id` VARCHAR(64) NOT NULL,\n"
               "  `occurred_at` DATETIME NOT NULL,\n"
               "  `_topic` VARCHAR(249) NOT NULL,\n"
               "  `_partition` INT NOT NULL,\n"
               "  `_offset` BIGINT NOT NULL,\n"
               "  `channel` VARCHAR(32) NULL,\n"
               "  `country` VARCHAR(2) NOT NULL,\n"
               "  `amount` DECIMAL(18,2) NOT NULL,\n"
               "  `items` BIGINT NULL,\n"
               "  `score` DOUBLE NULL,\n"
               "  `paid` BOOLEAN NULL,\n"
               "  `note` JSON NULL\n"
               ")\n"
               "PRIMARY KEY(`id`)\n"
               "DISTRIBUTED BY HASH(`id`) BUCKETS 4\n"
               "PROPERTIES (\"replication_num\" = \"1\")");
}

Test(verify_ddl, key_mode_is_partitioned_by_day_when_the_time_is_a_key)
{
    struct mr_layout *layout = fixture_keyed();
    layout->key_count = 2;
    layout->keys[0] = 1; /* occurred_at */
    layout->keys[1] = 0; /* id */
    struct mr_text text = fixture_ddl(layout, 0, 0);
    T_TRUE(strstr(mr_text_str(&text),
                  "PRIMARY KEY(`occurred_at`, `id`)\n"
                  "PARTITION BY date_trunc('day', `occurred_at`)\n"
                  "DISTRIBUTED BY HASH(`occurred_at`, `id`)\n"));
    T_TRUE(strstr(mr_text_str(&text),
                  "(\n  `occurred_at` DATETIME NOT NULL,\n"
                  "  `id` VARCHAR(64) NOT NULL,\n  `_topic`"));
    mr_text_fini(&text);
}

Test(verify_ddl, quarantine_keeps_raw_bytes_by_day)
{
    expect_ddl(fixture_orders(),
               1,
               0,
               "CREATE TABLE IF NOT EXISTS `demo`.`orders_quarantine` (\n"
               "  `received_at` DATETIME NOT NULL,\n"
               "  `reason` VARCHAR(16) NOT NULL,\n"
               "  `message` VARCHAR(1024) NOT NULL,\n"
               "  `_topic` VARCHAR(249) NOT NULL,\n"
               "  `_partition` INT NOT NULL,\n"
               "  `_offset` BIGINT NOT NULL,\n"
               "  `record_time` DATETIME NULL,\n"
               "  `record_key` VARBINARY NULL,\n"
               "  `raw` VARBINARY(1048576) NULL,\n"
               "  `raw_bytes` BIGINT NOT NULL\n"
               ")\n"
               "DUPLICATE KEY(`received_at`)\n"
               "PARTITION BY date_trunc('day', `received_at`)\n"
               "DISTRIBUTED BY HASH(`_partition`, `_offset`)\n"
               "PROPERTIES (\"replication_num\" = \"1\")");
}

Test(verify_ddl, rollup_sums_are_wider_than_their_columns_and_avg_is_two_columns)
{
    expect_ddl(fixture_orders(),
               2,
               8,
               "CREATE TABLE IF NOT EXISTS `demo`.`orders_1m` (\n"
               "  `window_start` DATETIME NOT NULL,\n"
               "  `channel` VARCHAR(32) NULL,\n"
               "  `country` VARCHAR(2) NOT NULL,\n"
               "  `orders` BIGINT SUM NOT NULL,\n"
               "  `revenue` DECIMAL(38,2) SUM NOT NULL,\n"
               "  `biggest` DECIMAL(18,2) MAX NOT NULL,\n"
               "  `basket_sum` LARGEINT SUM NULL,\n"
               "  `basket_count` BIGINT SUM NOT NULL\n"
               ")\n"
               "AGGREGATE KEY(`window_start`, `channel`, `country`)\n"
               "PARTITION BY date_trunc('day', `window_start`)\n"
               "DISTRIBUTED BY HASH(`channel`, `country`) BUCKETS 8\n"
               "PROPERTIES (\"replication_num\" = \"1\")");
}

Test(verify_ddl, view_divides_and_gives_null_where_nothing_was_counted)
{
    expect_ddl(fixture_orders(),
               3,
               0,
               "CREATE VIEW IF NOT EXISTS `demo`.`orders_1m_view` AS\n"
               "SELECT\n"
               "  r.`window_start` AS `window_start`,\n"
               "  r.`channel` AS `channel`,\n"
               "  r.`country` AS `country`,\n"
               "  SUM(r.`orders`) AS `orders`,\n"
               "  SUM(r.`revenue`) AS `revenue`,\n"
               "  MAX(r.`biggest`) AS `biggest`,\n"
               "  SUM(r.`basket_sum`) / NULLIF(SUM(r.`basket_count`), 0) AS `basket`\n"
               "FROM `demo`.`orders_1m` AS r\n"
               "GROUP BY r.`window_start`, r.`channel`, r.`country`");
}

Test(verify_ddl, rollup_without_dimensions_is_hashed_by_its_window)
{
    expect_ddl(fixture_orders(),
               4,
               0,
               "CREATE TABLE IF NOT EXISTS `demo`.`orders_1d` (\n"
               "  `window_start` DATETIME NOT NULL,\n"
               "  `items` LARGEINT SUM NULL,\n"
               "  `scores` BIGINT SUM NOT NULL,\n"
               "  `score` DOUBLE SUM NULL,\n"
               "  `first_at` DATETIME MIN NOT NULL,\n"
               "  `price_sum` DECIMAL(38,2) SUM NOT NULL,\n"
               "  `price_count` BIGINT SUM NOT NULL\n"
               ")\n"
               "AGGREGATE KEY(`window_start`)\n"
               "PARTITION BY date_trunc('day', `window_start`)\n"
               "DISTRIBUTED BY HASH(`window_start`)\n"
               "PROPERTIES (\"replication_num\" = \"1\")");
    struct mr_text view = fixture_ddl(fixture_orders(), 5, 0);
    T_TRUE(strstr(mr_text_str(&view),
                  "CAST(SUM(r.`price_sum`) / NULLIF(SUM(r.`price_count`), 0) "
                  "AS DECIMAL(38,8)) AS `price`"));
    mr_text_fini(&view);
}

Test(verify_ddl, ledger_and_chains_are_primary_key_tables_of_one_bucket)
{
    expect_ddl(fixture_orders(),
               6,
               8,
               "CREATE TABLE IF NOT EXISTS `demo`.`millrace_ledger` (\n"
               "  `pipeline` VARCHAR(32) NOT NULL,\n"
               "  `topic` VARCHAR(249) NOT NULL,\n"
               "  `partition` INT NOT NULL,\n"
               "  `chain` VARCHAR(32) NOT NULL,\n"
               "  `n` BIGINT NOT NULL,\n"
               "  `start` BIGINT NOT NULL,\n"
               "  `end` BIGINT NOT NULL,\n"
               "  `event_time` DATETIME NULL,\n"
               "  `consumed` BIGINT NOT NULL,\n"
               "  `detail` BIGINT NOT NULL,\n"
               "  `quarantined` BIGINT NOT NULL,\n"
               "  `filtered` BIGINT NOT NULL,\n"
               "  `late` BIGINT NOT NULL,\n"
               "  `tombstones` BIGINT NOT NULL,\n"
               "  `rollups` VARCHAR(65533) NOT NULL,\n"
               "  `updated_at` DATETIME NOT NULL\n"
               ")\n"
               "PRIMARY KEY(`pipeline`, `topic`, `partition`)\n"
               "DISTRIBUTED BY HASH(`pipeline`, `topic`, `partition`) BUCKETS 1\n"
               "PROPERTIES (\"replication_num\" = \"1\")");
    struct mr_text chains = fixture_ddl(fixture_orders(), 7, 8);
    T_TRUE(strstr(mr_text_str(&chains),
                  "PRIMARY KEY(`pipeline`, `topic`, `partition`, `chain`)\n"
                  "DISTRIBUTED BY HASH(`pipeline`, `topic`, `partition`, `chain`) BUCKETS 1\n"));
    mr_text_fini(&chains);
    T_INT_EQ(mri_table_count(fixture_orders()), 8);
}

static char *
printed(const struct mr_layout *layout, enum mr_rc *ret_rc)
{
    char *text = NULL;
    size_t size = 0;
    struct mr_config config = {.starrocks.replication_num = 3};
    FILE *out = open_memstream(&text, &size);
    *ret_rc = mr_ddl_print(&config, layout, out);
    fclose(out);
    return text;
}

Test(verify_ddl, print_begins_with_the_database_and_ends_every_statement)
{
    enum mr_rc rc;
    char *text = printed(fixture_orders(), &rc);
    T_INT_EQ(rc, MR_OK);
    T_TRUE(strstr(text, "CREATE DATABASE IF NOT EXISTS `demo`;\n\nCREATE TABLE") == text);
    unsigned statements = 0;
    for (const char *p = text; (p = strstr(p, ";\n")) != NULL; p++)
        statements++;
    T_INT_EQ(statements, 9);
    T_TRUE(strstr(text, "\"replication_num\" = \"3\""));
    free(text);
}

Test(verify_ddl, a_pipeline_and_topic_too_long_for_the_ledgers_key_are_refused)
{
    struct mr_layout layout = *fixture_orders();
    char topic[120];
    memset(topic, 't', sizeof topic);
    topic[98] = '\0'; /* "orders" + 98 = 104, the most that fits */
    const char *const topics[] = {topic};
    layout.topics = topics;
    struct mr_error error;
    T_INT_EQ(mri_layout_check(&layout, &error), MR_OK);
    topic[98] = 't';
    topic[99] = '\0';
    T_INT_EQ(mri_layout_check(&layout, &error), MR_CONFIG);
    T_TRUE(strstr(error.text, "more than 104 bytes"));
    enum mr_rc rc;
    char *text = printed(&layout, &rc);
    T_INT_EQ(rc, MR_CONFIG);
    T_TRUE(strncmp(text, "-- ", 3) == 0 && !strstr(text, "CREATE"));
    free(text);
}

Test(verify_ddl, a_pipelines_name_must_fit_into_the_ledger)
{
    struct mr_layout layout = *fixture_orders();
    struct mr_error error;
    layout.pipeline = "a23456789012345678901234567890_2";
    T_INT_EQ(mri_layout_check(&layout, &error), MR_OK);
    layout.pipeline = "a23456789012345678901234567890_23";
    T_INT_EQ(mri_layout_check(&layout, &error), MR_CONFIG);
    T_TRUE(strstr(error.text, "33 bytes, there is room for 32"));
}

Test(verify_ddl, a_key_that_may_be_null_or_is_a_number_with_a_fraction_is_refused)
{
    struct mr_layout *layout = fixture_keyed();
    struct mr_error error;
    T_INT_EQ(mri_layout_check(layout, &error), MR_OK);
    layout->keys[0] = 2; /* channel, nullable */
    T_INT_EQ(mri_layout_check(layout, &error), MR_CONFIG);
    T_TRUE(strstr(error.text, "'channel' may be null"));
    layout->keys[0] = 4; /* amount, DECIMAL */
    T_INT_EQ(mri_layout_check(layout, &error), MR_CONFIG);
    T_TRUE(strstr(error.text, "'amount' has a type"));
}
