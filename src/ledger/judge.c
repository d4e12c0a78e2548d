/* What recovery found about each partition, brought to the table of decide.c. */
#include "ledger/protocol_priv.h"

/* A chain that the metadata names must have a row of this partition. */
static bool
are_chains_known(const struct mr_recovery *recovery, const struct mri_part *part)
{
    const struct mr_metadata *metadata = &part->committed.metadata;
    return part->committed.kind != MR_METADATA_OURS ||
           (mri_recovery_row(recovery, part->place, &metadata->in_force) &&
            (metadata->last.n == 0 ||
             mri_recovery_row(recovery, part->place, &metadata->last.chain)));
}

/* Least start, greatest seq, and the open rows, which are ours to close later. */
static bool
take_part_rows(struct mr_recovery *recovery, struct mri_part *part)
{
    const struct mr_registry_row *rows = recovery->rows.items;
    for (uint32_t i = 0; i < recovery->rows.count; i++) {
        if (!mri_place_equal(rows[i].place, part->place)) {
            continue;
        }
        part->least = part->least < 0 || rows[i].start < part->least ? rows[i].start : part->least;
        part->seq = rows[i].seq > part->seq ? rows[i].seq : part->seq;
        if (!rows[i].closed && !mri_list_add(&recovery->open, &rows[i], sizeof rows[i])) {
            return false;
        }
    }
    return true;
}

bool
mri_recovery_take_rows(struct mr_recovery *recovery)
{
    uint32_t open = recovery->open.count;
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        struct mri_part *part = &recovery->parts[i];
        if (!part->current) {
            continue;
        }
        part->least = -1;
        part->seq = 0;
        if (!take_part_rows(recovery, part)) {
            recovery->open.count = open;
            return false;
        }
        part->found.chains_known = are_chains_known(recovery, part);
        part->current = part->found.chains_known;
    }
    return true;
}

static void
judge_part(struct mr_recovery *recovery, struct mri_part *part)
{
    const struct mr_ledger_row *row = mri_recovery_ledger_row(recovery, part->place);
    struct mr_found *found = &part->found;
    struct mr_verdict *verdict = &part->verdict;
    unsigned overtaken = verdict->alarms & MR_ALARM_OVERTAKEN;
    found->kind = part->committed.kind;
    found->committed = part->committed.offset;
    found->start = part->committed.metadata.start;
    found->end = row ? row->end : -1;
    found->least = part->least;
    found->config_same = part->committed.metadata.config == recovery->options.config;
    found->accept_offset = recovery->options.accept_offset;
    found->rewind = recovery->options.rewind;
    verdict->place = part->place;
    verdict->committed = part->committed.offset;
    verdict->settled = found->settled;
    verdict->metadata = part->committed.metadata;
    verdict->seq = part->seq + 1;
    mr_decide(found, verdict);
    verdict->alarms |= overtaken;
    if (part->contradicted) {
        verdict->kind = MR_VERDICT_STOP;
        verdict->stop = MR_STOP_CONTRADICTION;
    }
}

bool
mri_recovery_judge(struct mr_recovery *recovery)
{
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        judge_part(recovery, &recovery->parts[i]);
        if (recovery->parts[i].verdict.kind == MR_VERDICT_ASK_TOPIC) {
            recovery->topic_at = i;
            return true;
        }
    }
    return false;
}
