/* Continuity: offsets that did not come.
 *
 * A log may lack offsets (compaction, transaction markers, aborted records), but a client may also have
 * skipped records. So a gap is believed when two fetches show it, the second from the position anew; from
 * then on, and until the next assignment, its topic is known to have gaps. The end of the log is looked
 * at like a record: it shows a tail that is missing. Records that came and could not be read (checksum,
 * format) are never a gap: the client tries them again or goes on somewhere behind them, and either way
 * says so. */
#include <inttypes.h>

#include "millrace/base/log.h"
#include "pipeline/consume/consume_priv.h"

#define REFUSALS  3   /* errors at one position, before the consumer stops, */
#define REFUSE_MS 200 /* so far apart: one answer may bring several, a broken connection as well */

enum mri_gap_verdict
mri_gap_see(int64_t position,
            struct mri_gap *gap,
            const struct mri_gap_look *look,
            int64_t *ret_found)
{
    int64_t before = gap->to;
    *ret_found = 0;
    if (look->offset > position && gap->unreadable) {
        gap->unreadable = false;
        gap->to = -1;
        return MRI_GAP_AGAIN;
    }
    bool shorter = before >= 0 && look->offset < before;
    if (shorter && !look->end && look->offset >= position) {
        *ret_found = before - look->offset;
    }
    if (look->offset > position && !look->known && (before < 0 || shorter)) {
        gap->to = look->offset;
        return MRI_GAP_AGAIN;
    }
    *gap = (struct mri_gap){.to = -1};
    return look->offset > position ? MRI_GAP_REAL : MRI_GAP_NONE;
}

bool
mri_gap_refuse(struct mri_gap *gap, rd_kafka_resp_err_t code, int64_t now_ms)
{
    if (code != RD_KAFKA_RESP_ERR__BAD_MSG && code != RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED &&
        code != RD_KAFKA_RESP_ERR__BAD_COMPRESSION) {
        return false;
    }
    gap->unreadable = true;
    if (gap->refused == 0 || now_ms - gap->refused_ms >= REFUSE_MS) {
        gap->refused++;
        gap->refused_ms = now_ms;
    }
    return gap->refused >= REFUSALS;
}

static void
log_gap(enum mr_log_level level,
        const char *text,
        const char *topic,
        const struct mri_slot *slot,
        int64_t from,
        int64_t to)
{
    mr_log(level,
           "consume",
           text,
           MR_STR("topic", topic),
           MR_INT("partition", slot->partition),
           MR_INT("from", from),
           MR_INT("to", to));
}

/* Counted, told once a topic and assignment; a replay goes to its end and no further. */
static void
pass_over(struct mr_consumer *consumer, struct mri_slot *slot, int64_t offset)
{
    bool *known = &consumer->topic_has_gaps[slot->topic];
    if (!*known) {
        log_gap(MR_LOG_INFO,
                "a log has no records at some offsets (compaction or transactions), further gaps "
                "of this topic are believed until the next assignment",
                mri_consume_topic_name(consumer, slot->topic),
                slot,
                slot->position,
                offset);
    }
    *known = true;
    int64_t to = slot->until >= 0 && slot->until < offset ? slot->until : offset;
    consumer->gap_offsets += to - slot->position;
    slot->position = to;
}

void
mri_gap_stop(struct mr_consumer *consumer, const struct mri_slot *slot)
{
    consumer->stop.rc = mr_error_set(&consumer->stop.error,
                                     MR_STOPPED,
                                     "topic \"%s\" partition %" PRId32
                                     ": records at offset %" PRId64
                                     " and behind it cannot be read: wrong checksum, unknown "
                                     "compression or format",
                                     mri_consume_topic_name(consumer, slot->topic),
                                     slot->partition,
                                     slot->position);
    mr_error_hint(&consumer->stop.error,
                  "the broker's copy may be damaged: move the partition to another replica, or "
                  "decide where to go on, and set the group's offsets there");
}

bool
mri_gap_pass(struct mr_consumer *consumer, struct mri_slot *slot, int64_t offset, bool end)
{
    const struct mri_gap *gap = &slot->gap;
    if (offset == slot->position && gap->to < 0 && !gap->unreadable && !gap->refused) {
        return true; /* nearly always */
    }
    struct mri_gap_look look = {offset, end, consumer->topic_has_gaps[slot->topic]};
    int64_t found = 0;
    enum mri_gap_verdict verdict = mri_gap_see(slot->position, &slot->gap, &look, &found);
    if (found > 0) {
        consumer->skipped += found;
        log_gap(MR_LOG_WARN,
                "the client had skipped offsets, they are read again",
                mri_consume_topic_name(consumer, slot->topic),
                slot,
                offset,
                offset + found);
    }
    if (verdict == MRI_GAP_REAL) {
        pass_over(consumer, slot, offset);
    }
    consumer->again = consumer->again || verdict == MRI_GAP_AGAIN;
    return verdict == MRI_GAP_NONE || verdict == MRI_GAP_REAL;
}

void
mri_gap_go_back(struct mr_consumer *consumer)
{
    /* After a loss the revocation is on its way. Under a commit without an answer, unassigning would
     * stop the heartbeats. */
    if (!consumer->again || rd_kafka_assignment_lost(consumer->rk) ||
        !mri_consume_settle(consumer, 0)) {
        return;
    }
    consumer->again = false;
    mri_consume_refetch(consumer);
    mr_log(MR_LOG_DEBUG, "consume", "offsets are missing, reading again from the positions");
}
