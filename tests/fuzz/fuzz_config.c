/* A configuration file of any bytes. What must hold: the end is a complete configuration or at
 * least one mistake, never both; what is printed is printable; everything is freed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
    if (!condition)
        abort();
}

static void
check_rollup(const struct mr_rollup_spec *rollup)
{
    require(mri_config_is_identifier(rollup->table));
    require(rollup->size_s >= 1 && rollup->offset_s >= 0 && rollup->offset_s < rollup->size_s);
    require(rollup->by.count <= MR_MAX_DIMS && rollup->max_keys >= 1);
    require(rollup->measure_count >= 1 && rollup->measure_count <= MR_MAX_MEASURES);
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        require(mri_config_is_identifier(rollup->measures[i].name));
        require((rollup->measures[i].field == NULL) == (rollup->measures[i].op == MR_OP_COUNT_ALL));
    }
}

static void
check_config(const struct mr_config *config)
{
    require(config->pipeline && strlen(config->pipeline) <= 32);
    require(config->kafka.brokers && config->kafka.group && config->kafka.topics.count >= 1);
    require(config->event.schema && config->event.time_field);
    require(config->starrocks.fe.count >= 1 && config->starrocks.mysql_host);
    require(config->starrocks.mysql_port > 0 && config->starrocks.database);
    require(config->starrocks.user && config->starrocks.password);
    require(mri_config_is_identifier(config->detail.table));
    require(mri_config_is_identifier(config->quarantine.table));
    require(config->memory >= 64 << 20 && config->flush.bytes <= config->memory / 4);
    require(config->event.max_bytes <= config->memory / 16);
    require(config->quarantine.raw_bytes <= config->event.max_bytes);
    require(config->rollup_count <= MR_MAX_ROLLUPS);
    for (uint32_t i = 0; i < config->rollup_count; i++)
        check_rollup(&config->rollups[i]);
}

static void
check_mistakes(const struct mr_mistakes *mistakes)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    require(out != NULL);
    mr_mistakes_print(mistakes, "x", out);
    require(fclose(out) == 0 && len > 0);
    for (size_t i = 0; i < len; i++)
        require((text[i] >= 0x20 && text[i] < 0x7f) || text[i] == '\n');
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_mistakes mistakes = {0};
    struct mr_config *config = NULL;
    if (size > MRI_FILE_MAX)
        return 0;
    enum mr_rc rc = mri_config_parse((const char *)data, size, "x", &mistakes, &config);
    require(rc == MR_OK || rc == MR_CONFIG);
    require((rc == MR_OK) == (config != NULL) && (rc == MR_OK) == (mistakes.count == 0));
    if (config)
        check_config(config);
    else
        check_mistakes(&mistakes);
    mr_config_free(&config);
    mr_mistakes_fini(&mistakes);
    return 0;
}
