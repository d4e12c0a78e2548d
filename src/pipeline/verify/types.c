/* Column types as servers spell them → one spelling, and whether one fits another. */
#include "pipeline/verify/verify_priv.h"

#include <ctype.h>
#include <stdlib.h>

#include "millrace/base/assert.h"

/* Older servers print display widths, newer ones do not; DECIMAL has one name a storage width. */
static const struct {
    const char *from, *to;
    long a; /* length that the name implies, when none is written */
} spellings[] = {
    {"string", "varchar", 65533},
    {"varchar", "varchar", 1},
    {"character varying", "varchar", 1},
    {"bool", "boolean", 0},
    {"integer", "int", 0},
    {"decimalv2", "decimal", 0},
    {"decimalv3", "decimal", 0},
    {"decimal32", "decimal", 0},
    {"decimal64", "decimal", 0},
    {"decimal128", "decimal", 0},
    {"decimal256", "decimal", 0},
    {"numeric", "decimal", 0},
    {"timestamp", "datetime", 0},
    {"datetimev2", "datetime", 0},
    {"binary", "varbinary", 1048576},
    {"varbinary", "varbinary", 1048576},
};
static const char *const without_width[] = {"tinyint",
                                            "smallint",
                                            "int",
                                            "bigint",
                                            "largeint",
                                            "datetime",
                                            "double",
                                            "date",
                                            "boolean",
                                            "json"};
#define VARCHAR_MAX 1048576

/* Name part, lower-case; returns what follows it. */
static const char *
split(const char *text, char *name, size_t size)
{
    size_t len = 0;
    while (*text == ' ')
        text++;
    for (; *text && *text != '('; text++)
        if (len + 1 < size)
            name[len++] = (char)tolower((unsigned char)*text);
    while (len > 0 && name[len - 1] == ' ')
        len--;
    name[len] = '\0';
    return text;
}

static void
arguments(const char *text, struct mri_type *type)
{
    char *end = NULL;
    if (*text != '(')
        return;
    type->a = text[1] == '*' ? VARCHAR_MAX : strtol(text + 1, &end, 10);
    if (end && *end == ',')
        type->b = strtol(end + 1, NULL, 10);
}

void
mri_type_parse(const char *text, struct mri_type *ret_type)
{
    struct mri_type type = {0};
    const char *rest = split(text, type.name, sizeof type.name);
    bool tiny_one = strcmp(type.name, "tinyint") == 0 && strncmp(rest, "(1)", 3) == 0;
    if (tiny_one)
        snprintf(type.name, sizeof type.name, "boolean");
    for (size_t i = 0; i < MR_ARRAY_LEN(spellings); i++) {
        if (strcmp(type.name, spellings[i].from) == 0) {
            snprintf(type.name, sizeof type.name, "%s", spellings[i].to);
            type.a = spellings[i].a;
            break;
        }
    }
    arguments(rest, &type);
    if (type.a < 0) /* varchar(-1) is the longest there is */
        type.a = VARCHAR_MAX;
    for (size_t i = 0; i < MR_ARRAY_LEN(without_width); i++)
        if (strcmp(type.name, without_width[i]) == 0)
            type.a = type.b = 0;
    *ret_type = type;
}

bool
mri_type_fits(const char *want, const char *found)
{
    struct mri_type w, f;
    mri_type_parse(want, &w);
    mri_type_parse(found, &f);
    if (strcmp(w.name, f.name) != 0)
        return false;
    if (strcmp(w.name, "decimal") == 0)
        return f.a >= w.a && f.b == w.b;
    return f.a >= w.a;
}
