/* One field of every type and rule, beside an event time: shared by the tests of values. */
#pragma once

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

static inline void
open_case(void)
{
    decode_case_init(&c);
    decode_case_text(&c, schema);
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
}

/* Decodes {"at":…,"<field>":<value>}. */
static __attribute__((noinline)) enum mr_reject
run(const char *field, const char *value)
{
    char text[4096];
    int len =
        snprintf(text, sizeof text, "{\"at\":\"2026-02-02T10:00:00Z\",\"%s\":%s}", field, value);
    T_TRUE(len > 0 && (size_t)len < sizeof text);
    return decode_case_run(&c, text, (size_t)len);
}

static inline const struct mr_value *
taken(const char *field, const char *value)
{
    enum mr_reject reject = run(field, value);
    T_TRUE_MSG(reject == MR_REJECT_NONE, "%s = %s: %s", field, value, c.info.message);
    return decode_case_value(&c, field);
}

struct refusal {
    const char *field, *value, *reason, *message;
};

static inline void
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
