/* The table of commands, global options and help. */
#include "millrace/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "commands_priv.h"
#include "millrace/base/attr.h"
#include "millrace/base/text.h"
#include "millrace/metrics.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments;
    const char *about;
};

static const struct command commands[] = {
    {"run", mr_command_run, "FILE", "consume, aggregate and load until a signal ends it"},
    {"check",
     mr_command_check,
     "[--live] FILE",
     "list every mistake; --live also asks Kafka and StarRocks"},
    {"ddl", mr_command_ddl, "[--apply] FILE", "print the tables; --apply creates what is missing"},
    {"verify", mr_command_verify, "FILE", "prove that the tables say what the stream said"},
    {"ledger",
     mr_command_ledger,
     "ACTION FILE",
     "show where each partition stands; accept-reset, forget: an operator's decisions"},
    {"version", mr_command_version, "", "print the version"},
};

int
mri_commands_usage(const char *hint, const char *format, ...)
{
    va_list args;
    fputs("millrace: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nHINT: %s\n", hint);
    return mr_rc_exit(MR_USAGE);
}

enum mr_rc
mri_commands_report(const struct mr_error *error, enum mr_rc rc)
{
    fprintf(stderr, "millrace: %s\n", error->text[0] ? error->text : mr_rc_text(rc));
    const char *hint = error->hint[0] ? error->hint : mr_rc_hint(rc);
    if (hint[0]) {
        fprintf(stderr, "HINT: %s\n", hint);
    }
    return rc;
}

int
mri_commands_end(enum mr_rc rc)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return mr_rc_exit(rc);
    }
    fputs("millrace: standard output cannot be written\n"
          "HINT: is the disk full, or was the reader of the pipe closed?\n",
          stderr);
    return mr_rc_exit(rc == MR_OK ? MR_SYSTEM : rc);
}

static void
print_help(FILE *out)
{
    fputs("millrace brings events from Kafka into StarRocks: every event once, as detail rows and\n"
          "as rollups, and proves it by reading the tables back.\n\n"
          "usage: millrace COMMAND [OPTION] FILE\n\n",
          out);
    for (size_t i = 0; i < MR_ARRAY_LEN(commands); i++) {
        fprintf(
            out, "  %-8s %-15s %s\n", commands[i].name, commands[i].arguments, commands[i].about);
    }
    fputs("\n  --list-options           every option of FILE: default, what is allowed, meaning\n"
          "  --list-metrics           every metric of /metrics\n"
          "  --version                print the version\n"
          "  --help                   this text; millrace COMMAND --help says more\n\n"
          "FILE is YAML or JSON; schemas/pipelines holds examples. The exit code is 0 when all is\n"
          "well; the README lists the others.\n",
          out);
}

static int
help_option(void)
{
    print_help(stdout);
    return mri_commands_end(MR_OK);
}

static int
version_option(void)
{
    char name[] = "version";
    return mr_command_version(1, (char *[]){name, NULL});
}

static int
list_options(void)
{
    mr_config_list_options(stdout);
    return mri_commands_end(MR_OK);
}

static int
list_metrics(void)
{
    mr_metrics_list(stdout);
    return mri_commands_end(MR_OK);
}

struct global_option {
    const char *name;
    int (*run)(void);
};

static const struct global_option global_options[] = {
    {"--help", help_option},
    {"-h", help_option},
    {"--version", version_option},
    {"--list-options", list_options},
    {"--list-metrics", list_metrics},
};

static int
unknown_word(const char *word)
{
    const char *words[MR_ARRAY_LEN(commands) + MR_ARRAY_LEN(global_options)];
    unsigned count = 0;
    char shown[64], hint[96] = "millrace --help lists the commands";
    for (size_t i = 0; i < MR_ARRAY_LEN(commands); i++) {
        words[count++] = commands[i].name;
    }
    for (size_t i = 0; i < MR_ARRAY_LEN(global_options); i++) {
        words[count++] = global_options[i].name;
    }
    const char *closest = mr_text_closest(word, words, count);
    if (closest) {
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", closest);
    }
    return mri_commands_usage(
        hint, "\"%s\" is not a command", mr_text_quote(shown, sizeof shown, word, strlen(word)));
}

int
mr_commands_main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return mr_rc_exit(MR_USAGE);
    }
    for (size_t i = 0; i < MR_ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    for (size_t i = 0; i < MR_ARRAY_LEN(global_options); i++) {
        if (strcmp(argv[1], global_options[i].name) == 0) {
            return global_options[i].run();
        }
    }
    return unknown_word(argv[1]);
}
