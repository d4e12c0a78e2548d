/* Trouble: what stands in the way of one call. Pauses between its attempts, and log lines: one when
 * the situation changes, reminders, one when it is over. */
#include <string.h>

#include "millrace/base/clock.h"
#include "pipeline/load/load_priv.h"

void
mri_trouble_log(const struct mri_trouble *t, enum mr_log_level level, const char *sentence)
{
    const struct mr_load_reply *reply = t->reply;
    mr_log(level,
           "load",
           sentence,
           MR_STR("table", t->table),
           MR_STR("label", t->label),
           MR_STR("outcome", mr_outcome_name(reply->outcome)),
           MR_STR("cause", reply->cause),
           MR_STR("message", reply->message),
           MR_INT("attempts", t->attempts),
           MR_INT("seconds", (mr_clock_monotonic_ms() - t->begin_ms) / 1000),
           MR_STR("hint", reply->hint));
}

void
mri_trouble_note(struct mri_trouble *t, enum mr_outcome outcome)
{
    int64_t now = mr_clock_monotonic_ms();
    bool same = t->cause && strcmp(t->cause, t->reply->cause) == 0 && t->outcome == outcome;
    if (same && now - t->logged_ms < t->loader->hub->limits.remind_ms)
        return;
    t->cause = t->reply->cause;
    t->outcome = outcome;
    t->logged_ms = now;
    t->reply->outcome = outcome;
    if (outcome == MR_OUTCOME_FATAL)
        mri_trouble_log(t, MR_LOG_ERROR, t->say->refused);
    else if (outcome == MR_OUTCOME_UNKNOWN)
        mri_trouble_log(t, MR_LOG_WARN, t->say->unknown);
    else
        mri_trouble_log(t, MR_LOG_WARN, t->say->failed);
}

void
mri_trouble_pause(struct mri_trouble *t)
{
    t->failures++;
    mri_load_pause(t->loader, mri_load_backoff_ms(t->loader, t->failures));
}

void
mri_trouble_wait(struct mri_trouble *t, enum mr_outcome outcome)
{
    mri_trouble_note(t, outcome);
    if (outcome == MR_OUTCOME_RECONNECT && t->reconnects < mri_load_hub_hosts(t->loader->hub)) {
        t->reconnects++;
        return;
    }
    t->reconnects = 0;
    mri_trouble_pause(t);
}

enum mr_outcome
mri_trouble_finish(struct mri_trouble *t, enum mr_outcome outcome)
{
    t->reply->outcome = outcome;
    if (outcome == MR_OUTCOME_DONE && t->cause)
        mr_log(MR_LOG_INFO,
               "load",
               t->say->recovered,
               MR_STR("table", t->table),
               MR_STR("label", t->label),
               MR_STR("cause", t->cause),
               MR_INT("attempts", t->attempts),
               MR_INT("ms", mr_clock_monotonic_ms() - t->begin_ms));
    return outcome;
}
