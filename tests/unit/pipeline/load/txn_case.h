/* Calls of a transaction and what went over the wire: shared by the tests of begin and of load. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "load_fixture.h"
#include "millrace/load_txn.h"
#include "test.h"

/* base64 of "loader:s3cret" */
#define LABEL         "demo-k7-12"

static inline void
expect_txn(const struct http_seen *seen, const char *method, const char *call)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/api/transaction/%s", call);
    T_STR_EQ(seen->method, method);
    T_STR_EQ(seen->path, path);
    fixture_expect_header(seen, "Authorization", AUTHORIZATION);
    fixture_expect_header(seen, "db", "demo");
    fixture_expect_header(seen, "label", LABEL);
    fixture_expect_header(seen, "transaction_type", "multi");
}

static inline enum mr_outcome
begin(struct fixture *f, struct mr_txn_reply *reply)
{
    return mr_txn_begin(f->loader, LABEL, 600, NULL, reply);
}

static inline enum mr_outcome
load(struct fixture *f, struct mr_txn_reply *reply)
{
    f->job.label = LABEL;
    return mr_txn_load(f->loader, &f->job, NULL, reply);
}
