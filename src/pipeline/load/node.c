/* Addresses: what an FE, a redirect or an entry of the allow list names. */
#include "pipeline/load/load_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "millrace/base/attr.h"

/* Part of the URL as a copy to be freed with curl_free; NULL when it has none. */
static char *
take_part(CURLU *parts, CURLUPart which)
{
    char *text = NULL;
    return curl_url_get(parts, which, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool
part_present(CURLU *parts, CURLUPart which)
{
    char *text = take_part(parts, which);
    bool present = text != NULL;
    curl_free(text);
    return present;
}

static bool
part_is(CURLU *parts, CURLUPart which, const char *expected)
{
    char *text = take_part(parts, which);
    bool same = text && strcasecmp(text, expected) == 0;
    curl_free(text);
    return same;
}

static const char *
read_parts(CURLU *parts, uint16_t default_port, struct mri_node *ret_node)
{
    if (!part_is(parts, CURLUPART_SCHEME, "http"))
        return "is not http";
    if (part_present(parts, CURLUPART_USER) || part_present(parts, CURLUPART_PASSWORD))
        return "carries a user or a password";
    struct mri_node node = {.port = default_port};
    char *host = take_part(parts, CURLUPART_HOST);
    bool fits = host && strlen(host) < sizeof node.host && host[0];
    if (fits)
        memcpy(node.host, host, strlen(host) + 1);
    curl_free(host);
    if (!fits)
        return "names no host";
    char *port = take_part(parts, CURLUPART_PORT);
    if (port)
        node.port = (uint16_t)strtoul(port, NULL, 10); /* libcurl checked 0..65535 */
    bool zero = port && node.port == 0;
    curl_free(port);
    if (zero)
        return "names port 0";
    *ret_node = node;
    return NULL;
}

const char *
mri_load_node_parse(const char *url, uint16_t default_port, struct mri_node *ret_node)
{
    CURLU *parts = curl_url();
    if (!parts)
        return "cannot be read: out of memory";
    const char *problem = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK
                              ? read_parts(parts, default_port, ret_node)
                              : "is not a URL";
    curl_url_cleanup(parts);
    return problem;
}

bool
mri_load_node_equal(const struct mri_node *a, const struct mri_node *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

bool
mri_load_node_allowed(const struct mr_load_hub *hub, const struct mri_node *node)
{
    for (uint32_t i = 0; i < hub->allowed_count; i++) {
        const struct mri_node *entry = &hub->allowed[i];
        if (strcasecmp(entry->host, node->host) == 0 &&
            (entry->port == 0 || entry->port == node->port))
            return true;
    }
    return false;
}
