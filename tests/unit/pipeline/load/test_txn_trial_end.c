/* Trials whose rollback is not confirmed, and those that are given up. */
#include <pthread.h>

#include "millrace/base/clock.h"
#include "trial_case.h"

static const char unknown_label[] = "{\"state\":\"UNKNOWN\",\"status\":\"OK\",\"msg\":\"Success\"}";
static const char prepare_state[] = "{\"state\":\"PREPARE\",\"status\":\"OK\",\"msg\":\"Success\"}";

Test(txn_trial_end, a_missing_transaction_is_rolled_back_only_when_its_label_is_unknown_too)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    redirects(&f, 1);
    http_script_add(f.be, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.fe, "txn_missing_coordinator");
    http_script_add(f.fe, (struct http_step){.body = prepare_state});
    fixture_answer(f.fe, "txn_missing_single");
    http_script_add(f.fe, (struct http_step){.body = unknown_label});
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_UNKNOWN);
    T_TRUE(!reply.left_open);
    expect_requests(f.fe, "BRSRS");
    fixture_stop(&f);
}

Test(txn_trial_end, a_rollback_that_is_never_confirmed_is_told_and_changes_no_outcome)
{
    struct fixture f;
    struct mr_txn_reply reply;
    fixture_start(&f);
    redirects(&f, 3);
    for (int i = 0; i < 7; i++)
        http_script_add(f.fe, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.be, "txn_begin_ok");
    fixture_answer(f.be, "txn_load_ok");
    http_script_add(f.be, (struct http_step){.body = prepared});
    T_INT_EQ(trial(&f, NULL, &reply), MR_OUTCOME_DONE);
    T_TRUE(reply.left_open);
    T_TRUE(strstr(reply.load.hint, "60 s") != NULL);
    expect_requests(f.fe, "BLPRRRRRRR");
    fixture_stop(&f);
}

Test(txn_trial_end, a_trial_that_is_given_up_before_it_began_sends_nothing)
{
    struct fixture f;
    struct mr_txn_reply reply;
    _Atomic bool give_up = true;
    fixture_start(&f);
    T_INT_EQ(trial(&f, &give_up, &reply), MR_OUTCOME_RETRY);
    T_STR_EQ(reply.load.cause, "stopped");
    T_TRUE(!reply.left_open);
    expect_requests(f.fe, "");
    fixture_stop(&f);
}

struct later {
    _Atomic bool give_up;
    struct http_script *be;
    unsigned requests;
    int64_t at_ms;
};

static void *
give_up_later(void *argument)
{
    struct later *later = argument;
    T_TRUE(http_script_wait(later->be, later->requests, 5000));
    later->at_ms = mr_clock_monotonic_ms();
    atomic_store(&later->give_up, true);
    return NULL;
}

Test(txn_trial_end, a_trial_that_is_given_up_in_a_call_ends_at_once_and_is_left_to_its_timeout)
{
    for (unsigned call = 1; call <= 3; call++) {
        struct fixture f;
        struct mr_txn_reply reply;
        pthread_t thread;
        fixture_start(&f);
        f.hub->limits.control_ms = f.hub->limits.body_slack_ms = 60000;
        redirects(&f, (int)call);
        if (call > 1)
            fixture_answer(f.be, "txn_begin_ok");
        if (call > 2)
            fixture_answer(f.be, "txn_load_ok");
        http_script_add(f.be, (struct http_step){.act = HTTP_STALL});
        struct later later = {.be = f.be, .requests = call};
        T_INT_EQ(pthread_create(&thread, NULL, give_up_later, &later), 0);
        T_INT_EQ(trial(&f, &later.give_up, &reply), MR_OUTCOME_UNKNOWN);
        T_INT_EQ(pthread_join(thread, NULL), 0);
        T_TRUE(mr_clock_monotonic_ms() - later.at_ms < 20000);
        T_TRUE(reply.left_open);
        T_INT_EQ(http_script_requests(f.fe), call);
        fixture_stop(&f);
    }
}
