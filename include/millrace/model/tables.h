/* Tables: the columns that do not depend on a pipeline's schema, listed once; DDL, the `columns`
 * header, encoders and readers all expand these lists, in this order.
 * X(column name, StarRocks type, "NULL" or "NOT NULL").
 * Threads: constants. Limits: an encoded primary key may have 128 bytes, counted row by row: each
 * VARCHAR that is not the last key column costs its bytes + 2, an INT 4. A chain name has 16
 * characters, so pipeline and topic together may have 104 (MR_KEY_TEXT_MAX). */
#pragma once

#define MR_KEY_TEXT_MAX 104

/* Beside the event's columns of every detail row. */
#define MR_PROVENANCE_COLUMNS(X)                                                                   \
    X("_topic", "VARCHAR(249)", "NOT NULL")                                                        \
    X("_partition", "INT", "NOT NULL")                                                             \
    X("_offset", "BIGINT", "NOT NULL")

/* millrace_ledger: PRIMARY KEY over the first MR_LEDGER_KEYS. `rollups` is a JSON object: rollup
 * table -> events counted into it. */
#define MR_LEDGER_TABLE "millrace_ledger"
#define MR_LEDGER_KEYS 3
#define MR_LEDGER_COLUMNS(X)                                                                       \
    X("pipeline", "VARCHAR(32)", "NOT NULL")                                                       \
    X("topic", "VARCHAR(249)", "NOT NULL")                                                         \
    X("partition", "INT", "NOT NULL")                                                              \
    X("chain", "VARCHAR(32)", "NOT NULL")                                                          \
    X("n", "BIGINT", "NOT NULL")                                                                   \
    X("start", "BIGINT", "NOT NULL")                                                               \
    X("end", "BIGINT", "NOT NULL")                                                                 \
    X("event_time", "DATETIME", "NULL")                                                            \
    X("consumed", "BIGINT", "NOT NULL")                                                            \
    X("detail", "BIGINT", "NOT NULL")                                                              \
    X("quarantined", "BIGINT", "NOT NULL")                                                         \
    X("filtered", "BIGINT", "NOT NULL")                                                            \
    X("late", "BIGINT", "NOT NULL")                                                                \
    X("tombstones", "BIGINT", "NOT NULL")                                                          \
    X("rollups", "VARCHAR(65533)", "NOT NULL")                                                     \
    X("updated_at", "DATETIME", "NOT NULL")

/* millrace_chains: the registry of label chains, PRIMARY KEY over the first MR_CHAINS_KEYS. */
#define MR_CHAINS_TABLE "millrace_chains"
#define MR_CHAINS_KEYS 4
#define MR_CHAINS_COLUMNS(X)                                                                       \
    X("pipeline", "VARCHAR(32)", "NOT NULL")                                                       \
    X("topic", "VARCHAR(249)", "NOT NULL")                                                         \
    X("partition", "INT", "NOT NULL")                                                              \
    X("chain", "VARCHAR(32)", "NOT NULL")                                                          \
    X("seq", "BIGINT", "NOT NULL")                                                                 \
    X("start", "BIGINT", "NOT NULL")                                                               \
    X("n", "BIGINT", "NULL")                                                                       \
    X("tables", "VARCHAR(65533)", "NULL")                                                          \
    X("announced_at", "DATETIME", "NOT NULL")                                                      \
    X("closed", "DATETIME", "NULL")

/* <detail>_quarantine: DUPLICATE KEY(received_at). raw is cut to a limit, raw_bytes is its true
 * length. CSV bodies carry VARBINARY as hex text. */
#define MR_QUARANTINE_COLUMNS(X)                                                                   \
    X("received_at", "DATETIME", "NOT NULL")                                                       \
    X("reason", "VARCHAR(16)", "NOT NULL")                                                         \
    X("message", "VARCHAR(1024)", "NOT NULL")                                                      \
    X("_topic", "VARCHAR(249)", "NOT NULL")                                                        \
    X("_partition", "INT", "NOT NULL")                                                             \
    X("_offset", "BIGINT", "NOT NULL")                                                             \
    X("record_time", "DATETIME", "NULL")                                                           \
    X("record_key", "VARBINARY", "NULL")                                                           \
    X("raw", "VARBINARY(1048576)", "NULL")                                                         \
    X("raw_bytes", "BIGINT", "NOT NULL")
