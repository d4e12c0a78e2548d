/* Commit: repeated until the answer is final, and what is final. */
#include <pthread.h>

#include "millrace/base/clock.h"
#include "settled_case.h"

Test(txn_settled, a_commit_is_one_request_with_a_bound_on_the_wait_for_visibility)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_answer(f.fe, "txn_commit_ok");
    T_INT_EQ(commit(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(reply.answer, MR_TXN_COMMITTED);
    T_INT_EQ(reply.load.txn_id, 1007);
    T_TRUE(!reply.load.visible);
    expect_requests(&f, "C");
    const struct http_seen *seen = http_script_seen(f.fe, 0);
    T_STR_EQ(http_seen_header(seen, "db"), "demo");
    T_STR_EQ(http_seen_header(seen, "transaction_type"), "multi");
    T_STR_EQ(http_seen_header(seen, "timeout"), "1");
    T_TRUE(http_seen_header(seen, "table") == NULL);
    fixture_stop(&f);
}

Test(txn_settled, a_commit_that_was_made_before_is_done)
{
    static const struct course courses[] = {
        {{"txn_commit_again"}, MR_OUTCOME_DONE, MR_TXN_ALREADY_COMMITTED, "C"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, a_lost_commit_is_settled_by_its_label_or_by_committing_again)
{
    static const struct course courses[] = {
        {{"lost", "state_visible"}, MR_OUTCOME_DONE, MR_TXN_VISIBLE, "CS"},
        {{"lost", "state_committed"}, MR_OUTCOME_DONE, MR_TXN_COMMITTED, "CS"},
        {{"lost", "state_unknown", "txn_commit_ok"}, MR_OUTCOME_DONE, MR_TXN_COMMITTED, "CSC"},
        {{"lost", "state_prepare", "txn_commit_again"},
         MR_OUTCOME_DONE,
         MR_TXN_ALREADY_COMMITTED,
         "CSC"},
        {{"lost", "lost", "txn_commit_ok"}, MR_OUTCOME_DONE, MR_TXN_COMMITTED, "CSC"},
        {{"fe_exception", "state_unknown", "proxy_timeout", "state_visible"},
         MR_OUTCOME_DONE,
         MR_TXN_VISIBLE,
         "CSCS"},
        {{"txn_commit_unlisted_text", "state_prepare", "txn_commit_cancelled"},
         MR_OUTCOME_RETRY,
         MR_TXN_ABORTED,
         "CSC"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, the_answer_to_commit_counts_and_not_an_aborted_label)
{
    static const struct course courses[] = {
        {{"lost", "state_aborted", "txn_commit_again"},
         MR_OUTCOME_DONE,
         MR_TXN_ALREADY_COMMITTED,
         "CSC"},
        {{"lost", "state_aborted", "txn_commit_aborted"}, MR_OUTCOME_RETRY, MR_TXN_ABORTED, "CSC"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, a_publish_timeout_is_settled_by_the_label)
{
    static const struct course courses[] = {
        {{"txn_commit_publish_timeout", "state_committed"},
         MR_OUTCOME_DONE,
         MR_TXN_COMMITTED,
         "CS"},
        {{"txn_commit_publish_timeout", "state_visible"}, MR_OUTCOME_DONE, MR_TXN_VISIBLE, "CS"},
        {{"txn_commit_publish_timeout", "state_prepare", "txn_commit_ok"},
         MR_OUTCOME_DONE,
         MR_TXN_COMMITTED,
         "CSC"},
        {{"txn_commit_publish_timeout_status", "garbage_html", "txn_commit_again"},
         MR_OUTCOME_DONE,
         MR_TXN_ALREADY_COMMITTED,
         "CSC"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, a_commit_under_way_is_waited_for)
{
    static const struct course courses[] = {
        {{"txn_commit_committing", "txn_load_in_processing", "txn_commit_again"},
         MR_OUTCOME_DONE,
         MR_TXN_ALREADY_COMMITTED,
         "CCC"},
        /* An abort under way may still find out that the commit went through. */
        {{"txn_commit_aborting", "txn_commit_cancelled"}, MR_OUTCOME_RETRY, MR_TXN_ABORTED, "CC"},
        {{"txn_commit_aborting", "txn_commit_again"},
         MR_OUTCOME_DONE,
         MR_TXN_ALREADY_COMMITTED,
         "CC"},
        {{"fail_running_txns", "fe_no_backend_alive", "txn_commit_ok"},
         MR_OUTCOME_DONE,
         MR_TXN_COMMITTED,
         "CCC"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, a_commit_that_can_no_longer_be_made_is_told_at_once)
{
    static const struct course courses[] = {
        {{"txn_commit_cancelled"}, MR_OUTCOME_RETRY, MR_TXN_ABORTED, "C"},
        {{"txn_commit_aborted"}, MR_OUTCOME_RETRY, MR_TXN_ABORTED, "C"},
        {{"txn_commit_cancelled_ok"}, MR_OUTCOME_RETRY, MR_TXN_ABORTED, "C"},
        {{"txn_commit_filtered_rows"}, MR_OUTCOME_REJECTED, MR_TXN_REFUSED, "C"},
        {{"txn_prepare_unsupported"}, MR_OUTCOME_FATAL, MR_TXN_REFUSED, "C"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, a_refusal_after_a_lost_commit_leaves_it_unknown)
{
    static const struct course courses[] = {
        {{"lost", "state_unknown", "txn_prepare_unsupported"},
         MR_OUTCOME_UNKNOWN,
         MR_TXN_REFUSED,
         "CSC"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, a_commit_of_no_such_transaction_is_explained_by_the_label)
{
    static const struct course courses[] = {
        {{"txn_missing", "state_visible"}, MR_OUTCOME_DONE, MR_TXN_VISIBLE, "CS"},
        {{"txn_missing", "state_committed"}, MR_OUTCOME_DONE, MR_TXN_COMMITTED, "CS"},
        {{"txn_missing", "state_aborted"}, MR_OUTCOME_RETRY, MR_TXN_ABORTED, "CS"},
        {{"txn_missing", "state_unknown"}, MR_OUTCOME_UNKNOWN, MR_TXN_MISSING, "CS"},
        {{"txn_missing", "state_prepare", "txn_missing", "state_aborted"},
         MR_OUTCOME_RETRY,
         MR_TXN_ABORTED,
         "CSCS"},
        {{"txn_missing", "garbage_html", "txn_missing", "state_unknown"},
         MR_OUTCOME_UNKNOWN,
         MR_TXN_MISSING,
         "CSCS"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, a_commit_waits_for_what_an_operator_can_mend)
{
    static const struct course courses[] = {
        {{"fe_unauthorized", "txn_load_access_denied", "txn_commit_ok"},
         MR_OUTCOME_DONE,
         MR_TXN_COMMITTED,
         "CCC"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), commit);
}

Test(txn_settled, a_commit_waits_longer_for_its_answer_than_the_server_may_wait)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    fixture_hurry(&f);
    f.hub->limits.publish_wait_s = FIXTURE_PATIENCE_MS / 1000; /* the server's wait */
    http_script_add(
        f.fe, (struct http_step){.body = "{\"Status\":\"OK\",\"Message\":\"\"}", .delay_ms = 900});
    T_INT_EQ(commit(&f, &reply), MR_OUTCOME_DONE);
    expect_requests(&f, "C");
    fixture_stop(&f);
}

Test(txn_settled, a_call_that_was_given_up_before_it_began_sends_nothing)
{
    struct fixture f;
    struct mr_txn_reply reply;
    _Atomic bool give_up = true;
    fixture_start(&f);
    f.job.label = LABEL;
    T_INT_EQ(mr_txn_begin(f.loader, LABEL, 60, &give_up, &reply), MR_OUTCOME_RETRY);
    T_INT_EQ(mr_txn_load(f.loader, &f.job, &give_up, &reply), MR_OUTCOME_RETRY);
    T_INT_EQ(mr_txn_commit(f.loader, LABEL, &give_up, &reply), MR_OUTCOME_UNKNOWN);
    T_INT_EQ(mr_txn_rollback(f.loader, LABEL, &give_up, &reply), MR_OUTCOME_UNKNOWN);
    T_STR_EQ(reply.load.cause, "stopped");
    T_INT_EQ(reply.answer, MR_TXN_UNANSWERED);
    T_INT_EQ(http_script_requests(f.fe), 0);
    fixture_stop(&f);
}

struct later {
    struct fixture *f;
    _Atomic bool give_up;
    bool stop_all;
    int64_t at_ms;
};

static void *
give_up_later(void *argument)
{
    struct later *later = argument;
    mr_clock_sleep_ms(150);
    later->at_ms = mr_clock_monotonic_ms();
    if (later->stop_all)
        mr_load_stop(later->f->hub);
    else
        atomic_store(&later->give_up, true);
    return NULL;
}

/* A commit that nobody answers, or that stays busy, ends when it is told to. */
static void
end_commit(const char *file, bool stop_all)
{
    struct fixture f;
    struct mr_txn_reply reply;
    pthread_t thread;
    fixture_start(&f);
    f.hub->limits.control_ms = 60000;
    f.hub->limits.pause_min_ms = f.hub->limits.pause_max_ms = 60000;
    if (file)
        fixture_answer(f.fe, file);
    else
        http_script_add(f.fe, (struct http_step){.act = HTTP_STALL});
    struct later later = {.f = &f, .stop_all = stop_all};
    T_INT_EQ(pthread_create(&thread, NULL, give_up_later, &later), 0);
    T_INT_EQ(mr_txn_commit(f.loader, LABEL, &later.give_up, &reply), MR_OUTCOME_UNKNOWN);
    T_INT_EQ(pthread_join(thread, NULL), 0);
    T_TRUE(mr_clock_monotonic_ms() - later.at_ms < 20000);
    expect_requests(&f, "C");
    fixture_stop(&f);
}

Test(txn_settled, a_commit_without_an_answer_ends_when_it_is_given_up)
{
    end_commit(NULL, false);
    end_commit("txn_commit_committing", false);
}

Test(txn_settled, a_commit_without_an_answer_ends_when_all_loads_are_stopped)
{
    end_commit(NULL, true);
    end_commit("txn_commit_committing", true);
}

Test(txn_settled, a_commit_tells_the_rows_of_an_earlier_answer_when_the_last_tells_none)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    static const char late[] = "{\"Status\":\"PUBLISH_TIMEOUT\",\"NumberTotalRows\":4,"
                               "\"NumberLoadedRows\":3,\"NumberUnselectedRows\":1}";
    http_script_add(f.fe, (struct http_step){.body = late});
    fixture_answer(f.fe, "state_prepare");
    fixture_answer(f.fe, "txn_commit_again");
    T_INT_EQ(commit(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(reply.answer, MR_TXN_ALREADY_COMMITTED);
    T_INT_EQ(reply.load.rows_total, 4);
    T_INT_EQ(reply.load.rows_loaded, 3);
    T_INT_EQ(reply.load.rows_unselected, 1);
    expect_requests(&f, "CSC");
    /* The next call knows nothing of them. */
    fixture_answer(f.fe, "txn_commit_ok");
    T_INT_EQ(commit(&f, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(reply.load.rows_total, 0);
    fixture_stop(&f);
}

Test(txn_settled, rows_count_as_loaded_when_their_commit_is_told_and_not_before)
{
    struct fixture f;
    struct mr_txn_reply reply;
    struct mr_load_counts counts;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "txn_load_ok");
    fixture_answer(f.fe, "txn_commit_ok");
    f.job.label = LABEL;
    T_INT_EQ(mr_txn_load(f.loader, &f.job, NULL, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(commit(&f, &reply), MR_OUTCOME_DONE);
    mr_load_hub_counts(f.hub, &counts);
    T_INT_EQ(counts.outcomes[MR_OUTCOME_DONE], 1);
    T_INT_EQ(counts.rows, 0);
    mr_load_hub_landed(f.hub, f.body.rows, f.body.bytes);
    mr_load_hub_landed(f.hub, 2, 30);
    mr_load_hub_counts(f.hub, &counts);
    T_INT_EQ(counts.rows, 6);
    T_INT_EQ(counts.bytes, f.body.bytes + 30);
    fixture_stop(&f);
}
