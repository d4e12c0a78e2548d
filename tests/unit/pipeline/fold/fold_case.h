/* For the tests of fold: one fold with one worker, one open unit and the reference beside it. */
#pragma once

#include "fold_fixture.h"

struct fold_case {
    struct mr_budget budget;
    struct mr_fold_options options; /* budget is set by fold_case_start */
    struct mr_rollup rollup;
    struct mr_layout layout;
    size_t default_bytes; /* of the layout */
    struct mr_fold *fold;
    struct mr_fold_worker *worker;
    struct mr_fold_unit *unit;
    struct ff_map reference, drained;
};

/* A tumbling window of one minute with the given dimension, or none when it is negative. */
void fold_case_rollup(struct fold_case *test, int32_t dim);

void fold_case_measure(struct fold_case *test, const char *name, enum mr_op op, int32_t column);

/* The case must not move afterwards: fold points into it. */
void fold_case_start(struct fold_case *test);

/* To fold and to the reference. */
void fold_case_add(struct fold_case *test, const struct mr_event *event);

/* Drains into test->drained and compares with the reference. */
void fold_case_drain(struct fold_case *test);

/* Retires the unit, opens the next one, with an empty reference. */
void fold_case_next_unit(struct fold_case *test);

/* Frees all; insists that every byte was refunded. */
void fold_case_end(struct fold_case *test);
