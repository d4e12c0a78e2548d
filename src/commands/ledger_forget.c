/* millrace ledger forget: deletes what the sink knows of where partitions ended.
 * 1. Kafka: the group's offsets lose their metadata, which a broker takes from us only while the
 * group has no members. From here on a run stops until somebody decides. 2. Units of open chains
 * are rolled back, so that none comes in later. 3. The rows are deleted. After a crash in between:
 * once more. */
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

static enum mr_rc
clear_offsets(struct mri_ledger *ledger, uint32_t *ret_count)
{
    struct mr_offset *offsets = calloc(ledger->part_count + 1, sizeof *offsets);
    uint32_t count = 0;
    if (!offsets) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for the group's offsets");
    }
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        const struct mri_ledger_part *part = &ledger->parts[i];
        if (part->asked && part->offset.offset >= 0) {
            offsets[count++] = (struct mr_offset){.topic = part->place.topic,
                                                  .partition = part->place.partition,
                                                  .offset = part->offset.offset};
        }
    }
    enum mr_rc rc = count > 0 ? mri_ledger_commit(ledger, offsets, count) : MR_OK;
    free(offsets);
    *ret_count = count;
    return rc;
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
        if (part->in_ledger) {
            ends[count++] = (struct mri_ledger_end){.span = {.topic = part->place.topic,
                                                             .partition = part->place.partition,
                                                             .event_time_us = INT64_MIN},
                                                    .unit = part->unit};
        }
    }
    mri_ledger_draw_chain(&chain);
    enum mr_rc rc =
        mri_ledger_put(ledger, &chain, ledger->rows, ledger->row_count, ends, count, true);
    free(ends);
    return rc;
}

static void
print_next(const struct mri_ledger *ledger, uint32_t offsets)
{
    printf(
        "forgotten: %u partitions. The tables keep their rows: what is read again counts again.\n",
        ledger->part_count);
    if (offsets > 0) {
        printf(
            "The group \"%s\" still has offsets of %u of them, so the next run stops there. "
            "Delete them for a\nfirst start (kafka-consumer-groups --delete-offsets), or go on at "
            "them: millrace ledger accept-reset,\nwith --topic and --partition.\n",
            ledger->config->kafka.group,
            offsets);
    }
}

static enum mr_rc
forget(struct mri_ledger *ledger)
{
    uint32_t offsets = 0;
    enum mr_rc rc = clear_offsets(ledger, &offsets);
    if (rc == MR_OK) {
        rc = mri_ledger_fence(ledger);
    }
    if (rc == MR_OK) {
        rc = delete_rows(ledger);
    }
    if (rc == MR_OK) {
        print_next(ledger, offsets);
    }
    return rc;
}

enum mr_rc
mri_ledger_forget(struct mri_ledger *ledger)
{
    print_plan(ledger);
    if (ledger->part_count == 0) {
        printf("nothing to forget: no rows of pipeline %s\n", ledger->layout->pipeline);
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
