/* Learned key orders. One producer writes its documents with the same keys in the same order and
 * the same white space, so the bytes between two values repeat. A template holds them; a document
 * that fits needs no key read or looked up (the idea of Mison). A document that does not fit is
 * scanned again in general: a template never judges, it only saves time. Repeated keys need no look
 * here: they are bytes between values, and a document that repeats one teaches nothing. */
#include "scan_check.h"

#include <string.h>

#define PERIOD      1024  /* records after which misses are weighed */
#define MISSES_MAX  102   /* a period with more (a tenth) forgets what was learned */
#define REST        16384 /* records without templates after a period in which most missed */
#define MISSES_REST 512

/* --- learning */

static bool
add_literal(struct mri_template *template, const char *p, size_t len, uint32_t *ret_offset)
{
    if (len > MRI_LITERALS_MAX - template->literal_bytes)
        return false;
    *ret_offset = template->literal_bytes;
    memcpy(template->literals + template->literal_bytes, p, len);
    template->literal_bytes += (uint32_t)len;
    return true;
}

void
mri_learn_value(struct mri_scan *scan,
                const char *p,
                const char *after,
                int32_t node,
                uint8_t kind,
                uint32_t depth)
{
    struct mri_template *template = scan->learn;
    const char *value = kind == MRI_STRING ? p + 1 : p;
    struct mri_step step = {.literal_len = (uint32_t)(value - scan->learned_to),
                            .node = node,
                            .kind = kind,
                            .opens = (uint8_t)depth};
    if (template->step_count == MRI_STEPS_MAX ||
        !add_literal(template, scan->learned_to, step.literal_len, &step.literal)) {
        scan->learn = NULL;
        return;
    }
    template->steps[template->step_count++] = step;
    scan->learned_to = after;
}

void
mri_learn_object(struct mri_scan *scan, uint32_t node)
{
    struct mri_template *template = scan->learn;
    if (template->object_count == MR_ARRAY_LEN(template->objects))
        scan->learn = NULL;
    else
        template->objects[template->object_count++] = (uint16_t)node;
}

void
mri_learn_end(struct mri_scan *scan)
{
    struct mri_template *template = scan->learn;
    template->tail_len = (uint32_t)(scan->end - scan->learned_to);
    if (!add_literal(template, scan->learned_to, template->tail_len, &template->tail))
        return;
    template->unknown = scan->unknown;
    template->complete = true;
}

/* --- use */

static void
start(struct mr_decoder *decoder, struct mri_scan *scan, const struct mr_record *record)
{
    *scan = (struct mri_scan){.plan = decoder->plan,
                              .begin = record->value,
                              .end = record->value + record->value_len,
                              .tokens = decoder->tokens};
    memset(decoder->tokens, 0, decoder->plan->node_count * sizeof *decoder->tokens);
}

/* The template that fitted last is tried first. */
static bool
scan_learned(struct mr_decoder *decoder, struct mri_scan *scan, const struct mr_record *record)
{
    for (uint32_t i = 0; i < decoder->template_count; i++) {
        uint32_t index = (decoder->template_last + i) % decoder->template_count;
        if (i > 0)
            start(decoder, scan, record);
        if (decoder->kernel->scan_template(scan, decoder->templates[index])) {
            decoder->template_last = index;
            return true;
        }
    }
    return false;
}

/* Ends a period: where too much missed, what was learned is of the past; where most missed, keys
 * come in any order and templates only cost. */
static void
weigh(struct mr_decoder *decoder)
{
    if (decoder->missed > MISSES_REST)
        decoder->pause = REST;
    if (decoder->missed > MISSES_MAX)
        decoder->template_count = decoder->template_last = decoder->template_next = 0;
    decoder->seen = decoder->missed = 0;
}

/* A general scan that learns into the spare template, which then takes the place of the oldest. */
static bool
scan_and_learn(struct mr_decoder *decoder, struct mri_scan *scan)
{
    struct mri_template *spare = decoder->templates[MRI_TEMPLATES_MAX];
    spare->step_count = spare->literal_bytes = spare->object_count = 0;
    spare->complete = false;
    scan->learn = spare;
    scan->learned_to = mri_scan_frame(scan);
    if (!scan->learned_to || !decoder->kernel->scan(scan))
        return false;
    decoder->missed++;
    if (!spare->complete)
        return true;
    uint32_t place = decoder->template_next;
    decoder->templates[MRI_TEMPLATES_MAX] = decoder->templates[place];
    decoder->templates[place] = spare;
    decoder->template_last = place;
    decoder->template_next = (place + 1) % MRI_TEMPLATES_MAX;
    if (decoder->template_count < MRI_TEMPLATES_MAX)
        decoder->template_count++;
    return true;
}

bool
mri_template_scan(struct mr_decoder *decoder, const struct mr_record *record, struct mri_scan *scan)
{
    start(decoder, scan, record);
    if (decoder->seen++ == PERIOD)
        weigh(decoder);
    if (!decoder->use_templates || decoder->pause > 0) {
        decoder->pause -= decoder->pause > 0;
        return decoder->kernel->scan(scan);
    }
    if (scan_learned(decoder, scan, record))
        return true;
    start(decoder, scan, record);
    return scan_and_learn(decoder, scan);
}
