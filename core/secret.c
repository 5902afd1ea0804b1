/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/redact.h"
#include "core/secret_memory.h"
#include "core/text.h"

#define MAX_BYTES ((size_t)64 * 1024)

/* One text that was read. `text` points into `memory`, behind leading blanks. */
struct reading {
        char *memory;
        size_t room;
        char *text;
};

struct secret {
        char *path;     /* or the name, of one in memory */
        bool in_memory; /* there is no file */
        bool read;
        struct stat seen; /* of the file, when `now` was read */
        struct reading now, before;
};

struct secret *secret_new(const char *path, const char *base)
{
        struct secret *secret = memory_new(1, sizeof *secret);

        if (path[0] == '/' || !base || !*base)
                secret->path = memory_copy_text(path);
        else
                secret->path = memory_format("%s/%s", base, path);
        return secret;
}

struct secret *secret_new_in_memory(const char *name)
{
        struct secret *secret = memory_new(1, sizeof *secret);

        secret->path = memory_copy_text(name);
        secret->in_memory = true;
        return secret;
}

static void reading_drop(struct reading *reading)
{
        if (reading->text)
                redact_forget(reading->text);
        secret_memory_free(reading->memory, reading->room);
        *reading = (struct reading){0};
}

void secret_free(struct secret *secret)
{
        if (!secret)
                return;
        reading_drop(&secret->now);
        reading_drop(&secret->before);
        free(secret->path);
        free(secret);
}

void secret_protect_process(void)
{
        const struct rlimit none = {0};

        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        (void)setrlimit(RLIMIT_CORE, &none);
}

/* ---- reading ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
               a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* All bytes up to the end of the file, at most `room`; -1 and errno. */
static ssize_t read_all(int file, char *memory, size_t room)
{
        size_t used = 0;

        while (used < room) {
                ssize_t got = read(file, memory + used, room - used);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -1;
                if (got == 0)
                        break;
                used += (size_t)got;
        }
        return (ssize_t)used;
}

/* Cuts blanks off both ends and looks at what is between them. */
static bool trim(const char *path, struct reading *reading, size_t length, struct error *err)
{
        char *text = reading->memory;

        while (length > 0 && isspace((unsigned char)text[length - 1]))
                length--;
        while (length > 0 && isspace((unsigned char)*text)) {
                text++;
                length--;
        }
        if (length == 0)
                return error_set(err, ERROR_INPUT, NULL, "%s: the secret is empty", path);
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                        return error_set(err, ERROR_INPUT, NULL,
                                         "%s: the secret holds a control character; expected one line of "
                                         "text",
                                         path);
        text[length] = '\0';
        reading->text = text;
        return true;
}

static bool read_open_file(const char *path, int file, const struct stat *seen, struct reading *reading,
                           struct error *err)
{
        ssize_t length;

        if (seen->st_size > (off_t)MAX_BYTES)
                return error_set(err, ERROR_INPUT, NULL, "%s: longer than the %zu KiB of a secret", path,
                                 MAX_BYTES / 1024);
        reading->room = (size_t)seen->st_size + 2;
        reading->memory = secret_memory_new(reading->room);
        length = read_all(file, reading->memory, reading->room - 1);
        if (length < 0)
                return text_read_error(path, errno, err);
        if (length != seen->st_size)
                return error_set(err, ERROR_IO, NULL, "%s: was written to while it was read", path);
        return trim(path, reading, (size_t)length, err);
}

/* A pipe or a device of that name must not hold up the program: nothing but a file is read. */
static bool open_file(const char *path, int *ret_file, struct stat *ret_seen, struct error *err)
{
        int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (file < 0)
                return text_read_error(path, errno, err);
        if (fstat(file, ret_seen) != 0 || !S_ISREG(ret_seen->st_mode)) {
                close(file);
                return error_set(err, ERROR_INPUT, NULL, "%s: not a file", path);
        }
        *ret_file = file;
        return true;
}

/* What was read is kept when it says the same. */
static void take_reading(struct secret *secret, const struct reading *reading, bool *ret_changed)
{
        *ret_changed = !secret->now.text || strcmp(secret->now.text, reading->text) != 0;
        redact_learn(reading->text);
        if (*ret_changed) {
                reading_drop(&secret->before);
                secret->before = secret->now;
        } else {
                reading_drop(&secret->now);
        }
        secret->now = *reading;
        secret->read = true;
}

static bool read_again(struct secret *secret, bool *ret_changed, struct error *err)
{
        struct reading reading = {0};
        struct stat seen;
        int file;
        bool good;

        secret_protect_process();
        if (!open_file(secret->path, &file, &seen, err))
                return false;
        good = read_open_file(secret->path, file, &seen, &reading, err);
        close(file);
        if (!good) {
                reading.text = NULL;
                reading_drop(&reading);
                return false;
        }
        take_reading(secret, &reading, ret_changed);
        secret->seen = seen;
        return true;
}

bool secret_replace(struct secret *secret, const char *text, struct error *err)
{
        size_t length = strlen(text);
        struct reading reading = {.room = length + 1};
        bool changed;

        secret_protect_process();
        if (length > MAX_BYTES)
                return error_set(err, ERROR_INPUT, NULL, "%s: longer than the %zu KiB of a secret",
                                 secret->path, MAX_BYTES / 1024);
        reading.memory = secret_memory_new(reading.room);
        memcpy(reading.memory, text, length);
        if (!trim(secret->path, &reading, length, err)) {
                secret_memory_free(reading.memory, reading.room);
                return false;
        }
        take_reading(secret, &reading, &changed);
        return true;
}

bool secret_text(struct secret *secret, const char **ret_text, struct error *err)
{
        struct stat there;
        bool changed;

        if (secret->in_memory && !secret->read)
                return error_set(err, ERROR_INPUT, NULL, "%s: there is no secret yet", secret->path);
        if (!secret->in_memory &&
            (!secret->read || stat(secret->path, &there) != 0 || !same_file(&there, &secret->seen)))
                if (!read_again(secret, &changed, err))
                        return false;
        *ret_text = secret->now.text;
        return true;
}

bool secret_renew(struct secret *secret, bool *ret_changed, struct error *err)
{
        if (secret->in_memory) {
                *ret_changed = false;
                return true;
        }
        return read_again(secret, ret_changed, err);
}
