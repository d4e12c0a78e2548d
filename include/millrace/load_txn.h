/* Transactions of several tables over HTTP: begin, load, commit, rollback, under one label.
 * Needs StarRocks 4.0 or newer (`transaction_type: multi`); there is no PREPARE, COMMIT decides.
 * A trial is of one table, with PREPARE, and only ever rolled back.
 * Threads: as load.h, a loader belongs to one thread; different tables of one transaction may be
 *   loaded by several loaders. Progress: blocks on the network and on pauses; mr_load_stop and
 *   *give_up (may be NULL) end every call within 100 ms.
 * Memory: bodies are borrowed, replies cut at 64 KiB.
 * Errors: an outcome a call, and what the server said about the transaction. A load is never
 *   repeated inside a transaction once a byte of it may have gone out; a begin never once its head
 *   may have: roll back first. COMMIT and ROLLBACK are repeated until the answer is final. The
 *   answers to them count; get_load_state only explains a failed or a lost one.
 * Limits: labels are unique over all databases of the server; a label is never used again, for a
 *   late duplicate of an old request must not meet the new transaction. */
#pragma once

#include "millrace/load.h"

/* PREPARE: of one table only. */
enum mr_txn_call {
    MR_TXN_BEGIN,
    MR_TXN_LOAD,
    MR_TXN_PREPARE,
    MR_TXN_COMMIT,
    MR_TXN_ROLLBACK
};

/* What the server said about the transaction. */
enum mr_txn_answer {
    MR_TXN_UNANSWERED,        /* nothing: no answer, or none that can be read */
    MR_TXN_ACCEPTED,          /* begin: it is open; load: the rows are taken; prepare: done */
    MR_TXN_COMMITTED,         /* by this call; visible now or soon */
    MR_TXN_VISIBLE,           /* committed, and its rows can be read */
    MR_TXN_ALREADY_COMMITTED, /* before this call */
    MR_TXN_PUBLISHING,        /* publish timeout: committed, or not: its label tells */
    MR_TXN_ABORTED,           /* by this call or before */
    MR_TXN_ABORTING,          /* not yet; until it is, it may turn out to be committed */
    MR_TXN_MISSING,           /* no such transaction: never begun, cancelled and lost, or forgotten */
    MR_TXN_BUSY,              /* another call for it is being worked on */
    MR_TXN_STARTED,           /* begin: it is open already */
    MR_TXN_REFUSED            /* the call was refused for another reason, see cause and message */
};

/* "committed", "already committed", …; static. */
const char *
mr_txn_answer_name(enum mr_txn_answer answer);

struct mr_txn_reply {
    enum mr_txn_answer answer;
    struct mr_load_reply load; /* outcome, cause, message, hint, transaction, rows as far as told */
    bool left_open; /* trial: its rollback was not confirmed, the server's timeout ends it */
};

/* DONE: open. RETRY: not open; roll back, pause, begin the next label. UNKNOWN: perhaps open (also
 * when it was open already): roll back before the next one is begun. REJECTED: the label is
 * committed. FATAL: cannot be mended while we wait. timeout_s: how long it may stay open; the
 * server's own default is 20 s, so it is always sent. Tried again by itself only when nothing went
 * out, or when an operator can mend the refusal. */
enum mr_outcome
mr_txn_begin(struct mr_loader *loader, const char *label, int64_t timeout_s,
             const _Atomic bool *give_up, struct mr_txn_reply *ret_reply);

/* The rows of one table. All loads of one table in one transaction must have the same columns,
 * merge_condition and format. DONE: taken. Anything else spoils the transaction, roll it back:
 * RETRY, nothing is wrong with the rows; REJECTED, these rows will never pass; UNKNOWN, they may be
 * in it; FATAL, a person must act. Rows that do not fit may show up at commit only. Tried again by
 * itself only while the transaction is busy or nothing of the body went out. */
enum mr_outcome
mr_txn_load(struct mr_loader *loader, const struct mr_load_job *job, const _Atomic bool *give_up,
            struct mr_txn_reply *ret_reply);

/* Commits and rollbacks of this loader end after so many attempts, as UNKNOWN, when no answer was final;
 * at first there is no bound. For a caller that has other things to look after in between. */
void
mr_txn_bound(struct mr_loader *loader, uint32_t attempts);

/* DONE: committed (COMMITTED, VISIBLE, ALREADY_COMMITTED). RETRY: ABORTED, it is not in and never
 * will be. REJECTED: its rows were refused, not in. FATAL: refused for good. UNKNOWN: MISSING, the
 * server knows neither transaction nor label, so only the tables can tell; or stopped before the
 * answer was final. rows_* are the last that any answer told; rows_total 0: none told them. */
enum mr_outcome
mr_txn_commit(struct mr_loader *loader, const char *label, const _Atomic bool *give_up,
              struct mr_txn_reply *ret_reply);

/* DONE: ABORTED, or MISSING, and so nothing of it is in. REJECTED: it is committed (VISIBLE,
 * ALREADY_COMMITTED) and stays. FATAL: refused for good. UNKNOWN: stopped before the answer was
 * final. Never depends on what get_load_state says beforehand. */
enum mr_outcome
mr_txn_rollback(struct mr_loader *loader, const char *label, const _Atomic bool *give_up,
                struct mr_txn_reply *ret_reply);

/* Would these rows load? A transaction of the one table (StarRocks 2.4 or newer) is begun under
 * job->label, loaded, prepared, and rolled back whatever came; nothing of it ever becomes visible.
 * DONE: they would. REJECTED: rows were refused; message, error_url and rows_* as the server told.
 * Anything else, not known: RETRY and UNKNOWN, again under another label; FATAL, a person must act.
 * timeout_s ends what could not be rolled back. A call is repeated a few times, and only when
 * nothing of it went out or the transaction was busy; the rollback until it is final, but not for
 * long. */
enum mr_outcome
mr_txn_trial(struct mr_loader *loader, const struct mr_load_job *job, int64_t timeout_s,
             const _Atomic bool *give_up, struct mr_txn_reply *ret_reply);

/* Parses the answer to one call (pure). Never more certain than the words are: RETRY for BUSY,
 * ABORTING; UNKNOWN for PUBLISHING, and for MISSING at commit. */
enum mr_outcome
mr_txn_classify(enum mr_txn_call call, int http_status, const char *body, size_t len,
                struct mr_txn_reply *ret_reply);
