/* Arguments → command → exit code. What must be set up once a process, before any thread, stands
 * here. The MySQL client sets itself up at the first connection. */
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "millrace/base/rc.h"
#include "millrace/commands.h"

/* Where the caller closed stdin, stdout or stderr, the next socket would take its number, and log
 * lines would be sent to whoever is at the other end. Read-only: writing stays an error. */
static bool
hold_standard_files(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
    return fd > STDERR_FILENO;
}

int
main(int argc, char **argv)
{
    if (!hold_standard_files())
        return mr_rc_exit(MR_SYSTEM);
    /* A peer that goes away is an error of one write, not the end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)fputs("millrace: libcurl cannot be set up\n", stderr);
        return mr_rc_exit(MR_SYSTEM);
    }
    int code = mr_commands_main(argc, argv);
    curl_global_cleanup();
    return code;
}
