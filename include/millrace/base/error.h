/* An error with its place, filled only at borders: configuration, connect, reply.
 * Threads: owned by the caller. Memory: fixed, texts are cut. Functions that fill one do not log:
 * the loop that owns the stage logs once. */
#pragma once

#include "millrace/base/attr.h"
#include "millrace/base/rc.h"

struct mr_error {
    enum mr_rc rc;
    char text[512]; /* lower-case, the object in quotes, the system's reason last */
    char hint[256]; /* a sentence, or "" for mr_rc_hint(rc) */
};

/* Fills err (which may be NULL) and returns rc, so that a caller can write
 * `return mr_error_set(reterr, MR_KAFKA, "…", …);`. Clears the hint. */
enum mr_rc
mr_error_set(struct mr_error *err, enum mr_rc rc, const char *format, ...) MR_PRINTF(3, 4);

/* Replaces the hint; err may be NULL. */
void
mr_error_hint(struct mr_error *err, const char *format, ...) MR_PRINTF(2, 3);

/* The hint to show: the error's own, else that of its code. */
const char *
mr_error_get_hint(const struct mr_error *err);
