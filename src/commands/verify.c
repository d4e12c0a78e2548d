/* millrace verify FILE: reads the tables back and compares them. */
#include <stdio.h>

#include "commands_priv.h"
#include "millrace/commands.h"
#include "millrace/verify.h"

static enum mr_rc
verify(const struct mr_config *config, const struct mr_plan *plan)
{
    struct mr_sql *sql = NULL;
    struct mr_error error = {0};
    enum mr_rc rc = mr_sql_connect_patient(config, &sql, &error);
    if (rc == MR_OK) {
        rc = mr_verify(sql, mr_plan_layout(plan), stdout, &error);
    }
    mr_sql_close(&sql);
    return rc == MR_OK ? rc : mri_commands_report(&error, rc);
}

int
mr_command_verify(int argc, char **argv)
{
    static const struct mri_file_command command = {
        .name = "verify",
        .about =
            "Compares the ledger's control totals with the tables, and every rollup with the same\n"
            "aggregation over the detail table. Prints the checks and the windows that differ;\n"
            "exit code 1 when one does.\n",
        .work = verify,
    };
    return mri_commands_file(&command, argc, argv);
}
