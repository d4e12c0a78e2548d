/* millrace ledger show | accept-reset | forget FILE: where each partition stands, and the decisions
 * about it that are an operator's alone. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_priv.h"
#include "millrace/base/text.h"
#include "millrace/commands.h"

enum { OPTION_HELP = 'h', OPTION_TOPIC = 1, OPTION_PARTITION, OPTION_REWIND, OPTION_YES };

struct action {
    const char *name;
    enum mr_rc (*work)(struct mri_ledger *ledger);
    int option; /* that only this action has; 0: none */
};

static const struct action actions[] = {
    {"show", mri_ledger_show, 0},
    {"accept-reset", mri_ledger_accept, OPTION_REWIND},
    {"forget", mri_ledger_forget, OPTION_YES},
};

static const char hint[] = "see millrace ledger --help";

static void
print_help(void)
{
    fputs(
        "usage: millrace ledger show         [--topic T [--partition P]] FILE\n"
        "       millrace ledger accept-reset [--rewind] [--topic T [--partition P]] FILE\n"
        "       millrace ledger forget --yes [--topic T [--partition P]] FILE\n\n"
        "show: where each partition ends in StarRocks and in the consumer group, and what the "
        "next\n"
        "run would make of it. Changes nothing.\n\n"
        "accept-reset: partitions that stop because the group's offset was reset go on at that\n"
        "offset: what lies between it and the ledger's end is left out, or counted again. With\n"
        "--rewind they go on at the ledger's end, also after the tables were restored.\n\n"
        "forget: deletes the ledger's and the registry's rows and the group's offsets, for a first\n"
        "start; without --yes it only lists them. The other tables keep their rows.\n\n"
        "accept-reset and forget need a group without members: stop every run first.\n\n"
        "  --topic T        this topic only\n"
        "  --partition P    this partition of it only\n"
        "  --help           this text\n",
        stdout);
}

static const struct action *
find_action(const char *word)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(actions); i++) {
        if (strcmp(actions[i].name, word) == 0) {
            return &actions[i];
        }
    }
    return NULL;
}

static int
unknown_action(const char *word)
{
    const char *words[MR_ARRAY_LEN(actions)];
    char shown[64], guess[96];
    for (size_t i = 0; i < MR_ARRAY_LEN(actions); i++) {
        words[i] = actions[i].name;
    }
    const char *closest = mr_text_closest(word, words, MR_ARRAY_LEN(words));
    snprintf(guess, sizeof guess, "did you mean \"%s\"?", closest ? closest : "");
    return mri_commands_usage(closest ? guess : hint,
                              "ledger: \"%s\" is not show, accept-reset or forget",
                              mr_text_quote(shown, sizeof shown, word, strlen(word)));
}

static bool
read_partition(const char *text, int32_t *ret_partition)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno != 0 || value > INT32_MAX) {
        return false;
    }
    *ret_partition = (int32_t)value;
    return true;
}

static int
wrong_word(const char *word, const char *what)
{
    char shown[64];
    return mri_commands_usage(
        hint, "ledger: %s \"%s\"", what, mr_text_quote(shown, sizeof shown, word, strlen(word)));
}

/* One option; 0, or the exit code of a wrong command line. */
static int
take_option(const struct action *action,
            int option,
            const char *word,
            struct mri_ledger_arguments *arguments)
{
    if (option == OPTION_TOPIC) {
        arguments->topic = optarg;
    } else if (option == OPTION_PARTITION) {
        return read_partition(optarg, &arguments->partition)
                   ? 0
                   : wrong_word(optarg, "no number of a partition:");
    } else if (option != action->option) {
        return wrong_word(word, "unknown option");
    } else if (option == OPTION_REWIND) {
        arguments->rewind = true;
    } else {
        arguments->yes = true;
    }
    return 0;
}

/* 0: *ret_arguments is filled, ->file NULL for --help; else the exit code. argv[0] is the action.
 */
static int
parse(const struct action *action,
      int argc,
      char **argv,
      struct mri_ledger_arguments *ret_arguments)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, OPTION_HELP},
        {"topic", required_argument, NULL, OPTION_TOPIC},
        {"partition", required_argument, NULL, OPTION_PARTITION},
        {"rewind", no_argument, NULL, OPTION_REWIND},
        {"yes", no_argument, NULL, OPTION_YES},
        {NULL, 0, NULL, 0},
    };
    struct mri_ledger_arguments arguments = {.partition = -1};
    int option, wrong = 0;
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    while (!wrong && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            *ret_arguments = (struct mri_ledger_arguments){.partition = -1};
            return 0;
        }
        wrong = take_option(action, option, argv[optind - 1], &arguments);
    }
    if (wrong) {
        return wrong;
    }
    if (arguments.partition >= 0 && !arguments.topic) {
        return mri_commands_usage(hint, "ledger %s: --partition needs --topic", action->name);
    }
    if (argc - optind != 1) {
        return mri_commands_usage(hint,
                                  "ledger %s: %s",
                                  action->name,
                                  argc == optind ? "FILE is missing"
                                                 : "there is more than one FILE");
    }
    arguments.file = argv[optind];
    *ret_arguments = arguments;
    return 0;
}

static int
act(const struct action *action, const struct mri_ledger_arguments *arguments)
{
    struct mr_config *config = NULL;
    struct mr_plan *plan = NULL;
    enum mr_rc rc = mri_commands_prepare(arguments->file, &config, &plan);
    if (rc == MR_OK) {
        struct mri_ledger ledger;
        rc = mri_ledger_open(&ledger, config, mr_plan_layout(plan), arguments);
        if (rc == MR_OK) {
            rc = action->work(&ledger);
        }
        if (rc != MR_OK) {
            (void)mri_commands_report(&ledger.error, rc);
        }
        mri_ledger_close(&ledger);
    }
    mr_plan_free(&plan);
    mr_config_free(&config);
    return mri_commands_end(rc);
}

int
mr_command_ledger(int argc, char **argv)
{
    struct mri_ledger_arguments arguments = {0};
    if (argc < 2) {
        return mri_commands_usage(hint, "ledger: say show, accept-reset or forget");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return mri_commands_end(MR_OK);
    }
    const struct action *action = find_action(argv[1]);
    if (!action) {
        return unknown_action(argv[1]);
    }
    int wrong = parse(action, argc - 1, argv + 1, &arguments);
    if (wrong) {
        return wrong;
    }
    if (!arguments.file) {
        print_help();
        return mri_commands_end(MR_OK);
    }
    return act(action, &arguments);
}
