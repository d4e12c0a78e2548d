/* Outcome of anything that was asked of StarRocks. Policy sits in one place (load), never here.
 * Threads: plain values. */
#pragma once

enum mr_outcome {
    MR_OUTCOME_DONE,      /* in: committed, perhaps visible a little later */
    MR_OUTCOME_RETRY,     /* not in; the same label again after a pause */
    MR_OUTCOME_RECONNECT, /* not in and nothing sent: another host or connection at once */
    MR_OUTCOME_REJECTED,  /* not in; these bytes will never pass */
    MR_OUTCOME_UNKNOWN,   /* may be in: only the label's fate can tell */
    MR_OUTCOME_FATAL      /* not in; configuration, privilege or schema: a person must act */
};

/* "done", "retry", …; static. */
const char *
mr_outcome_name(enum mr_outcome outcome);
