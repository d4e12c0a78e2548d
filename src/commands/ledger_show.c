/* millrace ledger show: where each partition stands, and what the next run would make of it. */
#include <inttypes.h>
#include <string.h>

#include "ledger_priv.h"

#define NUMBER_MAX 24
#define UNIT_MAX   (MR_CHAIN_CHARS + 24)

static void
put_number(char out[NUMBER_MAX], bool known, int64_t number)
{
    snprintf(out, NUMBER_MAX, "%s", !known ? "?" : "-");
    if (known && number >= 0) {
        snprintf(out, NUMBER_MAX, "%" PRId64, number);
    }
}

static void
put_unit(char out[UNIT_MAX], const struct mri_ledger_part *part)
{
    snprintf(out, UNIT_MAX, "-");
    if (part->in_ledger) {
        snprintf(out, UNIT_MAX, "%s-%" PRIu64, part->unit.chain.text, part->unit.n);
    }
}

static void
print_next(const struct mri_ledger_part *part)
{
    const struct mr_verdict *verdict = &part->verdict;
    if (!part->asked) {
        printf("?\n");
        return;
    }
    switch (verdict->kind) {
    case MR_VERDICT_START:
        printf("starts at %" PRId64 "\n", verdict->start);
        break;
    case MR_VERDICT_REPLAY:
    case MR_VERDICT_REPLAY_PARTIAL:
        printf("commits its last unit, or reads [%" PRId64 ", %" PRId64 ") again\n",
               verdict->start,
               verdict->end);
        break;
    case MR_VERDICT_FIRST:
        printf("first start\n");
        break;
    case MR_VERDICT_ASK_TOPIC:
        printf("starts at %" PRId64 " if the topic is still the same\n", mri_ledger_sink_end(part));
        break;
    case MR_VERDICT_STOP:
        printf("STOPS: %s\n", mr_stop_text(verdict->stop));
        break;
    }
}

static int
widest_topic(const struct mri_ledger *ledger)
{
    size_t widest = strlen("topic");
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        size_t len = strlen(mri_ledger_topic(ledger, ledger->parts[i].place));
        widest = len > widest ? len : widest;
    }
    return (int)widest;
}

static void
print_part(const struct mri_ledger *ledger, const struct mri_ledger_part *part, int width)
{
    char end[NUMBER_MAX], committed[NUMBER_MAX], unit[UNIT_MAX];
    put_number(end, true, part->end);
    put_number(committed, part->asked, part->offset.offset);
    put_unit(unit, part);
    printf("%-*s  %9" PRId32 "  %12s  %-24s  %12s  %-20s  %4u  ",
           width,
           mri_ledger_topic(ledger, part->place),
           part->place.partition,
           end,
           unit,
           committed,
           part->asked ? mr_metadata_kind_name(part->kind) : "?",
           part->open);
    print_next(part);
}

static void
print_chains(const struct mri_ledger *ledger, int width)
{
    bool any = false;
    for (uint32_t i = 0; i < ledger->row_count; i++) {
        const struct mr_registry_row *row = &ledger->rows[i];
        if (row->closed) {
            continue;
        }
        if (!any) {
            printf("\nopen chains: their units are settled by the next run\n"
                   "%-*s  partition  chain             order         start\n",
                   width,
                   "topic");
        }
        any = true;
        printf("%-*s  %9" PRId32 "  %s  %5" PRId64 "  %12" PRId64 "\n",
               width,
               mri_ledger_topic(ledger, row->place),
               row->place.partition,
               row->chain.text,
               row->seq,
               row->start);
    }
}

static void
print_stops(const struct mri_ledger *ledger)
{
    bool told[MR_STOP_COUNT] = {false};
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        const struct mr_verdict *verdict = &ledger->parts[i].verdict;
        bool stops = ledger->parts[i].asked && verdict->kind == MR_VERDICT_STOP;
        count += stops;
        if (stops && !told[verdict->stop]) {
            printf("%s%s: %s\n",
                   count == 1 ? "\n" : "",
                   mr_stop_text(verdict->stop),
                   mr_stop_hint(verdict->stop));
            told[verdict->stop] = true;
        }
    }
    printf("\n%u of %u partitions would stop the next run\n", count, ledger->part_count);
}

enum mr_rc
mri_ledger_show(struct mri_ledger *ledger)
{
    int width = widest_topic(ledger);
    if (ledger->part_count == 0) {
        printf("no rows of pipeline %s in the ledger or the registry\n", ledger->layout->pipeline);
        return MR_OK;
    }
    printf("%-*s  partition    ledger end  %-24s     committed  %-20s  open  next run\n",
           width,
           "topic",
           "last unit",
           "metadata");
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        print_part(ledger, &ledger->parts[i], width);
    }
    print_chains(ledger, width);
    if (ledger->kafka.rc != MR_OK) {
        ledger->error = ledger->kafka;
        return ledger->error.rc;
    }
    print_stops(ledger);
    return MR_OK;
}
