/* What verify reads by SQL: the ledger and the registry as they are visible. */
#include "world_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/verify.h"

/* ---- the connection and the tables ---- */

enum mr_rc
mr_sql_connect(const struct mr_config *config, struct mr_sql **ret_sql,
               struct mr_error *reterr_error)
{
    struct world *world = world_now;
    (void)config;
    pthread_mutex_lock(&world->lock);
    bool refused = world_one_in(&world->sql_dice, world->options.chances.sql_refused) ||
                   atomic_load_explicit(&world->down, memory_order_relaxed) ||
                   atomic_load_explicit(&world->dead, memory_order_relaxed);
    world->tallies.sql_refused += refused;
    pthread_mutex_unlock(&world->lock);
    if (refused)
        return mr_error_set(reterr_error, MR_STARROCKS, "the world refuses the connection");
    struct mr_sql *sql = calloc(1, sizeof *sql);
    if (!sql)
        return mr_error_set(reterr_error, MR_MEMORY, "no memory");
    sql->world = world;
    *ret_sql = sql;
    return MR_OK;
}

void
mr_sql_close(struct mr_sql **sql)
{
    free(*sql);
    *sql = NULL;
}

enum mr_rc
mr_sql_label_memory(struct mr_sql *sql, struct mr_label_memory *ret_memory,
                    struct mr_error *reterr_error)
{
    (void)sql;
    (void)reterr_error;
    *ret_memory = (struct mr_label_memory){1000000, 259200};
    return MR_OK;
}

enum mr_rc
mr_ddl_check(struct mr_sql *sql, const struct mr_config *config, const struct mr_layout *layout,
             struct mr_error *reterr_error)
{
    (void)config;
    (void)layout;
    if (sql->world->options.tables_refused == 0)
        return MR_OK;
    sql->world->options.tables_refused--;
    return mr_error_set(reterr_error, MR_TABLE, "table \"events\" is missing");
}

enum mr_rc
mr_sql_connect_leader(const struct mr_config *config, struct mr_sql **ret_sql,
                      struct mr_error *reterr_error)
{
    return mr_sql_connect(config, ret_sql, reterr_error);
}

enum mr_rc
mr_sql_check_multi(struct mr_sql *sql, struct mr_error *reterr_error)
{
    (void)sql;
    (void)reterr_error;
    return MR_OK;
}

void
mr_other_topics_fini(struct mr_other_topics *topics)
{
    (void)topics; /* the world's rows are all of configured topics */
}

enum mr_rc
mr_ddl_print(const struct mr_config *config, const struct mr_layout *layout, FILE *out)
{
    (void)config;
    (void)layout;
    return fputs("the world's tables\n", out) < 0 ? MR_INTERNAL : MR_OK;
}

/* ---- the ledger ---- */

enum mr_rc
mr_sql_ledger(struct mr_sql *sql, const struct mr_layout *layout, struct mr_span *spans,
              uint32_t count, struct mr_error *reterr_error)
{
    struct world *world = sql->world;
    (void)layout;
    (void)reterr_error;
    pthread_mutex_lock(&world->lock);
    world_publish(world);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = world_place(spans[i].topic, spans[i].partition);
        const struct world_ledger_row *row = &world->ledger[place];
        spans[i].end = row->there ? row->end : -1;
        if (!row->there)
            continue;
        const struct world_sums *sums = &world->sums[place][row->end];
        spans[i].start = row->start;
        spans[i].event_time_us = sums->event_time_us;
        spans[i].totals = (struct mr_totals){.consumed = sums->consumed, .detail = sums->detail,
                                             .quarantined = sums->quarantined,
                                             .tombstones = sums->tombstones,
                                             .rollups = {sums->detail, sums->detail}};
    }
    pthread_mutex_unlock(&world->lock);
    return MR_OK;
}

static struct mr_place
place_of(uint32_t partition)
{
    return (struct mr_place){(uint16_t)(partition % WORLD_TOPICS),
                             (int32_t)(partition / WORLD_TOPICS)};
}

enum mr_rc
mr_sql_ledger_ends(struct mr_sql *sql, const struct mr_layout *layout, struct mr_other_topics *topics,
                   struct mr_ledger_row **ret_rows, uint32_t *ret_count,
                   struct mr_error *reterr_error)
{
    struct world *world = sql->world;
    struct mr_ledger_row *rows = calloc(WORLD_PARTITIONS, sizeof *rows);
    uint32_t count = 0;
    (void)layout;
    (void)topics;
    (void)reterr_error;
    WORLD_NEED(rows != NULL, "no memory");
    pthread_mutex_lock(&world->lock);
    world_publish(world);
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        if (world->ledger[i].there)
            rows[count++] = (struct mr_ledger_row){place_of(i),
                                                   {world->ledger[i].chain, world->ledger[i].unit},
                                                   world->ledger[i].end};
    const struct world_event event = {.kind = MR_STEP_READ_LEDGER, .count = count,
                                      .recovering = true};
    world_note(world, &event);
    pthread_mutex_unlock(&world->lock);
    *ret_rows = rows;
    *ret_count = count;
    return MR_OK;
}

/* ---- the registry ---- */

/* Rows of the registry that `wanted` picks. */
static enum mr_rc
pick_rows(struct world *world, const bool *wanted, struct mr_registry_row **ret_rows,
          uint32_t *ret_count)
{
    struct mr_registry_row *rows = calloc(world->chain_count + 1, sizeof *rows);
    uint32_t count = 0;
    WORLD_NEED(rows != NULL, "no memory");
    for (uint32_t i = 0; i < world->chain_count; i++)
        if (wanted[i])
            rows[count++] = (struct mr_registry_row){place_of(world->chains[i].partition),
                                                     world->chains[i].chain, world->chains[i].seq,
                                                     world->chains[i].start, 1741000000000000,
                                                     world->chains[i].closed};
    *ret_rows = rows;
    *ret_count = count;
    return MR_OK;
}

/* Rows of the places and of the chains. */
static bool *
want_rows(const struct world *world, const struct mr_place *places, uint32_t place_count,
          const struct mr_chain *chains, uint32_t chain_count)
{
    bool *wanted = calloc(world->chain_count + 1, sizeof *wanted);
    WORLD_NEED(wanted != NULL, "no memory");
    for (uint32_t i = 0; i < world->chain_count; i++) {
        for (uint32_t k = 0; k < place_count; k++)
            wanted[i] |= world_place(places[k].topic, places[k].partition) ==
                         world->chains[i].partition;
        for (uint32_t k = 0; k < chain_count; k++)
            wanted[i] |= mr_chain_equal(&chains[k], &world->chains[i].chain);
    }
    return wanted;
}

enum mr_rc
mr_sql_registry(struct mr_sql *sql, const struct mr_layout *layout, struct mr_other_topics *topics,
                const struct mr_place *places, uint32_t place_count, const struct mr_chain *chains,
                uint32_t chain_count, struct mr_registry_row **ret_rows, uint32_t *ret_count,
                struct mr_error *reterr_error)
{
    struct world *world = sql->world;
    (void)layout;
    (void)topics;
    (void)reterr_error;
    pthread_mutex_lock(&world->lock);
    bool *wanted = want_rows(world, places, place_count, chains, chain_count);
    bool *named = want_rows(world, NULL, 0, chains, chain_count);
    for (uint32_t i = 0; i < world->chain_count; i++) /* open ones of the partitions of the chains */
        for (uint32_t k = 0; !world->chains[i].closed && k < world->chain_count; k++)
            wanted[i] |= named[k] && world->chains[k].partition == world->chains[i].partition;
    enum mr_rc rc = pick_rows(world, wanted, ret_rows, ret_count);
    const struct world_event event = {.kind = MR_STEP_READ_REGISTRY, .count = *ret_count,
                                      .recovering = true};
    world_note(world, &event);
    pthread_mutex_unlock(&world->lock);
    free(wanted);
    free(named);
    return rc;
}

enum mr_rc
mr_sql_chain(struct mr_sql *sql, const struct mr_layout *layout, struct mr_other_topics *topics,
             const struct mr_chain *chain, struct mr_registry_row **ret_rows, uint32_t *ret_count,
             struct mr_error *reterr_error)
{
    struct world *world = sql->world;
    (void)layout;
    (void)topics;
    (void)reterr_error;
    pthread_mutex_lock(&world->lock);
    bool *wanted = want_rows(world, NULL, 0, chain, 1);
    enum mr_rc rc = pick_rows(world, wanted, ret_rows, ret_count);
    const struct world_event event = {.kind = MR_STEP_FIND_ANNOUNCE, .chain = *chain,
                                      .count = *ret_count};
    world_note(world, &event);
    pthread_mutex_unlock(&world->lock);
    free(wanted);
    return rc;
}

/* Time is short in the world: every closed row that no offset's metadata names is old. */
enum mr_rc
mr_sql_chains_closed_before(struct mr_sql *sql, const struct mr_layout *layout,
                            const struct mr_place *places, uint32_t place_count, int64_t before_us,
                            struct mr_registry_row **ret_rows, uint32_t *ret_count,
                            struct mr_error *reterr_error)
{
    struct world *world = sql->world;
    (void)layout;
    (void)reterr_error;
    WORLD_NEED(before_us < mr_clock_wall_us() - (int64_t)86400 * 1000000, "rows of today are deleted");
    pthread_mutex_lock(&world->lock);
    bool *wanted = want_rows(world, places, place_count, NULL, 0);
    for (uint32_t i = 0; i < world->chain_count; i++) {
        wanted[i] &= world->chains[i].closed;
        for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
            wanted[i] &= strstr(world->metadata[p], world->chains[i].chain.text) == NULL;
    }
    enum mr_rc rc = pick_rows(world, wanted, ret_rows, ret_count);
    pthread_mutex_unlock(&world->lock);
    free(wanted);
    return rc;
}
