/* Commands: the subcommands of the program, one file each in src/commands.
 * Purpose: arguments → work → exit code. Results go to stdout, mistakes and errors to stderr.
 * Threads: main's. Memory: everything is freed before a command returns. Errors: the exit code, as
 * the table in the README lists them (base/rc.def); 2 for a wrong command line.
 * Limits: curl and the MySQL client must be initialised before; SIGPIPE must be ignored. */
#pragma once

/* argv[0] is the program, argv[1] the command or a global option. Returns the exit code. */
int
mr_commands_main(int argc, char **argv);

/* argv[0] is the name of the command. Each takes FILE, and --help. */
int
mr_command_run(int argc, char **argv);

int
mr_command_check(int argc, char **argv);

int
mr_command_ddl(int argc, char **argv);

int
mr_command_verify(int argc, char **argv);

/* argv[1] is show, accept-reset or forget. */
int
mr_command_ledger(int argc, char **argv);

int
mr_command_version(int argc, char **argv);
