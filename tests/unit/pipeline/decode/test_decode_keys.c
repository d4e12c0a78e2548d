/* Members: keys in any spelling and order, repeated, absent, null, unknown; objects inside objects.
 */
#include "decode_case.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static struct decode_case c;

static void
open_case(const char *schema)
{
    decode_case_init(&c);
    decode_case_text(&c, schema);
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
}

static void
take(const char *text)
{
    enum mr_reject reject = decode_case_run(&c, text, strlen(text));
    T_TRUE_MSG(reject == MR_REJECT_NONE, "%s: %s", text, c.info.message);
}

static void
refuse(const char *text, enum mr_reject reason, const char *message)
{
    T_INT_EQ(decode_case_run(&c, text, strlen(text)), reason);
    T_STR_EQ(c.info.message, message);
}

static bool
text_is(const char *column, const char *text)
{
    const struct mr_value *value = decode_case_value(&c, column);
    return value->set && mr_slice_equal(value->text, mr_slice_of(text));
}

#define AT   "\"at\":0"
#define HEAD "\"at\":{\"type\":\"integer\",\"x-time\":\"epoch_ms\"}"

static const char nested[] =
    "{\"type\":\"object\",\"required\":[\"at\",\"must\"],\"properties\":{" HEAD ","
    "\"must\":{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"string\"}"
    ","
    "\"b\":{\"type\":\"string\"},\"deep\":{\"type\":\"object\",\"required\":[\"z\"],\"properties\":"
    "{"
    "\"z\":{\"type\":\"integer\"}}}}},"
    "\"may\":{\"type\":[\"object\",\"null\"],\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":"
    "\"string\"},"
    "\"d\":{\"type\":\"string\",\"default\":\"none\"}}},"
    "\"opt\":{\"type\":[\"string\",\"null\"],\"default\":\"dflt\"},\"n\":{\"type\":\"integer\","
    "\"default\":7}}}";

Test(decode_keys, order_and_white_space_do_not_matter)
{
    open_case(nested);
    take("{\"n\":1,\"opt\":\"o\",\"may\":{\"d\":\"d\",\"a\":\"ma\"},\"must\":{\"deep\":{\"z\":3},"
         "\"b\":\"b\",\"a\":\"a\"}," AT "}");
    T_TRUE(text_is("must_a", "a") && text_is("must_b", "b") && text_is("may_a", "ma") &&
           text_is("may_d", "d"));
    T_INT_EQ(decode_case_value(&c, "must_deep_z")->i64, 3);
    take("\r\n\t { \"must\" :\n{ \"a\"\t:\r\"a\" , \"deep\" : { \"z\" : 4 } } , " AT " } ");
    T_INT_EQ(decode_case_value(&c, "must_deep_z")->i64, 4);
    decode_case_close(&c);
}

Test(decode_keys, absent_fields_take_their_default_or_are_null)
{
    open_case(nested);
    take("{" AT ",\"must\":{\"a\":\"\"}}");
    T_TRUE(text_is("must_a", "") && !decode_case_value(&c, "must_b")->set);
    T_TRUE(!decode_case_value(&c, "must_deep_z")->set && !decode_case_value(&c, "may_a")->set);
    T_TRUE(text_is("may_d", "none") && text_is("opt", "dflt"));
    T_INT_EQ(decode_case_value(&c, "n")->i64, 7);
    take("{" AT ",\"must\":{\"a\":\"\"},\"may\":null,\"opt\":null}");
    T_TRUE(!decode_case_value(&c, "may_a")->set && text_is("may_d", "none"));
    T_TRUE(!decode_case_value(&c, "opt")->set);
    take("{" AT ",\"must\":{\"a\":\"\"},\"may\":{\"a\":\"x\"}}");
    T_TRUE(text_is("may_a", "x") && text_is("may_d", "none"));
    decode_case_close(&c);
}

Test(decode_keys, what_is_required_and_absent_is_missing)
{
    open_case(nested);
    refuse("{\"must\":{\"a\":\"\"}}", MR_REJECT_missing, "at: is missing");
    refuse("{" AT "}", MR_REJECT_missing, "must: is missing");
    refuse("{" AT ",\"must\":{}}", MR_REJECT_missing, "must.a: is missing");
    refuse(
        "{" AT ",\"must\":{\"a\":\"\",\"deep\":{}}}", MR_REJECT_missing, "must.deep.z: is missing");
    refuse("{" AT ",\"must\":{\"a\":\"\"},\"may\":{}}", MR_REJECT_missing, "may.a: is missing");
    refuse("{}", MR_REJECT_missing, "at: is missing");
    decode_case_close(&c);
}

Test(decode_keys, an_object_in_another_form_is_refused)
{
    open_case(nested);
    refuse("{" AT ",\"must\":null}", MR_REJECT_type, "must: null is not allowed");
    refuse("{" AT ",\"must\":[]}", MR_REJECT_type, "must: [] is not an object");
    refuse("{" AT ",\"must\":\"x\"}", MR_REJECT_type, "must: \"x\" is not an object");
    refuse("{" AT ",\"must\":{\"a\":\"\"},\"may\":1}", MR_REJECT_type, "may: 1 is not an object");
    refuse("{" AT ",\"must\":{\"a\":{}}}", MR_REJECT_type, "must.a: {} is not a string");
    refuse("{" AT ",\"must\":{\"a\":null}}", MR_REJECT_type, "must.a: null is not allowed");
    decode_case_close(&c);
}

#define REPEATED(path, at) path ": the key is repeated at byte " at

Test(decode_keys, a_repeated_key_is_malformed_and_named)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{" AT "," AT "}", REPEATED("at", "8")},
        {"{" AT ",\"n\":1,\"n\":1}", REPEATED("n", "14")},
        {"{" AT ",\"opt\":null,\"u\":1 , \"opt\" : null}", REPEATED("opt", "27")},
        {"{" AT ",\"must\":{\"a\":\"x\",\"b\":\"\",\"a\":\"y\"}}", REPEATED("must.a", "31")},
        {"{" AT ",\"must\":{\"deep\":{\"z\":1,\"z\":1}}}", REPEATED("must.deep.z", "30")},
        {"{" AT ",\"must\":{\"deep\":{},\"a\":\"\",\"deep\":{}}}", REPEATED("must.deep", "33")},
        /* Objects as a whole, whatever they hold, in object form or not. */
        {"{" AT ",\"must\":{\"a\":\"x\"},\"must\":{\"a\":\"x\"}}", REPEATED("must", "25")},
        {"{" AT ",\"may\":{},\"may\":null}", REPEATED("may", "17")},
        {"{" AT ",\"may\":null,\"may\":{}}", REPEATED("may", "19")},
        {"{" AT ",\"may\":null,\"may\":null}", REPEATED("may", "19")},
        {"{" AT ",\"may\":[1],\"may\":7}", REPEATED("may", "18")},
        /* The first of several, and before any rule about values. */
        {"{\"n\":\"wrong\",\"n\":1,\"n\":2," AT "}", REPEATED("n", "13")},
        {"{\"n\":1,\"opt\":\"\",\"opt\":\"\",\"n\":1}", REPEATED("opt", "16")},
    };
    open_case(nested);
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++)
        refuse(cases[i].text, MR_REJECT_malformed, cases[i].message);
    decode_case_close(&c);
}

Test(decode_keys, a_repeated_key_is_found_in_any_spelling)
{
    open_case(nested);
    refuse("{" AT ",\"\\u0061t\":0}", MR_REJECT_malformed, REPEATED("at", "8"));
    refuse("{\"\\u0061\\u0074\":0," AT "}", MR_REJECT_malformed, REPEATED("at", "18"));
    refuse("{\"\\u0061t\":0,\"a\\u0074\":0}", MR_REJECT_malformed, REPEATED("at", "13"));
    refuse("{" AT ",\"may\":{\"d\":\"\",\"\\u0064\":\"\"}}",
           MR_REJECT_malformed,
           REPEATED("may.d", "22"));
    refuse("{" AT ",\"m\\u0061y\":null,\"ma\\u0079\":{\"a\":\"\"}}",
           MR_REJECT_malformed,
           REPEATED("may", "24"));
    decode_case_close(&c);
}

Test(decode_keys, the_first_fault_of_a_document_counts_repeated_or_not)
{
    open_case(nested);
    refuse("{" AT ",\"n\":1,\"n\":2,}", MR_REJECT_malformed, REPEATED("n", "14"));
    refuse("{" AT ",\"n\":1,\"n\":\"\xFF\"}", MR_REJECT_malformed, REPEATED("n", "14"));
    refuse("{" AT ",\"n\":1,\"n\"}", MR_REJECT_malformed, REPEATED("n", "14"));
    refuse("{" AT ",\"n\":1,\"n",
           MR_REJECT_malformed,
           "byte 15: the document does not end with its closing brace, found \"n\"");
    refuse("{" AT ",\"n\":01,\"n\":1}",
           MR_REJECT_malformed,
           "byte 13: a comma or the end of the object was expected, found \"1,\\\"n\\\":1}\"");
    decode_case_close(&c);
}

Test(decode_keys, one_name_in_two_objects_is_no_repetition)
{
    open_case(nested);
    take("{" AT
         ",\"must\":{\"a\":\"1\",\"deep\":{\"z\":1,\"a\":0}},\"may\":{\"a\":\"2\"},\"a\":0}");
    T_TRUE(text_is("must_a", "1") && text_is("may_a", "2"));
    T_INT_EQ(c.event.unknown_fields, 2);
    decode_case_close(&c);
}

Test(decode_keys, what_the_schema_does_not_name_is_not_compared)
{
    open_case("{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{" HEAD ","
              "\"j\":{\"type\":[\"object\",\"array\"]}}}");
    take("{" AT ",\"u\":1,\"u\":2,\"j\":{\"at\":1,\"at\":2},\"v\":{\"at\":1,\"at\":[]}}");
    T_TRUE(text_is("j", "{\"at\":1,\"at\":2}"));
    T_INT_EQ(c.event.unknown_fields, 3);
    refuse("{" AT ",\"j\":{},\"j\":[]}", MR_REJECT_malformed, REPEATED("j", "15"));
    decode_case_close(&c);
}

Test(decode_keys, a_key_with_escapes_is_the_same_key)
{
    open_case(nested);
    take("{\"\\u0061t\":0,\"m\\u0075st\":{\"\\u0061\":\"x\"},\"\\u006F\\u0070\\u0074\":\"o\"}");
    T_TRUE(text_is("must_a", "x") && text_is("opt", "o"));
    T_INT_EQ(c.event.unknown_fields, 0);
    /* A NUL ends no key. */
    take("{" AT ",\"must\":{\"a\":\"x\"},\"n\\u0000\":9,\"n\\u0000n\":9,\"opt\\u0000\":\"p\"}");
    T_INT_EQ(c.event.unknown_fields, 3);
    T_INT_EQ(decode_case_value(&c, "n")->i64, 7);
    decode_case_close(&c);
}

Test(decode_keys, unknown_members_are_counted_at_described_levels)
{
    open_case(nested);
    take("{" AT ",\"must\":{\"a\":\"\",\"x\":1,\"deep\":{\"z\":1,\"y\":[]}},\"u\":{\"v\":{\"w\":1}}"
         ",\"\":0}");
    T_INT_EQ(c.event.unknown_fields, 4);
    take("{" AT ",\"must\":{\"a\":\"\"}}");
    T_INT_EQ(c.event.unknown_fields, 0);
    decode_case_close(&c);
}

Test(decode_keys, keys_that_share_length_and_beginning_are_told_apart)
{
    open_case("{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{" HEAD ","
              "\"measure_one\":{\"type\":\"integer\"},\"measure_two\":{\"type\":\"integer\"},"
              "\"measure_six\":{\"type\":\"integer\"},\"measure_\":{\"type\":\"integer\"},"
              "\"measure\":{\"type\":\"integer\"},\"a\":{\"type\":\"integer\"},\"aa\":{\"type\":"
              "\"integer\"},"
              "\"a_name_of_more_than_thirty_two_bytes_1\":{\"type\":\"integer\"},"
              "\"a_name_of_more_than_thirty_two_bytes_2\":{\"type\":\"integer\"},"
              "\"a_name_of_m0re_than_thirty_two_bytes_2\":{\"type\":\"integer\"}}}");
    take("{" AT ",\"measure_two\":2,\"measure_one\":1,\"measure_six\":6,\"measure_\":8,\"measure\":"
         "7,\"aa\":22,"
         "\"a\":11,\"measure_ten\":10,\"a_name_of_more_than_thirty_two_bytes_2\":102,"
         "\"a_name_of_m0re_than_thirty_two_bytes_2\":104,\"a_name_of_more_than_thirty_two_bytes_"
         "1\":101,"
         "\"a_name_of_more_than_thirty_two_bytes_3\":103}");
    static const struct {
        const char *column;
        int64_t i64;
    } cases[] = {{"measure_one", 1},
                 {"measure_two", 2},
                 {"measure_six", 6},
                 {"measure_", 8},
                 {"measure", 7},
                 {"a", 11},
                 {"aa", 22},
                 {"a_name_of_more_than_thirty_two_bytes_1", 101},
                 {"a_name_of_more_than_thirty_two_bytes_2", 102},
                 {"a_name_of_m0re_than_thirty_two_bytes_2", 104}};
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++)
        T_INT_EQ(decode_case_value(&c, cases[i].column)->i64, cases[i].i64);
    T_INT_EQ(c.event.unknown_fields, 2);
    decode_case_close(&c);
}

Test(decode_keys, four_hundred_fields_find_their_keys)
{
    static char schema[65536], text[65536];
    size_t used = 0;
    used += (size_t)snprintf(
        schema, sizeof schema, "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{" HEAD);
    for (int i = 0; i < 400; i++)
        used += (size_t)snprintf(schema + used,
                                 sizeof schema - used,
                                 ",\"%s%d\":{\"type\":\"integer\"}",
                                 i % 2 ? "f" : "field_number_",
                                 i);
    snprintf(schema + used, sizeof schema - used, "}}");
    open_case(schema);
    used = (size_t)snprintf(text, sizeof text, "{" AT);
    for (int i = 399; i >= 0; i--)
        used += (size_t)snprintf(
            text + used, sizeof text - used, ",\"%s%d\":%d", i % 2 ? "f" : "field_number_", i, i);
    snprintf(text + used, sizeof text - used, "}");
    take(text);
    T_INT_EQ(c.event.unknown_fields, 0);
    T_INT_EQ(c.layout->column_count, 401);
    for (uint32_t i = 1; i <= 400; i++)
        T_INT_EQ(c.values[i].i64, i - 1);
    decode_case_close(&c);
}

Test(decode_keys, an_object_can_have_a_column_of_its_own)
{
    static char name[] = "whole", path[] = "must", field_name[] = "letter", field_path[] = "must.a";
    struct mr_pair pairs[] = {{name, path, 3}, {field_name, field_path, 4}};
    decode_case_init(&c);
    c.config.detail.columns.items = pairs;
    c.config.detail.columns.count = 2;
    decode_case_text(&c, nested);
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    for (int i = 0; i < 3; i++) {
        take("{" AT ",\"must\": {\"a\":\"x\", \"q\":[1]} }");
        T_TRUE(text_is("letter", "x") && text_is("whole", "{\"a\":\"x\", \"q\":[1]}"));
    }
    decode_case_close(&c);
}

Test(decode_keys, an_oversize_record_is_refused_unread)
{
    open_case(nested);
    c.record =
        (struct mr_record){.value = "{", .value_len = 1, .value_total = 5000000, .oversize = true};
    T_INT_EQ(mr_decode(c.decoder, &c.record, c.now_us, &c.event, &c.info), MR_REJECT_oversize);
    T_STR_EQ(c.info.message, "5000000 bytes, event.max_bytes is less");
    decode_case_close(&c);
}
