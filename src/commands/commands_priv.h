/* What the subcommands share: arguments, and from a file to a configuration and its plan. */
#pragma once

#include <stdio.h>

#include "millrace/base/error.h"
#include "millrace/config.h"
#include "millrace/decode.h"

typedef enum mr_rc (*mri_command_fn)(const struct mr_config *config, const struct mr_plan *plan);

/* A command of the form `millrace NAME [--FLAG] FILE`. */
struct mri_file_command {
    const char *name;
    const char *about; /* sentences for --help, ended with \n */
    mri_command_fn work;
    const char *flag; /* the one flag, or NULL */
    const char *flag_about;
    mri_command_fn flag_work; /* instead of work when the flag is given */
};

/* Parses the arguments; reads the file; prints every mistake in it, in the schema and in the
 * properties to stderr; else sets the log up and works. Returns the exit code. */
int mri_commands_file(const struct mri_file_command *command, int argc, char **argv);

/* Configuration, schema and properties of a file; all their mistakes go to stderr, none hides
 * another. What is returned is freed by the caller in any case. */
enum mr_rc
mri_commands_prepare(const char *file, struct mr_config **ret_config, struct mr_plan **ret_plan);

/* The exit code for a wrong command line, after the sentence and the hint. */
int mri_commands_usage(const char *hint, const char *format, ...) MR_PRINTF(2, 3);

/* The error and its hint on stderr; returns rc. */
enum mr_rc mri_commands_report(const struct mr_error *error, enum mr_rc rc);

/* The exit code of rc, or of a stdout that took not all that was written. */
int mri_commands_end(enum mr_rc rc);
