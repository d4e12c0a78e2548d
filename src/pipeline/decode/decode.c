/* The decoder of one worker: scan, project, and the rule about clocks. */
#include "decode_priv.h"
#include "millrace/base/log.h"

#include <stdlib.h>

#define KERNEL_VARIABLE "MR_DECODE_KERNEL"

static const struct mri_kernel *
choose_kernel(void)
{
    const char *name = getenv(KERNEL_VARIABLE);
    const struct mri_kernel *kernel = name ? mri_kernel_find(name) : NULL;
    if (name && !kernel)
        mr_log(MR_LOG_WARN,
               "decode",
               "kernel cannot be used here, taking the best one",
               MR_STR("variable", KERNEL_VARIABLE),
               MR_STR("value", name));
    return kernel ? kernel : mri_kernel_find(NULL);
}

static bool
allocate(struct mr_decoder *decoder)
{
    decoder->tokens = calloc(decoder->plan->node_count, sizeof *decoder->tokens);
    decoder->scratch = malloc(decoder->scratch_bytes + 1);
    decoder->pen.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    bool ok = decoder->tokens && decoder->scratch && decoder->pen.locale;
    for (uint32_t i = 0; i <= MRI_TEMPLATES_MAX; i++) {
        decoder->templates[i] = malloc(sizeof *decoder->templates[i]);
        ok = ok && decoder->templates[i];
    }
    return ok;
}

enum mr_rc
mr_decoder_new(const struct mr_plan *plan, size_t scratch_bytes, struct mr_decoder **ret_decoder)
{
    struct mr_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return MR_MEMORY;
    decoder->plan = plan;
    decoder->kernel = choose_kernel();
    decoder->scratch_bytes = scratch_bytes;
    decoder->use_templates = !plan->whole_objects;
    if (!allocate(decoder)) {
        mr_decoder_free(&decoder);
        return MR_MEMORY;
    }
    mr_decoder_reset(decoder);
    *ret_decoder = decoder;
    return MR_OK;
}

void
mr_decoder_free(struct mr_decoder **decoder)
{
    if (!decoder || !*decoder)
        return;
    for (uint32_t i = 0; i <= MRI_TEMPLATES_MAX; i++)
        free((*decoder)->templates[i]);
    if ((*decoder)->pen.locale)
        freelocale((*decoder)->pen.locale);
    free((*decoder)->scratch);
    free((*decoder)->tokens);
    free(*decoder);
    *decoder = NULL;
}

void
mr_decoder_reset(struct mr_decoder *decoder)
{
    decoder->pen.p = decoder->scratch;
    decoder->pen.limit = decoder->scratch + decoder->scratch_bytes;
}

void
mri_decoder_use_kernel(struct mr_decoder *decoder, const struct mri_kernel *kernel)
{
    decoder->kernel = kernel;
}

void
mri_decoder_use_templates(struct mr_decoder *decoder, bool use)
{
    decoder->use_templates = use && !decoder->plan->whole_objects;
    decoder->template_count = decoder->template_last = decoder->template_next = 0;
    decoder->seen = decoder->missed = decoder->pause = 0;
}

/* "byte 17: a colon was expected, found "x"", "payload.amount: the key is repeated at byte 17". */
static enum mr_reject
refuse_document(const struct mri_scan *scan, struct mr_reject_info *info)
{
    char quoted[24];
    size_t at = (size_t)(scan->fault_at - scan->begin);
    const struct mri_node *node = &scan->plan->nodes[scan->fault_node];
    if (scan->fault_node > 0)
        return mri_refuse(info, scan->reason, node, "%s at byte %zu", scan->fault, at);
    size_t left = (size_t)(scan->end - scan->fault_at);
    mr_text_quote(quoted, sizeof quoted, scan->fault_at, left < 8 ? left : 8);
    if (left == 0)
        return mri_refuse(info, scan->reason, NULL, "byte %zu: %s", at, scan->fault);
    return mri_refuse(
        info, scan->reason, NULL, "byte %zu: %s, found \"%s\"", at, scan->fault, quoted);
}

/* An event from the future would hold its window open, and the watermark with it; one of the first
 * days of the calendar can belong to a window that has no name. */
static enum mr_reject
check_clock(const struct mr_decoder *decoder,
            int64_t now_us,
            struct mr_event *event,
            struct mr_reject_info *info)
{
    const struct mr_layout *layout = &decoder->plan->layout;
    int64_t ahead_us = event->values[layout->time_column].i64 - now_us;
    event->time_us = event->values[layout->time_column].i64;
    if (MR_UNLIKELY(event->time_us < decoder->plan->min_time_us))
        return mri_refuse(info,
                          MR_REJECT_range,
                          NULL,
                          "%.80s: its window would begin before the year 0001",
                          layout->columns[layout->time_column].path);
    if (MR_LIKELY(ahead_us <= decoder->plan->max_future_us))
        return MR_REJECT_NONE;
    return mri_refuse(info,
                      MR_REJECT_clock,
                      NULL,
                      "%.80s: %lld ms ahead of the clock, event.time.max_future is %lld ms",
                      layout->columns[layout->time_column].path,
                      (long long)(ahead_us / 1000),
                      (long long)(decoder->plan->max_future_us / 1000));
}

enum mr_reject
mr_decode(struct mr_decoder *decoder,
          const struct mr_record *record,
          int64_t now_us,
          struct mr_event *event,
          struct mr_reject_info *ret_info)
{
    struct mri_scan scan;
    if (MR_UNLIKELY(record->oversize))
        return mri_refuse(ret_info,
                          MR_REJECT_oversize,
                          NULL,
                          "%u bytes, event.max_bytes is less",
                          record->value_total);
    if (!mri_template_scan(decoder, record, &scan))
        return refuse_document(&scan, ret_info);
    event->record = record;
    event->unknown_fields = scan.unknown;
    enum mr_reject reject = mri_project(decoder, event, ret_info);
    if (MR_LIKELY(reject == MR_REJECT_NONE))
        reject = check_clock(decoder, now_us, event, ret_info);
    return reject;
}
