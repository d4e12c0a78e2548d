/* Learned key orders: when they are learned, used, replaced, and given up. */
#include "decode_case.h"
#include "test.h"

#include "pipeline/decode/decode_priv.h"

#include <stdio.h>
#include <string.h>

static struct decode_case c;

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{\"at\":{\"type\":\"integer\",\"x-"
    "time\":\"epoch_ms\"},"
    "\"s\":{\"type\":[\"string\",\"null\"]},\"n\":{\"type\":\"integer\"},\"o\":{\"type\":"
    "\"object\",\"properties\":{"
    "\"x\":{\"type\":\"integer\"}}},\"j\":{\"type\":[\"object\",\"array\"]}}}";

static void
open_case(void)
{
    decode_case_init(&c);
    decode_case_text(&c, schema);
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
}

/* True when the record was taken by a learned order. */
static bool
learned(const char *text)
{
    uint32_t missed = c.decoder->missed;
    T_TRUE_MSG(
        decode_case_run(&c, text, strlen(text)) == MR_REJECT_NONE, "%s: %s", text, c.info.message);
    return c.decoder->missed == missed;
}

Test(decode_template, the_second_document_of_a_kind_needs_no_keys_read)
{
    open_case();
    T_TRUE(!learned("{\"at\":1,\"s\":\"a\",\"n\":5,\"u\":[1],\"o\":{\"x\":1},\"j\":[]}"));
    T_TRUE(learned("{\"at\":22,\"s\":\"bcd\\n\",\"n\":-77,\"u\":{\"q\":null},\"o\":{\"x\":2},\"j\":"
                   "{\"k\":[1]}}"));
    T_INT_EQ(decode_case_value(&c, "n")->i64, -77);
    T_INT_EQ(decode_case_value(&c, "o_x")->i64, 2);
    T_TRUE(mr_slice_equal(decode_case_value(&c, "s")->text, mr_slice_of("bcd\n")));
    T_TRUE(mr_slice_equal(decode_case_value(&c, "j")->text, mr_slice_of("{\"k\":[1]}")));
    T_INT_EQ(c.event.unknown_fields, 1);
    T_TRUE(learned(" {\"at\":22,\"s\":\"\",\"n\":0,\"u\":1e5,\"o\":{\"x\":2},\"j\":[]}\n"));
    decode_case_close(&c);
}

Test(decode_template, another_form_of_a_value_goes_the_general_way_and_is_learned)
{
    open_case();
    T_TRUE(!learned("{\"at\":1,\"s\":\"a\"}"));
    T_TRUE(!learned("{\"at\":1,\"s\":null}"));
    T_TRUE(!decode_case_value(&c, "s")->set);
    T_TRUE(learned("{\"at\":1,\"s\":null}"));
    T_TRUE(learned("{\"at\":1,\"s\":\"b\"}"));
    T_TRUE(!learned("{\"at\":1, \"s\":\"b\"}"));
    T_TRUE(!learned("{\"at\":1,\"s\":\"b\" }"));
    T_INT_EQ(c.decoder->template_count, 4);
    T_TRUE(!learned("{\"s\":\"b\",\"at\":1}"));
    T_INT_EQ(c.decoder->template_count, 4);
    T_TRUE(learned("{\"s\":\"b\",\"at\":1}"));
    /* The first was replaced; where null was learned any value fits, until that is replaced too. */
    T_TRUE(learned("{\"at\":1,\"s\":\"c\"}"));
    T_TRUE(!learned("{\"n\":1,\"at\":1}"));
    T_TRUE(!learned("{\"at\":1,\"s\":\"c\"}"));
    decode_case_close(&c);
}

Test(decode_template, an_object_where_null_was_learned_is_read)
{
    open_case();
    T_TRUE(!learned("{\"at\":1,\"o\":{}}"));
    T_TRUE(learned("{\"at\":2,\"o\":{}}"));
    T_TRUE(!learned("{\"at\":3,\"o\":{\"x\":7}}"));
    T_INT_EQ(decode_case_value(&c, "o_x")->i64, 7);
    decode_case_close(&c);
}

static void
refuse_repeated(const char *text, const char *message)
{
    T_INT_EQ(decode_case_run(&c, text, strlen(text)), MR_REJECT_malformed);
    T_STR_EQ(c.info.message, message);
}

Test(decode_template, a_document_with_repeated_keys_teaches_nothing)
{
    open_case();
    for (int i = 0; i < 3; i++)
        refuse_repeated("{\"at\":1,\"n\":1,\"n\":2}", "n: the key is repeated at byte 14");
    T_INT_EQ(c.decoder->template_count, 0);
    T_TRUE(!learned("{\"at\":1,\"n\":1}"));
    T_TRUE(learned("{\"at\":1,\"n\":2}"));
    decode_case_close(&c);
}

Test(decode_template, repeated_keys_beside_a_learned_order_are_found)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"at\":1,\"n\":1,\"o\":{\"x\":1},\"u\":0,\"n\":1}",
         "n: the key is repeated at byte 32"},
        {"{\"at\":1,\"n\":1,\"o\":{\"x\":1,\"x\":1},\"u\":0}",
         "o.x: the key is repeated at byte 25"},
        {"{\"at\":1,\"n\":1,\"o\":{\"x\":1},\"o\":0}", "o: the key is repeated at byte 26"},
        {"{\"at\":1,\"n\":1,\"o\":{\"x\":1},\"\\u006e\":0}",
         "n: the key is repeated at byte 26"},
    };
    open_case();
    T_TRUE(!learned("{\"at\":1,\"n\":1,\"o\":{\"x\":1},\"u\":0}"));
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        refuse_repeated(cases[i].text, cases[i].message);
        T_TRUE(learned("{\"at\":2,\"n\":3,\"o\":{\"x\":4},\"u\":5}"));
    }
    decode_case_close(&c);
}

Test(decode_template, a_bad_record_forgets_nothing)
{
    static const char bad[] = "{\"at\":1,\"s\":\"a\",}";
    open_case();
    learned("{\"at\":1,\"s\":\"a\"}");
    T_INT_EQ(decode_case_run(&c, bad, strlen(bad)), MR_REJECT_malformed);
    T_STR_EQ(c.info.message, "byte 16: a key was expected, found \"}\"");
    T_TRUE(learned("{\"at\":1,\"s\":\"a\"}"));
    decode_case_close(&c);
}

Test(decode_template, documents_with_too_many_values_are_read_in_general)
{
    static char text[32768];
    open_case();
    for (int round = 0; round < 2; round++) {
        size_t used = (size_t)snprintf(text, sizeof text, "{\"at\":%d", round);
        for (int i = 0; i < MRI_STEPS_MAX + 10; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, ",\"u%d\":%d", i, i);
        snprintf(text + used, sizeof text - used, "}");
        T_TRUE(!learned(text));
        T_INT_EQ(c.event.unknown_fields, MRI_STEPS_MAX + 10);
    }
    T_INT_EQ(c.decoder->template_count, 0);
    decode_case_close(&c);
}

Test(decode_template, very_long_keys_are_read_in_general)
{
    static char text[65536];
    open_case();
    for (int round = 0; round < 2; round++) {
        size_t used = (size_t)snprintf(text, sizeof text, "{\"at\":1,\"");
        memset(text + used, 'k', MRI_LITERALS_MAX + 100);
        used += MRI_LITERALS_MAX + 100;
        snprintf(text + used, sizeof text - used, "\":1}");
        T_TRUE(!learned(text));
    }
    T_INT_EQ(c.decoder->template_count, 0);
    decode_case_close(&c);
}

Test(decode_template, keys_in_any_order_make_templates_rest)
{
    char text[128];
    open_case();
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, "{\"at\":1,\"u%d\":1}", i);
        T_INT_EQ(decode_case_run(&c, text, strlen(text)), MR_REJECT_NONE);
    }
    T_TRUE(c.decoder->pause > 0);
    T_INT_EQ(c.decoder->template_count, 0);
    for (int i = 0; i < 20000; i++)
        T_INT_EQ(decode_case_run(&c, text, strlen(text)), MR_REJECT_NONE);
    T_INT_EQ(c.decoder->pause, 0);
    T_TRUE(learned(text));
    decode_case_close(&c);
}

Test(decode_template, bytes_after_a_learned_document_are_seen)
{
    static const char *const tails[] = {"}", "{}", " }", ",}", "1}", "}}}"};
    char text[64];
    open_case();
    learned("{\"at\":1,\"o\":{\"x\":1}}");
    for (size_t i = 0; i < MR_ARRAY_LEN(tails); i++) {
        snprintf(text, sizeof text, "{\"at\":1,\"o\":{\"x\":1}}%s", tails[i]);
        T_INT_EQ(decode_case_run(&c, text, strlen(text)), MR_REJECT_malformed);
        T_TRUE(strncmp(c.info.message, "byte 20: bytes follow the document", 34) == 0);
    }
    T_TRUE(learned("{\"at\":1,\"o\":{\"x\":1}}"));
    decode_case_close(&c);
}

/* The answer of a decoder that never learned anything. */
static enum mr_reject
plain_answer(const char *text, uint32_t *ret_unknown)
{
    static struct decode_case plain;
    if (!plain.plan) {
        decode_case_init(&plain);
        decode_case_text(&plain, schema);
        T_INT_EQ(decode_case_compile(&plain), MR_OK);
        mri_decoder_use_templates(plain.decoder, false);
    }
    enum mr_reject reject = decode_case_run(&plain, text, strlen(text));
    *ret_unknown = plain.event.unknown_fields;
    return reject;
}

Test(decode_template, every_byte_between_the_values_is_compared)
{
    static const char document[] =
        "{\"at\":1,\"s\":\"v\",\"a_key_of_more_than_thirty_two_bytes_here\":2,\"n\":3}";
    static const char *const kernels[] = {"scalar", "sse2", "avx2"};
    for (size_t k = 0; k < MR_ARRAY_LEN(kernels); k++) {
        if (!mri_kernel_find(kernels[k]))
            continue; /* this processor cannot run it */
        open_case();
        mri_decoder_use_kernel(c.decoder, mri_kernel_find(kernels[k]));
        for (size_t i = 0; i < strlen(document); i++) {
            char text[sizeof document];
            uint32_t unknown;
            T_INT_EQ(decode_case_run(&c, document, strlen(document)), MR_REJECT_NONE);
            memcpy(text, document, sizeof document);
            text[i] = 'z';
            enum mr_reject wanted = plain_answer(text, &unknown),
                           got = decode_case_run(&c, text, strlen(text));
            T_TRUE_MSG(got == wanted &&
                           (got != MR_REJECT_NONE || c.event.unknown_fields == unknown),
                       "%s: %s",
                       kernels[k],
                       text);
        }
        decode_case_close(&c);
    }
}
