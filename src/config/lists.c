/* Setters of lists and of maps of names: topics, addresses, columns, pass-through properties. */
#include "config_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"

bool
mri_config_is_collection(const struct mri_site *site,
                         const struct mri_node *node,
                         enum mri_kind kind)
{
    const struct mri_option *option = site->option;
    const char *hint = mri_config_types[option->type].hint;
    const char *what = mri_config_is_null(node) ? "nothing" : mri_config_kind_name(node);
    if (node->kind != kind) {
        return mri_config_wrong(site,
                                node,
                                hint,
                                "%s stands here; allowed: %s",
                                what,
                                mri_config_types[option->type].allowed);
    }
    if (node->count < option->min || node->count > option->max) {
        return mri_config_wrong(site,
                                node,
                                hint,
                                "%u %s; allowed: %lld to %lld",
                                node->count,
                                option->unit,
                                (long long)option->min,
                                (long long)option->max);
    }
    return true;
}

static bool
is_topic(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= 249 && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

static bool
is_url(const char *text)
{
    static const char scheme[] = "http://";
    struct mr_slice host;
    uint16_t port;
    return strncmp(text, scheme, strlen(scheme)) == 0 &&
           mri_config_read_endpoint(text + strlen(scheme), &host, &port) && port > 0;
}

static bool
is_backend(const char *text)
{
    struct mr_slice host;
    uint16_t port;
    return mri_config_read_endpoint(text, &host, &port) ? port > 0
                                                        : mri_config_is_host(mr_slice_of(text));
}

static bool
is_listed(const struct mr_strings *list, const char *text)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* One item of a list: checked, told apart from the others, copied. */
static bool
add_item(const struct mri_site *site,
         struct mri_node *node,
         uint32_t index,
         bool (*check)(const char *text),
         struct mr_strings *list)
{
    const struct mri_type *type = &mri_config_types[site->option->type];
    char part[24], shown[MRI_SHOWN], allowed[128];
    snprintf(part, sizeof part, "[%u]", index);
    const char *text = mri_config_scalar(site, part, node);
    if (!text) {
        return false;
    }
    mri_config_show(site, node, shown, sizeof shown);
    if (site->option->type == MRI_TYPE_URLS && strncmp(text, "https://", 8) == 0) {
        return mri_config_wrong_part(
            site,
            part,
            node,
            "write http://host:port of the frontend's http_port",
            "%s: https is refused, because StarRocks redirects loads to backends "
            "over plain http: it would protect nothing",
            shown);
    }
    if (!check(text)) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     type->hint,
                                     "%s is not %s; allowed: %s",
                                     shown,
                                     type->word,
                                     mri_config_allowed(site->option, allowed, sizeof allowed));
    }
    if (is_listed(list, text)) {
        return mri_config_wrong_part(
            site, part, node, "remove one of the two", "%s stands here twice", shown);
    }
    char *copy = mri_config_copy(site->draft, text);
    if (!copy) {
        return false;
    }
    list->items[list->count++] = copy;
    return true;
}

static bool
set_list(const struct mri_site *site, bool (*check)(const char *text))
{
    struct mr_strings *list = site->field;
    bool ok = true;
    MR_INSIST(list->items == NULL);
    if (!mri_config_is_collection(site, site->node, MRI_LIST)) {
        return false;
    }
    list->items = calloc(site->node->count + 1, sizeof *list->items);
    if (!list->items) {
        site->draft->nomem = true;
        return false;
    }
    uint32_t index = 0;
    for (struct mri_node *node = site->node->first; node; node = node->next) {
        ok = add_item(site, node, index++, check, list) && ok;
    }
    return ok;
}

bool
mri_config_set_topics(struct mri_site *site)
{
    return set_list(site, is_topic);
}

bool
mri_config_set_urls(struct mri_site *site)
{
    return set_list(site, is_url);
}

bool
mri_config_set_hosts(struct mri_site *site)
{
    return set_list(site, is_backend);
}

bool
mri_config_set_names(struct mri_site *site)
{
    return set_list(site, mri_config_is_field);
}

bool
mri_config_set_by(struct mri_site *site)
{
    for (const struct mri_node *node = site->node->first; site->node->kind == MRI_LIST && node;
         node = node->next) {
        if (node->kind == MRI_MAP) {
            return mri_config_later(site, "", node, "derived dimensions");
        }
    }
    return set_list(site, mri_config_is_field);
}

/* Adds one pair; the room is there. */
static bool
put_pair(const struct mri_site *site,
         struct mr_pairs *pairs,
         const struct mri_node *node,
         const char *value)
{
    struct mr_pair pair = {.name = mri_config_copy(site->draft, node->key),
                           .value = mri_config_copy(site->draft, value),
                           .line = node->line};
    if (!pair.name || !pair.value) {
        free(pair.name);
        free(pair.value);
        return false;
    }
    pairs->items[pairs->count++] = pair;
    return true;
}

static bool
grow_pairs(const struct mri_site *site, struct mr_pairs *pairs, uint32_t more)
{
    struct mr_pair *items = realloc(pairs->items, (pairs->count + more) * sizeof *items);
    if (!items) {
        site->draft->nomem = true;
        return false;
    }
    pairs->items = items;
    return true;
}

bool
mri_config_set_property(struct mri_site *site)
{
    struct mr_pairs *pairs = site->field;
    if (strcmp(site->node->key, "plugin.library.paths") == 0) {
        return mri_config_wrong(
            site,
            site->node,
            "take it out",
            "is refused: it loads foreign code into the process, which can then do "
            "anything to the data");
    }
    const char *value = mri_config_scalar(site, "", site->node);
    return value && grow_pairs(site, pairs, 1) && put_pair(site, pairs, site->node, value);
}

/* Names that the tables have for themselves. */
static bool
is_reserved(const char *name)
{
    static const char *const reserved[] = {"_topic", "_partition", "_offset", "__op", "__row"};
    for (size_t i = 0; i < MR_ARRAY_LEN(reserved); i++) {
        if (strcasecmp(name, reserved[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool
check_column(const struct mri_site *site, const struct mr_pairs *pairs, const struct mri_node *node)
{
    char part[MRI_SHOWN + 1] = ".";
    mr_text_quote(part + 1, sizeof part - 1, node->key, strlen(node->key));
    if (!mri_config_is_identifier(node->key)) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     "choose another name",
                                     "is not a name of a column; allowed: %s",
                                     mri_config_types[MRI_TYPE_TABLE].allowed);
    }
    if (is_reserved(node->key)) {
        return mri_config_wrong_part(
            site,
            part,
            node,
            "choose another name",
            "the name is reserved; every table has its own column of that name, "
            "or StarRocks does");
    }
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (strcasecmp(pairs->items[i].name, node->key) == 0) {
            return mri_config_wrong_part(site,
                                         part,
                                         node,
                                         "choose another name",
                                         "StarRocks takes it for the column on line %u",
                                         pairs->items[i].line);
        }
    }
    return true;
}

static bool
add_column(const struct mri_site *site, struct mr_pairs *pairs, struct mri_node *node)
{
    char part[MRI_SHOWN + 1] = ".", shown[MRI_SHOWN];
    if (!check_column(site, pairs, node)) {
        return false;
    }
    mr_text_quote(part + 1, sizeof part - 1, node->key, strlen(node->key));
    const char *path = mri_config_scalar(site, part, node);
    if (!path) {
        return false;
    }
    if (!mri_config_is_field(path)) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     mri_config_types[MRI_TYPE_FIELD].hint,
                                     "%s is not a path of a field; allowed: %s",
                                     mri_config_show(site, node, shown, sizeof shown),
                                     mri_config_types[MRI_TYPE_FIELD].allowed);
    }
    return put_pair(site, pairs, node, path);
}

bool
mri_config_set_columns(struct mri_site *site)
{
    struct mr_pairs *pairs = site->field;
    bool ok = true;
    if (!mri_config_is_collection(site, site->node, MRI_MAP)) {
        return false;
    }
    if (site->node->count > 0 && !grow_pairs(site, pairs, site->node->count)) {
        return false;
    }
    for (struct mri_node *node = site->node->first; node; node = node->next) {
        ok = add_column(site, pairs, node) && ok;
    }
    return ok;
}
