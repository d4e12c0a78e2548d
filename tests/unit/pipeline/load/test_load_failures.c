/* One attempt that fails: which class it is, and that nothing is sent twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_fixture.h"
#include "millrace/base/clock.h"
#include "test.h"

/* One attempt at a backend that plays this step. */
static enum mr_outcome
attempt(struct fixture *f, struct http_step step)
{
    fixture_start(f);
    if (step.act == HTTP_STALL)
        fixture_hurry(f);
    fixture_redirect(f);
    http_script_add(f->be, step);
    return mr_load_once(f->loader, &f->job, &f->reply);
}

Test(load_failures, a_connection_dropped_after_the_body_is_unknown)
{
    struct fixture f;
    T_INT_EQ(attempt(&f, (struct http_step){.act = HTTP_DROP}), MR_OUTCOME_UNKNOWN);
    T_STR_EQ(f.reply.cause, "connection failed");
    T_TRUE(f.reply.message[0]);
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 0)));
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
}

Test(load_failures, a_reset_in_the_middle_of_the_body_is_unknown)
{
    struct fixture f;
    T_INT_EQ(attempt(&f, (struct http_step){.act = HTTP_RESET_BODY}), MR_OUTCOME_UNKNOWN);
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
}

Test(load_failures, a_kept_connection_that_dies_without_an_answer_is_not_sent_to_again)
{
    /* libcurl repeats a PUT on a fresh connection when a kept one dies without an answer. The body
     * of this one was read in full, so it may be loaded. */
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    fixture_answer(f.be, "success");
    http_script_add(f.be, (struct http_step){.act = HTTP_DROP});
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_UNKNOWN);
    mr_clock_sleep_ms(50); /* a second connection may have been opened: nothing was sent on it */
    T_INT_EQ(http_script_requests(f.be), 3);
    fixture_stop(&f);
}

Test(load_failures, a_kept_connection_that_is_reset_in_the_body_is_not_sent_to_again)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    fixture_answer(f.be, "success");
    http_script_add(f.be, (struct http_step){.act = HTTP_RESET_BODY});
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_UNKNOWN);
    T_INT_EQ(http_script_requests(f.be), 3);
    fixture_stop(&f);
}

Test(load_failures, a_kept_connection_that_was_closed_meanwhile_costs_nothing)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_redirect(&f);
    int status;
    char *success = strdup(fixture_reply("success", &status));
    http_script_add(f.be, (struct http_step){.body = success});
    http_script_add(f.be, (struct http_step){.body = success, .hang_up = true});
    http_script_add(f.be, (struct http_step){.body = success});
    for (int i = 0; i < 3; i++) {
        T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
        mr_clock_sleep_ms(30); /* the close arrives */
    }
    T_INT_EQ(http_script_requests(f.be), 3);
    T_INT_EQ(http_script_connections(f.be), 2);
    fixture_stop(&f);
    free(success);
}

Test(load_failures, a_backend_that_never_answers_is_unknown_after_its_own_limit_and_slack)
{
    struct fixture f;
    int64_t begin = mr_clock_monotonic_ms();
    T_INT_EQ(attempt(&f, (struct http_step){.act = HTTP_STALL}), MR_OUTCOME_UNKNOWN);
    int64_t took = mr_clock_monotonic_ms() - begin;
    T_STR_EQ(f.reply.cause, "no answer in time");
    T_TRUE_MSG(took >= 1300 && took < 4000, "took %lld ms", (long long)took);
    fixture_stop(&f);
}

Test(load_failures, a_slow_answer_inside_the_limit_counts)
{
    struct fixture f;
    int status;
    char *success = strdup(fixture_reply("success", &status));
    T_INT_EQ(attempt(&f, (struct http_step){.body = success, .delay_ms = 1100}), MR_OUTCOME_DONE);
    fixture_stop(&f);
    free(success);
}

Test(load_failures, a_backend_that_takes_no_connection_is_a_reconnect)
{
    struct fixture f;
    fixture_start(&f);
    (void)snprintf(f.be_url, sizeof f.be_url, "http://127.0.0.1:%u/x", http_script_dead_port());
    fixture_redirect(&f);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_RECONNECT);
    fixture_stop(&f);
}

Test(load_failures, an_fe_that_takes_no_connection_is_a_reconnect)
{
    struct fixture f;
    fixture_servers(&f);
    (void)snprintf(f.fe_url, sizeof f.fe_url, "http://127.0.0.1:%u", http_script_dead_port());
    fixture_loader(&f);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_RECONNECT);
    T_INT_EQ(http_script_requests(f.be), 0);
    fixture_stop(&f);
}

Test(load_failures, an_fe_that_never_answers_is_a_reconnect_in_time)
{
    struct fixture f;
    fixture_start(&f);
    fixture_hurry(&f);
    http_script_add(f.fe, (struct http_step){.act = HTTP_STALL});
    int64_t begin = mr_clock_monotonic_ms();
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_RECONNECT);
    T_TRUE(mr_clock_monotonic_ms() - begin < 20000);
    fixture_stop(&f);
}

Test(load_failures, garbage_and_huge_replies_are_unknown)
{
    static char huge[200 * 1024];
    struct fixture f;
    memset(huge, 'x', sizeof huge - 1);
    T_INT_EQ(attempt(&f, (struct http_step){.body = huge}), MR_OUTCOME_UNKNOWN);
    T_TRUE(strstr(f.reply.message, "longer than 65536 bytes") != NULL);
    T_TRUE(f.loader->text.len <= MRI_REPLY_BYTES);
    fixture_stop(&f);
    T_INT_EQ(attempt(&f, (struct http_step){.act = HTTP_RAW, .body = "\x16\x03\x01 garbage\r\n"}),
             MR_OUTCOME_UNKNOWN);
    fixture_stop(&f);
    T_INT_EQ(attempt(&f, (struct http_step){.body = "<html>"}), MR_OUTCOME_UNKNOWN);
    T_STR_EQ(f.reply.message, "<html>");
    fixture_stop(&f);
}

Test(load_failures, a_server_error_of_a_backend_is_unknown_but_one_of_an_fe_is_a_retry)
{
    struct fixture f;
    T_INT_EQ(attempt(&f, (struct http_step){.status = 500, .body = "oops"}), MR_OUTCOME_UNKNOWN);
    fixture_stop(&f);
    fixture_start(&f);
    fixture_answer(f.fe, "fe_exception");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_RETRY);
    T_STR_EQ(f.reply.message, "java.lang.NullPointerException");
    T_INT_EQ(http_script_requests(f.be), 0);
    fixture_stop(&f);
}

Test(load_failures, a_wrong_password_is_fatal_and_can_be_mended)
{
    struct fixture f;
    fixture_start(&f);
    fixture_answer(f.fe, "fe_unauthorized");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_FATAL);
    T_TRUE(f.reply.mendable);
    T_TRUE(strstr(f.reply.hint, "password") != NULL);
    T_TRUE(strstr(f.reply.message, "s3cret") == NULL);
    T_INT_EQ(http_script_requests(f.fe), 1);
    fixture_stop(&f);
}

Test(load_failures, an_fe_that_answers_like_a_backend_cannot_mean_that_rows_are_in)
{
    struct fixture f;
    fixture_start(&f);
    fixture_answer(f.fe, "success");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_FATAL);
    T_STR_EQ(f.reply.cause, "no redirect");
    T_TRUE(strstr(f.reply.hint, "8030") != NULL);
    struct mr_load_counts c;
    mr_load_hub_counts(f.hub, &c);
    T_INT_EQ(c.rows, 0);
    fixture_stop(&f);
}

Test(load_failures, an_answer_given_before_the_body_was_read_still_counts)
{
    struct fixture f;
    int status;
    char *refusal = strdup(fixture_reply("fail_access_denied", &status));
    fixture_start(&f);
    fixture_redirect(&f);
    f.loader->careful = true; /* asks with Expect, as after a failed attempt */
    http_script_add(f.be, (struct http_step){.act = HTTP_EARLY, .body = refusal});
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_FATAL);
    T_STR_EQ(f.reply.cause, "access denied");
    const char *expect = http_seen_header(http_script_seen(f.be, 0), "Expect");
    T_TRUE(expect && strcmp(expect, "100-continue") == 0);
    fixture_stop(&f);
    free(refusal);
}

Test(load_failures, a_success_said_before_the_body_was_sent_is_unknown)
{
    struct fixture f;
    int status;
    char *success = strdup(fixture_reply("success", &status));
    fixture_start(&f);
    fixture_redirect(&f);
    f.loader->careful = true;
    http_script_add(f.be, (struct http_step){.act = HTTP_EARLY, .body = success});
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_UNKNOWN);
    T_STR_EQ(f.reply.cause, "answered too early");
    struct mr_load_counts c;
    mr_load_hub_counts(f.hub, &c);
    T_INT_EQ(c.rows, 0);
    fixture_stop(&f);
    free(success);
}

Test(load_failures, a_backend_that_was_asked_with_expect_gets_the_body_after_its_100)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    f.loader->careful = true;
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_TRUE(fixture_same_body(&f, http_script_seen(f.be, 0)));
    fixture_stop(&f);
}

Test(load_failures, a_failed_backend_is_forgotten_and_an_fe_asked_again)
{
    struct fixture f;
    fixture_start(&f);
    for (int i = 0; i < 4; i++)
        fixture_redirect(&f);
    fixture_answer(f.be, "success");
    fixture_answer(f.be, "success");
    fixture_answer(f.be, "fail_shutting_down");
    fixture_answer(f.be, "success");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 2);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_RETRY);
    T_INT_EQ(http_script_requests(f.fe), 2);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 3);
    fixture_stop(&f);
}

Test(load_failures, labels_and_columns_that_would_break_the_request_are_refused_unsent)
{
    static const char *const labels[] = {"", "a b", "a\r\nX: y", "\xc3\xa4"};
    for (size_t i = 0; i < MR_ARRAY_LEN(labels); i++) {
        struct fixture f;
        fixture_start(&f);
        f.job.label = labels[i];
        T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_FATAL);
        T_INT_EQ(http_script_requests(f.fe), 0);
        fixture_stop(&f);
    }
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    f.job.columns = "`a`\r\nwhere: 1=0";
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_FATAL);
    T_INT_EQ(http_script_requests(f.be), 0);
    fixture_stop(&f);
}
