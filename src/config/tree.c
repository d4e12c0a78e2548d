/* YAML bytes → nodes with lines. One document of lists, maps and scalars; JSON is a subset.
 * Anchors, aliases and tags are refused: a configuration needs none, and without them the tree is
 * never larger than the file. Depth and children are bounded, nothing recurses. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

struct build {
    struct mri_draft *draft;
    struct mri_tree *tree;
    struct mri_node *open[MRI_DEPTH_MAX]; /* lists and maps that are not closed yet */
    unsigned depth;
    char *key;       /* waits for its value */
    bool documented; /* a document was seen */
};

static bool fail(struct build *build, uint32_t line, const char *hint, const char *format, ...)
    MR_PRINTF(4, 5);

/* Records a mistake of the file as such; false ends the building. */
static bool
fail(struct build *build, uint32_t line, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!mri_config_mistakes_vadd(build->draft->mistakes, line, "", hint, format, args)) {
        build->draft->nomem = true;
    }
    va_end(args);
    return false;
}

static bool
out_of_memory(struct build *build)
{
    build->draft->nomem = true;
    return false;
}

static uint32_t
line_of(const yaml_event_t *event)
{
    return (uint32_t)event->start_mark.line + 1;
}

/* The innermost open list or map; NULL at the top. */
static struct mri_node *
parent_of(const struct build *build)
{
    return build->depth ? build->open[build->depth - 1] : NULL;
}

/* Keys of a map are told apart as they come; the second of two equal ones is named. */
static void
report_duplicate(struct build *build, const struct mri_node *map, uint32_t line)
{
    for (const struct mri_node *other = map->first; other; other = other->next) {
        if (strcmp(other->key, build->key) == 0) {
            char shown[MRI_SHOWN];
            mr_text_quote(shown, sizeof shown, other->key, strlen(other->key));
            (void)fail(build,
                       line,
                       "keep one of the two",
                       "\"%s\" stands here twice; the first is on line %u",
                       shown,
                       other->line);
            return;
        }
    }
}

/* Hangs a node into the innermost open list or map. */
static bool
attach(struct build *build, struct mri_node *node)
{
    struct mri_node *parent = parent_of(build);
    if (!parent) {
        build->tree->root = node;
        return true;
    }
    if (parent->count >= MRI_CHILDREN_MAX) {
        return fail(build,
                    node->line,
                    "split it over several pipelines",
                    "a list or map has more than %d entries",
                    MRI_CHILDREN_MAX);
    }
    if (parent->kind == MRI_MAP) {
        report_duplicate(build, parent, node->line);
        node->key = build->key;
        build->key = NULL;
    }
    *(parent->last ? &parent->last->next : &parent->first) = node;
    parent->last = node;
    parent->count++;
    return true;
}

static struct mri_node *
add_node(struct build *build, enum mri_kind kind, const yaml_event_t *event)
{
    struct mri_node *node = calloc(1, sizeof *node);
    if (!node) {
        build->draft->nomem = true;
        return NULL;
    }
    node->kind = kind;
    node->line = line_of(event);
    node->older = build->tree->youngest;
    build->tree->youngest = node;
    return attach(build, node) ? node : NULL;
}

static bool
refuse_extras(struct build *build,
              const yaml_event_t *event,
              const yaml_char_t *anchor,
              const yaml_char_t *tag)
{
    if (anchor) {
        return fail(build,
                    line_of(event),
                    "write the value out at each place",
                    "anchors (&) are not supported");
    }
    if (tag) {
        return fail(build,
                    line_of(event),
                    "leave the tag out; the option knows its type",
                    "tags (!) are not supported");
    }
    return true;
}

static bool
open_node(struct build *build, enum mri_kind kind, const yaml_event_t *event)
{
    const struct mri_node *parent = parent_of(build);
    if (parent && parent->kind == MRI_MAP && !build->key) {
        return fail(build,
                    line_of(event),
                    "quote the key if it holds one of { } [ ]",
                    "a key is a list or a map; keys are single words");
    }
    if (build->depth == MRI_DEPTH_MAX) {
        return fail(build,
                    line_of(event),
                    "no option is nested that deep",
                    "nested deeper than %d levels",
                    MRI_DEPTH_MAX);
    }
    struct mri_node *node = add_node(build, kind, event);
    if (!node) {
        return false;
    }
    build->open[build->depth++] = node;
    return true;
}

/* A key with a NUL would be cut by strcmp and compare equal to another. */
static bool
take_key(struct build *build, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length) {
        return fail(
            build, line_of(event), "remove \\0 from the key", "a key holds a NUL character");
    }
    build->key = strdup(text);
    return build->key ? true : out_of_memory(build);
}

static bool
take_scalar(struct build *build, const yaml_event_t *event)
{
    const struct mri_node *parent = parent_of(build);
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    if (!refuse_extras(build, event, event->data.scalar.anchor, event->data.scalar.tag)) {
        return false;
    }
    if (parent && parent->kind == MRI_MAP && !build->key) {
        return take_key(build, event);
    }
    struct mri_node *node = add_node(build, MRI_SCALAR, event);
    if (!node) {
        return false;
    }
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->raw = malloc(len + 1);
    if (!node->raw) {
        return out_of_memory(build);
    }
    memcpy(node->raw, text, len);
    node->raw[len] = '\0';
    node->raw_len = len;
    return true;
}

static bool
take_document(struct build *build, const yaml_event_t *event)
{
    if (build->documented) {
        return fail(build,
                    line_of(event),
                    "one file is one pipeline: remove the line ---",
                    "a second document begins here");
    }
    build->documented = true;
    return true;
}

/* False ends the building. */
static bool
take_event(struct build *build, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return take_document(build, event);
    case YAML_SCALAR_EVENT:
        return take_scalar(build, event);
    case YAML_SEQUENCE_START_EVENT:
        return refuse_extras(build,
                             event,
                             event->data.sequence_start.anchor,
                             event->data.sequence_start.tag) &&
               open_node(build, MRI_LIST, event);
    case YAML_MAPPING_START_EVENT:
        return refuse_extras(
                   build, event, event->data.mapping_start.anchor, event->data.mapping_start.tag) &&
               open_node(build, MRI_MAP, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        build->depth--;
        return true;
    case YAML_ALIAS_EVENT:
        return fail(build,
                    line_of(event),
                    "write the value out; quote it if it begins with *",
                    "aliases (*) are not supported");
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return true;
}

/* The library's texts are constants: nothing of the file, so no secret, is in them. */
static bool
report_syntax(struct build *build, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return out_of_memory(build);
    }
    const char *context = parser->context ? parser->context : "";
    uint32_t line = (uint32_t)parser->problem_mark.line + 1;
    return fail(build,
                line,
                "indent with blanks, close every bracket and quote, and quote values that hold any "
                "of : { } [ ] , & * # ! | > % @",
                "not valid YAML: %s%s%s",
                parser->problem ? parser->problem : "unreadable",
                *context ? " " : "",
                context);
}

static bool
read_events(struct build *build, yaml_parser_t *parser)
{
    bool going = true, ended = false;
    while (going && !ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return report_syntax(build, parser);
        }
        going = take_event(build, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return going;
}

bool
mri_config_tree_build(struct mri_draft *draft, const char *text, size_t len, struct mri_tree *tree)
{
    struct build build = {.draft = draft, .tree = tree};
    yaml_parser_t parser;
    *tree = (struct mri_tree){0};
    if (!yaml_parser_initialize(&parser)) {
        return out_of_memory(&build);
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    bool ok = read_events(&build, &parser);
    yaml_parser_delete(&parser);
    free(build.key);
    if (ok && !tree->root) {
        ok = fail(
            &build, 0, "start from a file of schemas/pipelines", "the file holds no configuration");
    }
    return ok;
}

static void
wipe(char *text, size_t len)
{
    if (text) {
        explicit_bzero(text, len);
    }
    free(text);
}

void
mri_config_tree_fini(struct mri_tree *tree)
{
    struct mri_node *node = tree->youngest;
    while (node) {
        struct mri_node *older = node->older;
        wipe(node->raw, node->raw_len);
        wipe(node->value, node->value ? strlen(node->value) : 0);
        free(node->key);
        free(node);
        node = older;
    }
    *tree = (struct mri_tree){0};
}
