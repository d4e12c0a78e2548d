/* The checks, one after another, and what they say together. */
#include <stdlib.h>

#include "pipeline/verify/verify_priv.h"

enum mr_rc
mri_verify_run(struct mri_verification *v, struct mr_text *query, mri_row_fn each, void *context)
{
    enum mr_rc rc = query->overflow
                        ? mr_error_set(v->error, MR_MEMORY, "no memory for a query")
                        : mri_sql_run(v->sql, mr_text_str(query), each, context, v->error);
    mr_text_reset(query);
    return rc;
}

static enum mr_rc
check_all(struct mri_verification *v)
{
    bool append = v->layout->key_count == 0;
    enum mr_rc rc = mri_verify_read_parts(v);
    for (uint32_t i = 0; i < v->part_count && rc == MR_OK; i++)
        mri_verify_part(v, &v->parts[i]);
    for (uint32_t i = 0; i < v->layout->rollup_count && rc == MR_OK; i++) {
        rc = mri_verify_rollup_count(v, i);
        if (rc == MR_OK && append)
            rc = mri_verify_windows(v, i);
    }
    if (rc == MR_OK && !append)
        mri_verify_collapsed(v);
    if (rc == MR_OK && v->part_count == 0)
        mr_text_addf(&v->report.notes,
                     "%s has no row of pipeline '%s': nothing was loaded yet\n",
                     MR_LEDGER_TABLE,
                     v->layout->pipeline);
    if (rc == MR_OK && (v->report.overflow || v->report.notes.overflow))
        rc = mr_error_set(v->error, MR_MEMORY, "no memory for the list of checks");
    return rc;
}

enum mr_rc
mr_verify(struct mr_sql *sql,
          const struct mr_layout *layout,
          FILE *out,
          struct mr_error *reterr_error)
{
    struct mri_verification v = {.sql = sql, .layout = layout, .error = reterr_error};
    enum mr_rc rc = check_all(&v);
    if (rc == MR_OK)
        mri_report_print(&v.report, out);
    if (rc == MR_OK && v.report.different > 0)
        rc = mr_error_set(reterr_error,
                          MR_DIFFERENT,
                          "%u of %u checks differ",
                          v.report.different,
                          v.report.count);
    mri_report_fini(&v.report);
    free(v.parts);
    return rc;
}
