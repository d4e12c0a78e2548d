/* Log grabber: what the log writes to stderr between start and stop. One at a time, on the test's
 * thread. Memory: 32 KiB inside the struct; more is cut. */
#pragma once

struct log_grab {
    int saved, file;
    char text[32768];
};

void log_grab_start(struct log_grab *grab);

/* grab->text is complete and ends with a NUL. */
void log_grab_stop(struct log_grab *grab);

/* How often `what` stands in the text. */
int log_grab_count(const struct log_grab *grab, const char *what);
