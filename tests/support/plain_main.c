/* Runner for MR_TEST_PLAIN builds: every registered test, in order, in this process; the first
 * failed assertion aborts. Empty when Criterion brings main. */
#ifdef MR_TEST_PLAIN
#include "test.h"

static struct t_plain *first, **last = &first;

void
t_plain_register(struct t_plain *test)
{
    *last = test;
    last = &test->next;
}

int
main(void)
{
    unsigned count = 0;
    for (struct t_plain *test = first; test; test = test->next) {
        fprintf(stderr, "%s::%s\n", test->suite, test->name);
        test->run();
        count++;
    }
    printf("%u passed, 0 failed\n", count);
    return count ? 0 : 1;
}
#else
typedef int t_plain_main_is_empty;
#endif
