/* The option table: complete, in range, in order, and equal to the README's reference. */
#include "fixture.h"

#include <ctype.h>

#define START_MARK "<!-- options -->\n"
#define END_MARK   "<!-- /options -->"

/* What --list-options prints; free it. */
static char *
listed(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    T_TRUE(out != NULL);
    mr_config_list_options(out);
    fclose(out);
    return text;
}

/* The whole file, or NULL when there is none; free it. */
static char *
content_of(const char *path)
{
    struct mr_text text = {0};
    char block[4096];
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        mr_text_add(&text, block, got);
    fclose(file);
    return text.p ? text.p : strdup("");
}

Test(config_options, every_option_says_what_it_is_for_in_one_sentence)
{
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const struct mri_option *option = &mri_config_options[i];
        size_t len = strlen(option->sentence);
        T_TRUE_MSG(len >= 10 && len < sizeof((struct mr_mistake *)0)->hint, "%s", option->path);
        T_TRUE_MSG(isupper((unsigned char)option->sentence[0]), "%s", option->path);
        T_TRUE_MSG(option->sentence[len - 1] == '.', "%s", option->path);
        T_TRUE_MSG(!strchr(option->sentence, '|'), "%s breaks the table", option->path);
    }
}

Test(config_options, every_type_has_its_texts_and_its_setter)
{
    for (unsigned i = 0; i < MRI_TYPE_ID_COUNT; i++) {
        const struct mri_type *type = &mri_config_types[i];
        T_TRUE_MSG(type->word && type->hint && type->set, "type %u", i);
        T_TRUE_MSG((type->allowed != NULL) != (type->print != NULL), "type %u", i);
        T_TRUE_MSG((type->read != NULL) == (type->print != NULL), "type %u", i);
    }
}

Test(config_options, every_path_is_unique_and_made_of_its_group_and_name)
{
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const struct mri_option *option = &mri_config_options[i];
        char path[128];
        snprintf(path, sizeof path, "%s%s", option->group, option->name);
        T_STR_EQ(option->path, path);
        for (uint32_t j = 0; j < i; j++)
            T_TRUE_MSG(strcmp(mri_config_options[j].path, path) != 0, "%s stands twice", path);
    }
}

Test(config_options, every_default_is_in_the_range_of_its_option)
{
    unsigned numbers = 0;
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const struct mri_option *option = &mri_config_options[i];
        const struct mri_type *type = &mri_config_types[option->type];
        int64_t value;
        T_TRUE_MSG(option->min <= option->max, "%s", option->path);
        if (!type->read || !option->fallback || !option->fallback[0])
            continue;
        T_TRUE_MSG(type->read(option->fallback, &value), "%s", option->path);
        T_TRUE_MSG(value >= option->min && value <= option->max, "%s", option->path);
        numbers++;
    }
    T_TRUE(numbers >= 15);
}

Test(config_options, an_option_is_required_or_has_a_default_but_not_both)
{
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const struct mri_option *option = &mri_config_options[i];
        bool required = option->flags & MRI_FLAG_REQUIRED;
        bool neither = option->type == MRI_TYPE_LATER || option->type == MRI_TYPE_PROPERTY ||
                       option->type == MRI_TYPE_ROLLUPS;
        T_TRUE_MSG(neither || required == (option->fallback == NULL), "%s", option->path);
    }
}

Test(config_options, the_printed_form_of_a_number_is_read_back_as_the_same_number)
{
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const struct mri_option *option = &mri_config_options[i];
        const struct mri_type *type = &mri_config_types[option->type];
        char text[32];
        int64_t value = -1;
        if (!type->print)
            continue;
        T_TRUE(type->read(type->print(option->min, text, sizeof text), &value));
        T_INT_EQ(value, option->min);
        T_TRUE(type->read(type->print(option->max, text, sizeof text), &value));
        T_INT_EQ(value, option->max);
    }
}

Test(config_options, the_list_has_a_row_for_every_option_but_those_of_a_later_version)
{
    char *text = listed();
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        const struct mri_option *option = &mri_config_options[i];
        char row[160];
        snprintf(row, sizeof row, "\n| `%s` | ", option->path);
        bool found = strstr(text, row) != NULL;
        T_TRUE_MSG(found == (option->type != MRI_TYPE_LATER), "%s", option->path);
    }
    T_TRUE(strstr(text,
                  "\n| `memory` | `128MiB` | 64MiB to 1TiB | The one budget for queues, "
                  "window tables and bodies. |\n") != NULL);
    T_TRUE(strstr(text, "\n| `pipeline` | **required** | ") != NULL);
    free(text);
}

Test(config_options, the_reference_in_the_readme_is_the_list)
{
    char *readme = content_of(MR_SOURCE_ROOT "/README.md");
    char *expected = listed();
    if (readme) {
        char *start = strstr(readme, START_MARK);
        T_TRUE_MSG(start != NULL, "README.md has no line %s", START_MARK);
        start += strlen(START_MARK);
        char *end = strstr(start, END_MARK);
        T_TRUE_MSG(end != NULL, "README.md has no line %s", END_MARK);
        *end = '\0';
        T_STR_EQ(start, expected);
    }
    free(expected);
    free(readme);
}
