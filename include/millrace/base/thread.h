/* Named threads. Threads: start and join belong to the owner. Errors: MR_SYSTEM. */
#pragma once

#include <pthread.h>

#include "millrace/base/attr.h"
#include "millrace/base/rc.h"

struct mr_thread {
    pthread_t handle;
    int started;
};

/* name: at most 15 characters, shown by ps -L. All signals are blocked in the new thread. */
MR_NODISCARD enum mr_rc
mr_thread_start(struct mr_thread *thread, const char *name, void (*run)(void *), void *argument);

/* Does nothing when the thread was never started. */
void
mr_thread_join(struct mr_thread *thread);
