/* Rows byte for byte: detail in CSV and JSON, quarantine. */
#include "harvest_fixture.h"
#include "test.h"

#include <stdlib.h>

#include "pipeline/harvest/harvest_priv.h"

static struct mr_budget budget;

/* Harvests one rows object without rollups; the only target is expected to be of `kind`. */
static char *
harvested(const struct mr_layout *layout,
          struct mr_rows *rows,
          enum mr_target_kind kind,
          enum mr_body_format format)
{
    struct mr_target targets[MR_MAX_ROLLUPS + 2];
    uint32_t count = 0;
    T_INT_EQ(mr_harvest_unit(layout, &budget, NULL, &rows, 1, targets, &count), MR_OK);
    T_INT_EQ(count, 1);
    T_INT_EQ(targets[0].kind, kind);
    T_INT_EQ(targets[0].body.format, format);
    char *text = hf_text(&targets[0].body);
    mr_body_fini(&targets[0].body);
    mr_rows_free(&rows);
    T_INT_EQ(mr_budget_used(&budget), 0);
    return text;
}

static void
fill_typical(struct mr_value *values)
{
    values[FF_NAME] = ff_text("caf\xc3\xa9 \"quoted\"\n");
    values[FF_NUM] = ff_i64(INT64_MIN);
    values[FF_FLAG] = ff_i64(1);
    values[FF_PRICE] = ff_dec(-5);
    values[FF_WIDE] = ff_dec((__int128)1 << 100);
    values[FF_RATIO] = ff_f64(0.1);
    values[FF_RATIO].text = mr_slice_of("1.00e-1");
    values[FF_DAY] = ff_i64(-1);
}

Test(harvest_rows, a_detail_row_is_the_columns_then_topic_partition_offset)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    struct mr_rows *rows = hf_rows(&layout, &budget, 100);
    struct mr_record record = hf_record("{}");
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, INT64_C(1769853600120000));
    event.record = &record;
    fill_typical(values);
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    char *text = harvested(&layout, rows, MR_TARGET_DETAIL, MR_BODY_CSV);
    T_STR_EQ(text,
             "2026-01-31 10:00:00.120000\x01"
             "caf\xc3\xa9 \"quoted\"\n\x01"
             "-9223372036854775808\x01"
             "1\x01"
             "-0.05\x01"
             "126765060022822940149670320.5376\x01"
             "1.00e-1\x01"
             "1969-12-31\x01"
             "returns\x01"
             "3\x01"
             "42\x02");
    free(text);
}

Test(harvest_rows, null_and_the_empty_string_are_apart)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    struct mr_rows *rows = hf_rows(&layout, &budget, 100);
    struct mr_record record = hf_record("{}");
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    event.record = &record;
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    values[FF_NAME] = ff_text("");
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    char *text = harvested(&layout, rows, MR_TARGET_DETAIL, MR_BODY_CSV);
    T_STR_EQ(text,
             "1970-01-01 00:00:00\x01\\N\x01\\N\x01\\N\x01"
             "0.00\x01\\N\x01\\N\x01\\N\x01returns\x01"
             "3\x01"
             "42\x02"
             "1970-01-01 00:00:00\x01\x01\\N\x01\\N\x01"
             "0.00\x01\\N\x01\\N\x01\\N\x01returns\x01"
             "3\x01"
             "42\x02");
    free(text);
}

#define JSON_TAIL ",\"_topic\":\"returns\",\"_partition\":3,\"_offset\":42}\n"

Test(harvest_rows, one_value_that_csv_cannot_carry_turns_the_whole_body_into_json)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    struct mr_rows *rows = hf_rows(&layout, &budget, 100);
    struct mr_record record = hf_record("{}");
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, INT64_C(1769853600120000));
    event.record = &record;
    fill_typical(values);
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    event = ff_event(values, 0);
    event.record = &record;
    values[FF_NAME] = ff_text("\\N");
    values[FF_NAME].csv_unsafe = true;
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    values[FF_NAME].text = (struct mr_slice){"a\x01\x02\0\x1f\\", 6};
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    char *text = harvested(&layout, rows, MR_TARGET_DETAIL, MR_BODY_JSON);
    T_STR_EQ(
        text,
        "{\"at\":\"2026-01-31 10:00:00.120000\",\"name\":\"caf\xc3\xa9 \\\"quoted\\\"\\u000a\","
        "\"num\":-9223372036854775808,\"flag\":true,\"price\":\"-0.05\","
        "\"wide\":\"126765060022822940149670320.5376\",\"ratio\":1.00e-1,"
        "\"day\":\"1969-12-31\"" JSON_TAIL
        "{\"at\":\"1970-01-01 00:00:00\",\"name\":\"\\\\N\",\"num\":null,\"flag\":null,"
        "\"price\":\"0.00\",\"wide\":null,\"ratio\":null,\"day\":null" JSON_TAIL
        "{\"at\":\"1970-01-01 00:00:00\",\"name\":\"a\\u0001\\u0002\\u0000\\u001f\\\\\","
        "\"num\":null,\"flag\":null,\"price\":\"0.00\",\"wide\":null,\"ratio\":null,"
        "\"day\":null" JSON_TAIL);
    free(text);
}

Test(harvest_rows, a_json_column_stays_raw_and_on_one_line)
{
    struct mr_column columns[] = {{.name = "at", .type = MR_TYPE_TIMESTAMP},
                                  {.name = "doc", .type = MR_TYPE_JSON, .nullable = true}};
    struct mr_layout layout = hf_detail_layout(&budget);
    layout.columns = columns;
    layout.column_count = 2;
    struct mr_record record = hf_record("{}");
    struct mr_value values[] = {ff_i64(0), ff_text("{\"a\":\r\n[1,\"\\u0001\"]}")};
    struct mr_event event = {.record = &record, .values = values};
    struct mr_rows *rows = hf_rows(&layout, &budget, 100);
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    char *text = harvested(&layout, rows, MR_TARGET_DETAIL, MR_BODY_CSV);
    T_STR_EQ(text,
             "1970-01-01 00:00:00\x01{\"a\":\r\n[1,\"\\u0001\"]}\x01returns\x01"
             "3\x01"
             "42\x02");
    free(text);
    rows = hf_rows(&layout, &budget, 100);
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    values[1] = ff_text("1");
    values[1].csv_unsafe = true; /* as if: only to force the form */
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    text = harvested(&layout, rows, MR_TARGET_DETAIL, MR_BODY_JSON);
    T_STR_EQ(text,
             "{\"at\":\"1970-01-01 00:00:00\",\"doc\":{\"a\":  [1,\"\\u0001\"]}" JSON_TAIL
             "{\"at\":\"1970-01-01 00:00:00\",\"doc\":1" JSON_TAIL);
    free(text);
}

static void
draw_values(uint64_t *random, struct mr_value *values, char *name)
{
    static const char alphabet[] = "ab \"\\\n\t/{}[],:\x03\x1f\x7f\xc3\xa9";
    size_t len = ff_random(random) % 12;
    for (size_t i = 0; i < len; i++)
        name[i] = alphabet[ff_random(random) % (sizeof alphabet - 1)];
    name[len] = '\0';
    values[FF_NAME] = ff_text(name);
    values[FF_NAME].csv_unsafe = mr_slice_equal(values[FF_NAME].text, mr_slice_of("\\N"));
    values[FF_NUM] = ff_i64((int64_t)ff_random(random) >> ff_random(random) % 64);
    values[FF_FLAG] = ff_i64((int64_t)(ff_random(random) % 2));
    values[FF_PRICE] = ff_dec((int64_t)ff_random(random) >> ff_random(random) % 64);
    values[FF_WIDE] = ff_dec((__int128)(int64_t)ff_random(random) * (int64_t)ff_random(random) / 2);
    values[FF_RATIO] = ff_f64((double)(int64_t)ff_random(random) / 1024);
    values[FF_DAY] = ff_i64((int64_t)(ff_random(random) % 60000) - 30000);
    for (uint32_t i = FF_NAME; i < FF_COUNT; i++)
        values[i].set = i == FF_PRICE || ff_random(random) % 5 > 0;
}

Test(harvest_rows, csv_turned_into_json_equals_json_written_at_once)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    struct mri_out columns[MRI_DETAIL_MAX];
    uint32_t count = mri_harvest_detail(&layout, columns);
    struct mri_dates dates = {.day = INT32_MIN};
    struct mr_body csv, turned, direct;
    uint64_t random = 5;
    mr_body_init(&csv, MR_BODY_CSV, &budget);
    mr_body_init(&turned, MR_BODY_JSON, &budget);
    mr_body_init(&direct, MR_BODY_JSON, &budget);
    for (unsigned row = 0; row < 3000; row++) {
        struct mr_value values[FF_COUNT + 3];
        const struct mr_value *pointers[FF_COUNT + 3];
        char name[16];
        ff_event(values, (int64_t)(ff_random(&random) >> 12));
        draw_values(&random, values, name);
        if (row % 10 == 0)
            values[FF_NAME] = ff_text("\\Nx"); /* begins like a NULL */
        values[FF_COUNT] = ff_text("returns");
        values[FF_COUNT + 1] = ff_i64(3);
        values[FF_COUNT + 2] = ff_i64((int64_t)row);
        for (uint32_t i = 0; i < count; i++)
            pointers[i] = &values[i];
        if (values[FF_NAME].csv_unsafe)
            continue; /* never written as CSV */
        T_INT_EQ(mri_harvest_csv_values(&csv, columns, pointers, count, &dates), MR_OK);
        T_INT_EQ(mri_harvest_json_values(&direct, columns, pointers, count, &dates), MR_OK);
    }
    T_TRUE(csv.first != csv.last); /* several chunks */
    uint64_t rows = csv.rows;
    T_INT_EQ(mri_harvest_transcode(&csv, &turned, columns, count), MR_OK);
    T_INT_EQ(turned.rows, rows);
    T_INT_EQ(csv.bytes, 0);
    char *a = hf_text(&turned), *b = hf_text(&direct);
    T_TRUE(strcmp(a, b) == 0);
    free(a);
    free(b);
    mr_body_fini(&turned);
    mr_body_fini(&direct);
    T_INT_EQ(mr_budget_used(&budget), 0);
}

Test(harvest_rows, a_quarantine_row_has_reason_message_place_and_hex)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    struct mr_rows *rows = hf_rows(&layout, &budget, 4);
    struct mr_record record = hf_record("\x01\x02\xff{oversize");
    struct mr_reject_info info = {.reason = MR_REJECT_oversize, .message = "too\x01long\\N\x02"};
    record.key = "k\n";
    record.key_len = 2;
    record.value_total = 5000000;
    T_INT_EQ(mr_rows_reject(rows, &record, &info, INT64_C(1769853600000000)), MR_OK);
    record.key = NULL;
    record.key_len = 0;
    record.time_us = -1;
    record.value_len = record.value_total = 0;
    info = (struct mr_reject_info){.reason = MR_REJECT_malformed, .message = "\\N"};
    T_INT_EQ(mr_rows_reject(rows, &record, &info, INT64_C(1769853600000000)), MR_OK);
    char *text = harvested(&layout, rows, MR_TARGET_QUARANTINE, MR_BODY_CSV);
    T_STR_EQ(text,
             "2026-01-31 10:00:00\x01oversize\x01too?long\\N?\x01returns\x01"
             "3\x01"
             "42\x01"
             "2026-01-31 10:00:00.500000\x01"
             "6B0A\x01"
             "0102FF7B\x01"
             "5000000\x02"
             "2026-01-31 10:00:00\x01malformed\x01"
             "?N\x01returns\x01"
             "3\x01"
             "42\x01\\N\x01\\N\x01\x01"
             "0\x02");
    free(text);
}

Test(harvest_rows, a_broker_time_beyond_datetime_is_null)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    struct mr_rows *rows = hf_rows(&layout, &budget, 4);
    struct mr_record record = hf_record("x");
    struct mr_reject_info info = {.reason = MR_REJECT_utf8, .message = "m"};
    const int64_t times[] = {
        INT64_MAX, MR_DAYS_MIN * MR_US_PER_DAY - 1, MR_DAYS_MIN * MR_US_PER_DAY};
    for (size_t i = 0; i < MR_ARRAY_LEN(times); i++) {
        record.time_us = times[i];
        T_INT_EQ(mr_rows_reject(rows, &record, &info, 0), MR_OK);
    }
    char *text = harvested(&layout, rows, MR_TARGET_QUARANTINE, MR_BODY_CSV);
    const char *second = strchr(text, '\x02'), *third = strchr(second + 1, '\x02');
    static const char unknown[] = "\x01"
                                  "42\x01\\N\x01";
    T_TRUE(strstr(text, unknown) < second && strstr(second, unknown) < third);
    T_TRUE(strstr(third,
                  "\x01"
                  "42\x01"
                  "0001-01-01 00:00:00\x01") != NULL);
    free(text);
}

Test(harvest_rows, the_worst_case_covers_what_a_batch_costs)
{
    struct mr_layout layout = hf_detail_layout(&budget);
    for (unsigned mode = 0; mode < 4; mode++) {
        struct mr_rows *rows = hf_rows(&layout, &budget, 100);
        char name[8000];
        memset(name, mode == 1 ? '\x1f' : 'x', sizeof name);
        struct mr_value values[FF_COUNT];
        struct mr_event event = ff_event(values, 1);
        struct mr_record record = hf_record("0123456789");
        struct mr_reject_info info = {.reason = MR_REJECT_utf8, .message = "m"};
        event.record = &record;
        fill_typical(values);
        values[FF_NAME].text = (struct mr_slice){name, sizeof name};
        values[FF_NAME].csv_unsafe = mode == 1;
        for (unsigned i = 0; i < 1000; i++)
            T_INT_EQ(mode == 2 ? mr_rows_reject(rows, &record, &info, 0)
                               : mr_rows_add(rows, &event),
                     MR_OK);
        /* In mode 3 the text is a default, and the records hold nothing of it. */
        size_t bytes = mode == 2 ? 10000 : mode == 3 ? 0 : 1000 * sizeof name;
        layout.default_bytes = mode == 3 ? sizeof name : 0;
        T_TRUE(mr_budget_used(&budget) <= mr_rows_worst_bytes(&layout, 1000, bytes, 100));
        mr_rows_free(&rows);
    }
}
