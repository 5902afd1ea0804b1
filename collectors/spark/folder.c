/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/spark/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engines/spark/log_head.h"

#define MAX_ENTRIES    100000
#define MAX_HEADS      2000  /* read at one look */
#define MAX_PARTS      10000 /* of a rolling log */
#define UNFINISHED     ".inprogress"
#define ROLLING_STATUS "appstatus_"

enum whose { NOT_KNOWN, OURS, OTHERS };

/* A log, as the folder lists it. */
struct entry {
        char *name;
        ino_t inode;
        bool folder, finished;
        int64_t changed_ms, bytes;
        enum whose whose;
        int64_t begun_ms; /* of ours */
};

struct spark_folder {
        char *path, *application;
        struct entry *entries; /* by name */
        size_t count;
};

struct spark_folder *spark_folder_new(const char *path, const char *application)
{
        struct spark_folder *folder = memory_new(1, sizeof *folder);

        folder->path = memory_copy_text(path);
        folder->application = memory_copy_text(application);
        return folder;
}

static void forget(struct entry *entries, size_t count)
{
        for (size_t i = 0; i < count; i++)
                free(entries[i].name);
        free(entries);
}

void spark_folder_free(struct spark_folder *folder)
{
        if (!folder)
                return;
        forget(folder->entries, folder->count);
        free(folder->path);
        free(folder->application);
        free(folder);
}

/* ---- what lies there ---- */

static int64_t changed_ms(const struct stat *status)
{
        return (int64_t)status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000;
}

static bool ends_with(const char *name, const char *end)
{
        size_t length = strlen(name), end_length = strlen(end);

        return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* A rolling log is a folder, which does not change while its parts are written to. */
static void look_at_parts(int descriptor, struct entry *entry)
{
        int below = openat(descriptor, entry->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *stream = below >= 0 ? fdopendir(below) : NULL;

        entry->bytes = 0;
        for (int i = 0; stream && i < MAX_PARTS; i++) {
                /* cppcheck-suppress readdirCalled ; nobody else reads this stream */
                const struct dirent *part = readdir(stream);
                struct stat status;

                if (!part)
                        break;
                if (part->d_name[0] == '.' || fstatat(below, part->d_name, &status, 0) != 0)
                        continue;
                entry->bytes += status.st_size;
                if (changed_ms(&status) > entry->changed_ms)
                        entry->changed_ms = changed_ms(&status);
                if (strncmp(part->d_name, ROLLING_STATUS, strlen(ROLLING_STATUS)) == 0)
                        entry->finished = !ends_with(part->d_name, UNFINISHED);
        }
        if (stream)
                closedir(stream);
}

static bool look_at(int descriptor, const char *name, struct entry *ret_entry)
{
        struct stat status;

        if (name[0] == '.' || fstatat(descriptor, name, &status, 0) != 0 ||
            !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
                return false;
        *ret_entry = (struct entry){.name = memory_copy_text(name),
                                    .inode = status.st_ino,
                                    .folder = S_ISDIR(status.st_mode),
                                    .finished = S_ISREG(status.st_mode) && !ends_with(name, UNFINISHED),
                                    .changed_ms = changed_ms(&status),
                                    .bytes = status.st_size};
        return true;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* What was known of a log stays known: whose it is does not change. */
static void remember(struct spark_folder *folder, struct entry *entries, size_t count)
{
        size_t old = 0;

        for (size_t i = 0; i < count; i++) {
                const struct entry *known;

                while (old < folder->count && strcmp(folder->entries[old].name, entries[i].name) < 0)
                        old++;
                if (old == folder->count)
                        break;
                known = &folder->entries[old];
                if (known->inode != entries[i].inode || strcmp(known->name, entries[i].name) != 0)
                        continue;
                entries[i].whose = known->whose;
                entries[i].begun_ms = known->begun_ms;
        }
        forget(folder->entries, folder->count);
        folder->entries = entries;
        folder->count = count;
}

static void list(struct spark_folder *folder, DIR *stream)
{
        struct entry *entries = NULL;
        size_t count = 0, room = 0;

        for (int i = 0; i < MAX_ENTRIES; i++) {
                /* cppcheck-suppress readdirCalled ; nobody else reads this stream */
                const struct dirent *found = readdir(stream);

                if (!found)
                        break;
                if (count == room) {
                        room = room ? 2 * room : 64;
                        entries = memory_resize(entries, room, sizeof *entries);
                }
                count += look_at(dirfd(stream), found->d_name, &entries[count]);
        }
        if (count > 0)
                qsort(entries, count, sizeof *entries, by_name);
        remember(folder, entries, count);
        for (size_t i = 0; i < count; i++)
                if (entries[i].folder && entries[i].whose != OTHERS)
                        look_at_parts(dirfd(stream), &entries[i]);
}

/* ---- whose it is ---- */

static char *path_of(const struct spark_folder *folder, const struct entry *entry)
{
        return memory_format("%s/%s", folder->path, entry->name);
}

/* One that says nothing yet, since it has just begun, may say so later. */
static void find_owner(const struct spark_folder *folder, struct entry *entry)
{
        autofree char *path = path_of(folder, entry);
        struct spark_log_head head = {.name = NULL};

        if (spark_log_head_read(path, &head)) {
                entry->whose = strcmp(head.name, folder->application) == 0 ? OURS : OTHERS;
                entry->begun_ms = head.begun_ms;
        } else if (entry->finished) {
                entry->whose = OTHERS;
        }
        spark_log_head_clear(&head);
}

static int newest_first(const void *a, const void *b)
{
        const struct entry *const *one = a, *const *other = b;
        int64_t difference = (*other)->changed_ms - (*one)->changed_ms;

        return difference > 0 ? 1 : difference < 0 ? -1 : strcmp((*one)->name, (*other)->name);
}

/* Runs from before that are of no interest any more, so nobody reads whose they are. */
static void gather(struct spark_folder *folder, int64_t since_ms, struct spark_places *places)
{
        autofree struct entry **order = memory_new(folder->count + 1, sizeof *order);
        int heads = 0, finished = 0;

        for (size_t i = 0; i < folder->count; i++)
                order[i] = &folder->entries[i];
        qsort(order, folder->count, sizeof *order, newest_first);
        for (size_t i = 0; i < folder->count && heads < MAX_HEADS; i++) {
                struct entry *entry = order[i];

                if (entry->whose == NOT_KNOWN) {
                        find_owner(folder, entry);
                        heads++;
                }
                if (entry->whose != OURS)
                        continue;
                spark_places_add(places, (struct spark_place){.id = path_of(folder, entry),
                                                              .begun_ms = entry->begun_ms,
                                                              .seen_ms = entry->changed_ms,
                                                              .bytes = entry->bytes,
                                                              .finished = entry->finished});
                finished += entry->finished;
                if (finished == SPARK_PLACES_PAST || (entry->finished && entry->changed_ms < since_ms))
                        break;
        }
}

bool spark_folder_look(struct spark_folder *folder, int64_t since_ms, struct spark_places *ret_places,
                       struct error *err)
{
        DIR *stream = opendir(folder->path);

        if (!stream && errno == ENOENT)
                return error_set(err, ERROR_NOT_FOUND, NULL, "%s: there is no such folder", folder->path);
        if (!stream)
                return error_errno(err, errno, "%s", folder->path);
        list(folder, stream);
        closedir(stream);
        gather(folder, since_ms, ret_places);
        return true;
}
