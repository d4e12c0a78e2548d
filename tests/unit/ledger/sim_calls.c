/* The calls of the simulated group's members: what is in a request, and what becomes of it. */
#include "protocol_sim.h"

#include <string.h>

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

void
sim_send(struct sim_world *world, unsigned index, const struct mr_step *step)
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
            sim_send(world, index, &commit);
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
