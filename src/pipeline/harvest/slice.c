/* Rows of a finished detail body: a range of them as a body of its own, and where each comes from.
 * A body is whole rows, chunk by chunk: each row was reserved whole. */
#include "harvest_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"

static char
row_end(const struct mr_body *body)
{
    return body->format == MR_BODY_CSV ? MR_CSV_ROW_DELIMITER : '\n';
}

/* End of the row that begins at `at`, its delimiter included; NULL when it has none. */
static const char *
after_row(const char *at, const char *end, char delimiter)
{
    const char *stop = memchr(at, delimiter, (size_t)(end - at));
    return stop ? stop + 1 : NULL;
}

uint64_t
mr_harvest_chunk_rows(const struct mr_body *body, const struct mr_chunk *chunk)
{
    const char *at = chunk->data, *end = chunk->data + chunk->used;
    uint64_t rows = 0;
    for (; at < end && (at = after_row(at, end, row_end(body))) != NULL; rows++)
        continue;
    return rows;
}

struct slicing {
    struct mr_body out;
    uint64_t skip, left; /* rows */
};

/* One chunk's part of the range, in one piece. */
static enum mr_rc
slice_chunk(struct slicing *slicing, const struct mr_chunk *chunk)
{
    const char delimiter = row_end(&slicing->out), *end = chunk->data + chunk->used;
    const char *from = chunk->data;
    for (; slicing->skip > 0 && from && from < end; slicing->skip--)
        from = after_row(from, end, delimiter);
    const char *to = from;
    uint64_t rows = 0;
    for (; rows < slicing->left && to && to < end; rows++)
        to = after_row(to, end, delimiter);
    if (!from || !to)
        return MR_INTERNAL;
    if (rows == 0)
        return MR_OK;
    char *out = mr_body_reserve(&slicing->out, (size_t)(to - from));
    if (!out)
        return MR_MEMORY;
    memcpy(out, from, (size_t)(to - from));
    mr_body_advance(&slicing->out, (size_t)(to - from));
    slicing->out.rows += rows;
    slicing->left -= rows;
    return MR_OK;
}

enum mr_rc
mr_harvest_slice(const struct mr_body *detail,
                 uint64_t first,
                 uint64_t rows,
                 struct mr_body *ret_body)
{
    MR_REQUIRE(first <= detail->rows && rows <= detail->rows - first);
    struct slicing slicing = {.skip = first, .left = rows};
    enum mr_rc rc = MR_OK;
    mr_body_init(&slicing.out, detail->format, detail->budget);
    for (const struct mr_chunk *chunk = detail->first; chunk && slicing.left > 0 && rc == MR_OK;
         chunk = mr_body_next(detail, chunk))
        rc = slice_chunk(&slicing, chunk);
    if (rc == MR_OK && slicing.left > 0)
        rc = MR_INTERNAL;
    if (rc != MR_OK) {
        mr_body_fini(&slicing.out);
        return rc;
    }
    *ret_body = slicing.out;
    return MR_OK;
}

/* ---- Sources ---- */

struct sources {
    const struct mr_layout *layout;
    struct mr_source *out;
    uint64_t count, limit;
    char delimiter;
    bool json;
    uint16_t topic; /* of the row before: the next one's, most of the time */
};

/* Takes `tail` off the end of a row. */
static bool
take_tail(struct mr_slice *row, const char *tail)
{
    size_t len = strlen(tail);
    if (row->len < len || memcmp(row->p + row->len - len, tail, len) != 0)
        return false;
    row->len -= len;
    return true;
}

/* Takes everything behind the last `mark` off the end of a row, and the mark. */
static bool
take_cell(struct mr_slice *row, char mark, struct mr_slice *ret_cell)
{
    const char *at = row->len > 0 ? memrchr(row->p, mark, row->len) : NULL;
    if (!at)
        return false;
    *ret_cell = (struct mr_slice){at + 1, row->len - (size_t)(at + 1 - row->p)};
    row->len = (size_t)(at - row->p);
    return true;
}

static bool
parse_i64(struct mr_slice cell, int64_t *ret_value)
{
    char text[24], *end = NULL;
    if (cell.len == 0 || cell.len >= sizeof text)
        return false;
    memcpy(text, cell.p, cell.len);
    text[cell.len] = '\0';
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end)
        return false;
    *ret_value = value;
    return true;
}

static bool
find_topic(struct sources *sources, struct mr_slice name, uint16_t *ret_topic)
{
    const struct mr_layout *layout = sources->layout;
    for (uint32_t i = 0; i < layout->topic_count; i++) {
        uint32_t topic = (sources->topic + i) % layout->topic_count;
        if (mr_slice_equal(name, mr_slice_of(layout->topics[topic]))) {
            *ret_topic = sources->topic = (uint16_t)topic;
            return true;
        }
    }
    return false;
}

/* …\x01topic\x01partition\x01offset */
static bool
split_csv(struct mr_slice row, struct mr_slice cells[3])
{
    const char mark = MR_CSV_COLUMN_SEPARATOR;
    return take_cell(&row, mark, &cells[2]) && take_cell(&row, mark, &cells[1]) &&
           take_cell(&row, mark, &cells[0]);
}

/* …,"_topic":"topic","_partition":partition,"_offset":offset}  The members are the last ones, and a
 * topic's name needs no escape, so that the row can be read from its end. */
static bool
split_json(struct mr_slice row, struct mr_slice cells[3])
{
    return take_tail(&row, "}") && take_cell(&row, ':', &cells[2]) &&
           take_tail(&row, ",\"_offset\"") && take_cell(&row, ':', &cells[1]) &&
           take_tail(&row, "\",\"_partition\"") && take_cell(&row, '"', &cells[0]) &&
           take_tail(&row, ",\"_topic\":");
}

static bool
read_source(struct sources *sources, struct mr_slice row)
{
    struct mr_slice cells[3];
    struct mr_source source;
    int64_t partition;
    if (sources->count == sources->limit)
        return false;
    if (!(sources->json ? split_json(row, cells) : split_csv(row, cells)))
        return false;
    if (!find_topic(sources, cells[0], &source.topic) || !parse_i64(cells[1], &partition) ||
        partition < 0 || partition > INT32_MAX || !parse_i64(cells[2], &source.offset) ||
        source.offset < 0)
        return false;
    source.partition = (int32_t)partition;
    sources->out[sources->count++] = source;
    return true;
}

static bool
read_chunk(struct sources *sources, const struct mr_chunk *chunk)
{
    const char *at = chunk->data, *end = chunk->data + chunk->used;
    while (at < end) {
        const char *next = after_row(at, end, sources->delimiter);
        if (!next || !read_source(sources, (struct mr_slice){at, (size_t)(next - 1 - at)}))
            return false;
        at = next;
    }
    return true;
}

enum mr_rc
mr_harvest_sources(const struct mr_layout *layout,
                   const struct mr_body *detail,
                   struct mr_source *ret_sources)
{
    struct sources sources = {.layout = layout,
                              .out = ret_sources,
                              .limit = detail->rows,
                              .delimiter = row_end(detail),
                              .json = detail->format == MR_BODY_JSON};
    for (const struct mr_chunk *chunk = detail->first; chunk; chunk = mr_body_next(detail, chunk))
        if (!read_chunk(&sources, chunk))
            return MR_INTERNAL;
    return sources.count == detail->rows ? MR_OK : MR_INTERNAL;
}
