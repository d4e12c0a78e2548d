/* Does this server have transactions of several tables that can be trusted? */
#include "pipeline/verify/verify_priv.h"

#include <stdlib.h>

#include "millrace/base/assert.h"

/* Transactions of several tables came with 4.0.0; until corrected, they answered wrongly (a
 * rollback said OK and was not done, a failure was reported as OK, a begin worked twice). 4.0.6 is
 * the first release that surely has the correction. */
#define FIRST_GOOD "4.0.6"

/* The commit's metadata has a bit a data table: rollups, detail, quarantine. */
_Static_assert(MR_MAX_ROLLUPS + 2 <= MR_METADATA_TABLES, "every table has its bit");

struct version {
    char text[160];
    bool found;
};

bool
mri_version_parse(const char *text, uint32_t ret_number[3])
{
    uint32_t number[3] = {0};
    const char *at = text;
    for (unsigned i = 0; i < 3; i++) {
        char *end;
        if (*at < '0' || *at > '9')
            return false;
        unsigned long part = strtoul(at, &end, 10);
        if (part > 9999)
            return false;
        number[i] = (uint32_t)part;
        at = end;
        if (*at != '.' && i == 0)
            return false;
        if (*at != '.')
            break;
        at++;
    }
    if (at[-1] == '.' || (*at && !strchr("- _", *at)))
        return false;
    memcpy(ret_number, number, sizeof number);
    return true;
}

static bool
is_before(const uint32_t a[3], const uint32_t b[3])
{
    for (unsigned i = 0; i < 3; i++)
        if (a[i] != b[i])
            return a[i] < b[i];
    return false;
}

enum mr_rc
mri_version_check(const char *text, const char *where, struct mr_error *reterr_error)
{
    static const uint32_t with_multi[3] = {4, 0, 0};
    uint32_t number[3], first_good[3];
    char quoted[160];
    const char *why = NULL;
    bool known = mri_version_parse(FIRST_GOOD, first_good);
    MR_INSIST(known);
    mr_text_quote(quoted, sizeof quoted, text, strlen(text));
    if (!mri_version_parse(text, number))
        why = "that is no version, so nothing says that it can";
    else if (is_before(number, with_multi))
        why = "it has no transactions of several tables";
    else if (is_before(number, first_good))
        why = "its transactions of several tables answer wrongly (StarRocks pull request 68542)";
    if (!why)
        return MR_OK;
    enum mr_rc rc =
        mr_error_set(reterr_error,
                     MR_TABLE,
                     "StarRocks at %s is version \"%s\" and cannot load exactly once: %s",
                     where,
                     quoted,
                     why);
    mr_error_hint(reterr_error,
                  "upgrade StarRocks to %s or later, or set delivery: at-least-once",
                  FIRST_GOOD);
    return rc;
}

static enum mr_rc
take_version(void *context, const struct mri_row *row)
{
    struct version *version = context;
    version->found = row->count == 1 && row->cells[0];
    if (version->found)
        snprintf(version->text, sizeof version->text, "%s", row->cells[0]);
    return MR_OK;
}

enum mr_rc
mr_sql_check_multi(struct mr_sql *sql, struct mr_error *reterr_error)
{
    struct version version = {.found = false};
    enum mr_rc rc =
        mri_sql_run(sql, "SELECT current_version()", take_version, &version, reterr_error);
    if (rc == MR_OK && !version.found)
        rc = mr_error_set(
            reterr_error, MR_STARROCKS, "StarRocks at %s does not say its version", sql->where);
    return rc == MR_OK ? mri_version_check(version.text, sql->where, reterr_error) : rc;
}
