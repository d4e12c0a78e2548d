/* The list of mistakes: collected, never stopping at the first; shown in the order of the file. */
#include "config_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more; the list is bounded by MRI_MISTAKES_MAX. */
static bool
make_room(struct mr_mistakes *mistakes)
{
    if (mistakes->count < mistakes->capacity) {
        return true;
    }
    uint32_t capacity = mistakes->capacity ? mistakes->capacity * 2 : 16;
    if (capacity > MRI_MISTAKES_MAX) {
        capacity = MRI_MISTAKES_MAX;
    }
    struct mr_mistake *items = realloc(mistakes->items, capacity * sizeof *items);
    if (!items) {
        return false;
    }
    mistakes->items = items;
    mistakes->capacity = capacity;
    return true;
}

/* Copies, cut to size. */
static void
copy_cut(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size) {
        len = size - 1;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

void
mri_config_cut(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vsnprintf(out, size, format, args) < 0) {
        out[0] = '\0';
    }
    va_end(args);
}

bool
mri_config_mistakes_vadd(struct mr_mistakes *mistakes,
                         uint32_t line,
                         const char *option,
                         const char *hint,
                         const char *format,
                         va_list args)
{
    if (mistakes->count >= MRI_MISTAKES_MAX) {
        return true; /* a thousand are enough to start with */
    }
    if (!make_room(mistakes)) {
        return false;
    }
    struct mr_mistake *mistake = &mistakes->items[mistakes->count++];
    mistake->line = line;
    copy_cut(mistake->option, sizeof mistake->option, option ? option : "");
    copy_cut(mistake->hint, sizeof mistake->hint, hint ? hint : "");
    if (vsnprintf(mistake->text, sizeof mistake->text, format, args) < 0) {
        copy_cut(mistake->text, sizeof mistake->text, "the mistake cannot be described");
    }
    return true;
}

void
mr_mistakes_add(struct mr_mistakes *mistakes,
                uint32_t line,
                const char *option,
                const char *hint,
                const char *format,
                ...)
{
    va_list args;
    va_start(args, format);
    /* Whoever adds returns an error code of its own, so a mistake that is lost for want of memory
     * does not turn into success. */
    (void)mri_config_mistakes_vadd(mistakes, line, option, hint, format, args);
    va_end(args);
}

/* path is option, or a part of it: option.part, option[0]. */
static bool
is_within(const char *path, const char *option)
{
    size_t len = strlen(option);
    return strncmp(path, option, len) == 0 && strchr(".[", path[len]) != NULL;
}

bool
mr_mistakes_touch(const struct mr_mistakes *mistakes, const char *section)
{
    for (uint32_t i = 0; i < mistakes->count; i++) {
        const char *option = mistakes->items[i].option;
        if (option[0] == '\0' || is_within(option, section) || is_within(section, option)) {
            return true;
        }
    }
    return false;
}

static void
print_one(const struct mr_mistake *mistake, const char *file, FILE *out)
{
    fputs(file, out);
    if (mistake->line) {
        fprintf(out, ":%u", mistake->line);
    }
    if (mistake->option[0]) {
        fprintf(out, ": %s", mistake->option);
    }
    fprintf(out, ": %s\n", mistake->text);
    if (mistake->hint[0]) {
        fprintf(out, "HINT: %s\n", mistake->hint);
    }
}

void
mr_mistakes_print(const struct mr_mistakes *mistakes, const char *file, FILE *out)
{
    uint32_t order[MRI_MISTAKES_MAX];
    uint32_t count = mistakes->count < MRI_MISTAKES_MAX ? mistakes->count : MRI_MISTAKES_MAX;
    /* Insertion keeps the order of discovery within a line; there are few mistakes. */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;
        for (; at > 0 && mistakes->items[order[at - 1]].line > mistakes->items[i].line; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        print_one(&mistakes->items[order[i]], file, out);
    }
}

void
mr_mistakes_fini(struct mr_mistakes *mistakes)
{
    free(mistakes->items);
    *mistakes = (struct mr_mistakes){0};
}
