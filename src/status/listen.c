/* The listening socket is made here, not by the HTTP library, so that "port in use" is told apart
 * from other failures and port 0 can be asked back. */
#include "status/status_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 32

static enum mr_rc
resolve(const char *host, uint16_t port, struct addrinfo **ret_list, struct mr_error *reterr_error)
{
    struct addrinfo wanted = {.ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int code = getaddrinfo(host, service, &wanted, ret_list);
    if (code != 0) {
        (void)mr_error_set(
            reterr_error, MR_CONFIG, "status.listen: \"%s\": %s", host, gai_strerror(code));
        mr_error_hint(reterr_error, "use an address of this machine, such as 127.0.0.1:8480");
        return MR_CONFIG;
    }
    return MR_OK;
}

static enum mr_rc
fail(const char *host, uint16_t port, int reason, struct mr_error *reterr_error)
{
    (void)mr_error_set(reterr_error,
                       MR_SYSTEM,
                       "status.listen: cannot listen on \"%s:%u\": %s",
                       host,
                       (unsigned)port,
                       strerror(reason));
    if (reason == EADDRINUSE) {
        mr_error_hint(reterr_error,
                      "another process has this port; choose another in status.listen");
    } else if (reason == EACCES) {
        mr_error_hint(reterr_error, "ports below 1024 need a privilege; choose a higher one");
    }
    return MR_SYSTEM;
}

static uint16_t
bound_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    in_port_t port = 0;
    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        /* Both families have the port in the same place; the copy keeps the aliasing rules. */
        memcpy(&port, (char *)&address + offsetof(struct sockaddr_in, sin_port), sizeof port);
    }
    return ntohs(port);
}

static int
open_socket(const struct addrinfo *address)
{
    const int on = 1;
    int fd = socket(address->ai_family,
                    address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    /* A restart must not wait for the old connections' TIME_WAIT. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

enum mr_rc
mri_status_listen(const char *host,
                  uint16_t port,
                  int *ret_socket,
                  uint16_t *ret_port,
                  struct mr_error *reterr_error)
{
    struct addrinfo *list = NULL;
    int fd = -1, reason = EADDRNOTAVAIL;
    enum mr_rc rc = resolve(host, port, &list, reterr_error);
    if (rc != MR_OK) {
        return rc;
    }
    for (const struct addrinfo *address = list; address && fd < 0; address = address->ai_next) {
        fd = open_socket(address);
        reason = fd < 0 ? errno : 0;
    }
    freeaddrinfo(list);
    if (fd < 0) {
        return fail(host, port, reason, reterr_error);
    }
    *ret_socket = fd;
    *ret_port = bound_port(fd);
    return MR_OK;
}
