/* Rollback: repeated until the answer is final, and what is final. */
#include "settled_case.h"

Test(txn_rollback, a_rollback_is_sent_whatever_the_label_says)
{
    static const struct course courses[] = {
        {{"txn_rollback_ok"}, MR_OUTCOME_DONE, MR_TXN_ABORTED, "R"},
        {{"txn_rollback_again"}, MR_OUTCOME_DONE, MR_TXN_ABORTED, "R"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), rollback);
}

Test(txn_rollback, a_rollback_of_what_is_committed_is_refused_for_good)
{
    static const struct course courses[] = {
        {{"txn_rollback_visible"}, MR_OUTCOME_REJECTED, MR_TXN_ALREADY_COMMITTED, "R"},
        {{"txn_rollback_committed"}, MR_OUTCOME_REJECTED, MR_TXN_ALREADY_COMMITTED, "R"},
        {{"txn_missing", "state_visible"}, MR_OUTCOME_REJECTED, MR_TXN_VISIBLE, "RS"},
        {{"txn_missing", "state_committed"}, MR_OUTCOME_REJECTED, MR_TXN_COMMITTED, "RS"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), rollback);
}

Test(txn_rollback, a_rollback_of_no_such_transaction_is_done)
{
    static const struct course courses[] = {
        {{"txn_missing", "state_unknown"}, MR_OUTCOME_DONE, MR_TXN_MISSING, "RS"},
        {{"txn_missing", "state_aborted"}, MR_OUTCOME_DONE, MR_TXN_ABORTED, "RS"},
        {{"txn_missing", "garbage_html", "txn_missing", "state_unknown"},
         MR_OUTCOME_DONE,
         MR_TXN_MISSING,
         "RSRS"},
        {{"txn_missing", "state_prepare", "txn_rollback_ok"},
         MR_OUTCOME_DONE,
         MR_TXN_ABORTED,
         "RSR"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), rollback);
}

Test(txn_rollback, anything_else_is_rolled_back_again)
{
    static const struct course courses[] = {
        {{"lost", "txn_rollback_again"}, MR_OUTCOME_DONE, MR_TXN_ABORTED, "RR"},
        {{"fe_exception", "garbage_html", "txn_rollback_ok"},
         MR_OUTCOME_DONE,
         MR_TXN_ABORTED,
         "RRR"},
        {{"txn_rollback_pending", "txn_rollback_in_progress", "txn_rollback_again"},
         MR_OUTCOME_DONE,
         MR_TXN_ABORTED,
         "RRR"},
        {{"txn_rollback_pending", "txn_rollback_visible"},
         MR_OUTCOME_REJECTED,
         MR_TXN_ALREADY_COMMITTED,
         "RR"},
        {{"txn_rollback_committing", "txn_load_in_processing", "txn_rollback_visible"},
         MR_OUTCOME_REJECTED,
         MR_TXN_ALREADY_COMMITTED,
         "RRR"},
        {{"txn_commit_unlisted_text", "txn_commit_filtered_rows", "txn_rollback_again"},
         MR_OUTCOME_DONE,
         MR_TXN_ABORTED,
         "RRR"},
        {{"fe_unauthorized", "txn_rollback_ok"}, MR_OUTCOME_DONE, MR_TXN_ABORTED, "RR"},
    };
    run_all(courses, MR_ARRAY_LEN(courses), rollback);
}
