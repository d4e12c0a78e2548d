/* Calendar and formatting, against dates whose day numbers are known. */
#include "millrace/base/clock.h"

#include "test.h"

Test(base_clock, counts_days_of_known_dates)
{
    T_INT_EQ(mr_clock_days(1970, 1, 1), 0);
    T_INT_EQ(mr_clock_days(2000, 2, 29), 11016);
    T_INT_EQ(mr_clock_days(1969, 12, 31), -1);
    T_INT_EQ(mr_clock_days(1, 1, 1), -719162);
    T_INT_EQ(mr_clock_days(9999, 12, 31), 2932896);
}

Test(base_clock, turns_every_day_of_four_centuries_back_into_itself)
{
    for (int32_t day = -146097; day <= 146097; day++) {
        int32_t year;
        uint32_t month, dom;
        mr_clock_civil(day, &year, &month, &dom);
        T_INT_EQ(mr_clock_days(year, month, dom), day);
    }
}

Test(base_clock, formats_instants_before_and_after_the_epoch)
{
    char out[27];
    out[mr_clock_format(0, out)] = '\0';
    T_STR_EQ(out, "1970-01-01 00:00:00");
    out[mr_clock_format(-1, out)] = '\0';
    T_STR_EQ(out, "1969-12-31 23:59:59.999999");
    out[mr_clock_format(INT64_C(951782400123456), out)] = '\0';
    T_STR_EQ(out, "2000-02-29 00:00:00.123456");
    out[mr_clock_format_date(-719162, out)] = '\0';
    T_STR_EQ(out, "0001-01-01");
}

Test(base_clock, floors_towards_minus_infinity)
{
    T_INT_EQ(mr_clock_floor(59, 60), 0);
    T_INT_EQ(mr_clock_floor(60, 60), 60);
    T_INT_EQ(mr_clock_floor(-1, 60), -60);
    T_INT_EQ(mr_clock_floor(-60, 60), -60);
    T_INT_EQ(mr_clock_floor(-61, 60), -120);
}
