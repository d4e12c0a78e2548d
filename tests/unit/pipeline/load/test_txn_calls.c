/* Begin and load of a transaction: what goes over the wire, to whom, and what is never sent twice.
 */
#include <stdio.h>
#include <string.h>

#include "load_fixture.h"
#include "millrace/base/clock.h"
#include "millrace/load_txn.h"
#include "test.h"

/* base64 of "loader:s3cret" */
#define AUTHORIZATION "Basic bG9hZGVyOnMzY3JldA=="
#define LABEL         "demo-k7-12"

static void
expect_header(const struct http_seen *seen, const char *name, const char *value)
{
    const char *got = http_seen_header(seen, name);
    T_TRUE_MSG(value ? got && strcmp(got, value) == 0 : got == NULL,
               "%s: header %s is %s, expected %s",
               seen->path,
               name,
               got ? got : "missing",
               value ? value : "missing");
}

static void
expect_txn(const struct http_seen *seen, const char *method, const char *call)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/api/transaction/%s", call);
    T_STR_EQ(seen->method, method);
    T_STR_EQ(seen->path, path);
    expect_header(seen, "Authorization", AUTHORIZATION);
    expect_header(seen, "db", "demo");
    expect_header(seen, "label", LABEL);
    expect_header(seen, "transaction_type", "multi");
}

static enum mr_outcome
begin(struct fixture *f, struct mr_txn_reply *reply)
{
    return mr_txn_begin(f->loader, LABEL, 600, NULL, reply);
}

static enum mr_outcome
load(struct fixture *f, struct mr_txn_reply *reply)
{
    f->job.label = LABEL;
    return mr_txn_load(f->loader, &f->job, NULL, reply);
}

Test(txn_calls, begin_is_an_empty_post_that_always_sets_the_timeout)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_answer(f.fe, "txn_begin_ok");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(reply.answer, MR_TXN_ACCEPTED);
    T_INT_EQ(http_script_requests(f.fe), 1);
    const struct http_seen *seen = http_script_seen(f.fe, 0);
    expect_txn(seen, "POST", "begin");
    expect_header(seen, "timeout", "600");
    expect_header(seen, "Content-Length", "0");
    expect_header(seen, "table", NULL);
    expect_header(seen, "Expect", NULL);
    expect_header(seen, "Content-Type", NULL);
    T_INT_EQ(http_script_requests(f.be), 0);
    fixture_stop(&f);
}

Test(txn_calls, the_databases_name_goes_as_it_is)
{
    struct fixture f;
    struct mr_txn_reply reply;
    static char database[] = "de mo";
    fixture_servers(&f);
    f.config.starrocks.database = database;
    fixture_loader(&f);
    fixture_answer(f.fe, "txn_begin_ok");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    expect_header(http_script_seen(f.fe, 0), "db", "de mo");
    fixture_stop(&f);
}

Test(txn_calls, labels_that_the_server_would_refuse_are_not_sent)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    T_INT_EQ(mr_txn_begin(f.loader, "a b", 600, NULL, &reply), MR_OUTCOME_FATAL);
    T_INT_EQ(mr_txn_commit(f.loader, "", NULL, &reply), MR_OUTCOME_FATAL);
    T_INT_EQ(mr_txn_rollback(f.loader, "a\r\nb", NULL, &reply), MR_OUTCOME_FATAL);
    T_STR_EQ(reply.load.cause, "label refused");
    T_INT_EQ(http_script_requests(f.fe), 0);
    fixture_stop(&f);
}

Test(txn_calls, a_begin_that_may_have_got_through_is_not_repeated)
{
    static const struct http_step steps[] = {
        {.act = HTTP_DROP},
        {.act = HTTP_RESET_HEAD},
        {.act = HTTP_STALL},
        {.status = 500, .body = "oops"},
        {.status = 504, .body = "<html>gateway timeout</html>"},
        {.body = "{\"Status\":\"OK\""},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(steps); i++) {
        struct fixture f;
        struct mr_txn_reply reply;
        fixture_start(&f);
        http_script_add(f.fe, steps[i]);
        fixture_answer(f.fe, "txn_begin_ok");
        T_INT_EQ(begin(&f, &reply), MR_OUTCOME_UNKNOWN);
        T_INT_EQ(reply.answer, MR_TXN_UNANSWERED);
        T_INT_EQ(http_script_requests(f.fe), 1);
        fixture_stop(&f);
    }
}

Test(txn_calls, a_begin_on_a_kept_connection_that_dies_is_not_repeated_by_libcurl)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_answer(f.fe, "txn_begin_ok");
    http_script_add(f.fe, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.fe, "txn_begin_ok");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_UNKNOWN);
    T_INT_EQ(http_script_requests(f.fe), 2);
    T_INT_EQ(http_script_seen(f.fe, 1)->connection, 1);
    fixture_stop(&f);
}

Test(txn_calls, a_begin_of_a_label_that_is_open_is_for_the_caller_to_roll_back)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_answer(f.fe, "txn_begin_running");
    fixture_answer(f.fe, "txn_begin_committed");
    fixture_answer(f.fe, "txn_begin_running_txns");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_UNKNOWN);
    T_INT_EQ(reply.answer, MR_TXN_STARTED);
    T_INT_EQ(reply.load.txn_id, 1007);
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_REJECTED);
    T_INT_EQ(reply.answer, MR_TXN_ALREADY_COMMITTED);
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_RETRY);
    T_INT_EQ(http_script_requests(f.fe), 3);
    fixture_stop(&f);
}

Test(txn_calls, a_begin_that_reached_nobody_goes_to_the_next_fe_without_a_pause)
{
    struct fixture f;
    struct mr_txn_reply reply;
    static char dead[64];
    fixture_servers(&f);
    (void)snprintf(dead, sizeof dead, "http://127.0.0.1:%u", http_script_dead_port());
    f.fe_items[0] = dead;
    f.fe_items[1] = f.fe_url;
    f.config.starrocks.fe.count = 2;
    fixture_loader(&f);
    f.hub->limits.pause_min_ms = f.hub->limits.pause_max_ms = 60000;
    fixture_answer(f.fe, "txn_begin_ok");
    int64_t from = mr_clock_monotonic_ms();
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    T_TRUE(mr_clock_monotonic_ms() - from < 20000);
    T_INT_EQ(http_script_requests(f.fe), 1);
    fixture_stop(&f);
}

Test(txn_calls, a_begin_waits_for_what_an_operator_can_mend_and_ends_on_what_he_cannot)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_answer(f.fe, "fe_unauthorized");
    fixture_answer(f.fe, "txn_unknown_database");
    fixture_answer(f.fe, "txn_begin_ok");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 3);
    fixture_answer(f.fe, "txn_begin_not_implemented");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_FATAL);
    T_INT_EQ(http_script_requests(f.fe), 4);
    fixture_stop(&f);
}

Test(txn_calls, a_follower_sends_on_to_the_leader_which_is_asked_first_from_then_on)
{
    struct fixture f;
    struct mr_txn_reply reply;
    struct http_script *leader = http_script_start();
    char location[128];
    fixture_start(&f);
    (void)snprintf(location,
                   sizeof location,
                   "http://127.0.0.1:%u/api/transaction/begin",
                   http_script_port(leader));
    http_script_add(f.fe, (struct http_step){.status = 307, .location = location, .close = true});
    fixture_answer(leader, "txn_begin_ok");
    fixture_answer(leader, "txn_rollback_ok");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(mr_txn_rollback(f.loader, LABEL, NULL, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 1);
    T_INT_EQ(http_script_requests(leader), 2);
    expect_txn(http_script_seen(f.fe, 0), "POST", "begin");
    expect_txn(http_script_seen(leader, 0), "POST", "begin");
    expect_header(http_script_seen(leader, 0), "timeout", "600");
    expect_txn(http_script_seen(leader, 1), "POST", "rollback");
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(txn_calls, a_leader_that_no_longer_answers_is_forgotten)
{
    struct fixture f;
    struct mr_txn_reply reply;
    char location[128];
    fixture_start(&f);
    struct mri_node dead = {.host = "127.0.0.1", .port = http_script_dead_port()};
    mri_load_hub_leads(f.hub, &dead);
    (void)snprintf(location, sizeof location, "http://127.0.0.1:%u/x", http_script_port(f.be));
    http_script_add(f.fe, (struct http_step){.status = 307, .location = location});
    fixture_answer(f.be, "txn_begin_ok");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(mri_load_hub_leader(f.hub).port, http_script_port(f.be));
    fixture_stop(&f);
}

Test(txn_calls, a_call_that_is_sent_off_the_allow_list_reaches_nobody)
{
    struct fixture f;
    struct mr_txn_reply reply;
    struct http_script *stranger = http_script_start();
    char location[128];
    fixture_start(&f);
    (void)snprintf(location,
                   sizeof location,
                   "http://localhost:%u/api/transaction/begin",
                   http_script_port(stranger));
    for (int i = 0; i < 4; i++)
        http_script_add(f.fe, (struct http_step){.status = 307, .location = location});
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_FATAL);
    T_STR_EQ(reply.load.cause, "redirect refused");
    T_TRUE(strstr(reply.load.hint, "sink.starrocks.fe") != NULL);
    T_INT_EQ(load(&f, &reply), MR_OUTCOME_FATAL);
    T_INT_EQ(mr_txn_commit(f.loader, LABEL, NULL, &reply), MR_OUTCOME_FATAL);
    T_INT_EQ(mr_txn_rollback(f.loader, LABEL, NULL, &reply), MR_OUTCOME_FATAL);
    T_INT_EQ(http_script_connections(stranger), 0);
    fixture_stop(&f);
    http_script_stop(&stranger);
}

static void
expect_load_headers(const struct http_seen *seen)
{
    expect_txn(seen, "PUT", "load");
    expect_header(seen, "table", "orders");
    expect_header(seen, "format", "csv");
    expect_header(seen, "columns", "`id`,`amount`");
    expect_header(seen, "column_separator", "\\x01");
    expect_header(seen, "row_delimiter", "\\x02");
    expect_header(seen, "timezone", "UTC");
    expect_header(seen, "timeout", "1");
    expect_header(seen, "max_filter_ratio", "0");
    expect_header(seen, "strict_mode", "true");
    expect_header(seen, "ignore_json_size", NULL);
}

Test(txn_calls, a_load_goes_from_follower_to_leader_to_backend_with_the_same_headers)
{
    struct fixture f;
    struct mr_txn_reply reply;
    static char leader_url[64];
    fixture_servers(&f);
    struct http_script *leader = http_script_start();
    fixture_url(leader, leader_url);
    f.fe_items[1] = leader_url;
    f.config.starrocks.fe.count = 2;
    fixture_loader(&f);
    http_script_add(f.fe, (struct http_step){.status = 307, .location = leader_url, .close = true});
    http_script_add(leader, (struct http_step){.status = 307, .location = f.be_url, .close = true});
    fixture_answer(f.be, "txn_load_ok");
    T_INT_EQ(load(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(reply.answer, MR_TXN_ACCEPTED);
    struct http_script *const fes[] = {f.fe, leader};
    for (size_t i = 0; i < MR_ARRAY_LEN(fes); i++) {
        T_INT_EQ(http_script_requests(fes[i]), 1);
        expect_load_headers(http_script_seen(fes[i], 0));
        expect_header(http_script_seen(fes[i], 0), "Expect", "100-continue");
        T_INT_EQ(http_script_seen(fes[i], 0)->declared_len, 0);
    }
    T_INT_EQ(http_script_requests(f.be), 1);
    expect_load_headers(http_script_seen(f.be, 0));
    expect_header(http_script_seen(f.be, 0), "Expect", NULL);
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 0)));
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(txn_calls, a_leader_that_is_known_from_begin_is_not_taken_for_a_backend)
{
    struct fixture f;
    struct mr_txn_reply reply;
    struct http_script *leader = http_script_start();
    char location[128];
    fixture_start(&f);
    fixture_url(leader, location);
    http_script_add(f.fe, (struct http_step){.status = 307, .location = location, .close = true});
    fixture_answer(leader, "txn_begin_ok");
    http_script_add(leader, (struct http_step){.status = 307, .location = f.be_url, .close = true});
    fixture_answer(f.be, "txn_load_ok");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(load(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_seen(leader, 1)->declared_len, 0);
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 0)));
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(txn_calls, json_over_100_mb_in_all_loads_together_is_asked_for_on_each)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    f.body.format = MR_BODY_JSON;
    f.job.merge_condition = "sequence";
    fixture_redirect(&f);
    fixture_answer(f.be, "txn_load_ok");
    T_INT_EQ(load(&f, &reply), MR_OUTCOME_DONE);
    const struct http_seen *seen[] = {http_script_seen(f.fe, 0), http_script_seen(f.be, 0)};
    for (size_t i = 0; i < MR_ARRAY_LEN(seen); i++) {
        expect_header(seen[i], "format", "json");
        expect_header(seen[i], "ignore_json_size", "true");
        expect_header(seen[i], "merge_condition", "sequence");
        expect_header(seen[i], "column_separator", NULL);
    }
    fixture_stop(&f);
}

Test(txn_calls, a_load_whose_body_may_have_arrived_is_never_sent_again)
{
    static const struct http_step steps[] = {
        {.act = HTTP_DROP},
        {.act = HTTP_RESET_BODY},
        {.act = HTTP_STALL},
        {.status = 502, .body = "bad gateway"},
        {.body = "{\"Status\":\"INTERNAL_ERROR\",\"Message\":\"something new\"}"},
        {.act = HTTP_EARLY, .body = "{\"Status\":\"OK\",\"Message\":\"\"}"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(steps); i++) {
        struct fixture f;
        struct mr_txn_reply reply;
        fixture_start(&f);
        fixture_redirect(&f);
        fixture_redirect(&f);
        f.loader->careful = steps[i].act == HTTP_EARLY; /* else the answer races with the body */
        http_script_add(f.be, steps[i]);
        fixture_answer(f.be, "txn_load_ok");
        T_TRUE_MSG(load(&f, &reply) == MR_OUTCOME_UNKNOWN,
                   "step %zu: %s",
                   i,
                   mr_outcome_name(reply.load.outcome));
        T_TRUE(reply.answer != MR_TXN_ACCEPTED);
        T_INT_EQ(http_script_requests(f.be), 1);
        fixture_stop(&f);
    }
}

Test(txn_calls, a_load_that_spoilt_the_transaction_is_told_and_not_repeated)
{
    static const struct {
        const char *file;
        enum mr_txn_answer answer;
        enum mr_outcome outcome;
    } cases[] = {
        {"txn_load_after_abort", MR_TXN_ABORTED, MR_OUTCOME_RETRY},
        {"txn_load_not_exists", MR_TXN_MISSING, MR_OUTCOME_RETRY},
        {"txn_load_timed_out", MR_TXN_ABORTING, MR_OUTCOME_RETRY},
        {"txn_load_too_many_versions", MR_TXN_REFUSED, MR_OUTCOME_RETRY},
        {"txn_load_params_differ", MR_TXN_REFUSED, MR_OUTCOME_FATAL},
        {"txn_load_access_denied", MR_TXN_REFUSED, MR_OUTCOME_FATAL},
        {"txn_commit_filtered_rows", MR_TXN_REFUSED, MR_OUTCOME_REJECTED},
    };
    for (size_t i = 0; i < 2 * MR_ARRAY_LEN(cases); i++) {
        struct fixture f;
        struct mr_txn_reply reply;
        bool at_fe = i % 2; /* either may say so */
        fixture_start(&f);
        if (!at_fe)
            fixture_redirect(&f);
        fixture_answer(at_fe ? f.fe : f.be, cases[i / 2].file);
        fixture_redirect(&f);
        fixture_answer(f.be, "txn_load_ok");
        T_INT_EQ(load(&f, &reply), cases[i / 2].outcome);
        T_INT_EQ(reply.answer, cases[i / 2].answer);
        T_INT_EQ(http_script_requests(f.fe), 1);
        T_INT_EQ(http_script_requests(f.be), at_fe ? 0 : 1);
        fixture_stop(&f);
    }
}

Test(txn_calls, a_busy_transaction_is_waited_for)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_answer(f.fe, "txn_load_in_processing");
    fixture_redirect(&f);
    fixture_redirect(&f);
    f.loader->careful = true; /* else the early answer races with the body */
    http_script_add(f.be,
                    (struct http_step){.act = HTTP_EARLY,
                                       .body =
                                           "{\"Status\":\"TXN_IN_PROCESSING\",\"Message\":"
                                           "\"Transaction in processing, please retry later\"}"});
    fixture_answer(f.be, "txn_load_ok");
    T_INT_EQ(load(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 3);
    T_INT_EQ(http_script_requests(f.be), 2);
    expect_header(http_script_seen(f.be, 1), "Expect", "100-continue");
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 1)));
    fixture_stop(&f);
}

Test(txn_calls, a_load_that_reached_no_backend_is_tried_again)
{
    struct fixture f;
    struct mr_txn_reply reply;
    char dead[64];
    fixture_start(&f);
    (void)snprintf(dead, sizeof dead, "http://127.0.0.1:%u/x", http_script_dead_port());
    http_script_add(f.fe, (struct http_step){.status = 307, .location = dead});
    fixture_redirect(&f);
    fixture_answer(f.be, "txn_load_ok");
    T_INT_EQ(load(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 2);
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
}

Test(txn_calls, an_ok_of_an_fe_that_took_no_body_is_not_believed)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_answer(f.fe, "txn_load_ok");
    T_INT_EQ(load(&f, &reply), MR_OUTCOME_RETRY);
    T_STR_EQ(reply.load.cause, "no redirect");
    T_INT_EQ(reply.answer, MR_TXN_REFUSED);
    T_INT_EQ(http_script_requests(f.be), 0);
    fixture_stop(&f);
}

Test(txn_calls, attempts_to_load_are_counted_and_nothing_counts_as_in)
{
    struct fixture f;
    struct mr_txn_reply reply;
    struct mr_load_counts c;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "txn_load_ok");
    T_INT_EQ(load(&f, &reply), MR_OUTCOME_DONE);
    mr_load_hub_counts(f.hub, &c);
    T_INT_EQ(c.outcomes[MR_OUTCOME_DONE], 1);
    T_INT_EQ(c.rows, 0);
    T_INT_EQ(c.bytes, 0);
    fixture_stop(&f);
}
