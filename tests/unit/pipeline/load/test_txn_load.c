/* Load of a transaction: what goes over the wire, to whom, and what is never sent twice. */
#include "txn_case.h"

static void
expect_load_headers(const struct http_seen *seen)
{
    expect_txn(seen, "PUT", "load");
    fixture_expect_header(seen, "table", "orders");
    fixture_expect_header(seen, "format", "csv");
    fixture_expect_header(seen, "columns", "`id`,`amount`");
    fixture_expect_header(seen, "column_separator", "\\x01");
    fixture_expect_header(seen, "row_delimiter", "\\x02");
    fixture_expect_header(seen, "timezone", "UTC");
    fixture_expect_header(seen, "timeout", "1");
    fixture_expect_header(seen, "max_filter_ratio", "0");
    fixture_expect_header(seen, "strict_mode", "true");
    fixture_expect_header(seen, "ignore_json_size", NULL);
}

Test(txn_load, a_load_goes_from_follower_to_leader_to_backend_with_the_same_headers)
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
        fixture_expect_header(http_script_seen(fes[i], 0), "Expect", "100-continue");
        T_INT_EQ(http_script_seen(fes[i], 0)->declared_len, 0);
    }
    T_INT_EQ(http_script_requests(f.be), 1);
    expect_load_headers(http_script_seen(f.be, 0));
    fixture_expect_header(http_script_seen(f.be, 0), "Expect", NULL);
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 0)));
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(txn_load, a_leader_that_is_known_from_begin_is_not_taken_for_a_backend)
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

Test(txn_load, json_over_100_mb_in_all_loads_together_is_asked_for_on_each)
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
        fixture_expect_header(seen[i], "format", "json");
        fixture_expect_header(seen[i], "ignore_json_size", "true");
        fixture_expect_header(seen[i], "merge_condition", "sequence");
        fixture_expect_header(seen[i], "column_separator", NULL);
    }
    fixture_stop(&f);
}

Test(txn_load, a_load_whose_body_may_have_arrived_is_never_sent_again)
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
        if (steps[i].act == HTTP_STALL)
            fixture_hurry(&f);
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

Test(txn_load, a_load_that_spoilt_the_transaction_is_told_and_not_repeated)
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

Test(txn_load, a_busy_transaction_is_waited_for)
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
    fixture_expect_header(http_script_seen(f.be, 1), "Expect", "100-continue");
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 1)));
    fixture_stop(&f);
}

Test(txn_load, a_load_that_reached_no_backend_is_tried_again)
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

Test(txn_load, an_ok_of_an_fe_that_took_no_body_is_not_believed)
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

Test(txn_load, attempts_to_load_are_counted_and_nothing_counts_as_in)
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
