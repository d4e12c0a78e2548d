/* millrace version. */
#include <stdio.h>
#include <string.h>

#include "commands_priv.h"
#include "millrace/commands.h"

int
mr_command_version(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("usage: millrace version\n\nPrints the version.\n");
    } else if (argc == 1) {
        printf("millrace %s\n", MR_VERSION);
    } else {
        return mri_commands_usage("see millrace version --help", "version takes no arguments");
    }
    return mri_commands_end(MR_OK);
}
