/* Runs of the program's command line, and a folder with files for them. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "millrace/base/text.h"
#include "millrace/commands.h"
#include "test.h"

struct outcome {
    int code;
    char out[65536];
    char err[16384];
};

/* A stream redirected into a file without a name; what stood there before is kept. */
struct redirect {
    FILE *stream;
    int kept, file;
};

static inline struct redirect
redirect(FILE *stream)
{
    struct redirect redirect = {.stream = stream, .kept = dup(fileno(stream))};
    redirect.file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    T_TRUE(redirect.kept >= 0 && redirect.file >= 0);
    fflush(stream);
    T_TRUE(dup2(redirect.file, fileno(stream)) >= 0);
    return redirect;
}

/* Ends the redirection; its text into out. */
static inline void
restore(struct redirect *redirect, char *out, size_t size)
{
    fflush(redirect->stream);
    dup2(redirect->kept, fileno(redirect->stream));
    ssize_t len = pread(redirect->file, out, size - 1, 0);
    T_TRUE(len >= 0 && (size_t)len < size - 1);
    out[len] = '\0';
    close(redirect->kept);
    close(redirect->file);
}

/* Runs the program's command line, its words split at blanks. */
static inline struct outcome *
run(const char *line)
{
    static struct outcome outcome;
    char words[512], *argv[16], *rest = words, *word;
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    while (argc < 15 && (word = strsep(&rest, " ")) != NULL)
        argv[argc++] = word;
    argv[argc] = NULL;
    struct redirect out = redirect(stdout), err = redirect(stderr);
    outcome.code = mr_commands_main(argc, argv);
    restore(&out, outcome.out, sizeof outcome.out);
    restore(&err, outcome.err, sizeof outcome.err);
    return &outcome;
}

static inline bool
has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static inline void
write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    T_TRUE(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* A folder with a schema and two configurations, good.yaml and bad.yaml; the working directory. */
static inline void
enter_folder(char folder[32])
{
    snprintf(folder, 32, "/tmp/mr_commands_XXXXXX");
    T_TRUE(mkdtemp(folder) != NULL && chdir(folder) == 0);
    write_file(folder,
               "order.json",
               "{\"type\": \"object\", \"required\": [\"id\", \"at\"], \"properties\": {\n"
               " \"id\": {\"type\": \"string\", \"maxLength\": 32},\n"
               " \"at\": {\"type\": \"string\", \"format\": \"date-time\"},\n"
               " \"amount\": {\"type\": \"string\", \"x-decimal\": [18, 2]}}}\n");
    write_file(folder,
               "good.yaml",
               "pipeline: orders\n"
               "source: {kafka: {brokers: \"127.0.0.1:1\", topics: [orders], group: g}}\n"
               "event: {schema: order.json, time: {field: at}}\n"
               "sink: {starrocks: {fe: [\"http://127.0.0.1:1\"], mysql: \"127.0.0.1:1\", "
               "database: demo, password: sesame}}\n"
               "detail: {table: orders}\n"
               "rollups: [{table: orders_1m, window: {tumble: 1m}, measures: {n: count()}}]\n");
    write_file(folder,
               "bad.yaml",
               "pipeline: orders\n"
               "source: {kafka: {brokers: b, topics: [t], group: g, enable.auto.commit: true}}\n"
               "event: {schema: order.json, time: {field: nowhere}}\n"
               "sink: {starrocks: {fe: [\"http://h:1\"], mysql: \"h:1\", database: d, "
               "password: sesame}}\n"
               "detail: {table: orders}\n"
               "memory: lots\n");
    write_file(folder, "worse.yaml", "memory: 1\nfuslh: {}\n");
    write_file(folder, "worst.yaml", "- memory: 1\n");
}

static inline void
leave_folder(const char *folder)
{
    static const char *const names[] = {
        "order.json", "good.yaml", "bad.yaml", "worse.yaml", "worst.yaml"};
    for (size_t i = 0; i < MR_ARRAY_LEN(names); i++)
        T_TRUE(unlink(names[i]) == 0);
    T_TRUE(chdir("/") == 0 && rmdir(folder) == 0);
}
