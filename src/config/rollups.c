/* Setters of the rollups: each is a map that is held against the rows "rollups[]." of the table. */
#include "config_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
bind_rollup(const struct mri_site *site,
            struct mri_node *node,
            struct mr_rollup_spec *rollup,
            uint32_t index)
{
    struct mri_scope scope = {.draft = site->draft, .rows = "rollups[].", .base = rollup};
    char part[24];
    mri_config_cut(part, sizeof part, "[%u]", index);
    if (node->kind != MRI_MAP) {
        return mri_config_wrong_part(
            site,
            part,
            node,
            mri_config_types[MRI_TYPE_ROLLUPS].hint,
            "%s stands here; allowed: a map with table, window and measures",
            mri_config_is_null(node) ? "nothing" : mri_config_kind_name(node));
    }
    scope.seen = calloc(mri_config_option_count, sizeof *scope.seen);
    if (!scope.seen) {
        site->draft->nomem = true;
        return false;
    }
    rollup->line = node->line;
    mri_config_cut(scope.shown, sizeof scope.shown, "rollups[%u].", index);
    mri_config_bind(&scope, node);
    free(scope.seen);
    return true;
}

bool
mri_config_set_rollups(struct mri_site *site)
{
    struct mr_config *config = &site->draft->config;
    bool ok = true;
    if (!mri_config_is_collection(site, site->node, MRI_LIST)) {
        return false;
    }
    if (site->node->count == 0) {
        return true;
    }
    config->rollups = calloc(site->node->count, sizeof *config->rollups);
    if (!config->rollups) {
        site->draft->nomem = true;
        return false;
    }
    config->rollup_count = site->node->count;
    uint32_t index = 0;
    for (struct mri_node *node = site->node->first; node; node = node->next, index++) {
        ok = bind_rollup(site, node, &config->rollups[index], index) && ok;
    }
    return ok;
}

/* Kinds of windows that 4.1 of the design spells and that are not built yet. */
static bool
is_later_window(const char *kind)
{
    static const char *const kinds[] = {"hop", "cumulate", "session", "calendar", "none"};
    for (size_t i = 0; i < MR_ARRAY_LEN(kinds); i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool
report_window(const struct mri_site *site, const struct mri_node *node, const char *kind)
{
    static const char *const kinds[] = {"tumble"};
    char what[64], hint[64], shown[64];
    if (is_later_window(kind)) {
        mri_config_cut(what, sizeof what, "%s windows", kind);
        return mri_config_later(site, "", node, what);
    }
    const char *closest = mr_text_closest(kind, kinds, MR_ARRAY_LEN(kinds));
    if (closest) {
        mri_config_cut(hint, sizeof hint, "did you mean \"%s\"?", closest);
    }
    return mri_config_wrong(site,
                            node,
                            closest ? hint : mri_config_types[MRI_TYPE_WINDOW].hint,
                            "\"%s\" is not a window; allowed: {tumble: size}",
                            mr_text_quote(shown, sizeof shown, kind, strlen(kind)));
}

/* Seconds of a window's size or offset, with their range. */
static bool
read_part(const struct mri_site *site,
          const char *part,
          struct mri_node *node,
          int64_t min,
          int64_t *ret_s)
{
    char shown[MRI_SHOWN], low[32], high[32];
    const char *text = mri_config_scalar(site, part, node);
    int64_t value;
    if (!text) {
        return false;
    }
    if (mri_config_read_seconds(text, &value) && value >= min && value <= site->option->max) {
        *ret_s = value;
        return true;
    }
    return mri_config_wrong_part(site,
                                 part,
                                 node,
                                 mri_config_types[MRI_TYPE_SECONDS].hint,
                                 "%s is not a length; allowed: whole seconds, %s to %s",
                                 mri_config_show(site, node, shown, sizeof shown),
                                 mri_config_print_seconds(min, low, sizeof low),
                                 mri_config_print_seconds(site->option->max, high, sizeof high));
}

static bool
report_part(const struct mri_site *site, const struct mri_node *node)
{
    static const char *const parts[] = {"size", "offset"};
    char part[72] = ".tumble.", hint[64];
    size_t used = strlen(part);
    const char *closest = mr_text_closest(node->key, parts, MR_ARRAY_LEN(parts));
    mr_text_quote(part + used, sizeof part - used, node->key, strlen(node->key));
    if (closest) {
        mri_config_cut(hint, sizeof hint, "did you mean \"%s\"?", closest);
    }
    return mri_config_wrong_part(site,
                                 part,
                                 node,
                                 closest ? hint : mri_config_types[MRI_TYPE_WINDOW].hint,
                                 "there is no such option; allowed here: size, offset");
}

static bool
set_size_and_offset(const struct mri_site *site, struct mri_node *map)
{
    struct mr_rollup_spec *rollup = site->base;
    struct mri_node *offset = NULL;
    bool ok = true, sized = false;
    for (struct mri_node *node = map->first; node; node = node->next) {
        if (strcmp(node->key, "size") == 0) {
            sized = true;
            ok = read_part(site, ".tumble.size", node, 1, &rollup->size_s) && ok;
        } else if (strcmp(node->key, "offset") == 0) {
            offset = node;
            ok = read_part(site, ".tumble.offset", node, 0, &rollup->offset_s) && ok;
        } else {
            ok = report_part(site, node);
        }
    }
    if (!sized) {
        return mri_config_wrong_part(site,
                                     ".tumble.size",
                                     map,
                                     mri_config_types[MRI_TYPE_WINDOW].hint,
                                     "is missing; allowed: 1s to 366d");
    }
    if (ok && offset && rollup->offset_s >= rollup->size_s) {
        return mri_config_wrong_part(site,
                                     ".tumble.offset",
                                     offset,
                                     "take the rest after whole windows",
                                     "\"%s\" is not below the size of the window",
                                     offset->raw);
    }
    return ok;
}

static bool
set_tumble(const struct mri_site *site, struct mri_node *node)
{
    struct mr_rollup_spec *rollup = site->base;
    if (node->kind == MRI_MAP) {
        return set_size_and_offset(site, node);
    }
    return read_part(site, ".tumble", node, 1, &rollup->size_s);
}

bool
mri_config_set_window(struct mri_site *site)
{
    struct mri_node *node = site->node;
    if (node->kind == MRI_SCALAR && !mri_config_is_null(node)) {
        return report_window(site, node, node->raw);
    }
    if (node->kind != MRI_MAP || node->count != 1) {
        return mri_config_wrong(site,
                                node,
                                mri_config_types[MRI_TYPE_WINDOW].hint,
                                "one kind of window is needed; allowed: {tumble: size}");
    }
    if (strcmp(node->first->key, "tumble") != 0) {
        return report_window(site, node->first, node->first->key);
    }
    return set_tumble(site, node->first);
}
