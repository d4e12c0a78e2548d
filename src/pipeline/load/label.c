/* Label: the fate of a load, as the FEs tell it. */
#include "pipeline/load/load_priv.h"

#include <stdio.h>
#include <string.h>

#include "millrace/base/assert.h"

#define HOPS_MAX 3 /* a follower sends on to the leader, whose list of addresses may be stale */

/* Where a follower sends us: an allowed host, or the question ends here. */
static bool
follow(struct mr_loader *loader,
       const struct mri_exchange *x,
       struct mri_node *node,
       struct mr_load_reply *reply)
{
    const char *problem = mri_load_node_parse(x->redirect, MRI_FE_PORT, node);
    if (!problem && mri_load_node_allowed(loader->hub, node))
        return true;
    (void)mri_load_reply_set(reply,
                             MR_OUTCOME_FATAL,
                             "redirect refused",
                             "the question for a label was redirected to %s:%u, which %s",
                             problem ? "?" : node->host,
                             problem ? 0u : node->port,
                             problem ? problem : "is not on the allow list");
    (void)snprintf(reply->hint, sizeof reply->hint, "add the leader to sink.starrocks.fe");
    return false;
}

static enum mr_label_state
ask_fe(struct mr_loader *loader,
       const struct mri_node *fe,
       const char *label,
       struct mr_load_reply *reply)
{
    struct mri_node node = *fe;
    for (int hop = 0; hop < HOPS_MAX; hop++) {
        char url[MRI_URL_BYTES];
        (void)snprintf(url,
                       sizeof url,
                       "http://%s:%u/api/%.1024s/get_load_state?label=%s",
                       node.host,
                       node.port,
                       loader->hub->database,
                       label);
        struct mri_exchange x = {
            .url = url, .credentials = true, .timeout_ms = loader->hub->limits.control_ms};
        mri_load_count(&loader->hub->counters.labels_asked, 1);
        mri_load_http_exchange(loader, &x);
        if (x.code != CURLE_OK) {
            (void)mri_load_reply_failed(reply, MR_OUTCOME_RECONNECT, &x);
            return MR_LABEL_UNANSWERED;
        }
        if (!x.redirect[0])
            return mri_load_label_parse(
                x.status, loader->text.p ? loader->text.p : "", loader->text.len, reply);
        if (!follow(loader, &x, &node, reply))
            return MR_LABEL_UNANSWERED;
    }
    (void)mri_load_reply_set(reply,
                             MR_OUTCOME_RETRY,
                             "redirected in a circle",
                             "FEs name each other for the state of a label");
    return MR_LABEL_UNANSWERED;
}

/* "UNKNOWN" from one FE is no answer while another one may know more; a known state is final. */
static enum mr_label_state
ask_all(struct mr_loader *loader, const char *label, struct mr_load_reply *reply)
{
    struct mr_load_hub *hub = loader->hub;
    enum mr_label_state best = MR_LABEL_UNANSWERED;
    uint32_t first = mri_load_hub_fe(hub);
    for (uint32_t i = 0; i < hub->fe_count && !mri_load_stopped(loader); i++) {
        uint32_t fe = (first + i) % hub->fe_count;
        enum mr_label_state state = ask_fe(loader, &hub->fes[fe], label, reply);
        if (state == MR_LABEL_UNANSWERED)
            mri_load_hub_fe_failed(hub, fe);
        else
            best = state;
        if (state != MR_LABEL_UNANSWERED && state != MR_LABEL_UNKNOWN)
            break;
    }
    return best;
}

enum mr_label_state
mr_load_label_state(struct mr_loader *loader, const char *label, struct mr_error *reterr_error)
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
