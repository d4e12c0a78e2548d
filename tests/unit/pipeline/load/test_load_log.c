/* What the log says: one line a situation, one about its end, no secrets. */
#include <string.h>

#include "load_fixture.h"
#include "log_grab.h"
#include "test.h"

static enum mr_outcome
settle(struct fixture *f, struct log_grab *grab)
{
    log_grab_start(grab);
    enum mr_outcome outcome = mr_load_settled(f->loader, &f->job, NULL, &f->reply);
    log_grab_stop(grab);
    return outcome;
}

Test(load_log, a_load_that_works_is_not_mentioned)
{
    struct fixture f;
    static struct log_grab grab;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(settle(&f, &grab), MR_OUTCOME_DONE);
    T_STR_EQ(grab.text, "");
    fixture_stop(&f);
}

Test(load_log, each_situation_has_one_line_and_its_end_another)
{
    struct fixture f;
    static struct log_grab grab;
    fixture_start(&f);
    for (int i = 0; i < 6; i++)
        fixture_answer(f.fe, "fe_no_backend_alive");
    for (int i = 0; i < 6; i++)
        fixture_redirect(&f);
    for (int i = 0; i < 5; i++)
        fixture_answer(f.be, "fail_too_many_versions");
    fixture_answer(f.be, "success");
    T_INT_EQ(settle(&f, &grab), MR_OUTCOME_DONE);
    T_TRUE_MSG(log_grab_count(&grab, "load failed, retrying") == 2, "%s", grab.text);
    T_INT_EQ(log_grab_count(&grab, "no backend alive"), 1);
    T_INT_EQ(log_grab_count(&grab, "load recovered"), 1);
    T_INT_EQ(log_grab_count(&grab, "\n"), 3);
    T_TRUE(strstr(grab.text, "orders-k7-12") != NULL);
    fixture_stop(&f);
}

Test(load_log, a_lost_answer_has_one_line_that_says_what_is_done_about_it)
{
    struct fixture f;
    static struct log_grab grab;
    fixture_start(&f);
    fixture_redirect(&f);
    http_script_add(f.be, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.fe, "state_aborted");
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(settle(&f, &grab), MR_OUTCOME_DONE);
    T_INT_EQ(log_grab_count(&grab, "fate of a load is unknown, asking for its label"), 1);
    T_INT_EQ(log_grab_count(&grab, "load recovered"), 1);
    T_TRUE_MSG(log_grab_count(&grab, "\n") == 2, "%s", grab.text);
    fixture_stop(&f);
}

Test(load_log, trouble_that_lasts_is_mentioned_again)
{
    struct fixture f;
    static struct log_grab grab;
    fixture_start(&f);
    f.hub->limits.remind_ms = 0;
    for (int i = 0; i < 4; i++)
        fixture_answer(f.fe, "fe_no_backend_alive");
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(settle(&f, &grab), MR_OUTCOME_DONE);
    T_INT_EQ(log_grab_count(&grab, "load failed, retrying"), 4);
    fixture_stop(&f);
}

Test(load_log, what_a_person_must_mend_is_an_error_with_a_hint_and_without_the_password)
{
    struct fixture f;
    static struct log_grab grab;
    fixture_start(&f);
    fixture_answer(f.fe, "fe_unauthorized");
    fixture_answer(f.fe, "fe_unauthorized");
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(settle(&f, &grab), MR_OUTCOME_DONE);
    T_INT_EQ(log_grab_count(&grab, "load refused, waiting for this to be mended"), 1);
    T_TRUE(strstr(grab.text, "GRANT INSERT") != NULL);
    T_TRUE(strstr(grab.text, "s3cret") == NULL);
    T_TRUE(strstr(grab.text, "bG9hZGVyOnMzY3JldA") == NULL);
    fixture_stop(&f);
}

Test(load_log, rows_that_were_counted_otherwise_are_an_error)
{
    struct fixture f;
    static struct log_grab grab;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    f.body.rows = 5;
    T_INT_EQ(settle(&f, &grab), MR_OUTCOME_DONE);
    T_INT_EQ(log_grab_count(&grab, "another number of rows than was sent"), 1);
    fixture_stop(&f);
}
