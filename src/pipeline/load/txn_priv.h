/* What the files of transactions share. */
#pragma once

#include "millrace/load_txn.h"
#include "pipeline/load/load_priv.h"

/* Empties the reply: UNANSWERED, outcome UNKNOWN. */
void mri_txn_reply_init(struct mr_txn_reply *reply);

/* One begin, commit or rollback. */
enum mr_outcome mri_txn_control(struct mr_loader *loader,
                                enum mr_txn_call call,
                                const char *label,
                                int64_t timeout_s,
                                struct mr_txn_reply *reply);

/* One load. */
enum mr_outcome mri_txn_load_once(struct mr_loader *loader,
                                  const struct mr_load_job *job,
                                  struct mr_txn_reply *reply);
