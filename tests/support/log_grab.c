/* Log grabber: stderr goes to a nameless file meanwhile. */
#include "log_grab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

void
log_grab_start(struct log_grab *grab)
{
    char path[] = "/tmp/log_grab_XXXXXX";
    (void)fflush(stderr);
    grab->saved = dup(STDERR_FILENO);
    grab->file = mkstemp(path);
    T_TRUE(grab->saved >= 0 && grab->file >= 0);
    T_INT_EQ(unlink(path), 0);
    T_TRUE(dup2(grab->file, STDERR_FILENO) >= 0);
}

void
log_grab_stop(struct log_grab *grab)
{
    (void)dup2(grab->saved, STDERR_FILENO);
    ssize_t len = pread(grab->file, grab->text, sizeof grab->text - 1, 0);
    T_TRUE(len >= 0);
    grab->text[len] = '\0';
    (void)close(grab->saved);
    (void)close(grab->file);
}

int
log_grab_count(const struct log_grab *grab, const char *what)
{
    int found = 0;
    for (const char *p = strstr(grab->text, what); p; p = strstr(p + 1, what))
        found++;
    return found;
}
