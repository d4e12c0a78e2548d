/* Values: what each type takes, what it refuses, for which reason and with which words. */
#include "decode_case.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{"
    "\"at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"s\":{\"type\":\"string\"},"
    "\"s4\":{\"type\":[\"string\",\"null\"],\"minLength\":2,\"maxLength\":4},"
    "\"s1\":{\"type\":\"string\",\"minLength\":1},"
    "\"e\":{\"type\":\"string\",\"enum\":[\"red\",\"green\",\"gr\\u00fcn\"]},"
    "\"u\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"i\":{\"type\":\"integer\"},"
    "\"is\":{\"type\":[\"integer\",\"string\"]},"
    "\"ic\":{\"type\":[\"integer\",\"null\"],\"const\":2,\"default\":null},"
    "\"ib\":{\"type\":\"integer\",\"minimum\":-5,\"exclusiveMaximum\":10},"
    "\"f\":{\"type\":\"number\"},"
    "\"fb\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1.5},"
    "\"b\":{\"type\":\"boolean\"},"
    "\"d\":{\"type\":\"string\",\"x-decimal\":[18,2]},"
    "\"d0\":{\"type\":\"number\",\"x-decimal\":[2,2]},"
    "\"d38\":{\"type\":[\"string\",\"number\"],\"x-decimal\":[38,10]},"
    "\"db\":{\"type\":\"string\",\"x-decimal\":[10,2],\"minimum\":0.01,\"maximum\":100},"
    "\"t\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"ms\":{\"type\":\"integer\",\"x-time\":\"epoch_ms\"},"
    "\"day\":{\"type\":\"string\",\"format\":\"date\"},"
    "\"j\":{\"type\":[\"object\",\"array\",\"null\"]},"
    "\"jo\":{\"type\":\"object\"},"
    "\"ja\":{\"type\":\"array\"}}}";

static struct decode_case c;

static void
open_case(void)
{
    decode_case_init(&c);
    decode_case_text(&c, schema);
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
}

/* Decodes {"at":…,"<field>":<value>}. */
static enum mr_reject
run(const char *field, const char *value)
{
    char text[4096];
    int len = snprintf(text, sizeof text, "{\"at\":\"2026-02-02T10:00:00Z\",\"%s\":%s}", field, value);
    T_TRUE(len > 0 && (size_t)len < sizeof text);
    return decode_case_run(&c, text, (size_t)len);
}

static const struct mr_value *
taken(const char *field, const char *value)
{
    enum mr_reject reject = run(field, value);
    T_TRUE_MSG(reject == MR_REJECT_NONE, "%s = %s: %s", field, value, c.info.message);
    return decode_case_value(&c, field);
}

struct refusal {
    const char *field, *value, *reason, *message;
};

static void
expect_refusals(const struct refusal *cases, size_t count)
{
    open_case();
    for (size_t i = 0; i < count; i++) {
        enum mr_reject reject = run(cases[i].field, cases[i].value);
        T_TRUE_MSG(reject != MR_REJECT_NONE, "%s = %s was taken", cases[i].field, cases[i].value);
        T_STR_EQ(mr_reject_name(reject), cases[i].reason);
        T_INT_EQ(c.info.reason, reject);
        T_STR_EQ(c.info.message, cases[i].message);
    }
    decode_case_close(&c);
}

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
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude9a\"", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x9A", 10, false},
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
                   "case %zu", i);
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
        {"s4", "\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\"", "range", "s4: 5 characters, maxLength is 4"},
        {"s4", "\"a\"", "range", "s4: 1 characters, minLength is 2"},
        {"s4", "\"\xF0\x9F\x9A\x9A\"", "range", "s4: 1 characters, minLength is 2"},
        {"s1", "\"\"", "range", "s1: 0 characters, minLength is 1"},
        {"e", "\"blue\"", "range", "e: \"blue\" is not one of the values allowed"},
        {"e", "\"Red\"", "range", "e: \"Red\" is not one of the values allowed"},
        {"u", "\"0d7c6d1e-7f0a-5b1c-9f5e-2f0a3b6c9d1\"", "format",
         "u: \"0d7c6d1e-7f0a-5b1c-9f5e-2f0a3b6c9d1\" is not a UUID"},
        {"u", "\"0d7c6d1e-7f0a-5b1c-9f5e_2f0a3b6c9d11\"", "format",
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
        {"0", 0}, {"-0", 0}, {"7", 7}, {"-1", -1},
        {"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN},
        {"999999999999999999", 999999999999999999}, {"1000000000000000000", 1000000000000000000},
        {"1.0", 1}, {"1e2", 100}, {"12.50e1", 125}, {"-3E0", -3}, {"100e-2", 1}, {"0.0e5", 0},
        {"0e999999999999999999999", 0}, {"9223372036854775807.000", INT64_MAX},
        {"9007199254740993", 9007199254740993}, {"92233720368547758.07e2", INT64_MAX},
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
        {"i", "12345678901234567890123456789012345678901.5", "type",
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
        {"0", 0.0}, {"-0.0", -0.0}, {"1", 1.0}, {"0.1", 0.1}, {"-1.5e3", -1500.0}, {"1E22", 1e22},
        {"1e23", 1e23}, {"9007199254740993", 9007199254740992.0}, {"5e-324", 5e-324},
        {"1.7976931348623157e308", 1.7976931348623157e308}, {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"0.30000000000000004", 0.30000000000000004}, {"1e-400", 0.0},
        {"17976931348623158079e289", 1.7976931348623157e308},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        const struct mr_value *value = taken("f", cases[i].json);
        T_TRUE_MSG(memcmp(&value->f64, &cases[i].f64, sizeof(double)) == 0, "%s gave %.17g",
                   cases[i].json, value->f64);
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

Test(decode_values, booleans_arrive)
{
    open_case();
    T_INT_EQ(taken("b", "true")->i64, 1);
    T_INT_EQ(taken("b", "false")->i64, 0);
    decode_case_close(&c);
}

/* v as decimal digits, for comparison. */
static const char *
dec_text(__int128 v)
{
    static char text[48];
    char *p = text + sizeof text - 1;
    bool negative = v < 0;
    *p = '\0';
    do {
        int digit = (int)(v % 10);
        *--p = (char)('0' + (digit < 0 ? -digit : digit));
        v /= 10;
    } while (v != 0);
    if (negative)
        *--p = '-';
    return p;
}

Test(decode_values, decimals_are_exact_from_strings_and_numbers)
{
    static const struct {
        const char *field, *number, *scaled;
    } cases[] = {
        {"d", "0", "0"}, {"d", "-0.00", "0"}, {"d", "12.5", "1250"}, {"d", "-12.50", "-1250"},
        {"d", "12.500000", "1250"}, {"d", "1e3", "100000"}, {"d", "125e-1", "1250"},
        {"d", "0.01", "1"}, {"d", "9999999999999999.99", "999999999999999999"},
        {"d", "-9999999999999999.99", "-999999999999999999"}, {"d", "0.1e1", "100"},
        {"d", "10.10", "1010"}, {"d", "1.00e-0", "100"}, {"d", "10000000000000000e-1", "100000000000000000"},
        {"d0", "0.99", "99"}, {"d0", "-0.01", "-1"}, {"d0", "0", "0"}, {"d0", "99e-2", "99"},
        {"d38", "1234567890123456789012345678.0123456789", "12345678901234567890123456780123456789"},
        {"d38", "9999999999999999999999999999.9999999999", "99999999999999999999999999999999999999"},
        {"d38", "-9999999999999999999999999999.9999999999", "-99999999999999999999999999999999999999"},
        {"d38", "1e27", "10000000000000000000000000000000000000"}, {"d38", "1e-10", "1"},
        {"d38", "0.0000000001000000000000000000000000000000000000000", "1"},
        {"d38", "100000000000000000000000000000000000000000e-20", "10000000000000000000000000000000"},
        {"db", "0.01", "1"}, {"db", "100", "10000"},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        char quoted[128];
        snprintf(quoted, sizeof quoted, "\"%s\"", cases[i].number);
        T_STR_EQ(dec_text(taken(cases[i].field, cases[i].number)->dec), cases[i].scaled);
        T_STR_EQ(dec_text(taken(cases[i].field, quoted)->dec), cases[i].scaled);
    }
    decode_case_close(&c);
}

Test(decode_values, decimals_that_would_lose_digits_are_refused)
{
    static const struct refusal cases[] = {
        {"d", "\"1.999\"", "range", "d: \"1.999\" has more than 2 digits after the point"},
        {"d", "1.001", "range", "d: 1.001 has more than 2 digits after the point"},
        {"d", "1e-3", "range", "d: 1e-3 has more than 2 digits after the point"},
        {"d", "1e-9999999999999999999", "range",
         "d: 1e-9999999999999999999 has more than 2 digits after the point"},
        {"d", "\"10000000000000000\"", "range", "d: \"10000000000000000\" does not fit DECIMAL(18,2)"},
        {"d", "100000000000000000e-1", "range", "d: 100000000000000000e-1 does not fit DECIMAL(18,2)"},
        {"d", "1e400", "range", "d: 1e400 does not fit DECIMAL(18,2)"},
        {"d", "\"1000000000000000000000000000000.00\"", "range",
         "d: \"1000000000000000000000000000000.00\" does not fit DECIMAL(18,2)"},
        {"d0", "1", "range", "d0: 1 does not fit DECIMAL(2,2)"},
        {"d0", "1.00", "range", "d0: 1.00 does not fit DECIMAL(2,2)"},
        {"d38", "1e28", "range", "d38: 1e28 does not fit DECIMAL(38,10)"},
        {"d38", "1e-11", "range", "d38: 1e-11 has more than 10 digits after the point"},
        {"d", "\"eleven\"", "format", "d: \"eleven\" is not a number"},
        {"d", "\"\"", "format", "d: \"\" is not a number"},
        {"d", "\"1,5\"", "format", "d: \"1,5\" is not a number"},
        {"d", "\"1.5 \"", "format", "d: \"1.5 \" is not a number"},
        {"d", "\"1.5.5\"", "format", "d: \"1.5.5\" is not a number"},
        {"d", "\"00.5\"", "format", "d: \"00.5\" is not a number"},
        {"d", "\"-.5\"", "format", "d: \"-.5\" is not a number"},
        {"d", "\"NaN\"", "format", "d: \"NaN\" is not a number"},
        {"d", "\"1\\u0000\"", "format", "d: \"1\\\\u0000\" is not a number"},
        {"d", "true", "type", "d: true is not a decimal"},
        {"d", "[]", "type", "d: [] is not a decimal"},
        {"db", "\"0\"", "range", "db: \"0\" is outside of what the schema allows"},
        {"db", "\"100.01\"", "range", "db: \"100.01\" is outside of what the schema allows"},
    };
    expect_refusals(cases, MR_ARRAY_LEN(cases));
}

Test(decode_values, times_are_normalised_to_utc)
{
    static const struct {
        const char *json;
        int64_t us;
    } cases[] = {
        {"\"1970-01-01T00:00:00Z\"", 0},
        {"\"2026-02-02T10:15:30.120Z\"", 1770027330120000},
        {"\"2026-02-02t10:15:30.120z\"", 1770027330120000},
        {"\"2026-02-02T11:15:30.12+01:00\"", 1770027330120000},
        {"\"2026-02-01T23:45:30.12-10:30\"", 1770027330120000},
        {"\"2026-02-02T10:15:30.12-00:00\"", 1770027330120000},
        {"\"2026-02-02T10:15:30Z\"", 1770027330000000},
        {"\"2026-02-02T10:15:30.1234567Z\"", 1770027330123456},
        {"\"2026-02-02T10:15:30.999999999Z\"", 1770027330999999},
        {"\"1969-12-31T23:59:59.999999Z\"", -1},
        {"\"2024-02-29T00:00:00Z\"", 1709164800000000},
        {"\"2000-02-29T00:00:00Z\"", 951782400000000},
        {"\"0000-01-01T00:00:00Z\"", -62167219200000000},
        {"\"9999-12-31T23:59:59.999999Z\"", 253402300799999999},
        {"\"2026-02-02T10:15:3\\u0030Z\"", 1770027330000000},
        {"1770027330120", 1770027330120000}, {"0", 0}, {"-1", -1000}, {"1.77002733012e12", 1770027330120000},
        {"253402300799999", 253402300799999000}, {"-62167219200000", -62167219200000000},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++)
        T_TRUE_MSG(taken("t", cases[i].json)->i64 == cases[i].us, "%s gave %lld", cases[i].json,
                   (long long)decode_case_value(&c, "t")->i64);
    T_INT_EQ(taken("ms", "1770027330120")->i64, 1770027330120000);
    decode_case_close(&c);
}

Test(decode_values, times_that_do_not_exist_or_lack_a_zone_are_refused)
{
    static const struct refusal cases[] = {
        {"t", "\"2026-02-02T10:15:30.120\"", "format", "t: \"2026-02-02T10:15:30.120\" has no zone (Z or +hh:mm)"},
        {"t", "\"2026-02-02T10:15:30\"", "format", "t: \"2026-02-02T10:15:30\" has no zone (Z or +hh:mm)"},
        {"t", "\"2026-02-30T10:15:30Z\"", "format", "t: \"2026-02-30T10:15:30Z\" names a day that does not exist"},
        {"t", "\"2025-02-29T10:15:30Z\"", "format", "t: \"2025-02-29T10:15:30Z\" names a day that does not exist"},
        {"t", "\"1900-02-29T10:15:30Z\"", "format", "t: \"1900-02-29T10:15:30Z\" names a day that does not exist"},
        {"t", "\"2026-13-01T10:15:30Z\"", "format", "t: \"2026-13-01T10:15:30Z\" names a day that does not exist"},
        {"t", "\"2026-00-01T10:15:30Z\"", "format", "t: \"2026-00-01T10:15:30Z\" names a day that does not exist"},
        {"t", "\"2026-04-31T10:15:30Z\"", "format", "t: \"2026-04-31T10:15:30Z\" names a day that does not exist"},
        {"t", "\"2026-01-00T10:15:30Z\"", "format", "t: \"2026-01-00T10:15:30Z\" names a day that does not exist"},
        {"t", "\"2026-02-02T24:00:00Z\"", "format", "t: \"2026-02-02T24:00:00Z\" names a time of day that does not exist"},
        {"t", "\"2026-02-02T10:60:00Z\"", "format", "t: \"2026-02-02T10:60:00Z\" names a time of day that does not exist"},
        {"t", "\"2016-12-31T23:59:60Z\"", "format", "t: \"2016-12-31T23:59:60Z\" names a time of day that does not exist"},
        {"t", "\"2026-02-02T10:15:30+24:00\"", "format", "t: \"2026-02-02T10:15:30+24:00\" has a zone that does not exist"},
        {"t", "\"2026-02-02T10:15:30+0100\"", "format", "t: \"2026-02-02T10:15:30+0100\" is not an RFC 3339 time"},
        {"t", "\"2026-02-02T10:15:30.Z\"", "format", "t: \"2026-02-02T10:15:30.Z\" is not an RFC 3339 time"},
        {"t", "\"2026-02-02T10:15:30ZZ\"", "format", "t: \"2026-02-02T10:15:30ZZ\" is not an RFC 3339 time"},
        {"t", "\"2026-02-02 10:15:30Z\"", "format", "t: \"2026-02-02 10:15:30Z\" is not an RFC 3339 time"},
        {"t", "\"2026-02-02T10.15:30Z\"", "format", "t: \"2026-02-02T10.15:30Z\" is not an RFC 3339 time"},
        {"t", "\"2026-02-02T1a:15:30Z\"", "format", "t: \"2026-02-02T1a:15:30Z\" is not an RFC 3339 time"},
        {"t", "\"2026-02-02T10:15:3\xC3\xA9Z\"", "format", "t: \"2026-02-02T10:15:3\\xC3\\xA9Z\" is not an RFC 3339 time"},
        {"t", "\"2026/02/02T10:15:30Z\"", "format", "t: \"2026/02/02T10:15:30Z\" is not a date (YYYY-MM-DD)"},
        {"t", "\"yesterday\"", "format", "t: \"yesterday\" is not an RFC 3339 time"},
        {"t", "\"\"", "format", "t: \"\" is not an RFC 3339 time"},
        {"t", "\"0000-01-01T00:00:00+00:01\"", "range", "t: \"0000-01-01T00:00:00+00:01\" is outside of the years 0000 to 9999 UTC"},
        {"t", "\"9999-12-31T23:59:59-00:01\"", "range", "t: \"9999-12-31T23:59:59-00:01\" is outside of the years 0000 to 9999 UTC"},
        {"t", "253402300800000", "range", "t: 253402300800000 is outside of the years 0000 to 9999 UTC"},
        {"t", "9223372036854775807", "range", "t: 9223372036854775807 is outside of the years 0000 to 9999 UTC"},
        {"t", "-9223372036854775808", "range", "t: -9223372036854775808 is outside of the years 0000 to 9999 UTC"},
        {"t", "1.5", "type", "t: 1.5 is not an integer"},
        {"t", "true", "type", "t: true is not a time"},
        {"ms", "\"1770027330120\"", "type", "ms: \"1770027330120\" is not an integer of milliseconds"},
        {"day", "\"2026-02-30\"", "format", "day: \"2026-02-30\" names a day that does not exist"},
        {"day", "\"2026-2-3\"", "format", "day: \"2026-2-3\" is not a date (YYYY-MM-DD)"},
        {"day", "\"2026-02-03T00:00:00Z\"", "format", "day: \"2026-02-03T00:00:00Z\" is not a date (YYYY-MM-DD)"},
        {"day", "20260203", "type", "day: 20260203 is not a date"},
    };
    expect_refusals(cases, MR_ARRAY_LEN(cases));
}

Test(decode_values, dates_arrive_as_days)
{
    static const struct {
        const char *json;
        int64_t days;
    } cases[] = {{"\"1970-01-01\"", 0}, {"\"1969-12-31\"", -1}, {"\"2026-02-28\"", 20512},
                 {"\"1600-02-29\"", -135081}, {"\"0000-01-01\"", -719528}, {"\"9999-12-31\"", 2932896}};
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++)
        T_INT_EQ(taken("day", cases[i].json)->i64, cases[i].days);
    decode_case_close(&c);
}

Test(decode_values, objects_and_arrays_arrive_as_they_stand)
{
    static const char *const cases[] = {"{}", "[]", "[ 1 , {\"a\" : \"\\u0001\\\\N\"} ]",
                                        "{\"a\":{\"b\":[[],{}]}}"};
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

Test(decode_values, an_event_time_ahead_of_the_clock_is_refused)
{
    static const char at_limit[] = "{\"at\":\"2026-02-02T12:01:00Z\"}",
                      beyond[] = "{\"at\":\"2026-02-02T12:01:00.001Z\"}",
                      century[] = "{\"at\":\"2999-01-01T00:00:00Z\"}";
    open_case();
    T_INT_EQ(decode_case_run(&c, at_limit, strlen(at_limit)), MR_REJECT_NONE);
    T_INT_EQ(c.event.time_us, c.now_us + 60000000);
    T_INT_EQ(decode_case_run(&c, beyond, strlen(beyond)), MR_REJECT_clock);
    T_STR_EQ(c.info.message, "at: 60001 ms ahead of the clock, event.time.max_future is 60000 ms");
    T_INT_EQ(decode_case_run(&c, century, strlen(century)), MR_REJECT_clock);
    decode_case_close(&c);
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
