/* Names of rejects and outcomes; sums of spans. */
#include "millrace/base/attr.h"
#include "millrace/model/event.h"
#include "millrace/model/outcome.h"
#include "millrace/model/totals.h"

const char *
mr_reject_name(enum mr_reject reject)
{
    static const char *const names[MR_REJECT_COUNT] = {
        [MR_REJECT_NONE] = "",
#define X(name) [MR_REJECT_##name] = #name,
        MR_REJECTS(X)
#undef X
    };
    return (unsigned)reject < MR_REJECT_COUNT ? names[reject] : "";
}

const char *
mr_outcome_name(enum mr_outcome outcome)
{
    static const char *const names[] = {"done",     "retry",   "reconnect",
                                        "rejected", "unknown", "fatal"};
    return (unsigned)outcome < MR_ARRAY_LEN(names) ? names[outcome] : "";
}

static void
add_totals(struct mr_totals *to, const struct mr_totals *add)
{
    to->consumed += add->consumed;
    to->detail += add->detail;
    to->quarantined += add->quarantined;
    to->filtered += add->filtered;
    to->late += add->late;
    to->tombstones += add->tombstones;
    for (unsigned i = 0; i < MR_MAX_ROLLUPS; i++)
        to->rollups[i] += add->rollups[i];
}

void
mr_span_add(struct mr_span *to, const struct mr_span *add)
{
    if (add->start < to->start)
        to->start = add->start;
    if (add->end > to->end)
        to->end = add->end;
    if (add->event_time_us > to->event_time_us)
        to->event_time_us = add->event_time_us;
    add_totals(&to->totals, &add->totals);
}
