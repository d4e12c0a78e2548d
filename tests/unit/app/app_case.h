/* An app between a Kafka and a StarRocks in memory, whole or in parts.
 * Threads: the test's. Memory: app_case_close frees all. */
#pragma once

#include "app/app_priv.h"
#include "world.h"

#define CASE_UNITS 8
#define APP_CASE_WAIT_MS 100000 /* for what hangs: sanitizers on a busy machine need a fifth of it */

/* What becomes of the loads of units made by hand, by unit and table. */
struct app_script {
    _Atomic bool held[CASE_UNITS][WORLD_TABLES]; /* [atomic: relaxed] waits until this is false */
    enum mr_outcome outcome[CASE_UNITS][WORLD_TABLES]; /* [const] */
    _Atomic uint32_t begun[CASE_UNITS][WORLD_TABLES];  /* [atomic: relaxed] */
};

struct app_case {
    struct world world;
    struct app_script script;
    struct mr_app *app;
    struct mr_error error;
};

/* The world; its configuration may be changed until app_case_build. */
void
app_case_open(struct app_case *c, const struct world_options *options);

/* mr_app_new; no thread runs. */
void
app_case_build(struct app_case *c);

void
app_case_start(struct app_case *c);

/* Until `done` says true; fails when APP_CASE_WAIT_MS have passed. */
void
app_case_wait(struct app_case *c, bool (*done)(struct app_case *c));

/* Everything produced is in. */
bool
app_case_all_in(struct app_case *c);

bool
app_case_ended(struct app_case *c);

/* mr_app_join; the error is in c->error. */
enum mr_rc
app_case_join(struct app_case *c);

double
app_case_metric(const struct app_case *c, enum mr_metric metric);

void
app_case_close(struct app_case *c);

/* ---- exactly once ---- */

/* How often the call came so far. n 0: any number. */
uint32_t
app_case_count(struct app_case *c, enum mr_step_kind kind, uint64_t n);

/* The first event of this kind at or after a place; fails when there is none. */
struct world_event
app_case_event(struct app_case *c, enum mr_step_kind kind, uint32_t from, uint32_t *ret_place);

/* All that the world has becomes one unit, however slow the machine is. */
void
app_case_one_unit(struct app_case *c);

/* To the orderly end, with everything in, each row once, nothing left open. */
void
app_case_run_exact(struct app_case *c);

/* As app_case_run_exact, of an app that runs. */
void
app_case_finish_exact(struct app_case *c);

/* The next process in the same world. */
void
app_case_again(struct app_case *c);

/* ---- units by hand, in a blind world ---- */

/* The script decides; one partition is in the ledger. */
void
app_case_build_script(struct app_case *c);

/* Cut and counted: a by_key body, a detail body and a ledger body of one row each, of ten records. */
struct mr_unit *
app_case_unit(struct app_case *c);

void
app_case_start_loaders(struct app_case *c);

/* No unit is left. */
bool
app_case_landed(struct app_case *c);

/* Place of a load in the order of their ends, from 1; 0: it did not come to an end. */
uint32_t
app_case_place(struct app_case *c, enum world_table table, uint64_t unit);

/* Ends the loaders as mr_app_join does. */
void
app_case_join_loaders(struct app_case *c);
