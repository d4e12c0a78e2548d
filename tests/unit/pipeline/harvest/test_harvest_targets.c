/* What a unit becomes: one body a table, the ledger's row, the columns and the table of each. */
#include "harvest_fixture.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static struct mr_budget budget;

Test(harvest_targets, the_rows_of_all_workers_become_one_body)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    struct mr_rows *rows[] = {
        hf_rows(&layout, &budget, 4), hf_rows(&layout, &budget, 4), hf_rows(&layout, &budget, 4)};
    struct mr_record record = hf_record("{}");
    struct mr_reject_info info = {.reason = MR_REJECT_utf8, .message = "m"};
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    struct mr_target targets[MR_MAX_ROLLUPS + 2];
    uint32_t count = 0;
    event.record = &record;
    T_INT_EQ(mr_rows_add(rows[0], &event), MR_OK);
    values[FF_NAME] = ff_text("\x01");
    values[FF_NAME].csv_unsafe = true;
    T_INT_EQ(mr_rows_add(rows[1], &event), MR_OK);
    T_INT_EQ(mr_rows_reject(rows[2], &record, &info, 0), MR_OK);
    T_INT_EQ(mr_rows_reject(rows[0], &record, &info, 0), MR_OK);
    T_INT_EQ(mr_harvest_unit(&layout, &budget, NULL, rows, 3, targets, &count), MR_OK);
    T_INT_EQ(count, 2);
    T_INT_EQ(targets[0].kind, MR_TARGET_DETAIL);
    T_INT_EQ(targets[0].body.format, MR_BODY_JSON);
    T_INT_EQ(targets[0].body.rows, 2);
    T_INT_EQ(targets[1].kind, MR_TARGET_QUARANTINE);
    T_INT_EQ(targets[1].body.format, MR_BODY_CSV);
    T_INT_EQ(targets[1].body.rows, 2);
    for (unsigned i = 0; i < 3; i++)
        mr_rows_free(&rows[i]);
    mr_body_fini(&targets[0].body);
    mr_body_fini(&targets[1].body);
    T_INT_EQ(mr_budget_used(&budget), 0);
}

Test(harvest_targets, nothing_encoded_is_no_target)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    struct mr_rows *rows = hf_rows(&layout, &budget, 4);
    struct mr_target targets[MR_MAX_ROLLUPS + 2];
    uint32_t count = 9;
    T_INT_EQ(mr_harvest_unit(&layout, &budget, NULL, &rows, 1, targets, &count), MR_OK);
    T_INT_EQ(count, 0);
    mr_rows_free(&rows);
}

Test(harvest_targets, the_ledger_row_names_the_totals)
{
    struct mr_rollup rollups[] = {{.table = "orders_1m"}, {.table = "orders_1d"}};
    struct mr_layout layout = hf_detail_layout(&budget);
    layout.rollups = rollups;
    layout.rollup_count = 2;
    struct mr_span spans[] = {
        {.topic = 0,
         .partition = 7,
         .start = 10,
         .end = 25,
         .event_time_us = 1500000,
         .totals = {.consumed = 100,
                    .detail = 90,
                    .quarantined = 4,
                    .filtered = 3,
                    .late = 2,
                    .tombstones = 3,
                    .rollups = {90, 88}}},
        {.topic = 1, .partition = 0, .end = 1, .event_time_us = INT64_MIN},
    };
    struct mr_target target;
    T_INT_EQ(mr_harvest_ledger(&layout, &budget, "CHAIN", 12, spans, 2, &target), MR_OK);
    T_INT_EQ(target.kind, MR_TARGET_LEDGER);
    T_INT_EQ(target.body.rows, 2);
    char *text = hf_text(&target.body);
    const char *first = "shop\x01orders\x01"
                        "7\x01"
                        "CHAIN\x01"
                        "12\x01"
                        "10\x01"
                        "25\x01"
                        "1970-01-01 00:00:01.500000\x01"
                        "100\x01"
                        "90\x01"
                        "4\x01"
                        "3\x01"
                        "2\x01"
                        "3\x01"
                        "{\"orders_1m\":90,\"orders_1d\":88}\x01";
    T_TRUE(strncmp(text, first, strlen(first)) == 0);
    const char *second = strchr(text, '\x02') + 1;
    const char *start = "shop\x01returns\x01"
                        "0\x01"
                        "CHAIN\x01"
                        "12\x01"
                        "0\x01"
                        "1\x01\\N\x01";
    T_TRUE(strncmp(second, start, strlen(start)) == 0);
    size_t columns = 1;
    for (const char *at = second; *at != '\x02'; at++)
        columns += *at == '\x01';
    T_INT_EQ(columns, 16);
    T_INT_EQ(text[target.body.bytes - 1], '\x02');
    free(text);
    mr_body_fini(&target.body);
}

Test(harvest_targets, the_columns_header_names_every_column_in_backticks)
{
    struct mr_rollup rollup = {
        .table = "orders_1m", .dim_count = 2, .dims = {FF_NAME, FF_FLAG}, .measure_count = 3};
    rollup.measures[0] = ff_measure("n", MR_OP_COUNT_ALL, -1);
    rollup.measures[1] = ff_measure("basket", MR_OP_AVG, FF_NUM);
    rollup.measures[2] = ff_measure("revenue", MR_OP_SUM, FF_PRICE);
    struct mr_layout layout = hf_detail_layout(&budget);
    layout.rollups = &rollup;
    layout.rollup_count = 1;
    static const struct {
        enum mr_target_kind kind;
        const char *columns, *table;
    } cases[] = {
        {MR_TARGET_DETAIL,
         "`at`,`name`,`num`,`flag`,`price`,`wide`,`ratio`,`day`,`_topic`,`_partition`,`_offset`",
         "orders"},
        {MR_TARGET_ROLLUP,
         "`window_start`,`name`,`flag`,`n`,`basket_sum`,`basket_count`,`revenue`",
         "orders_1m"},
        {MR_TARGET_QUARANTINE,
         "`received_at`,`reason`,`message`,`_topic`,`_partition`,`_offset`,`record_time`,"
         "`record_key_hex`,`raw_hex`,`raw_bytes`,"
         "`record_key`=to_binary(`record_key_hex`,'hex'),`raw`=to_binary(`raw_hex`,'hex')",
         "orders_quarantine"},
        {MR_TARGET_LEDGER,
         "`pipeline`,`topic`,`partition`,`chain`,`n`,`start`,`end`,`event_time`,`consumed`,`detail`"
         ","
         "`quarantined`,`filtered`,`late`,`tombstones`,`rollups`,`updated_at`",
         "millrace_ledger"},
    };
    for (unsigned i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct mr_text text = {.limit = 0};
        mr_harvest_columns(&layout, cases[i].kind, 0, &text);
        T_STR_EQ(mr_text_str(&text), cases[i].columns);
        T_STR_EQ(mr_harvest_table(&layout, cases[i].kind, 0), cases[i].table);
        mr_text_fini(&text);
    }
}
