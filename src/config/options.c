/* The option table, and the reference that is made from it. */
#include "config_priv.h"

#include <stdio.h>
#include <string.h>

#include "millrace/base/assert.h"

#define AT(member)        offsetof(struct mri_draft, member)
#define IN_ROLLUP(member) offsetof(struct mr_rollup_spec, member)

const struct mri_option mri_config_options[] = {
#define X(group, name, type, fallback, min, max, unit, flags, field, sentence)                     \
    {group,                                                                                        \
     name,                                                                                         \
     group name,                                                                                   \
     MRI_TYPE_##type,                                                                              \
     fallback,                                                                                     \
     min,                                                                                          \
     max,                                                                                          \
     unit,                                                                                         \
     MRI_FLAG_##flags,                                                                             \
     field,                                                                                        \
     sentence},
#include "options.def"
#undef X
};

const uint32_t mri_config_option_count = (uint32_t)MR_ARRAY_LEN(mri_config_options);

const struct mri_option *
mri_config_option_at(const char *path)
{
    const struct mri_option *found = NULL;
    for (uint32_t i = 0; i < mri_config_option_count && !found; i++) {
        if (strcmp(mri_config_options[i].path, path) == 0) {
            found = &mri_config_options[i];
        }
    }
    MR_INSIST(found != NULL);
    return found;
}

const char *
mri_config_allowed(const struct mri_option *option, char *out, size_t size)
{
    const struct mri_type *type = &mri_config_types[option->type];
    char min[32], max[32];
    if (type->print) {
        snprintf(out,
                 size,
                 "%s to %s",
                 type->print(option->min, min, sizeof min),
                 type->print(option->max, max, sizeof max));
    } else {
        snprintf(out, size, "%s", type->allowed);
    }
    return out;
}

/* "**required**", the default as it would be written, or an empty cell. */
static void
list_default(const struct mri_option *option, FILE *out)
{
    if (option->flags & MRI_FLAG_REQUIRED) {
        fputs("**required**", out);
    } else if (option->fallback && option->fallback[0]) {
        fprintf(out, "`%s`", option->fallback);
    }
}

void
mr_config_list_options(FILE *out)
{
    fputs("| option | default | allowed | meaning |\n| --- | --- | --- | --- |\n", out);
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const struct mri_option *option = &mri_config_options[i];
        char allowed[128];
        if (option->type == MRI_TYPE_LATER) {
            continue;
        }
        fprintf(out, "| `%s` | ", option->path);
        list_default(option, out);
        fprintf(out,
                " | %s | %s |\n",
                mri_config_allowed(option, allowed, sizeof allowed),
                option->sentence);
    }
}
