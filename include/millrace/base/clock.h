/* Clocks and calendar. Threads: any. Wall time is only ever data; deadlines use the monotonic clock.
 * Instants are signed microseconds since 1970-01-01T00:00:00Z; dates are signed days since then,
 * proleptic Gregorian (algorithm: Howard Hinnant, "chrono-compatible low-level date algorithms"). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MR_US_PER_S INT64_C(1000000)
#define MR_US_PER_DAY (INT64_C(86400) * MR_US_PER_S)

/* Days that every reader of our tables has a name for: 0001-01-01 to 9999-12-31. DATETIME begins a
 * year earlier on paper, but many a client knows no year 0, and calendars disagree on it. */
#define MR_DAYS_MIN INT64_C(-719162)
#define MR_DAYS_MAX INT64_C(2932896)

int64_t
mr_clock_monotonic_ms(void);

int64_t
mr_clock_wall_us(void);

void
mr_clock_sleep_ms(int64_t ms);

/* Days since the epoch of a valid civil date. */
int32_t
mr_clock_days(int32_t year, uint32_t month, uint32_t day);

void
mr_clock_civil(int32_t days, int32_t *ret_year, uint32_t *ret_month, uint32_t *ret_day);

/* Floor division that is right for negative instants; size > 0. */
static inline int64_t
mr_clock_floor(int64_t instant, int64_t size)
{
    int64_t rest = instant % size;
    return instant - rest - (rest < 0 ? size : 0);
}

/* "YYYY-MM-DD HH:MM:SS" and ".ffffff" when micros are not zero; years 0..9999. Returns the length
 * (19 or 26, no NUL written); out has room for 26. */
size_t
mr_clock_format(int64_t instant_us, char *out);

/* "YYYY-MM-DD" (10 characters, no NUL). */
size_t
mr_clock_format_date(int32_t days, char *out);
