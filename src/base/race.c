/* Seeded yields at race points, and the end or stop of the process at one that a test names. */
#include "millrace/base/race.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What MILLRACE_AT asks for at one place. */
struct action {
    char place[MR_RACE_PLACE_CHARS + 1]; /* [const] */
    int signal;                          /* [const] */
    uint64_t nth;                        /* [const] */
    _Atomic uint64_t passed;             /* [atomic: relaxed, a count of its own] */
};

static _Atomic uint64_t next_seed = 1; /* [atomic: relaxed, only tells threads apart] */
static _Thread_local uint64_t state;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct action actions[MR_RACE_ACTIONS]; /* [const] after once */
static size_t action_count;                    /* [const] after once */

void
mr_race_seed(uint64_t seed)
{
    atomic_store_explicit(&next_seed, seed | 1, memory_order_relaxed);
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint64_t
draw(void)
{
    if (state == 0)
        state = atomic_fetch_add_explicit(&next_seed, UINT64_C(0x9E3779B97F4A7C15),
                                          memory_order_relaxed) | 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545F4914F6CDD1D);
}

/* Reads `<action>:<place>[:<nth>]` up to end; 0 when it is that. */
static int
read_action(const char *text, const char *end, struct action *action)
{
    char item[MR_RACE_PLACE_CHARS + 32] = "";
    char kind[8] = "", rest = '\0';
    if ((size_t)(end - text) >= sizeof item)
        return -1;
    memcpy(item, text, (size_t)(end - text));
    action->nth = 1;
    int fields = sscanf(item, "%7[a-z]:%63[^:]:%lu%c", kind, action->place, &action->nth, &rest);
    /* Two fields with a second colon are a place whose number is none. */
    const char *place = strchr(item, ':');
    if ((fields != 2 && fields != 3) || action->nth == 0 ||
        (fields == 2 && place[1 + strlen(action->place)] != '\0'))
        return -1;
    if (strcmp(kind, "kill") == 0)
        action->signal = SIGKILL;
    else if (strcmp(kind, "stop") == 0)
        action->signal = SIGSTOP;
    else
        return -1;
    return 0;
}

static void
read_actions(void)
{
    const char *all = getenv("MILLRACE_AT");
    for (const char *item = all; item && *item;) {
        const char *end = strchrnul(item, ',');
        if (action_count == MR_RACE_ACTIONS ||
            read_action(item, end, &actions[action_count]) != 0) {
            dprintf(STDERR_FILENO, "MILLRACE_AT cannot be read: %s\n", all);
            abort();
        }
        action_count++;
        item = *end ? end + 1 : end;
    }
}

static void
act(struct action *action)
{
    /* Relaxed: each pass gets its own number, whatever else the threads do. */
    uint64_t pass = atomic_fetch_add_explicit(&action->passed, 1, memory_order_relaxed) + 1;
    if (pass != action->nth)
        return;
    dprintf(STDERR_FILENO, "race point %s, pass %lu: %s\n", action->place, (unsigned long)pass,
            action->signal == SIGKILL ? "kill" : "stop");
    /* To this thread, which is thus held before it goes on; a signal to the process may be taken by
     * another one a moment later. */
    raise(action->signal);
}

void
mr_race_point(const char *place)
{
    pthread_once(&once, read_actions);
    for (size_t i = 0; i < action_count; i++) {
        if (strcmp(actions[i].place, place) == 0)
            act(&actions[i]);
    }
    uint64_t lot = draw() >> 56;
    if (lot < 2)
        usleep(50);
    else if (lot < 32)
        sched_yield();
}
