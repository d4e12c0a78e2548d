/* What is known of each partition: ledger and registry rows, the group's offset and its metadata,
 * and what the next run would make of it. Nothing is changed. */
#include <stdlib.h>
#include <string.h>

#include "ledger_priv.h"

const char *
mri_ledger_topic(const struct mri_ledger *ledger, struct mr_place place)
{
    uint32_t own = ledger->layout->topic_count;
    return place.topic < own ? ledger->layout->topics[place.topic]
                             : ledger->topics.names[place.topic - own];
}

int64_t
mri_ledger_sink_end(const struct mri_ledger_part *part)
{
    return part->end >= 0 ? part->end : part->least;
}

static bool
is_wanted(const struct mri_ledger *ledger, struct mr_place place)
{
    const struct mri_ledger_arguments *arguments = ledger->arguments;
    if (arguments->topic && strcmp(arguments->topic, mri_ledger_topic(ledger, place)) != 0) {
        return false;
    }
    return arguments->partition < 0 || arguments->partition == place.partition;
}

struct mri_ledger_part *
mri_ledger_part_at(struct mri_ledger *ledger, struct mr_place place)
{
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        struct mr_place known = ledger->parts[i].place;
        if (known.topic == place.topic && known.partition == place.partition) {
            return &ledger->parts[i];
        }
    }
    return NULL;
}

/* The part of a place, made when it is new; *ret_part is NULL when nobody wants it. */
static enum mr_rc
part_of(struct mri_ledger *ledger, struct mr_place place, struct mri_ledger_part **ret_part)
{
    *ret_part = NULL;
    if (!is_wanted(ledger, place) || (*ret_part = mri_ledger_part_at(ledger, place))) {
        return MR_OK;
    }
    struct mri_ledger_part *grown =
        reallocarray(ledger->parts, ledger->part_count + 1, sizeof *grown);
    if (!grown) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for the partitions");
    }
    ledger->parts = grown;
    *ret_part = &grown[ledger->part_count++];
    **ret_part = (struct mri_ledger_part){.place = place, .end = -1, .least = -1};
    return MR_OK;
}

enum mr_rc
mri_ledger_read_ends(struct mri_ledger *ledger)
{
    free(ledger->ends);
    ledger->ends = NULL;
    ledger->end_count = 0;
    enum mr_rc rc = mr_sql_ledger_ends(ledger->sql,
                                       ledger->layout,
                                       &ledger->topics,
                                       &ledger->ends,
                                       &ledger->end_count,
                                       &ledger->error);
    for (uint32_t i = 0; rc == MR_OK && i < ledger->end_count; i++) {
        struct mri_ledger_part *part;
        rc = part_of(ledger, ledger->ends[i].place, &part);
        if (rc == MR_OK && part) {
            part->in_ledger = true;
            part->unit = ledger->ends[i].unit;
            part->end = ledger->ends[i].end;
        }
    }
    return rc;
}

/* The partition that the command line names, though the sink may know nothing of it. */
static enum mr_rc
add_named(struct mri_ledger *ledger)
{
    const struct mri_ledger_arguments *arguments = ledger->arguments;
    struct mri_ledger_part *part;
    for (uint32_t i = 0; i < ledger->layout->topic_count; i++) {
        if (arguments->topic && arguments->partition >= 0 &&
            strcmp(arguments->topic, ledger->layout->topics[i]) == 0) {
            return part_of(ledger, (struct mr_place){(uint16_t)i, arguments->partition}, &part);
        }
    }
    return MR_OK;
}

/* Registry rows of the partitions so far, and every open one. */
static enum mr_rc
read_registry(struct mri_ledger *ledger)
{
    struct mr_place *places = calloc(ledger->part_count + 1, sizeof *places);
    if (!places) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for the partitions");
    }
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        places[i] = ledger->parts[i].place;
    }
    free(ledger->rows);
    ledger->rows = NULL;
    enum mr_rc rc = mr_sql_registry(ledger->sql,
                                    ledger->layout,
                                    &ledger->topics,
                                    places,
                                    ledger->part_count,
                                    NULL,
                                    0,
                                    &ledger->rows,
                                    &ledger->row_count,
                                    &ledger->error);
    free(places);
    return rc;
}

static enum mr_rc
find_more_parts(struct mri_ledger *ledger)
{
    enum mr_rc rc = MR_OK;
    for (uint32_t i = 0; rc == MR_OK && i < ledger->row_count; i++) {
        struct mri_ledger_part *part;
        rc = part_of(ledger, ledger->rows[i].place, &part);
    }
    return rc;
}

static void
count_row(struct mri_ledger_part *part, const struct mr_registry_row *row)
{
    part->rows++;
    part->open += !row->closed;
    part->least = part->least < 0 || row->start < part->least ? row->start : part->least;
    part->seq = row->seq > part->seq ? row->seq : part->seq;
}

/* Counts the rows of the parts; those of others are dropped. */
static void
count_rows(struct mri_ledger *ledger)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < ledger->row_count; i++) {
        struct mri_ledger_part *part = mri_ledger_part_at(ledger, ledger->rows[i].place);
        if (part) {
            count_row(part, &ledger->rows[i]);
            ledger->rows[kept++] = ledger->rows[i];
        }
    }
    ledger->row_count = kept;
}

/* ---- Kafka ---- */

static void
take_offset(struct mri_ledger *ledger, struct mri_ledger_part *part, const struct mr_offset *offset)
{
    part->asked = true;
    part->offset = *offset;
    part->kind = MR_METADATA_NONE;
    if (offset->offset >= 0 && offset->metadata_len > MR_METADATA_CHARS) {
        part->kind = MR_METADATA_TOO_LONG;
    } else if (offset->offset >= 0) {
        part->kind = mr_metadata_decode((struct mr_slice){offset->metadata, offset->metadata_len},
                                        ledger->layout->pipeline,
                                        &part->metadata);
    }
}

/* Topics that the configuration does not name any more are not asked for. */
static enum mr_rc
ask_offsets(struct mri_ledger *ledger)
{
    struct mr_offset *offsets = calloc(ledger->part_count + 1, sizeof *offsets);
    uint32_t count = 0;
    if (!offsets) {
        return mr_error_set(&ledger->kafka, MR_MEMORY, "no memory for the group's offsets");
    }
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        struct mr_place place = ledger->parts[i].place;
        if (place.topic < ledger->layout->topic_count) {
            offsets[count++] =
                (struct mr_offset){.topic = place.topic, .partition = place.partition};
        }
    }
    enum mr_rc rc = mr_consumer_committed(ledger->consumer, offsets, count, &ledger->kafka);
    for (uint32_t i = 0; rc == MR_OK && i < count; i++) {
        struct mr_place place = {offsets[i].topic, offsets[i].partition};
        struct mri_ledger_part *part = mri_ledger_part_at(ledger, place);
        if (part) {
            take_offset(ledger, part, &offsets[i]);
        }
    }
    free(offsets);
    return rc;
}

static void
ask_kafka(struct mri_ledger *ledger)
{
    static const struct mr_consumer_events no_events = {0}; /* it never joins the group */
    if (mr_consumer_new(ledger->config, &no_events, &ledger->consumer, &ledger->kafka) == MR_OK) {
        (void)ask_offsets(ledger); /* its error is kept */
    }
}

/* ---- What the next run would find ---- */

/* A row of the partition itself: rows of others say nothing about what was announced here. */
static bool
is_known(const struct mri_ledger *ledger, struct mr_place place, const struct mr_chain *chain)
{
    for (uint32_t i = 0; i < ledger->row_count; i++) {
        const struct mr_registry_row *row = &ledger->rows[i];
        if (row->place.topic == place.topic && row->place.partition == place.partition &&
            mr_chain_equal(&row->chain, chain)) {
            return true;
        }
    }
    return false;
}

static bool
are_chains_known(const struct mri_ledger *ledger, const struct mri_ledger_part *part)
{
    const struct mr_metadata *metadata = &part->metadata;
    return is_known(ledger, part->place, &metadata->in_force) &&
           (metadata->last.n == 0 || is_known(ledger, part->place, &metadata->last.chain));
}

static void
foresee(const struct mri_ledger *ledger, struct mri_ledger_part *part)
{
    bool ours = part->kind == MR_METADATA_OURS;
    const struct mr_found found = {
        .kind = part->kind,
        .committed = part->offset.offset,
        .start = ours ? part->metadata.start : -1,
        .end = part->end,
        .least = part->least,
        .chains_known = ours && are_chains_known(ledger, part),
        .settled = ours && part->metadata.last.n > 0 ? MR_SETTLED_NOT_COMMITTED : MR_SETTLED_NONE,
        .config_same = true,
    };
    mr_decide(&found, &part->verdict);
}

static int
compare_parts(const void *left, const void *right)
{
    const struct mri_ledger_part *a = left, *b = right;
    int topics = (a->place.topic > b->place.topic) - (a->place.topic < b->place.topic);
    return topics ? topics
                  : (a->place.partition > b->place.partition) -
                        (a->place.partition < b->place.partition);
}

enum mr_rc
mri_ledger_open(struct mri_ledger *ledger,
                const struct mr_config *config,
                const struct mr_layout *layout,
                const struct mri_ledger_arguments *arguments)
{
    *ledger = (struct mri_ledger){.config = config, .layout = layout, .arguments = arguments};
    enum mr_rc rc = mr_sql_connect_leader(config, &ledger->sql, &ledger->error);
    if (rc == MR_OK) {
        rc = mri_ledger_read_ends(ledger);
    }
    if (rc == MR_OK) {
        rc = add_named(ledger);
    }
    if (rc == MR_OK) {
        rc = read_registry(ledger);
    }
    if (rc == MR_OK) {
        rc = find_more_parts(ledger);
    }
    if (rc == MR_OK) {
        rc = read_registry(ledger); /* the rows of those that came in by an open one */
    }
    if (rc != MR_OK) {
        return rc;
    }
    count_rows(ledger);
    if (ledger->part_count > 0) {
        qsort(ledger->parts, ledger->part_count, sizeof *ledger->parts, compare_parts);
        ask_kafka(ledger);
    }
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        foresee(ledger, &ledger->parts[i]);
    }
    return MR_OK;
}

void
mri_ledger_close(struct mri_ledger *ledger)
{
    mri_ledger_limit_end(ledger);
    mr_sql_close(&ledger->sql);
    mr_consumer_free(&ledger->consumer);
    mr_loader_free(&ledger->loader);
    mr_load_hub_free(&ledger->hub);
    mr_other_topics_fini(&ledger->topics);
    free(ledger->ends);
    free(ledger->rows);
    free(ledger->parts);
    *ledger = (struct mri_ledger){0};
}
