/* Columns, their names and parts, and rollups: what is made of the configuration, and all that does
 * not fit the schema. */
#include "decode_case.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static struct decode_case c;

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"at\",\"id\",\"payload\",\"sequence\"],\"properties\":{"
    "\"at\":{\"type\":\"string\",\"format\":\"date-time\"},\"id\":{\"type\":\"string\","
    "\"maxLength\":32},"
    "\"sequence\":{\"type\":\"integer\"},\"note\":{\"type\":[\"string\",\"null\"]},"
    "\"later\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"preset\":{\"type\":\"string\",\"format\":\"date-time\",\"default\":\"2020-01-01T00:00:00Z\"}"
    ","
    "\"source\":{\"type\":\"object\",\"properties\":{\"system\":{\"type\":\"string\"}}},"
    "\"payload\":{\"type\":\"object\",\"required\":[\"amount\",\"items\"],\"properties\":{"
    "\"amount\":{\"type\":\"string\",\"x-decimal\":[18,2]},\"items\":{\"type\":\"integer\"},"
    "\"big\":{\"type\":\"string\",\"x-decimal\":[27,2]},\"wide\":{\"type\":\"string\",\"x-"
    "decimal\":[19,2]},"
    "\"weight\":{\"type\":\"number\"},\"channel\":{\"type\":\"string\",\"x-column\":\"via\"},"
    "\"day\":{\"type\":\"string\",\"format\":\"date\"},\"flag\":{\"type\":\"boolean\"},\"extra\":{"
    "\"type\":\"object\"},"
    "\"deep\":{\"type\":\"object\",\"required\":[\"x\"],\"properties\":{\"x\":{\"type\":"
    "\"integer\"}}}}}}}";

static void
prepare(void)
{
    decode_case_init(&c);
    decode_case_text(&c, schema);
}

static void
expect_mistakes(const char *wanted)
{
    T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
    T_STR_EQ(decode_case_mistakes(&c), wanted);
    decode_case_close(&c);
}

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

static struct mr_measure_spec
measure(char *name, enum mr_op op, char *field)
{
    return (struct mr_measure_spec){.name = name, .op = op, .field = field, .line = 20};
}

static char orders[] = "orders_1m", via[] = "via", path_day[] = "payload.day", m1[] = "m1",
            m2[] = "m2", m3[] = "m3", m4[] = "m4", m5[] = "m5", amount[] = "amount",
            items[] = "payload.items", note[] = "note", weight[] = "weight", at[] = "at",
            day[] = "day", big[] = "big", wide[] = "wide", flag[] = "flag", extra[] = "extra",
            wrong[] = "amunt";

Test(decode_layout, rollups_are_resolved_to_columns)
{
    char *dims[] = {via, path_day, NULL};
    struct mr_measure_spec measures[] = {measure(m1, MR_OP_COUNT_ALL, NULL),
                                         measure(m2, MR_OP_SUM, amount),
                                         measure(m3, MR_OP_AVG, items),
                                         measure(m4, MR_OP_MAX, at),
                                         measure(m5, MR_OP_COUNT, note)};
    struct mr_rollup_spec rollup = {.table = orders,
                                    .size_s = 60,
                                    .offset_s = 15,
                                    .by = {dims, 2},
                                    .measures = measures,
                                    .measure_count = 5,
                                    .max_keys = 1000,
                                    .line = 10};
    prepare();
    c.config.rollups = &rollup;
    c.config.rollup_count = 1;
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    T_INT_EQ(c.layout->rollup_count, 1);
    const struct mr_rollup *made = &c.layout->rollups[0];
    T_STR_EQ(made->table, "orders_1m");
    T_TRUE(made->size_us == 60000000 && made->offset_us == 15000000 && made->max_keys == 1000);
    T_TRUE(made->dim_count == 2 && made->dims[0] == 12 && made->dims[1] == 13);
    T_INT_EQ(made->measure_count, 5);
    T_TRUE(made->measures[0].op == MR_OP_COUNT_ALL && made->measures[0].column == -1 &&
           !made->measures[0].nullable);
    T_TRUE(made->measures[1].type == MR_TYPE_DECIMAL && made->measures[1].precision == 18 &&
           made->measures[1].scale == 2);
    T_TRUE(made->measures[1].column == 7 && !made->measures[1].nullable);
    T_TRUE(made->measures[2].type == MR_TYPE_INT64 && made->measures[2].op == MR_OP_AVG);
    T_TRUE(made->measures[3].type == MR_TYPE_TIMESTAMP && made->measures[3].column == 0);
    T_TRUE(made->measures[4].type == MR_TYPE_INT64 && made->measures[4].column == 3 &&
           !made->measures[4].nullable);
    decode_case_close(&c);
}

Test(decode_layout, an_event_whose_window_would_begin_before_the_calendar_is_refused)
{
    struct mr_measure_spec count = measure(m1, MR_OP_COUNT_ALL, NULL);
    struct mr_rollup_spec rollups[] = {
        {.table = orders, .size_s = 60, .measures = &count, .measure_count = 1, .max_keys = 1000},
        {.table = extra,
         .size_s = 7 * 86400,
         .measures = &count,
         .measure_count = 1,
         .max_keys = 1000},
    };
    static const struct {
        const char *at;
        bool taken;
    } cases[] = {{"0001-01-01T00:00:00Z", false},
                 {"0001-01-03T23:59:59.999999Z", false},
                 {"0001-01-04T00:00:00Z", true}, /* a Thursday, like the epoch */
                 {"0001-01-05T00:00:00Z", true}};
    decode_case_init(&c);
    decode_case_text(&c,
                     "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{"
                     "\"at\":{\"type\":\"string\",\"format\":\"date-time\"}}}");
    c.config.rollups = rollups;
    c.config.rollup_count = 2;
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        char text[64];
        int len = snprintf(text, sizeof text, "{\"at\":\"%s\"}", cases[i].at);
        enum mr_reject reject = decode_case_run(&c, text, (size_t)len);
        T_TRUE_MSG((reject == MR_REJECT_NONE) == cases[i].taken, "%s", cases[i].at);
        if (!cases[i].taken)
            T_STR_EQ(c.info.message, "at: its window would begin before the year 0001");
    }
    decode_case_close(&c);
}

Test(decode_layout, measures_that_could_be_wrong_are_refused)
{
    static const struct {
        enum mr_op op;
        char *field;
        const char *mistake; /* NULL: allowed */
    } cases[] = {
        {MR_OP_SUM, amount, NULL},
        {MR_OP_SUM, weight, NULL},
        {MR_OP_AVG, wide, NULL},
        {MR_OP_MIN, amount, NULL},
        {MR_OP_MIN, weight, NULL},
        {MR_OP_MAX, day, NULL},
        {MR_OP_MAX, items, NULL},
        {MR_OP_COUNT, extra, NULL},
        {MR_OP_SUM,
         big,
         "sum(big): payload.big is DECIMAL; a sum over more than 26 digits could overflow "
         "DECIMAL(38)"},
        {MR_OP_AVG,
         big,
         "avg(big): payload.big is DECIMAL; a sum over more than 26 digits could overflow "
         "DECIMAL(38)"},
        {MR_OP_SUM,
         note,
         "sum(note): note is VARCHAR; only integers, numbers and decimals can be summed"},
        {MR_OP_AVG,
         at,
         "avg(at): at is DATETIME; only integers, numbers and decimals can be summed"},
        {MR_OP_MIN,
         wide,
         "min(wide): payload.wide is DECIMAL; min and max need a decimal of at most 18 digits"},
        {MR_OP_MAX,
         note,
         "max(note): note is VARCHAR; only numbers, decimals, times and dates have a min and max "
         "here"},
        {MR_OP_MAX,
         flag,
         "max(flag): payload.flag is BOOLEAN; only numbers, decimals, times and dates have a min "
         "and max here"},
        {MR_OP_MIN,
         extra,
         "min(extra): payload.extra is JSON; only numbers, decimals, times and dates have a min "
         "and max here"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct mr_measure_spec spec = measure(m1, cases[i].op, cases[i].field);
        struct mr_rollup_spec rollup = {
            .table = orders, .size_s = 60, .measures = &spec, .measure_count = 1};
        char wanted[512];
        prepare();
        c.config.rollups = &rollup;
        c.config.rollup_count = 1;
        T_INT_EQ(decode_case_compile(&c), cases[i].mistake ? MR_CONFIG : MR_OK);
        snprintf(wanted,
                 sizeof wanted,
                 "rollups.orders_1m.measures.m1: %s\n",
                 cases[i].mistake ? cases[i].mistake : "");
        if (cases[i].mistake) {
            T_STR_EQ(decode_case_mistakes(&c), wanted);
            T_INT_EQ(c.mistakes.items[0].line, 20);
        }
        decode_case_close(&c);
    }
}

Test(decode_layout, dimensions_that_cannot_be_keys_are_refused)
{
    char *dims[] = {weight, extra, wrong, NULL};
    struct mr_rollup_spec rollup = {.table = orders, .size_s = 60, .by = {dims, 3}, .line = 10};
    char wanted[512];
    prepare();
    c.config.rollups = &rollup;
    c.config.rollup_count = 1;
    T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
    snprintf(wanted,
             sizeof wanted,
             "rollups.orders_1m.by: \"weight\" is DOUBLE, which cannot be a dimension\n"
             "rollups.orders_1m.by: \"extra\" is JSON, which cannot be a dimension\n"
             "rollups.orders_1m.by: \"amunt\" is no field of the schema %s\n",
             c.path);
    T_STR_EQ(decode_case_mistakes(&c), wanted);
    T_STR_EQ(c.mistakes.items[2].hint, "did you mean amount?");
    T_INT_EQ(c.mistakes.items[2].line, 10);
    decode_case_close(&c);
}

Test(decode_layout, columns_of_a_rollup_have_different_names)
{
    static char window[] = "Window_Start", via_upper[] = "VIA", sum[] = "m3_sum";
    char *dims[] = {via, NULL};
    struct mr_measure_spec measures[] = {measure(window, MR_OP_COUNT_ALL, NULL),
                                         measure(via_upper, MR_OP_SUM, amount),
                                         measure(m3, MR_OP_AVG, items),
                                         measure(sum, MR_OP_SUM, items)};
    struct mr_rollup_spec rollup = {
        .table = orders, .size_s = 60, .by = {dims, 1}, .measures = measures, .measure_count = 4};
    prepare();
    c.config.rollups = &rollup;
    c.config.rollup_count = 1;
    expect_mistakes("rollups: orders_1m: two columns would be called \"Window_Start\"\n"
                    "rollups: orders_1m: two columns would be called \"VIA\"\n"
                    "rollups: orders_1m: two columns would be called \"m3_sum\"\n");
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

Test(decode_layout, keys_dimensions_measures_and_rollups_have_limits)
{
    static struct mr_measure_spec measures[MR_MAX_MEASURES + 1];
    static struct mr_rollup_spec rollups[MR_MAX_ROLLUPS + 1];
    char *many[MR_MAX_DIMS + 2] = {NULL};
    for (size_t i = 0; i <= MR_MAX_DIMS; i++)
        many[i] = via;
    for (size_t i = 0; i <= MR_MAX_ROLLUPS; i++)
        rollups[i] = (struct mr_rollup_spec){.table = orders, .size_s = 60};
    prepare();
    c.config.detail.key = (struct mr_strings){many, MR_MAX_DIMS + 1};
    expect_mistakes("detail.key: more than 32 columns\n");
    prepare();
    c.config.rollups = rollups;
    c.config.rollup_count = MR_MAX_ROLLUPS + 1;
    expect_mistakes("rollups: more than 32\n");
    rollups[0].by = (struct mr_strings){many, MR_MAX_DIMS + 1};
    rollups[1].measures = measures;
    rollups[1].measure_count = MR_MAX_MEASURES + 1;
    prepare();
    c.config.rollups = rollups;
    c.config.rollup_count = 2;
    expect_mistakes("rollups: orders_1m: more than 32 dimensions or 64 measures\n"
                    "rollups: orders_1m: more than 32 dimensions or 64 measures\n");
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
