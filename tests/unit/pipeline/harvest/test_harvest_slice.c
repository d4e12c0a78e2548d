/* Rows of a finished detail body: slices and sources; rows of the registry of chains. */
#include "harvest_fixture.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#define ROWS 5000

static struct mr_budget budget;

static struct mr_layout
layout_of_detail(void)
{
    mr_budget_init(&budget, INT64_MAX);
    struct mr_layout layout = ff_layout(NULL, 0);
    layout.rollups = NULL;
    return layout;
}

static struct mr_record
record_of(uint32_t row)
{
    struct mr_record record = hf_record("{}");
    record.topic = (uint16_t)(row / 3 % 2);
    record.partition = (int32_t)(row % 7);
    record.offset = INT64_C(1) << row % 62;
    return record;
}

/* Rows over several chunks; as JSON when one value asks for it. */
static struct mr_body
detail_of(const struct mr_layout *layout, uint32_t count, bool json)
{
    struct mr_rows *rows = hf_rows(layout, &budget, 100);
    struct mr_target targets[MR_MAX_ROLLUPS + 2];
    uint32_t target_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct mr_record record = record_of(i);
        struct mr_value values[FF_COUNT];
        struct mr_event event = ff_event(values, 0);
        char name[64];
        snprintf(name, sizeof name, "%u\n,\"_offset\":7}\n,\"_topic\":\"orders\"", i);
        event.record = &record;
        values[FF_NAME] = ff_text(name);
        values[FF_NAME].csv_unsafe = json;
        T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    }
    T_INT_EQ(mr_harvest_unit(layout, &budget, NULL, &rows, 1, targets, &target_count), MR_OK);
    T_INT_EQ(target_count, 1);
    T_INT_EQ(targets[0].body.format, json ? MR_BODY_JSON : MR_BODY_CSV);
    T_INT_EQ(targets[0].body.rows, count);
    mr_rows_free(&rows);
    return targets[0].body;
}

/* Slices put together again are the body, whatever their sizes. */
static void
slices_of(const struct mr_body *body)
{
    static const uint64_t sizes[] = {1, 0, 2, 998, 1, 2000};
    char *whole = hf_text(body), *at = whole;
    uint64_t first = 0;
    for (size_t i = 0; first < body->rows; i++) {
        uint64_t rows = sizes[i % MR_ARRAY_LEN(sizes)];
        rows = rows < body->rows - first ? rows : body->rows - first;
        struct mr_body slice;
        T_INT_EQ(mr_harvest_slice(body, first, rows, &slice), MR_OK);
        T_INT_EQ(slice.rows, rows);
        T_INT_EQ(slice.format, body->format);
        char *text = hf_text(&slice);
        T_TRUE(strncmp(at, text, slice.bytes) == 0);
        at += slice.bytes;
        first += rows;
        free(text);
        mr_body_fini(&slice);
    }
    T_STR_EQ(at, "");
    free(whole);
}

static void
sources_of(const struct mr_layout *layout, const struct mr_body *body)
{
    struct mr_source *sources = calloc(body->rows, sizeof *sources);
    T_TRUE(sources != NULL);
    T_INT_EQ(mr_harvest_sources(layout, body, sources), MR_OK);
    for (uint32_t i = 0; i < body->rows; i++) {
        struct mr_record record = record_of(i);
        T_INT_EQ(sources[i].topic, record.topic);
        T_INT_EQ(sources[i].partition, record.partition);
        T_INT_EQ(sources[i].offset, record.offset);
    }
    free(sources);
}

Test(harvest_slice, slices_of_csv_join_to_the_body_and_name_their_sources)
{
    struct mr_layout layout = layout_of_detail();
    struct mr_body body = detail_of(&layout, ROWS, false);
    T_TRUE(body.first != body.last);
    slices_of(&body);
    sources_of(&layout, &body);
    mr_body_fini(&body);
    T_INT_EQ(mr_budget_used(&budget), 0);
}

Test(harvest_slice, slices_of_json_lines_join_to_the_body_and_name_their_sources)
{
    struct mr_layout layout = layout_of_detail();
    struct mr_body body = detail_of(&layout, ROWS, true);
    T_TRUE(body.first != body.last);
    slices_of(&body);
    sources_of(&layout, &body);
    mr_body_fini(&body);
    T_INT_EQ(mr_budget_used(&budget), 0);
}

static void
refused(const struct mr_layout *layout, enum mr_body_format format, const char *text, uint64_t rows)
{
    struct mr_source sources[4];
    struct mr_body body;
    mr_body_init(&body, format, &budget);
    char *out = mr_body_reserve(&body, strlen(text) + 1);
    T_TRUE(out != NULL);
    memcpy(out, text, strlen(text));
    mr_body_advance(&body, strlen(text));
    body.rows = rows;
    T_TRUE_MSG(mr_harvest_sources(layout, &body, sources) == MR_INTERNAL, "%s", text);
    mr_body_fini(&body);
}

Test(harvest_slice, a_body_that_harvest_did_not_make_has_no_sources)
{
    struct mr_layout layout = layout_of_detail();
    refused(&layout,
            MR_BODY_CSV,
            "a\x01orders\x01"
            "1\x01"
            "2\x02",
            2);
    refused(&layout,
            MR_BODY_CSV,
            "a\x01orders\x01"
            "1\x01"
            "2\x02"
            "a\x01orders\x01"
            "1\x01"
            "2\x02",
            1);
    refused(&layout,
            MR_BODY_CSV,
            "a\x01orders\x01"
            "1\x01"
            "2",
            1);
    refused(&layout,
            MR_BODY_CSV,
            "orders\x01"
            "1\x01"
            "2\x02",
            1);
    refused(&layout,
            MR_BODY_CSV,
            "a\x01other\x01"
            "1\x01"
            "2\x02",
            1);
    refused(&layout,
            MR_BODY_CSV,
            "a\x01orders\x01"
            "-1\x01"
            "2\x02",
            1);
    refused(&layout,
            MR_BODY_CSV,
            "a\x01orders\x01"
            "1\x01"
            "9223372036854775808\x02",
            1);
    refused(&layout,
            MR_BODY_CSV,
            "a\x01orders\x01"
            "1\x01"
            "\x02",
            1);
    refused(&layout, MR_BODY_JSON, "{\"_topic\":\"orders\",\"_partition\":1,\"_offset\":2}\n", 1);
    refused(&layout, MR_BODY_JSON, "{\"a\":1,\"_topic\":\"orders\",\"_offset\":2}\n", 1);
    refused(&layout,
            MR_BODY_JSON,
            "{\"a\":1,\"_topic\":\"orders\",\"_partition\":1,\"_offset\":2\n",
            1);
    T_INT_EQ(mr_budget_used(&budget), 0);
}

/* ---- The registry ---- */

static struct mr_registry_row
registry_row(uint16_t topic, int32_t partition, int64_t start)
{
    return (struct mr_registry_row){.place = {topic, partition},
                                    .chain = {"abcdefghijklmnop"},
                                    .seq = 5,
                                    .start = start,
                                    .announced_us = INT64_C(1769853600000000)};
}

static char *
chains_text(const struct mr_registry_row *rows, uint32_t count, uint32_t removed, int64_t closed_us)
{
    struct mr_layout layout = layout_of_detail();
    struct mr_body body;
    T_INT_EQ(mr_harvest_chains(&layout, &budget, rows, count, removed, closed_us, &body), MR_OK);
    T_INT_EQ(body.format, MR_BODY_CSV);
    T_INT_EQ(body.rows, count);
    char *text = hf_text(&body);
    mr_body_fini(&body);
    T_INT_EQ(mr_budget_used(&budget), 0);
    return text;
}

#define ROW(topic, rest) "shop\x01" topic "\x01" rest
#define WHEN             "2026-01-31 10:00:00\x01"

Test(harvest_slice, an_announced_chain_is_a_row_a_partition_that_is_not_closed)
{
    struct mr_registry_row rows[] = {registry_row(0, 7, 10), registry_row(1, 0, 0)};
    char *text = chains_text(rows, 2, 2, INT64_MIN);
    T_STR_EQ(text,
             ROW("orders",
                 "7\x01"
                 "abcdefghijklmnop\x01"
                 "5\x01"
                 "10\x01\\N\x01\\N\x01" WHEN "\\N\x02") ROW("returns",
                                                            "0\x01"
                                                            "abcdefghijklmnop\x01"
                                                            "5\x01"
                                                            "0\x01\\N\x01\\N\x01" WHEN "\\N\x02"));
    free(text);
}

Test(harvest_slice, closing_says_when_and_deletes_the_rows_behind)
{
    struct mr_registry_row rows[] = {registry_row(0, 7, 10), registry_row(1, 0, 0)};
    char *text = chains_text(rows, 2, 1, INT64_C(1769853600500000));
    T_STR_EQ(text,
             ROW("orders",
                 "7\x01"
                 "abcdefghijklmnop\x01"
                 "5\x01"
                 "10\x01\\N\x01\\N\x01" WHEN "2026-01-31 10:00:00.500000\x01"
                 "0\x02") ROW("returns",
                              "0\x01"
                              "abcdefghijklmnop\x01"
                              "5\x01"
                              "0\x01\\N\x01\\N\x01" WHEN "\\N\x01"
                              "1\x02"));
    free(text);
    text = chains_text(rows, 1, 1, INT64_C(1769853600500000));
    T_STR_EQ(text,
             ROW("orders",
                 "7\x01"
                 "abcdefghijklmnop\x01"
                 "5\x01"
                 "10\x01\\N\x01\\N\x01" WHEN "2026-01-31 10:00:00.500000\x02"));
    free(text);
}

Test(harvest_slice, the_columns_of_a_chain_name_the_operation_only_when_rows_are_deleted)
{
    struct mr_text text = {0};
    mr_harvest_chain_columns(false, &text);
    T_STR_EQ(mr_text_str(&text),
             "`pipeline`,`topic`,`partition`,`chain`,`seq`,`start`,`n`,`tables`,`announced_at`,"
             "`closed`");
    mr_text_reset(&text);
    mr_harvest_chain_columns(true, &text);
    T_STR_EQ(mr_text_str(&text),
             "`pipeline`,`topic`,`partition`,`chain`,`seq`,`start`,`n`,`tables`,`announced_at`,"
             "`closed`,`__op`");
    mr_text_fini(&text);
}
