/* The scanner's judgement of whole documents, in every place where a value can stand, on every
 * kernel, and with learned key orders. */
#include "decode_case.h"
#include "json_cases.h"
#include "test.h"

#include "pipeline/decode/decode_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{"
    "\"at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"note\":{\"type\":\"string\"},\"j\":{\"type\":[\"object\",\"array\",\"null\"]},"
    "\"o\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}}}";

#define AT "\"at\":\"2026-02-02T10:00:00Z\""

/* Where a value can stand: beside the described fields, in a described object, in a JSON column,
 * deep inside something unknown; first, in the middle, last. */
static const struct {
    const char *before, *after;
} places[] = {
    {"{" AT ",\"x\":", "}"},
    {"{\"x\":", "," AT "}"},
    {"{" AT ",\"o\":{\"n\":1,\"x\":", "}}"},
    {"{" AT ",\"o\":{\"x\":", ",\"n\":1},\"note\":\"\"}"},
    {"{" AT ",\"j\":[", "]}"},
    {"{" AT ",\"j\":{\"k\":[1,", ",2]}}"},
    {" \n\t\r{ " AT " , \"x\" : [ { \"k\" : ", " } ] } \n"},
};

static struct decode_case c;

static void
open_case(void)
{
    decode_case_init(&c);
    decode_case_text(&c, schema);
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
}

static enum mr_reject
run_in_place(size_t place, const struct json_value_case *value)
{
    char text[4096];
    size_t used = strlen(places[place].before), after = strlen(places[place].after);
    T_TRUE(used + value->len + after < sizeof text);
    memcpy(text, places[place].before, used);
    memcpy(text + used, value->bytes, value->len);
    memcpy(text + used + value->len, places[place].after, after);
    return decode_case_run(&c, text, used + value->len + after);
}

static void
expect(const struct json_value_case *values, size_t count, enum mr_reject reason)
{
    static const char *const kernels[] = {"scalar", "sse2", "avx2"};
    open_case();
    for (size_t k = 0; k < MR_ARRAY_LEN(kernels); k++) {
        const struct mri_kernel *kernel = mri_kernel_find(kernels[k]);
        if (!kernel)
            continue; /* this processor cannot run it */
        mri_decoder_use_kernel(c.decoder, kernel);
        for (size_t i = 0; i < count * MR_ARRAY_LEN(places); i++) {
            enum mr_reject got = run_in_place(i / count, &values[i % count]);
            T_TRUE_MSG(got == reason,
                       "%s: %s<%.*s>%s: %s %s",
                       kernels[k],
                       places[i / count].before,
                       (int)values[i % count].len,
                       values[i % count].bytes,
                       places[i / count].after,
                       mr_reject_name(got),
                       c.info.message);
        }
    }
    decode_case_close(&c);
}

Test(decode_scan, well_formed_values_are_taken_wherever_they_stand)
{
    expect(json_good, MR_ARRAY_LEN(json_good), MR_REJECT_NONE);
}

Test(decode_scan, malformed_values_are_refused_wherever_they_stand)
{
    /* The empty value makes an empty array of the fifth place, so it is looked at apart. */
    expect(json_malformed + 2, MR_ARRAY_LEN(json_malformed) - 2, MR_REJECT_malformed);
    open_case();
    for (size_t i = 0; i < 2; i++)
        T_INT_EQ(run_in_place(0, &json_malformed[i]), MR_REJECT_malformed);
    decode_case_close(&c);
}

Test(decode_scan, bytes_that_are_no_unicode_are_refused_wherever_they_stand)
{
    expect(json_not_utf8, MR_ARRAY_LEN(json_not_utf8), MR_REJECT_utf8);
}

Test(decode_scan, the_message_says_where_and_what)
{
    static const struct {
        const char *text, *message;
        enum mr_reject reason;
    } cases[] = {
        {"", "byte 0: the record is empty", MR_REJECT_malformed},
        {" \n\t ", "byte 4: the record is empty", MR_REJECT_malformed},
        {"[]", "byte 0: the document is not an object, found \"[]\"", MR_REJECT_malformed},
        {"null", "byte 0: the document is not an object, found \"null\"", MR_REJECT_malformed},
        {"order,1,2",
         "byte 0: the document is not an object, found \"order,1,\"",
         MR_REJECT_malformed},
        {"\xEF\xBB\xBF{}",
         "byte 0: a byte order mark is not allowed, found \"\\xEF\\xBB\\xBF{}\"",
         MR_REJECT_malformed},
        {"{",
         "byte 0: the document does not end with its closing brace, found \"{\"",
         MR_REJECT_malformed},
        {"{\"a\":1",
         "byte 5: the document does not end with its closing brace, found \"1\"",
         MR_REJECT_malformed},
        {"{\"a\":1} x",
         "byte 8: the document does not end with its closing brace, found \"x\"",
         MR_REJECT_malformed},
        {"{\"a\":1}}", "byte 7: bytes follow the document, found \"}\"", MR_REJECT_malformed},
        {"{} {}", "byte 2: bytes follow the document, found \" {}\"", MR_REJECT_malformed},
        {"{\"a\":{}", "byte 7: the document ends too early", MR_REJECT_malformed},
        {"{\"a\":[{}", "byte 8: the document ends too early", MR_REJECT_malformed},
        {"{\"o\":{\"n\":1}", "byte 12: the document ends too early", MR_REJECT_malformed},
        {"{\"a\":\"}", "byte 7: a string does not end", MR_REJECT_malformed},
        {"{\"a\":\"\\u12}", "byte 11: a string does not end", MR_REJECT_malformed},
        {"{\"a\" 1}", "byte 5: a colon was expected, found \"1}\"", MR_REJECT_malformed},
        {"{a:1}", "byte 1: a key was expected, found \"a:1}\"", MR_REJECT_malformed},
        {"{\"a\":1,}", "byte 7: a key was expected, found \"}\"", MR_REJECT_malformed},
        {"{\"a\":1 \"b\":2}",
         "byte 7: a comma or the end of the object was expected, found \"\\\"b\\\":2}\"",
         MR_REJECT_malformed},
        {"{\"a\":[1 2]}",
         "byte 8: a comma or the end of the array was expected, found \"2]}\"",
         MR_REJECT_malformed},
        {"{\"a\":NaN}", "byte 5: a value was expected, found \"NaN}\"", MR_REJECT_malformed},
        {"{\"a\":-}", "byte 6: a digit was expected, found \"}\"", MR_REJECT_malformed},
        {"{\"a\":1.}",
         "byte 7: a digit was expected after the point, found \"}\"",
         MR_REJECT_malformed},
        {"{\"a\":1e}",
         "byte 7: a digit was expected in the exponent, found \"}\"",
         MR_REJECT_malformed},
        {"{\"a\":\"\\q\"}", "byte 6: an unknown escape, found \"\\\\q\\\"}\"", MR_REJECT_malformed},
        {"{\"a\":\"\\u12G4\"}",
         "byte 6: four hexadecimal digits were expected after \\u, found "
         "\"\\\\u12G4\\\"}\"",
         MR_REJECT_malformed},
        {"{\"a\":\"\x01\"}",
         "byte 6: a control character in a string, found \"\\x01\\\"}\"",
         MR_REJECT_malformed},
        {"{\"a\":\"x\xFF\"}", "byte 7: invalid UTF-8, found \"\\xFF\\\"}\"", MR_REJECT_utf8},
        {"{\"a\":\"\\ud800\"}",
         "byte 6: a lone surrogate, found \"\\\\ud800\\\"}\"",
         MR_REJECT_utf8},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        T_INT_EQ(decode_case_run(&c, cases[i].text, strlen(cases[i].text)), cases[i].reason);
        T_STR_EQ(c.info.message, cases[i].message);
    }
    decode_case_close(&c);
}

/* n brackets of the kind, then their ends. */
static size_t
nested(char *out, const char *open, const char *close, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++, used += strlen(open))
        memcpy(out + used, open, strlen(open));
    memcpy(out + used, "1", 1);
    used++;
    for (size_t i = 0; i < n; i++, used += strlen(close))
        memcpy(out + used, close, strlen(close));
    return used;
}

Test(decode_scan, depth_is_counted_from_the_document)
{
    static char text[200000], value[200000];
    static const char *const forms[][2] = {{"[", "]"}, {"{\"k\":", "}"}, {"[{\"k\":", "}]"}};
    static const char *const fields[] = {"x", "j"};
    open_case();
    for (size_t form = 0; form < MR_ARRAY_LEN(forms); form++) {
        size_t step = form == 2 ? 2 : 1; /* levels that one repetition adds */
        for (size_t n = 1; n <= 1000; n = n < 100 ? n + 1 : n + 300) {
            size_t len = nested(value, forms[form][0], forms[form][1], n);
            int used =
                snprintf(text, sizeof text, "{" AT ",\"%s\":%.*s}", fields[n % 2], (int)len, value);
            enum mr_reject wanted = 1 + n * step <= 64 ? MR_REJECT_NONE : MR_REJECT_depth;
            T_TRUE_MSG(decode_case_run(&c, text, (size_t)used) == wanted,
                       "%s x %zu: %s",
                       forms[form][0],
                       n,
                       c.info.message);
        }
    }
    decode_case_close(&c);
}

Test(decode_scan, the_document_and_described_objects_count_as_levels)
{
    static const char flat[] = "{" AT "}", object[] = "{" AT ",\"o\":{\"n\":1}}",
                      array[] = "{" AT ",\"o\":{\"x\":[]}}";
    for (int64_t depth = 1; depth <= 3; depth++) {
        decode_case_init(&c);
        c.config.event.max_depth = depth;
        decode_case_text(&c, schema);
        T_INT_EQ(decode_case_compile(&c), MR_OK);
        T_INT_EQ(decode_case_run(&c, flat, strlen(flat)), MR_REJECT_NONE);
        T_INT_EQ(decode_case_run(&c, object, strlen(object)),
                 depth >= 2 ? MR_REJECT_NONE : MR_REJECT_depth);
        T_INT_EQ(decode_case_run(&c, array, strlen(array)),
                 depth >= 3 ? MR_REJECT_NONE : MR_REJECT_depth);
        decode_case_close(&c);
    }
}

Test(decode_scan, no_beginning_of_a_document_is_a_document)
{
    static const char text[] =
        " { " AT
        " ,\"note\":\"a\\u00e9\\ud83d\\ude9a\xF0\x9F\x9A\x9A\\n\",\"j\":[1,-2.5e+3,{\"k\":null}],"
        "\"o\":{\"n\":12,\"x\":[true,false]},\"long key that nobody asked "
        "for\":{\"a\":{\"b\":\"}\"}}}";
    size_t len = strlen(text);
    open_case();
    T_INT_EQ(decode_case_run(&c, text, len), MR_REJECT_NONE);
    for (size_t cut = 0; cut < len; cut++) {
        enum mr_reject got = decode_case_run(&c, text, cut);
        T_TRUE_MSG(got == MR_REJECT_malformed,
                   "the first %zu bytes: %s %s",
                   cut,
                   mr_reject_name(got),
                   c.info.message);
    }
    decode_case_close(&c);
}

Test(decode_scan, the_end_of_a_record_may_fall_on_any_byte_of_a_wide_load)
{
    char text[256];
    open_case();
    for (size_t fill = 0; fill < 100; fill++) {
        int used = snprintf(
            text,
            sizeof text,
            "{" AT ",\"note\":\"%.*s\"}",
            (int)fill,
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        T_INT_EQ(decode_case_run(&c, text, (size_t)used), MR_REJECT_NONE);
        T_INT_EQ(decode_case_value(&c, "note")->text.len, fill);
        memcpy(text + used - 2, "}}", 2); /* no closing quote: the next record's must not serve */
        T_INT_EQ(decode_case_run(&c, text, (size_t)used), MR_REJECT_malformed);
    }
    decode_case_close(&c);
}
