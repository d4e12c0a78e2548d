/* The leader frontend: a follower's tables lag behind, and absence of a row is an answer only where
 * nothing can be missing. */
#include "pipeline/verify/verify_priv.h"

#include <netdb.h>
#include <sys/socket.h>

#include "millrace/base/log.h"

#define TRIES 3 /* the leader may change between the question and the connection */

const char *
mri_cell_named(const struct mri_row *row, const char *name)
{
    for (uint32_t i = 0; i < row->count; i++)
        if (strcasecmp(row->fields[i].name, name) == 0)
            return row->cells[i];
    return NULL;
}

static bool
parse_port(const char *text, uint16_t *ret_port)
{
    unsigned port;
    char rest;
    if (!text || strlen(text) > 5 || sscanf(text, "%5u%c", &port, &rest) != 1 || port == 0 ||
        port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

enum mr_rc
mri_frontend_row(void *context, const struct mri_row *row)
{
    struct mri_frontends *frontends = context;
    const char *host = mri_cell_named(row, "IP"), *role = mri_cell_named(row, "Role");
    struct mri_frontend found = {.port = 0};
    frontends->count++;
    if (!host || !*host || strlen(host) >= sizeof found.host || !role ||
        strcasecmp(role, "LEADER") != 0 || !parse_port(mri_cell_named(row, "QueryPort"), &found.port))
        return MR_OK;
    snprintf(found.host, sizeof found.host, "%s", host);
    frontends->leader = found;
    frontends->led = true;
    return MR_OK;
}

bool
mri_url_host(const char *url, char *ret_host, size_t size)
{
    const char *from = strstr(url, "://");
    from = from ? from + 3 : url;
    bool bracket = *from == '[';
    from += bracket;
    size_t len = strcspn(from, bracket ? "]" : ":/");
    if (len == 0 || len >= size)
        return false;
    memcpy(ret_host, from, len);
    ret_host[len] = '\0';
    return true;
}

/* True when one of the addresses that name has is `address`, as text. */
static bool
resolves_to(const char *name, const char *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    bool found = false;
    if (getaddrinfo(name, NULL, &hints, &list) != 0)
        return false;
    for (const struct addrinfo *at = list; at && !found; at = at->ai_next) {
        char text[NI_MAXHOST];
        found = getnameinfo(
                    at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
                strcmp(text, address) == 0;
    }
    freeaddrinfo(list);
    return found;
}

/* Every spelling first: names are resolved only when nothing else helps. */
bool
mri_frontend_allowed(const struct mr_config *config, const char *host)
{
    const struct mr_strings *fe = &config->starrocks.fe;
    char name[256];
    if (strcasecmp(config->starrocks.mysql_host, host) == 0)
        return true;
    for (uint32_t i = 0; i < fe->count; i++)
        if (mri_url_host(fe->items[i], name, sizeof name) && strcasecmp(name, host) == 0)
            return true;
    for (uint32_t i = 0; i < fe->count; i++)
        if (mri_url_host(fe->items[i], name, sizeof name) && resolves_to(name, host))
            return true;
    return false;
}

/* Numeric address of the other end of the connection; "" when it cannot be told. */
static void
peer_of(struct mr_sql *sql, char *out, socklen_t size)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    out[0] = '\0';
    if (getpeername(mysql_get_socket(sql->handle), (struct sockaddr *)&address, &len) == 0 &&
        getnameinfo((struct sockaddr *)&address, len, out, size, NULL, 0, NI_NUMERICHOST) != 0)
        out[0] = '\0';
}

/* With one frontend there is no other that could have answered, whatever address it believes to
 * have; else host and port must be those that were connected to. */
static bool
is_here(struct mr_sql *sql, const char *host, uint16_t port, const struct mri_frontends *found)
{
    char peer[NI_MAXHOST];
    if (found->count == 1)
        return true;
    if (port != found->leader.port)
        return false;
    peer_of(sql, peer, sizeof peer);
    return strcasecmp(host, found->leader.host) == 0 || strcmp(peer, found->leader.host) == 0;
}

/* Who may not ask for the frontends cannot know the leader, unless there is one frontend only. */
static enum mr_rc
without_privilege(const struct mr_config *config, struct mr_sql *sql, struct mr_error *reterr_error)
{
    if (config->starrocks.fe.count == 1) {
        mr_log(MR_LOG_WARN,
               "verify",
               "the user may not ask which frontend leads; the only one configured is taken for it",
               MR_STR("frontend", sql->where),
               MR_STR("way_out", "GRANT OPERATE ON SYSTEM TO USER"));
        return MR_OK;
    }
    enum mr_rc rc =
        mr_error_set(reterr_error,
                     MR_STARROCKS,
                     "StarRocks at %s: user \"%s\" may not ask which frontend leads, and "
                     "a follower's tables may lag",
                     sql->where,
                     config->starrocks.user);
    mr_error_hint(reterr_error,
                  "GRANT OPERATE ON SYSTEM TO USER '%s', or leave only the leader in "
                  "sink.starrocks.fe and sink.starrocks.mysql",
                  config->starrocks.user);
    return rc;
}

static enum mr_rc
not_allowed(const struct mri_frontend *leader, struct mr_sql *sql, struct mr_error *reterr_error)
{
    char host[320];
    mr_text_quote(host, sizeof host, leader->host, strlen(leader->host));
    enum mr_rc rc = mr_error_set(reterr_error,
                                 MR_STARROCKS,
                                 "StarRocks at %s names \"%s\" as its leader, which "
                                 "sink.starrocks.fe does not",
                                 sql->where,
                                 host);
    mr_error_hint(reterr_error, "add the leader's HTTP address to sink.starrocks.fe");
    return rc;
}

/* MR_OK with *ret_here: this connection is the leader's; without: connect to *ret_leader. */
static enum mr_rc
ask_leader(const struct mr_config *config,
           struct mr_sql *sql,
           const struct mri_frontend *at,
           bool *ret_here,
           struct mri_frontend *ret_leader,
           struct mr_error *reterr_error)
{
    struct mri_frontends found = {.count = 0};
    enum mr_rc rc = mri_sql_run(sql, "SHOW FRONTENDS", mri_frontend_row, &found, reterr_error);
    *ret_here = true;
    if (rc != MR_OK)
        return mri_sql_denied(sql) ? without_privilege(config, sql, reterr_error) : rc;
    if (!found.led)
        return mr_error_set(
            reterr_error, MR_STARROCKS, "StarRocks at %s names no leader frontend", sql->where);
    *ret_here = is_here(sql, at->host, at->port, &found);
    *ret_leader = found.leader;
    if (!*ret_here && !mri_frontend_allowed(config, found.leader.host))
        return not_allowed(&found.leader, sql, reterr_error);
    return MR_OK;
}

enum mr_rc
mr_sql_connect_leader(const struct mr_config *config,
                      struct mr_sql **ret_sql,
                      struct mr_error *reterr_error)
{
    struct mri_frontend at = {.port = config->starrocks.mysql_port};
    snprintf(at.host, sizeof at.host, "%s", config->starrocks.mysql_host);
    for (unsigned i = 0; i < TRIES; i++) {
        struct mr_sql *sql = NULL;
        bool here = false;
        struct mri_frontend leader = at;
        enum mr_rc rc = mri_sql_connect_to(config, at.host, at.port, &sql, reterr_error);
        if (rc == MR_OK)
            rc = ask_leader(config, sql, &at, &here, &leader, reterr_error);
        if (rc == MR_OK && here) {
            *ret_sql = sql;
            return MR_OK;
        }
        mr_sql_close(&sql);
        if (rc != MR_OK)
            return rc;
        at = leader;
    }
    return mr_error_set(
        reterr_error, MR_STARROCKS, "StarRocks: the leader frontend keeps changing");
}
