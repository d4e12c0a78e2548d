/* The scanner on any bytes: the best kernel with learned orders against the scalar one without.
 * They must agree on the reason, the message, and the fields; an accepted event must keep its
 * promises. */
#include "decode_case.h"
#include "mutate.h"

#include "pipeline/decode/decode_priv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct decode_case reference, fast;

static void
insist(bool ok)
{
    if (!ok)
        abort();
}

static void
open_cases(void)
{
    struct decode_case *cases[] = {&reference, &fast};
    for (size_t i = 0; i < 2; i++) {
        decode_case_init(cases[i]);
        decode_case_text(cases[i], mutate_schema);
        insist(decode_case_compile(cases[i]) == MR_OK);
    }
    mri_decoder_use_kernel(reference.decoder, mri_kernel_find("scalar"));
    mri_decoder_use_templates(reference.decoder, false);
}

static void
check_value(const struct mr_column *column, const struct mr_value *value)
{
    insist(value->set || column->nullable);
    if (!value->set)
        return;
    if (column->type == MR_TYPE_STRING)
        insist(value->text.len <= column->max_bytes);
    if (column->type == MR_TYPE_STRING || column->type == MR_TYPE_JSON) {
        bool unsafe = memchr(value->text.p, 1, value->text.len) ||
                      memchr(value->text.p, 2, value->text.len) ||
                      (value->text.len == 2 && memcmp(value->text.p, "\\N", 2) == 0);
        insist(value->csv_unsafe == unsafe);
    }
}

static void
check_same(const struct mr_column *column, const struct mr_value *a, const struct mr_value *b)
{
    insist(a->set == b->set && a->csv_unsafe == b->csv_unsafe);
    if (!a->set)
        return;
    if (column->type == MR_TYPE_STRING || column->type == MR_TYPE_JSON)
        insist(mr_slice_equal(a->text, b->text));
    else if (column->type == MR_TYPE_DECIMAL)
        insist(a->dec == b->dec);
    else
        insist(a->i64 == b->i64);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!reference.plan)
        open_cases();
    if (size > 65536)
        return 0;
    enum mr_reject a = decode_case_run(&reference, (const char *)data, size);
    for (int round = 0; round < 2; round++) { /* the second time by the order just learned */
        enum mr_reject b = decode_case_run(&fast, (const char *)data, size);
        insist(a == b && strcmp(reference.info.message, fast.info.message) == 0);
        if (a != MR_REJECT_NONE)
            continue;
        insist(reference.event.unknown_fields == fast.event.unknown_fields);
        for (uint32_t i = 0; i < reference.layout->column_count; i++) {
            check_value(&reference.layout->columns[i], &reference.values[i]);
            check_same(&reference.layout->columns[i], &reference.values[i], &fast.values[i]);
        }
    }
    insist(a == MR_REJECT_NONE || reference.info.message[0] != '\0');
    return 0;
}
