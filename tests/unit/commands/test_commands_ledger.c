/* The command line of ledger: its help, mistakes in it, and a server that is down. */
#include <string.h>

#include "commands_case.h"

Test(commands_ledger, the_actions_of_ledger_share_one_help)
{
    static const char *const forms[] = {"millrace ledger -h",
                                        "millrace ledger show --help",
                                        "millrace ledger accept-reset --rewind --help",
                                        "millrace ledger forget -h x y"};
    for (size_t i = 0; i < MR_ARRAY_LEN(forms); i++) {
        const struct outcome *said = run(forms[i]);
        T_INT_EQ(said->code, 0);
        T_STR_EQ(said->err, "");
        T_TRUE(has(said->out, "usage: millrace ledger show ") && has(said->out, "forget --yes"));
    }
}

Test(commands_ledger, wrong_arguments_of_ledger_are_named)
{
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"millrace ledger", "millrace: ledger: say show, accept-reset or forget\n"},
        {"millrace ledger shw x",
         "millrace: ledger: \"shw\" is not show, accept-reset or forget\n"
         "HINT: did you mean \"show\"?\n"},
        {"millrace ledger \n x",
         "millrace: ledger: \"\\x0A\" is not show, accept-reset or forget\n"},
        {"millrace ledger show", "millrace: ledger show: FILE is missing\n"},
        {"millrace ledger forget a b", "millrace: ledger forget: there is more than one FILE\n"},
        {"millrace ledger show --yes x", "millrace: ledger: unknown option \"--yes\"\n"},
        {"millrace ledger forget --rewind x", "millrace: ledger: unknown option \"--rewind\"\n"},
        {"millrace ledger accept-reset --yes x", "millrace: ledger: unknown option \"--yes\"\n"},
        {"millrace ledger show --nothing x", "millrace: ledger: unknown option \"--nothing\"\n"},
        {"millrace ledger show --partition 1 x",
         "millrace: ledger show: --partition needs --topic\n"},
        {"millrace ledger show --topic t --partition -1 x",
         "millrace: ledger: no number of a partition: \"-1\"\n"},
        {"millrace ledger show --topic t --partition 2147483648 x",
         "millrace: ledger: no number of a partition: \"2147483648\"\n"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        const struct outcome *said = run(cases[i].line);
        T_INT_EQ(said->code, 2);
        T_STR_EQ(said->out, "");
        T_TRUE_MSG(
            strncmp(said->err, cases[i].expected, strlen(cases[i].expected)) == 0, "%s", said->err);
        T_TRUE(has(said->err, "\nHINT: "));
    }
}

Test(commands_ledger, ledger_without_a_server_names_it_and_changes_nothing)
{
    char folder[32];
    enter_folder(folder);
    static const char *const lines[] = {"millrace ledger show good.yaml",
                                        "millrace ledger accept-reset good.yaml",
                                        "millrace ledger forget --yes good.yaml"};
    for (size_t i = 0; i < MR_ARRAY_LEN(lines); i++) {
        const struct outcome *said = run(lines[i]);
        T_INT_EQ(said->code, 4);
        T_STR_EQ(said->out, "");
        T_TRUE_MSG(has(said->err, "millrace: StarRocks at 127.0.0.1:1"), "%s", said->err);
    }
    T_INT_EQ(run("millrace ledger show bad.yaml")->code, 2);
    leave_folder(folder);
}
