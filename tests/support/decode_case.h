/* One schema, its plan and a decoder, without a configuration file: for tests, fuzz target and
 * benchmark of decode. Memory: decode_case_close frees all. */
#pragma once

#include "millrace/decode.h"

struct decode_case {
    struct mr_config config; /* may be changed between decode_case_init and decode_case_compile */
    struct mr_mistakes mistakes;
    struct mr_plan *plan;
    const struct mr_layout *layout;
    struct mr_decoder *decoder;
    struct mr_value values[MR_MAX_COLUMNS];
    struct mr_event event;
    struct mr_reject_info info;
    struct mr_record record;
    char *padded; /* the record's bytes and MR_BATCH_PAD others, in a block of exactly that size */
    int64_t now_us;
    char path[64]; /* of a schema given as text */
};

/* Defaults: event time at `at`, max_depth 64, max_future 60 s, now 2026-02-02T12:00:00Z. */
void decode_case_init(struct decode_case *c);

/* Text of the schema, written to a temporary file; or the path of one. */
void decode_case_text(struct decode_case *c, const char *schema);

/* As mr_plan_new; MR_OK also makes the decoder, with room for records of 1 MiB. */
enum mr_rc decode_case_compile(struct decode_case *c);

/* All the text of the mistakes, one a line; static storage. */
const char *decode_case_mistakes(const struct decode_case *c);

/* Decodes a copy of the bytes; c->event and c->info tell the rest. Earlier events end. */
enum mr_reject decode_case_run(struct decode_case *c, const char *bytes, size_t len);

/* The value of a column of the last event; aborts when there is no such column. */
const struct mr_value *decode_case_value(const struct decode_case *c, const char *column);

void decode_case_close(struct decode_case *c);
