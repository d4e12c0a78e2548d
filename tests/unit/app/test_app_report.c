/* Probes of the status server: readiness and its reasons, /v1/status, gauges. */
#include "test.h"

#include <jansson.h>
#include <stdio.h>

#include "app_case.h"
#include "millrace/base/clock.h"

static void
open_case(struct app_case *c)
{
    const struct world_options options = {.records = 10};
    app_case_open(c, &options);
    app_case_build_script(c);
}

static void
connect_consumer(struct app_case *c)
{
    c->app->consumer_state =
        (struct mr_consumer_state){.connected = true, .joined = true, .partitions = 2};
}

static const char *
reason_of(struct app_case *c)
{
    struct mr_status_probes probes = mri_report_probes(c->app);
    const char *reason = "";
    return probes.ready(probes.context, &reason) ? "ready" : reason;
}

static json_t *
status_of(struct app_case *c)
{
    struct mr_status_probes probes = mri_report_probes(c->app);
    struct mr_text text = {.limit = 0};
    json_error_t error;
    probes.status(probes.context, &text);
    json_t *status = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &error);
    T_TRUE_MSG(status != NULL, "%s in %s", error.text, mr_text_str(&text));
    mr_text_fini(&text);
    return status;
}

Test(app_report, says_why_it_is_not_ready_one_reason_after_the_other)
{
    static struct app_case c;
    const struct mr_error trouble = {.rc = MR_TABLE, .text = "table \"events\" is missing"};
    open_case(&c);
    atomic_store(&c.app->built, false);
    T_STR_EQ(reason_of(&c), "starting");
    atomic_store(&c.app->built, true);
    T_STR_EQ(reason_of(&c), "not connected to Kafka yet");
    snprintf(c.app->consumer_state.problem, sizeof c.app->consumer_state.problem, "brokers down");
    T_STR_EQ(reason_of(&c), "brokers down");
    mri_report_trouble(c.app, &trouble);
    T_STR_EQ(reason_of(&c), "table \"events\" is missing");
    mri_report_trouble(c.app, NULL);
    connect_consumer(&c);
    c.app->consumer_state.joined = false;
    T_TRUE(strstr(reason_of(&c), "partitions") != NULL);
    c.app->consumer_state.joined = true;
    T_STR_EQ(reason_of(&c), "ready");
    app_case_close(&c);
}

Test(app_report, is_not_ready_when_the_oldest_unit_waits_for_too_long)
{
    static struct app_case c;
    open_case(&c);
    connect_consumer(&c);
    struct mr_unit *unit = app_case_unit(&c);
    mri_land(c.app, unit);
    T_STR_EQ(reason_of(&c), "ready");
    unit->sealed_ms -= 60000;
    T_TRUE_MSG(strstr(reason_of(&c), "StarRocks") != NULL, "%s", reason_of(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, app_case_landed);
    T_STR_EQ(reason_of(&c), "ready");
    app_case_join_loaders(&c);
    app_case_close(&c);
}

Test(app_report, a_unit_that_waits_behind_others_that_go_in_is_no_stall)
{
    static struct app_case c;
    open_case(&c);
    connect_consumer(&c);
    struct mr_unit *unit = app_case_unit(&c);
    mri_land(c.app, unit);
    unit->sealed_ms -= 60000;
    c.app->visible_at_ms = mr_clock_monotonic_ms() - 2000;
    T_STR_EQ(reason_of(&c), "ready");
    struct mr_status_probes probes = mri_report_probes(c.app);
    probes.refresh(probes.context);
    double age_s = mr_metrics_get(c.app->metrics, MR_M_VISIBLE);
    T_TRUE_MSG(age_s >= 2 && age_s < 30, "%f", age_s);
    c.app->visible_at_ms -= 60000;
    T_TRUE_MSG(strstr(reason_of(&c), "StarRocks") != NULL, "%s", reason_of(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, app_case_landed);
    probes.refresh(probes.context);
    T_TRUE(mr_metrics_get(c.app->metrics, MR_M_VISIBLE) < 0.001);
    app_case_join_loaders(&c);
    app_case_close(&c);
}

Test(app_report, status_is_json_whatever_the_reason_holds)
{
    static struct app_case c;
    struct mr_error trouble = {.rc = MR_KAFKA};
    open_case(&c);
    for (unsigned i = 1; i < 256; i++)
        trouble.text[i - 1] = (char)i;
    mri_report_trouble(c.app, &trouble);
    json_t *status = status_of(&c);
    const char *reason = json_string_value(json_object_get(status, "reason"));
    T_TRUE(reason && memcmp(reason, "\x01\x02\x03", 3) == 0 && strchr(reason, '"') &&
           strchr(reason, '\\'));
    T_TRUE(json_is_false(json_object_get(status, "ready")));
    json_decref(status);
    app_case_close(&c);
}

Test(app_report, status_is_json_before_anything_is_built)
{
    static struct app_case c;
    open_case(&c);
    atomic_store(&c.app->built, false);
    json_t *status = status_of(&c);
    T_STR_EQ(json_string_value(json_object_get(status, "reason")), "starting");
    json_decref(status);
    app_case_close(&c);
}

static double
number_in(const json_t *status, const char *object, const char *name)
{
    const json_t *value = json_object_get(json_object_get(status, object), name);
    T_TRUE_MSG(json_is_number(value), "%s.%s", object, name);
    return json_number_value(value);
}

Test(app_report, status_and_metrics_say_what_landed_and_what_is_in_use)
{
    static struct app_case c;
    open_case(&c);
    connect_consumer(&c);
    c.app->consumer_state.lag_records = 40;
    c.app->newest_record_us = mr_clock_wall_us() - 5000000;
    for (int i = 0; i < 2; i++)
        mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, app_case_landed);
    struct mr_unit *open = NULL;
    T_INT_EQ(mri_unit_open(c.app, &open), MR_OK);
    json_t *status = status_of(&c);
    T_STR_EQ(json_string_value(json_object_get(status, "pipeline")), "world");
    T_STR_EQ(json_string_value(json_object_get(status, "chain")), c.app->chain);
    T_TRUE(json_is_true(json_object_get(status, "ready")));
    T_INT_EQ(number_in(status, "records", "loaded"), 20);
    T_INT_EQ(number_in(status, "records", "committed"), 0);
    T_INT_EQ(number_in(status, "units", "open"), 1);
    T_INT_EQ(number_in(status, "units", "loaded"), 2);
    T_INT_EQ(number_in(status, "kafka", "partitions"), 2);
    T_INT_EQ(number_in(status, "kafka", "lag_records"), 40);
    T_INT_EQ(number_in(status, "memory", "used"), mr_budget_used(&c.app->budget));
    T_INT_EQ(number_in(status, "memory", "promised"), mr_budget_promised(&c.app->budget));
    json_decref(status);
    struct mr_status_probes probes = mri_report_probes(c.app);
    for (int i = 0; i < 2; i++) /* sums are carried over once, not at each look */
        probes.refresh(probes.context);
    T_INT_EQ(app_case_metric(&c, MR_M_LOAD_DONE), 6);
    T_INT_EQ(app_case_metric(&c, MR_M_UNITS_OPEN), 1);
    T_INT_EQ(app_case_metric(&c, MR_M_UNITS_LOADED), 2);
    T_INT_EQ(app_case_metric(&c, MR_M_LAG), 40);
    T_TRUE(app_case_metric(&c, MR_M_LAG_SECONDS) >= 5 && app_case_metric(&c, MR_M_LAG_SECONDS) < 60);
    T_INT_EQ(app_case_metric(&c, MR_M_READY), 1);
    T_INT_EQ(app_case_metric(&c, MR_M_MEMORY_LIMIT), c.world.config.memory);
    T_INT_EQ(app_case_metric(&c, MR_M_MEMORY_USED), mr_budget_used(&c.app->budget));
    mri_unit_free(c.app, &open);
    app_case_join_loaders(&c);
    app_case_close(&c);
}
