/* The sink's registry of chains: the rules of its rows, and the loads that bring them. */
#include "world_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/model/tables.h"

struct world_chain_row *
world_find_chain(const struct world *world, uint32_t partition, const struct mr_chain *chain)
{
    for (uint32_t i = 0; i < world->chain_count; i++)
        if (world->chains[i].partition == partition &&
            mr_chain_equal(&world->chains[i].chain, chain))
            return &world->chains[i];
    return NULL;
}

/* No transaction of a chain that is closed is open: the fence would never find it. */
static void
check_close(const struct world *world, const struct world_chain_row *row)
{
    for (uint32_t i = 0; i < world->txn_count; i++)
        WORLD_NEED(world->txns[i]->state != WORLD_OPEN ||
                       !mr_chain_equal(&world->txns[i]->chain, &row->chain),
                   "partition %u: chain %s is closed, and %s is open", row->partition,
                   row->chain.text, world->txns[i]->label);
}

static void
add_chain(struct world *world, const struct world_chain_row *row)
{
    for (uint32_t i = 0; i < world->chain_count; i++)
        WORLD_NEED(world->chains[i].partition != row->partition || world->chains[i].seq < row->seq,
                   "partition %u: chain %s has number %lld, a former one %lld", row->partition,
                   row->chain.text, (long long)row->seq, (long long)world->chains[i].seq);
    if (world->chain_count == world->chain_capacity) {
        world->chain_capacity = world->chain_capacity ? world->chain_capacity * 2 : 64;
        world->chains = realloc(world->chains, world->chain_capacity * sizeof *world->chains);
        WORLD_NEED(world->chains != NULL, "no memory");
    }
    world->chains[world->chain_count++] = *row;
}

/* A row comes, or is deleted. */
static void
book_chain(struct world *world, const struct world_chain_row *row, bool removes)
{
    struct world_chain_row *old = world_find_chain(world, row->partition, &row->chain);
    WORLD_NEED(old || (!removes && !row->closed), "partition %u: chain %s is closed before it is there",
               row->partition, row->chain.text);
    if (removes) {
        WORLD_NEED(old->closed, "partition %u: open chain %s is deleted", row->partition,
                   row->chain.text);
        world->tallies.removed++;
        *old = world->chains[--world->chain_count];
        return;
    }
    if (row->closed)
        check_close(world, row);
    world->tallies.closed += row->closed;
    world->tallies.announced += !old;
    if (!old)
        add_chain(world, row);
    else
        old->closed = row->closed;
}

static void
read_chain(void *context, const struct world_row *row)
{
    struct world *world = context;
    uint32_t partition = world_row_place(world, world_row_text(row, "topic"),
                                         world_row_number(row, "partition"));
    const char *text = world_row_text(row, "chain");
    struct mr_chain chain;
    WORLD_NEED(text && mr_chain_parse(mr_slice_of(text), &chain), "chain?");
    world_row_need(row, "pipeline", world->layout->pipeline);
    bool removes = strcmp(row->names[row->count - 1], "__op") == 0 &&
                   world_row_number(row, "__op") == 1;
    const struct world_chain_row add = {partition, chain, world_row_number(row, "seq"),
                                        world_row_number(row, "start"),
                                        world_row_text(row, "closed") != NULL};
    book_chain(world, &add, removes);
}

/* The rows of an announcement or of a close. world->lock held. */
static void
apply_registry(struct world *world, const struct mr_load_job *job)
{
    struct world_body body = {NULL, NULL, false};
    world_body_take(&body, job);
    world_body_read(&body, read_chain, world);
    world_body_drop(&body);
}

enum mr_outcome
world_load_registry(struct mr_loader *loader, const struct mr_load_job *job,
                    const _Atomic bool *give_up)
{
    struct world *world = loader->world;
    struct world_event event = {.count = (uint32_t)job->body->rows};
    enum mr_outcome outcome = MR_OUTCOME_DONE;
    char letter = world_parse_label(world, job->label, &event.chain, &event.n);
    WORLD_NEED(strcmp(job->table, MR_CHAINS_TABLE) == 0 && (letter == 'a' || letter == 'z'),
               "label \"%s\", table %s", job->label, job->table);
    event.kind = letter == 'a' ? MR_STEP_ANNOUNCE : MR_STEP_CLOSE;
    bool alive = !world_is_set(&world->dead) && !world_is_set(&world->down);
    bool told = alive && world->options.txn && world->options.txn(world, &event, give_up, &outcome);
    if (!world->options.txn)
        world_take_time(loader, give_up);
    pthread_mutex_lock(&world->lock);
    bool cut = !alive || world_is_set(&world->dead) || world_given_up(loader, give_up) ||
               world_one_in(&loader->dice, world->options.chances.registry);
    if (!told)
        outcome = cut ? MR_OUTCOME_RETRY : MR_OUTCOME_DONE;
    if (!told && alive && (!cut || world_one_in(&loader->dice, 2)))
        apply_registry(world, job);
    if (letter == 'z' && outcome != MR_OUTCOME_DONE)
        world->close_failed = event.chain;
    event.outcome = outcome;
    world_note(world, &event);
    pthread_mutex_unlock(&world->lock);
    return outcome;
}
