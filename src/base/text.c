/* Growing text, quoting of bytes from outside, edit distance. */
#include "millrace/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_LIMIT ((size_t)64 << 20)
#define DISTANCE_MAX 64

/* Room for `more` bytes and the final NUL; sets overflow when there is none. */
static bool
grow(struct mr_text *text, size_t more)
{
    size_t limit = text->limit ? text->limit : DEFAULT_LIMIT;
    if (more > limit || text->len > limit - more) {
        text->overflow = true;
        return false;
    }
    size_t need = text->len + more + 1;
    if (need <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity < need)
        capacity *= 2;
    char *p = realloc(text->p, capacity);
    if (!p) {
        text->overflow = true;
        return false;
    }
    text->p = p;
    text->capacity = capacity;
    return true;
}

void
mr_text_add(struct mr_text *text, const void *bytes, size_t len)
{
    if (len == 0 || !grow(text, len))
        return;
    memcpy(text->p + text->len, bytes, len);
    text->len += len;
    text->p[text->len] = '\0';
}

void
mr_text_adds(struct mr_text *text, const char *string)
{
    mr_text_add(text, string, strlen(string));
}

void
mr_text_addf(struct mr_text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len > 0 && grow(text, (size_t)len)) {
        vsnprintf(text->p + text->len, (size_t)len + 1, format, again);
        text->len += (size_t)len;
    } else if (len < 0) {
        text->overflow = true;
    }
    va_end(again);
}

const char *
mr_text_str(const struct mr_text *text)
{
    return text->p ? text->p : "";
}

void
mr_text_reset(struct mr_text *text)
{
    text->len = 0;
    text->overflow = false;
    if (text->p)
        text->p[0] = '\0';
}

void
mr_text_fini(struct mr_text *text)
{
    free(text->p);
    *text = (struct mr_text){.limit = text->limit};
}

/* The escaped form of one byte; returns its length (1, 2 or 4). */
static size_t
escape(unsigned char byte, char form[5])
{
    if (byte == '"' || byte == '\\')
        return (size_t)snprintf(form, 5, "\\%c", byte);
    if (byte >= 0x20 && byte < 0x7f)
        return (size_t)snprintf(form, 5, "%c", byte);
    return (size_t)snprintf(form, 5, "\\x%02X", byte);
}

const char *
mr_text_quote(char *out, size_t out_size, const void *bytes, size_t len)
{
    static const char cut[] = "...";
    const unsigned char *p = bytes;
    size_t used = 0, cut_at = 0; /* the last place at which the mark would still fit */
    if (out_size < sizeof cut) {
        if (out_size > 0)
            out[0] = '\0';
        return out;
    }
    for (size_t i = 0; i < len; i++) {
        char form[5];
        size_t form_len = escape(p[i], form);
        if (used + form_len + 1 > out_size) {
            memcpy(out + cut_at, cut, sizeof cut);
            return out;
        }
        memcpy(out + used, form, form_len);
        used += form_len;
        if (used + sizeof cut <= out_size)
            cut_at = used;
    }
    out[used] = '\0';
    return out;
}

unsigned
mr_text_distance(const char *a, const char *b, unsigned limit)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    unsigned row[DISTANCE_MAX + 1];
    if (a_len > DISTANCE_MAX || b_len > DISTANCE_MAX)
        return limit + 1;
    for (unsigned j = 0; j <= b_len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0], best = row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned change = diagonal + (a[i - 1] != b[j - 1]);
            unsigned edit = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < edit ? change : edit;
            if (row[j] < best)
                best = row[j];
        }
        if (best > limit)
            return limit + 1;
    }
    return row[b_len] > limit ? limit + 1 : row[b_len];
}

const char *
mr_text_closest(const char *word, const char *const *words, size_t count)
{
    unsigned best = strlen(word) < 5 ? 2 : 3;
    const char *closest = NULL;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = mr_text_distance(word, words[i], best);
        if (distance < best) {
            best = distance;
            closest = words[i];
        }
    }
    return closest;
}
