/* What a driver of the machines may do wrong. */
#include "protocol_sim.h"

/* True: the call is not made, *ret_answer is what the driver says instead. */
bool
sim_is_faked(struct sim_world *world, struct sim_request *request, enum mr_answer *ret_answer)
{
    bool recovering = world->members[request->member].recovery != NULL;
    enum mr_step_kind kind = request->step.kind;
    struct mr_step step = request->step;
    switch (world->mutation) {
    case SIM_NO_FENCE:
        *ret_answer = MR_ANSWER_UNKNOWN;
        return recovering && kind == MR_STEP_ROLLBACK;
    case SIM_FENCE_BY_STATE:
    case SIM_SETTLE_BY_STATE:
        request->step.kind = MR_STEP_ASK_STATE;
        *ret_answer = sim_execute(world, request);
        request->step = step;
        if (world->mutation == SIM_SETTLE_BY_STATE) {
            return recovering && kind == MR_STEP_COMMIT;
        }
        *ret_answer = *ret_answer == MR_ANSWER_OK ? MR_ANSWER_ALREADY : *ret_answer;
        return recovering && kind == MR_STEP_ROLLBACK && *ret_answer != MR_ANSWER_ABORTED;
    case SIM_NO_ANNOUNCE:
        *ret_answer = MR_ANSWER_OK;
        return kind == MR_STEP_ANNOUNCE || kind == MR_STEP_FIND_ANNOUNCE;
    case SIM_END_BEFORE_VISIBLE:
        *ret_answer = MR_ANSWER_OK;
        return recovering && kind == MR_STEP_VISIBLE;
    case SIM_COMMIT_BEFORE_DECISION:
        if (kind == MR_STEP_DECIDE) {
            request->step.kind = MR_STEP_COMMIT;
            (void)sim_execute(world, request);
            request->step = step;
        }
        return false;
    case SIM_CORRECT:
    case SIM_NUMBER_REUSED:
    case SIM_DECIDE_BEFORE_COMMITTED:
    case SIM_START_AT_COMMITTED:
    case SIM_NO_POST_CHECK:
    case SIM_NO_OVERTAKEN:
    case SIM_OWN_PARTITION_ONLY:
        break;
    }
    return false;
}

/* Told as committed, done later if at all. */
bool
sim_is_deferred(struct sim_world *world, const struct sim_request *request)
{
    if (world->mutation != SIM_DECIDE_BEFORE_COMMITTED || request->step.kind != MR_STEP_COMMIT ||
        !world->members[request->member].live || world->delayed_count == SIM_DELAYED) {
        return false;
    }
    world->delayed[world->delayed_count++] = *request;
    return true;
}

/* What the member was shown of the registry and the ledger, if its driver asks for too little. */
void
sim_narrow(struct sim_world *world, struct sim_member *member, enum mr_step_kind kind)
{
    uint32_t kept = 0;
    member->ledger_reads = kind == MR_STEP_READ_REGISTRY ? 0 : member->ledger_reads;
    member->ledger_reads += kind == MR_STEP_READ_LEDGER;
    if (world->mutation == SIM_NO_OVERTAKEN && member->ledger_reads == 2) {
        member->read_ledger_count = 0; /* of step d, which that test looks at */
    }
    for (uint32_t i = 0; i < member->read_row_count; i++) {
        if (world->mutation != SIM_OWN_PARTITION_ONLY ||
            member->owns[member->read_rows[i].place.partition]) {
            member->read_rows[kept++] = member->read_rows[i];
        }
    }
    member->read_row_count = kept;
}
