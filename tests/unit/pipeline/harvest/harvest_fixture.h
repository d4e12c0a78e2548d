/* For the tests of harvest: bodies as text, a pipeline of one fold with one worker. */
#pragma once

#include "fold_fixture.h"

#include "millrace/harvest.h"

/* The body's bytes; NUL-terminated, freed by the caller. */
char *hf_text(const struct mr_body *body);

/* A rows encoder over layout; raw values are cut to raw_bytes_max. */
struct mr_rows *
hf_rows(const struct mr_layout *layout, struct mr_budget *budget, size_t raw_bytes_max);

/* A record of topic 1 ("returns"), partition 3, offset 42, time 2026-01-31 10:00:00.5. */
struct mr_record hf_record(const char *value);

/* A layout without rollups; the budget begins anew, without a limit. */
struct mr_layout hf_detail_layout(struct mr_budget *budget);
