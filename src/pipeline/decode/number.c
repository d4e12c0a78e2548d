/* Numbers from their text, exactly: no integer or decimal ever passes through a double. */
#include "decode_priv.h"

#include <math.h>

#define DIGITS_MAX   38                     /* of a DECIMAL */
#define EXPONENT_MAX INT64_C(1000000000000) /* more digits than any record has: the rest is cut */

static const int64_t powers[] = {1,
                                 10,
                                 100,
                                 1000,
                                 10000,
                                 100000,
                                 1000000,
                                 10000000,
                                 100000000,
                                 1000000000,
                                 10000000000,
                                 100000000000,
                                 1000000000000,
                                 10000000000000,
                                 100000000000000,
                                 1000000000000000,
                                 10000000000000000,
                                 100000000000000000,
                                 1000000000000000000};

/* sign, digits[0..count) without leading or trailing zeros, times ten to the exponent. */
struct parts {
    const char *first; /* significant digits as written, a point may stand among them */
    uint32_t count;
    int64_t exponent; /* of the last significant digit */
    bool negative;
};

static bool
is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

/* Reads the exponent after the e. False: not a number. */
static bool
read_exponent(const char *p, const char *end, int64_t *ret_exponent)
{
    bool negative = p < end && *p == '-';
    int64_t value = 0;
    p += p < end && (*p == '+' || *p == '-');
    if (p == end)
        return false;
    for (; p < end && is_digit(*p); p++)
        value = value < EXPONENT_MAX ? value * 10 + (*p - '0') : value;
    *ret_exponent = negative ? -value : value;
    return p == end;
}

/* Counts the digits of [p, end), which may hold one point: significant ones between the first and
 * the last that is not zero. */
static void
measure(const char *p, const char *point, const char *end, struct parts *parts)
{
    const char *last = end;
    while (p < end && (*p == '0' || *p == '.'))
        p++;
    while (last > p && (last[-1] == '0' || last[-1] == '.'))
        last--;
    parts->first = p;
    parts->count = (uint32_t)(last - p) - (p < point && point < last ? 1 : 0);
    parts->exponent = point < last ? -(last - point - 1) : point - last;
}

/* Splits a JSON number; false when the text is none. */
static bool
split(const char *p, size_t len, struct parts *ret_parts)
{
    const char *end = p + len;
    struct parts parts = {.negative = len > 0 && *p == '-'};
    int64_t exponent = 0;
    p += parts.negative;
    const char *whole = p;
    while (p < end && is_digit(*p))
        p++;
    const char *point = p;
    if (point == whole || (*whole == '0' && point - whole > 1))
        return false;
    if (p < end && *p == '.') {
        p++;
        while (p < end && is_digit(*p))
            p++;
        if (p == point + 1)
            return false;
    }
    measure(whole, point, p, &parts);
    if (p < end && ((*p | 0x20) != 'e' || !read_exponent(p + 1, end, &exponent)))
        return false;
    parts.exponent += exponent;
    *ret_parts = parts;
    return true;
}

/* 10^exponent; exponent <= 38. */
static __int128
power_of_ten(uint32_t exponent)
{
    __int128 value = powers[exponent % 19];
    for (uint32_t i = exponent / 19; i > 0; i--)
        value = value * powers[18] * 10;
    return value;
}

/* The usual form, [-]digits[.digits] of at most 18 characters. *ret_whole and
 * *ret_part: digits before and after the point. False when it is not that. */
static bool
read_plain(const char *p, size_t len, int64_t *ret_value, uint32_t *ret_whole, uint32_t *ret_part)
{
    const char *end = p + len;
    bool negative = len > 0 && *p == '-';
    int64_t value = 0;
    p += negative;
    if (end - p > 18)
        return false;
    const char *begin = p;
    for (; p < end && is_digit(*p); p++)
        value = value * 10 + (*p - '0');
    *ret_whole = (uint32_t)(p - begin);
    *ret_part = 0;
    if (p < end && *p == '.') {
        const char *point = p++;
        for (; p < end && is_digit(*p); p++)
            value = value * 10 + (*p - '0');
        *ret_part = (uint32_t)(p - point - 1);
        if (*ret_part == 0)
            return false;
    }
    *ret_value = negative ? -value : value;
    return p == end && *ret_whole > 0 && (*begin != '0' || *ret_whole == 1);
}

static enum mri_number
join(const struct parts *parts, uint32_t precision, uint32_t scale, __int128 *ret_value)
{
    if (parts->count == 0) {
        *ret_value = 0;
        return MRI_NUMBER_OK;
    }
    int64_t shift = parts->exponent + (int64_t)scale;
    if (parts->count + parts->exponent > (int64_t)precision - (int64_t)scale)
        return MRI_NUMBER_LARGE;
    if (shift < 0)
        return MRI_NUMBER_FRACTION;
    __int128 value = 0;
    const char *p = parts->first;
    for (uint32_t left = parts->count; left > 0; p++) {
        if (*p != '.') {
            value = value * 10 + (*p - '0');
            left--;
        }
    }
    value *= power_of_ten((uint32_t)shift);
    *ret_value = parts->negative ? -value : value;
    return MRI_NUMBER_OK;
}

enum mri_number
mri_number_decimal(
    const char *p, size_t len, uint32_t precision, uint32_t scale, __int128 *ret_value)
{
    struct parts parts;
    int64_t plain;
    uint32_t whole, part;
    MR_REQUIRE(precision <= DIGITS_MAX && scale <= precision);
    if (MR_LIKELY(read_plain(p, len, &plain, &whole, &part) && part <= scale &&
                  whole + scale <= (precision < 18 ? precision : 18))) {
        *ret_value = plain * powers[scale - part];
        return MRI_NUMBER_OK;
    }
    if (!split(p, len, &parts))
        return MRI_NUMBER_GRAMMAR;
    return join(&parts, precision, scale, ret_value);
}

enum mri_number
mri_number_int64(const char *p, size_t len, int64_t *ret_value)
{
    struct parts parts;
    __int128 value;
    int64_t plain;
    uint32_t whole, part;
    if (MR_LIKELY(read_plain(p, len, &plain, &whole, &part) && part == 0)) {
        *ret_value = plain;
        return MRI_NUMBER_OK;
    }
    if (!split(p, len, &parts))
        return MRI_NUMBER_GRAMMAR;
    enum mri_number found = join(&parts, DIGITS_MAX, 0, &value);
    if (found == MRI_NUMBER_LARGE && parts.exponent < 0)
        return MRI_NUMBER_FRACTION;
    if (found != MRI_NUMBER_OK)
        return found;
    if (value < INT64_MIN || value > INT64_MAX)
        return MRI_NUMBER_LARGE;
    *ret_value = (int64_t)value;
    return MRI_NUMBER_OK;
}

/* Both the mantissa and the power of ten are exact doubles, so one rounding decides (Clinger). */
static bool
fast_double(const struct parts *parts, double *ret_value)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t mantissa = 0;
    const char *p = parts->first;
    if (parts->count > 19 || parts->exponent < -22 || parts->exponent > 22)
        return false;
    for (uint32_t left = parts->count; left > 0; p++) {
        if (*p != '.') {
            mantissa = mantissa * 10 + (uint64_t)(*p - '0');
            left--;
        }
    }
    if (mantissa > UINT64_C(1) << 53)
        return false;
    double value = (double)mantissa;
    value = parts->exponent < 0 ? value / exact[-parts->exponent] : value * exact[parts->exponent];
    *ret_value = parts->negative ? -value : value;
    return true;
}

enum mri_number
mri_number_double(const char *p, size_t len, locale_t locale, double *ret_value)
{
    struct parts parts;
    double value;
    if (!split(p, len, &parts))
        return MRI_NUMBER_GRAMMAR;
    if (!fast_double(&parts, &value))
        value = strtod_l(p, NULL, locale);
    if (!isfinite(value))
        return MRI_NUMBER_LARGE;
    *ret_value = value;
    return MRI_NUMBER_OK;
}
