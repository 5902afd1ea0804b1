/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "actuators/spark/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"

/* The file, its folder, and what is written beside it. */
struct replacing {
        const char *path, *name;
        char *beside;
        int folder, descriptor;
        const struct spark_settings_file *read;
};

static bool fail(const struct replacing *replacing, const char *doing, struct error *err)
{
        int number = errno;

        error_errno(err, number, "%s: while %s", replacing->path, doing);
        if (number == EACCES || number == EPERM || number == EROFS) {
                err->code = ERROR_REFUSED;
                err->retry = false;
                snprintf(err->reason, sizeof err->reason, "NotWritable");
        }
        return false;
}

static bool open_folder(struct replacing *replacing, struct error *err)
{
        autofree char *folder =
                memory_format("%.*s", (int)(replacing->name - replacing->path), replacing->path);

        replacing->folder = open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return replacing->folder >= 0 || fail(replacing, "opening its folder", err);
}

/* One that is there was left by a crash. Nobody else may read it before it has the owner and the mode. */
static bool open_beside(struct replacing *replacing, struct error *err)
{
        const struct spark_settings_file *read = replacing->read;

        (void)unlinkat(replacing->folder, replacing->beside, 0);
        replacing->descriptor =
                openat(replacing->folder, replacing->beside,
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, read->exists ? 0600 : 0666);
        return replacing->descriptor >= 0 || fail(replacing, "making a file beside it", err);
}

static bool keep_owner(struct replacing *replacing, struct error *err)
{
        const struct stat *wanted = &replacing->read->status;
        struct stat made;

        if (!replacing->read->exists)
                return true;
        if (fstat(replacing->descriptor, &made) != 0 ||
            ((made.st_uid != wanted->st_uid || made.st_gid != wanted->st_gid) &&
             fchown(replacing->descriptor, wanted->st_uid, wanted->st_gid) != 0))
                return fail(replacing, "giving it the same owner", err);
        return fchmod(replacing->descriptor, wanted->st_mode & 07777) == 0 ||
               fail(replacing, "giving it the same mode", err);
}

static bool write_beside(struct replacing *replacing, const struct text *text, struct error *err)
{
        for (size_t done = 0; done < text->length;) {
                ssize_t put = write(replacing->descriptor, text->data + done, text->length - done);

                if (put < 0 && errno != EINTR)
                        return fail(replacing, "writing", err);
                done += put > 0 ? (size_t)put : 0;
        }
        return fsync(replacing->descriptor) == 0 || fail(replacing, "writing", err);
}

static bool is_same_instant(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_as_read(const struct replacing *replacing)
{
        const struct stat *was = &replacing->read->status;
        struct stat now;

        if (fstatat(replacing->folder, replacing->name, &now, AT_SYMLINK_NOFOLLOW) != 0)
                return errno == ENOENT && !replacing->read->exists;
        return replacing->read->exists && now.st_dev == was->st_dev && now.st_ino == was->st_ino &&
               now.st_size == was->st_size && is_same_instant(&now.st_mtim, &was->st_mtim) &&
               is_same_instant(&now.st_ctim, &was->st_ctim);
}

static bool changed_meanwhile(const struct replacing *replacing, struct error *err)
{
        return error_set(err, ERROR_CONFLICT, NULL, "%s: somebody else changed it meanwhile",
                         replacing->path);
}

/* One that was not there must not be there now. File systems that cannot see to that have been looked at. */
static bool put_in_place(struct replacing *replacing, struct error *err)
{
        unsigned flags = replacing->read->exists ? 0 : RENAME_NOREPLACE;
        int folder = replacing->folder;

        if (!is_as_read(replacing))
                return changed_meanwhile(replacing, err);
        if (renameat2(folder, replacing->beside, folder, replacing->name, flags) != 0 &&
            (errno != EINVAL || renameat(folder, replacing->beside, folder, replacing->name) != 0))
                return errno == EEXIST ? changed_meanwhile(replacing, err)
                                       : fail(replacing, "replacing it", err);
        return fsync(folder) == 0 || fail(replacing, "writing down its name", err);
}

static bool replace(struct replacing *replacing, const struct text *text, struct error *err)
{
        bool done;

        if (!open_folder(replacing, err) || !open_beside(replacing, err))
                return false;
        done = keep_owner(replacing, err) && write_beside(replacing, text, err) &&
               put_in_place(replacing, err);
        if (!done)
                (void)unlinkat(replacing->folder, replacing->beside, 0);
        return done;
}

bool spark_replace_file(const char *path, const struct spark_settings_file *read, const struct text *text,
                        struct error *err)
{
        const char *slash = strrchr(path, '/');
        struct replacing replacing = {.path = path,
                                      .name = slash ? slash + 1 : path,
                                      .folder = -1,
                                      .descriptor = -1,
                                      .read = read};
        bool done;

        replacing.beside = memory_format(".%s.optctl", replacing.name);
        done = replace(&replacing, text, err);
        if (replacing.descriptor >= 0)
                close(replacing.descriptor);
        if (replacing.folder >= 0)
                close(replacing.folder);
        free(replacing.beside);
        return done;
}
