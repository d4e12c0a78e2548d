/* Ask: requests without a body to an FE. A follower sends on to the leader; the redirect is
 * followed by hand, as always, so that credentials go to allowed hosts only. */
#include "pipeline/load/load_priv.h"

#include <stdio.h>

#define HOPS_MAX 3 /* a follower sends on to the leader, whose list of addresses may be stale */

enum mr_outcome
mri_load_ask(struct mr_loader *loader,
             struct mri_node *fe,
             const char *path,
             struct mri_exchange *x,
             struct mr_load_reply *reply)
{
    const struct mri_exchange request = *x;
    struct mri_node via = {.port = 0};
    for (int hop = 0; hop < HOPS_MAX; hop++) {
        char url[MRI_URL_BYTES];
        *x = request;
        x->via = via;
        if (!mri_load_url(fe, path, url, sizeof url))
            return mri_load_reply_set(
                reply, MR_OUTCOME_FATAL, "request refused", "database name too long");
        x->url = url;
        x->credentials = true;
        mri_load_http_exchange(loader, x);
        x->url = NULL;
        if (x->code != CURLE_OK)
            return mri_load_reply_failed(reply, MR_OUTCOME_RECONNECT, x);
        if (!x->redirect[0])
            return MR_OUTCOME_DONE;
        via = *fe;
        if (mri_load_follow(loader, x, MRI_FE_PORT, fe, reply) != MR_OUTCOME_DONE) {
            (void)snprintf(reply->hint,
                           sizeof reply->hint,
                           "if it is the leader of this cluster, add it to sink.starrocks.fe; if a "
                           "backend, to sink.starrocks.backends");
            return MR_OUTCOME_FATAL;
        }
    }
    x->asked = false; /* redirects only: nobody took it */
    return mri_load_reply_set(
        reply, MR_OUTCOME_RECONNECT, "redirected in a circle", "FEs name each other as the leader");
}
