/* Which ways the rounds took: told, and judged. */
#include "pipeline_coverage.h"

#include <stdio.h>

bool
covered(const struct coverage *coverage)
{
    const struct world_tallies *t = &coverage->tallies;
    printf("cuts by memory %.0f, keys %.0f, rows %.0f, time %.0f, stop %.0f; paused %.1f s; "
           "orderly %llu, lost %llu, refused: commits %llu, connections %llu; loads %llu, rejected "
           "%llu, fatal %llu, given up %llu, late %llu; JSON bodies %llu; memory at most %.0f %%\n",
           coverage->cut_memory, coverage->cut_keys, coverage->cut_rows, coverage->cut_time,
           coverage->cut_stop, coverage->paused_s, (unsigned long long)t->orderly,
           (unsigned long long)t->lost, (unsigned long long)t->commits_refused,
           (unsigned long long)t->sql_refused, (unsigned long long)t->loads,
           (unsigned long long)t->rejected, (unsigned long long)t->fatal,
           (unsigned long long)t->given_up, (unsigned long long)t->late,
           (unsigned long long)t->odd_bodies, 100 * coverage->peak);
    return coverage->cut_memory > 0 && coverage->cut_keys > 0 && coverage->cut_rows > 0 &&
           coverage->cut_time > 0 && coverage->cut_stop > 0 && coverage->paused_s > 0 &&
           t->orderly > 0 && t->lost > 0 && t->commits_refused > 0 && t->sql_refused > 0 &&
           t->given_up > 0 && t->fatal > 0 && t->odd_bodies > 0;
}

bool
covered_exact(const struct coverage *coverage)
{
    const struct world_tallies *t = &coverage->tallies;
    const struct {
        const char *name;
        uint64_t count;
    } ways[] = {{"begun", t->begun},
                {"committed", t->committed},
                {"rolled back", t->rolled_back},
                {"aborted after the decision", t->aborted},
                {"cancelled by a restart", t->cancelled},
                {"calls without an answer", t->lost_calls},
                {"refused at the COMMIT", t->refused},
                {"trials", t->trials},
                {"chains announced", t->announced},
                {"closed", t->closed},
                {"deleted", t->removed},
                {"decided", t->decided},
                {"decisions without an answer", t->offsets_lost},
                {"in part", t->offsets_partial},
                {"fenced", t->fenced},
                {"left after a good answer", t->moved},
                {"orderly rebalances", t->orderly},
                {"losses", t->lost},
                {"replays", t->replays},
                {"restarts", t->restarts},
                {"kills", t->kills}};
    bool all = true;
    for (size_t i = 0; i < MR_ARRAY_LEN(ways); i++) {
        printf("%s%s %llu", i > 0 ? ", " : "exactly once: ", ways[i].name,
               (unsigned long long)ways[i].count);
        all &= ways[i].count > 0;
    }
    printf("\n");
    return all;
}
