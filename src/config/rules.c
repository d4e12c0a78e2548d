/* Options against each other, and the defaults that follow from other options. Every mistake names
 * both options. */
#include "config_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_LOADS_MEMORY 4
#define RECORD_SHARE        16
#define NAMES_MAX           (4 + 3 * MR_MAX_ROLLUPS + 1)

static const struct mri_seen *
seen(const struct mri_draft *draft, const char *path)
{
    return &draft->seen[mri_config_option_at(path) - mri_config_options];
}

static void clash(struct mri_draft *draft,
                  uint32_t line,
                  const char *path,
                  const char *hint,
                  const char *format,
                  ...) MR_PRINTF(5, 6);

static void
clash(struct mri_draft *draft,
      uint32_t line,
      const char *path,
      const char *hint,
      const char *format,
      ...)
{
    va_list args;
    va_start(args, format);
    if (!mri_config_mistakes_vadd(draft->mistakes, line, path, hint, format, args)) {
        draft->nomem = true;
    }
    va_end(args);
}

/* value of path must not be above limit, a share of the option other; a default gives way. */
static void
bound_by(
    struct mri_draft *draft, const char *path, int64_t *value, const char *other, int64_t share)
{
    const struct mri_seen *own = seen(draft, path), *theirs = seen(draft, other);
    const struct mri_option *base = mri_config_option_at(other);
    int64_t limit = *(const int64_t *)(const void *)((const char *)draft + base->field) / share;
    char have[32], most[32], hint[160], part[32] = "";
    if (own->state == MRI_BAD || theirs->state == MRI_BAD || *value <= limit) {
        return;
    }
    if (own->state == MRI_DEFAULTED) {
        *value = limit;
        return;
    }
    if (share > 1) {
        mri_config_cut(part, sizeof part, "1/%d of ", (int)share);
    }
    mri_config_cut(hint, sizeof hint, "lower %s or raise %s", path, other);
    clash(draft,
          own->line,
          path,
          hint,
          "%s is above %s, which is %s%s",
          mri_config_print_size(*value, have, sizeof have),
          mri_config_print_size(limit, most, sizeof most),
          part,
          other);
}

/* A load is a part of its unit's transaction, which therefore must live longer; a default gives way. */
static void
outlive_loads(struct mri_draft *draft)
{
    static const char path[] = "sink.starrocks.transaction_timeout";
    static const char other[] = "sink.starrocks.load_timeout";
    const struct mri_seen *own = seen(draft, path), *theirs = seen(draft, other);
    int64_t *value = &draft->config.starrocks.transaction_timeout_ms;
    int64_t least = draft->config.starrocks.load_timeout_s * 1000;
    char have[32], want[32];
    if (own->state == MRI_BAD || theirs->state == MRI_BAD || *value >= least) {
        return;
    }
    if (own->state == MRI_DEFAULTED) {
        *value = least;
        return;
    }
    clash(draft,
          own->line,
          path,
          "raise it, or lower sink.starrocks.load_timeout",
          "%s is below %s, which is %s",
          mri_config_print_duration(*value, have, sizeof have),
          mri_config_print_duration(least, want, sizeof want),
          other);
}

/* --- names of tables ------------------------------------------------------------------------ */

struct named {
    char name[80];
    char owner[64]; /* the option, or a fixed text */
    uint32_t line;
};

struct names {
    struct named items[NAMES_MAX];
    uint32_t count;
};

/* Adds a name; one that is there already is a mistake at the later one. */
static void
claim(struct mri_draft *draft,
      struct names *names,
      const char *name,
      const char *suffix,
      const char *owner,
      uint32_t line)
{
    if (!name || names->count == NAMES_MAX) {
        return; /* a name that is missing or bad was reported */
    }
    struct named *mine = &names->items[names->count];
    mri_config_cut(mine->name, sizeof mine->name, "%s%s", name, suffix);
    mri_config_cut(mine->owner, sizeof mine->owner, "%s", owner);
    mine->line = line;
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].name, mine->name) != 0) {
            continue;
        }
        clash(draft,
              line,
              owner,
              "choose another name",
              "\"%s\" is already the name of %s",
              mine->name,
              names->items[i].owner);
        return;
    }
    names->count++;
}

static void
claim_rollup(struct mri_draft *draft, struct names *names, uint32_t index)
{
    const struct mr_rollup_spec *rollup = &draft->config.rollups[index];
    char owner[48];
    mri_config_cut(owner, sizeof owner, "rollups[%u].table", index);
    claim(draft, names, rollup->table, "", owner, rollup->line);
}

static void
claim_views(struct mri_draft *draft, struct names *names, uint32_t index)
{
    const struct mr_rollup_spec *rollup = &draft->config.rollups[index];
    char owner[48];
    mri_config_cut(owner, sizeof owner, "the views of rollups[%u].table", index);
    claim(draft, names, rollup->table, "_view", owner, rollup->line);
    claim(draft, names, rollup->table, "_final", owner, rollup->line);
}

static void
check_tables(struct mri_draft *draft)
{
    struct names names = {.count = 0};
    const struct mr_config *config = &draft->config;
    claim(draft, &names, "millrace_ledger", "", "Millrace's own ledger", 0);
    claim(draft, &names, "millrace_chains", "", "Millrace's own registry of label chains", 0);
    claim(
        draft, &names, config->detail.table, "", "detail.table", seen(draft, "detail.table")->line);
    claim(draft,
          &names,
          config->quarantine.table,
          "",
          "quarantine.table",
          seen(draft, "quarantine.table")->line);
    for (uint32_t i = 0; i < config->rollup_count; i++) {
        claim_rollup(draft, &names, i);
    }
    for (uint32_t i = 0; i < config->rollup_count; i++) {
        claim_views(draft, &names, i);
    }
}

/* --- columns of a rollup -------------------------------------------------------------------- */

/* True when a measure, or one of the columns that an average becomes, has that name. */
static bool
measure_takes(const struct mr_measure_spec *measure, const char *name)
{
    size_t len = strlen(measure->name);
    if (strcasecmp(measure->name, name) == 0) {
        return true;
    }
    return measure->op == MR_OP_AVG && strncasecmp(measure->name, name, len) == 0 &&
           (strcasecmp(name + len, "_sum") == 0 || strcasecmp(name + len, "_count") == 0);
}

static void
report_column(struct mri_draft *draft,
              uint32_t index,
              const struct mr_measure_spec *measure,
              const char *name,
              const char *other)
{
    char path[MRI_PATH];
    mri_config_cut(path, sizeof path, "rollups[%u].measures.%s", index, measure->name);
    clash(draft,
          measure->line,
          path,
          "choose another name",
          "the column \"%.64s\" is also %s; StarRocks does not tell upper and lower case apart",
          name,
          other);
}

/* The measure against the dimensions and the other measures. */
static void
check_measure(struct mri_draft *draft, uint32_t index, uint32_t at)
{
    const struct mr_rollup_spec *rollup = &draft->config.rollups[index];
    const struct mr_measure_spec *measure = &rollup->measures[at];
    for (uint32_t i = 0; i < rollup->by.count; i++) {
        if (measure_takes(measure, rollup->by.items[i])) {
            report_column(draft, index, measure, rollup->by.items[i], "one of the dimensions");
        }
    }
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        const struct mr_measure_spec *other = &rollup->measures[i];
        /* Of two equal names the later one is named. */
        if (i == at || (i > at && strcasecmp(other->name, measure->name) == 0)) {
            continue;
        }
        if (measure_takes(other, measure->name)) {
            report_column(draft, index, measure, measure->name, "a column of another measure");
        }
    }
}

static void
check_rollup(struct mri_draft *draft, uint32_t index)
{
    const struct mr_rollup_spec *rollup = &draft->config.rollups[index];
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        check_measure(draft, index, i);
    }
}

/* --- defaults that follow from other options ------------------------------------------------- */

static void
name_quarantine(struct mri_draft *draft)
{
    struct mr_config *config = &draft->config;
    char name[80];
    if (config->quarantine.table || !config->detail.table ||
        seen(draft, "quarantine.table")->state == MRI_BAD) {
        return;
    }
    mri_config_cut(name, sizeof name, "%s_quarantine", config->detail.table);
    if (!mri_config_is_identifier(name)) {
        clash(draft,
              seen(draft, "detail.table")->line,
              "detail.table",
              "shorten detail.table, or set quarantine.table",
              "\"%s\", the default of quarantine.table, is longer than 64 characters",
              name);
    }
    config->quarantine.table = mri_config_copy(draft, name);
}

void
mri_config_rules(struct mri_draft *draft)
{
    struct mr_config *config = &draft->config;
    name_quarantine(draft);
    if (!config->starrocks.password) {
        config->starrocks.password = mri_config_copy(draft, "");
    }
    for (uint32_t i = 0; i < config->rollup_count; i++) {
        if (config->rollups[i].max_keys == 0) {
            config->rollups[i].max_keys = draft->max_keys;
        }
    }
    bound_by(draft, "flush.bytes", &config->flush.bytes, "memory", DETAIL_LOADS_MEMORY);
    bound_by(draft, "event.max_bytes", &config->event.max_bytes, "memory", RECORD_SHARE);
    bound_by(draft, "quarantine.raw_bytes", &config->quarantine.raw_bytes, "event.max_bytes", 1);
    if (config->delivery != MR_DELIVERY_AT_LEAST_ONCE) {
        outlive_loads(draft);
    }
    check_tables(draft);
    for (uint32_t i = 0; i < config->rollup_count; i++) {
        check_rollup(draft, i);
    }
}
