/* Nodes against the option table: every key is an option, a group of options, a property of
 * librdkafka under source.kafka, or a mistake; then defaults and what is missing. */
#include "config_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"

#define GROUPS_MAX  32
#define KAFKA_GROUP "source.kafka."

/* A map of the file that stands for a group of the table. */
struct group {
    struct mri_node *map;
    char path[MRI_PATH]; /* below the scope: "" or "kafka.", with the final dot */
};

struct walk {
    struct mri_scope *scope;
    struct group groups[GROUPS_MAX]; /* found so far; each is visited once */
    unsigned count;
};

static bool wrong_at(const struct mri_site *site,
                     const char *part,
                     const struct mri_node *node,
                     const char *hint,
                     const char *format,
                     va_list args) MR_PRINTF(5, 0);

static bool
wrong_at(const struct mri_site *site,
         const char *part,
         const struct mri_node *node,
         const char *hint,
         const char *format,
         va_list args)
{
    char path[MRI_PATH];
    mri_config_cut(path, sizeof path, "%s%s", site->path, part);
    if (!mri_config_mistakes_vadd(site->draft->mistakes, node->line, path, hint, format, args)) {
        site->draft->nomem = true;
    }
    return false;
}

bool
mri_config_wrong(const struct mri_site *site,
                 const struct mri_node *node,
                 const char *hint,
                 const char *format,
                 ...)
{
    va_list args;
    va_start(args, format);
    bool none = wrong_at(site, "", node, hint, format, args);
    va_end(args);
    return none;
}

bool
mri_config_wrong_part(const struct mri_site *site,
                      const char *part,
                      const struct mri_node *node,
                      const char *hint,
                      const char *format,
                      ...)
{
    va_list args;
    va_start(args, format);
    bool none = wrong_at(site, part, node, hint, format, args);
    va_end(args);
    return none;
}

bool
mri_config_later(const struct mri_site *site,
                 const char *part,
                 const struct mri_node *node,
                 const char *what)
{
    return mri_config_wrong_part(site,
                                 part,
                                 node,
                                 mri_config_types[MRI_TYPE_LATER].hint,
                                 "a later version of Millrace brings %s",
                                 what);
}

bool
mri_config_set_later(struct mri_site *site)
{
    return mri_config_later(site, "", site->node, site->path);
}

static bool
starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The row of a path. A key with a dot in it names no option, even where the path would fit. */
static const struct mri_option *
find_option(const char *path, const char *key)
{
    if (strpbrk(key, ".[<")) {
        return NULL;
    }
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        if (strcmp(mri_config_options[i].path, path) == 0) {
            return &mri_config_options[i];
        }
    }
    return NULL;
}

static bool
is_group(const char *path, const char *key)
{
    size_t len = strlen(path);
    if (strpbrk(key, ".[<")) {
        return false;
    }
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        if (starts_with(mri_config_options[i].group, path) &&
            mri_config_options[i].group[len] == '.') {
            return true;
        }
    }
    return false;
}

/* Names that may stand in the group, without repeats: options and groups of options. */
static uint32_t
list_names(const char *group, char names[][32], uint32_t capacity)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const char *rest = mri_config_options[i].path + strlen(group);
        if (!starts_with(mri_config_options[i].path, group) ||
            mri_config_options[i].type == MRI_TYPE_LATER ||
            mri_config_options[i].type == MRI_TYPE_PROPERTY || count == capacity) {
            continue;
        }
        size_t len = strcspn(rest, ".[");
        MR_INSIST(len < sizeof names[0]);
        memcpy(names[count], rest, len);
        names[count][len] = '\0';
        if (count == 0 || strcmp(names[count - 1], names[count]) != 0) {
            count++;
        }
    }
    return count;
}

/* Where an option of that name stands, for a key that was put into the wrong group. */
static const char *
path_elsewhere(const char *key)
{
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        if (strcmp(mri_config_options[i].name, key) == 0 &&
            mri_config_options[i].type != MRI_TYPE_LATER) {
            return mri_config_options[i].path;
        }
    }
    return NULL;
}

static bool
report_unknown(const struct mri_site *site, const char *group)
{
    enum { NAMES_MAX = 24 };
    char names[NAMES_MAX][32], hint[160] = "millrace --list-options shows them all";
    const char *words[NAMES_MAX];
    char list_bytes[240] = "";
    uint32_t count = list_names(group, names, NAMES_MAX);
    size_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        words[i] = names[i];
        int len =
            snprintf(list_bytes + used, sizeof list_bytes - used, "%s%s", i ? ", " : "", names[i]);
        used += len > 0 ? (size_t)len : 0;
        MR_INSIST(used < sizeof list_bytes);
    }
    const char *closest = mr_text_closest(site->node->key, words, count);
    const char *elsewhere = path_elsewhere(site->node->key);
    if (closest) {
        mri_config_cut(hint, sizeof hint, "did you mean \"%s\"?", closest);
    } else if (elsewhere) {
        mri_config_cut(hint, sizeof hint, "did you mean %s?", elsewhere);
    }
    return mri_config_wrong(site,
                            site->node,
                            hint,
                            "there is no such option; allowed here: %s%s",
                            list_bytes,
                            strcmp(group, KAFKA_GROUP) == 0 ? ", and librdkafka's own (x.y)" : "");
}

/* librdkafka's names have a dot in them, but for these. */
static bool
is_property(const char *key)
{
    static const char *const undotted[] = {"acks", "debug", "partitioner", "retries"};
    for (size_t i = 0; i < MR_ARRAY_LEN(undotted); i++) {
        if (strcmp(key, undotted[i]) == 0) {
            return true;
        }
    }
    return strchr(key, '.') != NULL;
}

/* Marks all options of a group, so that a group that cannot be read is one mistake, not ten. */
static void
mark_group(const struct mri_scope *scope, const char *group, enum mri_state state)
{
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        if (starts_with(mri_config_options[i].path, group)) {
            scope->seen[i].state = state;
        }
    }
}

static void
open_group(struct walk *walk, const struct mri_site *site, const char *path)
{
    struct mri_node *node = site->node;
    char group[MRI_PATH + 1];
    mri_config_cut(group, sizeof group, "%s%s.", walk->scope->rows, path);
    if (node->kind == MRI_MAP) {
        /* Duplicates were reported, but they are visited as well. */
        if (walk->count == GROUPS_MAX) {
            return;
        }
        struct group *next = &walk->groups[walk->count++];
        next->map = node;
        mri_config_cut(next->path, sizeof next->path, "%s.", path);
        return;
    }
    mark_group(walk->scope, group, MRI_BAD);
    (void)mri_config_wrong(site,
                           node,
                           "indent its options under it, or write { option: value }",
                           "%s stands here; allowed: a map of options",
                           mri_config_is_null(node) ? "nothing" : mri_config_kind_name(node));
}

static void
apply(struct mri_scope *scope, struct mri_site *site)
{
    struct mri_seen *seen = &scope->seen[site->option - mri_config_options];
    if (site->option->type != MRI_TYPE_PROPERTY && seen->state != MRI_ABSENT) {
        return; /* a duplicate: reported when the file was read; the first one counts */
    }
    site->base = scope->base;
    site->field = (char *)scope->base + site->option->field;
    seen->line = site->node->line;
    seen->state = mri_config_types[site->option->type].set(site) ? MRI_SET : MRI_BAD;
}

/* Path of a key as the user sees it: bytes from outside are escaped, long ones cut. */
static void
show_path(const struct mri_scope *scope, const char *group, const char *key, char out[MRI_PATH])
{
    char escaped[48];
    mr_text_quote(escaped, sizeof escaped, key, strlen(key));
    mri_config_cut(out, MRI_PATH, "%s%s%s", scope->shown, group, escaped);
}

static void
visit_member(struct walk *walk, const struct group *group, struct mri_node *node)
{
    struct mri_scope *scope = walk->scope;
    char path[MRI_PATH * 2], rows[MRI_PATH * 2], shown[MRI_PATH];
    show_path(scope, group->path, node->key, shown);
    struct mri_site site = {.draft = scope->draft, .node = node, .path = shown};
    mri_config_cut(path, sizeof path, "%s%.64s", group->path, node->key);
    mri_config_cut(rows, sizeof rows, "%s%s", scope->rows, path);
    bool kafka = strcmp(scope->rows, "") == 0 && strcmp(group->path, KAFKA_GROUP) == 0;
    site.option = find_option(rows, node->key);
    if (!site.option && kafka && is_property(node->key)) {
        site.option = mri_config_option_at(KAFKA_GROUP "<property>");
    }
    if (site.option) {
        apply(scope, &site);
    } else if (is_group(rows, node->key)) {
        open_group(walk, &site, path);
    } else {
        mri_config_cut(rows, sizeof rows, "%s%s", scope->rows, group->path);
        site.option = &mri_config_options[0]; /* only its type's texts are looked at, and none is */
        (void)report_unknown(&site, rows);
    }
}

/* Line of the innermost group of the option that the file has: where the option would belong. */
static uint32_t
line_for(const struct walk *walk, const struct mri_option *option)
{
    const char *path = option->path + strlen(walk->scope->rows);
    uint32_t line = walk->groups[0].map->line;
    for (unsigned i = 1; i < walk->count; i++) {
        if (starts_with(path, walk->groups[i].path)) {
            line = walk->groups[i].map->line;
        }
    }
    return line;
}

/* The default goes through the same setter as a value of the file. */
static void
apply_default(struct mri_scope *scope, const struct mri_option *option, const char *shown)
{
    struct mri_node node = {.kind = MRI_SCALAR,
                            .value = mri_config_copy(scope->draft, option->fallback)};
    struct mri_site site = {.draft = scope->draft, .option = option, .node = &node, .path = shown};
    if (!node.value) {
        return;
    }
    node.raw = node.value;
    node.raw_len = strlen(node.raw);
    apply(scope, &site);
    free(node.value);
}

/* Rows of the scope that the file does not have. */
static void
fill_absent(struct walk *walk)
{
    struct mri_scope *scope = walk->scope;
    bool in_rollup = scope->rows[0] != '\0';
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const struct mri_option *option = &mri_config_options[i];
        char shown[MRI_PATH];
        if (starts_with(option->path, "rollups[].") != in_rollup ||
            scope->seen[i].state != MRI_ABSENT) {
            continue;
        }
        mri_config_cut(
            shown, sizeof shown, "%s%s", scope->shown, option->path + strlen(scope->rows));
        const struct mri_node here = {.line = line_for(walk, option)};
        const struct mri_site site = {.draft = scope->draft, .option = option, .path = shown};
        if (option->flags & MRI_FLAG_REQUIRED) {
            (void)mri_config_wrong(&site,
                                   &here,
                                   option->sentence,
                                   "is missing; allowed: %s",
                                   mri_config_allowed(option, (char[128]){0}, 128));
        } else if (option->fallback && option->fallback[0]) {
            apply_default(scope, option, shown);
        }
        scope->seen[i].state = option->flags & MRI_FLAG_REQUIRED ? MRI_BAD : MRI_DEFAULTED;
    }
}

void
mri_config_bind(struct mri_scope *scope, struct mri_node *map)
{
    struct walk walk = {.scope = scope, .count = 1};
    walk.groups[0].map = map;
    for (unsigned i = 0; i < walk.count; i++) {
        for (struct mri_node *node = walk.groups[i].map->first; node; node = node->next) {
            visit_member(&walk, &walk.groups[i], node);
        }
    }
    fill_absent(&walk);
}
