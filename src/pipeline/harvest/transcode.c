/* CSV that we wrote → JSON lines. No cell holds a separator and no text is \N, else its row would
 * have been JSON from the start; so the parse is unambiguous. */
#include <string.h>

#include "harvest_priv.h"

#include "millrace/base/assert.h"

/* Splits one row; returns what follows it. */
static const char *
split_row(const char *at, const char *end, struct mr_slice *ret_texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char mark = i + 1 < count ? MR_CSV_COLUMN_SEPARATOR : MR_CSV_ROW_DELIMITER;
        const char *stop = memchr(at, mark, (size_t)(end - at));
        MR_INSIST(stop != NULL);
        ret_texts[i] = (struct mr_slice){at, (size_t)(stop - at)};
        if (stop - at == 2 && memcmp(at, "\\N", 2) == 0)
            ret_texts[i] = (struct mr_slice){NULL, 0};
        at = stop + 1;
    }
    return at;
}

static enum mr_rc
transcode_chunk(const struct mr_chunk *chunk,
                struct mr_body *json,
                const struct mri_out *columns,
                uint32_t count)
{
    struct mr_slice texts[MRI_DETAIL_MAX] = {{NULL, 0}};
    const char *at = chunk->data, *end = chunk->data + chunk->used;
    MR_REQUIRE(count <= MRI_DETAIL_MAX);
    while (at < end) {
        at = split_row(at, end, texts, count);
        enum mr_rc rc = mri_harvest_json_row(json, columns, texts, count);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}

/* A row never crosses chunks: each was reserved whole. Chunks are freed one by one, so that both
 * forms of a body never exist at once. */
enum mr_rc
mri_harvest_transcode(struct mr_body *csv,
                      struct mr_body *json,
                      const struct mri_out *columns,
                      uint32_t count)
{
    enum mr_rc rc = MR_OK;
    while (csv->first && rc == MR_OK) {
        struct mr_body done;
        mr_body_init(&done, MR_BODY_CSV, csv->budget);
        done.first = done.last = csv->first;
        csv->first = csv->first->next;
        done.first->next = NULL;
        rc = transcode_chunk(done.first, json, columns, count);
        mr_body_fini(&done);
    }
    mr_body_fini(csv);
    return rc;
}
