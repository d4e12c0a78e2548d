/* Events that our own checks passed and the server refuses: it says so when the unit's transaction is to
 * be committed, and then nothing of it is in. The rows that it means are looked for by halves of the
 * detail body, each in a transaction of its own that is prepared and rolled back. Their offsets are
 * noted, the unit is replayed, and those records go to quarantine instead of being events: so tables,
 * rollups and totals agree.
 *
 * Threads: found by a loader, asked by the workers. Progress: a look-up is wait-free.
 * Memory: two lists of at most MRI_NOTED_MAX offsets, the newest. The list before may still be a
 *   worker's, the one before that is nobody's, for the units of its time are quiet by the time that a
 *   later one is searched.
 * Limits: more refused rows than FOUND_MAX in one unit, or SAMPLES refused ones spread over SAMPLE_MIN or
 * more, mean that the table does not fit the events: that is an operator's to mend, and nothing is
 * noted. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/log.h"

#define PIECE_BYTES 524288u /* of a body, copied at once: within what app.c keeps free for it */
#define FOUND_MAX 256
#define TRIAL_TIMEOUT_S 60
#define SAMPLE_MIN 64 /* rows from which on some of them are tried first */
#define SAMPLES 8

struct mri_refusals {
    struct mri_refusals *before; /* freed with this one, or by the next */
    uint64_t noted;              /* rows so far, those that have left too */
    uint32_t count;
    struct mri_refused rows[];   /* sorted by offset */
};

struct search {
    struct mri_loader *loader;
    const struct mri_call *call;
    const struct mr_load_job *job; /* of the whole body */
    struct mri_refused found[FOUND_MAX];
    uint32_t count;
    bool failed; /* a trial without a clear answer, or too many rows: nothing is known */
};

static int
compare(const void *a, const void *b)
{
    const struct mr_source *x = &((const struct mri_refused *)a)->at;
    const struct mr_source *y = &((const struct mri_refused *)b)->at;
    if (x->topic != y->topic)
        return x->topic < y->topic ? -1 : 1;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

bool
mri_refuse_ask(const struct mri_refusals *refusals, const struct mr_record *record,
               struct mr_reject_info *ret_info)
{
    struct mri_refused key = {.at = {record->topic, record->partition, record->offset}};
    const struct mri_refused *row =
        bsearch(&key, refusals->rows, refusals->count, sizeof key, compare);
    if (!row)
        return false;
    ret_info->reason = MR_REJECT_load;
    snprintf(ret_info->message, sizeof ret_info->message, "%s", row->message);
    return true;
}

const struct mri_refusals *
mri_refuse_noted(struct mr_app *app)
{
    /* Acquire: the rows; partner: the release in mri_refuse_note. */
    return atomic_load_explicit(&app->refusals, memory_order_acquire);
}

void
mri_refuse_free(struct mr_app *app)
{
    /* Relaxed: all other threads have ended. */
    struct mri_refusals *list = atomic_load_explicit(&app->refusals, memory_order_relaxed);
    while (list) {
        struct mri_refusals *before = list->before;
        free(list);
        list = before;
    }
    atomic_store_explicit(&app->refusals, NULL, memory_order_relaxed);
}

static void
add_row(struct mri_refusals *list, const struct mri_refused *row, uint64_t serial)
{
    list->rows[list->count] = *row;
    list->rows[list->count++].serial = serial;
}

/* One unit is searched at a time: nobody else writes. */
void
mri_refuse_note(struct mr_app *app, const struct mri_refused *rows, uint32_t count)
{
    /* Relaxed: whoever noted it has handed its unit's answer to feed since, by a ring. */
    struct mri_refusals *before = atomic_load_explicit(&app->refusals, memory_order_relaxed);
    uint64_t noted = before ? before->noted : 0;
    uint32_t known = before ? before->count : 0;
    MR_REQUIRE(count <= MRI_NOTED_MAX);
    struct mri_refusals *list =
        malloc(sizeof *list + (known + (size_t)count) * sizeof list->rows[0]);
    MR_INSIST(list);
    *list = (struct mri_refusals){.before = before, .noted = noted + count};
    for (uint32_t i = 0; i < known; i++)
        if (before->rows[i].serial + MRI_NOTED_MAX > list->noted)
            add_row(list, &before->rows[i], before->rows[i].serial);
    for (uint32_t i = 0; i < count; i++)
        add_row(list, &rows[i], noted + i + 1);
    if (before) {
        free(before->before);
        before->before = NULL;
    }
    qsort(list->rows, list->count, sizeof list->rows[0], compare);
    /* Release: the rows; partner: the acquire in mri_refuse_noted. */
    atomic_store_explicit(&app->refusals, list, memory_order_release);
}

static void
describe(struct search *search, const struct mr_load_reply *reply, char out[160])
{
    char rows[512] = "";
    if (reply->error_url[0] &&
        mr_load_error_rows(search->loader->loader, reply->error_url, rows, sizeof rows) != MR_OK)
        rows[0] = '\0';
    snprintf(out, 160, "refused by the server: %.130s", rows[0] ? rows : reply->message);
}

/* One trial: would these rows load? */
static enum mr_outcome
try_rows(struct search *search, uint64_t first, uint64_t rows, char message[160])
{
    struct mr_app *app = search->loader->app;
    struct mr_load_job job = *search->job;
    char label[MR_LABEL_CHARS + 1];
    struct mr_txn_reply reply;
    struct mr_body body;
    bool whole = rows == search->job->body->rows;
    if (!whole && mr_harvest_slice(search->job->body, first, rows, &body) != MR_OK)
        return MR_OUTCOME_RETRY;
    /* A letter, so that no fence ever meets it. Relaxed: a number that nobody else gets. */
    uint64_t trial = atomic_fetch_add_explicit(&app->trials, 1, memory_order_relaxed) + 1;
    snprintf(label, sizeof label, "%s-%s-t%llu", app->layout->pipeline,
             search->call->step.chain.text, (unsigned long long)trial);
    job.label = label;
    job.body = whole ? search->job->body : &body;
    mri_horizon_count(app);
    enum mr_outcome outcome = mr_txn_trial(search->loader->loader, &job, TRIAL_TIMEOUT_S,
                                           &search->call->give_up, &reply);
    if (outcome == MR_OUTCOME_REJECTED && rows == 1)
        describe(search, &reply.load, message);
    if (!whole)
        mr_body_fini(&body);
    return outcome;
}

/* Where a row comes from. */
static struct mr_source
source_of(const struct search *search, uint64_t row)
{
    struct mr_source source;
    struct mr_body body;
    bool known = mr_harvest_slice(search->job->body, row, 1, &body) == MR_OK &&
                 mr_harvest_sources(search->loader->app->layout, &body, &source) == MR_OK;
    MR_INSIST(known); /* a row of our own body */
    mr_body_fini(&body);
    return source;
}

/* Depth is the logarithm of the rows. */
static void
search_rows(struct search *search, uint64_t first, uint64_t rows)
{
    char message[160] = "";
    if (search->failed)
        return;
    enum mr_outcome outcome = try_rows(search, first, rows, message);
    if (outcome == MR_OUTCOME_DONE)
        return;
    if (outcome != MR_OUTCOME_REJECTED || (rows == 1 && search->count == FOUND_MAX)) {
        search->failed = true;
    } else if (rows == 1) {
        struct mri_refused *row = &search->found[search->count++];
        row->at = source_of(search, first);
        memcpy(row->message, message, sizeof row->message);
    } else {
        search_rows(search, first, rows / 2);
        search_rows(search, first + rows / 2, rows - rows / 2);
    }
}

/* Halves are copies, so a large body is searched piece by piece. */
static void
search_body(struct search *search)
{
    const struct mr_body *body = search->job->body;
    char message[160];
    uint64_t piece = body->rows * PIECE_BYTES / (body->bytes + 1) + 1;
    if (piece < body->rows) {
        enum mr_outcome outcome = try_rows(search, 0, body->rows, message);
        search->failed = outcome != MR_OUTCOME_DONE && outcome != MR_OUTCOME_REJECTED;
        if (outcome != MR_OUTCOME_REJECTED)
            return;
    }
    for (uint64_t first = 0; first < body->rows; first += piece)
        search_rows(search, first, body->rows - first < piece ? body->rows - first : piece);
}

/* So many of many rows, from the first to the last, are all refused: then it is the table, not the
 * rows. A few rows are searched whole: a quiet pipeline may well have no good neighbour for a bad one. */
static bool
is_table(struct search *search)
{
    uint64_t rows = search->job->body->rows;
    char message[160];
    if (rows < SAMPLE_MIN)
        return false;
    for (uint64_t i = 0; i < SAMPLES; i++)
        if (try_rows(search, i * (rows - 1) / (SAMPLES - 1), 1, message) != MR_OUTCOME_REJECTED)
            return false;
    return true;
}

static void
log_found(const struct mr_app *app, const struct search *search)
{
    for (uint32_t i = 0; i < search->count; i++)
        mr_log(MR_LOG_WARN, "load", "the server refuses an event: it goes to quarantine",
               MR_STR("topic", app->layout->topics[search->found[i].at.topic]),
               MR_INT("partition", search->found[i].at.partition),
               MR_INT("offset", search->found[i].at.offset));
}

static bool
find(struct mri_loader *loader, const struct mri_call *call, const struct mr_load_job *job)
{
    struct mr_app *app = loader->app;
    struct search *search = calloc(1, sizeof *search);
    MR_INSIST(search);
    search->loader = loader;
    search->call = call;
    search->job = job;
    if (!is_table(search))
        search_body(search);
    bool found = !search->failed && search->count > 0;
    if (found) {
        log_found(app, search);
        mri_refuse_note(app, search->found, search->count);
    }
    free(search);
    return found;
}

bool
mri_refuse_find(struct mri_loader *loader, const struct mri_call *call)
{
    struct mr_app *app = loader->app;
    struct mr_text columns = {.limit = 0};
    struct mr_load_job job;
    bool found = false;
    for (uint32_t i = 0; i < call->unit->target_count; i++) {
        const struct mr_target *target = &call->unit->targets[i];
        if (target->kind != MR_TARGET_DETAIL || target->body.rows == 0)
            continue;
        mri_land_job(app, target, "", &columns, &job);
        found = find(loader, call, &job);
    }
    mr_text_fini(&columns);
    return found;
}
