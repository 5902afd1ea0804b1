/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

#define OPEN_FOLDERS 8

/* In memory where there is such a folder: ledgers are synced at every write. */
static const char *parent_folder(void)
{
        const char *told = getenv("TMPDIR");

        if (told)
                return told;
        return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir;
}

struct scratch scratch_open(void)
{
        struct scratch scratch;

        snprintf(scratch.folder, sizeof scratch.folder, "%s/optctl-XXXXXX", parent_folder());
        assert_non_null(mkdtemp(scratch.folder));
        return scratch;
}

static int remove_one(const char *path, const struct stat *seen, int kind, struct FTW *place)
{
        (void)seen;
        (void)kind;
        (void)place;
        return remove(path);
}

void scratch_close(struct scratch *scratch)
{
        assert_int_equal(nftw(scratch->folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS), 0);
}

char *scratch_path(const struct scratch *scratch, const char *name)
{
        return memory_format("%s/%s", scratch->folder, name);
}

void scratch_write(const struct scratch *scratch, const char *name, const char *text)
{
        autofree char *path = scratch_path(scratch, name);
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
        assert_int_equal(fclose(file), 0);
}

void scratch_folder(const struct scratch *scratch, const char *name)
{
        autofree char *path = scratch_path(scratch, name);

        assert_int_equal(mkdir(path, 0700), 0);
}

void scratch_link(const struct scratch *scratch, const char *target, const char *name)
{
        autofree char *path = scratch_path(scratch, name);
        autofree char *fresh = scratch_path(scratch, "fresh-link");

        assert_int_equal(symlink(target, fresh), 0);
        assert_int_equal(rename(fresh, path), 0);
}

void scratch_remove(const struct scratch *scratch, const char *name)
{
        autofree char *path = scratch_path(scratch, name);

        assert_int_equal(remove(path), 0);
}

int scratch_count(const struct scratch *scratch)
{
        DIR *folder = opendir(scratch->folder);
        int count = 0;

        assert_non_null(folder);
        while (readdir(folder))
                count++;
        closedir(folder);
        return count - 2; /* . and .. */
}
