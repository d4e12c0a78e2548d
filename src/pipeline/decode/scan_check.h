/* The rare parts of scanning, shared by the kernels: faults, escapes, text above ASCII, literals,
 * and what a template learns. */
#pragma once

#include "decode_priv.h"

/* Notes the first fault and returns NULL. text is a constant. */
const char *
mri_scan_fault(struct mri_scan *scan, enum mr_reject reason, const char *p, const char *text);

static inline const char *
fault(struct mri_scan *scan, const char *p, const char *text)
{
    return mri_scan_fault(scan, MR_REJECT_malformed, p, text);
}

static inline const char *
fault_depth(struct mri_scan *scan, const char *p)
{
    return mri_scan_fault(scan, MR_REJECT_depth, p, "nested deeper than event.max_depth allows");
}

/* The key of a described node for a second time; p: at its quote. */
const char *mri_scan_repeated(struct mri_scan *scan, const char *p, uint32_t node);

/* Trims white space around the document, checks its first and last byte, and returns the place of
 * the first. scan->end is the end of the document from here on. */
const char *mri_scan_frame(struct mri_scan *scan);

/* Bytes are left for a literal of a template. */
static inline bool
mri_scan_room(const struct mri_scan *scan, const char *p, uint32_t len)
{
    return scan->end - p >= (ptrdiff_t)len;
}

/* A string without an end. */
const char *mri_string_open(struct mri_scan *scan);

/* p: inside a string, at a byte that is not plain text. Returns the place after the escape or after
 * a run of characters above ASCII. */
const char *mri_string_special(struct mri_scan *scan, const char *p, uint8_t *flags);

/* true, false, null. */
const char *mri_scan_literal(struct mri_scan *scan, const char *p, struct mri_token *token);

/* template.c: what a document teaches. Each ends the lesson (scan->learn = NULL) at a limit. */
void mri_learn_value(struct mri_scan *scan,
                     const char *p,
                     const char *after,
                     int32_t node,
                     uint8_t kind,
                     uint32_t depth);

void mri_learn_object(struct mri_scan *scan, uint32_t node);

void mri_learn_end(struct mri_scan *scan);
