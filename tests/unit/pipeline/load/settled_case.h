/* Courses of a commit or of a rollback, and what went over the wire. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "load_fixture.h"
#include "millrace/load_txn.h"
#include "test.h"

#define LABEL "demo-k7-12"

static inline enum mr_outcome
commit(struct fixture *f, struct mr_txn_reply *reply)
{
    return mr_txn_commit(f->loader, LABEL, NULL, reply);
}

static inline enum mr_outcome
rollback(struct fixture *f, struct mr_txn_reply *reply)
{
    return mr_txn_rollback(f->loader, LABEL, NULL, reply);
}

/* One letter a request: C commit, R rollback, S question for the label's state. */
static inline void
expect_requests(struct fixture *f, const char *letters)
{
    char got[65] = "";
    unsigned count = http_script_requests(f->fe);
    T_TRUE(count < sizeof got);
    for (unsigned i = 0; i < count; i++) {
        const struct http_seen *seen = http_script_seen(f->fe, i);
        if (strcmp(seen->path, "/api/transaction/commit") == 0)
            got[i] = 'C';
        else if (strcmp(seen->path, "/api/transaction/rollback") == 0)
            got[i] = 'R';
        else
            got[i] = strcmp(seen->path, "/api/demo/get_load_state?label=" LABEL) == 0 ? 'S' : '?';
        T_STR_EQ(seen->method, got[i] == 'S' ? "GET" : "POST");
        T_TRUE(http_seen_header(seen, "Authorization") != NULL);
        if (got[i] != 'S')
            T_STR_EQ(http_seen_header(seen, "label"), LABEL);
    }
    T_STR_EQ(got, letters);
}

#define STEPS_MAX 6

/* The FE's answers in turn: a file of schemas/replies, or "lost". */
struct course {
    const char *steps[STEPS_MAX + 1];
    enum mr_outcome outcome;
    enum mr_txn_answer answer;
    const char *requests;
};

static inline void
run(const struct course *c, enum mr_outcome (*call)(struct fixture *, struct mr_txn_reply *))
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    for (int i = 0; c->steps[i]; i++) {
        if (strcmp(c->steps[i], "lost") == 0)
            http_script_add(f.fe, (struct http_step){.act = HTTP_DROP});
        else
            fixture_answer(f.fe, c->steps[i]);
    }
    enum mr_outcome outcome = call(&f, &reply);
    T_TRUE_MSG(outcome == c->outcome && reply.load.outcome == outcome,
               "%s %s: outcome %s",
               c->steps[0],
               c->steps[1] ? c->steps[1] : "",
               mr_outcome_name(outcome));
    T_TRUE_MSG(reply.answer == c->answer,
               "%s %s: answer %s",
               c->steps[0],
               c->steps[1] ? c->steps[1] : "",
               mr_txn_answer_name(reply.answer));
    expect_requests(&f, c->requests);
    fixture_stop(&f);
}

static inline void
run_all(const struct course *courses,
        size_t count,
        enum mr_outcome (*call)(struct fixture *, struct mr_txn_reply *))
{
    for (size_t i = 0; i < count; i++)
        run(&courses[i], call);
}
