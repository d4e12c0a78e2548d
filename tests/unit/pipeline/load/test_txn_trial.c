/* Trials: what goes over the wire, to whom, and that every course ends rolled back and never
 * committed. */
#include "trial_case.h"

static void
expect_call(const struct http_seen *seen, const char *method)
{
    T_STR_EQ(seen->method, method);
    fixture_expect_header(seen, "Authorization", AUTHORIZATION);
    fixture_expect_header(seen, "db", "demo");
    fixture_expect_header(seen, "table", "orders");
    fixture_expect_header(seen, "label", LABEL);
    fixture_expect_header(seen, "transaction_type", NULL);
}

Test(txn_trial, good_rows_are_prepared_by_the_backend_and_rolled_back)
{
    struct fixture f;
    struct mr_txn_reply reply;
    struct mr_load_counts counts;
    fixture_start(&f);
    redirects(&f, 3);
    fixture_answer(f.fe, "txn_rollback_ok");
    fixture_answer(f.be, "txn_begin_ok");
    fixture_answer(f.be, "txn_load_ok");
    http_script_add(f.be, (struct http_step){.body = prepared});
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(reply.answer, MR_TXN_ACCEPTED);
    T_STR_EQ(reply.load.cause, "prepared");
    T_INT_EQ(reply.load.rows_total, 4);
    T_INT_EQ(reply.load.rows_loaded, 4);
    T_TRUE(!reply.left_open);
    expect_requests(f.fe, "BLPR");
    expect_requests(f.be, "BLP");
    static const char *const methods[] = {"POST", "PUT", "POST", "POST"};
    for (unsigned i = 0; i < 4; i++) {
        expect_call(http_script_seen(f.fe, i), methods[i]);
        if (i < 3)
            expect_call(http_script_seen(f.be, i), methods[i]);
    }
    T_INT_EQ(http_script_seen(f.fe, 1)->body_len, 0);
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 1)));
    /* Nothing of it is in: no load is counted. */
    mr_load_hub_counts(f.hub, &counts);
    T_INT_EQ(counts.rows, 0);
    T_INT_EQ(counts.outcomes[MR_OUTCOME_DONE], 0);
    fixture_stop(&f);
}

Test(txn_trial, begin_and_prepare_say_how_long_it_may_stay_open)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    redirects(&f, 3);
    fixture_answer(f.fe, "txn_rollback_ok");
    fixture_answer(f.be, "txn_begin_ok");
    fixture_answer(f.be, "txn_load_ok");
    http_script_add(f.be, (struct http_step){.body = prepared});
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_DONE);
    for (unsigned i = 0; i < 3; i += 2) {
        fixture_expect_header(http_script_seen(f.be, i), "timeout", "60");
        fixture_expect_header(http_script_seen(f.be, i), "prepared_timeout", "60");
    }
    fixture_stop(&f);
}

Test(txn_trial, refused_rows_are_told_at_prepare_with_the_place_to_read_why)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    redirects(&f, 3);
    fixture_answer(f.fe, "txn_rollback_again");
    fixture_answer(f.be, "txn_begin_ok");
    fixture_answer(f.be, "txn_load_ok");
    fixture_answer(f.be, "txn_commit_filtered_rows");
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_REJECTED);
    T_INT_EQ(reply.load.outcome, MR_OUTCOME_REJECTED);
    T_STR_EQ(reply.load.message, "too many filtered rows");
    T_INT_EQ(reply.load.rows_total, 4);
    T_INT_EQ(reply.load.rows_filtered, 1);
    T_TRUE(strstr(reply.load.error_url, "_load_error_log") != NULL);
    T_TRUE(!reply.left_open);
    expect_requests(f.fe, "BLPR");
    fixture_stop(&f);
}

/* The backend's answers in turn: a file of schemas/replies, or "lost", "prepared"; then the FE
 * says that it is rolled back. */
struct course {
    const char *steps[4];
    enum mr_outcome outcome;
    const char *fe, *be;
};

static void
run(const struct course *c)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    int calls = (int)strlen(c->be);
    redirects(&f, calls);
    fixture_answer(f.fe, "txn_rollback_ok");
    for (int i = 0; i < calls; i++) {
        if (strcmp(c->steps[i], "lost") == 0)
            http_script_add(f.be, (struct http_step){.act = HTTP_DROP});
        else if (strcmp(c->steps[i], "prepared") == 0)
            http_script_add(f.be, (struct http_step){.body = prepared});
        else
            fixture_answer(f.be, c->steps[i]);
    }
    enum mr_outcome outcome = trial(&f, NULL, &reply);
    T_TRUE_MSG(outcome == c->outcome && reply.load.outcome == outcome,
               "%s %s: outcome %s, %s",
               c->steps[0],
               c->be,
               mr_outcome_name(outcome),
               reply.load.cause);
    T_TRUE(!reply.left_open);
    expect_requests(f.fe, c->fe);
    expect_requests(f.be, c->be);
    fixture_stop(&f);
}

Test(txn_trial, a_lost_or_unclear_answer_is_not_repeated_but_rolled_back)
{
    static const struct course courses[] = {
        {{"lost"}, MR_OUTCOME_UNKNOWN, "BR", "B"},
        {{"garbage_html"}, MR_OUTCOME_UNKNOWN, "BR", "B"},
        {{"txn_begin_ok", "lost"}, MR_OUTCOME_UNKNOWN, "BLR", "BL"},
        {{"txn_begin_ok", "proxy_bad_gateway"}, MR_OUTCOME_UNKNOWN, "BLR", "BL"},
        {{"txn_begin_ok", "txn_load_ok", "lost"}, MR_OUTCOME_UNKNOWN, "BLPR", "BLP"},
        {{"txn_begin_ok", "txn_load_ok", "txn_load_not_exists"}, MR_OUTCOME_UNKNOWN, "BLPR", "BLP"},
        {{"txn_begin_ok", "txn_load_ok", "txn_commit_unlisted_text"},
         MR_OUTCOME_UNKNOWN,
         "BLPR",
         "BLP"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(courses); i++)
        run(&courses[i]);
}

Test(txn_trial, what_has_nothing_to_do_with_the_rows_is_no_word_about_them)
{
    static const struct course courses[] = {
        {{"txn_begin_running_txns"}, MR_OUTCOME_RETRY, "BR", "B"},
        {{"txn_begin_on_backend"}, MR_OUTCOME_UNKNOWN, "BR", "B"},
        {{"txn_begin_ok", "txn_load_committed"}, MR_OUTCOME_UNKNOWN, "BLR", "BL"},
        {{"txn_begin_ok", "txn_load_memory"}, MR_OUTCOME_RETRY, "BLR", "BL"},
        {{"txn_begin_ok", "txn_load_table_missing"}, MR_OUTCOME_FATAL, "BLR", "BL"},
        {{"txn_begin_ok", "txn_load_ok", "txn_load_too_many_versions"},
         MR_OUTCOME_RETRY,
         "BLPR",
         "BLP"},
        {{"txn_begin_ok", "txn_load_ok", "txn_commit_again"}, MR_OUTCOME_UNKNOWN, "BLPR", "BLP"},
        {{"txn_begin_ok", "txn_load_ok", "txn_load_after_abort"}, MR_OUTCOME_RETRY, "BLPR", "BLP"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(courses); i++)
        run(&courses[i]);
}

Test(txn_trial, a_busy_transaction_is_asked_again)
{
    static const struct course loads = {
        {"txn_begin_ok", "txn_load_in_processing", "txn_load_ok", "prepared"},
        MR_OUTCOME_DONE,
        "BLLPR",
        "BLLP"};
    static const struct course prepares = {
        {"txn_begin_ok", "txn_load_ok", "txn_load_in_processing", "prepared"},
        MR_OUTCOME_DONE,
        "BLPPR",
        "BLPP"};
    run(&loads);
    run(&prepares);
}

Test(txn_trial, a_label_that_is_committed_stays_and_says_nothing_about_rows)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    redirects(&f, 1);
    fixture_answer(f.be, "txn_begin_visible");
    fixture_answer(f.fe, "txn_rollback_visible");
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_UNKNOWN);
    T_TRUE(!reply.left_open);
    expect_requests(f.fe, "BR");
    fixture_stop(&f);
}

Test(txn_trial, a_refused_begin_is_told_at_once_and_needs_no_rollback)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_answer(f.fe, "txn_load_table_missing");
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_FATAL);
    T_STR_EQ(reply.load.cause, "table missing");
    T_TRUE(!reply.left_open);
    expect_requests(f.fe, "B");
    fixture_stop(&f);
}

Test(txn_trial, a_begin_that_reaches_nobody_ends_after_a_few_tries)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_servers(&f);
    (void)snprintf(
        f.fe_url, sizeof f.fe_url, "http://127.0.0.1:%u", (unsigned)http_script_dead_port());
    fixture_loader(&f);
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_RETRY);
    T_STR_EQ(reply.load.cause, "connection failed");
    T_TRUE(!reply.left_open);
    fixture_stop(&f);
}

/* Each call once: FE → a host that is on no list. */
static void
send_to_stranger(int calls_before, const char *fe)
{
    struct fixture f;
    struct mr_txn_reply reply;
    struct http_script *stranger = http_script_start();
    char location[128];
    fixture_start(&f);
    (void)snprintf(
        location, sizeof location, "http://localhost:%u/x", (unsigned)http_script_port(stranger));
    redirects(&f, calls_before);
    fixture_answer(f.be, "txn_begin_ok");
    fixture_answer(f.be, "txn_load_ok");
    http_script_add(f.fe, (struct http_step){.status = 307, .location = location, .close = true});
    fixture_answer(f.fe, "txn_rollback_ok");
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_FATAL);
    T_STR_EQ(reply.load.cause, "redirect refused");
    T_TRUE(strstr(reply.load.hint, "sink.starrocks.backends") != NULL);
    T_INT_EQ(http_script_connections(stranger), 0);
    expect_requests(f.fe, fe);
    fixture_stop(&f);
    http_script_stop(&stranger);
}

Test(txn_trial, a_call_that_is_sent_off_the_allow_list_reaches_nobody)
{
    send_to_stranger(0, "B");
    send_to_stranger(1, "BLR");
    send_to_stranger(2, "BLPR");
}

Test(txn_trial, a_follower_is_asked_once_and_a_backend_never_taken_for_the_leader)
{
    struct fixture f;
    struct mr_txn_reply reply;
    struct http_script *leader = http_script_start();
    char location[128];
    fixture_start(&f);
    (void)snprintf(
        location, sizeof location, "http://127.0.0.1:%u/x", (unsigned)http_script_port(leader));
    http_script_add(f.fe, (struct http_step){.status = 307, .location = location, .close = true});
    for (int i = 0; i < 3; i++)
        http_script_add(leader,
                        (struct http_step){.status = 307, .location = f.be_url, .close = true});
    fixture_answer(leader, "txn_rollback_ok");
    fixture_answer(f.be, "txn_begin_ok");
    fixture_answer(f.be, "txn_load_ok");
    http_script_add(f.be, (struct http_step){.body = prepared});
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_DONE);
    expect_requests(f.fe, "B");
    expect_requests(leader, "BLPR");
    expect_requests(f.be, "BLP");
    T_INT_EQ(mri_load_hub_leader(f.hub).port, http_script_port(leader));
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(txn_trial, a_label_that_the_server_would_refuse_is_not_sent)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    f.job.label = "a b";
    T_INT_EQ(mr_txn_trial(f.loader, &f.job, 60, NULL, &reply), MR_OUTCOME_FATAL);
    T_STR_EQ(reply.load.cause, "label refused");
    expect_requests(f.fe, "");
    fixture_stop(&f);
}
