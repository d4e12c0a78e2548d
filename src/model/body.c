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

/* Small bodies get small chunks: each next one is an eighth of the body, so that no more than that is
 * charged in vain. */
static size_t
next_capacity(const struct mr_body *body, size_t need)
{
    size_t capacity = body->bytes / 8;
    if (capacity < MR_BODY_LEAST)
        capacity = MR_BODY_LEAST;
    if (capacity > CHUNK_MAX)
        capacity = CHUNK_MAX;
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
