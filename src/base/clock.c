/* Clocks and the proleptic Gregorian calendar. */
#include "millrace/base/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static int64_t
read_clock_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * MR_US_PER_S + now.tv_nsec / 1000;
}

int64_t
mr_clock_monotonic_ms(void)
{
    return read_clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
mr_clock_wall_us(void)
{
    return read_clock_us(CLOCK_REALTIME);
}

void
mr_clock_sleep_ms(int64_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (ms > 0 && nanosleep(&rest, &rest) != 0 && errno == EINTR)
        continue;
}

int32_t
mr_clock_days(int32_t year, uint32_t month, uint32_t day)
{
    int32_t y = year - (month <= 2);
    int32_t era = (y >= 0 ? y : y - 399) / 400;
    uint32_t year_of_era = (uint32_t)(y - era * 400);
    uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int32_t)day_of_era - 719468;
}

void
mr_clock_civil(int32_t days, int32_t *ret_year, uint32_t *ret_month, uint32_t *ret_day)
{
    int32_t z = days + 719468;
    int32_t era = (z >= 0 ? z : z - 146096) / 146097;
    uint32_t doe = (uint32_t)(z - era * 146097);
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint32_t mp = (5 * doy + 2) / 153;
    uint32_t month = mp < 10 ? mp + 3 : mp - 9;
    *ret_day = doy - (153 * mp + 2) / 5 + 1;
    *ret_month = month;
    *ret_year = (int32_t)yoe + era * 400 + (month <= 2);
}

static void
put_digits(char *out, uint32_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

size_t
mr_clock_format_date(int32_t days, char *out)
{
    int32_t year;
    uint32_t month, day;
    mr_clock_civil(days, &year, &month, &day);
    put_digits(out, (uint32_t)year, 4);
    out[4] = '-';
    put_digits(out + 5, month, 2);
    out[7] = '-';
    put_digits(out + 8, day, 2);
    return 10;
}

size_t
mr_clock_format(int64_t instant_us, char *out)
{
    int64_t day_start = mr_clock_floor(instant_us, MR_US_PER_DAY);
    int64_t in_day = instant_us - day_start;
    uint32_t seconds = (uint32_t)(in_day / MR_US_PER_S);
    uint32_t micros = (uint32_t)(in_day % MR_US_PER_S);
    mr_clock_format_date((int32_t)(day_start / MR_US_PER_DAY), out);
    memcpy(out + 10, " 00:00:00", 9);
    put_digits(out + 11, seconds / 3600, 2);
    put_digits(out + 14, seconds / 60 % 60, 2);
    put_digits(out + 17, seconds % 60, 2);
    if (micros == 0)
        return 19;
    out[19] = '.';
    put_digits(out + 20, micros, 6);
    return 26;
}
