/* The text of a scalar: ${VARIABLE} replaced, file:/path read for secrets. What came from the
 * environment or a file is never shown: messages quote the scalar as it was written. */
#include "config_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pass-through properties whose value may stand in a file. */
static const char *const secret_properties[] = {
    "sasl.password",
    "ssl.key.password",
    "ssl.keystore.password",
    "ssl.key.pem",
    "sasl.oauthbearer.client.secret",
};

const char *
mri_config_kind_name(const struct mri_node *node)
{
    static const char *const names[] = {"a single value", "a list", "a map"};
    return names[node->kind];
}

bool
mri_config_is_null(const struct mri_node *node)
{
    return node->kind == MRI_SCALAR && node->plain &&
           (node->raw[0] == '\0' || strcmp(node->raw, "~") == 0 || strcmp(node->raw, "null") == 0);
}

char *
mri_config_copy(struct mri_draft *draft, const char *text)
{
    char *copy = strdup(text);
    if (!copy) {
        draft->nomem = true;
    }
    return copy;
}

static bool
is_secret(const struct mri_site *site, const struct mri_node *node)
{
    if (site->option->flags & MRI_FLAG_SECRET) {
        return true;
    }
    if (site->option->type != MRI_TYPE_PROPERTY || !node->key) {
        return false;
    }
    for (size_t i = 0; i < MR_ARRAY_LEN(secret_properties); i++) {
        if (strcmp(node->key, secret_properties[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *
mri_config_show(const struct mri_site *site, const struct mri_node *node, char *out, size_t size)
{
    /* Whoever writes a password into an address must not find it in a log. */
    if (is_secret(site, node) || site->option->type == MRI_TYPE_PROPERTY ||
        strchr(node->raw, '@')) {
        mr_text_quote(out, size, "the value", strlen("the value"));
        return out;
    }
    out[0] = '"';
    mr_text_quote(out + 1, size - 2, node->raw, node->raw_len);
    size_t len = strlen(out);
    out[len] = '"';
    out[len + 1] = '\0';
    return out;
}

/* Length of the name in ${name} at text, 0 when it is no such reference. */
static size_t
reference(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    size_t len = strspn(text + 2, letters);
    bool digit = text[2] >= '0' && text[2] <= '9';
    return text[2 + len] == '}' && !digit ? len : 0;
}

/* Value of the variable named by text[0..len); NULL: not set, reported. */
static const char *
variable(const struct mri_site *site,
         const char *part,
         const struct mri_node *node,
         struct mr_slice name)
{
    char text[128];
    if (name.len >= sizeof text) {
        mri_config_wrong_part(site, part, node, "shorten it", "the name of a variable is too long");
        return NULL;
    }
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    const char *value = getenv(text);
    if (!value) {
        mri_config_wrong_part(site,
                              part,
                              node,
                              "set it, or write $${ for ${ itself",
                              "the environment variable %s is not set",
                              text);
    }
    return value;
}

/* One step of the expansion: the piece that stands at *at, which moves on. */
static bool
next_piece(const struct mri_site *site,
           const char *part,
           const struct mri_node *node,
           const char **at,
           struct mr_slice *ret_piece)
{
    const char *p = *at;
    if (strncmp(p, "$${", 3) == 0) {
        *ret_piece = (struct mr_slice){"${", 2};
        *at = p + 3;
        return true;
    }
    if (strncmp(p, "${", 2) != 0) {
        size_t len = 1 + strcspn(p + 1, "$");
        *ret_piece = (struct mr_slice){p, len};
        *at = p + len;
        return true;
    }
    size_t name = reference(p);
    if (name == 0) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     "write ${VARIABLE}, or $${ for ${ itself",
                                     "${ is not followed by the name of a variable and }");
    }
    const char *value = variable(site, part, node, (struct mr_slice){p + 2, name});
    if (!value) {
        return false;
    }
    *ret_piece = mr_slice_of(value);
    *at = p + name + 3;
    return true;
}

/* The scalar with its variables replaced, on the heap. One block of the final size, so that no
 * piece of a secret is left behind by a growing buffer. */
static char *
expand(const struct mri_site *site, const char *part, const struct mri_node *node)
{
    struct mr_slice piece = {NULL, 0};
    size_t need = 0;
    for (const char *at = node->raw; *at; need += piece.len) {
        if (!next_piece(site, part, node, &at, &piece)) {
            return NULL;
        }
    }
    if (need > MRI_SECRET_MAX) {
        mri_config_wrong_part(site,
                              part,
                              node,
                              "no option needs that much",
                              "longer than 64 KiB once its variables are replaced");
        return NULL;
    }
    char *value = malloc(need + 1);
    if (!value) {
        site->draft->nomem = true;
        return NULL;
    }
    size_t used = 0;
    for (const char *at = node->raw; *at && next_piece(site, part, node, &at, &piece);) {
        memcpy(value + used, piece.p, piece.len);
        used += piece.len;
    }
    value[used] = '\0';
    return value;
}

/* Whole content of an open file into out; -1 with errno, or EFBIG when it does not fit. */
static ssize_t
read_all(int fd, char *out, size_t size)
{
    size_t used = 0;
    for (;;) {
        ssize_t got = read(fd, out + used, size - used);
        if (got == 0) {
            return (ssize_t)used;
        }
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        used += got > 0 ? (size_t)got : 0;
        if (used == size) {
            errno = EFBIG;
            return -1;
        }
    }
}

/* As read_all, from a path. Only regular files: a pipe could block for ever. */
static ssize_t
read_file(const char *path, char *out, size_t size)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return -1;
    }
    ssize_t len = -1;
    if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode)) {
        errno = EINVAL;
    } else {
        len = read_all(fd, out, size);
    }
    int why = errno;
    close(fd);
    errno = why;
    return len;
}

/* One line end at the end belongs to the file, not to the secret. */
static void
strip_line_end(char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n') {
        text[--len] = '\0';
    }
    if (len > 0 && text[len - 1] == '\r') {
        text[len - 1] = '\0';
    }
}

/* The secret in the file that reference ("file:/path") names; on the heap. */
static char *
from_file(const struct mri_site *site,
          const char *part,
          const struct mri_node *node,
          const char *named)
{
    const char *path = named + strlen("file:");
    if (path[0] != '/') {
        mri_config_wrong_part(site,
                              part,
                              node,
                              "write file:/absolute/path, or take a variable: ${NAME}",
                              "file: is not followed by an absolute path");
        return NULL;
    }
    char *value = calloc(1, MRI_SECRET_MAX + 2);
    if (!value) {
        site->draft->nomem = true;
        return NULL;
    }
    ssize_t len = read_file(path, value, MRI_SECRET_MAX + 1);
    if (len < 0 || memchr(value, '\0', (size_t)len)) {
        char shown[MRI_SHOWN];
        mr_text_quote(shown, sizeof shown, path, strlen(path));
        mri_config_wrong_part(site,
                              part,
                              node,
                              "a readable regular file of at most 64 KiB is needed",
                              "the file \"%s\" cannot be used: %s",
                              shown,
                              len < 0 ? strerrordesc_np(errno) : "it holds a NUL byte");
        explicit_bzero(value, MRI_SECRET_MAX + 2);
        free(value);
        return NULL;
    }
    strip_line_end(value, (size_t)len);
    return value;
}

/* What can be said before any variable is looked at. */
static bool
check_form(const struct mri_site *site, const char *part, const struct mri_node *node)
{
    const char *hint = mri_config_types[site->option->type].hint;
    char allowed[128];
    if (node->kind != MRI_SCALAR) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     hint,
                                     "is %s; a single value is allowed here",
                                     mri_config_kind_name(node));
    }
    if (mri_config_is_null(node)) {
        return mri_config_wrong_part(site,
                                     part,
                                     node,
                                     hint,
                                     "has no value; allowed: %s",
                                     mri_config_allowed(site->option, allowed, sizeof allowed));
    }
    if (strlen(node->raw) != node->raw_len) {
        return mri_config_wrong_part(
            site, part, node, "remove \\0", "the value holds a NUL character");
    }
    return true;
}

static bool
has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

const char *
mri_config_scalar(const struct mri_site *site, const char *part, struct mri_node *node)
{
    if (node->value) {
        return node->value;
    }
    if (!check_form(site, part, node)) {
        return NULL;
    }
    char *value = expand(site, part, node);
    if (value && is_secret(site, node) && strncmp(node->raw, "file:", strlen("file:")) == 0) {
        char *named = value;
        value = from_file(site, part, node, named);
        free(named);
    }
    if (!value) {
        return NULL;
    }
    node->value = value;
    /* librdkafka takes certificates, which have many lines. */
    if (has_control(value) && site->option->type != MRI_TYPE_PROPERTY) {
        mri_config_wrong_part(site,
                              part,
                              node,
                              "remove line ends, tabs and the like",
                              "the value holds a control character");
        return NULL;
    }
    return value;
}
