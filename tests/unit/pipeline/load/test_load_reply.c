/* What each reply means: the recorded ones, and bytes that are no reply. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "load_fixture.h"
#include "test.h"

static const struct {
    const char *file;
    enum mr_outcome outcome;
    bool visible, mendable;
    const char *cause;
} replies[] = {
    {"success", MR_OUTCOME_DONE, true, false, "success"},
    {"publish_timeout", MR_OUTCOME_DONE, false, false, "committed, visible later"},
    {"label_exists_finished", MR_OUTCOME_DONE, false, false, "an earlier attempt was loaded"},
    {"fe_label_exists", MR_OUTCOME_DONE, false, false, "an earlier attempt was loaded"},

    {"label_exists_running", MR_OUTCOME_UNKNOWN, false, false, "an earlier attempt still runs"},
    {"fail_label_used", MR_OUTCOME_UNKNOWN, false, false, "label already used"},
    {"fail_status_unknown", MR_OUTCOME_UNKNOWN, false, false, "transaction status unknown"},
    {"fail_thrift_eagain", MR_OUTCOME_UNKNOWN, false, false, "frontend did not answer its backend"},
    {"fail_commit_task", MR_OUTCOME_UNKNOWN, false, false, "commit failed"},
    {"fail_unlisted_text", MR_OUTCOME_UNKNOWN, false, false, "failed for a reason not known here"},
    {"fe_exception", MR_OUTCOME_UNKNOWN, false, false, "server error"},
    {"proxy_bad_gateway", MR_OUTCOME_UNKNOWN, false, false, "server error"},
    {"proxy_timeout", MR_OUTCOME_UNKNOWN, false, false, "server error"},
    {"garbage_html", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"garbage_truncated", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"garbage_empty", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"garbage_array", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},

    {"fail_filtered_rows", MR_OUTCOME_REJECTED, false, false, "rows refused"},
    {"fail_empty_load", MR_OUTCOME_REJECTED, false, false, "no row is loadable"},
    {"fail_json_array", MR_OUTCOME_REJECTED, false, false, "body not understood"},
    {"fail_json_too_large", MR_OUTCOME_REJECTED, false, false, "body not understood"},

    {"fail_too_many_versions", MR_OUTCOME_RETRY, false, false, "too many versions"},
    {"fail_too_many_versions_old", MR_OUTCOME_RETRY, false, false, "too many versions"},
    {"fail_compaction_score", MR_OUTCOME_RETRY, false, false, "compaction is behind"},
    {"fail_running_txns", MR_OUTCOME_RETRY, false, false, "too many running transactions"},
    {"fail_txn_per_be", MR_OUTCOME_RETRY, false, false, "too many running transactions"},
    {"fail_write_lock", MR_OUTCOME_RETRY, false, false, "database lock"},
    {"fail_replicas", MR_OUTCOME_RETRY, false, false, "replicas are down"},
    {"fail_shutting_down", MR_OUTCOME_RETRY, false, false, "node shuts down"},
    {"fail_http_limit", MR_OUTCOME_RETRY, false, false, "too many loads"},
    {"fail_body_cut", MR_OUTCOME_RETRY, false, false, "body cut"},
    {"fe_no_backend_alive", MR_OUTCOME_RETRY, false, false, "no backend alive"},
    {"fe_redirect", MR_OUTCOME_RETRY, false, false, "redirected once more"},
    {"proxy_busy", MR_OUTCOME_RETRY, false, false, "server busy"},

    {"fail_no_authorization", MR_OUTCOME_FATAL, false, true, "access denied"},
    {"fail_access_denied", MR_OUTCOME_FATAL, false, true, "access denied"},
    {"fe_unauthorized", MR_OUTCOME_FATAL, false, true, "access denied"},
    {"fe_access_denied", MR_OUTCOME_FATAL, false, true, "access denied"},
    {"fail_unknown_database", MR_OUTCOME_FATAL, false, true, "database missing"},
    {"fail_unknown_table", MR_OUTCOME_FATAL, false, true, "table missing"},
    {"fe_unknown_table", MR_OUTCOME_FATAL, false, true, "table missing"},
    {"fail_quota", MR_OUTCOME_FATAL, false, true, "quota used up"},
    {"fail_loads_disabled", MR_OUTCOME_FATAL, false, true, "loads are disabled"},
    {"fail_body_too_large", MR_OUTCOME_FATAL, false, true, "body too large"},
    {"proxy_too_large", MR_OUTCOME_FATAL, false, true, "body too large"},
    {"fe_no_expect", MR_OUTCOME_FATAL, false, true, "Expect header lost"},
    {"be_not_found", MR_OUTCOME_FATAL, false, true, "request refused"},
    {"fail_label_format", MR_OUTCOME_FATAL, false, false, "label refused"},

    /* Answers to another question are no word about a load. */
    {"state_unknown", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"state_prepare", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"state_prepared", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"state_committed", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"state_visible", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"state_aborted", MR_OUTCOME_UNKNOWN, false, false, "not a load's reply"},
    {"state_unknown_database", MR_OUTCOME_FATAL, false, true, "database missing"},
};

static enum mr_outcome
classify(const char *body, struct mr_load_reply *reply)
{
    return mr_load_classify(200, body, strlen(body), reply);
}

Test(load_reply, every_recorded_reply_is_taken_for_what_it_means)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(replies); i++) {
        struct mr_load_reply reply;
        int status;
        const char *body = fixture_reply(replies[i].file, &status);
        enum mr_outcome outcome = mr_load_classify(status, body, strlen(body), &reply);
        T_TRUE_MSG(outcome == replies[i].outcome && reply.outcome == outcome,
                   "%s: outcome is %s",
                   replies[i].file,
                   mr_outcome_name(outcome));
        T_TRUE_MSG(reply.visible == replies[i].visible, "%s: visible", replies[i].file);
        T_TRUE_MSG(reply.mendable == replies[i].mendable, "%s: mendable", replies[i].file);
        T_TRUE_MSG(strcmp(reply.cause, replies[i].cause) == 0,
                   "%s: cause is %s",
                   replies[i].file,
                   reply.cause);
        T_TRUE_MSG(!reply.mendable || reply.hint[0], "%s: no hint", replies[i].file);
    }
}

Test(load_reply, every_file_of_the_folder_stands_in_the_table)
{
    DIR *folder = opendir(MR_REPLIES);
    unsigned found = 0;
    T_TRUE(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *end = strstr(entry->d_name, ".http");
        if (!end)
            continue;
        size_t i = 0, len = (size_t)(end - entry->d_name);
        while (i < MR_ARRAY_LEN(replies) &&
               (strlen(replies[i].file) != len || memcmp(replies[i].file, entry->d_name, len) != 0))
            i++;
        T_TRUE_MSG(i < MR_ARRAY_LEN(replies), "%s is not in the table", entry->d_name);
        found++;
    }
    closedir(folder);
    T_INT_EQ(found, MR_ARRAY_LEN(replies));
}

Test(load_reply, the_numbers_of_a_success_are_read)
{
    struct mr_load_reply reply;
    int status;
    const char *body = fixture_reply("success", &status);
    T_INT_EQ(classify(body, &reply), MR_OUTCOME_DONE);
    T_INT_EQ(reply.txn_id, 1003);
    T_INT_EQ(reply.rows_total, 4);
    T_INT_EQ(reply.rows_loaded, 4);
    T_INT_EQ(reply.rows_filtered, 0);
    T_STR_EQ(reply.message, "OK");
}

Test(load_reply, filtered_rows_come_with_their_number_and_the_place_of_the_details)
{
    struct mr_load_reply reply;
    int status;
    const char *body = fixture_reply("fail_filtered_rows", &status);
    T_INT_EQ(classify(body, &reply), MR_OUTCOME_REJECTED);
    T_INT_EQ(reply.rows_filtered, 1);
    T_STR_EQ(reply.error_url, "http://127.0.0.1:8040/api/_load_error_log?file=error_log_e84f_9b2c");
}

Test(load_reply, member_names_and_status_are_read_in_any_case_of_letters)
{
    struct mr_load_reply reply;
    T_INT_EQ(classify("{\"STATUS\":\"sUCCESS\",\"numberTOTALrows\":7}", &reply), MR_OUTCOME_DONE);
    T_INT_EQ(reply.rows_total, 7);
    T_INT_EQ(classify("{\"status\":\"FAILED\",\"msg\":\"TOO MANY VERSIONS\"}", &reply),
             MR_OUTCOME_RETRY);
    T_STR_EQ(reply.message, "TOO MANY VERSIONS");
}

Test(load_reply, a_verdict_with_bytes_that_are_not_utf_8_is_still_a_verdict)
{
    struct mr_load_reply reply;
    T_INT_EQ(classify("{\"Status\":\"Fail\",\"Message\":\"too many filtered rows: \xff\xfe\x01\"}",
                      &reply),
             MR_OUTCOME_REJECTED);
}

Test(load_reply, bytes_of_a_message_cannot_break_the_line)
{
    static const char body[] = "{\"Status\": \"Fail\", \"Message\": \"a\\nb \\u001b[31m \\\"c\\\" \xc3\xa4\"}";
    struct mr_load_reply reply;
    T_INT_EQ(mr_load_classify(200, body, strlen(body), &reply), MR_OUTCOME_UNKNOWN);
    T_STR_EQ(reply.message, "a\\x0Ab \\x1B[31m 'c' \\xC3\\xA4");
}

Test(load_reply, ok_alone_does_not_mean_that_rows_are_in)
{
    struct mr_load_reply reply;
    T_INT_EQ(classify("{\"status\":\"OK\",\"msg\":\"Success\"}", &reply), MR_OUTCOME_UNKNOWN);
}

Test(load_reply, a_server_error_that_says_success_is_not_believed)
{
    struct mr_load_reply reply;
    static const char body[] = "{\"Status\":\"Success\"}";
    T_INT_EQ(mr_load_classify(500, body, strlen(body), &reply), MR_OUTCOME_UNKNOWN);
    T_INT_EQ(mr_load_classify(0, body, strlen(body), &reply), MR_OUTCOME_UNKNOWN);
}

Test(load_reply, members_of_the_wrong_type_are_taken_as_missing)
{
    struct mr_load_reply reply;
    T_INT_EQ(
        classify("{\"Status\":7,\"Message\":[],\"TxnId\":\"x\",\"NumberTotalRows\":-4}", &reply),
        MR_OUTCOME_UNKNOWN);
    T_INT_EQ(reply.txn_id, -1);
    T_INT_EQ(reply.rows_total, 0);
}

Test(load_reply, states_of_a_label_are_read)
{
    static const struct {
        const char *file;
        enum mr_label_state state;
    } states[] = {
        {"state_unknown", MR_LABEL_UNKNOWN},
        {"state_prepare", MR_LABEL_PREPARE},
        {"state_prepared", MR_LABEL_PREPARED},
        {"state_committed", MR_LABEL_COMMITTED},
        {"state_visible", MR_LABEL_VISIBLE},
        {"state_aborted", MR_LABEL_ABORTED},
        {"state_unknown_database", MR_LABEL_UNANSWERED},
        {"fe_exception", MR_LABEL_UNANSWERED},
        {"garbage_html", MR_LABEL_UNANSWERED},
        {"success", MR_LABEL_UNANSWERED},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(states); i++) {
        struct mr_load_reply reply;
        int status;
        const char *body = fixture_reply(states[i].file, &status);
        mri_load_reply_init(&reply);
        T_TRUE_MSG(mri_load_label_parse(status, body, strlen(body), &reply) == states[i].state,
                   "%s",
                   states[i].file);
    }
}
