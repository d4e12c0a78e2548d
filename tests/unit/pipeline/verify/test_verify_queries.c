#include "fixture.h"
#include "test.h"

static void
expect(struct mr_text *text, const char *expected)
{
    T_STR_EQ(mr_text_str(text), expected);
    mr_text_fini(text);
}

Test(verify_queries, the_ledger_is_read_by_pipeline)
{
    struct mr_text text = {0};
    mri_query_ledger(fixture_orders(), &text);
    expect(&text,
           "SELECT l.`topic`, l.`partition`, l.`start`, l.`end`, l.`event_time`, l.`consumed`, "
           "l.`detail`, l.`quarantined`, l.`filtered`, l.`late`, l.`tombstones`, l.`rollups` "
           "FROM `demo`.`millrace_ledger` AS l WHERE l.`pipeline` = 'orders' "
           "ORDER BY l.`topic`, l.`partition`");
}

Test(verify_queries, rows_are_counted_before_and_past_the_ledgers_end)
{
    struct mr_text text = {0};
    mri_query_detail(fixture_orders(), &text);
    expect(&text,
           "SELECT t.`_topic`, t.`_partition`, "
           "SUM(CASE WHEN t.`_offset` < l.`end` THEN 1 ELSE 0 END), "
           "SUM(CASE WHEN t.`_offset` < l.`end` THEN 0 ELSE 1 END) "
           "FROM `demo`.`orders` AS t LEFT JOIN (SELECT `topic`, `partition`, `end` "
           "FROM `demo`.`millrace_ledger` WHERE `pipeline` = 'orders') AS l "
           "ON l.`topic` = t.`_topic` AND l.`partition` = t.`_partition` "
           "GROUP BY t.`_topic`, t.`_partition` ORDER BY t.`_topic`, t.`_partition`");
}

Test(verify_queries, the_window_start_is_what_is_left_of_the_size_taken_off)
{
    struct mr_rollup rollup = {.size_us = 3600000000, .offset_us = 900000000};
    struct mr_text text = {0};
    mri_query_window_start(&rollup, "t.`at`", &text);
    expect(&text,
           "DATE_SUB(DATE_TRUNC('second', t.`at`), INTERVAL CAST(((TIMESTAMPDIFF(SECOND, "
           "CAST('1970-01-01 00:00:00' AS DATETIME), DATE_TRUNC('second', t.`at`)) - 900) "
           "% 3600 + 3600) % 3600 AS INT) SECOND)");
}

/* The whole query of a rollup with one dimension and an exact and a rounded sum. */
Test(verify_queries, windows_are_a_union_of_both_sides_compared_null_safe)
{
    static struct mr_rollup rollup = {
        .table = "r",
        .size_us = 60000000,
        .dim_count = 1,
        .dims = {2},
        .measure_count = 3,
        .measures = {{.name = "n", .op = MR_OP_COUNT_ALL, .column = -1},
                     {.name = "i", .op = MR_OP_SUM, .column = 5, .type = MR_TYPE_INT64},
                     {.name = "f", .op = MR_OP_SUM, .column = 6, .type = MR_TYPE_DOUBLE}}};
    struct mr_layout layout = *fixture_orders();
    layout.rollups = &rollup;
    layout.rollup_count = 1;
    struct mr_text text = {0};
    mri_query_windows(&layout, 0, 20, &text);
    expect(
        &text,
        "SELECT q.w, q.d0, q.a0, q.b0, q.a1, q.b1, q.a2, q.b2, q.n0, q.n1 FROM ("
        "SELECT u.w AS w, u.d0 AS d0"
        ", MAX(CASE WHEN u.s = 0 THEN u.m0 END) AS a0, MAX(CASE WHEN u.s = 1 THEN u.m0 END) AS b0"
        ", MAX(CASE WHEN u.s = 0 THEN u.m1 END) AS a1, MAX(CASE WHEN u.s = 1 THEN u.m1 END) AS b1"
        ", MAX(CASE WHEN u.s = 0 THEN u.m2 END) AS a2, MAX(CASE WHEN u.s = 1 THEN u.m2 END) AS b2"
        ", MAX(u.g2) AS g2"
        ", SUM(CASE WHEN u.s = 0 THEN 1 ELSE 0 END) AS n0"
        ", SUM(CASE WHEN u.s = 1 THEN 1 ELSE 0 END) AS n1 FROM ("
        "SELECT 0 AS s, r.`window_start` AS w, r.`channel` AS d0, SUM(r.`n`) AS m0, "
        "SUM(r.`i`) AS m1, SUM(r.`f`) AS m2, CAST(NULL AS DOUBLE) AS g2 FROM `demo`.`r` AS r "
        "GROUP BY r.`window_start`, r.`channel` UNION ALL "
        "SELECT 1 AS s, x.w AS w, x.d0 AS d0, COUNT(*) AS m0, SUM(CAST(x.c1 AS LARGEINT)) AS m1, "
        "SUM(x.c2) AS m2, SUM(ABS(x.c2)) AS g2 FROM (SELECT "
        "DATE_SUB(DATE_TRUNC('second', t.`occurred_at`), INTERVAL CAST(((TIMESTAMPDIFF(SECOND, "
        "CAST('1970-01-01 00:00:00' AS DATETIME), DATE_TRUNC('second', t.`occurred_at`)) - 0) "
        "% 60 + 60) % 60 AS INT) SECOND) AS w, t.`channel` AS d0, t.`items` AS c1, "
        "t.`score` AS c2 FROM `demo`.`orders` AS t) AS x GROUP BY x.w, x.d0"
        ") AS u GROUP BY u.w, u.d0) AS q WHERE q.n0 <> 1 OR q.n1 <> 1 "
        "OR (NOT (q.a0 <=> q.b0)) OR (NOT (q.a1 <=> q.b1)) "
        "OR (NOT (q.a2 <=> q.b2) AND NOT (q.a2 IS NOT NULL AND q.b2 IS NOT NULL AND "
        "ABS(q.a2 - q.b2) <= 1e-9 * q.g2)) ORDER BY q.w, q.d0 LIMIT 20");
}

Test(verify_queries, the_number_of_windows_is_the_same_query_without_its_list)
{
    struct mr_text list = {0}, count = {0};
    mri_query_windows(fixture_orders(), 0, 20, &list);
    mri_query_windows(fixture_orders(), 0, 0, &count);
    T_TRUE(strncmp(mr_text_str(&count), "SELECT COUNT(*) FROM (SELECT u.w", 32) == 0);
    const char *body = strstr(mr_text_str(&count), " FROM (");
    T_TRUE(strstr(mr_text_str(&list), body) != NULL);
    T_TRUE(!strstr(mr_text_str(&count), "LIMIT"));
    mr_text_fini(&list);
    mr_text_fini(&count);
}

Test(verify_queries, a_rollup_without_count_has_no_total_to_compare)
{
    struct mr_text text = {0};
    T_TRUE(mri_query_rollup_count(fixture_orders(), 0, &text));
    T_STR_EQ(mr_text_str(&text),
             "SELECT COALESCE(SUM(r.`orders`), 0) FROM `demo`.`orders_1m` AS r");
    mr_text_reset(&text);
    T_TRUE(!mri_query_rollup_count(fixture_orders(), 1, &text));
    mr_text_fini(&text);
}

Test(verify_queries, repeats_and_quarantine_are_counted_by_offset)
{
    struct mr_text text = {0};
    mri_query_repeats(fixture_orders(), &text);
    expect(&text,
           "SELECT g.`_topic`, g.`_partition`, COUNT(*), MIN(g.`_offset`) FROM ("
           "SELECT `_topic`, `_partition`, `_offset` FROM `demo`.`orders` "
           "GROUP BY `_topic`, `_partition`, `_offset` HAVING COUNT(*) > 1) AS g "
           "GROUP BY g.`_topic`, g.`_partition` ORDER BY g.`_topic`, g.`_partition`");
    struct mr_text quarantine = {0};
    mri_query_quarantine(fixture_orders(), &quarantine);
    T_TRUE(strstr(mr_text_str(&quarantine),
                  "COUNT(DISTINCT CASE WHEN t.`_offset` < l.`end` THEN t.`_offset` END)"));
    T_TRUE(strstr(mr_text_str(&quarantine), "FROM `demo`.`orders_quarantine` AS t"));
    mr_text_fini(&quarantine);
}
