/* Layouts made by hand for the tests of verify. */
#pragma once

#include "pipeline/verify/verify_priv.h"

/* Append mode, a tumbling minute by channel and country, a day without dimensions. */
struct mr_layout *fixture_orders(void);

/* The same events with `detail.key: [id]`. */
struct mr_layout *fixture_keyed(void);

/* Text of DDL of the i-th table. Caller frees with mr_text_fini. */
struct mr_text fixture_ddl(const struct mr_layout *layout, uint32_t i, int64_t buckets);
