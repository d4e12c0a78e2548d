/* Keys: a self-delimiting encoding, one byte string a (window, dimensions), so that equal bytes and
 * equal groups are the same thing.
 *   window start   8 bytes, microseconds
 *   a number       0 = NULL, else n = bytes of the shortest two's complement (1..16), then them
 *   a boolean      0 = NULL, 1 = false, 2 = true
 *   a string       varint of length + 1 (0 = NULL), then the bytes */
#include <string.h>

#include "fold_priv.h"

#include "millrace/base/clock.h"

static uint32_t
bytes_of_int(int64_t value)
{
    return (uint32_t)(64 - __builtin_clrsbll(value) + 7) / 8;
}

static char *
put_int(char *out, int64_t value)
{
    uint32_t bytes = bytes_of_int(value);
    *out++ = (char)bytes;
    memcpy(out, &value, sizeof value);
    return out + bytes;
}

static char *
put_decimal(char *out, __int128 value)
{
    int64_t low = (int64_t)value;
    if (low == value)
        return put_int(out, low);
    uint32_t bytes = 8 + bytes_of_int((int64_t)(value >> 64));
    /* A top byte that only repeats the sign of the one below it is not written: 2^63 takes 9
     * bytes, and no number above has fewer. */
    *out++ = (char)bytes;
    memcpy(out, &value, sizeof value);
    return out + bytes;
}

/* Texts of 4 to 16 bytes, as most dimensions are, by two overlapping stores instead of a call. */
static char *
copy_text(char *out, struct mr_slice text)
{
    uint64_t first8, last8;
    uint32_t first4, last4;
    if (text.len >= 8 && text.len <= 16) {
        memcpy(&first8, text.p, 8);
        memcpy(&last8, text.p + text.len - 8, 8);
        memcpy(out, &first8, 8);
        memcpy(out + text.len - 8, &last8, 8);
    } else if (text.len >= 4 && text.len < 8) {
        memcpy(&first4, text.p, 4);
        memcpy(&last4, text.p + text.len - 4, 4);
        memcpy(out, &first4, 4);
        memcpy(out + text.len - 4, &last4, 4);
    } else if (text.len > 16) {
        memcpy(out, text.p, text.len);
    } else {
        for (size_t i = 0; i < text.len; i++)
            out[i] = text.p[i];
    }
    return out + text.len;
}

static char *
put_string(char *out, struct mr_slice text)
{
    uint64_t rest = (uint64_t)text.len + 1;
    while (rest >= 0x80) {
        *out++ = (char)(0x80 | (rest & 0x7f));
        rest >>= 7;
    }
    *out++ = (char)rest;
    return copy_text(out, text);
}

static char *
put_dim(char *out, enum mr_type type, const struct mr_value *value)
{
    if (!value->set) {
        *out = 0;
        return out + 1;
    }
    if (type == MR_TYPE_STRING)
        return put_string(out, value->text);
    if (type == MR_TYPE_DECIMAL)
        return put_decimal(out, value->dec);
    if (type == MR_TYPE_BOOL) {
        *out = value->i64 ? 2 : 1;
        return out + 1;
    }
    return put_int(out, value->i64);
}

int64_t
mri_fold_window_start(const struct mr_rollup *rollup, int64_t time_us)
{
    return mr_clock_floor(time_us - rollup->offset_us, rollup->size_us) + rollup->offset_us;
}

/* Most bytes of one dimension; 10 bytes of varint hold any length. */
static size_t
dim_bound(enum mr_type type, const struct mr_value *value)
{
    return type == MR_TYPE_STRING ? 10 + value->text.len : MRI_KEY_FIXED;
}

uint32_t
mri_fold_key_encode(const struct mri_shape *shape,
                    const struct mr_event *event,
                    int64_t *window_us,
                    char *out,
                    size_t room)
{
    const struct mr_rollup *rollup = shape->rollup;
    if ((uint64_t)event->time_us - (uint64_t)*window_us >= (uint64_t)rollup->size_us)
        *window_us = mri_fold_window_start(rollup, event->time_us);
    char *at = out + sizeof *window_us;
    memcpy(out, window_us, sizeof *window_us);
    for (uint32_t i = 0; i < rollup->dim_count; i++) {
        const struct mr_value *value = &event->values[rollup->dims[i]];
        if (dim_bound(shape->dim_types[i], value) > room - (size_t)(at - out))
            return 0;
        at = put_dim(at, shape->dim_types[i], value);
    }
    return (uint32_t)(at - out);
}

size_t
mri_fold_key_bound(const struct mri_shape *shape, const struct mr_event *event)
{
    size_t bound = sizeof(int64_t);
    for (uint32_t i = 0; i < shape->rollup->dim_count; i++)
        bound += dim_bound(shape->dim_types[i], &event->values[shape->rollup->dims[i]]);
    return bound;
}

bool
mri_fold_key_csv_unsafe(struct mr_slice text)
{
    return (text.len == 2 && text.p[0] == '\\' && text.p[1] == 'N') ||
           (text.len > 0 && (memchr(text.p, '\x01', text.len) || memchr(text.p, '\x02', text.len)));
}

static const char *
get_string(const char *at, struct mr_value *ret_value)
{
    uint64_t length = 0;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char byte = (unsigned char)*at++;
        length |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    ret_value->set = length > 0;
    if (length == 0)
        return at;
    ret_value->text = (struct mr_slice){at, (size_t)length - 1};
    ret_value->csv_unsafe = mri_fold_key_csv_unsafe(ret_value->text);
    return at + ret_value->text.len;
}

static const char *
get_number(const char *at, enum mr_type type, struct mr_value *ret_value)
{
    uint32_t bytes = (unsigned char)*at++;
    unsigned __int128 bits = 0;
    ret_value->set = bytes > 0;
    if (bytes == 0)
        return at;
    memcpy(&bits, at, bytes);
    unsigned shift = 128 - 8 * bytes;
    __int128 value = (__int128)(bits << shift) >> shift; /* the sign fills from the left */
    if (type == MR_TYPE_DECIMAL)
        ret_value->dec = value;
    else
        ret_value->i64 = (int64_t)value;
    return at + bytes;
}

static const char *
get_dim(const char *at, enum mr_type type, struct mr_value *ret_value)
{
    *ret_value = (struct mr_value){.set = false};
    if (type == MR_TYPE_STRING)
        return get_string(at, ret_value);
    if (type != MR_TYPE_BOOL)
        return get_number(at, type, ret_value);
    ret_value->set = *at != 0;
    ret_value->i64 = *at == 2;
    return at + 1;
}

void
mri_fold_key_decode(const struct mri_shape *shape,
                    const char *key,
                    int64_t *ret_window_us,
                    struct mr_value *ret_dims)
{
    memcpy(ret_window_us, key, sizeof *ret_window_us);
    const char *at = key + sizeof *ret_window_us;
    for (uint32_t i = 0; i < shape->rollup->dim_count; i++)
        at = get_dim(at, shape->dim_types[i], &ret_dims[i]);
}
