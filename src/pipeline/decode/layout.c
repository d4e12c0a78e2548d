/* Nodes → columns of the detail table, and the columns that have a part to play: event time, key,
 * sequence. */
#include "decode_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define COLUMN_NAME_MAX 128
#define NEAR            2 /* edits up to which a name is worth suggesting */

const char *
mri_type_name(enum mr_type type)
{
    static const char *const names[] = {[MR_TYPE_STRING] = "VARCHAR",
                                        [MR_TYPE_INT64] = "BIGINT",
                                        [MR_TYPE_DOUBLE] = "DOUBLE",
                                        [MR_TYPE_BOOL] = "BOOLEAN",
                                        [MR_TYPE_DECIMAL] = "DECIMAL",
                                        [MR_TYPE_TIMESTAMP] = "DATETIME",
                                        [MR_TYPE_DATE] = "DATE",
                                        [MR_TYPE_JSON] = "JSON"};
    return names[type];
}

/* --- columns */

/* The path joined by `_`, without a leading payload_. */
static const char *
derive_name(struct mri_compile *compile, const char *path)
{
    static const char payload[] = "payload.";
    if (strncmp(path, payload, strlen(payload)) == 0)
        path += strlen(payload);
    char *name = mri_plan_text(compile->plan, path, strlen(path));
    compile->no_memory |= !name;
    for (char *p = name; p && *p; p++)
        *p = *p == '.' ? '_' : *p;
    return name ? name : "";
}

/* May the value be absent or null in an accepted event? */
static bool
may_be_null(const struct mr_plan *plan, const struct mri_node *node)
{
    if (node->allows_null)
        return true;
    if (node->has_default)
        return false;
    for (uint32_t i = (uint32_t)(node - plan->nodes); i != 0; i = plan->nodes[i].parent) {
        if (!plan->nodes[i].required || plan->nodes[i].allows_null)
            return true;
    }
    return false;
}

static void
add_column(struct mri_compile *compile, struct mri_node *node, const char *name)
{
    struct mr_layout *layout = &compile->plan->layout;
    if (layout->column_count == MR_MAX_COLUMNS) {
        if (!compile->told_columns)
            mr_mistakes_add(
                compile->mistakes, 0, "event.schema", "", "more than %d columns", MR_MAX_COLUMNS);
        compile->told_columns = true;
        return;
    }
    node->column = (int16_t)layout->column_count;
    layout->default_bytes += node->default_value.text.len;
    layout->columns[layout->column_count++] =
        (struct mr_column){.name = name,
                           .path = node->path,
                           .type = node->object ? MR_TYPE_JSON : node->type,
                           .nullable = may_be_null(compile->plan, node),
                           .precision = node->precision,
                           .scale = node->scale,
                           .max_bytes = node->max_bytes};
}

static void
add_fields(struct mri_compile *compile, const char *const *columns)
{
    struct mr_plan *plan = compile->plan;
    for (uint32_t i = 1; i < plan->node_count; i++) {
        struct mri_node *node = &plan->nodes[i];
        if (!node->object)
            add_column(compile, node, columns[i] ? columns[i] : derive_name(compile, node->path));
        else if (columns[i])
            mr_mistakes_add(compile->mistakes,
                            0,
                            "event.schema",
                            "detail.columns gives an object a column",
                            "%s: %s: x-column is for fields",
                            compile->config->event.schema,
                            node->label);
    }
}

/* --- detail.columns */

/* The node whose path is nearest, for "did you mean"; NULL when none is near. */
static const char *
nearest_path(const struct mr_plan *plan, const char *path)
{
    const char *best = NULL;
    unsigned best_distance = NEAR + 1;
    for (uint32_t i = 1; i < plan->node_count; i++) {
        unsigned distance = mr_text_distance(plan->nodes[i].path, path, NEAR);
        if (distance < best_distance) {
            best_distance = distance;
            best = plan->nodes[i].path;
        }
    }
    return best;
}

static struct mri_node *
find_node(struct mr_plan *plan, const char *path)
{
    for (uint32_t i = 1; i < plan->node_count; i++) {
        if (strcmp(plan->nodes[i].path, path) == 0)
            return &plan->nodes[i];
    }
    return NULL;
}

static void
no_such_path(struct mri_compile *compile, const struct mr_pair *pair, const char *option)
{
    char hint[160] = "", quoted[80];
    const char *near = nearest_path(compile->plan, pair->value);
    if (near)
        snprintf(hint, sizeof hint, "did you mean %.100s?", near);
    mr_text_quote(quoted, sizeof quoted, pair->value, strlen(pair->value));
    mr_mistakes_add(
        compile->mistakes, pair->line, option, hint, "\"%s\" is no path of the schema", quoted);
}

/* A field's column gets the given name; an object gets a JSON column of that name. */
static void
override_column(struct mri_compile *compile, const struct mr_pair *pair, bool *renamed)
{
    char option[96];
    struct mr_plan *plan = compile->plan;
    struct mri_node *node = find_node(plan, pair->value);
    char *name = mri_plan_text(plan, pair->name, strlen(pair->name));
    snprintf(option, sizeof option, "detail.columns.%s", pair->name);
    compile->no_memory |= !name;
    if (!node) {
        no_such_path(compile, pair, option);
        return;
    }
    if (renamed[node - plan->nodes]) {
        mr_mistakes_add(
            compile->mistakes, pair->line, option, "", "\"%s\" has two names", node->label);
        return;
    }
    renamed[node - plan->nodes] = true;
    if (name && !node->object && node->column >= 0) {
        plan->layout.columns[node->column].name = name;
    } else if (name && node->object) {
        add_column(compile, node, name);
        plan->whole_objects = true;
    }
}

/* --- names */

static bool
is_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > COLUMN_NAME_MAX || (isdigit((unsigned char)name[0])))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    }
    return true;
}

static bool
is_reserved(const char *name)
{
    static const char *const names[] = {"_topic", "_partition", "_offset", "__op", "__row"};
    for (size_t i = 0; i < MR_ARRAY_LEN(names); i++) {
        if (strcasecmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void
check_name(struct mri_compile *compile, uint32_t index)
{
    static const char hint[] = "name it with x-column in the schema or with detail.columns";
    const struct mr_column *columns = compile->plan->layout.columns;
    const char *path = columns[index].path;
    char quoted[80];
    mr_text_quote(quoted, sizeof quoted, columns[index].name, strlen(columns[index].name));
    if (!is_name(columns[index].name))
        mr_mistakes_add(compile->mistakes,
                        0,
                        "event.schema",
                        hint,
                        "%s: \"%s\" cannot be a column's name: letters, digits and _, %d at most",
                        path,
                        quoted,
                        COLUMN_NAME_MAX);
    else if (is_reserved(columns[index].name))
        mr_mistakes_add(compile->mistakes,
                        0,
                        "event.schema",
                        hint,
                        "%s: the column name \"%s\" is taken",
                        path,
                        quoted);
    for (uint32_t i = 0; i < index; i++) {
        if (strcasecmp(columns[i].name, columns[index].name) == 0)
            mr_mistakes_add(compile->mistakes,
                            0,
                            "event.schema",
                            hint,
                            "%s and %s would share the column \"%s\"",
                            columns[i].path,
                            path,
                            quoted);
    }
}

/* --- time, key, sequence */

static void
no_such_column(struct mri_compile *compile, const char *field, uint32_t line, const char *option)
{
    const struct mr_layout *layout = &compile->plan->layout;
    char hint[160] = "", quoted[80];
    const char *near = nearest_path(compile->plan, field);
    unsigned best = near ? mr_text_distance(near, field, NEAR) : NEAR + 1;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        unsigned distance = mr_text_distance(layout->columns[i].name, field, NEAR);
        if (distance < best) {
            best = distance;
            near = layout->columns[i].name;
        }
    }
    if (near)
        snprintf(hint, sizeof hint, "did you mean %.100s?", near);
    mr_text_quote(quoted, sizeof quoted, field, strlen(field));
    mr_mistakes_add(compile->mistakes,
                    line,
                    option,
                    hint,
                    "\"%s\" is no field of the schema %s",
                    quoted,
                    compile->config->event.schema);
}

int32_t
mri_layout_find(struct mri_compile *compile, const char *field, uint32_t line, const char *option)
{
    const struct mr_layout *layout = &compile->plan->layout;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (strcmp(layout->columns[i].name, field) == 0)
            return (int32_t)i;
    }
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (strcmp(layout->columns[i].path, field) == 0)
            return (int32_t)i;
    }
    no_such_column(compile, field, line, option);
    return -1;
}

struct mri_node *
mri_layout_node(const struct mr_plan *plan, int32_t column)
{
    for (uint32_t i = 1; i < plan->node_count; i++) {
        if (plan->nodes[i].column == column)
            return &plan->nodes[i];
    }
    return NULL;
}

static bool
has_default(const struct mr_plan *plan, int32_t column)
{
    const struct mri_node *node = mri_layout_node(plan, column);
    return node && node->has_default;
}

static void
find_time(struct mri_compile *compile)
{
    static const char option[] = "event.time.field";
    const char *field = compile->config->event.time_field;
    int32_t index = mri_layout_find(compile, field, 0, option);
    if (index < 0)
        return;
    const struct mr_column *column = &compile->plan->layout.columns[index];
    if (column->type != MR_TYPE_TIMESTAMP)
        mr_mistakes_add(compile->mistakes,
                        0,
                        option,
                        "give it \"format\": \"date-time\" or \"x-time\": \"epoch_ms\"",
                        "\"%s\" is %s; the event time must be DATETIME",
                        field,
                        mri_type_name(column->type));
    else if (column->nullable || has_default(compile->plan, index))
        mr_mistakes_add(compile->mistakes,
                        0,
                        option,
                        "list it, and its parents, under required",
                        "\"%s\" may be absent or null; every event needs its time",
                        field);
    compile->plan->layout.time_column = (uint32_t)index;
}

static void
add_key(struct mri_compile *compile, const char *field)
{
    static const char option[] = "detail.key";
    struct mr_layout *layout = &compile->plan->layout;
    int32_t index = mri_layout_find(compile, field, 0, option);
    if (index < 0)
        return;
    const struct mr_column *column = &layout->columns[index];
    if (column->type == MR_TYPE_DOUBLE || column->type == MR_TYPE_JSON)
        mr_mistakes_add(compile->mistakes,
                        0,
                        option,
                        "",
                        "\"%s\" is %s, which cannot be a key",
                        field,
                        mri_type_name(column->type));
    if (column->nullable)
        mr_mistakes_add(compile->mistakes,
                        0,
                        option,
                        "list it, and its parents, under required",
                        "\"%s\" may be absent or null, which a key must not be",
                        field);
    for (uint32_t i = 0; i < layout->key_count; i++) {
        if (layout->keys[i] == (uint32_t)index)
            mr_mistakes_add(compile->mistakes, 0, option, "", "\"%s\" stands there twice", field);
    }
    layout->keys[layout->key_count++] = (uint32_t)index;
}

static void
add_keys(struct mri_compile *compile, const struct mr_strings *fields)
{
    if (fields->count > MR_MAX_DIMS) {
        mr_mistakes_add(
            compile->mistakes, 0, "detail.key", "", "more than %d columns", MR_MAX_DIMS);
        return;
    }
    for (uint32_t i = 0; i < fields->count; i++)
        add_key(compile, fields->items[i]);
}

/* A null sequence orders nothing, so in key mode the column must always be there. */
static void
find_sequence(struct mri_compile *compile)
{
    struct mr_layout *layout = &compile->plan->layout;
    layout->sequence_column = -1;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (strcmp(layout->columns[i].name, "sequence") != 0 ||
            layout->columns[i].type != MR_TYPE_INT64)
            continue;
        if (!layout->columns[i].nullable)
            layout->sequence_column = (int32_t)i;
        else if (layout->key_count > 0)
            mr_mistakes_add(compile->mistakes,
                            0,
                            "detail.key",
                            "list it under required",
                            "\"sequence\" decides between repeats, but may be absent or null");
    }
}

void
mri_layout_compile(struct mri_compile *compile, const char *const *columns)
{
    const struct mr_config *config = compile->config;
    struct mr_plan *plan = compile->plan;
    bool renamed[MRI_NODES_MAX] = {false};
    plan->layout.columns = mri_plan_alloc(plan, MR_MAX_COLUMNS * sizeof *plan->layout.columns);
    compile->no_memory |= !plan->layout.columns;
    if (compile->no_memory)
        return;
    add_fields(compile, columns);
    for (uint32_t i = 0; i < config->detail.columns.count; i++)
        override_column(compile, &config->detail.columns.items[i], renamed);
    for (uint32_t i = 0; i < plan->layout.column_count; i++)
        check_name(compile, i);
    find_time(compile);
    add_keys(compile, &config->detail.key);
    find_sequence(compile);
}
