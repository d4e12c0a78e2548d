/* Begin of a transaction: what goes over the wire, to whom, and what is never sent twice. */
#include "txn_case.h"

#include "millrace/base/clock.h"

Test(txn_begin, begin_is_an_empty_post_that_always_sets_the_timeout)
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
    fixture_expect_header(seen, "timeout", "600");
    fixture_expect_header(seen, "Content-Length", "0");
    fixture_expect_header(seen, "table", NULL);
    fixture_expect_header(seen, "Expect", NULL);
    fixture_expect_header(seen, "Content-Type", NULL);
    T_INT_EQ(http_script_requests(f.be), 0);
    fixture_stop(&f);
}

Test(txn_begin, the_databases_name_goes_as_it_is)
{
    struct fixture f;
    struct mr_txn_reply reply;
    static char database[] = "de mo";
    fixture_servers(&f);
    f.config.starrocks.database = database;
    fixture_loader(&f);
    fixture_answer(f.fe, "txn_begin_ok");
    T_INT_EQ(begin(&f, &reply), MR_OUTCOME_DONE);
    fixture_expect_header(http_script_seen(f.fe, 0), "db", "de mo");
    fixture_stop(&f);
}

Test(txn_begin, labels_that_the_server_would_refuse_are_not_sent)
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

Test(txn_begin, a_begin_that_may_have_got_through_is_not_repeated)
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
        if (steps[i].act == HTTP_STALL)
            fixture_hurry(&f);
        http_script_add(f.fe, steps[i]);
        fixture_answer(f.fe, "txn_begin_ok");
        T_INT_EQ(begin(&f, &reply), MR_OUTCOME_UNKNOWN);
        T_INT_EQ(reply.answer, MR_TXN_UNANSWERED);
        T_INT_EQ(http_script_requests(f.fe), 1);
        fixture_stop(&f);
    }
}

Test(txn_begin, a_begin_on_a_kept_connection_that_dies_is_not_repeated_by_libcurl)
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

Test(txn_begin, a_begin_of_a_label_that_is_open_is_for_the_caller_to_roll_back)
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

Test(txn_begin, a_begin_that_reached_nobody_goes_to_the_next_fe_without_a_pause)
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

Test(txn_begin, a_begin_waits_for_what_an_operator_can_mend_and_ends_on_what_he_cannot)
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

Test(txn_begin, a_follower_sends_on_to_the_leader_which_is_asked_first_from_then_on)
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
    fixture_expect_header(http_script_seen(leader, 0), "timeout", "600");
    expect_txn(http_script_seen(leader, 1), "POST", "rollback");
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(txn_begin, a_leader_that_no_longer_answers_is_forgotten)
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

Test(txn_begin, a_call_that_is_sent_off_the_allow_list_reaches_nobody)
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
