/* Which kernel this processor can run. */
#include "decode_priv.h"

#include <string.h>

static bool
runs(const struct mri_kernel *kernel)
{
#if defined(__x86_64__)
    if (kernel == &mri_kernel_avx2)
        return __builtin_cpu_supports("avx2");
#endif
    return kernel != NULL;
}

/* Best first. */
static const struct mri_kernel *const kernels[] = {
#if defined(__x86_64__)
    &mri_kernel_avx2,
    &mri_kernel_sse2,
#endif
    &mri_kernel_scalar};

const struct mri_kernel *
mri_kernel_find(const char *name)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(kernels); i++) {
        if (runs(kernels[i]) && (!name || strcmp(name, kernels[i]->name) == 0))
            return kernels[i];
    }
    return NULL;
}
