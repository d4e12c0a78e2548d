/* Setter of a rollup's measures: name: function(field). */
#include "config_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWED          "count(), count(f), sum(f), min(f), max(f) or avg(f)"
#define AVERAGE_NAME_MAX 58 /* 64 without _count */

struct function {
    const char *name;
    enum mr_op op;
    bool later;
};

static const struct function functions[] = {
    {"count", MR_OP_COUNT, false},
    {"sum", MR_OP_SUM, false},
    {"min", MR_OP_MIN, false},
    {"max", MR_OP_MAX, false},
    {"avg", MR_OP_AVG, false},
    {"distinct", 0, true},
    {"quantiles", 0, true},
    {"first", 0, true},
    {"last", 0, true},
    {"ratio", 0, true},
    {"count_if", 0, true},
    {"var", 0, true},
    {"stddev", 0, true},
    {"var_samp", 0, true},
    {"stddev_samp", 0, true},
};

/* A measure while it is read: `name(argument)`, cut out of the scalar. */
struct call {
    char name[32];
    char argument[256];
};

/* Copies text[0..len) without the blanks around it; false when it is too long. */
static bool
cut_out(const char *text, size_t len, char *out, size_t size)
{
    while (len > 0 && *text == ' ') {
        text++;
        len--;
    }
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    if (len >= size) {
        return false;
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static bool
read_call(const char *text, struct call *ret_call)
{
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close || close < open || close[1 + strspn(close + 1, " ")] != '\0') {
        return false;
    }
    return cut_out(text, (size_t)(open - text), ret_call->name, sizeof ret_call->name) &&
           cut_out(
               open + 1, (size_t)(close - open) - 1, ret_call->argument, sizeof ret_call->argument);
}

static const struct function *
find_function(const char *name)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(functions); i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return &functions[i];
        }
    }
    return NULL;
}

static bool
report_function(const struct mri_site *site,
                const char *part,
                const struct mri_node *node,
                const struct call *call)
{
    const char *words[MR_ARRAY_LEN(functions)];
    char shown[MRI_SHOWN], hint[64];
    uint32_t count = 0;
    for (size_t i = 0; i < MR_ARRAY_LEN(functions); i++) {
        if (!functions[i].later) {
            words[count++] = functions[i].name;
        }
    }
    const char *closest = mr_text_closest(call->name, words, count);
    if (closest) {
        snprintf(hint, sizeof hint, "did you mean %s()?", closest);
    }
    return mri_config_wrong_part(site,
                                 part,
                                 node,
                                 closest ? hint : mri_config_types[MRI_TYPE_MEASURES].hint,
                                 "%s is not a measure; allowed: " ALLOWED,
                                 mri_config_show(site, node, shown, sizeof shown));
}

/* The function and its field into measure; only count may be without. */
static bool
take_call(const struct mri_site *site,
          const char *part,
          const struct mri_node *node,
          const struct call *call,
          struct mr_measure_spec *measure)
{
    const struct function *function = find_function(call->name);
    char shown[MRI_SHOWN], what[48];
    if (!function) {
        return report_function(site, part, node, call);
    }
    if (function->later) {
        snprintf(what, sizeof what, "%s()", function->name);
        return mri_config_later(site, part, node, what);
    }
    measure->op = function->op;
    if (function->op == MR_OP_COUNT && call->argument[0] == '\0') {
        measure->op = MR_OP_COUNT_ALL;
        return true;
    }
    if (!mri_config_is_field(call->argument)) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     "name one field of the event: sum(amount)",
                                     "%s names no field; allowed: " ALLOWED,
                                     mri_config_show(site, node, shown, sizeof shown));
    }
    if (function->op == MR_OP_AVG && strlen(node->key) > AVERAGE_NAME_MAX) {
        return mri_config_wrong_part(
            site,
            part,
            node,
            "choose another name",
            "the name is too long for the columns _sum and _count of an average; allowed: "
            "%d characters",
            AVERAGE_NAME_MAX);
    }
    measure->field = mri_config_copy(site->draft, call->argument);
    return measure->field != NULL;
}

/* Names that a rollup's table or StarRocks has for itself. */
static const char *
reserved_for(const char *name)
{
    static const char *const own[] = {"window_start", "window_start_local", "window_end"};
    if (strcasecmp(name, "__op") == 0 || strcasecmp(name, "__row") == 0) {
        return "StarRocks";
    }
    for (size_t i = 0; i < MR_ARRAY_LEN(own); i++) {
        if (strcasecmp(name, own[i]) == 0) {
            return "the rollup's own columns";
        }
    }
    return NULL;
}

static bool
check_name(const struct mri_site *site, const char *part, const struct mri_node *node)
{
    if (!mri_config_is_identifier(node->key)) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     "choose another name",
                                     "is not a name of a column; allowed: %s",
                                     mri_config_types[MRI_TYPE_TABLE].allowed);
    }
    const char *owner = reserved_for(node->key);
    if (owner) {
        return mri_config_wrong_part(
            site, part, node, "choose another name", "the name is reserved for %s", owner);
    }
    return true;
}

static bool
add_measure(const struct mri_site *site, struct mri_node *node, struct mr_rollup_spec *rollup)
{
    struct mr_measure_spec *measure = &rollup->measures[rollup->measure_count];
    char part[72] = ".", shown[MRI_SHOWN];
    struct call call;
    mr_text_quote(part + 1, sizeof part - 1, node->key, strlen(node->key));
    if (!check_name(site, part, node)) {
        return false;
    }
    if (node->kind == MRI_MAP) {
        return mri_config_later(site, part, node, "conditions on a measure");
    }
    const char *text = mri_config_scalar(site, part, node);
    if (!text) {
        return false;
    }
    if (!read_call(text, &call)) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     mri_config_types[MRI_TYPE_MEASURES].hint,
                                     "%s is not a measure; allowed: " ALLOWED,
                                     mri_config_show(site, node, shown, sizeof shown));
    }
    rollup->measure_count++;
    measure->line = node->line;
    measure->name = mri_config_copy(site->draft, node->key);
    return take_call(site, part, node, &call, measure) && measure->name;
}

bool
mri_config_set_measures(struct mri_site *site)
{
    struct mr_rollup_spec *rollup = site->base;
    bool ok = true;
    if (!mri_config_is_collection(site, site->node, MRI_MAP)) {
        return false;
    }
    rollup->measures = calloc(site->node->count, sizeof *rollup->measures);
    if (!rollup->measures) {
        site->draft->nomem = true;
        return false;
    }
    for (struct mri_node *node = site->node->first; node; node = node->next) {
        ok = add_measure(site, node, rollup) && ok;
    }
    return ok;
}
