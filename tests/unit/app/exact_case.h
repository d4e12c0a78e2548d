/* An app that delivers exactly once: its world, a script for the hooks, and a chain by hand.
 * Threads: the test's; the script is also the hooks', which run on any.
 * Memory: app_case_close frees all. */
#pragma once

#include "app_case.h"

/* What a hook knows. */
struct exact_script {
    _Atomic uint32_t failed;      /* calls that the hook made fail */
    _Atomic bool hold_load, held; /* LOADs wait for their end; one did */
    _Atomic bool hold_commit;
    struct mr_chain chain; /* of the first failure; read after the run */
    int64_t failed_ms;
    _Atomic int64_t begun_ms; /* the first BEGIN after it */
};

extern struct exact_script exact_script;

/* app_case_open and app_case_build with a script that is empty. */
void
exact_case_open(struct app_case *c, const struct world_options *options);

/* A hook's question: is the transaction of this call still open? Recovery asks again for the COMMIT
 * of one that was aborted. */
bool
exact_case_is_open(struct world *world, const struct world_event *event);

/* ---- by hand: the test is feed ---- */

/* With one partition, whose chain is in force; the loaders run. */
void
exact_case_open_hand(struct app_case *c, const struct world_options *options);

/* Nothing may be left. */
void
exact_case_close_hand(struct app_case *c);

/* Pumps until `done` says true; fails when APP_CASE_WAIT_MS have passed. */
void
exact_case_pump_until(struct app_case *c, bool (*done)(struct app_case *c));

/* A unit is in. */
bool
exact_case_is_in(struct app_case *c);
