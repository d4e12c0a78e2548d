/* millrace ddl FILE: prints the tables of a pipeline; --apply creates what is missing. */
#include <stdio.h>

#include "commands_priv.h"
#include "millrace/commands.h"
#include "millrace/verify.h"

static enum mr_rc
print(const struct mr_config *config, const struct mr_plan *plan)
{
    return mr_ddl_print(config, mr_plan_layout(plan), stdout);
}

static enum mr_rc
apply(const struct mr_config *config, const struct mr_plan *plan)
{
    struct mr_sql *sql = NULL;
    struct mr_error error = {0};
    enum mr_rc rc = mr_sql_connect_patient(config, &sql, &error);
    if (rc == MR_OK) {
        rc = mr_ddl_apply(sql, config, mr_plan_layout(plan), stdout, &error);
    }
    mr_sql_close(&sql);
    return rc == MR_OK ? rc : mri_commands_report(&error, rc);
}

int
mr_command_ddl(int argc, char **argv)
{
    static const struct mri_file_command command = {
        .name = "ddl",
        .about =
            "Prints the StarRocks tables and views of the pipeline: detail, quarantine, rollups\n"
            "and the ledger.\n",
        .work = print,
        .flag = "apply",
        .flag_about = "creates what is missing; names each difference of what exists, exit code 5",
        .flag_work = apply,
    };
    return mri_commands_file(&command, argc, argv);
}
