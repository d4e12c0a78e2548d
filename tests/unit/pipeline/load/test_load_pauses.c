/* What is waited for and what is not, and for how long. */
#include <stdio.h>

#include "load_fixture.h"
#include "millrace/base/clock.h"
#include "test.h"

Test(load_pauses, back_pressure_is_waited_out_with_the_same_label)
{
    struct fixture f;
    fixture_start(&f);
    for (int i = 0; i < 4; i++)
        fixture_redirect(&f);
    fixture_answer(f.be, "fail_too_many_versions");
    fixture_answer(f.be, "fail_running_txns");
    fixture_answer(f.be, "fail_write_lock");
    fixture_answer(f.be, "success");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.be), 4);
    T_STR_EQ(http_seen_header(http_script_seen(f.be, 3), "label"), "orders-k7-12");
    fixture_stop(&f);
}

Test(load_pauses, what_an_operator_can_mend_is_waited_for)
{
    struct fixture f;
    fixture_start(&f);
    fixture_answer(f.fe, "fe_unauthorized");
    fixture_answer(f.fe, "fe_unknown_table");
    fixture_answer(f.fe, "fe_unauthorized");
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 4);
    fixture_stop(&f);
}

Test(load_pauses, what_waiting_cannot_mend_is_fatal_at_once)
{
    struct fixture f;
    fixture_start(&f);
    (void)snprintf(f.be_url, sizeof f.be_url, "http://localhost:%u/x", http_script_port(f.be));
    fixture_redirect(&f);
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_FATAL);
    T_INT_EQ(http_script_requests(f.fe), 1);
    fixture_stop(&f);
}

Test(load_pauses, a_dead_fe_is_passed_over_without_a_pause)
{
    struct fixture f;
    static char dead[64];
    fixture_servers(&f);
    (void)snprintf(dead, sizeof dead, "http://127.0.0.1:%u", http_script_dead_port());
    f.fe_items[0] = dead;
    f.fe_items[1] = f.fe_url;
    f.config.starrocks.fe.count = 2;
    fixture_loader(&f);
    f.hub->limits.pause_min_ms = f.hub->limits.pause_max_ms = 60000;
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    int64_t begin = mr_clock_monotonic_ms();
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_TRUE(mr_clock_monotonic_ms() - begin < 20000);
    fixture_stop(&f);
}

Test(load_pauses, a_dead_backend_is_passed_over_by_asking_the_fe_again)
{
    struct fixture f;
    static char dead[64];
    fixture_start(&f);
    f.hub->limits.pause_min_ms = f.hub->limits.pause_max_ms = 60000;
    (void)snprintf(dead, sizeof dead, "http://127.0.0.1:%u/x", http_script_dead_port());
    http_script_add(f.fe, (struct http_step){.status = 307, .location = dead});
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    int64_t begin = mr_clock_monotonic_ms();
    T_INT_EQ(fixture_settle(&f), MR_OUTCOME_DONE);
    T_TRUE(mr_clock_monotonic_ms() - begin < 20000);
    fixture_stop(&f);
}

Test(load_pauses, pauses_grow_from_100_ms_to_30_s_and_are_spread)
{
    struct fixture f;
    fixture_start(&f);
    f.hub->limits.pause_min_ms = 100;
    f.hub->limits.pause_max_ms = 30000;
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 200; i++) {
        int64_t first = mri_load_backoff_ms(f.loader, 1), third = mri_load_backoff_ms(f.loader, 3);
        int64_t late = mri_load_backoff_ms(f.loader, 1000000);
        T_TRUE(first >= 50 && first <= 100);
        T_TRUE(third >= 200 && third <= 400);
        T_TRUE(late >= 15000 && late <= 30000);
        least = late < least ? late : least;
        most = late > most ? late : most;
    }
    T_TRUE(most - least > 5000);
    fixture_stop(&f);
}
