/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/temporary.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"

#define OPEN_FOLDERS 4

bool spark_temporary_make(char **ret_folder, struct error *err)
{
        const char *root = getenv("TMPDIR");
        char *folder = memory_format("%s/optctl-log-XXXXXX", root && *root ? root : P_tmpdir);

        if (!mkdtemp(folder)) {
                error_errno(err, errno, "%s", folder);
                free(folder);
                return false;
        }
        *ret_folder = folder;
        return true;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
        (void)status;
        (void)type;
        (void)at;
        (void)remove(path);
        return 0;
}

void spark_temporary_remove(const char *folder)
{
        if (folder)
                (void)nftw(folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}
