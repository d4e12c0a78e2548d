/* Events that the server refuses: it says so when the unit's transaction is to be committed, and then
 * nothing of it is in. The rows that it means are looked for by halves of the detail body, each in a
 * transaction of its own that is prepared and rolled back: first of its chunks, as they are, then of one
 * chunk's rows, copied.
 *
 * Thread: a loader. Memory: a copy of half a chunk at most, apart from rows that are larger themselves.
 * Limits: more refused rows than FOUND_MAX in one unit, or SAMPLES refused ones spread over SAMPLE_MIN or
 * more, mean that the table does not fit the events: that is an operator's to mend, and nothing is
 * noted. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/log.h"

#define FOUND_MAX 256
#define TRIAL_TIMEOUT_S 60
#define SAMPLE_MIN 64 /* rows from which on some of them are tried first */
#define SAMPLES 8

/* A chunk of the body. */
struct part {
    struct mr_chunk *chunk;
    uint64_t rows;
};

struct search {
    struct mri_loader *loader;
    const struct mri_call *call;
    const struct mr_load_job *job; /* of the whole body */
    struct part *parts;
    size_t part_count;
    struct mri_refused found[FOUND_MAX];
    uint32_t count;
    bool failed; /* a trial without a clear answer, or too many rows: nothing is known */
};

static void
describe(struct search *search, const struct mr_load_reply *reply, char out[160])
{
    char rows[512] = "";
    if (reply->error_url[0] &&
        mr_load_error_rows(search->loader->loader, reply->error_url, rows, sizeof rows) != MR_OK)
        rows[0] = '\0';
    snprintf(out, 160, "refused by the server: %.130s", rows[0] ? rows : reply->message);
}

/* One trial: would these rows load? message: why not, of a single one. */
static enum mr_outcome
try_body(struct search *search, const struct mr_body *body, char message[160])
{
    struct mr_app *app = search->loader->app;
    struct mr_load_job job = *search->job;
    char label[MR_LABEL_CHARS + 1];
    struct mr_txn_reply reply;
    /* A letter, so that no fence ever meets it. Relaxed: a number that nobody else gets. */
    uint64_t trial = atomic_fetch_add_explicit(&app->trials, 1, memory_order_relaxed) + 1;
    snprintf(label, sizeof label, "%s-%s-t%llu", app->layout->pipeline,
             search->call->step.chain.text, (unsigned long long)trial);
    job.label = label;
    job.body = body;
    mri_horizon_count(app);
    enum mr_outcome outcome = mr_txn_trial(search->loader->loader, &job, TRIAL_TIMEOUT_S,
                                           &search->call->give_up, &reply);
    if (outcome == MR_OUTCOME_REJECTED && body->rows == 1)
        describe(search, &reply.load, message);
    return outcome;
}

/* The only row of this body is refused. */
static void
add_found(struct search *search, const struct mr_body *body, const char *message)
{
    if (search->count == FOUND_MAX) {
        search->failed = true;
        return;
    }
    struct mri_refused *row = &search->found[search->count++];
    bool known = mr_harvest_sources(search->loader->app->layout, body, &row->at) == MR_OK;
    MR_INSIST(known); /* a row of our own body */
    snprintf(row->message, sizeof row->message, "%s", message);
}

/* Rows of one chunk, which is a body of its own here. Depth is the logarithm of the rows. */
static void
search_rows(struct search *search, const struct mr_body *chunk, uint64_t first, uint64_t rows)
{
    char message[160] = "";
    struct mr_body copy;
    bool whole = rows == chunk->rows;
    search->failed |= !whole && mr_harvest_slice(chunk, first, rows, &copy) != MR_OK;
    if (search->failed)
        return;
    enum mr_outcome outcome = try_body(search, whole ? chunk : &copy, message);
    search->failed = outcome != MR_OUTCOME_DONE && outcome != MR_OUTCOME_REJECTED;
    if (outcome == MR_OUTCOME_REJECTED && rows == 1)
        add_found(search, whole ? chunk : &copy, message);
    if (!whole)
        mr_body_fini(&copy);
    if (outcome != MR_OUTCOME_REJECTED || rows == 1)
        return;
    search_rows(search, chunk, first, rows / 2);
    if (!search->failed)
        search_rows(search, chunk, first + rows / 2, rows - rows / 2);
}

static struct mr_body
view_parts(const struct search *search, size_t first, size_t count)
{
    uint64_t rows = 0;
    for (size_t i = first; i < first + count; i++)
        rows += search->parts[i].rows;
    return mr_body_view(search->job->body, search->parts[first].chunk,
                        search->parts[first + count - 1].chunk, rows);
}

/* Depth is the logarithm of the chunks. */
static void
search_parts(struct search *search, size_t first, size_t count)
{
    char message[160];
    struct mr_body view = view_parts(search, first, count);
    if (count == 1) {
        search_rows(search, &view, 0, view.rows);
        return;
    }
    enum mr_outcome outcome = try_body(search, &view, message);
    search->failed = outcome != MR_OUTCOME_DONE && outcome != MR_OUTCOME_REJECTED;
    if (outcome != MR_OUTCOME_REJECTED)
        return;
    search_parts(search, first, count / 2);
    if (!search->failed)
        search_parts(search, first + count / 2, count - count / 2);
}

static enum mr_outcome
try_row(struct search *search, uint64_t row)
{
    char message[160];
    struct mr_body one;
    size_t i = 0;
    for (; row >= search->parts[i].rows; i++)
        row -= search->parts[i].rows;
    struct mr_body chunk = view_parts(search, i, 1);
    if (mr_harvest_slice(&chunk, row, 1, &one) != MR_OK)
        return MR_OUTCOME_RETRY;
    enum mr_outcome outcome = try_body(search, &one, message);
    mr_body_fini(&one);
    return outcome;
}

/* So many of many rows, from the first to the last, are all refused: then it is the table, not the
 * rows. A few rows are searched whole: a quiet pipeline may well have no good neighbour for a bad one. */
static bool
is_table(struct search *search)
{
    uint64_t rows = search->job->body->rows;
    if (rows < SAMPLE_MIN)
        return false;
    for (uint64_t i = 0; i < SAMPLES; i++)
        if (try_row(search, i * (rows - 1) / (SAMPLES - 1)) != MR_OUTCOME_REJECTED)
            return false;
    return true;
}

static void
split_body(struct search *search)
{
    const struct mr_body *body = search->job->body;
    size_t count = 0;
    for (const struct mr_chunk *chunk = body->first; chunk; chunk = mr_body_next(body, chunk))
        count++;
    search->parts = calloc(count, sizeof *search->parts);
    MR_INSIST(search->parts);
    for (struct mr_chunk *chunk = body->first; chunk; chunk = mr_body_next(body, chunk))
        if (chunk->used > 0)
            search->parts[search->part_count++] =
                (struct part){chunk, mr_harvest_chunk_rows(body, chunk)};
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
    struct search *search = calloc(1, sizeof *search);
    MR_INSIST(search);
    search->loader = loader;
    search->call = call;
    search->job = job;
    split_body(search);
    if (!is_table(search))
        search_parts(search, 0, search->part_count);
    bool found = !search->failed && search->count > 0;
    if (found) {
        log_found(loader->app, search);
        mri_refuse_note(loader->app, search->found, search->count);
    }
    free(search->parts);
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
