/* Registry: one row a partition of a chain, in the order of MR_CHAINS_COLUMNS. */
#include "harvest_priv.h"

#include <string.h>

#include "millrace/base/assert.h"

#define NAMED(name, type, null) "`" name "`,"

struct chain_load {
    const struct mr_layout *layout;
    int64_t closed_us;
    bool removes; /* each row says whether it is one to delete */
};

static char *
put_null(char *out)
{
    memcpy(out, "\\N", 2);
    return out + 2;
}

static char *
put_closed(char *out, const struct chain_load *load, bool remove, struct mri_dates *dates)
{
    if (load->closed_us == INT64_MIN || remove)
        return put_null(out);
    return mri_harvest_put_time(out, load->closed_us, dates);
}

/* The primary key. */
static char *
put_key(char *out, const struct chain_load *load, const struct mr_registry_row *row)
{
    out = stpcpy(out, load->layout->pipeline);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = stpcpy(out, load->layout->topics[row->place.topic]);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = mri_harvest_put_int(out, row->place.partition);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = stpcpy(out, row->chain.text);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    return out;
}

/* `n` and `tables` belong to the mode in which a unit has a label a table: null. */
static char *
put_chain(char *out,
          const struct chain_load *load,
          const struct mr_registry_row *row,
          bool remove,
          struct mri_dates *dates)
{
    out = put_key(out, load, row);
    out = mri_harvest_put_int(out, row->seq);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = mri_harvest_put_int(out, row->start);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = put_null(out);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = put_null(out);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = mri_harvest_put_time(out, row->announced_us, dates);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = put_closed(out, load, remove, dates);
    if (load->removes) {
        *out++ = MR_CSV_COLUMN_SEPARATOR;
        *out++ = remove ? '1' : '0';
    }
    *out++ = MR_CSV_ROW_DELIMITER;
    return out;
}

static size_t
chain_bound(const struct mr_layout *layout, const struct mr_registry_row *row)
{
    return 12 * MRI_FIXED_MAX + strlen(layout->pipeline) +
           strlen(layout->topics[row->place.topic]) + strlen(row->chain.text);
}

enum mr_rc
mr_harvest_chains(const struct mr_layout *layout,
                  struct mr_budget *budget,
                  const struct mr_registry_row *rows,
                  uint32_t count,
                  uint32_t removed,
                  int64_t closed_us,
                  struct mr_body *ret_body)
{
    const struct chain_load load = {layout, closed_us, removed < count};
    struct mri_dates dates = {.day = INT32_MIN};
    struct mr_body body;
    mr_body_init(&body, MR_BODY_CSV, budget);
    for (uint32_t i = 0; i < count; i++) {
        MR_REQUIRE(rows[i].place.topic < layout->topic_count);
        char *start = mr_body_reserve(&body, chain_bound(layout, &rows[i]));
        if (!start) {
            mr_body_fini(&body);
            return MR_MEMORY;
        }
        char *end = put_chain(start, &load, &rows[i], i >= removed, &dates);
        mr_body_advance(&body, (size_t)(end - start));
        body.rows++;
    }
    *ret_body = body;
    return MR_OK;
}

void
mr_harvest_chain_columns(bool removes, struct mr_text *out)
{
    static const char names[] = MR_CHAINS_COLUMNS(NAMED);
    mr_text_add(out, names, sizeof names - 2); /* without the last comma */
    if (removes)
        mr_text_adds(out, ",`__op`");
}
