/* Outages are not errors of ours: the client reconnects by itself. They are told once when they
 * begin, again after growing pauses while they last, and once when they end. */
#include <stdio.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "pipeline/consume/consume_priv.h"

#define PAUSE_FIRST_MS 10000
#define PAUSE_MOST_MS  300000

static bool
is_same(const struct mri_problem *problem, enum mri_problem_kind kind, rd_kafka_resp_err_t code)
{
    return problem->kind == kind && problem->code == code;
}

void
mri_problem_note(struct mri_problem *problem,
                 enum mri_problem_kind kind,
                 rd_kafka_resp_err_t code,
                 const char *text)
{
    int64_t now = mr_clock_monotonic_ms();
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && problem->kind == MRI_PROBLEM_BROKER) {
        problem->last_ms = now; /* the reason that came before says more */
        return;
    }
    if (!is_same(problem, kind, code)) {
        problem->since_ms = problem->kind == MRI_PROBLEM_NONE ? now : problem->since_ms;
        problem->kind = kind;
        problem->code = code;
        problem->pause_ms = PAUSE_FIRST_MS;
        problem->next_log_ms = now;
    }
    problem->last_ms = now;
    snprintf(problem->text, sizeof problem->text, "%s", text);
    if (now >= problem->next_log_ms) {
        mr_log(MR_LOG_WARN,
               "consume",
               "kafka has a problem, trying on",
               MR_STR("code", rd_kafka_err2name(code)),
               MR_STR("reason", problem->text));
        problem->next_log_ms = now + problem->pause_ms;
        problem->pause_ms *= 2;
        problem->pause_ms = problem->pause_ms > PAUSE_MOST_MS ? PAUSE_MOST_MS : problem->pause_ms;
    }
}

void
mri_problem_end(struct mri_problem *problem, enum mri_problem_kind kind)
{
    if (problem->kind == MRI_PROBLEM_NONE || problem->kind != kind) {
        return;
    }
    mr_log(MR_LOG_INFO,
           "consume",
           "kafka works again",
           MR_INT("after_ms", mr_clock_monotonic_ms() - problem->since_ms),
           MR_STR("code", rd_kafka_err2name(problem->code)));
    *problem = (struct mri_problem){0};
}
