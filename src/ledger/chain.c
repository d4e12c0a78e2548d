/* Names: chains, and the labels of units and registry loads. */
#include "millrace/protocol.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/hash.h"

#define ARBITER "0"
#define LEDGER  "ledger"

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

void
mr_chain_make(const uint8_t bits[MR_CHAIN_BYTES], struct mr_chain *ret_chain)
{
    for (unsigned i = 0; i < MR_CHAIN_CHARS; i++) {
        unsigned bit = i * 5, byte = bit / 8, shift = bit % 8;
        unsigned next = byte + 1 < MR_CHAIN_BYTES ? bits[byte + 1] : 0;
        unsigned pair = (unsigned)bits[byte] << 8 | next;
        ret_chain->text[i] = digits[pair >> (11 - shift) & 31];
    }
    ret_chain->text[MR_CHAIN_CHARS] = '\0';
}

void
mr_chain_draw(struct mr_chain *ret_chain)
{
    const uint64_t random[2] = {mr_hash_random(), mr_hash_random()};
    uint8_t bits[MR_CHAIN_BYTES];
    memcpy(bits, random, sizeof bits);
    mr_chain_make(bits, ret_chain);
}

bool
mr_chain_parse(struct mr_slice text, struct mr_chain *ret_chain)
{
    if (text.len != MR_CHAIN_CHARS) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!memchr(digits, text.p[i], sizeof digits - 1)) {
            return false;
        }
    }
    memcpy(ret_chain->text, text.p, MR_CHAIN_CHARS);
    ret_chain->text[MR_CHAIN_CHARS] = '\0';
    return true;
}

bool
mr_chain_equal(const struct mr_chain *a, const struct mr_chain *b)
{
    return strcmp(a->text, b->text) == 0;
}

bool
mr_chain_is_none(const struct mr_chain *chain)
{
    return chain->text[0] == '\0';
}

bool
mr_unit_name_equal(const struct mr_unit_name *a, const struct mr_unit_name *b)
{
    return a->n == b->n && mr_chain_equal(&a->chain, &b->chain);
}

uint32_t
mr_label_count(enum mr_protocol_mode mode, uint32_t table_count)
{
    return mode == MR_MODE_MULTI ? 1 : table_count + 2;
}

/* StarRocks: ^[-\w]{1,128}$ with \w of ASCII. */
static bool
is_label(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return text[strspn(text, allowed)] == '\0';
}

static MR_PRINTF(2, 3) enum mr_rc print_label(struct mr_label *ret_label, const char *format, ...)
{
    struct mr_label label;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(label.text, sizeof label.text, format, args);
    va_end(args);
    /* GCOV: strings and numbers can always be printed */
    if (len < 0 || (size_t)len >= sizeof label.text || !is_label(label.text)) {
        return MR_CONFIG;
    }
    *ret_label = label;
    return MR_OK;
}

enum mr_rc
mr_label_unit(enum mr_protocol_mode mode,
              const char *pipeline,
              const struct mr_chain *chain,
              uint64_t n,
              const char *const *tables,
              uint32_t table_count,
              uint32_t index,
              struct mr_label *ret_label)
{
    MR_REQUIRE(n > 0);
    MR_REQUIRE(index < mr_label_count(mode, table_count));
    if (mode == MR_MODE_MULTI) {
        return print_label(ret_label, "%s-%s-%" PRIu64, pipeline, chain->text, n);
    }
    const char *part = index == 0 ? ARBITER : LEDGER;
    if (index > 0 && index <= table_count) {
        part = tables[index - 1];
        if (strcmp(part, ARBITER) == 0 || strcmp(part, LEDGER) == 0) {
            return MR_CONFIG; /* two labels of the unit would be one */
        }
    }
    return print_label(ret_label, "%s-%s-%" PRIu64 "-%s", pipeline, chain->text, n, part);
}

enum mr_rc
mr_label_announce(const char *pipeline,
                  const struct mr_chain *chain,
                  uint64_t k,
                  struct mr_label *ret_label)
{
    return print_label(ret_label, "%s-%s-a%" PRIu64, pipeline, chain->text, k);
}

enum mr_rc
mr_label_close(const char *pipeline,
               const struct mr_chain *chain,
               uint64_t k,
               struct mr_label *ret_label)
{
    return print_label(ret_label, "%s-%s-z%" PRIu64, pipeline, chain->text, k);
}
