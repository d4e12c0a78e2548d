/* One token → one value, by the field's type, then its rules. */
#include "decode_priv.h"
#include "millrace/base/clock.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define QUOTED_MAX 56 /* bytes of a value in a message */

enum mr_reject
mri_refuse(struct mr_reject_info *info,
           enum mr_reject reason,
           const struct mri_node *node,
           const char *format,
           ...)
{
    va_list args;
    size_t used = 0;
    info->reason = reason;
    if (node) {
        used = strlen(node->label);
        memcpy(info->message, node->label, used);
        memcpy(info->message + used, ": ", 2);
        used += 2;
    }
    va_start(args, format);
    int len = vsnprintf(info->message + used, sizeof info->message - used, format, args);
    va_end(args);
    MR_INSIST(len >= 0); /* formats are constants */
    return reason;
}

enum mr_reject
mri_refuse_value(struct mr_reject_info *info,
                 enum mr_reject reason,
                 const struct mri_node *node,
                 const struct mri_token *token,
                 const char *text)
{
    char quoted[QUOTED_MAX];
    mr_text_quote(quoted, sizeof quoted, token->p, token->len);
    if (token->kind == MRI_STRING)
        return mri_refuse(info, reason, node, "\"%s\" %s", quoted, text);
    return mri_refuse(info, reason, node, "%s %s", quoted, text);
}

static enum mr_reject
refuse_number(struct mr_reject_info *info,
              enum mri_number found,
              const struct mri_node *node,
              const struct mri_token *token)
{
    char text[64];
    if (node->type == MR_TYPE_DECIMAL && found == MRI_NUMBER_FRACTION) {
        snprintf(text, sizeof text, "has more than %u digits after the point", node->scale);
        return mri_refuse_value(info, MR_REJECT_range, node, token, text);
    }
    if (node->type == MR_TYPE_DECIMAL && found == MRI_NUMBER_LARGE) {
        snprintf(text, sizeof text, "does not fit DECIMAL(%u,%u)", node->precision, node->scale);
        return mri_refuse_value(info, MR_REJECT_range, node, token, text);
    }
    if (found == MRI_NUMBER_FRACTION)
        return mri_refuse_value(info, MR_REJECT_type, node, token, "is not an integer");
    if (found == MRI_NUMBER_GRAMMAR)
        return mri_refuse_value(info, MR_REJECT_format, node, token, "is not a number");
    return mri_refuse_value(info,
                            MR_REJECT_range,
                            node,
                            token,
                            node->type == MR_TYPE_DOUBLE ? "does not fit a double"
                                                         : "does not fit 64 bits");
}

/* The token's text with its escapes resolved, in the pen's room when there were any. */
static struct mr_slice
plain_text(struct mri_pen *pen, const struct mri_token *token, bool *ret_unsafe)
{
    *ret_unsafe = false;
    if (MR_LIKELY(!(token->flags & MRI_ESCAPED)))
        return (struct mr_slice){token->p, token->len};
    MR_REQUIRE(pen->limit - pen->p >= (ptrdiff_t)token->len);
    char *out = pen->p;
    size_t len = mri_unescape(out, token->p, token->len, ret_unsafe);
    pen->p += len;
    return (struct mr_slice){out, len};
}

static size_t
count_characters(struct mr_slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return count;
}

static bool
is_uuid(struct mr_slice text)
{
    if (text.len != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        char c = text.p[i], lower = (char)(c | 0x20);
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return true;
}

static bool
is_choice(const struct mri_node *node, struct mr_slice text)
{
    for (uint32_t i = 0; i < node->choice_count; i++) {
        if (mr_slice_equal(node->choices[i], text))
            return true;
    }
    return false;
}

static enum mr_reject
check_text(const struct mri_node *node,
           const struct mri_token *token,
           struct mr_slice text,
           struct mr_reject_info *info)
{
    size_t chars = text.len;
    if (chars > node->max_chars || chars < (size_t)node->min_chars * 4)
        chars = count_characters(text);
    if (chars > node->max_chars)
        return mri_refuse(
            info, MR_REJECT_range, node, "%zu characters, maxLength is %u", chars, node->max_chars);
    if (text.len > node->max_bytes)
        return mri_refuse(info,
                          MR_REJECT_range,
                          node,
                          "%zu bytes do not fit VARCHAR(%u)",
                          text.len,
                          node->max_bytes);
    if (chars < node->min_chars)
        return mri_refuse(
            info, MR_REJECT_range, node, "%zu characters, minLength is %u", chars, node->min_chars);
    if (node->uuid && !is_uuid(text))
        return mri_refuse_value(info, MR_REJECT_format, node, token, "is not a UUID");
    if (node->choice_count > 0 && !is_choice(node, text))
        return mri_refuse_value(
            info, MR_REJECT_range, node, token, "is not one of the values allowed");
    return MR_REJECT_NONE;
}

static enum mr_reject
convert_string(struct mri_pen *pen,
               const struct mri_node *node,
               const struct mri_token *token,
               struct mr_value *value,
               struct mr_reject_info *info)
{
    bool unsafe;
    if (token->kind != MRI_STRING)
        return mri_refuse_value(info, MR_REJECT_type, node, token, "is not a string");
    struct mr_slice text = plain_text(pen, token, &unsafe);
    enum mr_reject reject = check_text(node, token, text, info);
    if (reject == MR_REJECT_NONE)
        *value = (struct mr_value){.text = text, .set = true, .csv_unsafe = unsafe};
    return reject;
}

static enum mr_reject
refuse_bounds(struct mr_reject_info *info,
              const struct mri_node *node,
              const struct mri_token *token)
{
    return mri_refuse_value(
        info, MR_REJECT_range, node, token, "is outside of what the schema allows");
}

static enum mr_reject
convert_int64(struct mri_pen *pen,
              const struct mri_node *node,
              const struct mri_token *token,
              struct mr_value *value,
              struct mr_reject_info *info)
{
    bool unsafe;
    int64_t i64;
    if (token->kind != MRI_NUMBER && !(token->kind == MRI_STRING && node->digit_strings))
        return mri_refuse_value(info, MR_REJECT_type, node, token, "is not an integer");
    struct mr_slice text = plain_text(pen, token, &unsafe);
    enum mri_number found = mri_number_int64(text.p, text.len, &i64);
    if (MR_UNLIKELY(found != MRI_NUMBER_OK))
        return refuse_number(info, found, node, token);
    if (node->bounded && (i64 < node->bounds.i64.min || i64 > node->bounds.i64.max))
        return refuse_bounds(info, node, token);
    *value = (struct mr_value){.i64 = i64, .set = true};
    return MR_REJECT_NONE;
}

static enum mr_reject
convert_decimal(struct mri_pen *pen,
                const struct mri_node *node,
                const struct mri_token *token,
                struct mr_value *value,
                struct mr_reject_info *info)
{
    bool unsafe;
    __int128 dec;
    if (token->kind != MRI_NUMBER && token->kind != MRI_STRING)
        return mri_refuse_value(info, MR_REJECT_type, node, token, "is not a decimal");
    struct mr_slice text = plain_text(pen, token, &unsafe);
    enum mri_number found =
        mri_number_decimal(text.p, text.len, node->precision, node->scale, &dec);
    if (MR_UNLIKELY(found != MRI_NUMBER_OK))
        return refuse_number(info, found, node, token);
    if (node->bounded && (dec < node->bounds.dec.min || dec > node->bounds.dec.max))
        return refuse_bounds(info, node, token);
    *value = (struct mr_value){.dec = dec, .set = true};
    return MR_REJECT_NONE;
}

static enum mr_reject
convert_double(struct mri_pen *pen,
               const struct mri_node *node,
               const struct mri_token *token,
               struct mr_value *value,
               struct mr_reject_info *info)
{
    double f64;
    if (token->kind != MRI_NUMBER)
        return mri_refuse_value(info, MR_REJECT_type, node, token, "is not a number");
    enum mri_number found = mri_number_double(token->p, token->len, pen->locale, &f64);
    if (found != MRI_NUMBER_OK)
        return refuse_number(info, found, node, token);
    if (node->summed && !(fabs(f64) <= MRI_SUMMED_MAX))
        return mri_refuse_value(info, MR_REJECT_range, node, token, "is too large to be summed");
    if (node->bounded && (f64 < node->bounds.f64.min || f64 > node->bounds.f64.max))
        return refuse_bounds(info, node, token);
    *value = (struct mr_value){.text = {token->p, token->len}, .f64 = f64, .set = true};
    return MR_REJECT_NONE;
}

static enum mr_reject
convert_bool(const struct mri_node *node,
             const struct mri_token *token,
             struct mr_value *value,
             struct mr_reject_info *info)
{
    if (token->kind != MRI_TRUE && token->kind != MRI_FALSE)
        return mri_refuse_value(info, MR_REJECT_type, node, token, "is not a boolean");
    *value = (struct mr_value){.i64 = token->kind == MRI_TRUE, .set = true};
    return MR_REJECT_NONE;
}

static enum mr_reject
convert_epoch(const struct mri_node *node,
              const struct mri_token *token,
              int64_t *ret_us,
              struct mr_reject_info *info)
{
    int64_t ms;
    enum mri_number found = mri_number_int64(token->p, token->len, &ms);
    if (found != MRI_NUMBER_OK)
        return refuse_number(info, found, node, token);
    if (__builtin_mul_overflow(ms, INT64_C(1000), ret_us))
        *ret_us = INT64_MAX; /* out of range, as the caller finds */
    return MR_REJECT_NONE;
}

static enum mr_reject
convert_timestamp(struct mri_pen *pen,
                  const struct mri_node *node,
                  const struct mri_token *token,
                  struct mr_value *value,
                  struct mr_reject_info *info)
{
    bool unsafe;
    int64_t us;
    if (token->kind == MRI_NUMBER) {
        enum mr_reject reject = convert_epoch(node, token, &us, info);
        if (reject != MR_REJECT_NONE)
            return reject;
    } else if (token->kind == MRI_STRING && !node->epoch_ms) {
        struct mr_slice text = plain_text(pen, token, &unsafe);
        const char *problem = mri_moment_time(&pen->day, text.p, text.len, &us);
        if (MR_UNLIKELY(problem))
            return mri_refuse_value(info, MR_REJECT_format, node, token, problem);
    } else {
        return mri_refuse_value(info,
                                MR_REJECT_type,
                                node,
                                token,
                                node->epoch_ms ? "is not an integer of milliseconds"
                                               : "is not a time");
    }
    if (!mri_moment_in_range(us))
        return mri_refuse_value(
            info, MR_REJECT_range, node, token, "is outside of the years 0001 to 9999 UTC");
    *value = (struct mr_value){.i64 = us, .set = true};
    return MR_REJECT_NONE;
}

static enum mr_reject
convert_date(struct mri_pen *pen,
             const struct mri_node *node,
             const struct mri_token *token,
             struct mr_value *value,
             struct mr_reject_info *info)
{
    bool unsafe;
    int64_t days;
    if (token->kind != MRI_STRING)
        return mri_refuse_value(info, MR_REJECT_type, node, token, "is not a date");
    struct mr_slice text = plain_text(pen, token, &unsafe);
    const char *problem = mri_moment_date(text.p, text.len, &days);
    if (problem)
        return mri_refuse_value(info, MR_REJECT_format, node, token, problem);
    *value = (struct mr_value){.i64 = days, .set = true};
    return MR_REJECT_NONE;
}

/* An object or an array, as `type` says, taken as it stands. */
static enum mr_reject
convert_json(const struct mri_node *node,
             const struct mri_token *token,
             struct mr_value *value,
             struct mr_reject_info *info)
{
    bool fits = (token->kind == MRI_OBJECT && (node->json_kinds & MRI_JSON_OBJECT)) ||
                (token->kind == MRI_ARRAY && (node->json_kinds & MRI_JSON_ARRAY));
    if (!fits)
        return mri_refuse_value(info,
                                MR_REJECT_type,
                                node,
                                token,
                                node->json_kinds == MRI_JSON_ARRAY ? "is not an array"
                                : node->json_kinds == MRI_JSON_OBJECT
                                    ? "is not an object"
                                    : "is no object and no array");
    *value = (struct mr_value){.text = {token->p, token->len}, .set = true};
    return MR_REJECT_NONE;
}

enum mr_reject
mri_convert(struct mri_pen *pen,
            const struct mri_node *node,
            const struct mri_token *token,
            struct mr_value *value,
            struct mr_reject_info *ret_info)
{
    switch (node->type) {
    case MR_TYPE_STRING:
        return convert_string(pen, node, token, value, ret_info);
    case MR_TYPE_INT64:
        return convert_int64(pen, node, token, value, ret_info);
    case MR_TYPE_DOUBLE:
        return convert_double(pen, node, token, value, ret_info);
    case MR_TYPE_BOOL:
        return convert_bool(node, token, value, ret_info);
    case MR_TYPE_DECIMAL:
        return convert_decimal(pen, node, token, value, ret_info);
    case MR_TYPE_TIMESTAMP:
        return convert_timestamp(pen, node, token, value, ret_info);
    case MR_TYPE_DATE:
        return convert_date(pen, node, token, value, ret_info);
    case MR_TYPE_JSON:
        return convert_json(node, token, value, ret_info);
    }
    MR_INSIST(false);
    return MR_REJECT_malformed;
}
