/* One fold, one worker, one unit. */
#include "fold_case.h"

#include "test.h"

void
fold_case_rollup(struct fold_case *test, int32_t dim)
{
    test->rollup = (struct mr_rollup){.table = "rollup", .size_us = 60000000};
    if (dim >= 0) {
        test->rollup.dim_count = 1;
        test->rollup.dims[0] = (uint32_t)dim;
    }
}

void
fold_case_measure(struct fold_case *test, const char *name, enum mr_op op, int32_t column)
{
    test->rollup.measures[test->rollup.measure_count++] = ff_measure(name, op, column);
}

void
fold_case_start(struct fold_case *test)
{
    mr_budget_init(&test->budget, (int64_t)1 << 40);
    test->options.budget = &test->budget;
    test->layout = ff_layout(&test->rollup, 1);
    test->layout.default_bytes = test->default_bytes;
    test->fold = ff_fold(&test->layout, &test->options);
    T_INT_EQ(mr_fold_worker_new(test->fold, &test->worker), MR_OK);
    T_INT_EQ(mr_fold_unit_open(test->fold, &test->unit), MR_OK);
    ff_map_init(&test->reference, &test->layout, 0);
    ff_map_init(&test->drained, &test->layout, 0);
}

void
fold_case_add(struct fold_case *test, const struct mr_event *event)
{
    mr_fold_add(test->worker, test->unit, event, 1);
    ff_map_add(&test->reference, event);
}

void
fold_case_drain(struct fold_case *test)
{
    ff_map_fini(&test->drained);
    ff_map_init(&test->drained, &test->layout, 0);
    mr_fold_leave(test->worker, test->unit);
    T_INT_EQ(mr_fold_drain(test->unit, 0, ff_map_merge, &test->drained), MR_OK);
    T_TRUE(ff_map_equal(&test->drained, &test->reference));
}

void
fold_case_next_unit(struct fold_case *test)
{
    mr_fold_unit_retire(test->fold, &test->unit);
    T_TRUE(test->unit == NULL);
    T_INT_EQ(mr_fold_unit_open(test->fold, &test->unit), MR_OK);
    ff_map_fini(&test->reference);
    ff_map_init(&test->reference, &test->layout, 0);
}

void
fold_case_end(struct fold_case *test)
{
    ff_map_fini(&test->reference);
    ff_map_fini(&test->drained);
    mr_fold_unit_retire(test->fold, &test->unit);
    mr_fold_worker_free(&test->worker);
    mr_fold_free(&test->fold);
    T_INT_EQ(mr_budget_used(&test->budget), 0);
}
