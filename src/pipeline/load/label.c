/* Label: the fate of a load, as the FEs tell it. */
#include "pipeline/load/load_priv.h"

#include <stdio.h>
#include <string.h>

#include "millrace/base/assert.h"

static enum mr_label_state
ask_fe(struct mr_loader *loader,
       const struct mri_node *fe,
       const char *label,
       struct mr_load_reply *reply)
{
    char path[MRI_URL_BYTES];
    (void)snprintf(
        path, sizeof path, "/api/%.1024s/get_load_state?label=%s", loader->hub->database, label);
    struct mri_node node = *fe;
    struct mri_exchange x = {.timeout_ms = loader->hub->limits.control_ms};
    mri_load_count(&loader->hub->counters.labels_asked, 1);
    if (mri_load_ask(loader, &node, path, &x, reply) != MR_OUTCOME_DONE)
        return MR_LABEL_UNANSWERED;
    return mri_load_label_parse(x.status, mri_load_text(loader), loader->text.len, reply);
}

static enum mr_label_state
unheard(struct mr_load_reply *reply)
{
    (void)mri_load_reply_set(
        reply, MR_OUTCOME_UNKNOWN, "stopped", "stopped before every FE had answered");
    return MR_LABEL_UNANSWERED;
}

/* A follower sends the question on to the leader, so an answer is the leader's, and a dead FE takes
 * nothing from it. "UNKNOWN" is asked once more of each other FE all the same, for leaders change; it
 * is no answer when the question was ended before they were heard. A known state is final. */
static enum mr_label_state
ask_all(struct mr_loader *loader, const char *label, struct mr_load_reply *reply)
{
    struct mr_load_hub *hub = loader->hub;
    enum mr_label_state best = MR_LABEL_UNANSWERED;
    uint32_t first = mri_load_hub_fe(hub), heard = 0;
    for (uint32_t i = 0; i < hub->fe_count && !mri_load_stopped(loader); i++) {
        uint32_t fe = (first + i) % hub->fe_count;
        enum mr_label_state state = ask_fe(loader, &hub->fes[fe], label, reply);
        if (state != MR_LABEL_UNANSWERED)
            best = state;
        else if (!mri_load_stopped(loader)) /* a question that we ended says nothing about the FE */
            mri_load_hub_fe_failed(hub, fe);
        else
            break;
        if (state != MR_LABEL_UNANSWERED && state != MR_LABEL_UNKNOWN)
            return state;
        heard++;
    }
    return heard < hub->fe_count ? unheard(reply) : best;
}

enum mr_label_state
mri_load_label_ask(struct mr_loader *loader, const char *label, struct mr_error *reterr_error)
{
    struct mr_load_reply reply;
    MR_REQUIRE(mri_load_label_valid(label));
    mri_load_reply_init(&reply);
    enum mr_label_state state = ask_all(loader, label, &reply);
    if (state == MR_LABEL_UNANSWERED) {
        (void)mr_error_set(reterr_error, MR_STARROCKS, "%s: %s", reply.cause, reply.message);
        if (reply.hint[0])
            mr_error_hint(reterr_error, "%s", reply.hint);
    }
    return state;
}

enum mr_label_state
mr_load_label_state(struct mr_loader *loader,
                    const char *label,
                    const _Atomic bool *give_up,
                    struct mr_error *reterr_error)
{
    loader->give_up = give_up;
    enum mr_label_state state = mri_load_label_ask(loader, label, reterr_error);
    loader->give_up = NULL;
    return state;
}
