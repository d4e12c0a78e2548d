/* Configuration: YAML (JSON as its subset) → a checked struct mr_config.
 * Purpose: one option table (src/config/options.def) drives parser, defaults, ranges, help,
 * --list-options and the README's reference.
 * Threads: load on one thread; the result is immutable. Memory: mr_config_free releases all; the
 * password is wiped. Errors: all mistakes are collected, none stops the rest. Limits: a file of
 * 1 MiB, depth 32, 1,000 mistakes. Secrets never appear in a message. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "millrace/base/attr.h"
#include "millrace/base/log.h"
#include "millrace/base/rc.h"
#include "millrace/model/layout.h"

struct mr_strings {
    char **items; /* count entries, then NULL */
    uint32_t count;
};

struct mr_pair {
    char *name;
    char *value;
    uint32_t line;
};

struct mr_pairs {
    struct mr_pair *items;
    uint32_t count;
};

enum mr_start { MR_START_EARLIEST, MR_START_LATEST, MR_START_TIME };

struct mr_measure_spec {
    char *name;
    enum mr_op op;
    char *field; /* path of the event's field or name of its column; NULL for count() */
    uint32_t line;
};

struct mr_rollup_spec {
    char *table;
    int64_t size_s, offset_s;
    struct mr_strings by;
    struct mr_measure_spec *measures;
    uint32_t measure_count;
    int64_t max_keys;
    uint32_t line;
};

/* What a repeat of an event after a failure may do. Values from 1, so that none is chosen by
 * forgetting. */
enum mr_delivery {
    MR_DELIVERY_EXACTLY_ONCE = 1, /* nothing: each offset counts once, in every table */
    MR_DELIVERY_AT_LEAST_ONCE     /* rows of units in flight may be there twice after a crash */
};

struct mr_config {
    char *file;
    char *pipeline;
    struct {
        char *brokers;
        struct mr_strings topics;
        char *group;
        enum mr_start start;
        int64_t start_time_ms;
        struct mr_pairs properties; /* librdkafka's, passed through */
    } kafka;
    struct {
        char *schema; /* path; relative to the working directory, then to the configuration file */
        char *time_field;
        int64_t max_future_ms;
        int64_t max_bytes;
        int64_t max_depth;
    } event;
    struct {
        struct mr_strings fe;       /* http://host:port, no path */
        struct mr_strings backends; /* host:port or host that a redirect may name, beside the FE hosts */
        char *mysql_host;
        uint16_t mysql_port;
        char *database, *user, *password;
        int64_t connect_timeout_ms, load_timeout_s;
        int64_t transaction_timeout_ms; /* how long a transaction may stay open at the server */
        int64_t replication_num, buckets; /* buckets 0: the server chooses */
    } starrocks;
    struct {
        char *table;
        struct mr_strings key;   /* empty = append */
        struct mr_pairs columns; /* column name → path */
    } detail;
    struct {
        char *table; /* default <detail>_quarantine */
        int64_t raw_bytes;
    } quarantine;
    struct mr_rollup_spec *rollups;
    uint32_t rollup_count;
    struct {
        int64_t every_ms, rows, bytes, depth;
    } flush;
    int64_t memory;
    enum mr_delivery delivery;
    struct {
        int64_t workers; /* 0: one a core */
        int64_t loaders;
    } threads;
    struct {
        int64_t timeout_ms; /* how long an orderly end may take */
    } stop;
    struct {
        char *host; /* numeric address or name to listen on */
        uint16_t port;
    } status;
    struct {
        enum mr_log_level level;
        enum mr_log_format format;
    } log;
    uint32_t *lines; /* line of each option of the table, 0 where its default holds */
};

struct mr_mistake {
    uint32_t line; /* 0: the file as a whole */
    char option[96];
    char text[320]; /* value (quoted), and what is allowed */
    char hint[160]; /* or "" */
};

struct mr_mistakes {
    struct mr_mistake *items;
    uint32_t count, capacity;
};

/* Reads, parses and checks path. MR_OK: *ret_config is complete. MR_CONFIG: mistakes has at least
 * one entry and *ret_config is untouched. mistakes must be zeroed before the first use. */
MR_NODISCARD enum mr_rc
mr_config_load(const char *path, struct mr_mistakes *mistakes, struct mr_config **ret_config);

/* As mr_config_load, but after MR_CONFIG *ret_config is what could be read, for stages that look for
 * further mistakes, or NULL. A section in which mr_mistakes_touch finds nothing is complete. */
MR_NODISCARD enum mr_rc
mr_config_load_partly(const char *path, struct mr_mistakes *mistakes,
                      struct mr_config **ret_config);

void
mr_config_free(struct mr_config **config);

/* Adds a mistake found elsewhere (schema, librdkafka property). */
void
mr_mistakes_add(struct mr_mistakes *mistakes, uint32_t line, const char *option, const char *hint,
                const char *format, ...) MR_PRINTF(5, 6);

/* True when a mistake is in that section of the file ("source", "detail.table"), in one that holds
 * it, or in the file as a whole. */
bool
mr_mistakes_touch(const struct mr_mistakes *mistakes, const char *section);

/* Gives mistakes that name an option but no line the line on which the file sets it. */
void
mr_config_locate(const struct mr_config *config, struct mr_mistakes *mistakes);

/* One block a mistake: `file:line: option: text` and `HINT: …`. */
void
mr_mistakes_print(const struct mr_mistakes *mistakes, const char *file, FILE *out);

void
mr_mistakes_fini(struct mr_mistakes *mistakes);

/* The option table as the Markdown table that stands in the README. */
void
mr_config_list_options(FILE *out);
