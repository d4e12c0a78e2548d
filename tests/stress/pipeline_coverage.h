/* Which ways the rounds of stress_pipeline took. */
#pragma once

#include "world.h"

/* Which ways were taken, over all rounds: a run that avoids them has shown nothing. */
struct coverage {
    double cut_memory, cut_keys, cut_rows, cut_time, cut_stop, paused_s;
    double peak; /* greatest use of the budget, as a part of its limit */
    struct world_tallies tallies;
};

/* Prints what was counted; true when every way of rounds at least once was taken. */
bool covered(const struct coverage *coverage);

/* The same for rounds exactly once. */
bool covered_exact(const struct coverage *coverage);
