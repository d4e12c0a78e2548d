/* Bodies: a list of chunks, charged to the budget. */
#include "millrace/model/body.h"

#include <stdlib.h>

#include "millrace/base/assert.h"

#define CHUNK_MAX ((size_t)1 << 20)

void
mr_body_init(struct mr_body *body, enum mr_body_format format, struct mr_budget *budget)
{
    *body = (struct mr_body){.format = format, .budget = budget};
}

/* Small tables get small chunks: each next one doubles up to CHUNK_MAX; a frugal body's are at most a
 * quarter of it. Few sizes, so that one body's chunk serves the next. */
static size_t
next_capacity(const struct mr_body *body, size_t need)
{
    size_t capacity = MR_BODY_LEAST;
    size_t most = body->frugal ? body->bytes / 4 : body->last ? body->last->capacity * 2 : 0;
    while (capacity < CHUNK_MAX && capacity * 2 <= most)
        capacity *= 2;
    return capacity < need ? need : capacity;
}

char *
mr_body_reserve(struct mr_body *body, size_t need)
{
    struct mr_chunk *chunk = body->last;
    if (chunk && chunk->capacity - chunk->used >= need)
        return chunk->data + chunk->used;
    size_t capacity = next_capacity(body, need);
    chunk = malloc(sizeof *chunk + capacity);
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->used = 0;
    chunk->capacity = capacity;
    mr_budget_force(body->budget, (int64_t)(sizeof *chunk + capacity));
    if (body->last)
        body->last->next = chunk;
    else
        body->first = chunk;
    body->last = chunk;
    return chunk->data;
}

void
mr_body_advance(struct mr_body *body, size_t written)
{
    MR_REQUIRE(body->last && written <= body->last->capacity - body->last->used);
    body->last->used += written;
    body->bytes += written;
}

void
mr_body_append_take(struct mr_body *to, struct mr_body *from)
{
    MR_REQUIRE(to->format == from->format && to->budget == from->budget);
    if (from->first) {
        if (to->last)
            to->last->next = from->first;
        else
            to->first = from->first;
        to->last = from->last;
    }
    to->bytes += from->bytes;
    to->rows += from->rows;
    mr_body_init(from, from->format, from->budget);
}

void
mr_body_fini(struct mr_body *body)
{
    for (struct mr_chunk *chunk = body->first; chunk;) {
        struct mr_chunk *next = chunk->next;
        mr_budget_refund(body->budget, (int64_t)(sizeof *chunk + chunk->capacity));
        free(chunk);
        chunk = next;
    }
    mr_body_init(body, body->format, body->budget);
}

struct mr_body
mr_body_view(const struct mr_body *of, struct mr_chunk *first, struct mr_chunk *last, uint64_t rows)
{
    struct mr_body view = *of;
    view.first = first;
    view.last = last;
    view.rows = rows;
    view.bytes = 0;
    for (const struct mr_chunk *chunk = first; chunk; chunk = mr_body_next(&view, chunk))
        view.bytes += chunk->used;
    return view;
}
