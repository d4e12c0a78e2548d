/* Ending: waits and transfers end within 100 ms of a stop, and say what is not known. */
#include <stdatomic.h>
#include <string.h>

#include "load_fixture.h"
#include "millrace/base/clock.h"
#include "millrace/base/thread.h"
#include "test.h"

struct runner {
    struct fixture *f;
    _Atomic bool give_up;
    enum mr_outcome outcome;
    int64_t ended_ms;
};

static void
run(void *argument)
{
    struct runner *r = argument;
    r->outcome = mr_load_settled(r->f->loader, &r->f->job, &r->give_up, &r->f->reply);
    r->ended_ms = mr_clock_monotonic_ms();
}

/* Far above the promise of 100 ms, for machines that are busy with other things, and far below what
 * the tests would wait for if nothing ended them. */
#define SOON_MS   5000
#define PATIENT_S 60

/* Lets the job run into what the scripts hold, then stops it; returns how long it took to end. */
static int64_t
stop_in_the_middle(struct fixture *f, bool by_give_up, struct runner *r)
{
    struct mr_thread thread = {0};
    *r = (struct runner){.f = f};
    T_INT_EQ(mr_thread_start(&thread, "loader", run, r), MR_OK);
    mr_clock_sleep_ms(150);
    int64_t begin = mr_clock_monotonic_ms();
    if (by_give_up)
        atomic_store_explicit(&r->give_up, true, memory_order_relaxed);
    else
        mr_load_stop(f->hub);
    mr_thread_join(&thread);
    return r->ended_ms - begin;
}

Test(load_stop, a_transfer_that_waits_for_its_answer_ends)
{
    for (int by_give_up = 0; by_give_up < 2; by_give_up++) {
        struct fixture f;
        struct runner r;
        fixture_servers(&f);
        f.config.starrocks.load_timeout_s = PATIENT_S;
        fixture_loader(&f);
        fixture_redirect(&f);
        http_script_add(f.be, (struct http_step){.act = HTTP_STALL});
        int64_t took = stop_in_the_middle(&f, by_give_up, &r);
        T_TRUE_MSG(took <= SOON_MS, "took %lld ms", (long long)took);
        T_INT_EQ(r.outcome, MR_OUTCOME_RETRY);
        T_INT_EQ(http_script_requests(f.be), 1);
        struct mr_load_counts c;
        mr_load_hub_counts(f.hub, &c);
        T_INT_EQ(c.outcomes[MR_OUTCOME_UNKNOWN], 1);
        fixture_stop(&f);
    }
}

Test(load_stop, a_pause_between_attempts_ends)
{
    for (int by_give_up = 0; by_give_up < 2; by_give_up++) {
        struct fixture f;
        struct runner r;
        fixture_start(&f);
        f.hub->limits.pause_min_ms = f.hub->limits.pause_max_ms = PATIENT_S * 1000;
        fixture_answer(f.fe, "fe_unauthorized");
        int64_t took = stop_in_the_middle(&f, by_give_up, &r);
        T_TRUE_MSG(took <= SOON_MS, "took %lld ms", (long long)took);
        T_INT_EQ(r.outcome, MR_OUTCOME_RETRY);
        T_TRUE(strstr(f.reply.message, "Access denied") != NULL);
        fixture_stop(&f);
    }
}

Test(load_stop, waiting_for_the_state_of_a_label_ends)
{
    struct fixture f;
    struct runner r;
    fixture_start(&f);
    f.hub->limits.pause_min_ms = f.hub->limits.pause_max_ms = PATIENT_S * 1000;
    fixture_redirect(&f);
    http_script_add(f.be, (struct http_step){.act = HTTP_DROP});
    fixture_answer(f.fe, "state_prepare");
    int64_t took = stop_in_the_middle(&f, false, &r);
    T_TRUE_MSG(took <= SOON_MS, "took %lld ms", (long long)took);
    T_INT_EQ(r.outcome, MR_OUTCOME_RETRY);
    T_INT_EQ(http_script_requests(f.be), 1);
    fixture_stop(&f);
}

struct asker {
    struct fixture *f;
    _Atomic bool give_up;
    enum mr_label_state state;
    int64_t ended_ms;
};

static void
ask(void *argument)
{
    struct asker *a = argument;
    struct mr_error error;
    a->state = mr_load_label_state(a->f->loader, "orders-k7-12", &a->give_up, &error);
    a->ended_ms = mr_clock_monotonic_ms();
}

/* Asks, and gives up once `server` has got a request. Returns how long it took to end. */
static int64_t
give_up_in_the_middle(struct asker *a, struct http_script *server)
{
    struct mr_thread thread = {0};
    T_INT_EQ(mr_thread_start(&thread, "loader", ask, a), MR_OK);
    T_TRUE(http_script_wait(server, 1, SOON_MS));
    int64_t begin_ms = mr_clock_monotonic_ms();
    atomic_store_explicit(&a->give_up, true, memory_order_relaxed);
    mr_thread_join(&thread);
    return a->ended_ms - begin_ms;
}

Test(load_stop, a_question_for_a_label_that_nobody_answers_ends_when_it_is_given_up)
{
    struct fixture f;
    struct asker a = {.f = &f, .state = MR_LABEL_VISIBLE};
    fixture_start(&f);
    f.hub->limits.control_ms = PATIENT_S * 1000;
    http_script_add(f.fe, (struct http_step){.act = HTTP_STALL});
    int64_t took = give_up_in_the_middle(&a, f.fe);
    T_TRUE_MSG(took <= SOON_MS, "took %lld ms", (long long)took);
    T_INT_EQ(a.state, MR_LABEL_UNANSWERED);
    T_INT_EQ(http_script_requests(f.fe), 1);
    /* The flag is of that call alone. */
    struct mr_error error;
    fixture_answer(f.fe, "state_prepare");
    T_INT_EQ(mr_load_label_state(f.loader, "orders-k7-12", NULL, &error), MR_LABEL_PREPARE);
    fixture_stop(&f);
}

Test(load_stop, unknown_from_one_fe_is_no_answer_when_the_other_was_not_heard)
{
    struct fixture f;
    struct asker a = {.f = &f, .state = MR_LABEL_VISIBLE};
    struct mr_error error;
    char url[64];
    fixture_servers(&f);
    struct http_script *other = http_script_start();
    fixture_url(other, url);
    f.fe_items[1] = url;
    f.config.starrocks.fe.count = 2;
    fixture_loader(&f);
    f.hub->limits.control_ms = PATIENT_S * 1000;
    fixture_answer(f.fe, "state_unknown");
    http_script_add(other, (struct http_step){.act = HTTP_STALL});
    int64_t took = give_up_in_the_middle(&a, other);
    T_TRUE_MSG(took <= SOON_MS, "took %lld ms", (long long)took);
    T_INT_EQ(http_script_requests(f.fe), 1);
    T_INT_EQ(a.state, MR_LABEL_UNANSWERED);
    /* Both heard, it is one. */
    fixture_answer(f.fe, "state_unknown");
    fixture_answer(other, "state_unknown");
    T_INT_EQ(mr_load_label_state(f.loader, "orders-k7-12", NULL, &error), MR_LABEL_UNKNOWN);
    http_script_stop(&other);
    fixture_stop(&f);
}

Test(load_stop, a_stopped_loader_begins_nothing)
{
    struct fixture f;
    fixture_start(&f);
    mr_load_stop(f.hub);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_RETRY);
    T_INT_EQ(mr_load_settled(f.loader, &f.job, NULL, &f.reply), MR_OUTCOME_RETRY);
    T_INT_EQ(http_script_connections(f.fe), 0);
    fixture_stop(&f);
}

static void
load_many(void *argument)
{
    struct fixture *f = argument;
    struct mr_loader *loader;
    struct mr_load_reply reply;
    T_INT_EQ(mr_loader_new(f->hub, &loader), MR_OK);
    for (int i = 0; i < 6; i++)
        T_INT_EQ(mr_load_settled(loader, &f->job, NULL, &reply), MR_OUTCOME_DONE);
    mr_loader_free(&loader);
}

Test(load_stop, loaders_on_several_threads_share_one_hub)
{
    struct fixture f;
    struct mr_thread threads[4] = {{0}};
    fixture_start(&f);
    for (int i = 0; i < 24; i++) {
        fixture_redirect(&f);
        fixture_answer(f.be, "success");
    }
    for (int i = 0; i < 4; i++)
        T_INT_EQ(mr_thread_start(&threads[i], "loader", load_many, &f), MR_OK);
    for (int i = 0; i < 4; i++)
        mr_thread_join(&threads[i]);
    struct mr_load_counts c;
    mr_load_hub_counts(f.hub, &c);
    T_INT_EQ(c.outcomes[MR_OUTCOME_DONE], 24);
    T_INT_EQ(http_script_requests(f.be), 24);
    T_TRUE(http_script_requests(f.fe) < 12);
    fixture_stop(&f);
}
