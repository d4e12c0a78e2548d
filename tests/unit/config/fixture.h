/* Helpers of the configuration's tests: text → configuration, mistakes → text. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"
#include "test.h"

/* The shortest configuration that is right. */
#define BASE                                                                                       \
    "pipeline: orders\n"                                                                           \
    "source: {kafka: {brokers: \"localhost:9092\", topics: [orders], group: millrace-orders}}\n"   \
    "event: {schema: order.json, time: {field: occurred_at}}\n"                                    \
    "sink: {starrocks: {fe: [\"http://localhost:8030\"], mysql: \"localhost:9030\", "              \
    "database: demo}}\n"                                                                           \
    "detail: {table: orders}\n"

/* What mr_mistakes_print says; free it. */
static inline char *
printed(const struct mr_mistakes *mistakes)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    T_TRUE(out != NULL);
    mr_mistakes_print(mistakes, "x.yaml", out);
    fclose(out);
    return text;
}

/* A configuration that must be right; prints the mistakes when it is not. */
static inline struct mr_config *
parsed(const char *text)
{
    struct mr_mistakes mistakes = {0};
    struct mr_config *config = NULL;
    enum mr_rc rc = mri_config_parse(text, strlen(text), "x.yaml", &mistakes, &config);
    char *said = printed(&mistakes);
    T_STR_EQ(said, "");
    T_INT_EQ(rc, MR_OK);
    T_TRUE(config != NULL);
    free(said);
    mr_mistakes_fini(&mistakes);
    return config;
}

/* The mistakes of a text that must have some; free them. */
static inline char *
mistakes_of_bytes(const char *text, size_t len)
{
    struct mr_mistakes mistakes = {0};
    struct mr_config *config = NULL;
    T_INT_EQ(mri_config_parse(text, len, "x.yaml", &mistakes, &config), MR_CONFIG);
    T_TRUE(config == NULL);
    T_TRUE(mistakes.count > 0);
    char *said = printed(&mistakes);
    mr_mistakes_fini(&mistakes);
    return said;
}

static inline char *
mistakes_of(const char *text)
{
    return mistakes_of_bytes(text, strlen(text));
}
