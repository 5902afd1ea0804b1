/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ledger/libpq.h"

#include <dlfcn.h>
#include <string.h>

#include "core/memory.h"

#define LIBRARY "libpq.so.5"

bool libpq_load(struct libpq *ret_libpq, struct error *err)
{
#define LIBPQ_NAME(name) #name,
        static const char *const names[] = {LIBPQ_FUNCTIONS(LIBPQ_NAME)};
#undef LIBPQ_NAME
        void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
        void *found[ARRAY_LENGTH(names)];

        /* ISO C has no way from an object's address to a function's; POSIX has them alike. */
        _Static_assert(sizeof found == sizeof *ret_libpq, "a pointer for each function");
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                found[i] = library ? dlsym(library, names[i]) : NULL;
                if (!found[i])
                        return error_set(err, ERROR_INPUT, "NoLibrary",
                                         "a ledger in PostgreSQL needs %s (package libpq5): %s", LIBRARY,
                                         dlerror());
        }
        memcpy(ret_libpq, found, sizeof *ret_libpq);
        return true;
}
