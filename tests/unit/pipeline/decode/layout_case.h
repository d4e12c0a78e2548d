/* A schema with columns of all kinds, and all that is said of a configuration that does not fit it:
 * shared by the tests of layouts. */
#pragma once

#include "decode_case.h"
#include "test.h"

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

static inline void
prepare(void)
{
    decode_case_init(&c);
    decode_case_text(&c, schema);
}

static inline void
expect_mistakes(const char *wanted)
{
    T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
    T_STR_EQ(decode_case_mistakes(&c), wanted);
    decode_case_close(&c);
}
