/* Life of a configuration: file → text → tree → draft → checked and immutable; and its end. */
#include "config_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
free_strings(struct mr_strings *strings)
{
    for (uint32_t i = 0; i < strings->count; i++) {
        free(strings->items[i]);
    }
    free(strings->items);
}

/* Values of properties may be passwords as well. */
static void
wipe_text(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
}

static void
free_pairs(struct mr_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        wipe_text(pairs->items[i].value);
    }
    free(pairs->items);
}

static void
free_rollup(struct mr_rollup_spec *rollup)
{
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        free(rollup->measures[i].name);
        free(rollup->measures[i].field);
    }
    free(rollup->measures);
    free_strings(&rollup->by);
    free(rollup->table);
}

static void
clear(struct mr_config *config)
{
    for (uint32_t i = 0; i < config->rollup_count; i++) {
        free_rollup(&config->rollups[i]);
    }
    free(config->rollups);
    free_strings(&config->kafka.topics);
    free_strings(&config->starrocks.fe);
    free_strings(&config->starrocks.backends);
    free_strings(&config->detail.key);
    free_pairs(&config->kafka.properties);
    free_pairs(&config->detail.columns);
    wipe_text(config->starrocks.password);
    free(config->file);
    free(config->pipeline);
    free(config->kafka.brokers);
    free(config->kafka.group);
    free(config->event.schema);
    free(config->event.time_field);
    free(config->starrocks.mysql_host);
    free(config->starrocks.database);
    free(config->starrocks.user);
    free(config->detail.table);
    free(config->quarantine.table);
    free(config->status.host);
    free(config->lines);
    *config = (struct mr_config){0};
}

void
mr_config_free(struct mr_config **config)
{
    if (!*config) {
        return;
    }
    clear(*config);
    free(*config);
    *config = NULL;
}

/* Lines outlive the draft: mistakes that other stages find are shown with them. */
static void
keep_lines(struct mri_draft *draft)
{
    draft->config.lines = calloc(mri_config_option_count, sizeof *draft->config.lines);
    if (!draft->config.lines) {
        draft->nomem = true;
        return;
    }
    for (uint32_t i = 0; i < mri_config_option_count; i++) {
        if (draft->seen[i].state == MRI_SET) {
            draft->config.lines[i] = draft->seen[i].line;
        }
    }
}

void
mr_config_locate(const struct mr_config *config, struct mr_mistakes *mistakes)
{
    for (uint32_t i = 0; i < mistakes->count; i++) {
        struct mr_mistake *mistake = &mistakes->items[i];
        size_t best = 0;
        if (mistake->line) {
            continue;
        }
        for (uint32_t j = 0; j < mri_config_option_count; j++) {
            size_t len = strlen(mri_config_options[j].path);
            /* The option itself or a part of it: path, path.part, path[0]. */
            if (len <= best || strncmp(mistake->option, mri_config_options[j].path, len) != 0 ||
                !strchr(".[", mistake->option[len])) {
                continue;
            }
            best = len;
            mistake->line = config->lines[j];
        }
    }
}

/* The tree against the table and the rules. */
static void
check(struct mri_draft *draft, const struct mri_tree *tree)
{
    struct mri_scope scope = {.draft = draft, .rows = "", .base = draft, .seen = draft->seen};
    const struct mri_option *first = &mri_config_options[0];
    struct mri_site site = {.draft = draft, .option = first, .node = tree->root, .path = ""};
    if (tree->root->kind != MRI_MAP) {
        (void)mri_config_wrong(&site,
                               tree->root,
                               "start from a file of schemas/pipelines",
                               "%s stands here; allowed: a map of options",
                               mri_config_kind_name(tree->root));
        return;
    }
    mri_config_bind(&scope, tree->root);
    if (!draft->nomem) { /* the rules count on names that are there */
        mri_config_rules(draft);
        keep_lines(draft);
    }
}

/* The finished draft moves to the heap. */
static enum mr_rc
finish(struct mri_draft *draft, struct mr_config **ret_config)
{
    struct mr_config *config = malloc(sizeof *config);
    if (!config) {
        return MR_MEMORY;
    }
    *config = draft->config;
    draft->config = (struct mr_config){0};
    *ret_config = config;
    return MR_OK;
}

/* MR_OK: complete. MR_CONFIG: *ret_config holds what could be read, or is untouched. */
static enum mr_rc
parse_partly(struct mr_slice text,
             const char *file,
             struct mr_mistakes *mistakes,
             struct mr_config **ret_config)
{
    struct mri_draft draft = {.mistakes = mistakes};
    struct mri_tree tree;
    uint32_t before = mistakes->count;
    enum mr_rc rc = MR_CONFIG;
    draft.config.file = mri_config_copy(&draft, file);
    draft.seen = calloc(mri_config_option_count, sizeof *draft.seen);
    draft.nomem = draft.nomem || !draft.seen;
    if (!draft.nomem) {
        if (mri_config_tree_build(&draft, text.p, text.len, &tree)) {
            check(&draft, &tree);
        }
        mri_config_tree_fini(&tree);
    }
    if (draft.nomem) {
        rc = MR_MEMORY;
    } else if (draft.config.lines) { /* else not even the options could be looked at */
        rc = finish(&draft, ret_config);
    }
    clear(&draft.config);
    free(draft.seen);
    bool sound = mistakes->count == before && before < MRI_MISTAKES_MAX;
    return rc == MR_OK && !sound ? MR_CONFIG : rc;
}

/* Keeps what was read only when it is complete. */
static enum mr_rc
keep_complete(enum mr_rc rc, struct mr_config *config, struct mr_config **ret_config)
{
    if (rc == MR_OK) {
        *ret_config = config;
    } else {
        mr_config_free(&config);
    }
    return rc;
}

enum mr_rc
mri_config_parse(const char *text,
                 size_t len,
                 const char *file,
                 struct mr_mistakes *mistakes,
                 struct mr_config **ret_config)
{
    struct mr_config *config = NULL;
    enum mr_rc rc = parse_partly((struct mr_slice){text, len}, file, mistakes, &config);
    return keep_complete(rc, config, ret_config);
}

/* Up to size bytes of the file at path; -1 with errno. */
static ssize_t
read_text(const char *path, char *out, size_t size)
{
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return -1;
    }
    while (used < size) {
        ssize_t got = read(fd, out + used, size - used);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            int why = errno;
            close(fd);
            errno = why;
            return -1;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return (ssize_t)used;
}

enum mr_rc
mr_config_load_partly(const char *path, struct mr_mistakes *mistakes, struct mr_config **ret_config)
{
    const size_t room = MRI_FILE_MAX + 1;
    char *text = malloc(room);
    enum mr_rc rc = MR_CONFIG;
    if (!text) {
        return MR_MEMORY;
    }
    ssize_t len = read_text(path, text, room);
    if (len < 0) {
        mr_mistakes_add(mistakes,
                        0,
                        "",
                        "name a YAML file that can be read",
                        "cannot be read: %s",
                        strerrordesc_np(errno));
    } else if ((size_t)len > MRI_FILE_MAX) {
        mr_mistakes_add(mistakes,
                        0,
                        "",
                        "is it the right file?",
                        "larger than 1 MiB, the most that a configuration may have");
    } else {
        rc = parse_partly((struct mr_slice){text, (size_t)len}, path, mistakes, ret_config);
    }
    explicit_bzero(text, room);
    free(text);
    return rc;
}

enum mr_rc
mr_config_load(const char *path, struct mr_mistakes *mistakes, struct mr_config **ret_config)
{
    struct mr_config *config = NULL;
    enum mr_rc rc = mr_config_load_partly(path, mistakes, &config);
    return keep_complete(rc, config, ret_config);
}
