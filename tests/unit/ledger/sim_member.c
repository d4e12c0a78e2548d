/* A member of the simulated group: it recovers, cuts units, and asks its machine what is next. */
#include "protocol_sim.h"

#include <string.h>

static struct mr_chain
draw_chain(struct sim_world *world)
{
    uint8_t bits[MR_CHAIN_BYTES];
    struct mr_chain chain;
    for (unsigned i = 0; i < MR_CHAIN_BYTES; i++) {
        bits[i] = (uint8_t)sim_draw(world, 256);
    }
    mr_chain_make(bits, &chain);
    return chain;
}

static void
drop_machines(struct sim_member *member)
{
    if (member->recovery) {
        mr_recovery_free(&member->recovery);
    }
    if (member->live) {
        mr_live_free(&member->live);
    }
}

/* What was sent may still arrive. */
void
sim_member_drop(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    for (unsigned i = 0; i < SIM_CALLS; i++) {
        struct sim_call *call = &member->calls[i];
        if (call->used && !call->executed && world->delayed_count < SIM_DELAYED &&
            sim_chance(world, SIM_LOST, 2)) {
            world->delayed[world->delayed_count++] = call->request;
        }
        call->used = false;
    }
    for (uint32_t i = 0; world->mutation == SIM_DECIDE_BEFORE_COMMITTED && i < world->delayed_count;
         i++) {
        if (world->delayed[i].member == index) {
            world->delayed[i--] = world->delayed[--world->delayed_count]; /* never sent */
        }
    }
    drop_machines(member);
}

static void
recover(struct sim_world *world, struct sim_member *member)
{
    struct mr_place places[SIM_PARTS];
    struct mr_recovery_options options = {.config = 1};
    uint32_t count = 0;
    drop_machines(member);
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        if (member->owns[p]) {
            places[count++] = (struct mr_place){0, (int32_t)p};
        }
    }
    world->recoveries++;
    member->state = SIM_RECOVERING;
    if (mr_recovery_new(places, count, &member->taken, &options, &member->recovery) != MR_OK) {
        sim_fail(world, "out of memory");
    }
}

void
sim_member_assign(struct sim_world *world, unsigned index, const bool owns[SIM_PARTS])
{
    struct sim_member *member = &world->members[index];
    sim_member_drop(world, index);
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        member->owns[p] = owns[p] && !world->stopped[p];
    }
    member->seen.lost = false;
    member->seen.generation = world->generation;
    member->seen.member = member->incarnation;
    member->seen.epoch++;
    member->taken = member->seen;
    recover(world, member);
}

/* ---- From verdicts to a chain ---- */

static void
take_verdict(struct sim_world *world, struct sim_member *member, const struct mr_verdict *verdict)
{
    unsigned p = (unsigned)verdict->place.partition;
    bool replay = verdict->kind == MR_VERDICT_REPLAY;
    world->alarms += verdict->alarms != 0;
    if (verdict->kind == MR_VERDICT_STOP) {
        world->stopped[p] = true;
        world->stops++;
        member->owns[p] = false;
        if (!world->stop_allowed) {
            sim_fail(world, "needless stop");
        }
        return;
    }
    int64_t first = verdict->kind == MR_VERDICT_FIRST ? 0 : verdict->start;
    bool old = world->mutation == SIM_START_AT_COMMITTED && verdict->committed >= 0;
    first = old ? verdict->committed : first;
    replay = replay && !old;
    member->seq[p] = verdict->seq;
    member->chain_start[p] = first;
    member->position[p] = replay ? verdict->end : first;
    member->offset[p] = verdict->committed >= 0 ? verdict->committed : first;
    member->metadata[p] = verdict->metadata;
    if (verdict->committed < 0) {
        member->metadata[p] =
            (struct mr_metadata){.pipeline = "sim", .start = first, .event_time_us = INT64_MIN};
    }
    member->metadata[p].config = 1;
    member->replay.start[p] = replay ? first : 0;
    member->replay.end[p] = replay ? verdict->end : 0;
    member->must_replay |= replay;
}

static void
take_open(struct sim_world *world, struct sim_member *member)
{
    uint32_t count = 0;
    const struct mr_registry_row *rows = mr_recovery_open(member->recovery, &count);
    if (count > SIM_OPEN) {
        sim_fail(world, "too many open rows");
        count = SIM_OPEN;
    }
    if (count > 0) {
        memcpy(member->open, rows, count * sizeof *rows);
    }
    member->open_count = count;
}

static void
end_recovery(struct sim_world *world, struct sim_member *member)
{
    uint32_t count = 0;
    const struct mr_verdict *verdicts = mr_recovery_verdicts(member->recovery, &count);
    member->must_replay = false;
    memset(&member->replay, 0, sizeof member->replay);
    for (uint32_t i = 0; i < count; i++) {
        take_verdict(world, member, &verdicts[i]);
    }
    take_open(world, member);
    mr_recovery_free(&member->recovery);
    world->replays += member->must_replay;
    member->chain = draw_chain(world);
    member->fed = 0;
    member->state = SIM_LIVE;
    if (mr_live_new(&member->chain, &member->taken, member->open_count > 0, &member->live) !=
        MR_OK) {
        sim_fail(world, "out of memory");
    }
}

/* ---- Units ---- */

static void
feed(struct sim_world *world, struct sim_member *member)
{
    struct sim_unit *unit = &member->contents[(member->fed + 1) % SIM_CONTENTS];
    bool some = false;
    memset(unit, 0, sizeof *unit);
    if (member->must_replay) {
        *unit = member->replay;
        member->must_replay = false;
        some = true;
    } else {
        for (unsigned p = 0; p < SIM_PARTS; p++) {
            int64_t left = SIM_EVENTS - member->position[p];
            int64_t take = left > 0 ? (int64_t)sim_draw(world, 3) : 0;
            if (member->owns[p] && take > 0) {
                unit->start[p] = member->position[p];
                unit->end[p] = member->position[p] + (take < left ? take : left);
                member->position[p] = unit->end[p];
                some = true;
            }
        }
    }
    if (some) {
        mr_live_feed(member->live, ++member->fed);
        world->units++;
    }
}

/* ---- What is next ---- */

static void
leave(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    sim_member_drop(world, index);
    member->state = SIM_OUT;
    member->ready = true;
    world->left++;
}

static void
end_live(struct sim_world *world, unsigned index, enum mr_outcome_end end)
{
    struct sim_member *member = &world->members[index];
    if (end == MR_END_RECOVER) {
        recover(world, member);
    } else {
        leave(world, index);
    }
}

void
sim_member_next(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    struct mr_step step = {.kind = MR_STEP_NONE};
    if (member->recovery) {
        for (unsigned i = 0; i < SIM_CALLS; i++) {
            if (member->calls[i].used) {
                return; /* one at a time */
            }
        }
        mr_recovery_next(member->recovery, &member->seen, &step);
    } else if (member->live) {
        if (mr_live_may_feed(member->live) && sim_draw(world, world->quiet ? 2 : 6) == 0) {
            feed(world, member);
        }
        mr_live_next(member->live, &member->seen, &step);
    }
    world->pauses += step.kind == MR_STEP_PAUSE;
    if (step.kind == MR_STEP_END && step.end == MR_END_RECOVERED) {
        end_recovery(world, member);
    } else if (step.kind == MR_STEP_END) {
        end_live(world, index, step.end);
    } else if (step.kind != MR_STEP_NONE) {
        sim_send(world, index, &step);
    }
}
