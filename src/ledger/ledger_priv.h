/* Across the files of the ledger folder. Plain data, under the caller's one lock or thread. */
#pragma once

#include "millrace/ledger.h"

struct mri_ledger_part {
    int64_t next;       /* offset expected by the next take; -1 unknown */
    uint32_t take;      /* index of its take in the open unit, when taken_by is that unit */
    uint64_t taken_by;  /* number of the last unit that took from it */
    struct mr_span row; /* cumulative through the last counted unit; end -1 unknown */
};

/* What one unit took from one partition. */
struct mri_ledger_take {
    struct mri_ledger_part *part;
    int64_t start, end;
};

struct mri_ledger_unit {
    enum mr_unit_state state;
    bool counted;
    struct mri_ledger_take *takes;
    uint32_t take_count, take_capacity;
    struct mr_span *rows; /* of the partitions taken from, then of the idle ones */
    uint32_t row_count;   /* both kinds; the first take_count are of takes */
};

struct mr_ledger {
    uint32_t rollup_count;
    uint64_t first, next; /* units held: first <= number < next */
    bool open, failed;    /* the last one is open; one of them has failed */
    struct mri_ledger_unit units[MR_LEDGER_UNITS]; /* at number % MR_LEDGER_UNITS */
    bool committed[MR_LEDGER_HISTORY]; /* of gone units, at number % MR_LEDGER_HISTORY */
    struct mri_ledger_part **parts;    /* sorted by topic, partition */
    uint32_t part_count, part_capacity;
};

/* NULL when the unit is not held (any more). */
struct mri_ledger_unit *mri_ledger_find_unit(const struct mr_ledger *ledger, uint64_t number);

/* NULL when the partition is not held. */
struct mri_ledger_part *
mri_ledger_find_part(const struct mr_ledger *ledger, uint16_t topic, int32_t partition);

/* By topic and partition; places in the open unit (mri_ledger_part.take) end with it. */
void mri_ledger_sort_takes(struct mri_ledger_unit *unit);

void mri_ledger_drop_parts(struct mr_ledger *ledger);
