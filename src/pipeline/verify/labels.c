/* How long the server remembers the labels of finished transactions: its own configuration says so, to
 * users with an administrator's privilege. */
#include "pipeline/verify/verify_priv.h"

#include <stdlib.h>
#include <string.h>

static bool
parse_positive(const char *text, int64_t *ret_value)
{
    char *end;
    long long value = text ? strtoll(text, &end, 10) : 0;
    if (value <= 0 || *end != '\0')
        return false;
    *ret_value = value;
    return true;
}

enum mr_rc
mri_label_row(void *context, const struct mri_row *row)
{
    struct mr_label_memory *memory = context;
    const char *key = mri_cell_named(row, "Key"), *value = mri_cell_named(row, "Value");
    if (key && strcasecmp(key, "label_keep_max_num") == 0)
        (void)parse_positive(value, &memory->count);
    if (key && strcasecmp(key, "label_keep_max_second") == 0)
        (void)parse_positive(value, &memory->seconds);
    return MR_OK;
}

enum mr_rc
mr_sql_label_memory(struct mr_sql *sql, struct mr_label_memory *ret_memory,
                    struct mr_error *reterr_error)
{
    struct mr_label_memory memory = {0, 0};
    enum mr_rc rc = mri_sql_run(sql, "ADMIN SHOW FRONTEND CONFIG LIKE 'label_keep_max%'",
                                mri_label_row, &memory, reterr_error);
    if (rc != MR_OK) {
        if (mri_sql_denied(sql))
            mr_error_hint(reterr_error, "GRANT OPERATE ON SYSTEM TO USER, to have it read");
        return rc;
    }
    if (memory.count == 0 || memory.seconds == 0)
        return mr_error_set(reterr_error, MR_STARROCKS,
                            "StarRocks at %s does not say label_keep_max_num and label_keep_max_second",
                            sql->where);
    *ret_memory = memory;
    return MR_OK;
}
