/* millrace check FILE: every mistake at once; --live also asks Kafka and StarRocks. */
#include <inttypes.h>
#include <stdio.h>

#include "commands_priv.h"
#include "millrace/base/attr.h"
#include "millrace/commands.h"
#include "millrace/consume.h"
#include "millrace/load.h"
#include "millrace/verify.h"

#define LIVE_TIMEOUT_MS 10000

static enum mr_rc
check(const struct mr_config *config, const struct mr_plan *plan)
{
    const struct mr_layout *layout = mr_plan_layout(plan);
    printf("%s: ok: pipeline %s: topics %" PRIu32 ", columns of %s %" PRIu32 ", rollups %" PRIu32
           "\n",
           config->file,
           config->pipeline,
           layout->topic_count,
           layout->detail_table,
           layout->column_count,
           layout->rollup_count);
    return MR_OK;
}

/* One line a question, with the hint where the answer is no. */
static enum mr_rc
say(const char *question, enum mr_rc rc, const struct mr_error *error)
{
    if (rc == MR_OK) {
        printf("ok      %s\n", question);
        return rc;
    }
    printf("FAILED  %s: %s\n", question, error->text[0] ? error->text : mr_rc_text(rc));
    const char *hint = error->hint[0] ? error->hint : mr_rc_hint(rc);
    if (hint[0]) {
        printf("        HINT: %s\n", hint);
    }
    return rc;
}

/* The client is never subscribed: no partition is assigned, no group is joined. */
static enum mr_rc
ask_kafka(const struct mr_config *config)
{
    const struct mr_consumer_events none = {0};
    struct mr_consumer *consumer = NULL;
    struct mr_error error = {0};
    enum mr_rc rc = mr_consumer_new(config, &none, &consumer, &error);
    if (rc == MR_OK) {
        rc = mr_consumer_topics(consumer, LIVE_TIMEOUT_MS, &error);
    }
    mr_consumer_free(&consumer);
    return say("Kafka answers and has the topics", rc, &error);
}

static enum mr_rc
ask_tables(const struct mr_config *config, const struct mr_plan *plan)
{
    struct mr_sql *sql = NULL;
    struct mr_error error = {0};
    enum mr_rc rc = mr_sql_connect(config, &sql, &error);
    (void)say("StarRocks answers over the MySQL protocol", rc, &error);
    if (rc == MR_OK) {
        rc = say("the tables are there and fit",
                 mr_ddl_check(sql, config, mr_plan_layout(plan), &error),
                 &error);
    }
    mr_sql_close(&sql);
    return rc;
}

/* What exactly-once asks of the server, and of the user's privileges. */
static enum mr_rc
ask_exact(const struct mr_config *config)
{
    struct mr_sql *sql = NULL;
    struct mr_error error = {0};
    if (config->delivery != MR_DELIVERY_EXACTLY_ONCE) {
        return MR_OK;
    }
    enum mr_rc rc = mr_sql_connect_leader(config, &sql, &error);
    if (rc == MR_OK) {
        rc = mr_sql_check_multi(sql, &error);
    }
    mr_sql_close(&sql);
    return say("StarRocks' leader answers and can load exactly once", rc, &error);
}

/* Without a body, so nothing is loaded. */
static enum mr_rc
ask_redirect(const struct mr_config *config, const struct mr_plan *plan)
{
    struct mr_load_hub *hub = NULL;
    struct mr_loader *loader = NULL;
    struct mr_error error = {0};
    enum mr_rc rc = mr_load_hub_new(config, &hub, &error);
    if (rc == MR_OK)
        rc = mr_loader_new(hub, &loader);
    if (rc == MR_OK)
        rc = mr_load_probe(loader, mr_plan_layout(plan)->detail_table, &error);
    mr_loader_free(&loader);
    mr_load_hub_free(&hub);
    return say("StarRocks sends loads to a backend that is allowed and answers", rc, &error);
}

/* Everything is asked; the first answer that is no gives the exit code. */
static enum mr_rc
check_live(const struct mr_config *config, const struct mr_plan *plan)
{
    enum mr_rc answers[5];
    answers[0] = check(config, plan);
    answers[1] = ask_kafka(config);
    answers[2] = ask_tables(config, plan);
    answers[3] = ask_exact(config);
    answers[4] = ask_redirect(config, plan);
    for (size_t i = 0; i < MR_ARRAY_LEN(answers); i++) {
        if (answers[i] != MR_OK) {
            return answers[i];
        }
    }
    return MR_OK;
}

int
mr_command_check(int argc, char **argv)
{
    static const struct mri_file_command command = {
        .name = "check",
        .about =
            "Lists every mistake in FILE, in its event schema and in its Kafka properties, each\n"
            "with file and line, what is allowed and a hint. Exit code 2 when there is one.\n",
        .work = check,
        .flag = "live",
        .flag_about = "also asks Kafka for the topics and StarRocks for the tables",
        .flag_work = check_live,
    };
    return mri_commands_file(&command, argc, argv);
}
