/* Seeded documents: whole events in many spellings, and what is left of them after mutations. The
 * same seed gives the same bytes. Fits the schema of mutate_schema. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct mutate_random {
    uint64_t state;
};

/* Uniform in [0, bound); bound > 0. */
uint32_t mutate_below(struct mutate_random *random, uint32_t bound);

/* Fields of every type, objects, required and optional ones; event time `at`. */
extern const char mutate_schema[];

/* A well-formed document of a shape: the same shape has the same keys in the same order and the
 * same white space, other values. Shape 0 is an ordinary event. Returns the length (< size). */
size_t mutate_document(struct mutate_random *random, uint32_t shape, char *out, size_t size);

/* Changes a few bytes, spans or tokens of out; returns the new length (< size). */
size_t mutate_bytes(struct mutate_random *random, char *out, size_t len, size_t size);
