/* Slices and a growing text buffer.
 * Threads: owned by the caller. Memory: a buffer grows by doubling up to its limit and then keeps
 * `overflow` set instead of growing; it never aborts for size. A slice is borrowed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "millrace/base/attr.h"

struct mr_slice {
    const char *p; /* not NUL-terminated; NULL only with len 0 */
    size_t len;
};

static inline struct mr_slice
mr_slice_of(const char *text)
{
    return (struct mr_slice){text, strlen(text)};
}

static inline bool
mr_slice_equal(struct mr_slice a, struct mr_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

struct mr_text {
    char *p; /* NUL-terminated once anything was added; NULL before */
    size_t len;
    size_t capacity;
    size_t limit;  /* greatest len; 0 = 64 MiB */
    bool overflow; /* something did not fit or memory ran out: the content is cut */
};

void
mr_text_add(struct mr_text *text, const void *bytes, size_t len);

void
mr_text_addf(struct mr_text *text, const char *format, ...) MR_PRINTF(2, 3);

void
mr_text_adds(struct mr_text *text, const char *string);

/* Content as a C string ("" when empty); valid until the next change. */
const char *
mr_text_str(const struct mr_text *text);

/* len = 0, keeps the memory. */
void
mr_text_reset(struct mr_text *text);

void
mr_text_fini(struct mr_text *text);

/* Writes bytes from outside as printable ASCII into out (NUL-terminated): `"` and `\` escaped, other
 * bytes as \xHH, cut with "…" when out is full. Returns out. */
const char *
mr_text_quote(char *out, size_t out_size, const void *bytes, size_t len);

/* Edit distance (Levenshtein), for "did you mean"; stops counting at limit. */
unsigned
mr_text_distance(const char *a, const char *b, unsigned limit);

/* The word among count words that is closest to word, for "did you mean"; NULL when none is close:
 * one edit for words of up to four letters, two for longer ones. */
const char *
mr_text_closest(const char *word, const char *const *words, size_t count);
