/* A trial, and what went over the wire. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "load_fixture.h"
#include "millrace/load_txn.h"
#include "test.h"

#define LABEL "demo-k7-12-t1"

static const char prepared[] = "{\"Status\":\"OK\",\"Message\":\"\",\"TxnId\":1007,"
                               "\"NumberTotalRows\":4,\"NumberLoadedRows\":4,"
                               "\"NumberFilteredRows\":0,\"NumberUnselectedRows\":0}";

static inline enum mr_outcome
trial(struct fixture *f, const _Atomic bool *give_up, struct mr_txn_reply *reply)
{
    f->job.label = LABEL;
    return mr_txn_trial(f->loader, &f->job, 60, give_up, reply);
}

/* The FE sends the next `count` calls on to the backend. */
static inline void
redirects(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++)
        fixture_redirect(f);
}

/* One letter a request: Begin, Load, Prepare, Rollback, State; "?" for anything else. */
static inline void
expect_requests(struct http_script *server, const char *letters)
{
    static const struct {
        const char *path;
        char letter;
    } known[] = {
        {"/api/transaction/begin", 'B'},
        {"/api/transaction/load", 'L'},
        {"/api/transaction/prepare", 'P'},
        {"/api/transaction/rollback", 'R'},
        {"/api/demo/get_load_state?label=" LABEL, 'S'},
    };
    char got[65] = "";
    unsigned count = http_script_requests(server);
    T_TRUE(count < sizeof got);
    for (unsigned i = 0; i < count; i++) {
        got[i] = '?';
        for (size_t k = 0; k < MR_ARRAY_LEN(known); k++) {
            if (strcmp(http_script_seen(server, i)->path, known[k].path) == 0)
                got[i] = known[k].letter;
        }
    }
    T_STR_EQ(got, letters);
}
