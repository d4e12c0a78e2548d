/* Big areas from the kernel, huge pages asked for.
 * Threads: any. Memory: the caller owns the area. Errors: NULL when the kernel refuses.
 * Debian's transparent huge pages are in mode "madvise", hence the advice. */
#pragma once

#include <stddef.h>

/* Zeroed, page-aligned; size is rounded up to 4 KiB, huge pages are advised from 2 MiB on. */
void *
mr_pages_map(size_t size);

/* size as given to mr_pages_map; NULL is allowed. */
void
mr_pages_unmap(void *area, size_t size);
