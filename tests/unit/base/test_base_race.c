/* Race points that end or stop the process: each case in a child of its own. */
#include "millrace/base/race.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PASSES 5

/* Passes two places PASSES times each under MILLRACE_AT = at, then exits with 0. */
static void
pass_places(const char *at)
{
    int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    if (at)
        setenv("MILLRACE_AT", at, 1);
    else
        unsetenv("MILLRACE_AT");
    for (int i = 0; i < PASSES; i++) {
        mr_race_point("test.first.before");
        mr_race_point("test.second.after");
    }
    _exit(0);
}

/* The status of waitpid for a child under MILLRACE_AT; a stopped one is reported once, then killed. */
static int
status_of(const char *at)
{
    int status = 0;
    pid_t child = fork();
    T_TRUE(child >= 0);
    if (child == 0)
        pass_places(at);
    T_TRUE(waitpid(child, &status, WUNTRACED) == child);
    if (WIFSTOPPED(status)) {
        int end = 0;
        kill(child, SIGKILL);
        T_TRUE(waitpid(child, &end, 0) == child);
    }
    return status;
}

Test(base_race, without_the_variable_nothing_happens)
{
    T_INT_EQ(status_of(NULL), 0);
    T_INT_EQ(status_of(""), 0);
}

Test(base_race, kill_ends_the_process_at_the_named_place)
{
    int status = status_of("kill:test.first.before");
    T_TRUE(WIFSIGNALED(status));
    T_INT_EQ(WTERMSIG(status), SIGKILL);
}

Test(base_race, a_place_that_is_not_passed_so_often_does_nothing)
{
    T_INT_EQ(status_of("kill:test.first"), 0);
    T_INT_EQ(status_of("kill:test.first.before:6"), 0);
}

Test(base_race, the_nth_pass_counts_and_the_first_action_wins)
{
    int status = status_of("kill:test.first.before:3,stop:test.second.after:2");
    T_TRUE(WIFSTOPPED(status));
    status = status_of("kill:test.first.before:2,stop:test.second.after:2");
    T_TRUE(WIFSIGNALED(status));
}

Test(base_race, a_stopped_process_goes_on_when_it_is_continued)
{
    int status = 0;
    pid_t child = fork();
    T_TRUE(child >= 0);
    if (child == 0)
        pass_places("stop:test.second.after:5");
    T_TRUE(waitpid(child, &status, WUNTRACED) == child);
    T_TRUE(WIFSTOPPED(status));
    T_INT_EQ(kill(child, SIGCONT), 0);
    T_TRUE(waitpid(child, &status, 0) == child);
    T_INT_EQ(status, 0);
}

Test(base_race, what_cannot_be_read_aborts)
{
    static const char *const bad[] = {
        "kill", "kill:", "burn:test.first.before", "kill:test.first.before:", "kill:a:0",
        "kill:a:1x", "kill:a:b", "stop:a,kill", ",kill:a",
        "kill:a,kill:a,kill:a,kill:a,kill:a,kill:a,kill:a,kill:a,kill:a",
        "kill:a123456789b123456789c123456789d123456789e123456789f123456789g123456789",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int status = status_of(bad[i]);
        T_TRUE_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "not refused: %s", bad[i]);
    }
}
