/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

void data_path(const char *name, char ret_path[DATA_PATH_BYTES])
{
        const char *folder = getenv("OPTCTL_DATA");

        snprintf(ret_path, DATA_PATH_BYTES, "%s/%s", folder ? folder : "../shared/data", name);
        if (access(ret_path, R_OK) == 0)
                return;
        print_message("skipped: %s (measured data of others) is not there\n", ret_path);
        skip();
}
