/* Registry and ledger rows for the protocol. What stands in the tables decides what is rolled back
 * and where reading starts, so a row that cannot be is an error that names it, never left out. */
#include "pipeline/verify/verify_priv.h"

#include <stdlib.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"

#define ROWS_MAX         ((uint32_t)4 << 20)
#define OTHER_TOPICS_MAX 4096 /* of other or former configurations of the pipeline */

void
mr_other_topics_fini(struct mr_other_topics *topics)
{
    for (uint32_t i = 0; i < topics->count; i++)
        free(topics->names[i]);
    free(topics->names);
    *topics = (struct mr_other_topics){0};
}

/* ---- Cells ---- */

/* A cell as it is, NULs included; p NULL when it is SQL NULL. */
static struct mr_slice
cell(const struct mri_row *row, uint32_t at)
{
    if (!row->cells[at])
        return (struct mr_slice){NULL, 0};
    return (struct mr_slice){row->cells[at],
                             row->lengths ? row->lengths[at] : strlen(row->cells[at])};
}

static enum mr_rc
bad_row(const struct mri_reading *reading, const struct mri_row *row, const char *what)
{
    char text[3][96] = {"", "", ""};
    for (uint32_t i = 0; i < 3 && i < row->count; i++) {
        struct mr_slice from = cell(row, i);
        mr_text_quote(text[i], sizeof text[i], from.p ? from.p : "NULL", from.p ? from.len : 4);
    }
    enum mr_rc rc = mr_error_set(reading->error,
                                 MR_TABLE,
                                 "table '%s.%s', pipeline '%s': the row of topic \"%s\", partition "
                                 "\"%s\", chain \"%s\" cannot be used: %s",
                                 reading->layout->database,
                                 reading->table,
                                 reading->layout->pipeline,
                                 text[0],
                                 text[1],
                                 text[2],
                                 what);
    mr_error_hint(reading->error,
                  "only Millrace may write this table; if the row is somebody else's, delete it");
    return rc;
}

/* As Kafka allows them: what is written into labels' neighbours and messages stays harmless. */
static bool
is_topic(struct mr_slice name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (size_t i = 0; i < name.len; i++)
        if (!memchr(allowed, name.p[i], sizeof allowed - 1))
            return false;
    return name.len > 0 && name.len <= 249;
}

static bool
whole_i64(const struct mri_row *row, uint32_t at, int64_t least, int64_t most, int64_t *ret_value)
{
    struct mr_slice text = cell(row, at);
    return text.p && strlen(text.p) == text.len && mri_cell_i64(row, at, ret_value) &&
           *ret_value >= least && *ret_value <= most;
}

/* ---- Topics that the configuration does not name ---- */

static bool
known_topic(struct mri_reading *reading, struct mr_slice name, uint16_t *ret_topic)
{
    const struct mr_layout *layout = reading->layout;
    uint32_t others = reading->topics ? reading->topics->count : 0;
    uint32_t count = layout->topic_count + others;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t topic = (reading->last_topic + i) % count;
        const char *known = topic < layout->topic_count
                                ? layout->topics[topic]
                                : reading->topics->names[topic - layout->topic_count];
        if (mr_slice_equal(name, mr_slice_of(known))) {
            *ret_topic = reading->last_topic = (uint16_t)topic;
            return true;
        }
    }
    return false;
}

static enum mr_rc
add_topic(struct mri_reading *reading, struct mr_slice name, uint16_t *ret_topic)
{
    struct mr_other_topics *topics = reading->topics;
    char **grown = reallocarray(topics->names, topics->count + 1, sizeof *grown);
    if (grown)
        topics->names = grown;
    char *copy = grown ? strndup(name.p, name.len) : NULL;
    if (!copy)
        return mr_error_set(reading->error, MR_MEMORY, "no memory for the names of topics");
    topics->names[topics->count] = copy;
    *ret_topic = (uint16_t)(reading->layout->topic_count + topics->count++);
    return MR_OK;
}

static enum mr_rc
read_topic(struct mri_reading *reading, const struct mri_row *row, uint16_t *ret_topic)
{
    struct mr_slice name = cell(row, 0);
    if (!is_topic(name))
        return bad_row(reading, row, "no topic of Kafka has that name");
    if (known_topic(reading, name, ret_topic))
        return MR_OK;
    if (!reading->topics)
        return bad_row(reading, row, "the topic was not asked for");
    if (reading->topics->count == OTHER_TOPICS_MAX)
        return bad_row(reading, row, "it names one more topic than can be kept");
    return add_topic(reading, name, ret_topic);
}

/* ---- Rows ---- */

static enum mr_rc
add_row(struct mri_reading *reading, const void *made)
{
    if (reading->count == reading->capacity) {
        uint32_t capacity = reading->capacity ? reading->capacity * 2 : 64;
        char *grown = NULL;
        if (capacity <= ROWS_MAX)
            grown = reallocarray(reading->rows, capacity, reading->row_bytes);
        if (!grown)
            return mr_error_set(
                reading->error,
                MR_MEMORY,
                "table '%s.%s' has more rows of the pipeline than fit: %u were read",
                reading->layout->database,
                reading->table,
                reading->count);
        reading->rows = grown;
        reading->capacity = capacity;
    }
    memcpy(reading->rows + reading->count++ * reading->row_bytes, made, reading->row_bytes);
    return MR_OK;
}

static enum mr_rc
read_place(struct mri_reading *reading, const struct mri_row *row, struct mr_place *ret_place)
{
    int64_t partition;
    struct mr_place place;
    enum mr_rc rc = read_topic(reading, row, &place.topic);
    if (rc != MR_OK)
        return rc;
    if (!whole_i64(row, 1, 0, INT32_MAX, &partition))
        return bad_row(reading, row, "the partition is no number of a partition");
    place.partition = (int32_t)partition;
    *ret_place = place;
    return MR_OK;
}

/* topic, partition, chain, seq, start, announced_at, is it closed */
enum mr_rc
mri_registry_take_chain(void *context, const struct mri_row *row)
{
    struct mri_reading *reading = context;
    struct mr_registry_row made = {0};
    int64_t closed;
    if (row->count != 7)
        return bad_row(reading, row, "the answer has other columns than were asked for");
    enum mr_rc rc = read_place(reading, row, &made.place);
    if (rc != MR_OK)
        return rc;
    if (!mr_chain_parse(cell(row, 2), &made.chain))
        return bad_row(reading, row, "the chain is no name of a chain");
    if (!whole_i64(row, 3, 0, INT64_MAX - 1, &made.seq))
        return bad_row(reading, row, "seq is no whole number from 0");
    if (!whole_i64(row, 4, 0, INT64_MAX - 1, &made.start))
        return bad_row(reading, row, "start is no offset");
    if (!row->cells[5] || !mri_parse_datetime(row->cells[5], &made.announced_us))
        return bad_row(reading, row, "announced_at is no time");
    if (!whole_i64(row, 6, 0, 1, &closed))
        return bad_row(reading, row, "closed cannot be read");
    made.closed = closed == 1;
    return add_row(reading, &made);
}

/* topic, partition, chain, n, end */
enum mr_rc
mri_registry_take_end(void *context, const struct mri_row *row)
{
    struct mri_reading *reading = context;
    struct mr_ledger_row made = {0};
    int64_t n;
    if (row->count != 5)
        return bad_row(reading, row, "the answer has other columns than were asked for");
    enum mr_rc rc = read_place(reading, row, &made.place);
    if (rc != MR_OK)
        return rc;
    if (!mr_chain_parse(cell(row, 2), &made.unit.chain))
        return bad_row(reading, row, "the chain is no name of a chain");
    if (!whole_i64(row, 3, 1, INT64_MAX, &n))
        return bad_row(reading, row, "n is no number of a unit");
    if (!whole_i64(row, 4, 0, INT64_MAX - 1, &made.end))
        return bad_row(reading, row, "end is no offset");
    made.unit.n = (uint64_t)n;
    return add_row(reading, &made);
}

/* Runs the query and frees it; rows only when it succeeded as a whole. */
static enum mr_rc
read_rows(struct mr_sql *sql, struct mr_text *query, mri_row_fn take, struct mri_reading *reading)
{
    enum mr_rc rc = query->overflow
                        ? mr_error_set(reading->error, MR_MEMORY, "no memory for a query")
                        : mri_sql_run(sql, mr_text_str(query), take, reading, reading->error);
    mr_text_fini(query);
    if (rc != MR_OK) {
        free(reading->rows);
        reading->rows = NULL;
    }
    return rc;
}

static enum mr_rc
read_chains(struct mr_sql *sql,
            struct mr_text *query,
            struct mri_reading *reading,
            struct mr_registry_row **ret_rows,
            uint32_t *ret_count)
{
    reading->table = MR_CHAINS_TABLE;
    reading->row_bytes = sizeof **ret_rows;
    enum mr_rc rc = read_rows(sql, query, mri_registry_take_chain, reading);
    if (rc == MR_OK) {
        *ret_rows = (void *)reading->rows;
        *ret_count = reading->count;
    }
    return rc;
}

enum mr_rc
mr_sql_registry(struct mr_sql *sql,
                const struct mr_layout *layout,
                struct mr_other_topics *topics,
                const struct mr_place *places,
                uint32_t place_count,
                const struct mr_chain *chains,
                uint32_t chain_count,
                struct mr_registry_row **ret_rows,
                uint32_t *ret_count,
                struct mr_error *reterr_error)
{
    struct mri_reading reading = {.layout = layout, .topics = topics, .error = reterr_error};
    struct mr_text query = {0};
    mri_query_registry(layout, topics, places, place_count, chains, chain_count, &query);
    return read_chains(sql, &query, &reading, ret_rows, ret_count);
}

enum mr_rc
mr_sql_chain(struct mr_sql *sql,
             const struct mr_layout *layout,
             struct mr_other_topics *topics,
             const struct mr_chain *chain,
             struct mr_registry_row **ret_rows,
             uint32_t *ret_count,
             struct mr_error *reterr_error)
{
    struct mri_reading reading = {.layout = layout, .topics = topics, .error = reterr_error};
    struct mr_text query = {0};
    mri_query_chain(layout, chain, &query);
    return read_chains(sql, &query, &reading, ret_rows, ret_count);
}

enum mr_rc
mr_sql_chains_closed_before(struct mr_sql *sql,
                            const struct mr_layout *layout,
                            const struct mr_place *places,
                            uint32_t place_count,
                            int64_t before_us,
                            struct mr_registry_row **ret_rows,
                            uint32_t *ret_count,
                            struct mr_error *reterr_error)
{
    struct mri_reading reading = {.layout = layout, .error = reterr_error};
    struct mr_text query = {0};
    char before[32];
    before[mr_clock_format(before_us, before)] = '\0';
    mri_query_closed_before(layout, places, place_count, before, &query);
    return read_chains(sql, &query, &reading, ret_rows, ret_count);
}

enum mr_rc
mr_sql_ledger_ends(struct mr_sql *sql,
                   const struct mr_layout *layout,
                   struct mr_other_topics *topics,
                   struct mr_ledger_row **ret_rows,
                   uint32_t *ret_count,
                   struct mr_error *reterr_error)
{
    struct mri_reading reading = {.layout = layout,
                                  .topics = topics,
                                  .table = MR_LEDGER_TABLE,
                                  .error = reterr_error,
                                  .row_bytes = sizeof **ret_rows};
    struct mr_text query = {0};
    mri_query_ledger_ends(layout, &query);
    enum mr_rc rc = read_rows(sql, &query, mri_registry_take_end, &reading);
    if (rc == MR_OK) {
        *ret_rows = (void *)reading.rows;
        *ret_count = reading.count;
    }
    return rc;
}
