/* Values as text: integers, decimals, doubles, times, hex; and the CSV form of each kind. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harvest_priv.h"

#include "millrace/base/assert.h"

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

/* Digits of value, right-aligned before end, at least `least` of them. Returns the first. */
static char *
digits_before(char *end, uint64_t value, unsigned least)
{
    char *at = end;
    for (; value >= 100; value /= 100) {
        at -= 2;
        memcpy(at, &digit_pairs[value % 100 * 2], 2);
    }
    if (value >= 10) {
        at -= 2;
        memcpy(at, &digit_pairs[value * 2], 2);
    } else if (value > 0) {
        *--at = (char)('0' + value);
    }
    while (end - at < (ptrdiff_t)least)
        *--at = '0';
    return at;
}

static char *
put_digits(char *out, uint64_t value, unsigned least)
{
    char digits[20];
    char *first = digits_before(digits + sizeof digits, value, least);
    size_t len = (size_t)(digits + sizeof digits - first);
    memcpy(out, first, len);
    return out + len;
}

char *
mri_harvest_put_int(char *out, int64_t value)
{
    uint64_t magnitude = (uint64_t)value;
    if (value < 0) {
        *out++ = '-';
        magnitude = -magnitude;
    }
    return put_digits(out, magnitude, 1);
}

/* Digits of a 128-bit magnitude, by 19 at a time; at least `least`. Returns their number. */
static size_t
put_wide(char *out, unsigned __int128 value, unsigned least)
{
    const uint64_t e19 = UINT64_C(10000000000000000000);
    char digits[64];
    char *end = digits + sizeof digits, *first = end;
    for (; value >= e19; value /= e19)
        first = digits_before(first, (uint64_t)(value % e19), 19);
    first = digits_before(first, (uint64_t)value, 1);
    while (end - first < (ptrdiff_t)least)
        *--first = '0';
    memcpy(out, first, (size_t)(end - first));
    return (size_t)(end - first);
}

char *
mri_harvest_put_decimal(char *out, __int128 value, unsigned scale)
{
    unsigned __int128 magnitude = (unsigned __int128)value;
    char digits[64];
    MR_REQUIRE(scale <= 38);
    if (value < 0) {
        *out++ = '-';
        magnitude = -magnitude;
    }
    size_t len = put_wide(digits, magnitude, scale + 1);
    memcpy(out, digits, len - scale);
    out += len - scale;
    if (scale == 0)
        return out;
    *out++ = '.';
    memcpy(out, digits + len - scale, scale);
    return out + scale;
}

/* The shortest of 15, 16 or 17 digits that reads back as the same double. */
char *
mri_harvest_put_double(char *out, double value)
{
    char text[MRI_FIXED_MAX];
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof text, "%.*g", digits, value);
        MR_INSIST(len > 0 && len < (int)sizeof text);
        double back = strtod(text, NULL);
        if (memcmp(&back, &value, sizeof value) == 0)
            break;
    }
    memcpy(out, text, (size_t)len);
    return out + len;
}

/* As mr_clock_format, which formats the date only when it is not the one written last. */
char *
mri_harvest_put_time(char *out, int64_t instant_us, struct mri_dates *dates)
{
    int64_t day_start = mr_clock_floor(instant_us, MR_US_PER_DAY);
    int32_t day = (int32_t)(day_start / MR_US_PER_DAY);
    uint64_t in_day = (uint64_t)(instant_us - day_start);
    uint64_t seconds = in_day / 1000000, micros = in_day % 1000000;
    if (day != dates->day) {
        size_t len = mr_clock_format_date(day, dates->text);
        MR_INSIST(len == sizeof dates->text);
        dates->day = day;
    }
    memcpy(out, dates->text, sizeof dates->text);
    memcpy(out + 10, " 00:00:00.", 10);
    memcpy(out + 11, &digit_pairs[seconds / 3600 * 2], 2);
    memcpy(out + 14, &digit_pairs[seconds / 60 % 60 * 2], 2);
    memcpy(out + 17, &digit_pairs[seconds % 60 * 2], 2);
    return micros ? put_digits(out + 20, micros, 6) : out + 19;
}

char *
mri_harvest_put_hex(char *out, const char *bytes, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        *out++ = hex[(unsigned char)bytes[i] >> 4];
        *out++ = hex[(unsigned char)bytes[i] & 15];
    }
    return out;
}

static char *
put_text(char *out, struct mr_slice text)
{
    if (text.len > 0)
        memcpy(out, text.p, text.len);
    return out + text.len;
}

char *
mri_harvest_put_csv(char *out,
                    const struct mri_out *column,
                    const struct mr_value *value,
                    struct mri_dates *dates)
{
    if (!value->set)
        return put_text(out, (struct mr_slice){"\\N", 2});
    switch (column->kind) {
    case MRI_KIND_STRING:
    case MRI_KIND_JSON:
        return put_text(out, value->text);
    case MRI_KIND_INT:
        return mri_harvest_put_int(out, value->i64);
    case MRI_KIND_LARGEINT:
    case MRI_KIND_DECIMAL:
        return mri_harvest_put_decimal(out, value->dec, column->scale);
    case MRI_KIND_DOUBLE:
        return value->text.len > 0 ? put_text(out, value->text)
                                   : mri_harvest_put_double(out, value->f64);
    case MRI_KIND_BOOL:
        *out = value->i64 ? '1' : '0';
        return out + 1;
    case MRI_KIND_TIMESTAMP:
        return mri_harvest_put_time(out, value->i64, dates);
    case MRI_KIND_DATE:
        return out + mr_clock_format_date((int32_t)value->i64, out);
    }
    return out;
}
