/* Bodies as text. */
#include "harvest_fixture.h"

#include <stdio.h>
#include <stdlib.h>

char *
hf_text(const struct mr_body *body)
{
    struct mr_text text = {.limit = 0};
    for (const struct mr_chunk *chunk = body->first; chunk; chunk = chunk->next)
        mr_text_add(&text, chunk->data, chunk->used);
    if (text.overflow || text.len != body->bytes)
        abort();
    char *copy = malloc(text.len + 1);
    if (!copy)
        abort();
    memcpy(copy, mr_text_str(&text), text.len + 1);
    mr_text_fini(&text);
    return copy;
}

struct mr_rows *
hf_rows(const struct mr_layout *layout, struct mr_budget *budget, size_t raw_bytes_max)
{
    struct mr_rows *rows = NULL;
    if (mr_rows_new(layout, budget, raw_bytes_max, &rows) != MR_OK)
        abort();
    return rows;
}

struct mr_record
hf_record(const char *value)
{
    return (struct mr_record){.value = value,
                              .value_len = value ? (uint32_t)strlen(value) : 0,
                              .value_total = value ? (uint32_t)strlen(value) : 0,
                              .topic = 1,
                              .partition = 3,
                              .offset = 42,
                              .time_us = INT64_C(1769853600500000)};
}

struct mr_layout
hf_detail_layout(struct mr_budget *budget)
{
    mr_budget_init(budget, INT64_MAX);
    struct mr_layout layout = ff_layout(NULL, 0);
    layout.rollups = NULL;
    return layout;
}
