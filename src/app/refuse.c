/* Events that our own checks passed and the server refuses: their offsets, noted when the search
 * (refuse_search.c) has found them. Their unit is replayed, and then those records go to quarantine instead
 * of being events: so tables, rollups and totals agree.
 *
 * Threads: noted by a loader, asked by the workers. Progress: a look-up is wait-free.
 * Memory: two lists of at most MRI_NOTED_MAX offsets, the newest. The list before may still be a
 *   worker's, the one before that is nobody's, for the units of its time are quiet by the time that a
 *   later one is searched. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/log.h"

struct mri_refusals {
    struct mri_refusals *before; /* freed with this one, or by the next */
    uint64_t noted;              /* rows so far, those that have left too */
    uint32_t count;
    struct mri_refused rows[];   /* sorted by offset */
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
