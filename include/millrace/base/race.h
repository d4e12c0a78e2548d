/* Race points: places in lock-free code at which a stress build yields or sleeps, by a seeded
 * draw, so that rare interleavings become common. Nothing in other builds.
 * Threads: any. The place is a constant string "stage.step.where". */
#pragma once

#include <stdint.h>

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
