/* Setters of single values: text → field, or a mistake. */
#include "config_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"

/* `"x" is not <what the type is>; allowed: …`, the usual mistake. */
static bool
wrong_value(const struct mri_site *site)
{
    const struct mri_type *type = &mri_config_types[site->option->type];
    char shown[MRI_SHOWN], allowed[128];
    return mri_config_wrong(site,
                            site->node,
                            type->hint,
                            "%s is not %s; allowed: %s",
                            mri_config_show(site, site->node, shown, sizeof shown),
                            type->word,
                            mri_config_allowed(site->option, allowed, sizeof allowed));
}

/* 512MB is read by everybody as something else. */
static const char *
number_hint(const struct mri_site *site, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (site->option->type == MRI_TYPE_SIZE && digits > 0 && strlen(text + digits) <= 2 &&
        strpbrk(text + digits, "kKmMgGtT") == text + digits) {
        return "units are powers of 1024: write KiB, MiB, GiB or TiB";
    }
    return mri_config_types[site->option->type].hint;
}

bool
mri_config_set_number(struct mri_site *site)
{
    const struct mri_type *type = &mri_config_types[site->option->type];
    const char *text = mri_config_scalar(site, "", site->node);
    char shown[MRI_SHOWN], allowed[128];
    int64_t value;
    if (!text) {
        return false;
    }
    mri_config_show(site, site->node, shown, sizeof shown);
    mri_config_allowed(site->option, allowed, sizeof allowed);
    if (!type->read(text, &value)) {
        return mri_config_wrong(site,
                                site->node,
                                number_hint(site, text),
                                "%s is not %s; allowed: %s",
                                shown,
                                type->word,
                                allowed);
    }
    if (value < site->option->min || value > site->option->max) {
        return mri_config_wrong(
            site, site->node, type->hint, "%s is out of range; allowed: %s", shown, allowed);
    }
    *(int64_t *)site->field = value;
    return true;
}

/* Puts a copy into the field, which is a char *. */
static bool
put_text(const struct mri_site *site, const char *text)
{
    char **field = site->field;
    MR_INSIST(*field == NULL);
    *field = mri_config_copy(site->draft, text);
    return *field != NULL;
}

bool
mri_config_set_name(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    if (!text) {
        return false;
    }
    if (!mri_config_is_identifier(text) || strlen(text) > (size_t)site->option->max ||
        text[0] == '_') {
        return wrong_value(site);
    }
    return put_text(site, text);
}

bool
mri_config_set_text(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    if (!text) {
        return false;
    }
    if (text[0] == '\0') {
        return mri_config_wrong(site,
                                site->node,
                                mri_config_types[site->option->type].hint,
                                "the value is empty; allowed: any text");
    }
    if (strlen(text) > (size_t)site->option->max) {
        return mri_config_wrong(
            site, site->node, "shorten it", "longer than %lld bytes", (long long)site->option->max);
    }
    return put_text(site, text);
}

/* Basic authentication ends the user at the first colon. */
bool
mri_config_set_user(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    if (!text) {
        return false;
    }
    if (text[0] == '\0' || strchr(text, ':') || strlen(text) > (size_t)site->option->max) {
        return wrong_value(site);
    }
    return put_text(site, text);
}

bool
mri_config_set_secret(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    return text && put_text(site, text);
}

bool
mri_config_set_field(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    if (!text) {
        return false;
    }
    return mri_config_is_field(text) ? put_text(site, text) : wrong_value(site);
}

bool
mri_config_set_table(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    if (!text) {
        return false;
    }
    return mri_config_is_identifier(text) ? put_text(site, text) : wrong_value(site);
}

/* One broker: [protocol://]host[:port]; librdkafka says the rest when it connects. */
static bool
is_broker(const char *text)
{
    const char *scheme = strstr(text, "://");
    const char *host = scheme ? scheme + 3 : text;
    struct mr_slice name;
    uint16_t port;
    return mri_config_read_endpoint(host, &name, &port) ? port > 0
                                                        : mri_config_is_host(mr_slice_of(host));
}

bool
mri_config_set_brokers(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    char *copy = text ? mri_config_copy(site->draft, text) : NULL;
    char *rest = copy, *broker;
    bool ok = copy && *copy;
    if (!copy) {
        return false;
    }
    while (ok && (broker = strsep(&rest, ",")) != NULL) {
        ok = is_broker(broker + strspn(broker, " "));
    }
    free(copy);
    return ok ? put_text(site, text) : wrong_value(site);
}

bool
mri_config_set_start(struct mri_site *site)
{
    struct mr_config *config = &site->draft->config;
    const char *text = mri_config_scalar(site, "", site->node);
    if (!text) {
        return false;
    }
    if (strcmp(text, "earliest") == 0) {
        config->kafka.start = MR_START_EARLIEST;
    } else if (strcmp(text, "latest") == 0) {
        config->kafka.start = MR_START_LATEST;
    } else if (mri_config_read_time(text, &config->kafka.start_time_ms)) {
        config->kafka.start = MR_START_TIME;
    } else {
        return wrong_value(site);
    }
    return true;
}

static bool
put_host(const struct mri_site *site, struct mr_slice host)
{
    char text[256];
    MR_INSIST(host.len < sizeof text);
    memcpy(text, host.p, host.len);
    text[host.len] = '\0';
    return put_text(site, text);
}

bool
mri_config_set_mysql(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    struct mr_slice host;
    uint16_t port;
    if (!text) {
        return false;
    }
    if (!mri_config_read_endpoint(text, &host, &port) || port == 0) {
        return wrong_value(site);
    }
    site->draft->config.starrocks.mysql_port = port;
    return put_host(site, host);
}

bool
mri_config_set_listen(struct mri_site *site)
{
    const char *text = mri_config_scalar(site, "", site->node);
    struct mr_slice host;
    uint16_t port;
    if (!text) {
        return false;
    }
    if (strcmp(text, "off") == 0) {
        return true; /* no host: no server */
    }
    if (!mri_config_read_endpoint(text, &host, &port)) {
        return wrong_value(site);
    }
    site->draft->config.status.port = port;
    return put_host(site, host);
}

/* Index of the value in words; -1: the mistake was recorded. */
static int
pick_word(const struct mri_site *site, const char *const *words, uint32_t count)
{
    const struct mri_type *type = &mri_config_types[site->option->type];
    const char *text = mri_config_scalar(site, "", site->node);
    char shown[MRI_SHOWN], hint[64];
    if (!text) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return (int)i;
        }
    }
    const char *closest = mr_text_closest(text, words, count);
    if (closest) {
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", closest);
    }
    (void)mri_config_wrong(site,
                           site->node,
                           closest ? hint : type->hint,
                           "%s is not %s; allowed: %s",
                           mri_config_show(site, site->node, shown, sizeof shown),
                           type->word,
                           type->allowed);
    return -1;
}

bool
mri_config_set_level(struct mri_site *site)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};
    int index = pick_word(site, words, MR_ARRAY_LEN(words));
    if (index >= 0) {
        site->draft->config.log.level = (enum mr_log_level)index;
    }
    return index >= 0;
}

bool
mri_config_set_format(struct mri_site *site)
{
    static const char *const words[] = {"text", "json"};
    int index = pick_word(site, words, MR_ARRAY_LEN(words));
    if (index >= 0) {
        site->draft->config.log.format = (enum mr_log_format)index;
    }
    return index >= 0;
}

bool
mri_config_set_delivery(struct mri_site *site)
{
    static const char *const words[] = {"exactly-once", "at-least-once"};
    int index = pick_word(site, words, MR_ARRAY_LEN(words));
    if (index >= 0) {
        site->draft->config.delivery = (enum mr_delivery)(MR_DELIVERY_EXACTLY_ONCE + index);
    }
    return index >= 0;
}
