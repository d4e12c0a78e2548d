/* JSON lines: one object a row, made from the CSV texts of its columns. */
#include <string.h>

#include "harvest_priv.h"

static bool
is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static size_t
escaped_len(struct mr_slice text)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];
        len += is_plain(c) ? 1 : c < 0x20 ? 6 : 2;
    }
    return len;
}

static char *
put_escaped(char *out, struct mr_slice text)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (is_plain(c)) {
            *out++ = (char)c;
        } else if (c >= 0x20) {
            *out++ = '\\';
            *out++ = (char)c;
        } else {
            memcpy(out, "\\u00", 4);
            out[4] = hex[c >> 4];
            out[5] = hex[c & 15];
            out += 6;
        }
    }
    return out;
}

static char *
put_quoted(char *out, struct mr_slice text)
{
    *out++ = '"';
    out = put_escaped(out, text);
    *out++ = '"';
    return out;
}

/* Raw JSON. A line feed in it stands between tokens, never in a string, where it must be escaped;
 * as a space it leaves a row on one line. */
static char *
put_raw(char *out, struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        *out++ = text.p[i] == '\n' || text.p[i] == '\r' ? ' ' : text.p[i];
    return out;
}

static char *
put_value(char *out, enum mri_kind kind, struct mr_slice text)
{
    if (!text.p) {
        memcpy(out, "null", 4);
        return out + 4;
    }
    switch (kind) {
    case MRI_KIND_JSON:
    case MRI_KIND_INT:
    case MRI_KIND_DOUBLE:
        return put_raw(out, text);
    case MRI_KIND_BOOL:
        memcpy(out, text.p[0] == '1' ? "true" : "false", 5);
        return out + (text.p[0] == '1' ? 4 : 5);
    case MRI_KIND_STRING:
    case MRI_KIND_LARGEINT: /* quoted: a reader may take a bare number for a double */
    case MRI_KIND_DECIMAL:
    case MRI_KIND_TIMESTAMP:
    case MRI_KIND_DATE:
        return put_quoted(out, text);
    }
    return out;
}

static size_t
value_bound(const struct mri_out *column, struct mr_slice text)
{
    size_t marks = sizeof ",\"\":\"\"" + sizeof "null";
    return marks + escaped_len(mr_slice_of(column->name)) + strlen(column->suffix) +
           escaped_len(text);
}

static char *
put_member(char *out, const struct mri_out *column, struct mr_slice text)
{
    *out++ = '"';
    out = put_escaped(out, mr_slice_of(column->name));
    out = put_escaped(out, mr_slice_of(column->suffix));
    memcpy(out, "\":", 2);
    return put_value(out + 2, column->kind, text);
}

static void
end_row(struct mr_body *body, const char *start, char *end)
{
    memcpy(end, "}\n", 2);
    mr_body_advance(body, (size_t)(end + 2 - start));
    body->rows++;
}

enum mr_rc
mri_harvest_json_row(struct mr_body *body,
                     const struct mri_out *columns,
                     const struct mr_slice *texts,
                     uint32_t count)
{
    size_t bound = 2;
    for (uint32_t i = 0; i < count; i++)
        bound += value_bound(&columns[i], texts[i]);
    char *start = mr_body_reserve(body, bound);
    if (!start)
        return MR_MEMORY;
    char *out = start;
    for (uint32_t i = 0; i < count; i++) {
        *out++ = i == 0 ? '{' : ',';
        out = put_member(out, &columns[i], texts[i]);
    }
    end_row(body, start, out);
    return MR_OK;
}

/* Texts as they are, everything else in its CSV form, for which fixed has room. */
static struct mr_slice
text_of(const struct mri_out *column,
        const struct mr_value *value,
        struct mri_dates *dates,
        char *fixed)
{
    if (!value->set)
        return (struct mr_slice){NULL, 0};
    if (column->kind == MRI_KIND_STRING || column->kind == MRI_KIND_JSON)
        return (struct mr_slice){value->text.p ? value->text.p : "", value->text.len};
    if (column->kind == MRI_KIND_DOUBLE && value->text.len > 0)
        return value->text;
    char *end = mri_harvest_put_csv(fixed, column, value, dates);
    return (struct mr_slice){fixed, (size_t)(end - fixed)};
}

enum mr_rc
mri_harvest_json_values(struct mr_body *body,
                        const struct mri_out *columns,
                        const struct mr_value *const *values,
                        uint32_t count,
                        struct mri_dates *dates)
{
    char fixed[MRI_FIXED_MAX];
    size_t bound = 2;
    for (uint32_t i = 0; i < count; i++)
        bound += value_bound(&columns[i], values[i]->text) + MRI_FIXED_MAX;
    char *start = mr_body_reserve(body, bound);
    if (!start)
        return MR_MEMORY;
    char *out = start;
    for (uint32_t i = 0; i < count; i++) {
        *out++ = i == 0 ? '{' : ',';
        out = put_member(out, &columns[i], text_of(&columns[i], values[i], dates, fixed));
    }
    end_row(body, start, out);
    return MR_OK;
}
