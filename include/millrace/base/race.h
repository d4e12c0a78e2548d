/* Race points: places at which a stress build yields or sleeps, by a seeded draw, so that rare
 * interleavings become common, and at which a test may end or stop the whole process. Nothing in
 * other builds.
 * MILLRACE_AT=<action>:<place>[:<nth>][,…] in the environment: kill (SIGKILL) or stop (SIGSTOP) of
 * this process when it passes the place for the nth time, the first unless said; a line on stderr
 * says so before. A text that cannot be read aborts: a fault that never comes would prove nothing.
 * Threads: any. The place is a string "stage.step.where". Memory: static.
 * Limits: MR_RACE_ACTIONS actions, places of MR_RACE_PLACE_CHARS. */
#pragma once

#include <stdint.h>

#define MR_RACE_ACTIONS 8
#define MR_RACE_PLACE_CHARS 63

#ifdef MR_RACE_POINTS
#define MR_RACE_POINT(place) mr_race_point(place)
#else
#define MR_RACE_POINT(place) ((void)0)
#endif

/* Seeds the draws of threads that have not passed a race point yet. */
void
mr_race_seed(uint64_t seed);

void
mr_race_point(const char *place);
