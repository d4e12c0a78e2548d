/* Columns, their names and parts: what is made of the configuration, and all that does not fit the
 * schema. */
#include "layout_case.h"

#include <stdio.h>
#include <string.h>

Test(decode_layout, columns_are_named_by_their_paths)
{
    static const char *const names[] = {"at",
                                        "id",
                                        "sequence",
                                        "note",
                                        "later",
                                        "preset",
                                        "source_system",
                                        "amount",
                                        "items",
                                        "big",
                                        "wide",
                                        "weight",
                                        "via",
                                        "day",
                                        "flag",
                                        "extra",
                                        "deep_x"};
    prepare();
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    T_INT_EQ(c.layout->column_count, MR_ARRAY_LEN(names));
    for (size_t i = 0; i < MR_ARRAY_LEN(names); i++)
        T_STR_EQ(c.layout->columns[i].name, names[i]);
    T_STR_EQ(c.layout->columns[7].path, "payload.amount");
    T_STR_EQ(c.layout->pipeline, "test");
    T_STR_EQ(c.layout->database, "db");
    T_STR_EQ(c.layout->detail_table, "events");
    T_STR_EQ(c.layout->quarantine_table, "events_quarantine");
    T_INT_EQ(c.layout->time_column, 0);
    T_INT_EQ(c.layout->key_count, 0);
    T_INT_EQ(c.layout->sequence_column, 2);
    decode_case_close(&c);
}

Test(decode_layout, required_all_the_way_means_not_null)
{
    static const struct {
        uint32_t column;
        bool nullable;
    } cases[] = {{0, false},
                 {1, false},
                 {2, false},
                 {3, true},
                 {4, true},
                 {5, false},
                 {6, true},
                 {7, false},
                 {8, false},
                 {9, true},
                 {16, true}};
    prepare();
    T_INT_EQ(decode_case_compile(&c), MR_OK);
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++)
        T_TRUE_MSG(c.layout->columns[cases[i].column].nullable == cases[i].nullable,
                   "%s",
                   c.layout->columns[cases[i].column].name);
    decode_case_close(&c);
}

Test(decode_layout, the_configuration_renames_and_adds_columns)
{
    static char n1[] = "total", p1[] = "payload.amount", n2[] = "origin", p2[] = "source";
    struct mr_pair pairs[] = {{n1, p1, 7}, {n2, p2, 8}};
    prepare();
    c.config.detail.columns.items = pairs;
    c.config.detail.columns.count = 2;
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    T_STR_EQ(c.layout->columns[7].name, "total");
    T_INT_EQ(c.layout->column_count, 18);
    T_STR_EQ(c.layout->columns[17].name, "origin");
    T_INT_EQ(c.layout->columns[17].type, MR_TYPE_JSON);
    T_TRUE(c.layout->columns[17].nullable);
    decode_case_close(&c);
}

Test(decode_layout, columns_that_cannot_be_are_refused)
{
    static char total[] = "total", amount[] = "payload.amount", other[] = "other",
                wrong[] = "payload.amounts", bad[] = "a b", items[] = "payload.items",
                reserved[] = "_OFFSET", weight[] = "payload.weight", clash[] = "ID",
                big[] = "payload.big", dot[] = "", none[] = "nothing_like_it";
    struct mr_pair pairs[] = {{total, amount, 1},
                              {other, amount, 2},
                              {total, wrong, 3},
                              {bad, items, 4},
                              {reserved, weight, 5},
                              {clash, big, 6},
                              {other, none, 7},
                              {other, dot, 8}};
    prepare();
    c.config.detail.columns.items = pairs;
    c.config.detail.columns.count = MR_ARRAY_LEN(pairs);
    T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
    T_STR_EQ(decode_case_mistakes(&c),
             "detail.columns.other: \"payload.amount\" has two names\n"
             "detail.columns.total: \"payload.amounts\" is no path of the schema\n"
             "detail.columns.other: \"nothing_like_it\" is no path of the schema\n"
             "detail.columns.other: \"\" is no path of the schema\n"
             "event.schema: payload.items: \"a b\" cannot be a column's name: letters, digits and "
             "_, 128 at most\n"
             "event.schema: id and payload.big would share the column \"ID\"\n"
             "event.schema: payload.weight: the column name \"_OFFSET\" is taken\n");
    T_INT_EQ(c.mistakes.items[0].line, 2);
    T_STR_EQ(c.mistakes.items[1].hint, "did you mean payload.amount?");
    T_INT_EQ(c.mistakes.items[1].line, 3);
    decode_case_close(&c);
}

Test(decode_layout, paths_that_end_in_one_name_are_refused)
{
    decode_case_init(&c);
    decode_case_text(&c,
                     "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{\"at\":{\"type\":"
                     "\"string\",\"format\":\"date-time\"},"
                     "\"a_b\":{\"type\":\"string\"},\"a\":{\"type\":\"object\",\"properties\":{"
                     "\"B\":{\"type\":\"string\"}}},"
                     "\"9\":{\"type\":\"string\"}}}");
    expect_mistakes(
        "event.schema: a_b and a.B would share the column \"a_B\"\n"
        "event.schema: 9: \"9\" cannot be a column's name: letters, digits and _, 128 at most\n");
}

Test(decode_layout, the_event_time_must_be_an_instant_that_is_always_there)
{
    static char later[] = "later", preset[] = "preset", id[] = "id", none[] = "occured_at",
                close[] = "ad";
    static const struct {
        char *field;
        const char *mistake;
    } cases[] = {
        {later, "event.time.field: \"later\" may be absent or null; every event needs its time\n"},
        {preset,
         "event.time.field: \"preset\" may be absent or null; every event needs its time\n"},
        {id, "event.time.field: \"id\" is VARCHAR; the event time must be DATETIME\n"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        prepare();
        c.config.event.time_field = cases[i].field;
        expect_mistakes(cases[i].mistake);
    }
    prepare();
    c.config.event.time_field = none;
    T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
    T_TRUE(strstr(decode_case_mistakes(&c), "\"occured_at\" is no field of the schema") != NULL);
    T_STR_EQ(c.mistakes.items[0].hint, "");
    decode_case_close(&c);
    prepare();
    c.config.event.time_field = close;
    T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
    T_STR_EQ(c.mistakes.items[0].hint, "did you mean at?");
    decode_case_close(&c);
}

Test(decode_layout, a_key_is_found_by_name_or_path)
{
    static char id[] = "id", items[] = "payload.items";
    char *keys[] = {id, items, NULL};
    prepare();
    c.config.detail.key = (struct mr_strings){keys, 2};
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    T_INT_EQ(c.layout->key_count, 2);
    T_INT_EQ(c.layout->keys[0], 1);
    T_INT_EQ(c.layout->keys[1], 8);
    decode_case_close(&c);
}

Test(decode_layout, a_key_that_cannot_be_one_is_refused)
{
    static char weight[] = "weight", note[] = "note", id[] = "id", none[] = "idd";
    char *keys[] = {weight, note, id, id, none, NULL};
    prepare();
    c.config.detail.key = (struct mr_strings){keys, 5};
    T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
    char wanted[1024];
    snprintf(wanted,
             sizeof wanted,
             "detail.key: \"weight\" is DOUBLE, which cannot be a key\n"
             "detail.key: \"weight\" may be absent or null, which a key must not be\n"
             "detail.key: \"note\" may be absent or null, which a key must not be\n"
             "detail.key: \"id\" stands there twice\n"
             "detail.key: \"idd\" is no field of the schema %s\n",
             c.path);
    T_STR_EQ(decode_case_mistakes(&c), wanted);
    decode_case_close(&c);
}

Test(decode_layout, a_sequence_that_may_be_null_decides_nothing)
{
    static const char loose[] = "{\"type\":\"object\",\"required\":[\"at\",\"id\"],\"properties\":{"
                                "\"at\":{\"type\":\"string\","
                                "\"format\":\"date-time\"},\"id\":{\"type\":\"string\"},"
                                "\"sequence\":{\"type\":\"integer\"}}}";
    static char id[] = "id";
    char *keys[] = {id, NULL};
    decode_case_init(&c);
    decode_case_text(&c, loose);
    T_INT_EQ(decode_case_compile(&c), MR_OK);
    T_INT_EQ(c.layout->sequence_column, -1);
    decode_case_close(&c);
    decode_case_init(&c);
    decode_case_text(&c, loose);
    c.config.detail.key = (struct mr_strings){keys, 1};
    expect_mistakes(
        "detail.key: \"sequence\" decides between repeats, but may be absent or null\n");
}

Test(decode_layout, topics_and_names_outlive_the_configuration)
{
    static char one[] = "orders", two[] = "returns";
    char *topics[] = {one, two, NULL};
    prepare();
    c.config.kafka.topics = (struct mr_strings){topics, 2};
    T_INT_EQ(decode_case_compile(&c), MR_OK);
    memset(one, '?', sizeof one - 1);
    memset(two, '?', sizeof two - 1);
    T_INT_EQ(c.layout->topic_count, 2);
    T_STR_EQ(c.layout->topics[0], "orders");
    T_STR_EQ(c.layout->topics[1], "returns");
    decode_case_close(&c);
}

Test(decode_layout, the_number_of_columns_has_a_limit)
{
    static char wide_schema[65536];
    size_t used = (size_t)snprintf(wide_schema,
                                   sizeof wide_schema,
                                   "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{"
                                   "\"at\":{\"type\":\"integer\",\"x-time\":\"epoch_ms\"}");
    for (int i = 0; i < MR_MAX_COLUMNS + 5; i++)
        used += (size_t)snprintf(
            wide_schema + used, sizeof wide_schema - used, ",\"c%d\":{\"type\":\"integer\"}", i);
    snprintf(wide_schema + used, sizeof wide_schema - used, "}}");
    decode_case_init(&c);
    decode_case_text(&c, wide_schema);
    expect_mistakes("event.schema: more than 512 columns\n");
}

Test(decode_layout, an_object_takes_no_x_column)
{
    decode_case_init(&c);
    decode_case_text(&c,
                     "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{\"at\":{\"type\":"
                     "\"integer\",\"x-time\":\"epoch_ms\"},"
                     "\"o\":{\"$ref\":\"#/$defs/"
                     "o\",\"x-column\":\"whole\"}},\"$defs\":{\"o\":{\"type\":\"object\","
                     "\"properties\":{\"a\":{\"type\":\"string\"}}}}}");
    T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
    T_TRUE(strstr(decode_case_mistakes(&c), "o: x-column is for fields\n") != NULL);
    decode_case_close(&c);
}

Test(decode_layout, a_field_of_an_object_that_may_be_null_may_be_null)
{
    decode_case_init(&c);
    decode_case_text(&c,
                     "{\"type\":\"object\",\"required\":[\"at\",\"o\"],\"properties\":{\"at\":{"
                     "\"type\":\"integer\",\"x-time\":\"epoch_ms\"},"
                     "\"o\":{\"type\":[\"object\",\"null\"],\"required\":[\"a\",\"b\"],"
                     "\"properties\":{\"a\":{\"type\":\"string\"},"
                     "\"b\":{\"type\":\"string\",\"default\":\"\"}}}}}");
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    T_TRUE(c.layout->columns[1].nullable && !c.layout->columns[2].nullable);
    decode_case_close(&c);
}
