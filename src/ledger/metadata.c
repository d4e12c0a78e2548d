/* Metadata of an offset commit: `millrace:1|pipeline|C,n|start|f3|C'|event time|config|check`. */
#include "millrace/protocol.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/hash.h"

#define MAGIC       "millrace:"
#define VERSION     "1"
#define NONE        "-"
#define FIELDS      9
#define CHECK_CHARS 8 /* its 32 bits in hex */

enum field { VERSIONED, PIPELINE, LAST, START, TABLES, IN_FORCE, EVENT_TIME, CONFIG, CHECK };

const char *
mr_metadata_kind_name(enum mr_metadata_kind kind)
{
    static const char *const names[] = {[MR_METADATA_OURS] = "ours",
                                        [MR_METADATA_NONE] = "none",
                                        [MR_METADATA_FOREIGN] = "foreign",
                                        [MR_METADATA_NEWER] = "of a later version",
                                        [MR_METADATA_OTHER_PIPELINE] = "of another pipeline",
                                        [MR_METADATA_CORRUPT] = "corrupt",
                                        [MR_METADATA_TOO_LONG] = "too long"};
    MR_REQUIRE((size_t)kind < MR_ARRAY_LEN(names));
    return names[kind];
}

static bool
is_pipeline(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t len = strspn(name, allowed);
    return len > 0 && len <= MR_PIPELINE_CHARS && name[len] == '\0';
}

/* Against damage, not against forgers: 32 bits of XXH3. */
static uint32_t
check_of(const char *text, size_t len)
{
    return (uint32_t)mr_hash_bytes(text, len, 0);
}

void
mr_metadata_encode(const struct mr_metadata *metadata, char ret_text[MR_METADATA_CHARS + 1])
{
    char last[MR_CHAIN_CHARS + 24] = NONE, time[24] = NONE;
    MR_REQUIRE(is_pipeline(metadata->pipeline));
    MR_REQUIRE(!mr_chain_is_none(&metadata->in_force));
    MR_REQUIRE(mr_chain_is_none(&metadata->last.chain) == (metadata->last.n == 0));
    MR_REQUIRE(metadata->start >= 0);
    if (metadata->last.n > 0) {
        snprintf(last, sizeof last, "%s,%" PRIu64, metadata->last.chain.text, metadata->last.n);
    }
    if (metadata->event_time_us != INT64_MIN) {
        snprintf(time, sizeof time, "%" PRId64, metadata->event_time_us);
    }
    int len = snprintf(ret_text,
                       MR_METADATA_CHARS + 1,
                       MAGIC VERSION "|%s|%s|%" PRId64 "|%c%" PRIx64 "|%s|%s|%" PRIx64 "|",
                       metadata->pipeline,
                       last,
                       metadata->start,
                       metadata->partial ? 'p' : 'f',
                       metadata->tables,
                       metadata->in_force.text,
                       time,
                       metadata->config);
    /* GCOV: the longest fields together are shorter */
    MR_INSIST(len > 0 && len + CHECK_CHARS <= MR_METADATA_CHARS);
    snprintf(ret_text + len,
             (size_t)(MR_METADATA_CHARS + 1 - len),
             "%08" PRIx32,
             check_of(ret_text, (size_t)len));
}

static bool
read_unsigned(const char *text, int base, uint64_t *ret_value)
{
    char *end = NULL;
    errno = 0;
    *ret_value = strtoull(text, &end, base);
    return errno == 0 && end != text && *end == '\0';
}

static bool
read_signed(const char *text, int64_t *ret_value)
{
    char *end = NULL;
    errno = 0;
    *ret_value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static bool
read_last(const char *text, struct mr_unit_name *ret_last)
{
    *ret_last = (struct mr_unit_name){0};
    if (strcmp(text, NONE) == 0) {
        return true;
    }
    const char *comma = strchr(text, ',');
    return comma &&
           mr_chain_parse((struct mr_slice){text, (size_t)(comma - text)}, &ret_last->chain) &&
           read_unsigned(comma + 1, 10, &ret_last->n) && ret_last->n > 0;
}

static bool
read_fields(char *const *fields, struct mr_metadata *ret_metadata)
{
    struct mr_metadata *to = ret_metadata;
    if (!is_pipeline(fields[PIPELINE])) {
        return false;
    }
    strncpy(to->pipeline, fields[PIPELINE], sizeof to->pipeline - 1);
    to->partial = fields[TABLES][0] == 'p';
    to->event_time_us = INT64_MIN;
    return read_last(fields[LAST], &to->last) && read_signed(fields[START], &to->start) &&
           to->start >= 0 && fields[TABLES][0] != '\0' &&
           read_unsigned(fields[TABLES] + 1, 16, &to->tables) &&
           mr_chain_parse(mr_slice_of(fields[IN_FORCE]), &to->in_force) &&
           (strcmp(fields[EVENT_TIME], NONE) == 0 ||
            read_signed(fields[EVENT_TIME], &to->event_time_us)) &&
           read_unsigned(fields[CONFIG], 16, &to->config);
}

/* Cuts text at its bars. False: not FIELDS fields. */
static bool
split(char *text, char *fields[FIELDS])
{
    for (unsigned i = 0; i < FIELDS; i++) {
        char *bar = strchr(text, '|');
        fields[i] = text;
        if ((bar == NULL) != (i == FIELDS - 1)) {
            return false;
        }
        if (bar) {
            *bar = '\0';
            text = bar + 1;
        }
    }
    return true;
}

/* Reads what encode would write and nothing else: signs, zeros and spaces that a number may have
 * for strtoull do not survive the comparison, nor does a wrong check. */
static bool
read_text(const char *text, struct mr_metadata *ret_metadata)
{
    char copy[MR_METADATA_CHARS + 1], again[MR_METADATA_CHARS + 1];
    char *fields[FIELDS];
    struct mr_metadata metadata = {0};
    memcpy(copy, text, strlen(text) + 1);
    if (!split(copy, fields) || !read_fields(fields, &metadata)) {
        return false;
    }
    mr_metadata_encode(&metadata, again);
    if (strcmp(text, again) != 0) {
        return false;
    }
    *ret_metadata = metadata;
    return true;
}

/* After the magic: a number other than ours, and a bar. */
static bool
is_other_version(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && text[digits] == '|' && strncmp(text, VERSION "|", sizeof VERSION) != 0;
}

enum mr_metadata_kind
mr_metadata_decode(struct mr_slice bytes, const char *pipeline, struct mr_metadata *ret_metadata)
{
    char text[MR_METADATA_CHARS + 1];
    if (bytes.len == 0) {
        return MR_METADATA_NONE;
    }
    if (bytes.len < sizeof MAGIC - 1 || memcmp(bytes.p, MAGIC, sizeof MAGIC - 1) != 0) {
        return MR_METADATA_FOREIGN;
    }
    if (bytes.len > MR_METADATA_CHARS) {
        return MR_METADATA_TOO_LONG;
    }
    memcpy(text, bytes.p, bytes.len);
    text[bytes.len] = '\0';
    if (strlen(text) != bytes.len) {
        return MR_METADATA_CORRUPT;
    }
    if (is_other_version(text + sizeof MAGIC - 1)) {
        return MR_METADATA_NEWER;
    }
    if (!read_text(text, ret_metadata)) {
        return MR_METADATA_CORRUPT;
    }
    bool same = strcmp(ret_metadata->pipeline, pipeline) == 0;
    return same ? MR_METADATA_OURS : MR_METADATA_OTHER_PIPELINE;
}
