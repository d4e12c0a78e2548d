/* Random sequences of calls against a model that keeps everything and computes by brute force. */
#include <stdio.h>
#include <stdlib.h>

#include "ledger_support.h"

#define PARTS 3
#define UNITS 700 /* below MR_LEDGER_HISTORY: the model knows the end of each */
#define STEPS 6000

struct m_unit {
    enum mr_unit_state state;
    bool counted;
    int64_t start[PARTS], end[PARTS]; /* start = end: nothing taken */
    int64_t records[PARTS], bad[PARTS];
};

struct model {
    struct m_unit units[UNITS + 1];
    uint64_t base, next; /* held numbers: base < number < next, gone ones included */
    bool held[PARTS];
    int64_t position[PARTS], first_position[PARTS];
    bool open, failed;
    uint64_t random;
};

static const struct {
    uint16_t topic;
    int32_t partition;
} names[PARTS] = {{0, 0}, {0, 11}, {1, 0}};

static uint64_t
draw(struct model *model, uint64_t below)
{
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return model->random % below;
}

static uint64_t
held_units(const struct model *model)
{
    uint64_t held = 0;
    for (uint64_t n = model->base + 1; n < model->next; n++) {
        held += model->units[n].state != MR_UNIT_COMMITTED;
    }
    return held;
}

static void
step_open(struct model *model, struct mr_ledger *ledger)
{
    if (model->open || held_units(model) == MR_LEDGER_UNITS) {
        return;
    }
    uint64_t number = mr_ledger_open(ledger);
    if (model->failed) {
        T_INT_EQ(number, 0);
        return;
    }
    T_INT_EQ(number, model->next);
    struct m_unit *unit = &model->units[model->next++];
    *unit = (struct m_unit){.state = MR_UNIT_OPEN};
    model->open = true;
}

static void
step_take(struct model *model, struct mr_ledger *ledger)
{
    struct m_unit *unit = &model->units[model->next - 1];
    unsigned p = (unsigned)draw(model, PARTS);
    if (!model->open || !model->held[p]) {
        return;
    }
    bool unknown = model->position[p] < 0;
    bool back = model->position[p] > 0 && draw(model, 100) == 0;
    int64_t first =
        (unknown ? 100 : model->position[p]) + (back ? -1 : (int64_t)draw(model, 5));
    int64_t next = first + 1 + (int64_t)draw(model, 5);
    enum mr_rc expected = back || unit->state == MR_UNIT_FAILED ? MR_STOPPED : MR_OK;
    T_INT_EQ(mr_ledger_take(ledger, names[p].topic, names[p].partition, first, next, NULL),
             expected);
    if (expected != MR_OK) {
        unit->state = MR_UNIT_FAILED;
        model->failed = true;
        return;
    }
    if (unit->start[p] == unit->end[p]) {
        unit->start[p] = unknown ? first : model->position[p];
    }
    if (unknown) {
        model->first_position[p] = first;
    }
    unit->end[p] = next;
    unit->records[p] += next - first;
    model->position[p] = next;
}

static void
step_seal(struct model *model, struct mr_ledger *ledger)
{
    struct m_unit *unit = &model->units[model->next - 1];
    if (model->open) {
        mr_ledger_seal(ledger, model->next - 1);
        unit->state = unit->state == MR_UNIT_OPEN ? MR_UNIT_SEALED : unit->state;
        model->open = false;
    }
}

/* Two workers' spans a partition, the second one perhaps with bad records. */
static void
step_count(struct model *model, struct mr_ledger *ledger)
{
    struct mr_span spans[2 * PARTS];
    uint32_t count = 0;
    uint64_t n = model->base + 1;
    while (n < model->next && model->units[n].counted) {
        n++;
    }
    struct m_unit *unit = &model->units[n];
    if (n >= model->next || unit->state != MR_UNIT_SEALED) {
        return;
    }
    for (unsigned p = 0; p < PARTS; p++) {
        if (unit->start[p] == unit->end[p]) {
            continue;
        }
        int64_t here = (int64_t)draw(model, (uint64_t)unit->records[p] + 1);
        int64_t rest = unit->records[p] - here;
        unit->bad[p] = (int64_t)draw(model, (uint64_t)rest + 1);
        struct mr_span span = {.topic = names[p].topic,
                               .partition = names[p].partition,
                               .start = unit->start[p],
                               .end = unit->end[p],
                               .event_time_us = unit->end[p]};
        span.totals = (struct mr_totals){.consumed = here, .detail = here, .rollups = {here}};
        spans[count++] = span;
        span.totals = (struct mr_totals){.consumed = rest,
                                         .detail = rest - unit->bad[p],
                                         .quarantined = unit->bad[p],
                                         .rollups = {rest - unit->bad[p]}};
        spans[count++] = span;
    }
    T_INT_EQ(mr_ledger_count(ledger, n, spans, count), MR_OK);
    unit->counted = true;
}

static uint64_t
pick(struct model *model)
{
    uint64_t count = model->next - 1; /* gone ones too: their answers must change nothing */
    return count == 0 ? 0 : model->next - 1 - draw(model, count < 20 ? count : 20);
}

static void
step_loaded(struct model *model, struct mr_ledger *ledger)
{
    uint64_t n = pick(model);
    struct m_unit *unit = &model->units[n];
    bool due = n > model->base && unit->state == MR_UNIT_SEALED && unit->counted;
    if (n == 0 || (n > model->base && !due && unit->state != MR_UNIT_FAILED &&
                   unit->state != MR_UNIT_COMMITTED)) {
        return;
    }
    mr_ledger_loaded(ledger, n);
    if (due) {
        unit->state = MR_UNIT_LOADED;
    }
}

static void
step_failed(struct model *model, struct mr_ledger *ledger)
{
    uint64_t n = pick(model);
    if (n == 0 || draw(model, 8) != 0) {
        return;
    }
    mr_ledger_failed(ledger, n);
    if (n <= model->base || model->units[n].state == MR_UNIT_COMMITTED) {
        return;
    }
    for (uint64_t later = n; later < model->next; later++) {
        model->units[later].state = MR_UNIT_FAILED;
    }
    model->failed = true;
}

static uint64_t
model_committable(const struct model *model)
{
    uint64_t highest = 0;
    for (uint64_t n = model->base + 1; n < model->next; n++) {
        if (model->units[n].state == MR_UNIT_COMMITTED) {
            continue;
        }
        if (model->units[n].state != MR_UNIT_LOADED) {
            break;
        }
        highest = n;
    }
    return highest;
}

static void
step_committed(struct model *model, struct mr_ledger *ledger)
{
    uint64_t n = model_committable(model);
    if (n == 0) {
        return;
    }
    mr_ledger_committed(ledger, n);
    for (uint64_t lower = model->base + 1; lower <= n; lower++) {
        model->units[lower].state = MR_UNIT_COMMITTED;
    }
}

static void
step_revoke(struct model *model, struct mr_ledger *ledger)
{
    if (draw(model, 10) != 0) {
        return;
    }
    mr_ledger_revoke_all(ledger);
    for (uint64_t n = model->base + 1; n < model->next; n++) {
        if (model->units[n].state != MR_UNIT_COMMITTED) {
            model->units[n].state = MR_UNIT_FAILED;
        }
    }
    model->base = model->next - 1;
    model->open = false;
    model->failed = false;
    for (unsigned p = 0; p < PARTS; p++) {
        model->held[p] = draw(model, 3) != 0;
        model->position[p] = draw(model, 4) == 0 ? -1 : (int64_t)draw(model, 1000);
        model->first_position[p] = model->position[p];
        if (model->held[p]) {
            assign(ledger, names[p].topic, names[p].partition, model->position[p]);
        }
    }
}

/* Row of partition p through unit n, by adding up from the assignment on. */
static struct mr_span
model_row(const struct model *model, uint64_t n, unsigned p)
{
    struct mr_span row = {.start = model->first_position[p], .end = model->first_position[p]};
    for (uint64_t lower = model->base + 1; lower <= n; lower++) {
        const struct m_unit *unit = &model->units[lower];
        bool took = unit->start[p] != unit->end[p];
        row.start = took ? unit->start[p] : row.end;
        row.end = took ? unit->end[p] : row.end;
        row.totals.consumed += unit->records[p];
        row.totals.quarantined += unit->bad[p];
    }
    return row;
}

static void
check_row(const struct model *model, uint64_t n, unsigned p, const struct mr_span *row)
{
    struct mr_span expected = model_row(model, n, p);
    T_INT_EQ(row->start, expected.start);
    T_INT_EQ(row->end, expected.end);
    T_INT_EQ(row->totals.consumed, expected.totals.consumed);
    T_INT_EQ(row->totals.quarantined, expected.totals.quarantined);
    T_INT_EQ(row->totals.detail, expected.totals.consumed - expected.totals.quarantined);
    T_INT_EQ(row->totals.rollups[0], row->totals.detail);
}

static unsigned
part_of(const struct mr_span *row)
{
    unsigned p = 0;
    while (p < PARTS && (names[p].topic != row->topic || names[p].partition != row->partition)) {
        p++;
    }
    T_TRUE(p < PARTS);
    return p;
}

/* A start that was unknown when the unit was counted, and is fixed by a later unit, has no row. */
static bool
known_at(const struct model *model, uint64_t n, unsigned p)
{
    for (uint64_t lower = model->base + 1; lower <= n; lower++) {
        if (model->units[lower].start[p] != model->units[lower].end[p]) {
            return true;
        }
    }
    return false;
}

static void
check_unit_rows(const struct model *model, const struct mr_ledger *ledger, uint64_t n)
{
    const struct m_unit *unit = &model->units[n];
    uint32_t count = 0, expected = 0;
    const struct mr_span *rows = mr_ledger_rows(ledger, n, &count);
    bool usable =
        unit->counted && unit->state != MR_UNIT_FAILED && unit->state != MR_UNIT_COMMITTED;
    for (unsigned p = 0; usable && p < PARTS; p++) {
        expected += unit->start[p] != unit->end[p];
    }
    T_INT_EQ(count, expected);
    for (uint32_t i = 0; i < count; i++) {
        check_row(model, n, part_of(&rows[i]), &rows[i]);
    }
}

static void
check_committable(const struct model *model, const struct mr_ledger *ledger)
{
    const struct mr_span *rows = NULL;
    uint32_t count = 0;
    uint64_t n = mr_ledger_committable(ledger, &rows, &count);
    T_INT_EQ(n, model_committable(model));
    bool seen[PARTS] = {false};
    for (uint32_t i = 0; i < count; i++) {
        unsigned p = part_of(&rows[i]);
        T_TRUE(!seen[p] && model->held[p]);
        seen[p] = true;
        check_row(model, n, p, &rows[i]);
    }
    for (unsigned p = 0; n != 0 && p < PARTS; p++) {
        T_TRUE(seen[p] || !model->held[p] || !known_at(model, n, p));
    }
}

static void
check_all(const struct model *model, const struct mr_ledger *ledger)
{
    uint32_t counts[MR_UNIT_FAILED + 1], expected[MR_UNIT_FAILED + 1] = {0};
    for (uint64_t n = 1; n < model->next; n++) {
        enum mr_unit_state state = model->units[n].state;
        T_INT_EQ(mr_ledger_state(ledger, n), state);
        if (n > model->base) {
            expected[state] += state != MR_UNIT_COMMITTED;
            check_unit_rows(model, ledger, n);
        }
    }
    mr_ledger_states(ledger, counts);
    T_TRUE(memcmp(counts, expected, sizeof counts) == 0);
    check_committable(model, ledger);
}

static uint64_t
run(uint64_t seed)
{
    static void (*const steps[])(struct model *, struct mr_ledger *) = {step_open,
                                                                        step_take,
                                                                        step_take,
                                                                        step_take,
                                                                        step_seal,
                                                                        step_count,
                                                                        step_count,
                                                                        step_loaded,
                                                                        step_loaded,
                                                                        step_committed,
                                                                        step_failed,
                                                                        step_revoke};
    struct model *model = calloc(1, sizeof *model);
    struct mr_ledger *ledger = make_ledger();
    T_TRUE(model != NULL);
    model->next = 1;
    model->random = seed * 0x9e3779b97f4a7c15U + 1;
    for (int i = 0; i < STEPS && model->next < UNITS; i++) {
        steps[draw(model, MR_ARRAY_LEN(steps))](model, ledger);
        check_all(model, ledger);
    }
    uint64_t committed = 0;
    for (uint64_t n = 1; n < model->next; n++) {
        committed += model->units[n].state == MR_UNIT_COMMITTED;
    }
    mr_ledger_free(&ledger);
    free(model);
    return committed;
}

Test(ledger_model, random_sequences_agree_with_the_model)
{
    uint64_t committed = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        committed += run(seed);
    }
    T_TRUE_MSG(committed > 200, "only %d units got through", (int)committed);
}
