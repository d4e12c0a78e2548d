/* A seeded schedule: who goes on next, and what goes wrong; then quiet, in which all must end. */
#include "protocol_sim.h"

#include <string.h>

#define STEPS       4000
#define QUIET_STEPS 60000

static void
rebalance(struct sim_world *world)
{
    world->rebalancing = true;
}

/* A member that is ready has nothing under way; the generation is formed when all are. */
static void
form_generation(struct sim_world *world)
{
    unsigned joined[SIM_MEMBERS], count = 0;
    bool owns[SIM_MEMBERS][SIM_PARTS] = {{false}};
    for (unsigned i = 0; i < SIM_MEMBERS; i++) {
        if (world->members[i].in_group && !world->members[i].ready) {
            return;
        }
        if (world->members[i].in_group) {
            joined[count++] = i;
        }
    }
    if (!world->rebalancing || count == 0 ||
        (count < SIM_MEMBERS && !world->quiet && sim_draw(world, 8) > 0)) {
        return; /* the coordinator waits a little for others */
    }
    world->rebalancing = false;
    world->generation++;
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        owns[joined[sim_draw(world, count)]][p] = true;
    }
    for (unsigned i = 0; i < count; i++) {
        world->members[joined[i]].ready = false;
        sim_member_assign(world, joined[i], owns[joined[i]]);
    }
}

static void
heartbeat(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    if (member->stalled || member->state == SIM_DOWN) {
        return;
    }
    if (member->state == SIM_OUT) {
        if (!member->in_group) {
            member->incarnation++;
            member->in_group = true;
        }
        rebalance(world);
        member->ready = true;
    } else if (!member->in_group) {
        member->seen.lost = true;
    } else if (world->rebalancing && member->state == SIM_LIVE) {
        mr_live_revoke(member->live, sim_draw(world, 2) == 0);
    }
}

static void
crash(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    if (member->state != SIM_DOWN) {
        sim_member_drop(world, index);
        member->state = SIM_DOWN;
        member->stalled = false;
        member->ready = false;
    }
}

/* The session timeout. */
static void
expel(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    if (member->in_group && (member->stalled || member->state == SIM_DOWN)) {
        member->in_group = false;
        member->ready = false;
        rebalance(world);
    }
}

static void
start(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    if (member->state == SIM_DOWN) {
        expel(world, index);
        member->incarnation++;
        member->state = SIM_OUT;
        member->seen =
            (struct mr_standing){.topics_known = true, .metadata_fits = true, .generation = -1};
    }
}

static void
disturb(struct sim_world *world, unsigned index)
{
    switch (sim_draw(world, 8)) {
    case 0:
        if (sim_chance(world, SIM_CRASH, world->members[1 - index].stalled ? 1 : 4)) {
            crash(world, index);
        }
        break;
    case 1:
        if (sim_chance(world, SIM_STALL, 2) && world->members[index].state != SIM_DOWN) {
            world->members[index].stalled = true;
        }
        break;
    case 2:
        world->members[index].stalled &= world->scene == 1 || sim_draw(world, 3) > 0;
        break;
    case 3:
        expel(world, index);
        break;
    case 4:
        if (sim_draw(world, 2) == 0) {
            start(world, index);
        }
        break;
    case 5:
        if (sim_chance(world, SIM_RESTART, 2)) {
            sim_restart_sink(world);
        }
        break;
    case 6:
        if (sim_chance(world, SIM_REBALANCE, 4)) {
            rebalance(world);
        }
        break;
    default:
        break;
    }
}

static void
deliver_delayed(struct sim_world *world)
{
    if (world->delayed_count > 0) {
        uint64_t at = sim_draw(world, world->delayed_count);
        struct sim_request request = world->delayed[at];
        world->delayed[at] = world->delayed[--world->delayed_count];
        (void)sim_execute(world, &request);
    }
}

/* Recoveries take many calls: often several of them happen between two events. */
static void
go_on(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    uint64_t calls = member->state == SIM_RECOVERING ? sim_draw(world, 24) : 0;
    for (uint64_t i = 0; i <= calls && !member->stalled; i++) {
        if (calls > 0) {
            sim_member_answer(world, index);
        }
        if (!member->stalled) {
            sim_member_next(world, index);
        }
    }
}

/* F24 in one piece, for chance alone rarely brings it: an owner stalls and is expelled, a successor
 * loads and goes, and into the empty group the old owner goes on as if nothing had happened. */
static void
play_scene(struct sim_world *world)
{
    struct sim_member *victim = &world->members[world->victim];
    world->scene_steps++;
    if (world->scene == 0 && sim_chance(world, SIM_STALE, 200)) {
        world->victim = (unsigned)sim_draw(world, SIM_MEMBERS);
        victim = &world->members[world->victim];
        if (victim->state == SIM_LIVE && mr_live_may_feed(victim->live)) {
            victim->stalled = true;
            expel(world, world->victim);
            world->scene = 1;
            world->scene_published = world->published;
            world->scene_steps = 0;
        }
    } else if (world->scene == 1 && world->published > world->scene_published &&
               sim_chance(world, SIM_STALE, 20)) {
        crash(world, 1 - world->victim);
        expel(world, 1 - world->victim);
        start(world, 1 - world->victim);
        victim->stalled = false;
        world->scene = 2;
        world->scene_steps = 0;
    } else if (world->scene_steps > (world->scene == 1 ? 1500 : 60)) {
        world->scene = 0;
    }
}

/* Nobody tells the old owner for a while, nor joins. */
static bool
is_deaf(const struct sim_world *world)
{
    return world->scene == 2 && !world->quiet;
}

static void
step(struct sim_world *world)
{
    unsigned index = (unsigned)sim_draw(world, SIM_MEMBERS);
    uint64_t what = sim_draw(world, 100);
    if (what < 34) {
        go_on(world, index);
    } else if (what < 74) {
        sim_member_answer(world, index);
    } else if (what < 78) {
        sim_publish(world);
    } else if (what < 86) {
        if (!is_deaf(world)) {
            heartbeat(world, index);
        }
        form_generation(world);
    } else if (what < 88) {
        deliver_delayed(world);
    } else {
        disturb(world, index);
    }
}

static bool
is_done(const struct sim_world *world)
{
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        for (unsigned o = 0; o < SIM_EVENTS; o++) {
            if (!world->stopped[p] && world->visible[p][o] != 1) {
                return false;
            }
        }
    }
    return true;
}

/* Everything that is still on its way arrives; then no offset may be there twice. */
static void
finish(struct sim_world *world)
{
    world->quiet = true;
    for (unsigned i = 0; i < SIM_MEMBERS; i++) {
        world->members[i].stalled = false;
        expel(world, i);
        start(world, i);
    }
    for (unsigned i = 0; i < QUIET_STEPS && world->failure[0] == '\0' && !is_done(world); i++) {
        step(world);
    }
    while (world->delayed_count > 0) {
        deliver_delayed(world);
    }
    while (world->published < world->publish_count) {
        sim_publish(world);
    }
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        if (!world->stopped[p] && world->ledger[p].end != SIM_EVENTS) {
            sim_fail(world, "the ledger ends elsewhere");
        }
    }
    if (!is_done(world)) {
        sim_fail(world, "lost, or hung");
    }
}

void
sim_run(struct sim_world *world, uint64_t seed, enum sim_mutation mutation, unsigned faults)
{
    memset(world, 0, sizeof *world);
    world->random = seed * 0x9e3779b97f4a7c15U + 1;
    world->mutation = mutation;
    world->faults = faults;
    world->failure = "";
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        world->offset[p] = -1;
    }
    for (unsigned i = 0; i < SIM_MEMBERS; i++) {
        start(world, i);
    }
    for (unsigned i = 0; i < STEPS && world->failure[0] == '\0'; i++) {
        step(world);
        play_scene(world);
    }
    finish(world);
    for (unsigned i = 0; i < SIM_MEMBERS; i++) {
        sim_member_drop(world, i);
    }
}
