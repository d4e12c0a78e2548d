/* Private to src/pipeline/harvest: columns of a target, and values as CSV or JSON text. */
#pragma once

#include "millrace/harvest.h"

#include "millrace/base/clock.h"
#include "millrace/model/tables.h"

/* How a value is written. The CSV text of a kind is also what JSON carries, bare or in quotes. */
enum mri_kind {
    MRI_KIND_STRING,
    MRI_KIND_INT,      /* i64 */
    MRI_KIND_LARGEINT, /* dec, scale 0 */
    MRI_KIND_DECIMAL,  /* dec */
    MRI_KIND_DOUBLE,   /* text, or f64 when there is none */
    MRI_KIND_BOOL,
    MRI_KIND_TIMESTAMP,
    MRI_KIND_DATE,
    MRI_KIND_JSON
};

struct mri_out {
    const char *name, *suffix;
    enum mri_kind kind;
    uint8_t scale;
    uint8_t digits; /* of a number, at most */
};

/* A number, a date, a time: at most 40 digits, sign, point. */
#define MRI_FIXED_MAX  48
/* No unit has 10^13 events. */
#define MRI_COUNT_DIGITS 13
#define MRI_DETAIL_MAX (MR_MAX_COLUMNS + 3)
#define MRI_ROLLUP_MAX (1 + MR_MAX_DIMS + 2 * MR_MAX_MEASURES)

/* The date written last: events come in time order, nearly. Starts with day = INT32_MIN. */
struct mri_dates {
    int32_t day;
    char text[10];
};

/* columns.c — The columns of a detail or rollup row, in order. Returns their number. */
uint32_t mri_harvest_detail(const struct mr_layout *layout, struct mri_out *ret_columns);
uint32_t mri_harvest_rollup(const struct mr_layout *layout,
                            const struct mr_rollup *rollup,
                            struct mri_out *ret_columns);

/* put.c — Each writes at out and returns its end. */
char *mri_harvest_put_int(char *out, int64_t value);
char *mri_harvest_put_decimal(char *out, __int128 value, unsigned scale);
char *mri_harvest_put_double(char *out, double value);
char *mri_harvest_put_time(char *out, int64_t instant_us, struct mri_dates *dates);
char *mri_harvest_put_hex(char *out, const char *bytes, size_t len);

/* CSV text of one value, without separator; needs mri_harvest_csv_bound bytes. */
char *mri_harvest_put_csv(char *out,
                          const struct mri_out *column,
                          const struct mr_value *value,
                          struct mri_dates *dates);

static inline size_t
mri_harvest_csv_bound(const struct mr_value *value)
{
    return MRI_FIXED_MAX + value->text.len;
}

/* json.c — One row as one line. text[i]: CSV text of column i; p = NULL for NULL. */
MR_NODISCARD enum mr_rc mri_harvest_json_row(struct mr_body *body,
                                             const struct mri_out *columns,
                                             const struct mr_slice *texts,
                                             uint32_t count);

/* csv.c, json.c — One row from values; counts it. */
MR_NODISCARD enum mr_rc mri_harvest_csv_values(struct mr_body *body,
                                               const struct mri_out *columns,
                                               const struct mr_value *const *values,
                                               uint32_t count,
                                               struct mri_dates *dates);
MR_NODISCARD enum mr_rc mri_harvest_json_values(struct mr_body *body,
                                                const struct mri_out *columns,
                                                const struct mr_value *const *values,
                                                uint32_t count,
                                                struct mri_dates *dates);

/* transcode.c — Moves the rows of a CSV body that we wrote to the end of a JSON body; csv is empty
 * afterwards. */
MR_NODISCARD enum mr_rc mri_harvest_transcode(struct mr_body *csv,
                                              struct mr_body *json,
                                              const struct mri_out *columns,
                                              uint32_t count);

/* rollup.c — A rollup's body: CSV, or JSON when a value needs it. */
MR_NODISCARD enum mr_rc mri_harvest_drain(const struct mr_layout *layout,
                                          struct mr_budget *budget,
                                          struct mr_fold_unit *unit,
                                          uint32_t rollup,
                                          struct mr_body *ret_body);

/* rows.c — What one worker encoded. */
struct mr_rows {
    const struct mr_layout *layout;
    struct mr_budget *budget;
    size_t raw_bytes_max;
    struct mr_body csv, json, quarantine;
    struct mri_dates dates;
    uint32_t column_count;
    struct mri_out columns[MRI_DETAIL_MAX];
};
