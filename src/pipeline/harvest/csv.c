/* CSV rows: \x01 between columns, \x02 after each row. */
#include "harvest_priv.h"

enum mr_rc
mri_harvest_csv_values(struct mr_body *body,
                       const struct mri_out *columns,
                       const struct mr_value *const *values,
                       uint32_t count,
                       struct mri_dates *dates)
{
    size_t bound = 0;
    for (uint32_t i = 0; i < count; i++)
        bound += mri_harvest_csv_bound(values[i]);
    char *start = mr_body_reserve(body, bound);
    if (!start)
        return MR_MEMORY;
    char *out = start;
    for (uint32_t i = 0; i < count; i++) {
        out = mri_harvest_put_csv(out, &columns[i], values[i], dates);
        *out++ = i + 1 < count ? MR_CSV_COLUMN_SEPARATOR : MR_CSV_ROW_DELIMITER;
    }
    mr_body_advance(body, (size_t)(out - start));
    body->rows++;
    return MR_OK;
}
