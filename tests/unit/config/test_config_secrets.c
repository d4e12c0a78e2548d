/* Variables and secrets: where they come from, and that no message ever shows them. */
#include "fixture.h"

#include <unistd.h>

#define SECRET "hunter2-sesame"

/* Connection options with the given password and further text. */
#define WITH(password, more)                                                                       \
    "pipeline: orders\n"                                                                           \
    "source: {kafka: {brokers: b, topics: [t], group: g}}\n"                                       \
    "event: {schema: s.json, time: {field: t}}\n"                                                  \
    "sink: {starrocks: {fe: [\"http://h:1\"], mysql: \"h:1\", database: d, password: " password    \
    "}}\n"                                                                                         \
    "detail: {table: orders}\n" more

/* A file with that content; its path goes into the variable SECRET_FILE. */
static void
write_secret(const void *bytes, size_t len)
{
    char path[] = "/tmp/mr_secret_XXXXXX";
    int fd = mkstemp(path);
    T_TRUE(fd >= 0);
    T_TRUE(write(fd, bytes, len) == (ssize_t)len);
    T_TRUE(close(fd) == 0);
    setenv("SECRET_FILE", path, 1);
}

/* The password of a configuration that names the file through the variable. */
static void
check_file(const char *content, const char *password)
{
    write_secret(content, strlen(content));
    struct mr_config *config = parsed(WITH("\"file:${SECRET_FILE}\"", ""));
    remove(getenv("SECRET_FILE"));
    T_STR_EQ(config->starrocks.password, password);
    mr_config_free(&config);
}

Test(config_secrets, a_password_may_stand_in_the_file_as_it_is)
{
    struct mr_config *config = parsed(WITH("\"" SECRET " #$x\"", ""));
    T_STR_EQ(config->starrocks.password, SECRET " #$x");
    mr_config_free(&config);
}

Test(config_secrets, variables_are_replaced_inside_of_a_value)
{
    setenv("A", "1", 1);
    setenv("B_2", "two", 1);
    setenv("EMPTY", "", 1);
    struct mr_config *config = parsed(WITH("\"${A}-${B_2}${EMPTY}$$-$${A}-$ {A}-$\"", ""));
    T_STR_EQ(config->starrocks.password, "1-two$$-${A}-$ {A}-$");
    mr_config_free(&config);
}

Test(config_secrets, what_a_variable_holds_is_not_read_as_yaml_nor_replaced_again)
{
    setenv("TRICK", "x, user: evil, p: ${A}", 1);
    setenv("FILE_LIKE", "file:/etc/hostname", 1);
    struct mr_config *config = parsed(WITH("\"${TRICK}\"", ""));
    T_STR_EQ(config->starrocks.password, "x, user: evil, p: ${A}");
    T_STR_EQ(config->starrocks.user, "root");
    mr_config_free(&config);
    config = parsed(WITH("\"${FILE_LIKE}\"", ""));
    T_STR_EQ(config->starrocks.password, "file:/etc/hostname");
    mr_config_free(&config);
}

Test(config_secrets, one_line_end_of_a_secret_file_is_stripped)
{
    check_file(SECRET, SECRET);
    check_file(SECRET "\n", SECRET);
    check_file(SECRET "\r\n", SECRET);
    check_file(" " SECRET " \n", " " SECRET " ");
    check_file("", "");
}

Test(config_secrets, properties_that_are_secrets_may_stand_in_files_too)
{
    write_secret(SECRET "\n", strlen(SECRET "\n"));
    struct mr_config *config =
        parsed("pipeline: orders\n"
               "source: {kafka: {brokers: b, topics: [t], group: g, sasl.password: "
               "\"file:${SECRET_FILE}\", "
               "client.id: \"file:x\", ssl.ca.pem: \"a\\nb\"}}\n"
               "event: {schema: s.json, time: {field: t}}\n"
               "sink: {starrocks: {fe: [\"http://h:1\"], mysql: \"h:1\", database: d}}\n"
               "detail: {table: orders}\n");
    remove(getenv("SECRET_FILE"));
    T_INT_EQ(config->kafka.properties.count, 3);
    T_STR_EQ(config->kafka.properties.items[0].value, SECRET);
    T_STR_EQ(config->kafka.properties.items[1].value, "file:x");
    T_STR_EQ(config->kafka.properties.items[2].value, "a\nb");
    mr_config_free(&config);
}

Test(config_secrets, a_variable_that_is_not_set_is_named)
{
    unsetenv("NOT_SET_ANYWHERE");
    char *said = mistakes_of(WITH("\"" SECRET "${NOT_SET_ANYWHERE}\"", "memory: ${memory\n"));
    T_STR_EQ(said,
             "x.yaml:4: sink.starrocks.password: the environment variable NOT_SET_ANYWHERE "
             "is not set\n"
             "HINT: set it, or write $${ for ${ itself\n"
             "x.yaml:6: memory: ${ is not followed by the name of a variable and }\n"
             "HINT: write ${VARIABLE}, or $${ for ${ itself\n");
    free(said);
}

Test(config_secrets, files_that_cannot_hold_a_secret_are_refused)
{
    char *said = mistakes_of(WITH("\"file:secret.txt\"", ""));
    T_STR_EQ(said,
             "x.yaml:4: sink.starrocks.password: file: is not followed by an absolute path\n"
             "HINT: write file:/absolute/path, or take a variable: ${NAME}\n");
    free(said);
    said = mistakes_of(WITH("\"file:/nonexistent/secret\"", ""));
    T_STR_EQ(said,
             "x.yaml:4: sink.starrocks.password: the file \"/nonexistent/secret\" cannot be "
             "used: No such file or directory\n"
             "HINT: a readable regular file of at most 64 KiB is needed\n");
    free(said);
    said = mistakes_of(WITH("\"file:/dev/zero\"", ""));
    T_STR_EQ(said,
             "x.yaml:4: sink.starrocks.password: the file \"/dev/zero\" cannot be used: "
             "Invalid argument\n"
             "HINT: a readable regular file of at most 64 KiB is needed\n");
    free(said);
}

Test(config_secrets, a_secret_file_that_is_too_large_or_binary_is_refused)
{
    static const char zeros[(64 << 10) + 1];
    static const size_t sizes[] = {5, sizeof zeros};
    static const char *const reasons[] = {"it holds a NUL byte", "File too large"};
    for (size_t i = 0; i < 2; i++) {
        write_secret(zeros, sizes[i]);
        char *said = mistakes_of(WITH("\"file:${SECRET_FILE}\"", ""));
        remove(getenv("SECRET_FILE"));
        T_TRUE_MSG(strstr(said, reasons[i]) != NULL, "%s", said);
        free(said);
    }
}

Test(config_secrets, no_message_shows_a_secret_wherever_the_mistake_is)
{
    static const char *const texts[] = {
        WITH("\"" SECRET "\\n\"", ""),           /* control character */
        WITH("\"" SECRET "\\0\"", ""),           /* NUL */
        WITH("[" SECRET "]", ""),                /* wrong kind */
        WITH("{" SECRET ": x}", ""),             /* wrong kind, as a key */
        WITH("\"" SECRET "${\"", ""),            /* bad reference */
        WITH("\"${MR_SECRET}\\n\"", ""),         /* from the environment */
        WITH(SECRET ", password: " SECRET, ""),  /* twice */
        WITH("\"file:" SECRET "\"", ""),         /* no path */
        WITH("\"" SECRET, ""),                   /* syntax: the quote stays open */
        WITH(SECRET "\n  " SECRET ": {", ""),    /* syntax */
        WITH("&" SECRET " " SECRET, ""),         /* anchor */
        WITH("*" SECRET, ""),                    /* alias */
        WITH("!" SECRET " " SECRET, ""),         /* tag */
        WITH("x", "memory: \"${MR_SECRET}\"\n"), /* in an option that is no secret */
        WITH("x", "detail: {table: \"${MR_SECRET}\"}\n"),
        WITH("x", "log: {level: \"${MR_SECRET}\"}\n"),
        WITH("x", "rollups: [{table: \"${MR_SECRET} \"}]\n"),
        WITH("x, fe: [\"http://root:" SECRET "@h:1\"]", ""), /* inside of an address */
    };
    setenv("MR_SECRET", SECRET, 1);
    for (size_t i = 0; i < MR_ARRAY_LEN(texts); i++) {
        char *said = mistakes_of(texts[i]);
        T_TRUE_MSG(strstr(said, SECRET) == NULL, "%s", said);
        free(said);
    }
}

Test(config_secrets, no_message_shows_the_value_of_a_property)
{
    char *said = mistakes_of("pipeline: orders\n"
                             "source:\n"
                             "  kafka:\n"
                             "    sasl.password: [" SECRET "]\n"
                             "    ssl.key.password: \"file:" SECRET "\"\n"
                             "    sasl.username: \"" SECRET "\\0\"\n"
                             "    sasl_password: " SECRET "\n");
    T_TRUE_MSG(strstr(said, SECRET) == NULL, "%s", said);
    T_TRUE(strstr(said, "x.yaml:4: source.kafka.sasl.password: is a list") != NULL);
    T_TRUE(strstr(said, "x.yaml:7: source.kafka.sasl_password: there is no such option") != NULL);
    free(said);
}
