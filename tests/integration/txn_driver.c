/* Drives the calls of a transaction from a test: one call a line on stdin, one answer a line on
 * stdout. txn_driver FE DATABASE, then
 *   begin LABEL SECONDS | load LABEL TABLE COLUMNS ROWS | commit LABEL | rollback LABEL
 *   trial LABEL TABLE COLUMNS ROWS SECONDS
 * ROWS without blanks, "," between columns and ";" after each row. An answer: outcome, answer,
 * cause, rows in all, loaded and filtered, "open" or "closed", ErrorURL, with tabs between. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/load_txn.h"

#define WORDS_MAX 6

struct driver {
    struct mr_load_hub *hub;
    struct mr_loader *loader;
    struct mr_budget budget;
};

/* With SECONDS a trial, else a load. */
static enum mr_outcome
load(struct driver *driver, char *const *words, const char *seconds, struct mr_txn_reply *reply)
{
    struct mr_body body;
    size_t len = strlen(words[4]);
    mr_body_init(&body, MR_BODY_CSV, &driver->budget);
    char *out = mr_body_reserve(&body, len);
    MR_INSIST(out != NULL);
    for (size_t i = 0; i < len; i++) {
        char c = words[4][i];
        out[i] = c == ',' ? MR_CSV_COLUMN_SEPARATOR : c == ';' ? MR_CSV_ROW_DELIMITER : c;
        body.rows += c == ';';
    }
    mr_body_advance(&body, len);
    const struct mr_load_job job = {
        .label = words[1], .table = words[2], .columns = words[3], .body = &body};
    enum mr_outcome outcome =
        seconds ? mr_txn_trial(driver->loader, &job, strtol(seconds, NULL, 10), NULL, reply)
                : mr_txn_load(driver->loader, &job, NULL, reply);
    mr_body_fini(&body);
    return outcome;
}

static enum mr_outcome
call(struct driver *driver, char *const *words, int count, struct mr_txn_reply *reply)
{
    if (count == 3 && strcmp(words[0], "begin") == 0)
        return mr_txn_begin(driver->loader, words[1], strtol(words[2], NULL, 10), NULL, reply);
    if (count == 5 && strcmp(words[0], "load") == 0)
        return load(driver, words, NULL, reply);
    if (count == 6 && strcmp(words[0], "trial") == 0)
        return load(driver, words, words[5], reply);
    if (count == 2 && strcmp(words[0], "commit") == 0)
        return mr_txn_commit(driver->loader, words[1], NULL, reply);
    if (count == 2 && strcmp(words[0], "rollback") == 0)
        return mr_txn_rollback(driver->loader, words[1], NULL, reply);
    (void)fputs("txn_driver: this is no call\n", stderr);
    exit(2);
}

static void
serve(struct driver *driver)
{
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin)) {
        char *words[WORDS_MAX], *rest = line, *word;
        int count = 0;
        while (count < WORDS_MAX && (word = strtok_r(rest, " \n", &rest)))
            words[count++] = word;
        struct mr_txn_reply reply;
        enum mr_outcome outcome = call(driver, words, count, &reply);
        (void)printf("%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\n",
                     mr_outcome_name(outcome),
                     mr_txn_answer_name(reply.answer),
                     reply.load.cause,
                     reply.load.rows_total,
                     reply.load.rows_loaded,
                     reply.load.rows_filtered,
                     reply.left_open ? "open" : "closed",
                     reply.load.error_url);
        (void)fflush(stdout);
    }
}

int
main(int argc, char **argv)
{
    struct driver driver = {0};
    struct mr_error error = {0};
    struct mr_config config = {0};
    if (argc != 3 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return 2;
    static char user[] = "root";
    config.starrocks.fe = (struct mr_strings){.items = &argv[1], .count = 1};
    config.starrocks.database = argv[2];
    config.starrocks.user = user;
    config.starrocks.connect_timeout_ms = 1000;
    config.starrocks.load_timeout_s = 20;
    mr_budget_init(&driver.budget, 16 << 20);
    if (mr_load_hub_new(&config, &driver.hub, &error) != MR_OK ||
        mr_loader_new(driver.hub, &driver.loader) != MR_OK) {
        (void)fprintf(stderr, "txn_driver: %s\n", error.text);
        return 2;
    }
    serve(&driver);
    mr_loader_free(&driver.loader);
    mr_load_hub_free(&driver.hub);
    curl_global_cleanup();
    return 0;
}
