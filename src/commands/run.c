/* millrace run FILE: the pipeline until a signal or an error ends it. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "commands/commands_priv.h"
#include "millrace/app.h"
#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "millrace/commands.h"

#define POLL_MS 100

static void
watched_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

/* The first SIGTERM or SIGINT asks for an orderly end; a second one ends the process at once. */
static void
on_signal(struct mr_app *app, int signal, int *stops)
{
    if (signal == SIGHUP) {
        mr_log(MR_LOG_WARN, "app", "SIGHUP ignored: restart to read the configuration again");
        return;
    }
    if (++*stops == 1) {
        mr_log(MR_LOG_INFO, "app", "stopping: units in flight are finished first",
               MR_STR("hint", "a second signal aborts"));
        mr_app_stop(app);
        return;
    }
    mr_log(MR_LOG_WARN, "app", "aborted by a second signal: unfinished units will be read again");
    _exit(mr_rc_exit(MR_ABORTED));
}

static void
wait_for_end(struct mr_app *app)
{
    const struct timespec poll = {.tv_nsec = POLL_MS * 1000000L};
    sigset_t set;
    int stops = 0;
    watched_signals(&set);
    while (!mr_app_ended(app)) {
        int signal = sigtimedwait(&set, NULL, &poll);
        if (signal > 0)
            on_signal(app, signal, &stops);
    }
}

static enum mr_rc
start_and_wait(struct mr_app *app, const struct mr_config *config, struct mr_error *error)
{
    enum mr_rc rc = mr_app_start(app, error);
    if (rc != MR_OK) {
        /* Ends the threads that did start. */
        mr_app_stop(app);
        (void)!mr_app_join(app, NULL);
        mr_log_error("app", "cannot start", error);
        return rc;
    }
    mr_log(MR_LOG_INFO, "app", "started", MR_STR("version", MR_VERSION),
           MR_STR("pipeline", config->pipeline), MR_INT("pid", getpid()),
           MR_INT("status_port", mr_app_status_port(app)));
    wait_for_end(app);
    return mr_app_join(app, error);
}

static enum mr_rc
run(const struct mr_config *config, const struct mr_plan *plan)
{
    struct mr_app *app = NULL;
    struct mr_error error = {.rc = MR_OK};
    sigset_t set;
    watched_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    enum mr_rc rc = mr_app_new(config, plan, NULL, &app, &error);
    if (rc == MR_OK)
        rc = start_and_wait(app, config, &error);
    else
        mr_log_error("app", "cannot start", &error);
    mr_log(rc == MR_OK ? MR_LOG_INFO : MR_LOG_ERROR, "app", "ended", MR_STR("code", mr_rc_name(rc)),
           MR_INT("exit", mr_rc_exit(rc)));
    mr_app_free(&app);
    return rc;
}

int
mr_command_run(int argc, char **argv)
{
    static const struct mri_file_command command = {
        .name = "run",
        .about = "Consumes the topics, folds the rollups and loads all tables until SIGTERM or\n"
                 "SIGINT: units in flight are then finished and committed. A second signal aborts\n"
                 "with exit code 130. Outages of Kafka and StarRocks are waited out.\n",
        .work = run,
    };
    return mri_commands_file(&command, argc, argv);
}
