#include "mutate.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))

uint32_t
mutate_below(struct mutate_random *random, uint32_t bound)
{
    random->state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = random->state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ z >> 31) >> 32) % bound;
}

const char mutate_schema[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"at\",\"payload\"],\"properties\":{"
    "\"id\":{\"type\":\"string\",\"maxLength\":40},\"at\":{\"type\":\"string\",\"format\":\"date-"
    "time\"},"
    "\"sequence\":{\"type\":\"integer\"},"
    "\"source\":{\"type\":[\"object\",\"null\"],\"required\":[\"system\"],\"properties\":{"
    "\"system\":{\"type\":\"string\"},\"live\":{\"type\":\"boolean\"}}},"
    "\"payload\":{\"type\":\"object\",\"required\":[\"amount\"],\"properties\":{"
    "\"amount\":{\"type\":\"string\",\"x-decimal\":[18,2]},\"note\":{\"type\":[\"string\",\"null\"]"
    "},"
    "\"items\":{\"type\":\"integer\"},\"level\":{\"type\":[\"number\",\"null\"]},"
    "\"day\":{\"type\":\"string\",\"format\":\"date\"},\"extra\":{\"type\":[\"object\",\"array\","
    "\"null\"]}}}}}";

/* --- documents */

struct writer {
    struct mutate_random *random;
    char *out;
    size_t used, size;
    const char *space; /* between tokens */
};

static void
put(struct writer *w, const char *text)
{
    size_t len = strlen(text);
    if (len < w->size - w->used) {
        memcpy(w->out + w->used, text, len);
        w->used += len;
    }
}

static const char *const strings[] = {"\"\"",
                                      "\"plain\"",
                                      "\"M-1001\"",
                                      "\"caf\\u00e9\"",
                                      "\"caf\xC3\xA9\"",
                                      "\"\xF0\x9F\x9A\x9A\"",
                                      "\"\\ud83d\\ude9a\"",
                                      "\"\\\\N\"",
                                      "\"\\u0001\"",
                                      "\"a\\u0000b\"",
                                      "\"tab\\there\"",
                                      "\"0123456789abcdef0123456789abcdef\"",
                                      "\"quote \\\" and slash \\\\\"",
                                      "\"}{][,:\"",
                                      "\"\\/\\b\\f\\n\\r\\t\""};
static const char *const integers[] = {"0",
                                       "-0",
                                       "1",
                                       "-1",
                                       "42",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "1.0",
                                       "1e2",
                                       "123456789012",
                                       "9007199254740993"};
static const char *const numbers[] = {
    "0", "0.1", "-1.5", "1e300", "5e-324", "123456.789e-3", "1E5", "-0.0", "3"};
static const char *const decimals[] = {"\"12.50\"",
                                       "\"0\"",
                                       "\"-9999999999999999.99\"",
                                       "\"1e3\"",
                                       "7",
                                       "12.25",
                                       "\"3.100\"",
                                       "\"0.01\""};
static const char *const times[] = {"\"2026-02-02T10:15:30Z\"",
                                    "\"2026-02-02T10:15:30.123456Z\"",
                                    "\"2025-12-31T23:59:59.9+05:30\"",
                                    "\"1969-07-20T20:17:40Z\"",
                                    "1770027330120",
                                    "\"2024-02-29T00:00:00-11:00\""};
static const char *const days[] = {
    "\"2026-02-28\"", "\"1970-01-01\"", "\"2024-02-29\"", "\"9999-12-31\""};
static const char *const trees[] = {"{}",
                                    "[]",
                                    "[1,2,[3]]",
                                    "{\"a\":{\"b\":[null,true]}}",
                                    "{ \"k\" : \"\\u0001\" }",
                                    "null",
                                    "[\"\xC3\xA9\",-0.5e+3,false]",
                                    "{\"x\":1,\"x\":2}"};
static const char *const booleans[] = {"true", "false"};
static const char *const anything[] = {
    "1", "\"text\"", "null", "[{}]", "{\"deep\":[[[{}]]]}", "true", "-1.5e-7"};

struct member {
    const char *key;
    const char *const *values;
    uint32_t count;
};

static const struct member root[] = {{"id", strings, COUNT(strings)},
                                     {"at", times, COUNT(times)},
                                     {"sequence", integers, COUNT(integers)},
                                     {"trace", anything, COUNT(anything)}};
static const struct member source[] = {{"system", strings, COUNT(strings)},
                                       {"live", booleans, COUNT(booleans)},
                                       {"table", anything, COUNT(anything)}};
static const struct member payload[] = {{"amount", decimals, COUNT(decimals)},
                                        {"note", strings, COUNT(strings)},
                                        {"items", integers, COUNT(integers)},
                                        {"level", numbers, COUNT(numbers)},
                                        {"day", days, COUNT(days)},
                                        {"extra", trees, COUNT(trees)},
                                        {"unknown", anything, COUNT(anything)}};

static void
put_key(struct writer *w, const char *key, struct mutate_random *shape, bool first)
{
    if (!first)
        put(w, ",");
    put(w, w->space);
    if (mutate_below(shape, 40) == 0) { /* the first letter as an escape */
        char escaped[16];
        snprintf(escaped, sizeof escaped, "\"\\u%04x", (unsigned)(unsigned char)key[0]);
        put(w, escaped);
        put(w, key + 1);
    } else {
        put(w, "\"");
        put(w, key);
    }
    put(w, "\"");
    put(w, w->space);
    put(w, ":");
    put(w, w->space);
}

/* Members in an order that the shape chooses; it may leave some out and repeat some. */
static void
put_members(struct writer *w,
            const struct member *members,
            uint32_t count,
            struct mutate_random *shape,
            bool *first)
{
    uint32_t from = mutate_below(shape, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct member *member = &members[(from + i) % count];
        uint32_t times_put = mutate_below(shape, 200) == 0  ? 2
                             : mutate_below(shape, 12) == 0 ? 0
                                                            : 1;
        for (; times_put > 0; times_put--) {
            put_key(w, member->key, shape, *first);
            put(w, member->values[mutate_below(w->random, member->count)]);
            *first = false;
        }
    }
}

static void
put_object(struct writer *w,
           const char *key,
           const struct member *members,
           uint32_t count,
           struct mutate_random *shape,
           bool *first)
{
    bool first_inside = true;
    put_key(w, key, shape, *first);
    *first = false;
    put(w, "{");
    put_members(w, members, count, shape, &first_inside);
    put(w, w->space);
    put(w, "}");
}

size_t
mutate_document(struct mutate_random *random, uint32_t shape, char *out, size_t size)
{
    static const char *const spaces[] = {"", "", " ", "\n\t"};
    struct mutate_random form = {shape * UINT64_C(7919) + 1};
    struct writer w = {
        .random = random, .out = out, .size = size, .space = spaces[shape % COUNT(spaces)]};
    bool first = true;
    put(&w, "{");
    if (mutate_below(&form, 12) == 0) /* its key comes twice */
        put_object(&w, "payload", payload, COUNT(payload), &form, &first);
    put_members(&w, root, COUNT(root), &form, &first);
    if (mutate_below(&form, 3) > 0)
        put_object(&w, "source", source, COUNT(source), &form, &first);
    else if (mutate_below(&form, 2)) {
        put_key(&w, "source", &form, first);
        put(&w, "null");
    }
    put_object(&w, "payload", payload, COUNT(payload), &form, &first);
    put(&w, w.space);
    put(&w, "}");
    return w.used;
}

/* --- mutations */

static const struct {
    const char *bytes;
    size_t len;
} tokens[] = {
#define T(text)                                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
    T("{"),
    T("}"),
    T("["),
    T("]"),
    T(","),
    T(":"),
    T("\""),
    T("\\"),
    T("\\u"),
    T("\\ud800"),
    T("\\udc00"),
    T("\\u0000"),
    T("\\u0001"),
    T("\\\\N"),
    T("null"),
    T("true"),
    T("fals"),
    T("NaN"),
    T("-"),
    T("+"),
    T("."),
    T("e5"),
    T("e400"),
    T("0"),
    T("00"),
    T("1.5"),
    T("99999999999999999999"),
    T("\x00"),
    T("\x01"),
    T("\x1F"),
    T("\x7F"),
    T("\x80"),
    T("\xC0\x80"),
    T("\xED\xA0\x80"),
    T("\xF0\x9F\x9A\x9A"),
    T("\xF4\x90\x80\x80"),
    T("\xEF\xBB\xBF"),
    T(" "),
    T("\n"),
    T("\"id\":"),
    T("\"payload\":{"),
    T(",\"at\":0"),
    T("\"amount\":\"1\","),
    T("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
    T("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"),
    T("/**/"),
#undef T
};

static size_t
insert(char *out, size_t len, size_t size, size_t at, const char *bytes, size_t count)
{
    if (len + count >= size)
        return len;
    memmove(out + at + count, out + at, len - at);
    memcpy(out + at, bytes, count);
    return len + count;
}

static size_t
mutate_once(struct mutate_random *random, char *out, size_t len, size_t size)
{
    size_t at = mutate_below(random, (uint32_t)len + 1);
    size_t span = mutate_below(random, 12) + 1;
    char copy[16];
    uint32_t token;
    if (span > len - at)
        span = len - at;
    switch (mutate_below(random, 7)) {
    case 0: /* another bit */
        if (at < len)
            out[at] = (char)(out[at] ^ (1 << mutate_below(random, 8)));
        return len;
    case 1: /* any byte */
        if (at < len)
            out[at] = (char)mutate_below(random, 256);
        return len;
    case 2: /* a span less */
        memmove(out + at, out + at + span, len - at - span);
        return len - span;
    case 3: /* a span twice */
        memcpy(copy, out + at, span);
        return insert(out, len, size, at, copy, span);
    case 4: /* the end is missing */
        return mutate_below(random, 4) == 0 ? at : len;
    default: /* a token where it may not belong */
        token = mutate_below(random, COUNT(tokens));
        return insert(out, len, size, at, tokens[token].bytes, tokens[token].len);
    }
}

size_t
mutate_bytes(struct mutate_random *random, char *out, size_t len, size_t size)
{
    uint32_t times_done = mutate_below(random, 3) + 1;
    for (; times_done > 0; times_done--)
        len = mutate_once(random, out, len, size);
    return len;
}
