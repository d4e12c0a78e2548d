/* millrace ledger forget: deletes what sink and group know of where partitions ended.
 * 1. The group's offsets lose their metadata, which a broker takes from us only while the group has
 * no members. From here on a run stops until somebody decides. A group without any of them gets
 * them, at 0, to the same end. 2. The fence: no unit comes in later. 3. The rows are deleted. 4. The
 * offsets are deleted: the next start is a first one. After a crash in between: once more. */
#include <inttypes.h>
#include <stdlib.h>

#include "ledger_priv.h"

static void
print_plan(const struct mri_ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        const struct mri_ledger_part *part = &ledger->parts[i];
        printf("%s/%" PRId32 ": ", mri_ledger_topic(ledger, part->place), part->place.partition);
        if (part->in_ledger) {
            printf("ledger row that ends at %" PRId64 ", ", part->end);
        }
        printf("%u registry rows, %u of them open\n", part->rows, part->open);
    }
}

/* Of the partitions whose offset the group has; or of those whose offset it has not. */
static uint32_t
collect(const struct mri_ledger *ledger, bool present, struct mr_offset *offsets)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        const struct mri_ledger_part *part = &ledger->parts[i];
        if (part->asked && (part->offset.offset >= 0) == present) {
            offsets[count++] = (struct mr_offset){.topic = part->place.topic,
                                                  .partition = part->place.partition,
                                                  .offset = present ? part->offset.offset : 0};
        }
    }
    return count;
}

/* Offsets to take the metadata from; the caller frees them. *ret_present: so many the group has. */
static enum mr_rc
find_offsets(struct mri_ledger *ledger,
             struct mr_offset **ret_offsets,
             uint32_t *ret_count,
             uint32_t *ret_present)
{
    struct mr_offset *offsets = calloc(ledger->part_count + 1, sizeof *offsets);
    if (!offsets) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for the group's offsets");
    }
    *ret_present = collect(ledger, true, offsets);
    *ret_count = *ret_present > 0 ? *ret_present : collect(ledger, false, offsets);
    *ret_offsets = offsets;
    return MR_OK;
}

static enum mr_rc
delete_rows(struct mri_ledger *ledger)
{
    struct mri_ledger_end *ends = calloc(ledger->part_count + 1, sizeof *ends);
    struct mr_chain chain;
    uint32_t count = 0;
    if (!ends) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for the ledger's rows");
    }
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        const struct mri_ledger_part *part = &ledger->parts[i];
        if (part->chosen && part->in_ledger) {
            ends[count++] = (struct mri_ledger_end){.span = {.topic = part->place.topic,
                                                             .partition = part->place.partition,
                                                             .event_time_us = INT64_MIN},
                                                    .unit = part->unit};
        }
    }
    mr_chain_draw(&chain);
    enum mr_rc rc =
        mri_ledger_put(ledger, &chain, ledger->rows, ledger->row_count, ends, count, true);
    free(ends);
    return rc;
}

static enum mr_rc
delete_offsets(struct mri_ledger *ledger, const struct mr_offset *offsets, uint32_t count)
{
    enum mr_rc rc = mr_consumer_delete_offsets(ledger->consumer, offsets, count, &ledger->error);
    if (rc != MR_OK) {
        mr_error_hint(&ledger->error,
                      "the sink's rows are deleted; run the command again, naming topic and "
                      "partition");
    }
    return rc;
}

static enum mr_rc
forget(struct mri_ledger *ledger)
{
    struct mr_offset *offsets = NULL;
    uint32_t count = 0, present = 0;
    enum mr_rc rc = find_offsets(ledger, &offsets, &count, &present);
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        ledger->parts[i].chosen = true;
    }
    if (rc == MR_OK && count > 0) {
        rc = mri_ledger_commit(ledger, offsets, count);
    }
    if (rc == MR_OK) {
        rc = mri_ledger_fence(ledger);
    }
    if (rc == MR_OK) {
        rc = delete_rows(ledger);
    }
    if (rc == MR_OK) {
        rc = delete_offsets(ledger, offsets, count);
    }
    if (rc == MR_OK) {
        printf(
            "forgotten: %" PRIu32 " partitions, and %" PRIu32
            " offsets of the group \"%s\". The next "
            "start is a first one.\nThe tables keep their rows: what is read again counts again.\n",
            ledger->part_count,
            present,
            ledger->config->kafka.group);
    }
    free(offsets);
    return rc;
}

enum mr_rc
mri_ledger_forget(struct mri_ledger *ledger)
{
    print_plan(ledger);
    if (ledger->part_count == 0) {
        printf("nothing to forget: no rows of pipeline %s. Offsets that the group still has are "
               "found by --topic and --partition\n",
               ledger->layout->pipeline);
        return MR_OK;
    }
    if (!ledger->arguments->yes) {
        (void)mr_error_set(&ledger->error, MR_USAGE, "ledger forget: nothing was deleted");
        mr_error_hint(&ledger->error, "add --yes to delete what is listed above");
        return MR_USAGE;
    }
    if (ledger->kafka.rc != MR_OK) {
        ledger->error = ledger->kafka;
        return ledger->error.rc;
    }
    return forget(ledger);
}
