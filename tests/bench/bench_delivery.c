/* What exactly-once costs: the same pipeline with both deliveries, run in turn in one job, a fresh
 * process each, at the same flush interval, over the same records. Prints CPU per event, the busiest
 * thread's running time and wall throughput of both with their ratios, and what a unit costs in Kafka
 * requests and HTTP calls. Where threads wait for a core longer than they run, the wall figures tell
 * about the machine and not about the deliveries; that share is printed too. CPU figures drift with
 * the caches that neighbours take; workers do the same under both deliveries, so CPU in units of theirs
 * drifts least.
 * Figures are taken between two commits in mid-run, so that neither the group's first join nor the
 * last, partial unit counts; a run counts only when all its records were committed.
 *
 *   bench_delivery [EVENTS [RUNS [FLUSH [PUBLISH_MS]]]]
 * default: 2000000 events, 7 runs of each, units of "200ms", a sink that publishes at once. FLUSH
 * without a unit is a number of rows: then both deliveries load the same number of units, however
 * slow the machine is, which compares CPU best. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "requests.h"

enum { AT_LEAST_ONCE, EXACTLY_ONCE, DELIVERIES };

static const char *const names[DELIVERIES] = {"at-least-once", "exactly-once"};
static const char *flush = "200ms"; /* [const] after the arguments */
static int64_t publish_ms;          /* [const] after the arguments */
static int current;                 /* delivery of the run under way */

#define THREADS_MAX 64

/* A thread's time on a core, and waiting for one. */
struct thread_time {
    long id;
    bool works; /* decodes and folds: the same work under both deliveries */
    double ran_s, waited_s;
};

/* All that is counted, at one moment. */
struct mark {
    double wall_s, cpu_s;
    long sleeps; /* voluntary context switches */
    struct thread_time threads[THREADS_MAX];
    int thread_count;
    uint64_t committed;
    uint64_t calls[SIM_CALL_COUNT];
    struct requests requests;
};

struct result {
    struct mark from, to;
    uint64_t events;
};

/* The file's first line; false when the thread has ended. */
static bool
read_of_thread(long id, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/%s", id, name);
    FILE *file = fopen(path, "r");
    bool found = file && fgets(out, (int)size, file);
    if (file)
        fclose(file);
    return found;
}

static void
mark_threads(struct mark *mark)
{
    char times[128], name[32];
    DIR *folder = opendir("/proc/self/task");
    bench_must(folder != NULL, "reading /proc/self/task");
    for (struct dirent *entry; mark->thread_count < THREADS_MAX && (entry = readdir(folder));) {
        unsigned long long ran, waited;
        long id = strtol(entry->d_name, NULL, 10);
        if (id == 0 || !read_of_thread(id, "comm", name, sizeof name) ||
            !read_of_thread(id, "schedstat", times, sizeof times) ||
            sscanf(times, "%llu %llu", &ran, &waited) != 2)
            continue;
        mark->threads[mark->thread_count++] =
            (struct thread_time){.id = id, .works = strncmp(name, "work-", 5) == 0,
                                 .ran_s = (double)ran / 1e9, .waited_s = (double)waited / 1e9};
    }
    closedir(folder);
}

static void
mark_at(struct mr_app *app, const struct bench_setting *setting, uint64_t records,
        struct mark *ret_mark)
{
    struct rusage usage;
    ret_mark->committed = bench_wait_committed(app, records);
    ret_mark->wall_s = bench_now_s();
    ret_mark->cpu_s = bench_cpu_s();
    for (int i = 0; i < SIM_CALL_COUNT; i++)
        ret_mark->calls[i] =
            atomic_load_explicit(&setting->calls->number[i], memory_order_relaxed);
    ret_mark->requests = requests_now();
    getrusage(RUSAGE_SELF, &usage);
    ret_mark->sleeps = usage.ru_nvcsw;
    mark_threads(ret_mark);
}

static void
watch(struct mr_app *app, const struct bench_setting *setting, void *ret_result)
{
    struct result *result = ret_result;
    mark_at(app, setting, 1, &result->from);
    mark_at(app, setting, setting->events / 10 * 9, &result->to);
    result->events = bench_wait_committed(app, setting->events);
}

static void
run_millrace(const struct bench_setting *setting, void *ret_result)
{
    bench_millrace(setting, names[current], flush, watch, ret_result);
}

/* Of one run, between its two marks. */
struct figures {
    double cpu_ns, rate; /* an event; events a second */
    double busiest_ns;   /* an event, of the thread that ran longest */
    double beside;       /* running of all threads, against that of the workers alone */
    double starved;      /* waiting for a core, against running */
    double fetched;      /* events that a Fetch brings */
    double sleeps;       /* of threads, in 1,000 events */
    double units;
    double kafka[REQUEST_KINDS], http[SIM_CALL_COUNT]; /* a unit */
};

/* Threads that came or went between the marks are few and short: left out. */
static void
figures_of_threads(const struct mark *from, const struct mark *to, double events, struct figures *f)
{
    double busiest = 0, ran = 0, worked = 0, waited = 0;
    for (int i = 0; i < to->thread_count; i++)
        for (int k = 0; k < from->thread_count; k++) {
            if (from->threads[k].id != to->threads[i].id)
                continue;
            double own = to->threads[i].ran_s - from->threads[k].ran_s;
            busiest = own > busiest ? own : busiest;
            ran += own;
            worked += from->threads[k].works ? own : 0;
            waited += to->threads[i].waited_s - from->threads[k].waited_s;
        }
    bench_must(worked > 0, "reading the threads' times");
    f->beside = ran / worked;
    f->busiest_ns = busiest / events * 1e9;
    f->starved = waited / ran;
}

static struct figures
figures_of(const struct result *result)
{
    struct figures f;
    const struct mark *from = &result->from, *to = &result->to;
    double events = (double)(to->committed - from->committed);
    f.units = (double)(to->calls[SIM_LEDGER] - from->calls[SIM_LEDGER]);
    bench_must(events > 0 && f.units > 0 && to->wall_s > from->wall_s,
               "measuring (more events or a shorter flush interval are needed)");
    f.cpu_ns = (to->cpu_s - from->cpu_s) / events * 1e9;
    f.rate = events / (to->wall_s - from->wall_s);
    f.sleeps = (double)(to->sleeps - from->sleeps) / events * 1000;
    f.fetched = events / (double)(to->requests.number[REQUEST_FETCH] -
                                  from->requests.number[REQUEST_FETCH] + 1);
    figures_of_threads(from, to, events, &f);
    for (int i = 0; i < SIM_CALL_COUNT; i++)
        f.http[i] = (double)(to->calls[i] - from->calls[i]) / f.units;
    for (int i = 0; i < REQUEST_KINDS; i++)
        f.kafka[i] =
            (double)(to->requests.number[i] - from->requests.number[i]) / f.units;
    return f;
}

/* Requests that a unit causes; those that go on beside it by the clock are left out. */
static double
kafka_others(const struct figures *f)
{
    double sum = 0;
    for (int i = 0; i < REQUEST_KINDS; i++)
        if (i != REQUEST_FETCH && i != REQUEST_LIST_OFFSETS && i != REQUEST_METADATA &&
            i != REQUEST_HEARTBEAT && i != REQUEST_OFFSET_COMMIT && i != REQUEST_OFFSET_FETCH)
            sum += f->kafka[i];
    return sum;
}

static double
http_sum(const struct figures *f)
{
    double sum = 0;
    for (int i = 0; i < SIM_CALL_COUNT; i++)
        sum += f->http[i];
    return sum;
}

static void
print_run(const char *name, const struct figures *f)
{
    printf("%-13s %7.0f ns CPU/event  %6.0f ns busiest thread  %9.0f events/s wall  %4.0f units"
           "  waiting for a core %.1f x running\n",
           name, f->cpu_ns, f->busiest_ns, f->rate, f->units, f->starved);
    fflush(stdout);
}

static double
median_of(const struct figures *all, int runs, double (*value)(const struct figures *f))
{
    double values[BENCH_RUNS_MAX] = {0};
    for (int i = 0; i < runs; i++)
        values[i] = value(&all[i]);
    return bench_median(values, runs);
}

static double
cpu_of(const struct figures *f)
{
    return f->cpu_ns;
}

static double
busiest_of(const struct figures *f)
{
    return f->busiest_ns;
}

static double
beside_of(const struct figures *f)
{
    return f->beside;
}

static double
starved_of(const struct figures *f)
{
    return f->starved;
}

static double
fetched_of(const struct figures *f)
{
    return f->fetched;
}

static double
sleeps_of(const struct figures *f)
{
    return f->sleeps;
}

static double
rate_of(const struct figures *f)
{
    return f->rate;
}

static double
commits_of(const struct figures *f)
{
    return f->kafka[REQUEST_OFFSET_COMMIT];
}

static double
offset_fetches_of(const struct figures *f)
{
    return f->kafka[REQUEST_OFFSET_FETCH];
}

#define HTTP_OF(name, call)                                                                        \
    static double name(const struct figures *f)                                                    \
    {                                                                                              \
        return f->http[call];                                                                      \
    }
HTTP_OF(asks_of, SIM_ASK)
HTTP_OF(bodies_of, SIM_BODY)
HTTP_OF(ledgers_of, SIM_LEDGER)
HTTP_OF(begins_of, SIM_BEGIN)
HTTP_OF(http_commits_of, SIM_COMMIT)
HTTP_OF(rollbacks_of, SIM_ROLLBACK)
HTTP_OF(states_of, SIM_STATE)
HTTP_OF(http_others_of, SIM_OTHER)

static void
print_table(struct figures all[DELIVERIES][BENCH_RUNS_MAX], int runs)
{
    static const struct {
        const char *name;
        double (*value)(const struct figures *f);
    } rows[] = {
        {"CPU, ns an event", cpu_of},
        {"busiest thread, ns an event", busiest_of},
        {"CPU of all threads / of the workers", beside_of},
        {"events/s, wall", rate_of},
        {"waiting for a core / running", starved_of},
        {"threads fall asleep, 1,000 events", sleeps_of},
        {"events a Fetch brings", fetched_of},
        {"a unit: Kafka OffsetCommit", commits_of},
        {"a unit: Kafka OffsetFetch", offset_fetches_of},
        {"a unit: Kafka, other than by clock", kafka_others},
        {"a unit: HTTP calls", http_sum},
        {"  which backend?", asks_of},
        {"  loads of rows", bodies_of},
        {"  loads of ledger rows", ledgers_of},
        {"  begin", begins_of},
        {"  commit", http_commits_of},
        {"  rollback", rollbacks_of},
        {"  get_load_state", states_of},
        {"  others", http_others_of},
    };
    printf("%-36s %14s %14s\n", "median of the runs", names[AT_LEAST_ONCE], names[EXACTLY_ONCE]);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%-36s %14.2f %14.2f\n", rows[i].name,
               median_of(all[AT_LEAST_ONCE], runs, rows[i].value),
               median_of(all[EXACTLY_ONCE], runs, rows[i].value));
}

/* How fast exactly-once is against at-least-once. Each pair was run back to back: its ratio suffers
 * least from what else the machine does. more: a larger value is the faster one. */
static void
print_ratio(const char *name, struct figures all[DELIVERIES][BENCH_RUNS_MAX], int runs,
            double (*value)(const struct figures *f), bool more)
{
    double ratio[BENCH_RUNS_MAX] = {0};
    for (int i = 0; i < runs; i++) {
        double least = value(&all[AT_LEAST_ONCE][i]), exact = value(&all[EXACTLY_ONCE][i]);
        ratio[i] = more ? exact / least : least / exact;
    }
    double least = median_of(all[AT_LEAST_ONCE], runs, value);
    double exact = median_of(all[EXACTLY_ONCE], runs, value);
    printf("  %-34s %14.3f %14.3f\n", name, bench_median(ratio, runs),
           more ? exact / least : least / exact);
}

static void
print_ratios(struct figures all[DELIVERIES][BENCH_RUNS_MAX], int runs)
{
    printf("throughput, exactly-once / at-least-once; units of %s%s, publishing takes %lld ms\n", flush,
           flush[strspn(flush, "0123456789")] ? "" : " rows", (long long)publish_ms);
    printf("  %-34s %14s %14s\n", "", "median of pairs", "of the medians");
    print_ratio("by CPU (events/s/core)", all, runs, cpu_of, false);
    print_ratio("by CPU, in units of the workers'", all, runs, beside_of, false);
    print_ratio("by the busiest thread", all, runs, busiest_of, false);
    print_ratio("by wall clock", all, runs, rate_of, true);
}

static struct figures
run(const struct bench_setting *setting, int delivery)
{
    struct result result = {.events = 0};
    current = delivery;
    bench_run(setting, run_millrace, &result, sizeof result);
    bench_must(result.events == setting->events, "the count of events");
    struct figures f = figures_of(&result);
    print_run(names[delivery], &f);
    return f;
}

int
main(int argc, char **argv)
{
    static struct figures all[DELIVERIES][BENCH_RUNS_MAX];
    struct bench_setting setting = {.events = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000};
    int runs = argc > 2 ? atoi(argv[2]) : 7;
    flush = argc > 3 ? argv[3] : flush;
    bench_must(runs > 0 && runs <= BENCH_RUNS_MAX, "reading the number of runs");
    publish_ms = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
    bench_start(&setting, publish_ms);
    for (int i = 0; i < runs; i++)
        for (int k = 0; k < DELIVERIES; k++) /* who goes first changes from pair to pair */
            all[(i + k) % DELIVERIES][i] = run(&setting, (i + k) % DELIVERIES);
    bench_end(&setting);
    print_table(all, runs);
    print_ratios(all, runs);
    return 0;
}
