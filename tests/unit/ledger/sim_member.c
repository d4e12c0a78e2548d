/* A member of the simulated group: it reads, cuts units, and does what its machine says. */
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

/* ---- Requests ---- */

static void
fill_rows(struct sim_member *member, struct sim_request *request)
{
    if (request->step.kind == MR_STEP_CLOSE) {
        memcpy(request->rows, member->open, member->open_count * sizeof *member->open);
        request->row_count = member->open_count;
        for (uint32_t i = 0; i < request->row_count; i++) {
            request->rows[i].closed = true;
        }
        return;
    }
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        if (member->owns[p]) {
            request->rows[request->row_count++] =
                (struct mr_registry_row){.place = {0, (int32_t)p},
                                         .chain = member->chain,
                                         .seq = member->seq[p],
                                         .start = member->chain_start[p]};
        }
    }
}

/* Every commit lists all partitions, idle ones with their offset as start. */
static void
fill_commit(const struct sim_member *member, struct sim_request *request)
{
    bool unit = request->step.kind == MR_STEP_DECIDE || request->step.kind == MR_STEP_READ_UNIT;
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        bool idle = request->unit.start[p] == request->unit.end[p];
        request->offset[p] = member->offset[p];
        request->metadata[p] = member->metadata[p];
        request->metadata[p].in_force = member->chain;
        if (!unit) {
            continue;
        }
        request->metadata[p].last =
            (struct mr_unit_name){request->step.chain, request->step.number};
        request->offset[p] = idle ? member->offset[p] : request->unit.end[p];
        request->metadata[p].start = idle ? member->offset[p] : request->unit.start[p];
    }
}

static void
make_request(struct sim_world *world,
             unsigned index,
             const struct mr_step *step,
             struct sim_request *ret_request)
{
    struct sim_member *member = &world->members[index];
    *ret_request = (struct sim_request){.step = *step,
                                        .member = index,
                                        .incarnation = member->incarnation,
                                        .generation = member->taken.generation};
    if (member->live && step->content > 0) {
        ret_request->unit = member->contents[step->content % SIM_CONTENTS];
        if (world->mutation == SIM_NUMBER_REUSED) {
            ret_request->step.number = step->content;
        }
    }
    memcpy(ret_request->owns, member->owns, sizeof member->owns);
    fill_rows(member, ret_request);
    if (member->live) {
        fill_commit(member, ret_request);
    }
}

/* ---- Calls and answers ---- */

static bool
is_offset_commit(const struct mr_step *step)
{
    return step->kind == MR_STEP_DECIDE || step->kind == MR_STEP_COMMIT_CHAIN;
}

/* A process stops in the worst of moments, perhaps with a request in the network. */
static void
stall_with(struct sim_world *world, struct sim_member *member, struct sim_call *call)
{
    uint64_t of = is_offset_commit(&call->step) ? 12 : call->step.kind == MR_STEP_COMMIT ? 24 : 150;
    if (sim_chance(world, SIM_STALL, of)) {
        member->stalled = true;
        call->held = sim_draw(world, 2) == 0;
    }
}

static void
send(struct sim_world *world, unsigned index, const struct mr_step *step)
{
    struct sim_member *member = &world->members[index];
    for (unsigned i = 0; i < SIM_CALLS; i++) {
        struct sim_call *call = &member->calls[i];
        if (!call->used) {
            *call = (struct sim_call){.used = true, .step = *step};
            make_request(world, index, step, &call->request);
            stall_with(world, member, call);
            return;
        }
    }
    sim_fail(world, "too many calls at once");
}

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
        send(world, index, &step);
    }
}

/* The effect, now, later or never; and what the member is told. */
static void
execute(struct sim_world *world, struct sim_call *call)
{
    call->executed = true;
    if (sim_is_faked(world, &call->request, &call->answer)) {
        return;
    }
    if (sim_is_deferred(world, &call->request)) {
        call->answer = MR_ANSWER_OK;
        return;
    }
    bool commit = is_offset_commit(&call->step);
    bool keep = (!commit || (world->faults & SIM_LATE)) && world->delayed_count < SIM_DELAYED;
    bool lost = sim_chance(world, SIM_LOST, commit ? 5 : 15);
    if (lost && keep && sim_draw(world, 2) == 0) {
        world->delayed[world->delayed_count++] = call->request;
        world->stop_allowed |= commit;
    }
    if (lost && sim_draw(world, 2) == 0) {
        call->answer = MR_ANSWER_LOST;
        return; /* it never arrived, or arrives later */
    }
    call->answer = sim_execute(world, &call->request);
    call->answer = lost ? MR_ANSWER_LOST : call->answer;
}

static void
answer_recovery(struct sim_world *world, struct sim_member *member, struct sim_call *call)
{
    enum mr_rc rc;
    enum mr_answer answer = call->answer;
    sim_narrow(world, member, call->step.kind);
    if (call->request.step.kind == MR_STEP_READ_COMMITTED) {
        rc = mr_recovery_committed(member->recovery, answer, member->read_offsets, SIM_PARTS);
    } else if (call->request.step.kind == MR_STEP_READ_REGISTRY) {
        rc = mr_recovery_registry(
            member->recovery, answer, member->read_rows, member->read_row_count);
    } else if (call->request.step.kind == MR_STEP_READ_LEDGER) {
        rc = mr_recovery_ledger(
            member->recovery, answer, member->read_ledger, member->read_ledger_count);
    } else {
        rc = mr_recovery_answer(member->recovery, answer);
    }
    if (rc != MR_OK) {
        sim_fail(world, "out of memory");
    }
}

static void
take_committed(struct sim_member *member, uint64_t before)
{
    uint64_t content = mr_live_committed(member->live);
    if (content == before) {
        return;
    }
    const struct sim_unit *unit = &member->contents[content % SIM_CONTENTS];
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        if (unit->end[p] > unit->start[p]) {
            member->offset[p] = unit->end[p];
            member->metadata[p].start = unit->start[p];
        }
    }
}

static void
answer_live(struct sim_world *world, unsigned index, struct sim_call *call)
{
    struct sim_member *member = &world->members[index];
    struct mr_standing now = member->seen;
    uint64_t before = mr_live_committed(member->live);
    bool blind = world->mutation == SIM_NO_POST_CHECK && call->answer == MR_ANSWER_OK &&
                 call->request.step.kind == MR_STEP_DECIDE;
    mr_live_answer(member->live, &call->step, call->answer, blind ? &member->taken : &now);
    take_committed(member, before);
    if (blind) {
        struct mr_step commit;
        mr_live_next(member->live, &member->taken, &commit);
        if (commit.kind == MR_STEP_COMMIT) {
            send(world, index, &commit);
        }
    }
}

void
sim_member_answer(struct sim_world *world, unsigned index)
{
    struct sim_member *member = &world->members[index];
    unsigned at = (unsigned)sim_draw(world, SIM_CALLS);
    for (unsigned i = 0; i < SIM_CALLS && !member->calls[at].used; i++) {
        at = (at + 1) % SIM_CALLS;
    }
    struct sim_call *call = &member->calls[at];
    if (!call->used || (call->held && sim_draw(world, 25) > 0)) {
        return;
    }
    call->held = false;
    if (!call->executed) {
        execute(world, call);
        if (sim_draw(world, 2) == 0) {
            return; /* the answer takes its time */
        }
    }
    if (member->stalled) {
        return;
    }
    call->used = false;
    if (call->step.kind == MR_STEP_PAUSE && !member->in_group) {
        member->seen.lost = true; /* a session timeout is enough to know */
    }
    if (member->recovery) {
        answer_recovery(world, member, call);
    } else if (member->live) {
        answer_live(world, index, call);
    }
}
