/* The simulated sink and coordinator: the effects of calls. */
#include "protocol_sim.h"

#include <string.h>

uint64_t
sim_draw(struct sim_world *world, uint64_t below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (world->random >> 11) % below;
}

bool
sim_chance(struct sim_world *world, unsigned fault, uint64_t of)
{
    return !world->quiet && (world->faults & fault) && sim_draw(world, of) == 0;
}

void
sim_fail(struct sim_world *world, const char *failure)
{
    if (world->failure[0] == '\0') {
        world->failure = failure;
    }
}

/* ---- The sink ---- */

static struct sim_label *
find_label(struct sim_world *world, const struct mr_step *step)
{
    for (uint32_t i = world->label_count; i > 0; i--) {
        struct sim_label *label = &world->labels[i - 1];
        if (label->name.n == step->number && mr_chain_equal(&label->name.chain, &step->chain)) {
            return label;
        }
    }
    return NULL;
}

/* An aborted label may be begun again, as the server allows. */
static enum mr_answer
begin(struct sim_world *world, const struct sim_request *request)
{
    struct sim_label *label = find_label(world, &request->step);
    if (label && label->state != SIM_ABORTED) {
        return MR_ANSWER_ALREADY;
    }
    if (!label && world->label_count == SIM_LABELS) {
        sim_fail(world, "too many labels");
        return MR_ANSWER_ERROR;
    }
    label = label ? label : &world->labels[world->label_count++];
    *label = (struct sim_label){.name = {request->step.chain, request->step.number},
                                .state = SIM_OPENED};
    return MR_ANSWER_OK;
}

/* A load that comes twice is in twice. */
static enum mr_answer
load(struct sim_world *world, const struct sim_request *request)
{
    struct sim_label *label = find_label(world, &request->step);
    if (!label || (label->state != SIM_OPENED && label->state != SIM_LOADED)) {
        return MR_ANSWER_ERROR;
    }
    label->state = SIM_LOADED;
    label->unit = request->unit;
    label->loads++;
    return MR_ANSWER_OK;
}

static enum mr_answer
commit(struct sim_world *world, const struct sim_request *request)
{
    struct sim_label *label = find_label(world, &request->step);
    if (!label || label->state == SIM_ABORTED) {
        return label ? MR_ANSWER_ABORTED : MR_ANSWER_UNKNOWN;
    }
    if (label->state == SIM_COMMITTED || label->state == SIM_VISIBLE) {
        return MR_ANSWER_ALREADY;
    }
    label->state = SIM_COMMITTED;
    world->publish[world->publish_count++] = (uint32_t)(label - world->labels);
    return MR_ANSWER_OK;
}

static enum mr_answer
rollback(struct sim_world *world, const struct sim_request *request)
{
    struct sim_label *label = find_label(world, &request->step);
    if (!label) {
        return MR_ANSWER_UNKNOWN;
    }
    if (label->state == SIM_COMMITTED || label->state == SIM_VISIBLE) {
        return MR_ANSWER_ALREADY;
    }
    label->state = SIM_ABORTED;
    return MR_ANSWER_OK;
}

static enum mr_answer
state(struct sim_world *world, const struct sim_request *request)
{
    struct sim_label *label = find_label(world, &request->step);
    if (!label || label->state == SIM_OPENED || label->state == SIM_LOADED) {
        return MR_ANSWER_UNKNOWN; /* open ones are hidden, as early servers do */
    }
    return label->state == SIM_ABORTED     ? MR_ANSWER_ABORTED
           : label->state == SIM_COMMITTED ? MR_ANSWER_ALREADY
                                           : MR_ANSWER_OK;
}

static void
show(struct sim_world *world, const struct sim_label *label, unsigned p)
{
    for (int64_t o = label->unit.start[p]; o < label->unit.end[p]; o++) {
        world->visible[p][o] += (int)label->loads;
        if (world->visible[p][o] > 1) {
            sim_fail(world, "doubled");
        }
    }
    if (label->unit.end[p] > label->unit.start[p]) {
        world->ledger[p] = (struct mr_ledger_row){{0, (int32_t)p}, label->name, label->unit.end[p]};
    }
}

void
sim_publish(struct sim_world *world)
{
    if (world->published == world->publish_count) {
        return;
    }
    struct sim_label *label = &world->labels[world->publish[world->published++]];
    label->state = SIM_VISIBLE;
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        show(world, label, p);
    }
}

void
sim_restart_sink(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->label_count; i++) {
        if (world->labels[i].state == SIM_OPENED || world->labels[i].state == SIM_LOADED) {
            world->labels[i].state = SIM_ABORTED;
        }
    }
}

static struct mr_registry_row *
find_row(struct sim_world *world, const struct mr_registry_row *row)
{
    for (uint32_t i = 0; i < world->row_count; i++) {
        if (world->rows[i].place.partition == row->place.partition &&
            mr_chain_equal(&world->rows[i].chain, &row->chain)) {
            return &world->rows[i];
        }
    }
    return NULL;
}

static enum mr_answer
upsert(struct sim_world *world, const struct sim_request *request)
{
    for (uint32_t i = 0; i < request->row_count; i++) {
        struct mr_registry_row *row = find_row(world, &request->rows[i]);
        if (!row && world->row_count == SIM_ROWS) {
            sim_fail(world, "too many registry rows");
            return MR_ANSWER_ERROR;
        }
        row = row ? row : &world->rows[world->row_count++];
        *row = request->rows[i];
    }
    return MR_ANSWER_OK;
}

static enum mr_answer
find_announce(struct sim_world *world, const struct sim_request *request)
{
    for (uint32_t i = 0; i < request->row_count; i++) {
        if (!find_row(world, &request->rows[i])) {
            return MR_ANSWER_UNKNOWN;
        }
    }
    return MR_ANSWER_OK;
}

/* ---- The coordinator ---- */

/* Ownership of a partition is not checked: only membership and generation are. */
static bool
is_accepted(struct sim_world *world, const struct sim_request *request)
{
    struct sim_member *member = &world->members[request->member];
    bool same = member->incarnation == request->incarnation;
    bool empty = true;
    for (unsigned i = 0; i < SIM_MEMBERS; i++) {
        empty = empty && !world->members[i].in_group;
    }
    if (same && member->in_group && request->generation == world->generation) {
        return true;
    }
    if (empty && same && (world->faults & SIM_STALE) && !world->quiet) {
        member->seen.generation = -1; /* with which the client sent it */
        world->stop_allowed = true;
        return true;
    }
    return false;
}

static enum mr_answer
commit_offsets(struct sim_world *world, const struct sim_request *request)
{
    if (!is_accepted(world, request)) {
        return MR_ANSWER_FENCED;
    }
    bool refuse = sim_chance(world, SIM_REFUSED, 6);
    unsigned refused = (unsigned)sim_draw(world, SIM_PARTS);
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        if (!request->owns[p] || (refuse && p == refused)) {
            continue;
        }
        world->offset[p] = request->offset[p];
        mr_metadata_encode(&request->metadata[p], world->metadata[p]);
    }
    world->stop_allowed |= refuse;
    world->members[request->member].stalled |= refuse && sim_chance(world, SIM_STALL, 2);
    return refuse ? MR_ANSWER_ERROR : MR_ANSWER_OK;
}

/* What every partition of the request must say. */
static enum mr_answer
read_back(const struct sim_world *world, const struct sim_request *request)
{
    char text[MR_METADATA_CHARS + 1];
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        if (request->owns[p]) {
            mr_metadata_encode(&request->metadata[p], text);
            if (strcmp(text, world->metadata[p]) != 0) {
                return MR_ANSWER_UNKNOWN;
            }
        }
    }
    return MR_ANSWER_OK;
}

static void
read_committed(struct sim_world *world, struct sim_member *member)
{
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        struct mr_committed *to = &member->read_offsets[p];
        *to = (struct mr_committed){.place = {0, (int32_t)p}, .offset = world->offset[p]};
        to->kind = mr_metadata_decode(mr_slice_of(world->metadata[p]), "sim", &to->metadata);
        if (world->offset[p] >= 0 && to->kind != MR_METADATA_OURS) {
            sim_fail(world, "metadata cannot be read");
        }
    }
}

static void
read_sink(struct sim_world *world, struct sim_member *member)
{
    memcpy(member->read_rows, world->rows, world->row_count * sizeof *world->rows);
    member->read_row_count = world->row_count;
    member->read_ledger_count = 0;
    for (unsigned p = 0; p < SIM_PARTS; p++) {
        if (world->ledger[p].unit.n > 0) {
            member->read_ledger[member->read_ledger_count++] = world->ledger[p];
        }
    }
}

enum mr_answer
sim_execute(struct sim_world *world, const struct sim_request *request)
{
    struct sim_member *member = &world->members[request->member];
    switch (request->step.kind) {
    case MR_STEP_ANNOUNCE:
    case MR_STEP_CLOSE:
        return upsert(world, request);
    case MR_STEP_FIND_ANNOUNCE:
        return find_announce(world, request);
    case MR_STEP_COMMIT_CHAIN:
    case MR_STEP_DECIDE:
        return commit_offsets(world, request);
    case MR_STEP_READ_CHAIN:
    case MR_STEP_READ_UNIT:
        return read_back(world, request);
    case MR_STEP_BEGIN:
        return begin(world, request);
    case MR_STEP_LOAD:
        return load(world, request);
    case MR_STEP_COMMIT:
        return commit(world, request);
    case MR_STEP_ROLLBACK:
        return rollback(world, request);
    case MR_STEP_VISIBLE:
    case MR_STEP_ASK_STATE:
        return state(world, request);
    case MR_STEP_READ_COMMITTED:
        read_committed(world, member);
        return MR_ANSWER_OK;
    case MR_STEP_READ_REGISTRY:
    case MR_STEP_READ_LEDGER:
        read_sink(world, member);
        return MR_ANSWER_OK;
    case MR_STEP_PAUSE:
    case MR_STEP_ASK_TOPIC: /* nobody deletes topics here */
        return MR_ANSWER_OK;
    case MR_STEP_NONE:
    case MR_STEP_END:
        break;
    }
    sim_fail(world, "a step that nobody can do");
    return MR_ANSWER_ERROR;
}
