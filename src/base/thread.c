/* Named threads with all signals blocked: only the main thread receives them. */
#include "millrace/base/thread.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct start {
    void (*run)(void *);
    void *argument;
    char name[16];
};

static void *
enter(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    start.run(start.argument);
    return NULL;
}

enum mr_rc
mr_thread_start(struct mr_thread *thread, const char *name, void (*run)(void *), void *argument)
{
    struct start *start = calloc(1, sizeof *start);
    sigset_t all, before;
    if (!start)
        return MR_MEMORY;
    start->run = run;
    start->argument = argument;
    strncpy(start->name, name, sizeof start->name - 1);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread->handle, NULL, enter, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        free(start);
        return MR_SYSTEM;
    }
    thread->started = 1;
    return MR_OK;
}

void
mr_thread_join(struct mr_thread *thread)
{
    if (!thread->started)
        return;
    pthread_join(thread->handle, NULL);
    thread->started = 0;
}
