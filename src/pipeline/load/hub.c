/* Hub: FEs, allow list, known backends and counters that all loaders share. */
#include "pipeline/load/load_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"

/* control_ms: an FE under load was seen to take seconds, and official clients wait 30 s; with other
 * FEs to turn to, half of it is enough. horizon_ms: a database remembers 1,000 labels by default,
 * which at one transaction a second is 17 minutes. publish_wait_s: a commit that is not visible by
 * then is COMMITTED all the same, and its label says so. */
static const struct mri_limits default_limits = {
    .control_ms = 15000,
    .body_slack_ms = 30000,
    .publish_wait_s = 10,
    .refresh_ms = 10000,
    .pause_min_ms = 100,
    .pause_max_ms = 30000,
    .remind_ms = 30000,
    .horizon_ms = 15 * 60 * 1000,
};

static enum mr_rc
read_fes(struct mr_load_hub *hub, const struct mr_strings *fe, struct mr_error *reterr_error)
{
    for (uint32_t i = 0; i < fe->count; i++) {
        const char *problem = mri_load_node_parse(fe->items[i], MRI_FE_PORT, &hub->fes[i]);
        if (problem)
            return mr_error_set(
                reterr_error, MR_CONFIG, "sink.starrocks.fe: \"%s\" %s", fe->items[i], problem);
        hub->allowed[i] = hub->fes[i];
        hub->allowed[i].port = 0; /* small installations run FE and backend on one host */
    }
    hub->fe_count = hub->allowed_count = fe->count;
    return MR_OK;
}

static enum mr_rc
read_backends(struct mr_load_hub *hub, const struct mr_strings *list, struct mr_error *reterr_error)
{
    for (uint32_t i = 0; i < list->count; i++) {
        char url[MRI_HOST_BYTES + 16];
        int len = snprintf(url, sizeof url, "http://%s", list->items[i]);
        const char *problem = len > 0 && (size_t)len < sizeof url && !strchr(list->items[i], '/')
                                  ? mri_load_node_parse(url, 0, &hub->allowed[hub->allowed_count])
                                  : "is not host or host:port";
        if (problem)
            return mr_error_set(reterr_error,
                                MR_CONFIG,
                                "sink.starrocks.backends: \"%s\" %s",
                                list->items[i],
                                problem);
        hub->allowed_count++;
    }
    return MR_OK;
}

static enum mr_rc
copy_texts(struct mr_load_hub *hub, const struct mr_config *config)
{
    char *escaped = curl_easy_escape(NULL, config->starrocks.database, 0);
    hub->database = escaped ? strdup(escaped) : NULL;
    curl_free(escaped);
    hub->database_name = strdup(config->starrocks.database);
    hub->user = strdup(config->starrocks.user ? config->starrocks.user : "");
    hub->password = strdup(config->starrocks.password ? config->starrocks.password : "");
    return hub->database && hub->database_name && hub->user && hub->password ? MR_OK : MR_MEMORY;
}

static enum mr_rc
fill_hub(struct mr_load_hub *hub, const struct mr_config *config, struct mr_error *reterr_error)
{
    uint32_t fes = config->starrocks.fe.count, backends = config->starrocks.backends.count;
    hub->fes = calloc(fes, sizeof *hub->fes);
    hub->allowed = calloc((size_t)fes + backends, sizeof *hub->allowed);
    if (!hub->fes || !hub->allowed || copy_texts(hub, config) != MR_OK)
        return mr_error_set(reterr_error, MR_MEMORY, "no memory for the list of hosts");
    enum mr_rc rc = read_fes(hub, &config->starrocks.fe, reterr_error);
    if (rc == MR_OK)
        rc = read_backends(hub, &config->starrocks.backends, reterr_error);
    return rc;
}

enum mr_rc
mr_load_hub_new(const struct mr_config *config,
                struct mr_load_hub **ret_hub,
                struct mr_error *reterr_error)
{
    MR_REQUIRE(config->starrocks.fe.count > 0);
    MR_REQUIRE(config->starrocks.database != NULL);
    struct mr_load_hub *hub = calloc(1, sizeof *hub);
    if (!hub || pthread_mutex_init(&hub->lock, NULL) != 0) {
        free(hub);
        return mr_error_set(reterr_error, MR_MEMORY, "no memory for the loaders' hub");
    }
    hub->connect_timeout_ms = config->starrocks.connect_timeout_ms;
    hub->load_timeout_s = config->starrocks.load_timeout_s;
    hub->limits = default_limits;
    hub->asked_ms = INT64_MIN / 2;
    enum mr_rc rc = fill_hub(hub, config, reterr_error);
    if (rc != MR_OK) {
        mr_load_hub_free(&hub);
        return rc;
    }
    *ret_hub = hub;
    return MR_OK;
}

void
mr_load_hub_free(struct mr_load_hub **hub_p)
{
    struct mr_load_hub *hub = *hub_p;
    *hub_p = NULL;
    if (!hub)
        return;
    MR_REQUIRE(hub->loaders == NULL);
    if (hub->password)
        explicit_bzero(hub->password, strlen(hub->password));
    free(hub->password);
    free(hub->user);
    free(hub->database);
    free(hub->database_name);
    free(hub->allowed);
    free(hub->fes);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

void
mr_load_stop(struct mr_load_hub *hub)
{
    /* Partner: the acquire load in mri_load_stopped. */
    atomic_store_explicit(&hub->stop, true, memory_order_release);
    pthread_mutex_lock(&hub->lock);
    for (struct mr_loader *loader = hub->loaders; loader; loader = loader->next)
        (void)curl_multi_wakeup(loader->multi); /* a lost wakeup costs one slice of the wait */
    pthread_mutex_unlock(&hub->lock);
}

bool
mri_load_hub_backend(struct mr_load_hub *hub, struct mri_node *ret_node)
{
    int64_t now = mr_clock_monotonic_ms();
    pthread_mutex_lock(&hub->lock);
    /* FEs hand out backends in turn, so asking goes on while each answer is news; after that now
     * and then, for backends that joined. */
    bool known =
        hub->backend_count > 0 && !hub->news && now - hub->asked_ms < hub->limits.refresh_ms;
    if (known)
        *ret_node = hub->backends[hub->backend_next++ % hub->backend_count];
    else
        hub->asked_ms = now;
    hub->news = false;
    pthread_mutex_unlock(&hub->lock);
    return known;
}

void
mri_load_hub_learn(struct mr_load_hub *hub, const struct mri_node *backend)
{
    pthread_mutex_lock(&hub->lock);
    bool known = hub->backend_count == MRI_BACKENDS;
    for (uint32_t i = 0; i < hub->backend_count && !known; i++)
        known = mri_load_node_equal(&hub->backends[i], backend);
    if (!known)
        hub->backends[hub->backend_count++] = *backend;
    hub->news = !known;
    pthread_mutex_unlock(&hub->lock);
}

void
mri_load_hub_forget(struct mr_load_hub *hub, const struct mri_node *backend)
{
    pthread_mutex_lock(&hub->lock);
    for (uint32_t i = 0; i < hub->backend_count; i++) {
        if (mri_load_node_equal(&hub->backends[i], backend)) {
            hub->backends[i] = hub->backends[--hub->backend_count];
            break;
        }
    }
    hub->asked_ms = INT64_MIN / 2;
    pthread_mutex_unlock(&hub->lock);
}

uint32_t
mri_load_hub_fe(struct mr_load_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    uint32_t fe = hub->fe_current;
    pthread_mutex_unlock(&hub->lock);
    return fe;
}

void
mri_load_hub_fe_failed(struct mr_load_hub *hub, uint32_t fe)
{
    pthread_mutex_lock(&hub->lock);
    if (hub->fe_current == fe) /* else another loader has moved on already */
        hub->fe_current = (fe + 1) % hub->fe_count;
    pthread_mutex_unlock(&hub->lock);
}

struct mri_node
mri_load_hub_leader(struct mr_load_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    struct mri_node node = hub->leader.port ? hub->leader : hub->fes[hub->fe_current];
    pthread_mutex_unlock(&hub->lock);
    return node;
}

void
mri_load_hub_leads(struct mr_load_hub *hub, const struct mri_node *node)
{
    pthread_mutex_lock(&hub->lock);
    hub->leader = *node;
    pthread_mutex_unlock(&hub->lock);
}

void
mri_load_hub_leader_failed(struct mr_load_hub *hub, const struct mri_node *node)
{
    pthread_mutex_lock(&hub->lock);
    if (mri_load_node_equal(&hub->leader, node))
        hub->leader.port = 0;
    pthread_mutex_unlock(&hub->lock);
}

uint32_t
mri_load_hub_hosts(struct mr_load_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    uint32_t count = hub->fe_count + hub->backend_count;
    pthread_mutex_unlock(&hub->lock);
    return count;
}

void
mr_load_hub_landed(struct mr_load_hub *hub, uint64_t rows, uint64_t bytes)
{
    mri_load_count(&hub->counters.rows, rows);
    mri_load_count(&hub->counters.bytes, bytes);
}

void
mri_load_hub_done(struct mr_load_hub *hub, const struct mr_load_job *job, bool visible)
{
    mr_load_hub_landed(hub, job->body->rows, job->body->bytes);
    if (!visible) /* not finished yet: the server may forget later ones before it */
        return;
    pthread_mutex_lock(&hub->lock);
    (void)snprintf(hub->done_label, sizeof hub->done_label, "%s", job->label);
    pthread_mutex_unlock(&hub->lock);
}

void
mri_load_hub_witness(struct mr_load_hub *hub, char *out)
{
    pthread_mutex_lock(&hub->lock);
    memcpy(out, hub->done_label, sizeof hub->done_label);
    pthread_mutex_unlock(&hub->lock);
}

/* Relaxed: a snapshot of plain sums, each right by itself. */
static uint64_t
read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void
mr_load_hub_counts(const struct mr_load_hub *hub, struct mr_load_counts *ret_counts)
{
    const struct mri_counters *from = &hub->counters;
    for (int i = 0; i <= MR_OUTCOME_FATAL; i++)
        ret_counts->outcomes[i] = read_counter(&from->outcomes[i]);
    ret_counts->bytes = read_counter(&from->bytes);
    ret_counts->rows = read_counter(&from->rows);
    ret_counts->attempt_us = read_counter(&from->attempt_us);
    ret_counts->fe_asked = read_counter(&from->fe_asked);
    ret_counts->labels_asked = read_counter(&from->labels_asked);
    ret_counts->connects = read_counter(&from->connects);
    ret_counts->row_differences = read_counter(&from->row_differences);
}
