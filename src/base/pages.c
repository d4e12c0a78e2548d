/* Big areas by mmap. */
#include "millrace/base/pages.h"

#include <sys/mman.h>

#define PAGE ((size_t)4096)
#define HUGE_PAGE ((size_t)2 << 20)

static size_t
rounded(size_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

void *
mr_pages_map(size_t size)
{
    void *area = mmap(NULL, rounded(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return NULL;
    /* Advice only: without huge pages random access is slower, not wrong. */
    if (size >= HUGE_PAGE)
        (void)madvise(area, rounded(size), MADV_HUGEPAGE);
    return area;
}

void
mr_pages_unmap(void *area, size_t size)
{
    if (area)
        (void)munmap(area, rounded(size));
}
