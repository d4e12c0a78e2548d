/* The plan: schema and configuration compiled into what a worker needs for one record. */
#include "decode_priv.h"

#include <stdlib.h>

void *
mri_plan_alloc(struct mr_plan *plan, size_t bytes)
{
    struct mri_block *block = calloc(1, sizeof *block + bytes);
    if (!block)
        return NULL;
    block->next = plan->blocks;
    plan->blocks = block;
    return block->bytes;
}

char *
mri_plan_text(struct mr_plan *plan, const char *bytes, size_t len)
{
    char *text = mri_plan_alloc(plan, len + MRI_PAD);
    if (text && len > 0)
        memcpy(text, bytes, len);
    return text;
}

const struct mr_layout *
mr_plan_layout(const struct mr_plan *plan)
{
    return &plan->layout;
}

void
mr_plan_free(struct mr_plan **plan)
{
    if (!plan || !*plan)
        return;
    for (struct mri_block *block = (*plan)->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(*plan);
    *plan = NULL;
}

/* Names that the layout takes over from the configuration, which may be freed before the plan. */
static bool
copy_names(struct mr_plan *plan, const struct mr_config *config)
{
    struct mr_layout *layout = &plan->layout;
    const char *from[] = {config->pipeline,
                          config->starrocks.database,
                          config->detail.table,
                          config->quarantine.table};
    const char **to[] = {
        &layout->pipeline, &layout->database, &layout->detail_table, &layout->quarantine_table};
    for (size_t i = 0; i < MR_ARRAY_LEN(from); i++) {
        if (from[i] && !(*to[i] = mri_plan_text(plan, from[i], strlen(from[i]))))
            return false;
    }
    uint32_t count = config->kafka.topics.count;
    const char **topics = mri_plan_alloc(plan, (count + 1) * sizeof *topics);
    if (!topics)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const char *topic = config->kafka.topics.items[i];
        if (!(topics[i] = mri_plan_text(plan, topic, strlen(topic))))
            return false;
    }
    layout->topics = topics;
    layout->topic_count = count;
    return true;
}

static void
check_depth(struct mri_compile *compile)
{
    int64_t depth = compile->config->event.max_depth;
    if (depth < 1 || depth > MRI_DEPTH_MAX)
        mr_mistakes_add(compile->mistakes,
                        0,
                        "event.max_depth",
                        "",
                        "%lld is not allowed: 1 to %d",
                        (long long)depth,
                        MRI_DEPTH_MAX);
    else
        compile->plan->max_depth = (uint32_t)depth;
}

/* MR_OK, or what went wrong first: mistakes in the schema make everything after it guesswork. */
static enum mr_rc
compile_all(struct mri_compile *compile)
{
    if (!copy_names(compile->plan, compile->config))
        return MR_MEMORY;
    const char **columns = mri_plan_alloc(compile->plan, MRI_NODES_MAX * sizeof *columns);
    if (!columns)
        return MR_MEMORY;
    bool ok = mri_schema_compile(compile, columns);
    if (compile->no_memory)
        return MR_MEMORY;
    if (!ok)
        return MR_SCHEMA;
    check_depth(compile);
    mri_layout_compile(compile, columns);
    mri_rollups_compile(compile);
    compile->no_memory |= !mri_project_compile(compile->plan);
    if (compile->no_memory)
        return MR_MEMORY;
    return compile->mistakes->count > compile->mistakes_before ? MR_CONFIG : MR_OK;
}

enum mr_rc
mr_plan_new(const struct mr_config *config, struct mr_mistakes *mistakes, struct mr_plan **ret_plan)
{
    struct mri_compile compile = {.config = config,
                                  .mistakes = mistakes,
                                  .mistakes_before = mistakes->count,
                                  .plan = calloc(1, sizeof *compile.plan)};
    if (!compile.plan)
        return MR_MEMORY;
    compile.plan->max_future_us = config->event.max_future_ms * 1000;
    enum mr_rc rc = compile_all(&compile);
    json_decref(compile.root);
    if (rc == MR_OK)
        *ret_plan = compile.plan;
    else
        mr_plan_free(&compile.plan);
    return rc;
}
