/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever the bytes of a spec: it is read or refused with one line, nothing is lost, nothing hangs. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/registry.h"
#include "core/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        if (spec_parse((const char *)data, size, "fuzz.yaml", NULL, NULL, registry_all(), &spec, &err))
                spec_free(spec);
        else if (err.code != ERROR_INPUT || !*err.message || strchr(err.message, '\n'))
                abort();
        return 0;
}
