/* RFC 3339 instants and ISO 8601 dates. An instant needs its zone: one without says nothing about
 * when it was. Digits after the microsecond are cut, never rounded, so that an instant never moves
 * into the next window. */
#include "decode_priv.h"
#include "millrace/base/clock.h"

/* Value of two digits, above 99 when they are none. */
static inline uint32_t
two(const char *p)
{
    uint32_t tens = (uint32_t)(unsigned char)p[0] - '0', ones = (uint32_t)(unsigned char)p[1] - '0';
    return tens <= 9 && ones <= 9 ? tens * 10 + ones : 1000;
}

static bool
date_exists(uint32_t year, uint32_t month, uint32_t day)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= (uint32_t)lengths[month - 1] + leap;
}

/* p: ten bytes. */
static const char *
read_date(const char *p, int64_t *ret_days)
{
    uint32_t century = two(p), rest = two(p + 2), month = two(p + 5), day = two(p + 8);
    if (century > 99 || rest > 99 || p[4] != '-' || month > 99 || p[7] != '-' || day > 99)
        return "is not a date (YYYY-MM-DD)";
    uint32_t year = century * 100 + rest;
    if (!date_exists(year, month, day))
        return "names a day that does not exist";
    *ret_days = mr_clock_days((int32_t)year, month, day);
    return NULL;
}

static const char *
read_day(struct mri_day *day, const char *p, int64_t *ret_days)
{
    if (MR_UNLIKELY(!day->known || memcmp(day->text, p, sizeof day->text) != 0)) {
        const char *problem = read_date(p, &day->days);
        day->known = problem == NULL;
        if (problem)
            return problem;
        memcpy(day->text, p, sizeof day->text);
    }
    *ret_days = day->days;
    return NULL;
}

const char *
mri_moment_date(const char *p, size_t len, int64_t *ret_days)
{
    return len == 10 ? read_date(p, ret_days) : "is not a date (YYYY-MM-DD)";
}

/* p: at the point, or at the zone. Leaves p at the zone; NULL when no digit follows the point. */
static const char *
read_fraction(const char *p, const char *end, int64_t *ret_us)
{
    static const int32_t units[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    int32_t us = 0;
    uint32_t digits = 0;
    if (p < end && *p == '.') {
        for (p++; digits < 6 && p < end && (unsigned char)(*p - '0') <= 9; p++, digits++)
            us = us * 10 + (*p - '0');
        while (p < end && (unsigned char)(*p - '0') <= 9)
            p++;
        if (digits == 0)
            return NULL;
    }
    *ret_us = us * units[digits];
    return p;
}

/* Minutes east of UTC. */
static const char *
read_zone(const char *p, const char *end, int64_t *ret_minutes)
{
    if (end - p == 1 && (*p | 0x20) == 'z') {
        *ret_minutes = 0;
        return NULL;
    }
    if (p == end)
        return "has no zone (Z or +hh:mm)";
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':')
        return "is not an RFC 3339 time";
    uint32_t hours = two(p + 1), minutes = two(p + 4);
    if (hours > 23 || minutes > 59)
        return "has a zone that does not exist";
    *ret_minutes = (*p == '-' ? -1 : 1) * (int64_t)(hours * 60 + minutes);
    return NULL;
}

/* hh:mm:ss as one word: each digit in its byte, the colons zero. False: not of that form. */
static inline bool
clock_digits(const char *p, uint64_t *ret_digits)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    word ^= UINT64_C(0x30303A30303A3030); /* "00:00:00" */
    uint64_t above_9 = (word + UINT64_C(0x76767F76767F7676)) | word;
    *ret_digits = word;
    return (above_9 & UINT64_C(0x8080808080808080)) == 0;
}

static const char *
read_clock(const char *p, int64_t *ret_s)
{
    uint64_t digits;
    if (!clock_digits(p, &digits))
        return "is not an RFC 3339 time";
    uint64_t pairs = digits * 10 + (digits >> 8); /* bytes 0, 3, 6: both digits of each number */
    uint32_t hours = pairs & 0xFF, minutes = pairs >> 24 & 0xFF, seconds = pairs >> 48 & 0xFF;
    if (hours > 23 || minutes > 59 || seconds > 59)
        return "names a time of day that does not exist";
    *ret_s = (int64_t)(hours * 3600 + minutes * 60 + seconds);
    return NULL;
}

const char *
mri_moment_time(struct mri_day *day, const char *p, size_t len, int64_t *ret_us)
{
    const char *end = p + len, *problem;
    int64_t days, seconds, us, minutes;
    if (len < 19 || (p[10] | 0x20) != 't')
        return "is not an RFC 3339 time";
    problem = read_day(day, p, &days);
    if (!problem)
        problem = read_clock(p + 11, &seconds);
    if (problem)
        return problem;
    p = read_fraction(p + 19, end, &us);
    if (!p)
        return "is not an RFC 3339 time";
    problem = read_zone(p, end, &minutes);
    if (problem)
        return problem;
    *ret_us = (days * 86400 + seconds - minutes * 60) * MR_US_PER_S + us;
    return NULL;
}

bool
mri_moment_in_range(int64_t us)
{
    return us >= MR_DAYS_MIN * MR_US_PER_DAY && us < (MR_DAYS_MAX + 1) * MR_US_PER_DAY;
}
