/* Body: encoded rows for one (unit, table), ready to be sent as one Stream Load.
 * Threads: built by one thread, then read-only. Memory: chunks charged to the budget that built
 * them; mr_body_free refunds. Format: CSV with \x01 between columns and \x02 after each row (the
 * last too), null = \N; or JSON lines when a value cannot be carried by CSV. The server turns each
 * separator byte into one character, so both are ASCII. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/base/budget.h"
#include "millrace/base/rc.h"

#define MR_CSV_COLUMN_SEPARATOR '\x01'
#define MR_CSV_ROW_DELIMITER '\x02'

/* Least memory that a body with rows takes, in bytes, without its chunk's header. */
#define MR_BODY_LEAST ((size_t)64 << 10)

enum mr_body_format { MR_BODY_CSV, MR_BODY_JSON };

struct mr_chunk {
    struct mr_chunk *next;
    size_t used;
    size_t capacity;
    char data[];
};

struct mr_body {
    enum mr_body_format format;
    bool frugal; /* no more than a quarter of it, or one least chunk, is charged in vain */
    struct mr_chunk *first, *last;
    size_t bytes;
    uint64_t rows;
    struct mr_budget *budget;
};

void
mr_body_init(struct mr_body *body, enum mr_body_format format, struct mr_budget *budget);

/* Room for `need` contiguous bytes at the end of the body, to be followed by mr_body_advance with
 * what was written. Charges with mr_budget_force. NULL when memory ran out. */
char *
mr_body_reserve(struct mr_body *body, size_t need);

void
mr_body_advance(struct mr_body *body, size_t written);

/* Moves all chunks of from to the end of to (same format); from is empty afterwards. */
void
mr_body_append_take(struct mr_body *to, struct mr_body *from);

/* The chunk behind this one, or NULL. */
static inline struct mr_chunk *
mr_body_next(const struct mr_body *body, const struct mr_chunk *chunk)
{
    return chunk == body->last ? NULL : chunk->next;
}

/* The chunks from first to last, which hold so many rows, as a body that shares them with their owner:
 * to be read only, never freed. */
struct mr_body
mr_body_view(const struct mr_body *of, struct mr_chunk *first, struct mr_chunk *last, uint64_t rows);

/* Frees the chunks and refunds; the body is empty afterwards. */
void
mr_body_fini(struct mr_body *body);
