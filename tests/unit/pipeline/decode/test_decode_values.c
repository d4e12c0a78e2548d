/* Values: what each type takes, what it refuses, for which reason and with which words. */
#include "field_case.h"

#include <stdio.h>
#include <string.h>

Test(decode_values, strings_arrive_with_their_escapes_resolved)
{
    static const struct {
        const char *json, *text;
        size_t len;
        bool unsafe;
    } cases[] = {
        {"\"\"", "", 0, false},
        {"\"plain\"", "plain", 5, false},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8, false},
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude9a\"",
         "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x9A",
         10,
         false},
        {"\"a\\u0000b\"", "a\0b", 3, false},
        {"\"\\u0001\"", "\x01", 1, true},
        {"\"x\\u0002y\"", "x\x02y", 3, true},
        {"\"\\u0003\"", "\x03", 1, false},
        {"\"\\\\N\"", "\\N", 2, true},
        {"\"\\\\n\"", "\\n", 2, false},
        {"\"\\\\NN\"", "\\NN", 3, false},
        {"\"\\u005cN\"", "\\N", 2, true},
        {"\"\xF0\x9F\x9A\x9A \xC3\xA9\"", "\xF0\x9F\x9A\x9A \xC3\xA9", 7, false},
        {"\"\x7F\"", "\x7F", 1, false},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        const struct mr_value *value = taken("s", cases[i].json);
        T_TRUE_MSG(mr_slice_equal(value->text, (struct mr_slice){cases[i].text, cases[i].len}),
                   "case %zu",
                   i);
        T_TRUE_MSG(value->csv_unsafe == cases[i].unsafe, "case %zu", i);
        T_TRUE(value->set);
    }
    decode_case_close(&c);
}

Test(decode_values, length_is_counted_in_characters)
{
    open_case();
    taken("s4", "\"\xF0\x9F\x9A\x9A\xF0\x9F\x9A\x9A\xF0\x9F\x9A\x9A\xF0\x9F\x9A\x9A\"");
    taken("s4", "\"\\u00e9\\u00e9\\u00e9\\u00e9\"");
    taken("s4", "\"ab\"");
    taken("s4", "null");
    T_TRUE(!decode_case_value(&c, "s4")->set);
    taken("s1", "\"\xC3\xA9\"");
    taken("e", "\"gr\xC3\xBCn\"");
    taken("e", "\"\\u0072ed\"");
    taken("u", "\"0d7c6d1e-7f0a-5b1c-9f5e-2F0A3B6C9D11\"");
    decode_case_close(&c);
}

Test(decode_values, strings_out_of_the_rules_are_refused)
{
    static const struct refusal cases[] = {
        {"s", "1", "type", "s: 1 is not a string"},
        {"s", "null", "type", "s: null is not allowed"},
        {"s", "{\"a\":1}", "type", "s: {\\\"a\\\":1} is not a string"},
        {"s4", "\"abcde\"", "range", "s4: 5 characters, maxLength is 4"},
        {"s4",
         "\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\"",
         "range",
         "s4: 5 characters, maxLength is 4"},
        {"s4", "\"a\"", "range", "s4: 1 characters, minLength is 2"},
        {"s4", "\"\xF0\x9F\x9A\x9A\"", "range", "s4: 1 characters, minLength is 2"},
        {"s1", "\"\"", "range", "s1: 0 characters, minLength is 1"},
        {"e", "\"blue\"", "range", "e: \"blue\" is not one of the values allowed"},
        {"e", "\"Red\"", "range", "e: \"Red\" is not one of the values allowed"},
        {"u",
         "\"0d7c6d1e-7f0a-5b1c-9f5e-2f0a3b6c9d1\"",
         "format",
         "u: \"0d7c6d1e-7f0a-5b1c-9f5e-2f0a3b6c9d1\" is not a UUID"},
        {"u",
         "\"0d7c6d1e-7f0a-5b1c-9f5e_2f0a3b6c9d11\"",
         "format",
         "u: \"0d7c6d1e-7f0a-5b1c-9f5e_2f0a3b6c9d11\" is not a UUID"},
    };
    expect_refusals(cases, MR_ARRAY_LEN(cases));
}

Test(decode_values, a_string_longer_than_a_varchar_is_refused)
{
    static char text[65536 + 64];
    open_case();
    for (size_t extra = 0; extra < 2; extra++) {
        int used = snprintf(text, sizeof text, "{\"at\":\"2026-02-02T10:00:00Z\",\"s\":\"");
        memset(text + used, 'x', 65533 + extra);
        memcpy(text + used + 65533 + extra, "\"}", 2);
        enum mr_reject reject = decode_case_run(&c, text, (size_t)used + 65533 + extra + 2);
        T_INT_EQ(reject, extra ? MR_REJECT_range : MR_REJECT_NONE);
    }
    T_STR_EQ(c.info.message, "s: 65534 bytes do not fit VARCHAR(65533)");
    decode_case_close(&c);
}

Test(decode_values, integers_are_exact)
{
    static const struct {
        const char *json;
        int64_t i64;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"7", 7},
        {"-1", -1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"999999999999999999", 999999999999999999},
        {"1000000000000000000", 1000000000000000000},
        {"1.0", 1},
        {"1e2", 100},
        {"12.50e1", 125},
        {"-3E0", -3},
        {"100e-2", 1},
        {"0.0e5", 0},
        {"0e999999999999999999999", 0},
        {"9223372036854775807.000", INT64_MAX},
        {"9007199254740993", 9007199254740993},
        {"92233720368547758.07e2", INT64_MAX},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        T_TRUE_MSG(taken("i", cases[i].json)->i64 == cases[i].i64, "%s", cases[i].json);
        char quoted[64];
        snprintf(quoted, sizeof quoted, "\"%s\"", cases[i].json);
        T_TRUE_MSG(taken("is", quoted)->i64 == cases[i].i64, "%s", quoted);
        T_TRUE_MSG(taken("is", cases[i].json)->i64 == cases[i].i64, "%s", cases[i].json);
    }
    taken("is", "\"1\\u0030\"");
    T_INT_EQ(decode_case_value(&c, "is")->i64, 10);
    T_INT_EQ(taken("ic", "2.0")->i64, 2);
    T_TRUE(!taken("ic", "null")->set);
    T_INT_EQ(taken("ib", "-5")->i64, -5);
    T_INT_EQ(taken("ib", "9")->i64, 9);
    decode_case_close(&c);
}

Test(decode_values, what_is_no_integer_is_refused)
{
    static const struct refusal cases[] = {
        {"i", "9223372036854775808", "range", "i: 9223372036854775808 does not fit 64 bits"},
        {"i", "-9223372036854775809", "range", "i: -9223372036854775809 does not fit 64 bits"},
        {"i", "1e19", "range", "i: 1e19 does not fit 64 bits"},
        {"i", "1e400", "range", "i: 1e400 does not fit 64 bits"},
        {"i", "1e99999999999999999999", "range", "i: 1e99999999999999999999 does not fit 64 bits"},
        {"i", "1.5", "type", "i: 1.5 is not an integer"},
        {"i", "1e-1", "type", "i: 1e-1 is not an integer"},
        {"i", "1e-99999999999999999999", "type", "i: 1e-99999999999999999999 is not an integer"},
        {"i",
         "12345678901234567890123456789012345678901.5",
         "type",
         "i: 12345678901234567890123456789012345678901.5 is not an integer"},
        {"i", "\"three\"", "type", "i: \"three\" is not an integer"},
        {"i", "\"3\"", "type", "i: \"3\" is not an integer"},
        {"i", "true", "type", "i: true is not an integer"},
        {"i", "[1]", "type", "i: [1] is not an integer"},
        {"is", "\"\"", "format", "is: \"\" is not a number"},
        {"is", "\" 1\"", "format", "is: \" 1\" is not a number"},
        {"is", "\"01\"", "format", "is: \"01\" is not a number"},
        {"is", "\"+1\"", "format", "is: \"+1\" is not a number"},
        {"is", "\"1.\"", "format", "is: \"1.\" is not a number"},
        {"is", "\".5\"", "format", "is: \".5\" is not a number"},
        {"is", "\"1e\"", "format", "is: \"1e\" is not a number"},
        {"is", "\"0x1\"", "format", "is: \"0x1\" is not a number"},
        {"is", "\"-\"", "format", "is: \"-\" is not a number"},
        {"ib", "-6", "range", "ib: -6 is outside of what the schema allows"},
        {"ic", "3", "range", "ic: 3 is outside of what the schema allows"},
        {"ib", "10", "range", "ib: 10 is outside of what the schema allows"},
    };
    expect_refusals(cases, MR_ARRAY_LEN(cases));
}

Test(decode_values, doubles_are_rounded_once)
{
    static const struct {
        const char *json;
        double f64;
    } cases[] = {
        {"0", 0.0},
        {"-0.0", -0.0},
        {"1", 1.0},
        {"0.1", 0.1},
        {"-1.5e3", -1500.0},
        {"1E22", 1e22},
        {"1e23", 1e23},
        {"9007199254740993", 9007199254740992.0},
        {"29514929935856118e-3", 29514929935856.117},
        {"18446744073709551617", 18446744073709551616.0},
        {"5e-324", 5e-324},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"0.30000000000000004", 0.30000000000000004},
        {"1e-400", 0.0},
        {"17976931348623158079e289", 1.7976931348623157e308},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        const struct mr_value *value = taken("f", cases[i].json);
        T_TRUE_MSG(memcmp(&value->f64, &cases[i].f64, sizeof(double)) == 0,
                   "%s gave %.17g",
                   cases[i].json,
                   value->f64);
        T_TRUE_MSG(mr_slice_equal(value->text, mr_slice_of(cases[i].json)), "%s", cases[i].json);
    }
    taken("fb", "1.5");
    taken("fb", "5e-324");
    decode_case_close(&c);
}

Test(decode_values, what_is_no_double_is_refused)
{
    static const struct refusal cases[] = {
        {"f", "1e400", "range", "f: 1e400 does not fit a double"},
        {"f", "1.7976931348623159e308", "range", "f: 1.7976931348623159e308 does not fit a double"},
        {"f", "-1e309", "range", "f: -1e309 does not fit a double"},
        {"f", "\"1\"", "type", "f: \"1\" is not a number"},
        {"f", "false", "type", "f: false is not a number"},
        {"fb", "0", "range", "fb: 0 is outside of what the schema allows"},
        {"fb", "1.5000001", "range", "fb: 1.5000001 is outside of what the schema allows"},
        {"b", "1", "type", "b: 1 is not a boolean"},
        {"b", "\"true\"", "type", "b: \"true\" is not a boolean"},
        {"b", "null", "type", "b: null is not allowed"},
    };
    expect_refusals(cases, MR_ARRAY_LEN(cases));
}

/* 10^12 of the greatest still make a finite sum. */
Test(decode_values, a_double_that_is_summed_is_refused_before_its_sum_is_infinite)
{
    static char total[] = "total", mean[] = "mean", f[] = "f", fb[] = "fb", table[] = "sums";
    struct mr_measure_spec measures[] = {{.name = total, .op = MR_OP_SUM, .field = f},
                                         {.name = mean, .op = MR_OP_AVG, .field = fb}};
    struct mr_rollup_spec rollup = {
        .table = table, .size_s = 60, .measures = measures, .measure_count = 2};
    const char *refused[] = {"1.0000001e296", "-1e297", "1.7976931348623157e308"};
    decode_case_init(&c);
    decode_case_text(&c, schema);
    c.config.rollups = &rollup;
    c.config.rollup_count = 1;
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    T_TRUE(taken("f", "1e296")->f64 > 0.99e296);
    T_TRUE(taken("f", "-1e296")->f64 < -0.99e296);
    for (size_t i = 0; i < MR_ARRAY_LEN(refused); i++) {
        T_INT_EQ(run("f", refused[i]), MR_REJECT_range);
        T_TRUE_MSG(strstr(c.info.message, "is too large to be summed"), "%s", c.info.message);
    }
    T_TRUE(taken("fb", "1.5")->set);
    T_INT_EQ(run("fb", "1.6"), MR_REJECT_range); /* the schema's own bound stays */
    T_TRUE(strstr(c.info.message, "outside of what the schema allows") != NULL);
    decode_case_close(&c);
    open_case();
    T_TRUE(taken("f", "1e300")->set); /* no rollup sums it */
    decode_case_close(&c);
}

Test(decode_values, the_default_and_the_bounds_of_a_summed_double_must_be_summable)
{
    const char *keywords[] = {"\"default\":1e300", "\"minimum\":1e297"};
    static char total[] = "total", f[] = "f", table[] = "sums";
    struct mr_measure_spec measures[] = {{.name = total, .op = MR_OP_SUM, .field = f}};
    struct mr_rollup_spec rollup = {
        .table = table, .size_s = 60, .measures = measures, .measure_count = 1};
    for (size_t i = 0; i < MR_ARRAY_LEN(keywords); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{"
                 "\"at\":{\"type\":\"string\",\"format\":\"date-time\"},"
                 "\"f\":{\"type\":\"number\",%s}}}", keywords[i]);
        decode_case_init(&c);
        decode_case_text(&c, text);
        c.config.rollups = &rollup;
        c.config.rollup_count = 1;
        T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
        T_TRUE_MSG(strstr(decode_case_mistakes(&c), "sum(f): the default or the bounds of f are "
                                                    "too large to be summed") != NULL,
                   "%s", decode_case_mistakes(&c));
        decode_case_close(&c);
    }
}

Test(decode_values, booleans_arrive)
{
    open_case();
    T_INT_EQ(taken("b", "true")->i64, 1);
    T_INT_EQ(taken("b", "false")->i64, 0);
    decode_case_close(&c);
}

Test(decode_values, objects_and_arrays_arrive_as_they_stand)
{
    static const char *const cases[] = {
        "{}", "[]", "[ 1 , {\"a\" : \"\\u0001\\\\N\"} ]", "{\"a\":{\"b\":[[],{}]}}"};
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        const struct mr_value *value = taken("j", cases[i]);
        T_TRUE_MSG(mr_slice_equal(value->text, mr_slice_of(cases[i])), "%s", cases[i]);
        T_TRUE(value->set && !value->csv_unsafe);
    }
    T_TRUE(!taken("j", "null")->set);
    decode_case_close(&c);
    static const struct refusal refusals[] = {
        {"j", "1", "type", "j: 1 is no object and no array"},
        {"j", "\"{}\"", "type", "j: \"{}\" is no object and no array"},
        {"jo", "[]", "type", "jo: [] is not an object"},
        {"ja", "{}", "type", "ja: {} is not an array"},
        {"jo", "null", "type", "jo: null is not allowed"},
    };
    expect_refusals(refusals, MR_ARRAY_LEN(refusals));
}

Test(decode_values, a_long_value_is_cut_in_the_message)
{
    char value[600];
    memset(value, 'x', sizeof value);
    value[0] = value[sizeof value - 2] = '"';
    value[sizeof value - 1] = '\0';
    open_case();
    T_INT_EQ(run("i", value), MR_REJECT_type);
    T_TRUE(strlen(c.info.message) < sizeof c.info.message);
    T_TRUE(strstr(c.info.message, "xxx...\" is not an integer") != NULL);
    decode_case_close(&c);
}
