/* Every kernel, with and without learned key orders, gives the same answer to every document:
 * values, reasons, messages. */
#include "decode_case.h"
#include "mutate.h"
#include "test.h"

#include "pipeline/decode/decode_priv.h"

#include <stdio.h>
#include <string.h>

#define DOCUMENTS 30000
#define ROOM      8192

/* All that a caller can see of one decoded record. */
static size_t
describe(const struct decode_case *c, enum mr_reject reject, char *out)
{
    size_t used = (size_t)snprintf(out, ROOM, "%s|%s|", mr_reject_name(reject), c->info.message);
    if (reject != MR_REJECT_NONE)
        return used;
    used += (size_t)snprintf(
        out + used, ROOM - used, "%u|%lld|", c->event.unknown_fields, (long long)c->event.time_us);
    for (uint32_t i = 0; i < c->layout->column_count; i++) {
        const struct mr_value *value = &c->values[i];
        out[used++] = value->set ? 'v' : '-';
        out[used++] = value->csv_unsafe ? 'u' : '-';
        if (!value->set)
            continue;
        enum mr_type type = c->layout->columns[i].type;
        if (type == MR_TYPE_STRING || type == MR_TYPE_JSON || type == MR_TYPE_DOUBLE) {
            memcpy(out + used, value->text.p, value->text.len);
            used += value->text.len;
        }
        if (type == MR_TYPE_DECIMAL) {
            memcpy(out + used, &value->dec, sizeof value->dec);
            used += sizeof value->dec;
        } else if (type != MR_TYPE_STRING && type != MR_TYPE_JSON) {
            memcpy(out + used, &value->i64, sizeof value->i64);
            used += sizeof value->i64;
        }
    }
    return used;
}

static void
open_case(struct decode_case *c, const char *kernel, bool templates)
{
    decode_case_init(c);
    decode_case_text(c, mutate_schema);
    T_TRUE_MSG(decode_case_compile(c) == MR_OK, "%s", decode_case_mistakes(c));
    mri_decoder_use_kernel(c->decoder, mri_kernel_find(kernel));
    mri_decoder_use_templates(c->decoder, templates);
}

/* Documents of few shapes in bursts, so that orders are learned, forgotten, and meet broken ones.
 */
static size_t
next_document(struct mutate_random *random, unsigned i, char *text)
{
    uint32_t burst = i / 64;
    uint32_t shape =
        burst % 5 == 4 ? mutate_below(random, 400) : burst * 31 % 7 + mutate_below(random, 2);
    size_t len = mutate_document(random, shape, text, ROOM / 2);
    return mutate_below(random, 3) == 0 ? mutate_bytes(random, text, len, ROOM / 2) : len;
}

static void
compare_with_scalar(const char *kernel, bool templates)
{
    static struct decode_case reference, other;
    static char text[ROOM], wanted[ROOM], got[ROOM];
    struct mutate_random random = {2026};
    unsigned accepted = 0, learned = 0, repeated = 0;
    if (!mri_kernel_find(kernel))
        return; /* this processor cannot run it */
    open_case(&reference, "scalar", false);
    open_case(&other, kernel, templates);
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        size_t len = next_document(&random, i, text);
        uint32_t missed = other.decoder->missed;
        enum mr_reject a = decode_case_run(&reference, text, len);
        enum mr_reject b = decode_case_run(&other, text, len);
        size_t wanted_len = describe(&reference, a, wanted), got_len = describe(&other, b, got);
        T_TRUE_MSG(wanted_len == got_len && memcmp(wanted, got, got_len) == 0,
                   "%s, templates %d, document %u: %.*s\n%.200s\n%.200s",
                   kernel,
                   templates,
                   i,
                   (int)len,
                   text,
                   wanted,
                   got);
        accepted += a == MR_REJECT_NONE;
        repeated += a == MR_REJECT_malformed && strstr(reference.info.message, "key is repeated");
        learned += templates && b == MR_REJECT_NONE && other.decoder->missed == missed;
    }
    T_TRUE_MSG(accepted > DOCUMENTS / 4 && accepted < DOCUMENTS * 9 / 10, "%u accepted", accepted);
    T_TRUE_MSG(repeated > DOCUMENTS / 50, "%u with repeated keys", repeated);
    T_TRUE_MSG(
        !templates || learned > accepted / 2, "%u of %u by a learned order", learned, accepted);
    decode_case_close(&reference);
    decode_case_close(&other);
}

Test(decode_kernels, sse2_agrees_with_scalar)
{
    compare_with_scalar("sse2", false);
}

Test(decode_kernels, avx2_agrees_with_scalar)
{
    compare_with_scalar("avx2", false);
}

Test(decode_kernels, learned_orders_agree_with_the_general_scan)
{
    compare_with_scalar("scalar", true);
}

Test(decode_kernels, learned_orders_agree_on_sse2)
{
    compare_with_scalar("sse2", true);
}

Test(decode_kernels, learned_orders_agree_on_avx2)
{
    compare_with_scalar("avx2", true);
}

Test(decode_kernels, a_kernel_is_found_by_its_name)
{
    T_STR_EQ(mri_kernel_find("scalar")->name, "scalar");
    T_TRUE(mri_kernel_find("mmx") == NULL);
    T_TRUE(mri_kernel_find(NULL) != NULL);
}

Test(decode_kernels, the_environment_forces_a_kernel)
{
    static struct decode_case c;
    setenv("MR_DECODE_KERNEL", "scalar", 1);
    decode_case_init(&c);
    decode_case_text(&c, mutate_schema);
    T_INT_EQ(decode_case_compile(&c), MR_OK);
    T_STR_EQ(c.decoder->kernel->name, "scalar");
    decode_case_close(&c);
    setenv("MR_DECODE_KERNEL", "abacus", 1);
    decode_case_init(&c);
    decode_case_text(&c, mutate_schema);
    T_INT_EQ(decode_case_compile(&c), MR_OK);
    T_TRUE(c.decoder->kernel == mri_kernel_find(NULL));
    decode_case_close(&c);
    unsetenv("MR_DECODE_KERNEL");
}
