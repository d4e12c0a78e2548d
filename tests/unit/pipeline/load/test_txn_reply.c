/* What each answer to a call of a transaction means: the recorded ones, and the matrix behind them.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "load_fixture.h"
#include "millrace/load_txn.h"
#include "test.h"

static const struct {
    const char *file;
    enum mr_txn_call call;
    enum mr_txn_answer answer;
    enum mr_outcome outcome;
    const char *cause;
} replies[] = {
#define R(file, call, answer, outcome, cause)                                                      \
    {                                                                                              \
        "txn_" file, MR_TXN_##call, MR_TXN_##answer, MR_OUTCOME_##outcome, cause                   \
    }
    R("begin_ok", BEGIN, ACCEPTED, DONE, "open"),
    R("begin_running", BEGIN, STARTED, UNKNOWN, "already started"),
    R("begin_loading", BEGIN, STARTED, UNKNOWN, "already started"),
    R("begin_on_backend", BEGIN, STARTED, UNKNOWN, "already started"),
    R("begin_committed", BEGIN, ALREADY_COMMITTED, REJECTED, "already committed"),
    R("begin_visible", BEGIN, ALREADY_COMMITTED, REJECTED, "already committed"),
    R("begin_cancelled", BEGIN, ABORTED, RETRY, "label of an aborted transaction"),
    R("begin_running_txns", BEGIN, REFUSED, RETRY, "too many running transactions"),
    R("begin_not_implemented", BEGIN, REFUSED, FATAL, "no multi-table transactions"),
    R("begin_needs_table", BEGIN, REFUSED, FATAL, "no multi-table transactions"),
    R("begin_bad_type", BEGIN, REFUSED, FATAL, "no multi-table transactions"),
    R("unknown_database", BEGIN, REFUSED, FATAL, "database missing"),
    R("empty_label", BEGIN, REFUSED, UNKNOWN, "failed for a reason not known here"),

    R("load_ok", LOAD, ACCEPTED, DONE, "rows taken"),
    R("load_in_processing", LOAD, BUSY, RETRY, "in processing"),
    R("load_in_processing_other", LOAD, BUSY, RETRY, "in processing"),
    R("load_not_exists", LOAD, MISSING, RETRY, "no such transaction"),
    R("missing", LOAD, MISSING, RETRY, "no such transaction"),
    R("missing_coordinator", LOAD, MISSING, RETRY, "no such transaction"),
    R("load_params_differ", LOAD, REFUSED, FATAL, "parameters differ"),
    R("load_other_table", LOAD, REFUSED, FATAL, "parameters differ"),
    R("load_timed_out", LOAD, ABORTING, RETRY, "being aborted"),
    R("load_aborting", LOAD, ABORTING, RETRY, "being aborted"),
    R("load_after_abort", LOAD, ABORTED, RETRY, "aborted"),
    R("load_cancelled", LOAD, ABORTED, RETRY, "aborted"),
    R("load_committed", LOAD, ALREADY_COMMITTED, REJECTED, "already committed"),
    R("load_too_many_versions", LOAD, REFUSED, RETRY, "too many versions"),
    R("load_memory", LOAD, REFUSED, RETRY, "server out of memory"),
    R("load_table_missing", LOAD, REFUSED, FATAL, "table missing"),
    R("load_access_denied", LOAD, REFUSED, FATAL, "access denied"),
    R("load_to_backend", LOAD, REFUSED, FATAL, "request refused"),
    R("prepare_unsupported", PREPARE, REFUSED, FATAL, "request refused"),

    R("commit_filtered_rows", PREPARE, REFUSED, REJECTED, "rows refused"),
    R("load_too_many_versions", PREPARE, REFUSED, RETRY, "too many versions"),
    R("load_in_processing_other", PREPARE, BUSY, RETRY, "in processing"),
    R("load_after_abort", PREPARE, ABORTED, RETRY, "aborted"),
    R("commit_no_data", PREPARE, ABORTED, RETRY, "aborted"),
    R("load_not_exists", PREPARE, MISSING, UNKNOWN, "no such transaction"),
    R("missing_coordinator", PREPARE, MISSING, UNKNOWN, "no such transaction"),
    R("commit_again", PREPARE, ALREADY_COMMITTED, UNKNOWN, "already committed"),
    R("commit_unlisted_text", PREPARE, REFUSED, UNKNOWN, "failed for a reason not known here"),

    R("commit_ok", COMMIT, COMMITTED, DONE, "committed"),
    R("commit_again", COMMIT, ALREADY_COMMITTED, DONE, "already committed"),
    R("commit_publish_timeout", COMMIT, PUBLISHING, UNKNOWN, "publish timeout"),
    R("commit_publish_timeout_status", COMMIT, PUBLISHING, UNKNOWN, "publish timeout"),
    R("commit_committing", COMMIT, BUSY, RETRY, "in processing"),
    R("load_in_processing", COMMIT, BUSY, RETRY, "in processing"),
    R("commit_cancelled", COMMIT, ABORTED, RETRY, "aborted"),
    R("commit_cancelled_ok", COMMIT, ABORTED, RETRY, "aborted"),
    R("commit_aborted", COMMIT, ABORTED, RETRY, "aborted"),
    R("commit_no_data", COMMIT, ABORTED, RETRY, "aborted"),
    R("commit_aborting", COMMIT, ABORTING, RETRY, "being aborted"),
    R("commit_filtered_rows", COMMIT, REFUSED, REJECTED, "rows refused"),
    R("commit_unlisted_text", COMMIT, REFUSED, UNKNOWN, "failed for a reason not known here"),
    R("missing", COMMIT, MISSING, UNKNOWN, "no such transaction"),
    R("missing_single", COMMIT, MISSING, UNKNOWN, "no such transaction"),

    R("rollback_ok", ROLLBACK, ABORTED, DONE, "aborted"),
    R("rollback_again", ROLLBACK, ABORTED, DONE, "aborted"),
    R("missing", ROLLBACK, MISSING, DONE, "no such transaction"),
    R("missing_single", ROLLBACK, MISSING, DONE, "no such transaction"),
    R("rollback_visible", ROLLBACK, ALREADY_COMMITTED, REJECTED, "already committed"),
    R("rollback_committed", ROLLBACK, ALREADY_COMMITTED, REJECTED, "already committed"),
    R("rollback_committing", ROLLBACK, BUSY, RETRY, "in processing"),
    R("load_in_processing", ROLLBACK, BUSY, RETRY, "in processing"),
    R("rollback_pending", ROLLBACK, ABORTING, RETRY, "being aborted"),
    R("rollback_in_progress", ROLLBACK, ABORTING, RETRY, "being aborted"),
#undef R
};

static const enum mr_txn_call calls[] = {
    MR_TXN_BEGIN, MR_TXN_LOAD, MR_TXN_PREPARE, MR_TXN_COMMIT, MR_TXN_ROLLBACK};

Test(txn_reply, every_recorded_answer_is_taken_for_what_it_means)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(replies); i++) {
        struct mr_txn_reply reply;
        int status;
        const char *body = fixture_reply(replies[i].file, &status);
        enum mr_outcome outcome =
            mr_txn_classify(replies[i].call, status, body, strlen(body), &reply);
        T_TRUE_MSG(reply.answer == replies[i].answer,
                   "row %zu, %s: answer is %s",
                   i,
                   replies[i].file,
                   mr_txn_answer_name(reply.answer));
        T_TRUE_MSG(outcome == replies[i].outcome && reply.load.outcome == outcome,
                   "row %zu, %s: outcome is %s",
                   i,
                   replies[i].file,
                   mr_outcome_name(outcome));
        T_TRUE_MSG(strcmp(reply.load.cause, replies[i].cause) == 0,
                   "row %zu, %s: cause is %s",
                   i,
                   replies[i].file,
                   reply.load.cause);
        T_TRUE_MSG(
            !reply.load.mendable || reply.load.hint[0], "row %zu, %s: no hint", i, replies[i].file);
    }
}

static bool
stands_in_the_table(const char *name, size_t len)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(replies); i++) {
        if (strlen(replies[i].file) == len && memcmp(replies[i].file, name, len) == 0)
            return true;
    }
    return false;
}

Test(txn_reply, every_file_of_the_folder_stands_in_the_table)
{
    DIR *folder = opendir(MR_REPLIES);
    unsigned found = 0;
    T_TRUE(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *end = strstr(entry->d_name, ".json");
        if (!end)
            continue;
        T_TRUE_MSG(stands_in_the_table(entry->d_name, (size_t)(end - entry->d_name)),
                   "%s is not in the table",
                   entry->d_name);
        found++;
    }
    closedir(folder);
    T_TRUE_MSG(found > 40, "only %u files", found);
}

Test(txn_reply, the_transaction_and_refused_rows_are_read)
{
    struct mr_txn_reply reply;
    int status;
    const char *body = fixture_reply("txn_commit_filtered_rows", &status);
    (void)mr_txn_classify(MR_TXN_COMMIT, status, body, strlen(body), &reply);
    T_INT_EQ(reply.load.txn_id, 1007);
    T_INT_EQ(reply.load.rows_total, 4);
    T_INT_EQ(reply.load.rows_filtered, 1);
    T_STR_EQ(reply.load.error_url,
             "http://127.0.0.1:8040/api/_load_error_log?file=error_log_e84f_9b2c");
    T_STR_EQ(reply.load.message, "too many filtered rows");
}

Test(txn_reply, a_server_without_multi_table_transactions_is_named_with_the_way_out)
{
    static const char *const files[] = {
        "txn_begin_not_implemented", "txn_begin_needs_table", "txn_begin_bad_type"};
    for (size_t i = 0; i < MR_ARRAY_LEN(files); i++) {
        struct mr_txn_reply reply;
        int status;
        const char *body = fixture_reply(files[i], &status);
        T_INT_EQ(mr_txn_classify(MR_TXN_BEGIN, status, body, strlen(body), &reply),
                 MR_OUTCOME_FATAL);
        T_TRUE(!reply.load.mendable);
        T_TRUE(strstr(reply.load.hint, "StarRocks 4.0") != NULL);
    }
}

Test(txn_reply, what_is_no_answer_says_nothing_about_the_transaction)
{
    static const struct {
        const char *file;
        enum mr_txn_answer answer;
        enum mr_outcome outcome;
    } others[] = {
        {"fe_exception", MR_TXN_UNANSWERED, MR_OUTCOME_UNKNOWN},
        {"proxy_bad_gateway", MR_TXN_UNANSWERED, MR_OUTCOME_UNKNOWN},
        {"proxy_timeout", MR_TXN_UNANSWERED, MR_OUTCOME_UNKNOWN},
        {"garbage_html", MR_TXN_UNANSWERED, MR_OUTCOME_UNKNOWN},
        {"garbage_empty", MR_TXN_UNANSWERED, MR_OUTCOME_UNKNOWN},
        {"garbage_array", MR_TXN_UNANSWERED, MR_OUTCOME_UNKNOWN},
        {"garbage_truncated", MR_TXN_UNANSWERED, MR_OUTCOME_UNKNOWN},
        {"fe_redirect", MR_TXN_UNANSWERED, MR_OUTCOME_RETRY},
        {"proxy_busy", MR_TXN_UNANSWERED, MR_OUTCOME_RETRY},
        {"fe_unauthorized", MR_TXN_REFUSED, MR_OUTCOME_FATAL},
        {"fe_access_denied", MR_TXN_REFUSED, MR_OUTCOME_FATAL},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(others); i++) {
        for (size_t c = 0; c < MR_ARRAY_LEN(calls); c++) {
            struct mr_txn_reply reply;
            int status;
            const char *body = fixture_reply(others[i].file, &status);
            enum mr_outcome outcome = mr_txn_classify(calls[c], status, body, strlen(body), &reply);
            T_TRUE_MSG(reply.answer == others[i].answer && outcome == others[i].outcome,
                       "%s: %s, %s",
                       others[i].file,
                       mr_txn_answer_name(reply.answer),
                       mr_outcome_name(outcome));
        }
    }
}

Test(txn_reply, an_ok_with_another_http_status_is_not_believed)
{
    static const char body[] = "{\"Status\":\"OK\",\"Message\":\"\"}";
    static const int statuses[] = {0, 100, 500, 502, 302};
    for (size_t c = 0; c < MR_ARRAY_LEN(calls); c++) {
        for (size_t i = 0; i < MR_ARRAY_LEN(statuses); i++) {
            struct mr_txn_reply reply;
            T_TRUE(mr_txn_classify(calls[c], statuses[i], body, strlen(body), &reply) !=
                   MR_OUTCOME_DONE);
            T_INT_EQ(reply.answer, MR_TXN_UNANSWERED);
        }
    }
}

Test(txn_reply, a_plain_loads_success_is_no_answer_to_a_commit)
{
    struct mr_txn_reply reply;
    static const char body[] = "{\"Status\":\"Success\",\"Message\":\"OK\"}";
    T_INT_EQ(mr_txn_classify(MR_TXN_COMMIT, 200, body, strlen(body), &reply), MR_OUTCOME_UNKNOWN);
}

Test(txn_reply, every_answer_has_a_name_of_its_own)
{
    for (int a = MR_TXN_UNANSWERED; a <= MR_TXN_REFUSED; a++) {
        for (int b = MR_TXN_UNANSWERED; b < a; b++)
            T_TRUE(strcmp(mr_txn_answer_name((enum mr_txn_answer)a),
                          mr_txn_answer_name((enum mr_txn_answer)b)) != 0);
    }
}
