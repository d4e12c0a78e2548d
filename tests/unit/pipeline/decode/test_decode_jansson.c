/* The scanner against jansson: the same documents are refused, and what is taken has the same
 * values as jansson's tree. Known differences, each looked for by name:
 *   - jansson takes an array as a document; an event is an object.
 *   - jansson refuses numbers beyond 64 bits or beyond a double; the scanner refuses them only
 * where the schema wants them (`range`).
 *   - jansson refuses an escaped NUL in a key, and steps over a plain NUL between tokens.
 *   - jansson keeps the last of repeated keys, or refuses them all; the scanner refuses those that
 *     the schema names (`malformed`) and leaves the others.
 *   - The depth limits differ (2048 and event.max_depth).
 *   - jansson reads decimals as doubles: where the tree has a double for a DECIMAL or an integer of
 *     more than 15 digits, the value is compared up to rounding. */
#include "decode_case.h"
#include "mutate.h"
#include "test.h"
#include "tree_case.h"

#include <stdio.h>
#include <string.h>

#define DOCUMENTS 40000
#define ROOM      8192

static struct decode_case c;

/* mutate_schema, in its order. An object stands before its fields. */
static const struct field fields[] = {
    {NULL, "id", "id", MR_TYPE_STRING, true, false},
    {NULL, "at", "at", MR_TYPE_TIMESTAMP, true, false},
    {NULL, "sequence", "sequence", MR_TYPE_INT64, false, false},
    {"source", NULL, NULL, MR_TYPE_JSON, false, true},
    {"source", "system", "source_system", MR_TYPE_STRING, true, false},
    {"source", "live", "source_live", MR_TYPE_BOOL, false, false},
    {"payload", NULL, NULL, MR_TYPE_JSON, true, false},
    {"payload", "amount", "amount", MR_TYPE_DECIMAL, true, false},
    {"payload", "note", "note", MR_TYPE_STRING, false, true},
    {"payload", "items", "items", MR_TYPE_INT64, false, false},
    {"payload", "level", "level", MR_TYPE_DOUBLE, false, true},
    {"payload", "day", "day", MR_TYPE_DATE, false, false},
    {"payload", "extra", "extra", MR_TYPE_JSON, false, true},
};

/* --- the comparison of one document */

static const json_t *
find(const json_t *document, const struct field *field)
{
    const json_t *owner = field->object ? json_object_get(document, field->object) : document;
    return field->key ? json_object_get(owner, field->key) : owner;
}

/* Reason for the first field, in the schema's order, that breaks a rule which the tree can show. */
static const char *
expected_reason(const json_t *document, const struct field **ret_field)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *field = &fields[i];
        const json_t *tree = find(document, field);
        const char *reason = NULL;
        if (field->key && field->object &&
            !json_is_object(json_object_get(document, field->object)))
            continue;
        if (!tree)
            reason = field->required ? "missing" : NULL;
        else if (json_is_null(tree))
            reason = field->nullable ? NULL : "type";
        else
            reason = tree_reason(field, tree);
        *ret_field = field;
        if (reason)
            return reason;
    }
    return NULL;
}

static void
compare_values(const json_t *document, const char *text, int len)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *tree = find(document, &fields[i]);
        if (!fields[i].column)
            continue;
        const struct mr_value *value = decode_case_value(&c, fields[i].column);
        bool there = tree && !json_is_null(tree);
        T_TRUE_MSG(value->set == there, "%s: %.*s", fields[i].column, len, text);
        T_TRUE_MSG(!there || tree_same_value(&fields[i], tree, value),
                   "%s: %.*s",
                   fields[i].column,
                   len,
                   text);
    }
}

/* Refusals that the tree cannot foretell: exact limits of decimals, times and 64 bits, the clock.
 */
static bool
beyond_the_tree(enum mr_reject got)
{
    return got == MR_REJECT_range || got == MR_REJECT_clock || got == MR_REJECT_format;
}

static unsigned taken, refused, skipped, repeated, tolerated;

/* --- repeated keys: jansson reads each key and each value of a described object by itself */

static const char *
skip_to(const char *p, const char *end)
{
    while (p < end && strchr(" \n\r\t,:", *p))
        p++;
    return p;
}

/* One key or value; *p at its first byte, afterwards behind it. */
static json_t *
read_one(const char **p, const char *end)
{
    json_error_t after;
    json_t *tree = json_loadb(
        *p, (size_t)(end - *p), JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &after);
    T_TRUE_MSG(tree, "%s: %.*s", after.text, (int)(end - *p), *p);
    *p += after.position;
    return tree;
}

/* Index of the field, or of the described object, that has this key in owner; or -1. */
static int
described(const char *owner, const json_t *key)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *name = !owner && !fields[i].key ? fields[i].object : fields[i].key;
        bool inside = fields[i].key
                          ? fields[i].object == owner ||
                                (owner && fields[i].object && strcmp(fields[i].object, owner) == 0)
                          : !owner;
        if (inside && name && json_string_length(key) == strlen(name) &&
            memcmp(json_string_value(key), name, strlen(name)) == 0)
            return (int)i;
    }
    return -1;
}

/* Path of the first described key, by position, that comes twice; "" when there is none. p: at the
 * brace of a well-formed object. The recursion ends one object down. */
static void
find_repeated(const char *owner, const char *p, const char *end, char path[64])
{
    bool seen[sizeof fields / sizeof *fields] = {false};
    for (p = skip_to(p + 1, end); *p != '}' && !*path; p = skip_to(p, end)) {
        json_t *key = read_one(&p, end);
        int index = described(owner, key);
        json_decref(key);
        p = skip_to(p, end);
        const char *value = p;
        if (index >= 0 && seen[index])
            snprintf(path,
                     64,
                     "%s%s%s",
                     owner ? owner : "",
                     owner ? "." : "",
                     fields[index].key ? fields[index].key : fields[index].object);
        if (index >= 0)
            seen[index] = true;
        if (index >= 0 && !*path && !fields[index].key && *value == '{')
            find_repeated(fields[index].object, value, end, path);
        json_decref(read_one(&p, end));
    }
}

/* True when the document, which jansson takes, repeats a described key; both must say so, by name.
 */
static bool
compare_repeated(const char *text, size_t len, enum mr_reject got)
{
    char path[64] = "", message[96];
    json_error_t problem;
    json_t *strict = json_loadb(text, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &problem);
    bool any = !strict;
    T_TRUE_MSG(strict || json_error_code(&problem) == json_error_duplicate_key,
               "%s: %.*s",
               problem.text,
               (int)len,
               text);
    json_decref(strict);
    find_repeated(NULL, skip_to(text, text + len), text + len, path);
    T_TRUE_MSG(any || !*path, "%s is in %.*s once", path, (int)len, text);
    tolerated += any && !*path;
    if (!*path)
        return false;
    snprintf(message, sizeof message, "%s: the key is repeated at byte ", path);
    T_TRUE_MSG(got == MR_REJECT_malformed && strncmp(c.info.message, message, strlen(message)) == 0,
               "%s was expected, decode: %s %s for %.*s",
               message,
               mr_reject_name(got),
               got ? c.info.message : "",
               (int)len,
               text);
    repeated++;
    return true;
}

static void
compare(const char *text, size_t len)
{
    json_error_t problem;
    const struct field *field = NULL;
    enum mr_reject got = decode_case_run(&c, text, len);
    json_t *document = json_loadb(text, len, JSON_ALLOW_NUL, &problem);
    bool grammar = got == MR_REJECT_malformed || got == MR_REJECT_utf8;
    if (got == MR_REJECT_depth) {
        skipped++;
    } else if (memchr(text, 0, len)) {
        T_TRUE_MSG(grammar, "a NUL was taken");
        refused++;
    } else if (!document) {
        bool known = json_error_code(&problem) == json_error_numeric_overflow ||
                     json_error_code(&problem) == json_error_null_byte_in_key;
        T_TRUE_MSG(known || grammar,
                   "jansson: %s, decode: %s for %.*s",
                   problem.text,
                   mr_reject_name(got),
                   (int)len,
                   text);
        skipped += known;
        refused += !known;
    } else if (!json_is_object(document)) {
        T_INT_EQ(got, MR_REJECT_malformed);
    } else if (!compare_repeated(text, len, got)) {
        T_TRUE_MSG(
            !grammar, "jansson takes it, decode: %s for %.*s", c.info.message, (int)len, text);
        const char *reason = expected_reason(document, &field);
        if (got == MR_REJECT_NONE) {
            T_TRUE_MSG(
                !reason, "%s of %s was expected: %.*s", reason, field->column, (int)len, text);
            compare_values(document, text, (int)len);
            taken++;
        } else {
            T_TRUE_MSG((reason && strcmp(reason, mr_reject_name(got)) == 0) || beyond_the_tree(got),
                       "%s was expected, decode: %s for %.*s",
                       reason ? reason : "nothing",
                       c.info.message,
                       (int)len,
                       text);
            refused++;
        }
    }
    json_decref(document);
}

Test(decode_jansson, both_agree_on_whole_and_on_mutated_documents)
{
    static char text[ROOM];
    struct mutate_random random = {7};
    decode_case_init(&c);
    decode_case_text(&c, mutate_schema);
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        size_t len = mutate_document(&random, mutate_below(&random, 500), text, ROOM / 2);
        if (i % 4 > 0)
            len = mutate_bytes(&random, text, len, ROOM / 2);
        compare(text, len);
    }
    T_TRUE_MSG(taken > DOCUMENTS / 5 && refused > DOCUMENTS / 5 && skipped < DOCUMENTS / 20,
               "%u taken, %u refused, %u skipped",
               taken,
               refused,
               skipped);
    T_TRUE_MSG(repeated > DOCUMENTS / 20 && tolerated > DOCUMENTS / 50,
               "%u with repeated keys of the schema, %u with others",
               repeated,
               tolerated);
    decode_case_close(&c);
}
