/* Dates are counted and times are read by hand, so that nothing of the decoder judges itself. */
#include "tree_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fmax(1.0, fmax(fabs(a), fabs(b)));
}

/* Days before a civil date, counted year by year: slow, and plainly right. */
static bool
days_of(const char *text, int64_t *ret_days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (strspn(text, "0123456789-") < 10 || sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3 ||
        text[4] != '-' || text[7] != '-' || text[5] == '-' || text[8] == '-' || text[9] == '-' ||
        text[6] == '-')
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && leap))
        return false;
    int64_t days = 0;
    for (int y = 1970; y < year; y++)
        days += (y % 4 == 0 && y % 100 != 0) || y % 400 == 0 ? 366 : 365;
    for (int y = year; y < 1970; y++)
        days -= (y % 4 == 0 && y % 100 != 0) || y % 400 == 0 ? 366 : 365;
    for (int m = 1; m < month; m++)
        days += lengths[m - 1] + (m == 2 && leap);
    *ret_days = days + day - 1;
    return true;
}

static bool
instant_of(const char *text, int64_t *ret_us)
{
    int64_t days;
    int hours, minutes, seconds, read = 0, zone_hours = 0, zone_minutes = 0;
    char fraction[64] = "", sign = '+';
    if (!days_of(text, &days) || (text[10] != 'T' && text[10] != 't') ||
        strspn(text + 11, "0123456789:") < 8 ||
        sscanf(text + 11, "%2d:%2d:%2d%n", &hours, &minutes, &seconds, &read) != 3 || read != 8 ||
        hours > 23 || minutes > 59 || seconds > 59)
        return false;
    const char *p = text + 19;
    if (*p == '.') {
        size_t digits = strspn(p + 1, "0123456789");
        if (digits == 0 || digits > 60)
            return false;
        memcpy(fraction, p + 1, digits);
        fraction[digits] = '\0';
        p += 1 + digits;
    }
    if (strcmp(p, "Z") != 0 && strcmp(p, "z") != 0) {
        if (strlen(p) != 6 || (*p != '+' && *p != '-') || p[3] != ':' ||
            strspn(p + 1, "0123456789") != 2 || strspn(p + 4, "0123456789") != 2)
            return false;
        sign = *p;
        zone_hours = atoi(p + 1);
        zone_minutes = atoi(p + 4);
        if (zone_hours > 23 || zone_minutes > 59)
            return false;
    }
    strcat(fraction, "000000");
    fraction[6] = '\0';
    int64_t zone = (sign == '-' ? -1 : 1) * (zone_hours * 3600 + zone_minutes * 60);
    *ret_us =
        (days * 86400 + hours * 3600 + minutes * 60 + seconds - zone) * 1000000 + atoi(fraction);
    return true;
}

static size_t
characters(const json_t *tree)
{
    size_t count = 0;
    for (size_t i = 0; i < json_string_length(tree); i++)
        count += ((unsigned char)json_string_value(tree)[i] & 0xC0) != 0x80;
    return count;
}

static bool
holds_nul(const json_t *tree)
{
    return strlen(json_string_value(tree)) != json_string_length(tree);
}

const char *
tree_reason(const struct field *field, const json_t *tree)
{
    int64_t ignored;
    bool text = json_is_string(tree);
    switch (field->type) {
    case MR_TYPE_STRING:
        return !text                                                    ? "type"
               : strcmp(field->key, "id") == 0 && characters(tree) > 40 ? "range"
                                                                        : NULL;
    case MR_TYPE_INT64:
        if (json_is_real(tree))
            return fabs(json_real_value(tree)) > 9e18                     ? "range"
                   : floor(json_real_value(tree)) < json_real_value(tree) ? "type"
                                                                          : NULL;
        return json_is_integer(tree) ? NULL : "type";
    case MR_TYPE_DOUBLE:
        return json_is_number(tree) ? NULL : "type";
    case MR_TYPE_BOOL:
        return json_is_boolean(tree) ? NULL : "type";
    case MR_TYPE_DECIMAL:
        return json_is_number(tree) || text ? NULL : "type";
    case MR_TYPE_TIMESTAMP:
        if (json_is_real(tree))
            return floor(json_real_value(tree)) < json_real_value(tree) ? "type" : NULL;
        return json_is_integer(tree)                                               ? NULL
               : !text                                                             ? "type"
               : holds_nul(tree) || !instant_of(json_string_value(tree), &ignored) ? "format"
                                                                                   : NULL;
    case MR_TYPE_DATE:
        return !text ? "type"
               : json_string_length(tree) != 10 || holds_nul(tree) ||
                       !days_of(json_string_value(tree), &ignored)
                   ? "format"
                   : NULL;
    case MR_TYPE_JSON:
        return json_is_object(tree) || (json_is_array(tree) && field->key) ? NULL : "type";
    }
    return "unknown type";
}

static bool
same_decimal(const json_t *tree, const struct mr_value *value)
{
    double number =
        json_is_string(tree) ? strtod(json_string_value(tree), NULL) : json_number_value(tree);
    return near(number, (double)value->dec / 100);
}

static bool
same_json(const json_t *tree, const struct mr_value *value)
{
    json_t *again =
        json_loadb(value->text.p, value->text.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    bool same = again && json_equal(again, tree);
    json_decref(again);
    return same;
}

bool
tree_same_value(const struct field *field, const json_t *tree, const struct mr_value *value)
{
    int64_t instant;
    switch (field->type) {
    case MR_TYPE_STRING:
        return value->text.len == json_string_length(tree) &&
               memcmp(value->text.p, json_string_value(tree), value->text.len) == 0 &&
               value->csv_unsafe ==
                   (memchr(value->text.p, 1, value->text.len) ||
                    memchr(value->text.p, 2, value->text.len) ||
                    (value->text.len == 2 && memcmp(value->text.p, "\\N", 2) == 0));
    case MR_TYPE_INT64:
        return json_is_integer(tree) ? value->i64 == json_integer_value(tree)
                                     : near((double)value->i64, json_real_value(tree));
    case MR_TYPE_DOUBLE:
        return !(value->f64 < json_number_value(tree)) && !(value->f64 > json_number_value(tree));
    case MR_TYPE_BOOL:
        return value->i64 == json_is_true(tree);
    case MR_TYPE_DECIMAL:
        return same_decimal(tree, value);
    case MR_TYPE_TIMESTAMP:
        if (!json_is_string(tree))
            return near((double)value->i64, json_number_value(tree) * 1000);
        return instant_of(json_string_value(tree), &instant) && instant == value->i64;
    case MR_TYPE_DATE:
        return days_of(json_string_value(tree), &instant) && instant == value->i64;
    case MR_TYPE_JSON:
        return same_json(tree, value);
    }
    return false;
}
