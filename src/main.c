/* Arguments → command → exit code. What must be set up once a process, before any thread, stands
 * here. The MySQL client sets itself up at the first connection. */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>

#include "millrace/base/rc.h"
#include "millrace/commands.h"

int
main(int argc, char **argv)
{
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
