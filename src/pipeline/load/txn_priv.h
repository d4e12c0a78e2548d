/* What the files of transactions share. */
#pragma once

#include "millrace/load_txn.h"
#include "pipeline/load/load_priv.h"

/* Empties the reply: UNANSWERED, outcome UNKNOWN. */
void mri_txn_reply_init(struct mr_txn_reply *reply);

/* False for a good label; else the reply says what is wrong with it. */
bool mri_txn_label_refused(const char *label, struct mr_load_reply *reply);

/* A call without a body: begin, prepare, commit or rollback. */
struct mri_txn_ask {
    enum mr_txn_call call;
    const char *label;
    const char *table; /* the one table of the transaction; NULL: of several */
    int64_t timeout_s; /* header; 0: none */
    int64_t wait_s;    /* how long the server may work before it answers */
};

/* One such call. */
enum mr_outcome mri_txn_control(struct mr_loader *loader,
                                const struct mri_txn_ask *ask,
                                struct mr_txn_reply *reply);

/* One load, into a transaction of one table or of several. Counts nothing. */
enum mr_outcome mri_txn_load_try(struct mr_loader *loader,
                                 const struct mr_load_job *job,
                                 bool single,
                                 struct mr_txn_reply *reply);

/* mr_txn_rollback with at most `tries` attempts; table: as above. */
enum mr_outcome mri_txn_undo(struct mr_loader *loader,
                             const char *label,
                             const char *table,
                             uint32_t tries,
                             const _Atomic bool *give_up,
                             struct mr_txn_reply *reply);
