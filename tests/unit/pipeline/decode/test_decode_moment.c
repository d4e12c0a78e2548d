/* Times and dates: zones, calendar, range, clock. */
#include "field_case.h"

/* v as decimal digits, for comparison. */
static const char *
dec_text(__int128 v)
{
    static char text[48];
    char *p = text + sizeof text - 1;
    bool negative = v < 0;
    *p = '\0';
    do {
        int digit = (int)(v % 10);
        *--p = (char)('0' + (digit < 0 ? -digit : digit));
        v /= 10;
    } while (v != 0);
    if (negative)
        *--p = '-';
    return p;
}

Test(decode_moment, decimals_are_exact_from_strings_and_numbers)
{
    static const struct {
        const char *field, *number, *scaled;
    } cases[] = {
        {"d", "0", "0"},
        {"d", "-0.00", "0"},
        {"d", "12.5", "1250"},
        {"d", "-12.50", "-1250"},
        {"d", "12.500000", "1250"},
        {"d", "1e3", "100000"},
        {"d", "125e-1", "1250"},
        {"d", "0.01", "1"},
        {"d", "9999999999999999.99", "999999999999999999"},
        {"d", "-9999999999999999.99", "-999999999999999999"},
        {"d", "0.1e1", "100"},
        {"d", "10.10", "1010"},
        {"d", "1.00e-0", "100"},
        {"d", "10000000000000000e-1", "100000000000000000"},
        {"d0", "0.99", "99"},
        {"d0", "-0.01", "-1"},
        {"d0", "0", "0"},
        {"d0", "99e-2", "99"},
        {"d38",
         "1234567890123456789012345678.0123456789",
         "12345678901234567890123456780123456789"},
        {"d38",
         "9999999999999999999999999999.9999999999",
         "99999999999999999999999999999999999999"},
        {"d38",
         "-9999999999999999999999999999.9999999999",
         "-99999999999999999999999999999999999999"},
        {"d38", "1e27", "10000000000000000000000000000000000000"},
        {"d38", "1e-10", "1"},
        {"d38", "0.0000000001000000000000000000000000000000000000000", "1"},
        {"d38",
         "100000000000000000000000000000000000000000e-20",
         "10000000000000000000000000000000"},
        {"db", "0.01", "1"},
        {"db", "100", "10000"},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        char quoted[128];
        snprintf(quoted, sizeof quoted, "\"%s\"", cases[i].number);
        T_STR_EQ(dec_text(taken(cases[i].field, cases[i].number)->dec), cases[i].scaled);
        T_STR_EQ(dec_text(taken(cases[i].field, quoted)->dec), cases[i].scaled);
    }
    decode_case_close(&c);
}

Test(decode_moment, decimals_that_would_lose_digits_are_refused)
{
    static const struct refusal cases[] = {
        {"d", "\"1.999\"", "range", "d: \"1.999\" has more than 2 digits after the point"},
        {"d", "1.001", "range", "d: 1.001 has more than 2 digits after the point"},
        {"d", "1e-3", "range", "d: 1e-3 has more than 2 digits after the point"},
        {"d",
         "1e-9999999999999999999",
         "range",
         "d: 1e-9999999999999999999 has more than 2 digits after the point"},
        {"d",
         "\"10000000000000000\"",
         "range",
         "d: \"10000000000000000\" does not fit DECIMAL(18,2)"},
        {"d",
         "100000000000000000e-1",
         "range",
         "d: 100000000000000000e-1 does not fit DECIMAL(18,2)"},
        {"d", "1e400", "range", "d: 1e400 does not fit DECIMAL(18,2)"},
        {"d",
         "\"1000000000000000000000000000000.00\"",
         "range",
         "d: \"1000000000000000000000000000000.00\" does not fit DECIMAL(18,2)"},
        {"d0", "1", "range", "d0: 1 does not fit DECIMAL(2,2)"},
        {"d0", "1.00", "range", "d0: 1.00 does not fit DECIMAL(2,2)"},
        {"d38", "1e28", "range", "d38: 1e28 does not fit DECIMAL(38,10)"},
        {"d38", "1e-11", "range", "d38: 1e-11 has more than 10 digits after the point"},
        {"d", "\"eleven\"", "format", "d: \"eleven\" is not a number"},
        {"d", "\"\"", "format", "d: \"\" is not a number"},
        {"d", "\"1,5\"", "format", "d: \"1,5\" is not a number"},
        {"d", "\"1.5 \"", "format", "d: \"1.5 \" is not a number"},
        {"d", "\"1.5.5\"", "format", "d: \"1.5.5\" is not a number"},
        {"d", "\"00.5\"", "format", "d: \"00.5\" is not a number"},
        {"d", "\"-.5\"", "format", "d: \"-.5\" is not a number"},
        {"d", "\"NaN\"", "format", "d: \"NaN\" is not a number"},
        {"d", "\"1\\u0000\"", "format", "d: \"1\\\\u0000\" is not a number"},
        {"d", "true", "type", "d: true is not a decimal"},
        {"d", "[]", "type", "d: [] is not a decimal"},
        {"db", "\"0\"", "range", "db: \"0\" is outside of what the schema allows"},
        {"db", "\"100.01\"", "range", "db: \"100.01\" is outside of what the schema allows"},
    };
    expect_refusals(cases, MR_ARRAY_LEN(cases));
}

Test(decode_moment, times_are_normalised_to_utc)
{
    static const struct {
        const char *json;
        int64_t us;
    } cases[] = {
        {"\"1970-01-01T00:00:00Z\"", 0},
        {"\"2026-02-02T10:15:30.120Z\"", 1770027330120000},
        {"\"2026-02-02t10:15:30.120z\"", 1770027330120000},
        {"\"2026-02-02T11:15:30.12+01:00\"", 1770027330120000},
        {"\"2026-02-01T23:45:30.12-10:30\"", 1770027330120000},
        {"\"2026-02-02T10:15:30.12-00:00\"", 1770027330120000},
        {"\"2026-02-02T10:15:30Z\"", 1770027330000000},
        {"\"2026-02-02T10:15:30.1234567Z\"", 1770027330123456},
        {"\"2026-02-02T10:15:30.999999999Z\"", 1770027330999999},
        {"\"1969-12-31T23:59:59.999999Z\"", -1},
        {"\"2024-02-29T00:00:00Z\"", 1709164800000000},
        {"\"2000-02-29T00:00:00Z\"", 951782400000000},
        {"\"0001-01-01T00:00:00Z\"", -62135596800000000},
        {"\"9999-12-31T23:59:59.999999Z\"", 253402300799999999},
        {"\"2026-02-02T10:15:3\\u0030Z\"", 1770027330000000},
        {"1770027330120", 1770027330120000},
        {"0", 0},
        {"-1", -1000},
        {"1.77002733012e12", 1770027330120000},
        {"253402300799999", 253402300799999000},
        {"-62135596800000", -62135596800000000},
    };
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++)
        T_TRUE_MSG(taken("t", cases[i].json)->i64 == cases[i].us,
                   "%s gave %lld",
                   cases[i].json,
                   (long long)decode_case_value(&c, "t")->i64);
    T_INT_EQ(taken("ms", "1770027330120")->i64, 1770027330120000);
    decode_case_close(&c);
}

Test(decode_moment, times_that_do_not_exist_or_lack_a_zone_are_refused)
{
    static const struct refusal cases[] = {
        {"t",
         "\"2026-02-02T10:15:30.120\"",
         "format",
         "t: \"2026-02-02T10:15:30.120\" has no zone (Z or +hh:mm)"},
        {"t",
         "\"2026-02-02T10:15:30\"",
         "format",
         "t: \"2026-02-02T10:15:30\" has no zone (Z or +hh:mm)"},
        {"t",
         "\"2026-02-30T10:15:30Z\"",
         "format",
         "t: \"2026-02-30T10:15:30Z\" names a day that does not exist"},
        {"t",
         "\"2025-02-29T10:15:30Z\"",
         "format",
         "t: \"2025-02-29T10:15:30Z\" names a day that does not exist"},
        {"t",
         "\"1900-02-29T10:15:30Z\"",
         "format",
         "t: \"1900-02-29T10:15:30Z\" names a day that does not exist"},
        {"t",
         "\"0000-12-31T10:15:30Z\"",
         "format",
         "t: \"0000-12-31T10:15:30Z\" names a day that does not exist"},
        {"t",
         "\"2026-13-01T10:15:30Z\"",
         "format",
         "t: \"2026-13-01T10:15:30Z\" names a day that does not exist"},
        {"t",
         "\"2026-00-01T10:15:30Z\"",
         "format",
         "t: \"2026-00-01T10:15:30Z\" names a day that does not exist"},
        {"t",
         "\"2026-04-31T10:15:30Z\"",
         "format",
         "t: \"2026-04-31T10:15:30Z\" names a day that does not exist"},
        {"t",
         "\"2026-01-00T10:15:30Z\"",
         "format",
         "t: \"2026-01-00T10:15:30Z\" names a day that does not exist"},
        {"t",
         "\"2026-02-02T24:00:00Z\"",
         "format",
         "t: \"2026-02-02T24:00:00Z\" names a time of day that does not exist"},
        {"t",
         "\"2026-02-02T10:60:00Z\"",
         "format",
         "t: \"2026-02-02T10:60:00Z\" names a time of day that does not exist"},
        {"t",
         "\"2016-12-31T23:59:60Z\"",
         "format",
         "t: \"2016-12-31T23:59:60Z\" names a time of day that does not exist"},
        {"t",
         "\"2026-02-02T10:15:30+24:00\"",
         "format",
         "t: \"2026-02-02T10:15:30+24:00\" has a zone that does not exist"},
        {"t",
         "\"2026-02-02T10:15:30+0100\"",
         "format",
         "t: \"2026-02-02T10:15:30+0100\" is not an RFC 3339 time"},
        {"t",
         "\"2026-02-02T10:15:30.Z\"",
         "format",
         "t: \"2026-02-02T10:15:30.Z\" is not an RFC 3339 time"},
        {"t",
         "\"2026-02-02T10:15:30ZZ\"",
         "format",
         "t: \"2026-02-02T10:15:30ZZ\" is not an RFC 3339 time"},
        {"t",
         "\"2026-02-02 10:15:30Z\"",
         "format",
         "t: \"2026-02-02 10:15:30Z\" is not an RFC 3339 time"},
        {"t",
         "\"2026-02-02T10.15:30Z\"",
         "format",
         "t: \"2026-02-02T10.15:30Z\" is not an RFC 3339 time"},
        {"t",
         "\"2026-02-02T1a:15:30Z\"",
         "format",
         "t: \"2026-02-02T1a:15:30Z\" is not an RFC 3339 time"},
        {"t",
         "\"2026-02-02T10:15:3\xC3\xA9Z\"",
         "format",
         "t: \"2026-02-02T10:15:3\\xC3\\xA9Z\" is not an RFC 3339 time"},
        {"t",
         "\"2026/02/02T10:15:30Z\"",
         "format",
         "t: \"2026/02/02T10:15:30Z\" is not a date (YYYY-MM-DD)"},
        {"t", "\"yesterday\"", "format", "t: \"yesterday\" is not an RFC 3339 time"},
        {"t", "\"\"", "format", "t: \"\" is not an RFC 3339 time"},
        {"t",
         "\"0001-01-01T00:00:00+00:01\"",
         "range",
         "t: \"0001-01-01T00:00:00+00:01\" is outside of the years 0001 to 9999 UTC"},
        {"t",
         "\"9999-12-31T23:59:59-00:01\"",
         "range",
         "t: \"9999-12-31T23:59:59-00:01\" is outside of the years 0001 to 9999 UTC"},
        {"t",
         "253402300800000",
         "range",
         "t: 253402300800000 is outside of the years 0001 to 9999 UTC"},
        {"t",
         "9223372036854775807",
         "range",
         "t: 9223372036854775807 is outside of the years 0001 to 9999 UTC"},
        {"t",
         "-9223372036854775808",
         "range",
         "t: -9223372036854775808 is outside of the years 0001 to 9999 UTC"},
        {"t", "1.5", "type", "t: 1.5 is not an integer"},
        {"t", "true", "type", "t: true is not a time"},
        {"ms",
         "\"1770027330120\"",
         "type",
         "ms: \"1770027330120\" is not an integer of milliseconds"},
        {"day", "\"2026-02-30\"", "format", "day: \"2026-02-30\" names a day that does not exist"},
        {"day", "\"2026-2-3\"", "format", "day: \"2026-2-3\" is not a date (YYYY-MM-DD)"},
        {"day",
         "\"2026-02-03T00:00:00Z\"",
         "format",
         "day: \"2026-02-03T00:00:00Z\" is not a date (YYYY-MM-DD)"},
        {"day", "20260203", "type", "day: 20260203 is not a date"},
    };
    expect_refusals(cases, MR_ARRAY_LEN(cases));
}

Test(decode_moment, dates_arrive_as_days)
{
    static const struct {
        const char *json;
        int64_t days;
    } cases[] = {{"\"1970-01-01\"", 0},
                 {"\"1969-12-31\"", -1},
                 {"\"2026-02-28\"", 20512},
                 {"\"1600-02-29\"", -135081},
                 {"\"0001-01-01\"", -719162},
                 {"\"9999-12-31\"", 2932896}};
    open_case();
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++)
        T_INT_EQ(taken("day", cases[i].json)->i64, cases[i].days);
    decode_case_close(&c);
}

Test(decode_moment, an_event_time_ahead_of_the_clock_is_refused)
{
    static const char at_limit[] = "{\"at\":\"2026-02-02T12:01:00Z\"}",
                      beyond[] = "{\"at\":\"2026-02-02T12:01:00.001Z\"}",
                      century[] = "{\"at\":\"2999-01-01T00:00:00Z\"}";
    open_case();
    T_INT_EQ(decode_case_run(&c, at_limit, strlen(at_limit)), MR_REJECT_NONE);
    T_INT_EQ(c.event.time_us, c.now_us + 60000000);
    T_INT_EQ(decode_case_run(&c, beyond, strlen(beyond)), MR_REJECT_clock);
    T_STR_EQ(c.info.message, "at: 60001 ms ahead of the clock, event.time.max_future is 60000 ms");
    T_INT_EQ(decode_case_run(&c, century, strlen(century)), MR_REJECT_clock);
    decode_case_close(&c);
}
