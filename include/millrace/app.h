/* App: builds the stages, connects them by rings, starts from the far end, stops from the near end.
 * Purpose: everything between a checked configuration and a finished run.
 * Threads: new, stop, join and free on the main thread; the app's own threads are listed in
 *   src/app/README.md. Progress: join blocks until the pipeline has ended.
 * Memory: one byte budget (option memory) for batches, tables and bodies.
 * Errors: outages are not errors: they are logged with a hint and waited out. Join returns MR_STOPPED
 *   when going on could lose or double rows. */
#pragma once

#include <stdbool.h>

#include "millrace/base/error.h"
#include "millrace/config.h"
#include "millrace/decode.h"

struct mr_app;

struct mr_app_options {
    bool without_sql; /* benchmarks against a discarding sink: no table check, no ledger read */
};

/* config and plan are borrowed until mr_app_free. Starts the status server at once, so that /livez
 * answers before anything is connected. */
MR_NODISCARD enum mr_rc
mr_app_new(const struct mr_config *config, const struct mr_plan *plan,
           const struct mr_app_options *options, struct mr_app **ret_app,
           struct mr_error *reterr_error);

/* Starts all threads; connecting and its retries happen there. */
MR_NODISCARD enum mr_rc
mr_app_start(struct mr_app *app, struct mr_error *reterr_error);

/* Orderly end: stop taking, finish and commit the units in flight. Any thread; idempotent. */
void
mr_app_stop(struct mr_app *app);

/* True once the pipeline has ended, by mr_app_stop or by itself. */
bool
mr_app_ended(struct mr_app *app);

/* Waits for the end; the reason is MR_OK after an orderly stop. */
enum mr_rc
mr_app_join(struct mr_app *app, struct mr_error *reterr_error);

void
mr_app_free(struct mr_app **app);

/* Rows that are in StarRocks and committed, for tests and benchmarks. Any thread. */
uint64_t
mr_app_committed_records(struct mr_app *app);

/* Port of the status server, 0 when off. */
uint16_t
mr_app_status_port(const struct mr_app *app);
