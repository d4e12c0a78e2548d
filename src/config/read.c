/* Text → value and back, without any context: counts, sizes, durations, times, endpoints, names. */
#include "config_priv.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit size_units[] = {{"TiB", INT64_C(1) << 40},
                                         {"GiB", INT64_C(1) << 30},
                                         {"MiB", INT64_C(1) << 20},
                                         {"KiB", INT64_C(1) << 10},
                                         {"B", 1}};
static const struct unit time_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

/* Digits at the beginning of text; *ret_rest is what follows. At most 18 digits: no overflow. */
static bool
read_digits(const char *text, int64_t *ret_value, const char **ret_rest)
{
    size_t digits = strspn(text, "0123456789");
    int64_t value = 0;
    if (digits == 0 || digits > 18) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = value;
    *ret_rest = text + digits;
    return true;
}

bool
mri_config_read_count(const char *text, int64_t *ret_value)
{
    const char *rest;
    int64_t value;
    if (!read_digits(text, &value, &rest) || *rest) {
        return false;
    }
    *ret_value = value;
    return true;
}

static bool
read_with_unit(const char *text, const struct unit *units, size_t count, int64_t *ret_value)
{
    const char *rest;
    int64_t value;
    if (!read_digits(text, &value, &rest)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rest, units[i].name) == 0) {
            return !__builtin_mul_overflow(value, units[i].factor, ret_value);
        }
    }
    return false;
}

bool
mri_config_read_size(const char *text, int64_t *ret_bytes)
{
    int64_t bytes;
    if (!mri_config_read_count(text, &bytes) &&
        !read_with_unit(text, size_units, MR_ARRAY_LEN(size_units), &bytes)) {
        return false;
    }
    *ret_bytes = bytes;
    return true;
}

bool
mri_config_read_duration(const char *text, int64_t *ret_ms)
{
    int64_t ms;
    if (!read_with_unit(text, time_units, MR_ARRAY_LEN(time_units), &ms)) {
        return false;
    }
    *ret_ms = ms;
    return true;
}

bool
mri_config_read_seconds(const char *text, int64_t *ret_s)
{
    int64_t ms;
    if (!mri_config_read_duration(text, &ms) || ms % 1000 != 0) {
        return false;
    }
    *ret_s = ms / 1000;
    return true;
}

bool
mri_config_read_time(const char *text, int64_t *ret_ms)
{
    struct tm given = {0};
    /* strptime takes blanks and single digits as well; the fixed places rule them out. */
    if (strlen(text) < 20 || text[10] != 'T' || text[13] != ':' || text[16] != ':') {
        return false;
    }
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S%z", &given);
    if (!rest || *rest) {
        return false;
    }
    struct tm normal = given;
    time_t seconds = timegm(&normal);
    /* 30 February is moved into March instead of being refused. */
    if (normal.tm_mday != given.tm_mday || seconds < given.tm_gmtoff) {
        return false;
    }
    *ret_ms = ((int64_t)seconds - given.tm_gmtoff) * 1000;
    return true;
}

bool
mri_config_is_host(struct mr_slice text)
{
    if (text.len == 0 || text.len > 253) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum((unsigned char)text.p[i]) && !strchr("._-", text.p[i])) {
            return false;
        }
    }
    return true;
}

static bool
is_v6(struct mr_slice text)
{
    if (text.len < 2 || text.len > 45) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!isxdigit((unsigned char)text.p[i]) && text.p[i] != ':' && text.p[i] != '.') {
            return false;
        }
    }
    return true;
}

bool
mri_config_read_endpoint(const char *text, struct mr_slice *ret_host, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !mri_config_read_count(colon + 1, &port) || port > UINT16_MAX) {
        return false;
    }
    struct mr_slice host = {text, (size_t)(colon - text)};
    if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']') {
        host = (struct mr_slice){host.p + 1, host.len - 2};
        if (!is_v6(host)) {
            return false;
        }
    } else if (!mri_config_is_host(host)) {
        return false;
    }
    *ret_host = host;
    *ret_port = (uint16_t)port;
    return true;
}

bool
mri_config_is_identifier(const char *text)
{
    size_t len = strlen(text);
    if (len < 1 || len > 64 || isdigit((unsigned char)text[0])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '_') {
            return false;
        }
    }
    return true;
}

bool
mri_config_is_field(const char *text)
{
    size_t len = strlen(text);
    if (len < 1 || len > 255 || text[0] == '.' || text[len - 1] == '.' || strstr(text, "..")) {
        return false;
    }
    return strcspn(text, " \t\r\n\"'`(),") == len;
}

const char *
mri_config_print_count(int64_t value, char *out, size_t size)
{
    snprintf(out, size, "%" PRId64, value);
    return out;
}

/* In the largest unit that leaves no rest. */
static const char *
print_with_unit(int64_t value, const struct unit *units, size_t count, char *out, size_t size)
{
    size_t at = 0;
    while (at + 1 < count && (value == 0 || value % units[at].factor != 0)) {
        at++;
    }
    snprintf(out, size, "%" PRId64 "%s", value / units[at].factor, units[at].name);
    return out;
}

const char *
mri_config_print_size(int64_t bytes, char *out, size_t size)
{
    return print_with_unit(bytes, size_units, MR_ARRAY_LEN(size_units), out, size);
}

const char *
mri_config_print_duration(int64_t ms, char *out, size_t size)
{
    return print_with_unit(ms, time_units, MR_ARRAY_LEN(time_units), out, size);
}

const char *
mri_config_print_seconds(int64_t s, char *out, size_t size)
{
    return print_with_unit(s * 1000, time_units, MR_ARRAY_LEN(time_units) - 1, out, size);
}
