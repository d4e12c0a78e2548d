/* Rollups: what is made of the configuration, and all that does not fit the schema. */
#include "layout_case.h"

#include <stdio.h>

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

Test(decode_rollups, rollups_are_resolved_to_columns)
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

Test(decode_rollups, an_event_whose_window_would_begin_before_the_calendar_is_refused)
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

Test(decode_rollups, measures_that_could_be_wrong_are_refused)
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

Test(decode_rollups, dimensions_that_cannot_be_keys_are_refused)
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

Test(decode_rollups, columns_of_a_rollup_have_different_names)
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

Test(decode_rollups, keys_dimensions_measures_and_rollups_have_limits)
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
