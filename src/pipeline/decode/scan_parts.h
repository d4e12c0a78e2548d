/* Values under the scanner: strings, numbers, and whole arrays and objects that are only checked.
 * Included by scan.c alone, after kernel.h, so that each kernel has its own inlined copy. p always
 * points into the document; a function returns the place after what it read, or NULL at a fault. */
#pragma once

#include "decode_priv.h"
#include "scan_check.h"

static inline const char *
skip_space(const char *p)
{
    while (MR_UNLIKELY((unsigned char)*p <= ' ') &&
           (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* p: after the opening quote. Returns the place of the closing one. */
static inline const char *
string_end(struct mri_scan *scan, const char *p, uint8_t *flags)
{
    for (;;) {
        uint64_t hits = mri_special(p);
        if (hits == 0) {
            p += MRI_WIDTH;
            if (MR_UNLIKELY(p >= scan->end))
                return mri_string_open(scan);
            continue;
        }
        p += __builtin_ctzll(hits);
        if (MR_LIKELY(*p == '"' && p < scan->end))
            return p;
        p = mri_string_special(scan, p, flags);
        if (MR_UNLIKELY(!p))
            return NULL;
    }
}

static inline const char *
scan_string(struct mri_scan *scan, const char *p, struct mri_token *token)
{
    uint8_t flags = 0;
    const char *end = string_end(scan, p, &flags);
    if (MR_UNLIKELY(!end))
        return NULL;
    token->p = p;
    token->len = (uint32_t)(end - p);
    token->kind = MRI_STRING;
    token->flags = flags;
    return end + 1;
}

static inline bool
is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static inline const char *
skip_digits(const char *p)
{
    while (is_digit(*p))
        p++;
    return p;
}

/* p: at the point or the e, which make the number a real. */
static __attribute__((noinline)) const char *
scan_real(struct mri_scan *scan, const char *p)
{
    if (*p == '.') {
        if (!is_digit(*++p))
            return fault(scan, p, "a digit was expected after the point");
        p = skip_digits(p);
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        if (!is_digit(*p))
            return fault(scan, p, "a digit was expected in the exponent");
        p = skip_digits(p);
    }
    return p;
}

static inline const char *
scan_number(struct mri_scan *scan, const char *p, struct mri_token *token)
{
    const char *begin = p;
    token->flags = 0;
    p += *p == '-';
    if (MR_UNLIKELY(!is_digit(*p)))
        return fault(scan, p, "a digit was expected");
    p = *p == '0' ? p + 1 : skip_digits(p + 1);
    if (MR_UNLIKELY(*p == '.' || *p == 'e' || *p == 'E')) {
        token->flags = MRI_REAL;
        p = scan_real(scan, p);
        if (!p)
            return NULL;
    }
    token->p = begin;
    token->len = (uint32_t)(p - begin);
    token->kind = MRI_NUMBER;
    return p;
}

static inline const char *
scan_scalar(struct mri_scan *scan, const char *p, struct mri_token *token)
{
    if (*p == '"')
        return scan_string(scan, p + 1, token);
    if (*p == '-' || is_digit(*p))
        return scan_number(scan, p, token);
    return mri_scan_literal(scan, p, token);
}

/* A key that nobody looks up, and its colon. Leaves p at the value. */
static inline const char *
skip_key(struct mri_scan *scan, const char *p)
{
    uint8_t flags = 0;
    if (*p != '"')
        return fault(scan, p, "a key was expected");
    p = string_end(scan, p + 1, &flags);
    if (!p)
        return NULL;
    p = skip_space(p + 1);
    if (*p != ':')
        return fault(scan, p, "a colon was expected");
    return skip_space(p + 1);
}

/* Which of the open containers are objects, so that depth costs no recursion. */
struct nest {
    bool objects[MRI_DEPTH_MAX]; /* the first `depth` hold */
    uint32_t depth;
};

/* p: at an opening bracket. Leaves p at the first value inside, after its key; *ret_empty: there is
 * none, and p is after the closing bracket. */
static inline const char *
nest_open(
    struct mri_scan *scan, struct nest *nest, const char *p, uint32_t outside, bool *ret_empty)
{
    bool object = *p == '{';
    if (outside + nest->depth >= scan->plan->max_depth)
        return fault_depth(scan, p);
    nest->objects[nest->depth++] = object;
    p = skip_space(p + 1);
    *ret_empty = *p == (object ? '}' : ']');
    if (*ret_empty) {
        nest->depth--;
        return p + 1;
    }
    return object ? skip_key(scan, p) : p;
}

/* p: after a value inside a container. Leaves p at the next value, or after the outermost container
 * with nest->depth 0. */
static inline const char *
nest_next(struct mri_scan *scan, struct nest *nest, const char *p)
{
    while (nest->depth > 0) {
        bool object = nest->objects[nest->depth - 1];
        if (p >= scan->end)
            return fault(scan, scan->end, "the document ends too early");
        p = skip_space(p);
        if (*p == ',') {
            p = skip_space(p + 1);
            return object ? skip_key(scan, p) : p;
        }
        if (*p != (object ? '}' : ']'))
            return fault(scan,
                         p,
                         object ? "a comma or the end of the object was expected"
                                : "a comma or the end of the array was expected");
        p++;
        nest->depth--;
    }
    return p < scan->end ? p : fault(scan, scan->end, "the document ends too early");
}

/* A whole array or object that is not described: checked, and taken as one slice. */
static __attribute__((noinline)) const char *
scan_container(struct mri_scan *scan, const char *p, struct mri_token *token, uint32_t outside)
{
    const char *begin = p;
    struct mri_token ignored;
    struct nest nest;
    nest.depth = 0;
    do {
        bool whole = true; /* a value ends at p */
        if (*p == '{' || *p == '[')
            p = nest_open(scan, &nest, p, outside, &whole);
        else
            p = scan_scalar(scan, p, &ignored);
        if (p && whole)
            p = nest_next(scan, &nest, p);
    } while (p && nest.depth > 0);
    if (!p)
        return NULL;
    token->p = begin;
    token->len = (uint32_t)(p - begin);
    token->kind = *begin == '{' ? MRI_OBJECT : MRI_ARRAY;
    token->flags = 0;
    return p;
}

/* outside: objects that are open around the value. */
static inline const char *
scan_value(struct mri_scan *scan, const char *p, struct mri_token *token, uint32_t outside)
{
    if (MR_LIKELY(*p == '"'))
        return scan_string(scan, p + 1, token);
    if (MR_UNLIKELY(*p == '{' || *p == '['))
        return scan_container(scan, p, token, outside);
    return scan_scalar(scan, p, token);
}
