#include "decode_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM ((size_t)1 << 20)
#define NOON INT64_C(1770033600000000) /* 2026-02-02T12:00:00Z */

static void
need(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "decode_case: %s\n", what);
        abort();
    }
}

void
decode_case_init(struct decode_case *c)
{
    static char pipeline[] = "test", database[] = "db", table[] = "events", time_field[] = "at",
                quarantine[] = "events_quarantine";
    memset(c, 0, sizeof *c);
    c->config.pipeline = pipeline;
    c->config.starrocks.database = database;
    c->config.detail.table = table;
    c->config.quarantine.table = quarantine;
    c->config.event.time_field = time_field;
    c->config.event.max_depth = 64;
    c->config.event.max_bytes = (int64_t)ROOM;
    c->config.event.max_future_ms = 60000;
    c->now_us = NOON;
}

void
decode_case_text(struct decode_case *c, const char *schema)
{
    snprintf(c->path, sizeof c->path, "/tmp/millrace-schema-XXXXXX");
    int fd = mkstemp(c->path);
    need(fd >= 0, "no temporary file");
    need(write(fd, schema, strlen(schema)) == (ssize_t)strlen(schema), "short write");
    close(fd);
    c->config.event.schema = c->path;
}

enum mr_rc
decode_case_compile(struct decode_case *c)
{
    enum mr_rc rc = mr_plan_new(&c->config, &c->mistakes, &c->plan);
    if (rc != MR_OK)
        return rc;
    c->layout = mr_plan_layout(c->plan);
    need(mr_decoder_new(c->plan, ROOM, &c->decoder) == MR_OK, "no decoder");
    c->event.values = c->values;
    return MR_OK;
}

const char *
decode_case_mistakes(const struct decode_case *c)
{
    static char text[8192];
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < c->mistakes.count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used,
                                 sizeof text - used,
                                 "%s: %s\n",
                                 c->mistakes.items[i].option,
                                 c->mistakes.items[i].text);
    return text;
}

enum mr_reject
decode_case_run(struct decode_case *c, const char *bytes, size_t len)
{
    /* What follows a record is another record: it must never be taken for a part of this one. */
    static const char next[] =
        "}}]]\"\"1234567890  e+5,,::\\u00e9truefalsenull\x80\xBF{[}]\"}\"}\"}\"}1234567";
    need(sizeof next > MR_BATCH_PAD, "pad text is short");
    free(c->padded);
    c->padded = malloc(len + MR_BATCH_PAD);
    need(c->padded != NULL, "no memory");
    if (len > 0)
        memcpy(c->padded, bytes, len);
    memcpy(c->padded + len, next, MR_BATCH_PAD);
    mr_decoder_reset(c->decoder);
    c->record = (struct mr_record){.value = c->padded,
                                   .value_len = (uint32_t)len,
                                   .value_total = (uint32_t)len,
                                   .time_us = -1};
    memset(&c->info, 0, sizeof c->info);
    return mr_decode(c->decoder, &c->record, c->now_us, &c->event, &c->info);
}

const struct mr_value *
decode_case_value(const struct decode_case *c, const char *column)
{
    for (uint32_t i = 0; i < c->layout->column_count; i++) {
        if (strcmp(c->layout->columns[i].name, column) == 0)
            return &c->values[i];
    }
    need(false, column);
    return NULL;
}

void
decode_case_close(struct decode_case *c)
{
    if (c->path[0])
        unlink(c->path);
    mr_decoder_free(&c->decoder);
    mr_plan_free(&c->plan);
    mr_mistakes_fini(&c->mistakes);
    free(c->padded);
    c->padded = NULL;
}
