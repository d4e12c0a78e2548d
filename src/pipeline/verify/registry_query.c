/* Queries of registry and ledger rows for the protocol. A list of partitions may have thousands of
 * members: it is written in pieces, because the server bounds the members of one IN. All pieces
 * stand in one statement, so that the rows are those of one moment. */
#include "pipeline/verify/verify_priv.h"

static void
select_chains(const struct mr_layout *layout, struct mr_text *out)
{
    mr_text_adds(out,
                 "SELECT c.`topic`, c.`partition`, c.`chain`, c.`seq`, c.`start`, "
                 "c.`announced_at`, CASE WHEN c.`closed` IS NULL THEN 0 ELSE 1 END FROM ");
    mri_text_table(out, layout->database, MR_CHAINS_TABLE);
    mr_text_adds(out, " AS c WHERE c.`pipeline` = ");
    mri_text_string(out, layout->pipeline);
}

/* OR-ed conditions `column IN (…)` over the partitions that belong to the topic. False: it has
 * none, and nothing was written. */
static bool
add_partitions(const struct mr_place *places, uint32_t count, uint32_t topic, struct mr_text *out)
{
    uint32_t written = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (places[i].topic != topic)
            continue;
        bool opens = written % MRI_LIST_MAX == 0;
        mr_text_adds(out,
                     !opens    ? ","
                     : written ? ") OR c.`partition` IN ("
                               : "c.`partition` IN (");
        mr_text_addf(out, "%d", (int)places[i].partition);
        written++;
    }
    if (written > 0)
        mr_text_adds(out, ")");
    return written > 0;
}

static const char *
topic_name(const struct mr_layout *layout, const struct mr_other_topics *topics, uint32_t topic)
{
    if (topic < layout->topic_count)
        return layout->topics[topic];
    return topics->names[topic - layout->topic_count];
}

/* Conditions, each begun with `before`: rows of the places, a topic each. */
static void
add_places(const struct mr_layout *layout,
           const struct mr_other_topics *topics,
           const struct mr_place *places,
           uint32_t count,
           const char *before,
           struct mr_text *out)
{
    uint32_t topic_count = layout->topic_count + (topics ? topics->count : 0);
    for (uint32_t topic = 0; topic < topic_count; topic++) {
        struct mr_text partitions = {0};
        if (add_partitions(places, count, topic, &partitions)) {
            mr_text_adds(out, before);
            mr_text_adds(out, "(c.`topic` = ");
            mri_text_string(out, topic_name(layout, topics, topic));
            mr_text_adds(out, " AND (");
            mr_text_add(out, mr_text_str(&partitions), partitions.len);
            mr_text_adds(out, "))");
            out->overflow |= partitions.overflow;
        }
        mr_text_fini(&partitions);
    }
}

static void
add_chains(const struct mr_chain *chains, uint32_t count, const char *before, struct mr_text *out)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i % MRI_LIST_MAX == 0)
            mr_text_addf(out, "%s%sc.`chain` IN (", i ? ")" : "", before);
        else
            mr_text_adds(out, ",");
        mri_text_string(out, chains[i].text);
    }
    if (count > 0)
        mr_text_adds(out, ")");
}

void
mri_query_registry(const struct mr_layout *layout,
                   const struct mr_other_topics *topics,
                   const struct mr_place *places,
                   uint32_t place_count,
                   const struct mr_chain *chains,
                   uint32_t chain_count,
                   struct mr_text *out)
{
    select_chains(layout, out);
    mr_text_adds(out, " AND (c.`closed` IS NULL");
    add_chains(chains, chain_count, " OR ", out);
    add_places(layout, topics, places, place_count, " OR ", out);
    mr_text_adds(out, ") ORDER BY c.`topic`, c.`partition`, c.`seq`");
}

void
mri_query_chain(const struct mr_layout *layout, const struct mr_chain *chain, struct mr_text *out)
{
    select_chains(layout, out);
    add_chains(chain, 1, " AND ", out);
    mr_text_adds(out, " ORDER BY c.`topic`, c.`partition`");
}

void
mri_query_closed_before(const struct mr_layout *layout,
                        const struct mr_place *places,
                        uint32_t place_count,
                        const char *before,
                        struct mr_text *out)
{
    select_chains(layout, out);
    mr_text_adds(out, " AND c.`closed` < CAST(");
    mri_text_string(out, before);
    mr_text_adds(out, " AS DATETIME) AND (FALSE");
    add_places(layout, NULL, places, place_count, " OR ", out);
    mr_text_addf(out, ") ORDER BY c.`closed` LIMIT %d", MRI_CLOSED_MAX);
}

void
mri_query_ledger_ends(const struct mr_layout *layout, struct mr_text *out)
{
    mr_text_adds(out, "SELECT l.`topic`, l.`partition`, l.`chain`, l.`n`, l.`end` FROM ");
    mri_text_table(out, layout->database, MR_LEDGER_TABLE);
    mr_text_adds(out, " AS l WHERE l.`pipeline` = ");
    mri_text_string(out, layout->pipeline);
    mr_text_adds(out, " ORDER BY l.`topic`, l.`partition`");
}
