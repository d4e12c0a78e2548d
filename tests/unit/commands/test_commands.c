/* The command line: help, mistakes in it, exit codes, and that results and mistakes go to their
 * streams. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands_case.h"
#include "millrace/base/text.h"
#include "millrace/config.h"
#include "millrace/metrics.h"

Test(commands, no_command_prints_the_help_and_fails)
{
    const struct outcome *said = run("millrace");
    T_INT_EQ(said->code, 2);
    T_STR_EQ(said->out, "");
    T_TRUE(has(said->err, "usage: millrace COMMAND"));
}

Test(commands, help_names_every_command_and_goes_to_stdout)
{
    static const char *const forms[] = {"millrace --help", "millrace -h"};
    for (size_t i = 0; i < MR_ARRAY_LEN(forms); i++) {
        const struct outcome *said = run(forms[i]);
        T_INT_EQ(said->code, 0);
        T_STR_EQ(said->err, "");
        T_TRUE(has(said->out, "\n  run ") && has(said->out, "\n  check ") &&
               has(said->out, "\n  ddl ") && has(said->out, "\n  verify ") &&
               has(said->out, "\n  ledger ") && has(said->out, "\n  version ") &&
               has(said->out, "--list-options"));
    }
}

Test(commands, every_command_has_its_help)
{
    static const char *const names[] = {"run", "check", "ddl", "verify", "ledger", "version"};
    for (size_t i = 0; i < MR_ARRAY_LEN(names); i++) {
        char line[64], usage[64];
        snprintf(line, sizeof line, "millrace %s --help", names[i]);
        snprintf(usage, sizeof usage, "usage: millrace %s", names[i]);
        const struct outcome *said = run(line);
        T_INT_EQ(said->code, 0);
        T_STR_EQ(said->err, "");
        T_TRUE_MSG(strncmp(said->out, usage, strlen(usage)) == 0, "%s", said->out);
    }
}

Test(commands, the_version_is_printed_by_the_command_and_by_the_option)
{
    T_STR_EQ(run("millrace version")->out, "millrace " MR_VERSION "\n");
    T_STR_EQ(run("millrace --version")->out, "millrace " MR_VERSION "\n");
    T_INT_EQ(run("millrace version x")->code, 2);
}

Test(commands, a_word_that_is_no_command_comes_with_a_guess)
{
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"millrace chek x", "millrace: \"chek\" is not a command\nHINT: did you mean \"check\"?\n"},
        {"millrace dll", "millrace: \"dll\" is not a command\nHINT: did you mean \"ddl\"?\n"},
        {"millrace --list-option",
         "millrace: \"--list-option\" is not a command\nHINT: did you mean \"--list-options\"?\n"},
        {"millrace frobnicate",
         "millrace: \"frobnicate\" is not a command\nHINT: millrace --help lists the commands\n"},
        {"millrace \x1b[2J",
         "millrace: \"\\x1B[2J\" is not a command\n"
         "HINT: millrace --help lists the commands\n"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        const struct outcome *said = run(cases[i].line);
        T_INT_EQ(said->code, 2);
        T_STR_EQ(said->out, "");
        T_STR_EQ(said->err, cases[i].expected);
    }
}

Test(commands, wrong_arguments_are_named)
{
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"millrace check", "millrace: check: FILE is missing\nHINT: see millrace check --help\n"},
        {"millrace ddl a b",
         "millrace: ddl: there is more than one FILE\nHINT: see millrace ddl --help\n"},
        {"millrace ddl --aply x",
         "millrace: ddl: unknown option \"--aply\"\n"
         "HINT: did you mean \"--apply\"?\n"},
        {"millrace verify --apply x",
         "millrace: verify: unknown option \"--apply\"\n"
         "HINT: see millrace verify --help\n"},
        {"millrace run -x y",
         "millrace: run: unknown option \"-x\"\nHINT: see millrace run --help\n"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        const struct outcome *said = run(cases[i].line);
        T_INT_EQ(said->code, 2);
        T_STR_EQ(said->err, cases[i].expected);
    }
}

/* What list(out) prints; free it. */
static char *
listed(void (*list)(FILE *out))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    T_TRUE(out != NULL);
    list(out);
    fclose(out);
    return text;
}

Test(commands, the_tables_of_options_and_metrics_are_printed)
{
    char *options = listed(mr_config_list_options), *metrics = listed(mr_metrics_list);
    T_STR_EQ(run("millrace --list-options")->out, options);
    T_STR_EQ(run("millrace --list-metrics")->out, metrics);
    free(options);
    free(metrics);
}

Test(commands, check_says_ok_when_everything_fits)
{
    char folder[32];
    enter_folder(folder);
    const struct outcome *said = run("millrace check good.yaml");
    T_STR_EQ(said->err, "");
    T_STR_EQ(said->out,
             "good.yaml: ok: pipeline orders: topics 1, columns of orders 3, rollups 1\n");
    T_INT_EQ(said->code, 0);
    leave_folder(folder);
}

Test(commands, check_lists_the_mistakes_of_file_schema_and_properties_with_their_lines)
{
    char folder[32];
    enter_folder(folder);
    const struct outcome *said = run("millrace check bad.yaml");
    T_INT_EQ(said->code, 2);
    T_STR_EQ(said->out, "");
    T_TRUE_MSG(has(said->err, "bad.yaml:2: source.kafka.enable.auto.commit: "), "%s", said->err);
    T_TRUE_MSG(has(said->err, "bad.yaml:3: event.time.field: "), "%s", said->err);
    T_TRUE_MSG(has(said->err, "bad.yaml:6: memory: "), "%s", said->err);
    T_TRUE(!has(said->err, "sesame"));
    said = run("millrace check worse.yaml");
    T_INT_EQ(said->code, 2);
    T_TRUE(has(said->err, "worse.yaml:1: memory: \"1\" is out of range"));
    T_TRUE(has(said->err, "HINT: did you mean \"flush\"?"));
    said = run("millrace check worst.yaml");
    T_INT_EQ(said->code, 2);
    T_STR_EQ(said->err,
             "worst.yaml:1: a list stands here; allowed: a map of options\n"
             "HINT: start from a file of schemas/pipelines\n");
    leave_folder(folder);
}

Test(commands, a_file_that_is_not_there_is_a_mistake_of_every_command)
{
    static const char *const lines[] = {"millrace run /nonexistent",
                                        "millrace check /nonexistent",
                                        "millrace ddl /nonexistent",
                                        "millrace verify /nonexistent"};
    for (size_t i = 0; i < MR_ARRAY_LEN(lines); i++) {
        const struct outcome *said = run(lines[i]);
        T_INT_EQ(said->code, 2);
        T_STR_EQ(said->err,
                 "/nonexistent: cannot be read: No such file or directory\n"
                 "HINT: name a YAML file that can be read\n");
    }
}

Test(commands, ddl_prints_every_table_of_the_pipeline)
{
    char folder[32];
    enter_folder(folder);
    const struct outcome *said = run("millrace ddl good.yaml");
    T_INT_EQ(said->code, 0);
    T_STR_EQ(said->err, "");
    static const char *const tables[] = {"`demo`.`orders`",
                                         "`demo`.`orders_quarantine`",
                                         "`demo`.`orders_1m`",
                                         "`demo`.`millrace_ledger`"};
    for (size_t i = 0; i < MR_ARRAY_LEN(tables); i++)
        T_TRUE_MSG(has(said->out, tables[i]), "%s", tables[i]);
    T_TRUE(!has(said->out, "sesame"));
    leave_folder(folder);
}

Test(commands, a_server_that_is_down_is_an_error_with_a_hint_and_its_exit_code)
{
    static const char *const lines[] = {"millrace verify good.yaml",
                                        "millrace ddl --apply good.yaml"};
    char folder[32];
    enter_folder(folder);
    for (size_t i = 0; i < MR_ARRAY_LEN(lines); i++) {
        const struct outcome *said = run(lines[i]);
        T_INT_EQ(said->code, mr_rc_exit(MR_STARROCKS));
        T_STR_EQ(said->out, "");
        T_TRUE_MSG(strncmp(said->err, "millrace: ", 10) == 0, "%s", said->err);
        T_TRUE_MSG(has(said->err, "127.0.0.1:1") && has(said->err, "\nHINT: "), "%s", said->err);
        T_TRUE(!has(said->err, "sesame"));
    }
    leave_folder(folder);
}

Test(commands, an_output_that_takes_nothing_is_an_error)
{
    char version[] = "version", *argv[] = {version, NULL}, err[1024];
    struct redirect to = redirect(stderr);
    int kept = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    fflush(stdout);
    T_TRUE(kept >= 0 && full >= 0 && dup2(full, STDOUT_FILENO) >= 0);
    int code = mr_command_version(1, argv);
    dup2(kept, STDOUT_FILENO);
    clearerr(stdout);
    close(kept);
    close(full);
    restore(&to, err, sizeof err);
    T_INT_EQ(code, mr_rc_exit(MR_SYSTEM));
    T_STR_EQ(err,
             "millrace: standard output cannot be written\n"
             "HINT: is the disk full, or was the reader of the pipe closed?\n");
}
