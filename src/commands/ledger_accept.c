/* millrace ledger accept-reset: an operator's word on where partitions go on that would stop.
 *
 * It acts at once, and on the state itself, so that it can be neither forgotten nor repeated: after
 * it offset, ledger row and registry row of the partition say the same place under a chain of their
 * own, as if a run had announced itself there.
 * 1. Kafka: the offset, with our metadata that names the new chain. A broker takes it from us only
 * while the group has no members. From here on a run stops, for the registry does not know the
 * chain. 2. The fence: no unit comes in later and replaces the row.
 * 3. Sink: the ledger row ends there (not with --rewind: it does already). 4. The registry row.
 * After a crash in between the partition still stops, and the command goes on where it was: what it
 * finds then is an offset of ours without a unit. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_priv.h"
#include "millrace/base/clock.h"

struct acceptance {
    struct mr_chain chain;
    uint32_t count; /* of each list */
    struct mr_offset *offsets;
    struct mr_registry_row *rows;
    struct mri_ledger_end *ends;
};

static bool
is_lost(const struct mri_ledger_part *part)
{
    return part->verdict.kind == MR_VERDICT_STOP &&
           (part->verdict.stop == MR_STOP_CHAIN || part->verdict.stop == MR_STOP_RESTORED);
}

/* An offset that is not ours, or one that this command wrote before it was interrupted. */
static bool
may_accept(const struct mri_ledger_part *part)
{
    bool foreign =
        part->verdict.kind == MR_VERDICT_STOP && part->verdict.stop == MR_STOP_NO_METADATA;
    return part->asked && part->offset.offset >= 0 &&
           (foreign || (is_lost(part) && part->metadata.last.n == 0));
}

static bool
may_rewind(const struct mri_ledger_part *part)
{
    bool stops = part->verdict.kind == MR_VERDICT_STOP &&
                 (part->verdict.stop == MR_STOP_NO_METADATA || part->verdict.stop == MR_STOP_TOPIC);
    return part->asked && mri_ledger_sink_end(part) >= 0 && (stops || is_lost(part));
}

static void
add_offset(struct acceptance *all, const struct mri_ledger *ledger, const struct mri_ledger_part *part)
{
    int64_t start = ledger->arguments->rewind ? mri_ledger_sink_end(part) : part->offset.offset;
    struct mr_offset *offset = &all->offsets[all->count++];
    struct mr_metadata metadata = {
        .start = start, .in_force = all->chain, .event_time_us = INT64_MIN};
    *offset = (struct mr_offset){
        .topic = part->place.topic, .partition = part->place.partition, .offset = start};
    snprintf(metadata.pipeline, sizeof metadata.pipeline, "%s", ledger->layout->pipeline);
    mr_metadata_encode(&metadata, offset->metadata);
    offset->metadata_len = (uint32_t)strlen(offset->metadata);
}

/* Rewound: a unit that came in until the fence moved the sink's end, and that is where a run goes on. */
static void
fill_rows(struct acceptance *all, struct mri_ledger *ledger, uint32_t i)
{
    struct mr_place place = {all->offsets[i].topic, all->offsets[i].partition};
    const struct mri_ledger_part *part = mri_ledger_part_at(ledger, place);
    int64_t start =
        ledger->arguments->rewind ? mri_ledger_sink_end(part) : all->offsets[i].offset;
    all->rows[i] = (struct mr_registry_row){.place = place,
                                            .chain = all->chain,
                                            .seq = part->seq + 1,
                                            .start = start,
                                            .announced_us = mr_clock_wall_us()};
    all->ends[i] = (struct mri_ledger_end){
        .span = {.topic = place.topic, .partition = place.partition},
        .unit = part->in_ledger ? part->unit : (struct mr_unit_name){all->chain, 1}};
    printf("%s/%" PRId32 ": goes on at %" PRId64 "; the group was at %" PRId64
           ", the sink ends at %" PRId64 "\n",
           mri_ledger_topic(ledger, place),
           place.partition,
           start,
           part->offset.offset,
           mri_ledger_sink_end(part));
}

static enum mr_rc
choose(struct acceptance *all, struct mri_ledger *ledger)
{
    uint32_t room = ledger->part_count + 1;
    all->offsets = calloc(room, sizeof *all->offsets);
    all->rows = calloc(room, sizeof *all->rows);
    all->ends = calloc(room, sizeof *all->ends);
    if (!all->offsets || !all->rows || !all->ends) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for the partitions");
    }
    mr_chain_draw(&all->chain);
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        struct mri_ledger_part *part = &ledger->parts[i];
        part->chosen = ledger->arguments->rewind ? may_rewind(part) : may_accept(part);
        if (part->chosen) {
            add_offset(all, ledger, part);
        }
    }
    return MR_OK;
}

/* Unit and totals of the rows stay as they are: they count what is in the tables. */
static enum mr_rc
move_ends(struct acceptance *all, struct mri_ledger *ledger)
{
    struct mr_span *spans = calloc(all->count, sizeof *spans);
    if (!spans) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for the ledger's rows");
    }
    for (uint32_t i = 0; i < all->count; i++) {
        spans[i] = all->ends[i].span;
    }
    enum mr_rc rc = mr_sql_ledger(ledger->sql, ledger->layout, spans, all->count, &ledger->error);
    for (uint32_t i = 0; rc == MR_OK && i < all->count; i++) {
        all->ends[i].span = spans[i];
        all->ends[i].span.start = all->ends[i].span.end = all->offsets[i].offset;
    }
    free(spans);
    return rc;
}

static enum mr_rc
apply(struct acceptance *all, struct mri_ledger *ledger)
{
    bool rewind = ledger->arguments->rewind;
    enum mr_rc rc = mri_ledger_commit(ledger, all->offsets, all->count);
    if (rc == MR_OK) {
        rc = mri_ledger_fence(ledger);
    }
    for (uint32_t i = 0; rc == MR_OK && i < all->count; i++) {
        fill_rows(all, ledger, i);
    }
    if (rc == MR_OK && !rewind) {
        rc = move_ends(all, ledger);
    }
    if (rc == MR_OK) {
        rc = mri_ledger_put(
            ledger, &all->chain, all->rows, all->count, all->ends, rewind ? 0 : all->count, false);
    }
    if (rc == MR_OK) {
        printf("done: %u partitions%s\n",
               all->count,
               rewind ? ""
                      : "; what lies between the sink's end and the new place is left out, or "
                        "counted again");
    }
    return rc;
}

enum mr_rc
mri_ledger_accept(struct mri_ledger *ledger)
{
    struct acceptance all = {.count = 0};
    enum mr_rc rc = ledger->kafka.rc;
    if (rc != MR_OK) {
        ledger->error = ledger->kafka;
        return rc;
    }
    rc = choose(&all, ledger);
    if (rc == MR_OK && all.count > 0) {
        rc = apply(&all, ledger);
    } else if (rc == MR_OK) {
        printf("nothing to %s: no partition stops for that; millrace ledger show says more\n",
               ledger->arguments->rewind ? "rewind" : "accept");
    }
    free(all.offsets);
    free(all.rows);
    free(all.ends);
    return rc;
}
