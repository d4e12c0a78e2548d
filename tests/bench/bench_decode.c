/* Nanoseconds an event: each kernel in general and with learned key orders, beside jansson, which
 * builds a tree and reads no field. The ways take turns in one process, so that a slow moment of
 * the machine falls on all; the median of the rounds is printed. bench_decode [ROUNDS [EVENTS
 * [WAY]]] WAY (0 to 6, in the order of the output) runs one alone, to count its instructions. */
#include "decode_case.h"
#include "pipeline/decode/decode_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENTS_KEPT 512
#define ROUNDS_MAX  101

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"type\",\"occurred_at\",\"payload\"],"
    "\"properties\":{"
    "\"id\":{\"type\":\"string\",\"maxLength\":64},\"type\":{\"type\":\"string\",\"maxLength\":64},"
    "\"entity\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"maxLength\":64}}"
    "},"
    "\"occurred_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"produced_at\":{\"type\":\"string\",\"format\":\"date-time\"},\"sequence\":{\"type\":"
    "\"integer\"},"
    "\"payload\":{\"type\":\"object\",\"required\":[\"amount\"],\"properties\":{"
    "\"order_id\":{\"type\":\"string\",\"maxLength\":64},\"member_id\":{\"type\":\"string\","
    "\"maxLength\":64},"
    "\"amount\":{\"type\":\"string\",\"x-decimal\":[18,2]},\"currency\":{\"type\":\"string\","
    "\"maxLength\":3},"
    "\"items\":{\"type\":\"integer\"},\"channel\":{\"type\":\"string\",\"maxLength\":32},"
    "\"country\":{\"type\":[\"string\",\"null\"],\"maxLength\":2}}}}}";

struct events {
    char *bytes;
    size_t used;
    struct mr_record records[EVENTS_KEPT];
};

static void
make_events(struct events *events)
{
    static const char *const channels[] = {"web", "store", "app", "phone"};
    static const char *const countries[] = {"DE", "US", "GB", "IN", "CA"};
    events->bytes = calloc(EVENTS_KEPT, 512);
    if (!events->bytes)
        abort();
    for (unsigned i = 0; i < EVENTS_KEPT; i++) {
        char *out = events->bytes + events->used;
        int len = sprintf(
            out,
            "{\"id\":\"0d7c6d1e-7f0a-5b1c-9f5e-2f0a3b%06x\",\"type\":\"OrderPlaced\",\"entity\":{"
            "\"id\":"
            "\"O-%06u\"},\"occurred_at\":\"2026-02-02T10:%02u:%02u.120Z\",\"produced_at\":"
            "\"2026-02-02T10:%02u:%02u.910Z\",\"sequence\":%u,\"source\":{\"system\":\"shop\","
            "\"table\":"
            "\"orders\"},\"payload\":{\"order_id\":\"O-%06u\",\"member_id\":\"M-%u\",\"amount\":"
            "\"%u.%02u\",\"currency\":\"EUR\",\"items\":%u,\"channel\":\"%s\",\"country\":\"%s\"}}",
            i * 7919,
            i,
            i % 60,
            i % 59,
            i % 60,
            i % 59,
            1000000 + i,
            i,
            i * 31 % 9973,
            i * 17 % 900,
            i % 100,
            i % 9 + 1,
            channels[i % 4],
            countries[i % 5]);
        events->records[i] = (struct mr_record){
            .value = out, .value_len = (uint32_t)len, .value_total = (uint32_t)len};
        events->used += (size_t)len;
    }
}

static double
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* others may use the processor meanwhile */
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Decodes as many events in a row as asked, and fails loudly when one is rejected. */
static double
run_decode(struct decode_case *c, const struct events *events, unsigned count)
{
    double begin = now_ns();
    for (unsigned i = 0; i < count; i++) {
        if (i % 32 == 0)
            mr_decoder_reset(c->decoder);
        if (mr_decode(
                c->decoder, &events->records[i % EVENTS_KEPT], c->now_us, &c->event, &c->info)) {
            fprintf(stderr, "rejected: %s\n", c->info.message);
            exit(1);
        }
    }
    return (now_ns() - begin) / count;
}

static double
run_jansson(const struct events *events, unsigned count)
{
    double begin = now_ns();
    for (unsigned i = 0; i < count; i++) {
        const struct mr_record *record = &events->records[i % EVENTS_KEPT];
        json_t *tree = json_loadb(record->value, record->value_len, 0, NULL);
        if (!tree)
            exit(1);
        json_decref(tree);
    }
    return (now_ns() - begin) / count;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
report(const char *name, double *samples, unsigned count)
{
    qsort(samples, count, sizeof *samples, compare);
    printf("%-18s %7.1f ns/event   (least %.1f, most %.1f of %u rounds)\n",
           name,
           samples[count / 2],
           samples[0],
           samples[count - 1],
           count);
}

#define WAYS 7

int
main(int argc, char **argv)
{
    static const char *const kernels[] = {"scalar", "sse2", "avx2"};
    static double samples[WAYS][ROUNDS_MAX];
    static struct events events;
    static struct decode_case c;
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 9;
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 200000;
    int only = argc > 3 ? atoi(argv[3]) : -1;
    rounds = rounds < 5 ? 5 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    static char field[] = "occurred_at";
    decode_case_init(&c);
    c.config.event.time_field = field;
    decode_case_text(&c, schema);
    if (decode_case_compile(&c) != MR_OK) {
        fputs(decode_case_mistakes(&c), stderr);
        return 1;
    }
    make_events(&events);
    printf("%u columns, %zu bytes an event\n", c.layout->column_count, events.used / EVENTS_KEPT);
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned way = 0; way < 6; way++) {
            const struct mri_kernel *kernel = mri_kernel_find(kernels[way / 2]);
            if (!kernel || (only >= 0 && only != (int)way))
                continue;
            mri_decoder_use_kernel(c.decoder, kernel);
            mri_decoder_use_templates(c.decoder, way % 2 == 1);
            samples[way][round] = run_decode(&c, &events, count);
        }
        if (only < 0 || only == 6)
            samples[6][round] = run_jansson(&events, count / 4);
    }
    for (unsigned way = 0; way < 6; way++) {
        char name[32];
        snprintf(name, sizeof name, "%s, %s", kernels[way / 2], way % 2 ? "learned" : "general");
        if (mri_kernel_find(kernels[way / 2]))
            report(name, samples[way], rounds);
    }
    report("jansson, tree", samples[6], rounds);
    free(events.bytes);
    decode_case_close(&c);
    return 0;
}
