/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/lapack.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libopenblas.so.0"

static void fail(void)
{
        fprintf(stderr, "optctl: cannot load %s: %s\n", LIBRARY, dlerror());
        abort();
}

/* ISO C has no way from an object's address to a function's; POSIX has them alike. */
static void find(void *library, const char *name, void *ret_function)
{
        void *symbol = dlsym(library, name);

        if (!symbol)
                fail();
        memcpy(ret_function, &symbol, sizeof symbol);
}

struct lapack lapack_load(void)
{
        void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
        void (*set_threads)(int threads);
        struct lapack found;

        if (!library)
                fail();
        find(library, "dpotrf_", &found.dpotrf);
        find(library, "dpotri_", &found.dpotri);
        find(library, "dtrsm_", &found.dtrsm);
        find(library, "dtrsv_", &found.dtrsv);
        /* Matrices are small: a second thread costs more than it brings (and a core of somebody else's). */
        find(library, "openblas_set_num_threads", &set_threads);
        set_threads(1);
        return found;
}
