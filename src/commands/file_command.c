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

/* The other stages look at the sections that are complete. */
static enum mr_rc
look_further(const struct mr_config *config,
             struct mr_mistakes *mistakes,
             struct mr_plan **ret_plan)
{
    static const char *const for_plan[] = {"pipeline",
                                           "source",
                                           "event",
                                           "detail",
                                           "quarantine",
                                           "rollups",
                                           "sink.starrocks.database"};
    enum mr_rc rc = MR_OK;
    bool sound = true;
    for (size_t i = 0; i < MR_ARRAY_LEN(for_plan); i++) {
        sound = sound && !mr_mistakes_touch(mistakes, for_plan[i]);
    }
    bool source = !mr_mistakes_touch(mistakes, "source");
    if (sound) {
        rc = mr_plan_new(config, mistakes, ret_plan);
    }
    if (source) {
        enum mr_rc properties = mr_consumer_check(config, mistakes);
        rc = rc == MR_OK ? properties : rc;
    }
    mr_config_locate(config, mistakes);
    return rc;
}

enum mr_rc
mri_commands_prepare(const char *file, struct mr_config **ret_config, struct mr_plan **ret_plan)
{
    struct mr_mistakes mistakes = {0};
    enum mr_rc rc = mr_config_load_partly(file, &mistakes, ret_config);
    if (*ret_config) {
        enum mr_rc further = look_further(*ret_config, &mistakes, ret_plan);
        rc = rc == MR_OK ? further : rc;
    }
    if (rc == MR_OK) {
        mr_log_setup((*ret_config)->log.level, (*ret_config)->log.format);
    } else {
        mr_mistakes_print(&mistakes, file, stderr);
        if (mistakes.count == 0) {
            fprintf(stderr, "millrace: %s\nHINT: %s\n", mr_rc_text(rc), mr_rc_hint(rc));
        }
    }
    mr_mistakes_fini(&mistakes);
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
    enum mr_rc rc = mri_commands_prepare(arguments.file, &config, &plan);
    if (rc == MR_OK) {
        rc = (arguments.flag ? command->flag_work : command->work)(config, plan);
    }
    mr_plan_free(&plan);
    mr_config_free(&config);
    return mri_commands_end(rc);
}
