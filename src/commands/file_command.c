/* Commands that work on a file: its arguments, its configuration, its plan. */
#include "commands_priv.h"

#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include "millrace/base/log.h"
#include "millrace/base/text.h"
#include "millrace/consume.h"

enum { OPTION_HELP = 'h', OPTION_FLAG = 1 };

struct arguments {
    const char *file;
    bool flag, help;
};

static void
print_help(const struct mri_file_command *command)
{
    printf("usage: millrace %s%s%s%s FILE\n\n%s",
           command->name,
           command->flag ? " [--" : "",
           command->flag ? command->flag : "",
           command->flag ? "]" : "",
           command->about);
    if (command->flag) {
        printf("\n  --%-8s %s\n", command->flag, command->flag_about);
    }
    printf("%s  --help     this text\n", command->flag ? "" : "\n");
}

static int
wrong_option(const struct mri_file_command *command, const char *word)
{
    char shown[64], hint[96];
    const char *words[] = {"--help", NULL};
    char flag[32] = "";
    if (command->flag) {
        snprintf(flag, sizeof flag, "--%s", command->flag);
        words[1] = flag;
    }
    const char *closest = mr_text_closest(word, words, command->flag ? 2 : 1);
    if (closest) {
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", closest);
    } else {
        snprintf(hint, sizeof hint, "see millrace %s --help", command->name);
    }
    return mri_commands_usage(hint,
                              "%s: unknown option \"%s\"",
                              command->name,
                              mr_text_quote(shown, sizeof shown, word, strlen(word)));
}

/* 0: *ret_arguments is filled; else the exit code of a wrong command line. */
static int
parse(const struct mri_file_command *command,
      int argc,
      char **argv,
      struct arguments *ret_arguments)
{
    const struct option options[] = {
        {"help", no_argument, NULL, OPTION_HELP},
        {command->flag, no_argument, NULL, OPTION_FLAG}, /* a NULL name ends the list */
        {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {0};
    char hint[64];
    int option;
    snprintf(hint, sizeof hint, "see millrace %s --help", command->name);
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == '?') {
            return wrong_option(command, argv[optind - 1]);
        }
        arguments.help = arguments.help || option == OPTION_HELP;
        arguments.flag = arguments.flag || option == OPTION_FLAG;
    }
    if (!arguments.help && argc - optind != 1) {
        return mri_commands_usage(hint,
                                  "%s: %s",
                                  command->name,
                                  argc == optind ? "FILE is missing"
                                                 : "there is more than one FILE");
    }
    arguments.file = argv[optind];
    *ret_arguments = arguments;
    return 0;
}

/* Configuration, schema and properties; all their mistakes go to stderr, none hides another. */
static enum mr_rc
prepare(const char *file, struct mr_config **ret_config, struct mr_plan **ret_plan)
{
    struct mr_mistakes mistakes = {0};
    struct mr_config *config = NULL;
    enum mr_rc rc = mr_config_load(file, &mistakes, &config);
    if (rc == MR_OK) {
        rc = mr_plan_new(config, &mistakes, ret_plan);
        enum mr_rc properties = mr_consumer_check(config, &mistakes);
        rc = rc == MR_OK ? properties : rc;
        mr_config_locate(config, &mistakes);
        mr_log_setup(config->log.level, config->log.format);
    }
    if (rc != MR_OK) {
        mr_mistakes_print(&mistakes, file, stderr);
        if (mistakes.count == 0) {
            fprintf(stderr, "millrace: %s\nHINT: %s\n", mr_rc_text(rc), mr_rc_hint(rc));
        }
        mr_plan_free(ret_plan);
        mr_config_free(&config);
    }
    mr_mistakes_fini(&mistakes);
    *ret_config = config;
    return rc;
}

int
mri_commands_file(const struct mri_file_command *command, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct mr_config *config = NULL;
    struct mr_plan *plan = NULL;
    int wrong = parse(command, argc, argv, &arguments);
    if (wrong) {
        return wrong;
    }
    if (arguments.help) {
        print_help(command);
        return mri_commands_end(MR_OK);
    }
    enum mr_rc rc = prepare(arguments.file, &config, &plan);
    if (rc == MR_OK) {
        rc = (arguments.flag ? command->flag_work : command->work)(config, plan);
    }
    mr_plan_free(&plan);
    mr_config_free(&config);
    return mri_commands_end(rc);
}
