/* JSON Schema file → nodes. What is read here is the subset that schemas/README.md lists; anything
 * else is a mistake: a rule that is written down and not applied would be a lie. */
#include "decode_priv.h"

#include <stdarg.h>
#include <stdio.h>

#define REFS_MAX         16
#define POINTER_SHOWN    120 /* bytes of a JSON pointer in a message */
#define SCHEMA_BYTES_MAX ((size_t)1 << 20)

void
mri_schema_mistake(struct mri_compile *compile, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* A mistake is short: of a long pointer its end is the part that helps. */
    size_t len = strlen(compile->pointer);
    bool cut = len > POINTER_SHOWN;
    mr_mistakes_add(compile->mistakes,
                    0,
                    "event.schema",
                    "the supported subset is listed in schemas/README.md",
                    "%s #%s%s: %s",
                    compile->config->event.schema,
                    cut ? "..." : "",
                    compile->pointer + (cut ? len - POINTER_SHOWN : 0),
                    text);
}

/* --- the file */

/* The path as it stands, else beside the configuration file. */
static FILE *
open_schema(const struct mr_config *config)
{
    char path[4096];
    FILE *file = fopen(config->event.schema, "rbe");
    const char *slash = config->file ? strrchr(config->file, '/') : NULL;
    if (file || !slash || config->event.schema[0] == '/')
        return file;
    int len = snprintf(path,
                       sizeof path,
                       "%.*s/%s",
                       (int)(slash - config->file),
                       config->file,
                       config->event.schema);
    return len > 0 && (size_t)len < sizeof path ? fopen(path, "rbe") : NULL;
}

static bool
load(struct mri_compile *compile)
{
    json_error_t problem;
    FILE *file = open_schema(compile->config);
    if (!file) {
        mr_mistakes_add(compile->mistakes,
                        0,
                        "event.schema",
                        "looked from the working directory, then beside the configuration file",
                        "cannot open \"%s\"",
                        compile->config->event.schema);
        return false;
    }
    compile->root = json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
    fclose(file);
    if (!compile->root)
        mr_mistakes_add(compile->mistakes,
                        0,
                        "event.schema",
                        "",
                        "%s:%d: %s",
                        compile->config->event.schema,
                        problem.line,
                        problem.text);
    return compile->root != NULL;
}

/* --- where we are */

/* Appends "/name" (RFC 6901) to the pointer and returns the length to cut it back to. */
static size_t
point_at(struct mri_compile *compile, const char *step, const char *name)
{
    size_t before = strlen(compile->pointer), used = before;
    char *out = compile->pointer;
    used += (size_t)snprintf(
        out + used, sizeof compile->pointer - used, "/%s%s", step, *step ? "/" : "");
    for (; *name && used + 3 < sizeof compile->pointer; name++) {
        if (*name == '~' || *name == '/') {
            out[used++] = '~';
            out[used++] = *name == '~' ? '0' : '1';
        } else {
            out[used++] = *name;
        }
    }
    out[used < sizeof compile->pointer ? used : sizeof compile->pointer - 1] = '\0';
    return before;
}

/* --- $ref */

static bool
ref_has_only(struct mri_compile *compile, json_t *schema)
{
    const char *key;
    json_t *value;
    bool ok = true;
    json_object_foreach(schema, key, value)
    {
        if (strcmp(key, "$ref") == 0 || strcmp(key, "x-column") == 0 || mri_keyword_annotation(key))
            continue;
        mri_schema_mistake(compile, "keyword \"%s\" beside $ref is not supported", key);
        ok = false;
    }
    return ok;
}

/* The schema itself, or what its $ref names; NULL after a mistake. */
static json_t *
resolve(struct mri_compile *compile, json_t *schema)
{
    static const char prefix[] = "#/$defs/";
    for (int hops = 0; json_is_object(schema) && hops < REFS_MAX; hops++) {
        json_t *ref = json_object_get(schema, "$ref");
        if (!ref)
            return schema;
        const char *target = json_string_value(ref);
        if (!target || strncmp(target, prefix, strlen(prefix)) != 0 ||
            strpbrk(target + strlen(prefix), "/~%")) {
            mri_schema_mistake(compile, "$ref must be \"#/$defs/NAME\"");
            return NULL;
        }
        if (!ref_has_only(compile, schema))
            return NULL;
        schema = json_object_get(json_object_get(compile->root, "$defs"), target + strlen(prefix));
        if (!schema) {
            mri_schema_mistake(compile, "$ref to \"%s\", which is not there", target);
            return NULL;
        }
    }
    if (json_is_object(schema))
        mri_schema_mistake(compile, "more than %d $ref in a row", REFS_MAX);
    else
        mri_schema_mistake(compile, "a schema must be an object");
    return NULL;
}

/* --- nodes */

static bool
set_path(struct mri_compile *compile, struct mri_node *node, const char *parent, const char *name)
{
    char label[88];
    size_t len = strlen(parent) + strlen(name) + 2;
    char *path = mri_plan_alloc(compile->plan, len + MRI_PAD);
    if (path) {
        snprintf(path, len, "%s%s%s", parent, *parent ? "." : "", name);
        mr_text_quote(label, sizeof label, path, strlen(path));
        node->path = path;
        node->label = mri_plan_text(compile->plan, label, strlen(label));
    }
    compile->no_memory |= !path || !node->label;
    return !compile->no_memory;
}

static bool
check_name(struct mri_compile *compile, const char *name)
{
    size_t len = strlen(name);
    if (len > 0 && len <= MRI_NAME_MAX && !strchr(name, '.'))
        return true;
    mri_schema_mistake(
        compile, "a property's name must have 1 to %d bytes and no dot", MRI_NAME_MAX);
    return false;
}

static bool
is_listed(const json_t *list, const char *name)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

static void
check_required(struct mri_compile *compile, const json_t *schema)
{
    json_t *list = json_object_get(schema, "required"), *item;
    size_t index;
    if (list && !json_is_array(list))
        mri_schema_mistake(compile, "required must be an array of names");
    json_array_foreach(list, index, item)
    {
        const char *name = json_string_value(item);
        if (!name)
            mri_schema_mistake(compile, "required must be an array of names");
        else if (!json_object_get(json_object_get(schema, "properties"), name))
            mri_schema_mistake(
                compile, "required names \"%s\", which properties does not describe", name);
    }
}

struct walk {
    struct mri_compile *compile;
    const char **names;   /* of the properties, a node each */
    const char **columns; /* x-column, a node each */
    uint32_t levels;
    bool told; /* that a limit was passed: once is enough, references can pass it often */
};

static void
tell_limit(struct walk *walk, const char *what, int limit)
{
    if (!walk->told)
        mri_schema_mistake(walk->compile, "%s than %d", what, limit);
    walk->told = true;
}

static void read_node(struct walk *walk, struct mri_node *node, json_t *schema);

/* One property: its node, and the nodes below. */
static void
read_property(struct walk *walk,
              const struct mri_node *parent,
              json_t *owner,
              const char *name,
              json_t *schema)
{
    struct mri_compile *compile = walk->compile;
    struct mr_plan *plan = compile->plan;
    size_t before = point_at(compile, "properties", name);
    if (plan->node_count == MRI_NODES_MAX) {
        tell_limit(walk, "more properties", MRI_NODES_MAX);
    } else if (check_name(compile, name)) {
        uint32_t index = plan->node_count++;
        struct mri_node *node = &plan->nodes[index];
        node->parent = (uint16_t)(parent - plan->nodes);
        node->required = is_listed(json_object_get(owner, "required"), name);
        walk->names[index] = mri_plan_text(plan, name, strlen(name));
        compile->no_memory |= !walk->names[index];
        walk->columns[index] = mri_keyword_column(compile, schema);
        json_t *resolved =
            set_path(compile, node, parent->path, name) ? resolve(compile, schema) : NULL;
        if (resolved && resolved != schema && !walk->columns[index])
            walk->columns[index] = mri_keyword_column(compile, resolved);
        if (resolved)
            read_node(walk, node, resolved);
        node->end = (uint16_t)plan->node_count;
    }
    compile->pointer[before] = '\0';
}

static void
read_node(struct walk *walk, struct mri_node *node, json_t *schema)
{
    struct mri_compile *compile = walk->compile;
    json_t *properties = json_object_get(schema, "properties"), *value;
    const char *name;
    node->column = -1;
    mri_keyword_read(compile, node, schema);
    if (!node->object)
        return;
    check_required(compile, schema);
    if (++walk->levels > MRI_LEVELS_MAX)
        tell_limit(walk, "objects nested deeper", MRI_LEVELS_MAX);
    else
        json_object_foreach(properties, name, value) read_property(walk, node, schema, name, value);
    walk->levels--;
}

static bool
build_keys(struct walk *walk)
{
    struct mr_plan *plan = walk->compile->plan;
    for (uint32_t i = 0; i < plan->node_count; i++) {
        if (plan->nodes[i].object && !mri_keys_build(plan, (uint16_t)i, walk->names))
            return false;
    }
    return true;
}

bool
mri_schema_compile(struct mri_compile *compile, const char **columns)
{
    struct mr_plan *plan = compile->plan;
    struct walk walk = {.compile = compile, .columns = columns};
    if (!load(compile))
        return false;
    plan->nodes = mri_plan_alloc(plan, MRI_NODES_MAX * sizeof *plan->nodes);
    walk.names = mri_plan_alloc(plan, MRI_NODES_MAX * sizeof *walk.names);
    compile->no_memory |= !plan->nodes || !walk.names;
    json_t *root = resolve(compile, compile->root);
    if (compile->no_memory || !root)
        return false;
    plan->nodes[0].path = plan->nodes[0].label = "";
    plan->node_count = 1;
    read_node(&walk, &plan->nodes[0], root);
    plan->nodes[0].end = (uint16_t)plan->node_count;
    if (!plan->nodes[0].object || plan->nodes[0].allows_null)
        mri_schema_mistake(compile, "an event must be {\"type\": \"object\", \"properties\": …}");
    if (compile->mistakes->count > compile->mistakes_before || compile->no_memory)
        return false;
    compile->no_memory |= !build_keys(&walk);
    return !compile->no_memory;
}
