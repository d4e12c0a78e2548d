/* Metadata of offset commits: what is written is read back, and nothing else is believed. */
#include "millrace/base/hash.h"
#include "millrace/protocol.h"
#include "test.h"

#include <stdio.h>

static struct mr_metadata
sample(void)
{
    struct mr_metadata metadata = {.pipeline = "orders",
                                   .last = {{"mzxw6ytboittk63c"}, 17},
                                   .start = 4200,
                                   .tables = 5,
                                   .in_force = {"aaaaaaaaaaaaaaaa"},
                                   .event_time_us = 1700000000000000,
                                   .config = 0xfeedbeef};
    return metadata;
}

static void
check_equal(const struct mr_metadata *a, const struct mr_metadata *b)
{
    T_STR_EQ(a->pipeline, b->pipeline);
    T_TRUE(mr_unit_name_equal(&a->last, &b->last));
    T_INT_EQ(a->start, b->start);
    T_INT_EQ(a->partial, b->partial);
    T_TRUE(a->tables == b->tables);
    T_TRUE(mr_chain_equal(&a->in_force, &b->in_force));
    T_INT_EQ(a->event_time_us, b->event_time_us);
    T_TRUE(a->config == b->config);
}

static void
check_round(const struct mr_metadata *metadata)
{
    char text[MR_METADATA_CHARS + 1];
    struct mr_metadata again;
    mr_metadata_encode(metadata, text);
    T_INT_EQ(mr_metadata_decode(mr_slice_of(text), metadata->pipeline, &again), MR_METADATA_OURS);
    check_equal(metadata, &again);
    for (const char *c = text; *c; c++) {
        T_TRUE(*c > 0x20 && *c < 0x7f);
    }
}

Test(ledger_metadata, what_is_written_is_read_back)
{
    struct mr_metadata metadata = sample();
    check_round(&metadata);
    metadata.partial = true;
    check_round(&metadata);
    metadata.last = (struct mr_unit_name){0};
    check_round(&metadata);
    metadata.event_time_us = INT64_MIN;
    check_round(&metadata);
    metadata.event_time_us = -5;
    metadata.start = 0;
    metadata.tables = 0;
    metadata.config = 0;
    check_round(&metadata);
}

Test(ledger_metadata, the_longest_stays_far_below_the_limit)
{
    struct mr_metadata metadata = sample();
    char text[MR_METADATA_CHARS + 1];
    memset(metadata.pipeline, 'p', MR_PIPELINE_CHARS);
    metadata.last.n = UINT64_MAX;
    metadata.start = INT64_MAX;
    metadata.tables = UINT64_MAX;
    metadata.event_time_us = INT64_MIN + 1;
    metadata.config = UINT64_MAX;
    check_round(&metadata);
    mr_metadata_encode(&metadata, text);
    T_TRUE(strlen(text) < 256);
}

static enum mr_metadata_kind
decode(const char *bytes, size_t len)
{
    struct mr_metadata ignored;
    return mr_metadata_decode((struct mr_slice){bytes, len}, "orders", &ignored);
}

Test(ledger_metadata, every_changed_byte_is_noticed)
{
    struct mr_metadata metadata = sample();
    char text[MR_METADATA_CHARS + 1], copy[MR_METADATA_CHARS + 1];
    mr_metadata_encode(&metadata, text);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        for (int c = 0; c < 256; c++) {
            memcpy(copy, text, sizeof copy);
            copy[i] = (char)c;
            if (copy[i] != text[i]) {
                T_TRUE(decode(copy, len) != MR_METADATA_OURS);
            }
        }
    }
}

Test(ledger_metadata, every_cut_is_noticed)
{
    struct mr_metadata metadata = sample();
    char text[MR_METADATA_CHARS + 1];
    mr_metadata_encode(&metadata, text);
    for (size_t len = 1; len < strlen(text); len++) {
        enum mr_metadata_kind kind = decode(text, len);
        T_INT_EQ(kind, len < 9 ? MR_METADATA_FOREIGN : MR_METADATA_CORRUPT);
    }
}

Test(ledger_metadata, nothing_is_none)
{
    T_INT_EQ(decode("", 0), MR_METADATA_NONE);
    T_INT_EQ(decode(NULL, 0), MR_METADATA_NONE);
}

Test(ledger_metadata, what_others_write_is_foreign)
{
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text);
    T_INT_EQ(decode("checkpoint 7", 12), MR_METADATA_FOREIGN);
    T_INT_EQ(decode("\0", 1), MR_METADATA_FOREIGN);
    T_INT_EQ(decode("MILLRACE:1|", 11), MR_METADATA_FOREIGN);
    T_INT_EQ(decode(long_text, sizeof long_text), MR_METADATA_FOREIGN);
}

Test(ledger_metadata, what_is_too_long_is_not_looked_at)
{
    char text[MR_METADATA_CHARS + 2];
    memset(text, '0', sizeof text);
    memcpy(text, "millrace:", 9);
    T_INT_EQ(decode(text, sizeof text - 2), MR_METADATA_CORRUPT);
    T_INT_EQ(decode(text, sizeof text - 1), MR_METADATA_TOO_LONG);
}

Test(ledger_metadata, a_later_version_is_told_from_damage)
{
    T_INT_EQ(decode("millrace:2|anything", 19), MR_METADATA_NEWER);
    T_INT_EQ(decode("millrace:12|", 12), MR_METADATA_NEWER);
    T_INT_EQ(decode("millrace:12", 11), MR_METADATA_CORRUPT);
    T_INT_EQ(decode("millrace:|", 10), MR_METADATA_CORRUPT);
    T_INT_EQ(decode("millrace:x|", 11), MR_METADATA_CORRUPT);
}

Test(ledger_metadata, F21_the_metadata_of_another_pipeline_is_named)
{
    struct mr_metadata metadata = sample(), again;
    char text[MR_METADATA_CHARS + 1];
    mr_metadata_encode(&metadata, text);
    T_INT_EQ(mr_metadata_decode(mr_slice_of(text), "payments", &again), MR_METADATA_OTHER_PIPELINE);
    T_STR_EQ(again.pipeline, "orders");
}

/* Bodies that only encode's strictness keeps out; each gets the check that belongs to it. */
Test(ledger_metadata, only_the_one_spelling_of_each_field_is_read)
{
#define L "mzxw6ytboittk63c"
#define A "|aaaaaaaaaaaaaaaa|"
    static const char *const bodies[] = {
        "orders|" L ",017|4200|f5" A "17|1|",
        "orders|" L ",+17|4200|f5" A "17|1|",
        "orders|" L ",0|4200|f5" A "17|1|",
        "orders|" L ",|4200|f5" A "17|1|",
        "orders|" L "17|4200|f5" A "17|1|",
        "orders|" L "x,17|4200|f5" A "17|1|",
        "orders|" L ",17|-1|f5" A "17|1|",
        "orders|" L ",17| 4200|f5" A "17|1|",
        "orders|" L ",17||f5" A "17|1|",
        "orders|" L ",17|99999999999999999999|f5" A "17|1|",
        "orders|" L ",99999999999999999999999|4200|f5" A "17|1|",
        "orders|" L ",17|4200|x5" A "17|1|",
        "orders|" L ",17|4200|" A "17|1|",
        "orders|" L ",17|4200|f" A "17|1|",
        "orders|" L ",17|4200|f0x5" A "17|1|",
        "orders|" L ",17|4200|F5" A "17|1|",
        "orders|" L ",17|4200|f5|-|17|1|",
        "orders|" L ",17|4200|f5" A "|1|",
        "orders|" L ",17|4200|f5" A "1.5|1|",
        "orders|" L ",17|4200|f5" A "-9223372036854775808|1|",
        "orders|" L ",17|4200|f5" A "17||",
        "orders|" L ",17|4200|f5" A "17|g|",
        "orders|" L ",17|4200|f5" A "17|1|1|",
        "orders|" L ",17|4200|f5" A "17|",
        "|" L ",17|4200|f5" A "17|1|",
        "or-ders|" L ",17|4200|f5" A "17|1|",
        "abcdefghijklmnopqrstuvwxyz0123456|" L ",17|4200|f5" A "17|1|",
    };
    char text[MR_METADATA_CHARS + 1];
    for (size_t i = 0; i < MR_ARRAY_LEN(bodies); i++) {
        int len = snprintf(text, sizeof text, "millrace:1|%s", bodies[i]);
        unsigned check = (unsigned)(mr_hash_bytes(text, (size_t)len, 0) & 0xffffffff);
        snprintf(text + len, sizeof text - (size_t)len, "%08x", check);
        T_TRUE_MSG(decode(text, strlen(text)) == MR_METADATA_CORRUPT, "read: %s", text);
    }
    int len = snprintf(text, sizeof text, "millrace:1|orders|" L ",17|4200|f5" A "17|1|");
    unsigned check = (unsigned)(mr_hash_bytes(text, (size_t)len, 0) & 0xffffffff);
    snprintf(text + len, sizeof text - (size_t)len, "%08x", check);
    T_INT_EQ(decode(text, strlen(text)), MR_METADATA_OURS);
}

Test(ledger_metadata, every_kind_has_a_name)
{
    for (int kind = 0; kind <= MR_METADATA_TOO_LONG; kind++) {
        T_TRUE(strlen(mr_metadata_kind_name((enum mr_metadata_kind)kind)) > 0);
    }
}
