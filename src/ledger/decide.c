/* The table of recovery: what Kafka and the sink say about one partition → where to start. */
#include "millrace/protocol.h"

#include <inttypes.h>
#include <string.h>

#include "millrace/base/assert.h"

const char *
mr_stop_text(enum mr_stop stop)
{
    static const char *const texts[] = {
#define X(name, text, hint) [MR_STOP_##name] = text,
#include "millrace/protocol_stops.def"
#undef X
    };
    MR_REQUIRE((size_t)stop < MR_ARRAY_LEN(texts));
    return texts[stop];
}

const char *
mr_stop_hint(enum mr_stop stop)
{
    static const char *const hints[] = {
#define X(name, text, hint) [MR_STOP_##name] = hint,
#include "millrace/protocol_stops.def"
#undef X
    };
    MR_REQUIRE((size_t)stop < MR_ARRAY_LEN(hints));
    return hints[stop];
}

static void
start_at(struct mr_verdict *verdict, int64_t start, unsigned alarms)
{
    verdict->kind = MR_VERDICT_START;
    verdict->start = start;
    verdict->end = start;
    verdict->alarms |= alarms;
}

static void
replay(struct mr_verdict *verdict, enum mr_verdict_kind kind, int64_t start, int64_t end)
{
    verdict->kind = kind;
    verdict->start = start;
    verdict->end = end;
}

static void
stop_for(struct mr_verdict *verdict, enum mr_stop stop)
{
    verdict->kind = MR_VERDICT_STOP;
    verdict->stop = stop;
}

/* Where the sink ends; -1: it does not know the partition. */
static int64_t
sink_end(const struct mr_found *found)
{
    return found->end >= 0 ? found->end : found->least;
}

/* Something is known in the sink, nothing in Kafka: brokers drop the offsets of a deleted topic. */
static void
decide_without_offset(const struct mr_found *found, struct mr_verdict *verdict)
{
    int64_t end = sink_end(found);
    if (end < 0) {
        verdict->kind = MR_VERDICT_FIRST;
    } else if (found->topic == MR_TOPIC_SAME || found->rewind) {
        start_at(verdict, end, MR_ALARM_NO_OFFSET | (found->rewind ? MR_ALARM_OPERATOR : 0));
    } else if (found->topic == MR_TOPIC_IN_DOUBT) {
        stop_for(verdict, MR_STOP_TOPIC);
    } else {
        verdict->kind = MR_VERDICT_ASK_TOPIC;
    }
}

/* An offset that is not ours: never followed silently, not even where it equals the ledger's end.
 */
static void
decide_foreign(const struct mr_found *found, struct mr_verdict *verdict)
{
    if (found->accept_offset) {
        start_at(verdict, found->committed, MR_ALARM_OPERATOR);
    } else if (found->rewind && sink_end(found) >= 0) {
        start_at(verdict, sink_end(found), MR_ALARM_OPERATOR);
    } else {
        stop_for(verdict, MR_STOP_NO_METADATA);
    }
}

/* The unit is in some tables; its incompleteness ends with the chain that came to know of it. */
static bool
is_still_incomplete(const struct mr_incomplete *unit)
{
    return unit->any && !unit->covered && unit->seq >= unit->seq_ledger &&
           unit->seq >= unit->seq_last;
}

/* start <= end < committed, and the unit is PARTIAL. */
static void
decide_partial(const struct mr_found *found, int64_t end, struct mr_verdict *verdict)
{
    if (end != found->start) {
        stop_for(verdict, MR_STOP_PARTIAL_RANGE);
    } else if (!found->config_same) {
        stop_for(verdict, MR_STOP_PARTIAL_CONFIG);
    } else {
        replay(verdict, MR_VERDICT_REPLAY_PARTIAL, end, found->committed);
    }
}

static void
decide_behind(const struct mr_found *found, int64_t end, struct mr_verdict *verdict)
{
    if (end < found->start) {
        stop_for(verdict, MR_STOP_RESTORED);
        return;
    }
    switch (found->settled) { /* GCOV: no other end */
    case MR_SETTLED_NOT_COMMITTED:
        replay(verdict, MR_VERDICT_REPLAY, end, found->committed);
        verdict->alarms |= end > found->start ? MR_ALARM_REPLAY_AHEAD : 0;
        break;
    case MR_SETTLED_PARTIAL:
        decide_partial(found, end, verdict);
        break;
    case MR_SETTLED_UNKNOWN:
        stop_for(verdict, MR_STOP_FORGOTTEN);
        break;
    case MR_SETTLED_NONE:
    case MR_SETTLED_COMMITTED:
        stop_for(verdict, MR_STOP_RESTORED);
        break;
    }
}

static void
decide_ours(const struct mr_found *found, struct mr_verdict *verdict)
{
    int64_t end = sink_end(found);
    if (!found->chains_known) {
        stop_for(verdict, MR_STOP_CHAIN);
    } else if (is_still_incomplete(&found->incomplete)) {
        stop_for(verdict, MR_STOP_INCOMPLETE);
    } else if (end >= found->committed) {
        start_at(verdict, end, end > found->committed ? MR_ALARM_AHEAD : 0);
    } else {
        decide_behind(found, end, verdict);
    }
}

/* F14: only a range that the sink lost is the operator's to read again. */
static void
rewind_if_told(const struct mr_found *found, struct mr_verdict *verdict)
{
    bool lost = verdict->kind == MR_VERDICT_STOP &&
                (verdict->stop == MR_STOP_RESTORED || verdict->stop == MR_STOP_CHAIN);
    if (found->rewind && lost && sink_end(found) >= 0) {
        verdict->stop = MR_STOP_NONE;
        start_at(verdict, sink_end(found), MR_ALARM_OPERATOR);
    }
}

void
mr_decide(const struct mr_found *found, struct mr_verdict *ret_verdict)
{
    ret_verdict->stop = MR_STOP_NONE;
    ret_verdict->start = sink_end(found);
    ret_verdict->end = found->committed;
    ret_verdict->alarms = 0;
    if (found->committed < 0) {
        decide_without_offset(found, ret_verdict);
        return;
    }
    switch (found->kind) { /* GCOV: no other kind */
    case MR_METADATA_OURS:
        decide_ours(found, ret_verdict);
        rewind_if_told(found, ret_verdict);
        break;
    case MR_METADATA_NONE:
    case MR_METADATA_FOREIGN:
        decide_foreign(found, ret_verdict);
        break;
    case MR_METADATA_NEWER:
        stop_for(ret_verdict, MR_STOP_NEWER);
        break;
    case MR_METADATA_OTHER_PIPELINE:
        stop_for(ret_verdict, MR_STOP_OTHER_PIPELINE);
        break;
    case MR_METADATA_CORRUPT:
    case MR_METADATA_TOO_LONG:
        stop_for(ret_verdict, MR_STOP_CORRUPT);
        break;
    }
}

void
mr_verdict_explain(const struct mr_verdict *verdict, const char *topic, struct mr_error *ret_error)
{
    static const char *const settled[MR_SETTLED_COUNT] = {
        [MR_SETTLED_NONE] = "no unit",
        [MR_SETTLED_COMMITTED] = "committed",
        [MR_SETTLED_NOT_COMMITTED] = "not committed",
        [MR_SETTLED_PARTIAL] = "committed in part",
        [MR_SETTLED_UNKNOWN] = "unknown",
    };
    const struct mr_unit_name *last = &verdict->metadata.last;
    (void)mr_error_set(ret_error,
                       MR_STOPPED,
                       "topic \"%s\" partition %" PRId32 ": stopped, %s; sink ends at %" PRId64
                       ", committed %" PRId64 ", last unit %s-%" PRIu64 " from %" PRId64 " is %s",
                       topic,
                       verdict->place.partition,
                       mr_stop_text(verdict->stop),
                       verdict->start,
                       verdict->committed,
                       mr_chain_is_none(&last->chain) ? "-" : last->chain.text,
                       last->n,
                       verdict->metadata.start,
                       settled[verdict->settled]);
    mr_error_hint(ret_error, "%s", mr_stop_hint(verdict->stop));
}
