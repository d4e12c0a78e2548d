/* Bodies of loads: kept as they came, and read row by row; the cells of a row. */
#include "world_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
world_row_text(const struct world_row *row, const char *name)
{
    for (uint32_t i = 0; i < row->count; i++)
        if (strcmp(row->names[i], name) == 0)
            return row->texts[i];
    world_fail("no column \"%s\"", name);
}

int64_t
world_row_number(const struct world_row *row, const char *name)
{
    const char *text = world_row_text(row, name);
    char *end;
    WORLD_NEED(text && *text, "column \"%s\" is null", name);
    int64_t value = strtoll(text, &end, 10);
    WORLD_NEED(*end == '\0', "column \"%s\" is no number: \"%s\"", name, text);
    return value;
}

int64_t
world_row_cents(const struct world_row *row, const char *name)
{
    const char *text = world_row_text(row, name);
    char *end;
    WORLD_NEED(text != NULL, "column \"%s\" is null", name);
    int64_t whole = strtoll(text, &end, 10);
    WORLD_NEED(*end == '.' && strlen(end) == 3, "column \"%s\" is no amount: \"%s\"", name, text);
    int64_t rest = strtoll(end + 1, NULL, 10);
    return whole * 100 + (text[0] == '-' ? -rest : rest);
}

void
world_row_need(const struct world_row *row, const char *name, const char *wanted)
{
    const char *text = world_row_text(row, name);
    WORLD_NEED(wanted ? text && strcmp(text, wanted) == 0 : !text, "column \"%s\" is \"%s\", not \"%s\"",
               name, text ? text : "(null)", wanted ? wanted : "(null)");
}

/* ---- bodies ---- */

/* "`a`,`b`,`c`=f(`b`)" in place: the names of what a row carries; what is computed comes last. */
static uint32_t
split_names(char *columns, const char **names)
{
    uint32_t count = 0;
    char *rest = columns;
    for (char *name; (name = strsep(&rest, ",")) != NULL && !strchr(name, '='); count++) {
        size_t len = strlen(name);
        WORLD_NEED(count < WORLD_COLUMNS && len > 2 && name[0] == '`' && name[len - 1] == '`',
                   "columns header? \"%s\" in the place %u", name, count);
        name[len - 1] = '\0';
        names[count] = name + 1;
    }
    return count;
}

/* A text with \x01 in it is what CSV cannot carry, so splitting finds a wrong count then. */
static void
read_csv(char *text, struct world_row *row,
         void (*each)(void *context, const struct world_row *row), void *context)
{
    uint32_t columns = row->count;
    while (*text) {
        char *line = strsep(&text, "\x02");
        WORLD_NEED(text != NULL, "the last row has no end");
        uint32_t count = 0;
        for (char *cell; (cell = strsep(&line, "\x01")) != NULL && count < columns; count++)
            row->texts[count] = strcmp(cell, "\\N") == 0 ? NULL : cell;
        WORLD_NEED(count == columns && !line, "a row of %u columns has others", columns);
        each(context, row);
    }
}

static char *
json_cell(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    char number[32];
    WORLD_NEED(value != NULL, "a row without \"%s\"", name);
    if (json_is_null(value))
        return NULL;
    if (json_is_string(value))
        return strdup(json_string_value(value));
    WORLD_NEED(json_is_integer(value), "\"%s\" is neither text nor number", name);
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    return strdup(number);
}

static void
read_json(char *text, struct world_row *row,
          void (*each)(void *context, const struct world_row *row), void *context)
{
    while (text && *text) {
        const char *line = strsep(&text, "\n");
        json_t *object = json_loads(line, 0, NULL);
        WORLD_NEED(object && json_object_size(object) == row->count, "row? %s", line);
        for (uint32_t i = 0; i < row->count; i++)
            row->texts[i] = json_cell(object, row->names[i]);
        each(context, row);
        for (uint32_t i = 0; i < row->count; i++)
            free(row->texts[i]);
        json_decref(object);
    }
}

void
world_body_read(const struct world_body *body,
                void (*each)(void *context, const struct world_row *row), void *context)
{
    struct world_row row = {.count = 0};
    char *columns = strdup(body->columns), *text = strdup(body->text);
    WORLD_NEED(columns && text, "no memory");
    row.count = split_names(columns, row.names);
    (body->json ? read_json : read_csv)(text, &row, each, context);
    free(columns);
    free(text);
}

static char *
flatten(const struct mr_body *body)
{
    char *bytes = malloc(body->bytes + 1), *out = bytes;
    WORLD_NEED(bytes != NULL, "no memory");
    for (const struct mr_chunk *chunk = body->first; chunk; chunk = mr_body_next(body, chunk)) {
        memcpy(out, chunk->data, chunk->used);
        out += chunk->used;
    }
    WORLD_NEED((size_t)(out - bytes) == body->bytes, "chunks and bytes differ");
    *out = '\0';
    return bytes;
}

void
world_body_take(struct world_body *body, const struct mr_load_job *job)
{
    WORLD_NEED(!body->text, "a table is loaded twice in one transaction");
    *body = (struct world_body){strdup(job->columns), flatten(job->body),
                                job->body->format == MR_BODY_JSON};
    WORLD_NEED(body->columns != NULL, "no memory");
}

void
world_body_drop(struct world_body *body)
{
    free(body->columns);
    free(body->text);
    *body = (struct world_body){NULL, NULL, false};
}
