/* From attempts to a certain outcome: labels are asked before anything is sent again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_fixture.h"
#include "millrace/base/clock.h"
#include "test.h"

/* Starts with an attempt whose answer is lost after the body arrived. */
static void
lost_answer(struct fixture *f)
{
    fixture_start(f);
    fixture_redirect(f);
    http_script_add(f->be, (struct http_step){.act = HTTP_DROP});
}

static bool
is_label_question(const struct http_seen *seen, const char *label)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/api/demo/get_load_state?label=%s", label);
    return strcmp(seen->method, "GET") == 0 && strcmp(seen->path, path) == 0 &&
           http_seen_header(seen, "Authorization") != NULL;
}

Test(load_settled, a_load_that_was_committed_before_its_answer_was_lost_is_done_and_not_resent)
{
    static const char *const states[] = {"state_visible", "state_committed"};
    for (size_t i = 0; i < MR_ARRAY_LEN(states); i++) {
        struct fixture f;
        lost_answer(&f);
        fixture_answer(f.fe, states[i]);
        T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
        T_INT_EQ(f.reply.outcome, MR_OUTCOME_DONE);
        T_INT_EQ(f.reply.visible, i == 0);
        T_INT_EQ(http_script_requests(f.be), 1);
        T_INT_EQ(http_script_requests(f.fe), 2);
        T_TRUE(is_label_question(http_script_seen(f.fe, 1), "orders-k7-12"));
        struct mr_load_counts c;
        mr_load_hub_counts(f.hub, &c);
        T_INT_EQ(c.rows, 4);
        T_INT_EQ(c.labels_asked, 1);
        fixture_stop(&f);
    }
}

Test(load_settled, an_aborted_load_is_sent_again_with_the_same_label_and_bytes)
{
    struct fixture f;
    lost_answer(&f);
    fixture_answer(f.fe, "state_aborted");
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.be), 2);
    for (unsigned i = 0; i < 2; i++) {
        T_TRUE(fixture_same_body(&f, http_script_seen(f.be, i)));
        T_STR_EQ(http_seen_header(http_script_seen(f.be, i), "label"), "orders-k7-12");
    }
    /* The question lies between the two. */
    T_TRUE(is_label_question(http_script_seen(f.fe, 1), "orders-k7-12"));
    T_TRUE(http_script_seen(f.fe, 1)->at_ms <= http_script_seen(f.be, 1)->at_ms);
    fixture_stop(&f);
}

Test(load_settled, a_running_load_is_asked_for_until_its_state_changes)
{
    struct fixture f;
    lost_answer(&f);
    fixture_answer(f.fe, "state_prepare");
    fixture_answer(f.fe, "state_prepare");
    fixture_answer(f.fe, "state_prepared");
    fixture_answer(f.fe, "state_committed");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.be), 1);
    T_INT_EQ(http_script_requests(f.fe), 5);
    fixture_stop(&f);
}

Test(load_settled, a_label_that_nobody_knows_is_sent_again_while_labels_are_kept)
{
    struct fixture f;
    lost_answer(&f);
    fixture_answer(f.fe, "state_unknown");
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.be), 2);
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 1)));
    fixture_stop(&f);
}

Test(load_settled, past_that_time_an_unknown_label_is_fatal_and_never_guessed)
{
    struct fixture f;
    lost_answer(&f);
    f.hub->limits.horizon_ms = -f.hub->load_timeout_s * 1000 - 1;
    fixture_answer(f.fe, "state_unknown");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_FATAL);
    T_TRUE(!f.reply.mendable);
    T_STR_EQ(f.reply.cause, "label forgotten");
    T_TRUE(strstr(f.reply.hint, "label_keep_max_num") != NULL);
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
}

Test(load_settled, an_older_label_that_is_still_known_proves_that_this_one_is_not_in)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    f.job.label = "orders-k7-11";
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    f.job.label = "orders-k7-12";
    f.hub->limits.horizon_ms = -f.hub->load_timeout_s * 1000 - 1;
    http_script_add(f.be, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.fe, "state_unknown");
    fixture_answer(f.fe, "state_visible");
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_TRUE(is_label_question(http_script_seen(f.fe, 2), "orders-k7-12"));
    T_TRUE(is_label_question(http_script_seen(f.fe, 3), "orders-k7-11"));
    T_INT_EQ(http_script_requests(f.be), 3);
    fixture_stop(&f);
}

Test(load_settled, a_label_that_is_not_visible_yet_is_no_witness)
{
    struct fixture f;
    char witness[MRI_LABEL_BYTES];
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "publish_timeout");
    fixture_answer(f.be, "success");
    f.job.label = "orders-k7-11";
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    mri_load_hub_witness(f.hub, witness);
    T_STR_EQ(witness, "");
    f.job.label = "orders-k7-12";
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    mri_load_hub_witness(f.hub, witness);
    T_STR_EQ(witness, "orders-k7-12");
    fixture_stop(&f);
}

Test(load_settled, an_older_label_that_is_forgotten_too_proves_nothing)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    f.job.label = "orders-k7-11";
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    f.job.label = "orders-k7-12";
    f.hub->limits.horizon_ms = -f.hub->load_timeout_s * 1000 - 1;
    http_script_add(f.be, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.fe, "state_unknown");
    fixture_answer(f.fe, "state_unknown");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_FATAL);
    T_INT_EQ(http_script_requests(f.be), 2);
    fixture_stop(&f);
}

Test(load_settled, every_fe_is_asked_before_a_label_counts_as_unknown)
{
    struct fixture f;
    static char second_url[64];
    fixture_servers(&f);
    struct http_script *second = http_script_start();
    fixture_url(second, second_url);
    f.fe_items[1] = second_url;
    f.config.starrocks.fe.count = 2;
    fixture_loader(&f);
    fixture_redirect(&f);
    http_script_add(f.be, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.fe, "state_unknown");
    fixture_answer(second, "state_visible");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(second), 1);
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
    http_script_stop(&second);
}

/* It is the leader's answer, by redirect from whichever FE was asked: with an FE that is down for
 * long, questions go on being answered. */
Test(load_settled, unknown_from_the_fe_that_answers_counts_while_another_is_down)
{
    struct fixture f;
    struct mr_error error;
    static char leader_url[64], down_url[64];
    fixture_servers(&f);
    struct http_script *leader = http_script_start();
    fixture_url(leader, leader_url);
    (void)snprintf(down_url, sizeof down_url, "http://127.0.0.1:%u", http_script_dead_port());
    f.fe_items[1] = down_url;
    f.config.starrocks.fe.count = 2;
    fixture_loader(&f);
    for (int i = 0; i < 3; i++) {
        http_script_add(f.fe, (struct http_step){.status = 307, .location = leader_url});
        fixture_answer(leader, "state_unknown");
        T_INT_EQ(mr_load_label_state(f.loader, "orders-k7-12", NULL, &error), MR_LABEL_UNKNOWN);
    }
    T_INT_EQ(http_script_requests(leader), 3);
    /* The redirect of a follower whose leader is gone is no answer. */
    http_script_add(f.fe, (struct http_step){.status = 307, .location = down_url});
    T_INT_EQ(mr_load_label_state(f.loader, "orders-k7-12", NULL, &error), MR_LABEL_UNANSWERED);
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(load_settled, a_follower_sends_the_question_on_to_an_allowed_leader_only)
{
    struct fixture f;
    static char elsewhere[96];
    lost_answer(&f);
    struct http_script *leader = http_script_start();
    static char leader_url[128];
    (void)snprintf(
        leader_url, sizeof leader_url, "http://127.0.0.1:%u/api/x", http_script_port(leader));
    (void)snprintf(
        elsewhere, sizeof elsewhere, "http://localhost:%u/api/x", http_script_port(leader));
    http_script_add(f.fe, (struct http_step){.status = 307, .location = elsewhere});
    http_script_add(f.fe, (struct http_step){.status = 307, .location = leader_url});
    fixture_answer(leader, "state_visible");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 3);
    T_INT_EQ(http_script_requests(leader), 1);
    T_TRUE(is_label_question(http_script_seen(leader, 0), "orders-k7-12"));
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(load_settled, a_label_that_runs_already_is_waited_for_and_not_replaced)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "label_exists_running");
    fixture_answer(f.fe, "state_prepare");
    fixture_answer(f.fe, "state_visible");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
}

Test(load_settled, a_label_of_an_earlier_attempt_that_is_finished_is_done)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "label_exists_finished");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 1);
    fixture_stop(&f);
}

Test(load_settled, questions_that_nobody_answers_are_asked_again)
{
    struct fixture f;
    lost_answer(&f);
    fixture_answer(f.fe, "fe_exception");
    http_script_add(f.fe, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.fe, "garbage_html");
    fixture_answer(f.fe, "fe_unauthorized");
    fixture_answer(f.fe, "state_visible");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
}

Test(load_settled, refused_rows_end_the_job_at_once)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "fail_filtered_rows");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_REJECTED);
    T_STR_EQ(f.reply.message, "too many filtered rows");
    T_INT_EQ(f.reply.rows_filtered, 1);
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
}

Test(load_settled, rows_that_the_server_counted_otherwise_are_counted_and_done)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    f.body.rows = 5; /* the reply says 4 */
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    struct mr_load_counts c;
    mr_load_hub_counts(f.hub, &c);
    T_INT_EQ(c.row_differences, 1);
    fixture_stop(&f);
}
