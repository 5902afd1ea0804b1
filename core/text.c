/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

#define NEAREST_MAX_LENGTH 63

static void make_room(struct text *text, size_t more)
{
        size_t need = text->length + more + 1;

        if (need <= text->room)
                return;
        text->room = need < 128 ? 128 : need + need / 2;
        text->data = memory_resize(text->data, text->room, 1);
}

void text_add(struct text *text, const char *bytes, size_t length)
{
        make_room(text, length);
        memcpy(text->data + text->length, bytes, length);
        text->length += length;
        text->data[text->length] = '\0';
}

void text_put(struct text *text, const char *string)
{
        text_add(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
        va_list args;
        int length;

        va_start(args, format);
        length = vsnprintf(NULL, 0, format, args);
        va_end(args);
        if (length < 0)
                return;
        make_room(text, (size_t)length);
        va_start(args, format);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, args);
        va_end(args);
        text->length += (size_t)length;
}

void text_free(struct text *text)
{
        free(text->data);
        *text = (struct text){0};
}

char *text_take(struct text *text)
{
        /* What is taken may be kept by the thousands: the room that was left over is given back. */
        char *data = text->data ? memory_resize(text->data, text->length + 1, 1) : memory_copy_text("");

        *text = (struct text){0};
        return data;
}

const char *text_plural(double count)
{
        return count == 1 ? "" : "s";
}

/* Levenshtein distance, case ignored; strings longer than NEAREST_MAX_LENGTH are cut. */
static int edit_distance(const char *a, const char *b)
{
        int row[NEAREST_MAX_LENGTH + 1];
        int n = (int)strnlen(b, NEAREST_MAX_LENGTH);
        int m = (int)strnlen(a, NEAREST_MAX_LENGTH);

        for (int j = 0; j <= n; j++)
                row[j] = j;
        for (int i = 1; i <= m; i++) {
                int diagonal = row[0];

                row[0] = i;
                for (int j = 1; j <= n; j++) {
                        int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
                        int best = diagonal + !same;

                        diagonal = row[j];
                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        row[j] = best;
                }
        }
        return row[n];
}

const char *text_nearest(const char *name, const char *const *candidates)
{
        int limit = 1 + (int)strnlen(name, NEAREST_MAX_LENGTH) / 3;
        const char *best = NULL;

        for (; *candidates; candidates++) {
                int distance = edit_distance(name, *candidates);

                if (distance < limit || (distance == limit && !best)) {
                        limit = distance;
                        best = *candidates;
                }
        }
        return best;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                return (c | 0x20) - 'a' + 10;
        return -1;
}

int text_percent_byte(const char *at, size_t room)
{
        int high = room > 2 && *at == '%' ? hex_digit(at[1]) : -1;
        int low = high >= 0 ? hex_digit(at[2]) : -1;

        return low >= 0 ? high * 16 + low : -1;
}

bool text_read_error(const char *path, int number, struct error *err)
{
        static const int wrong_name[] = {ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG};

        for (size_t i = 0; i < ARRAY_LENGTH(wrong_name); i++) {
                if (number == wrong_name[i])
                        return error_set(err, ERROR_INPUT, NULL, "%s: %s", *path ? path : "''",
                                         strerrordesc_np(number));
        }
        return error_errno(err, number, "%s", path);
}

static bool read_all(int fd, const char *path, size_t cap, struct text *text, struct error *err)
{
        char chunk[65536];

        for (;;) {
                ssize_t got = read(fd, chunk, sizeof chunk);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return text_read_error(path, errno, err);
                if (got == 0)
                        return true;
                if (text->length + (size_t)got > cap)
                        return error_set(err, ERROR_LIMIT, NULL,
                                         "%s: larger than the %zu MiB that are accepted", path, cap >> 20);
                text_add(text, chunk, (size_t)got);
        }
}

bool text_read_file(const char *path, size_t cap, char **ret_text, size_t *ret_length, struct error *err)
{
        bool standard = strcmp(path, "-") == 0;
        int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
        autotext text = {0};
        bool done;

        if (fd < 0)
                return text_read_error(path, errno, err);
        done = read_all(fd, path, cap, &text, err);
        if (!standard)
                close(fd);
        if (!done)
                return false;
        if (!ret_length && text.data && strlen(text.data) != text.length)
                return error_set(err, ERROR_INPUT, NULL, "%s: holds NUL bytes; expected text", path);
        if (ret_length)
                *ret_length = text.length;
        *ret_text = text_take(&text);
        return true;
}

static bool write_all(int fd, const char *path, const char *bytes, size_t length, struct error *err)
{
        while (length > 0) {
                ssize_t put = write(fd, bytes, length);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return error_errno(err, errno, "%s", path);
                bytes += put;
                length -= (size_t)put;
        }
        return true;
}

/* Errors speak of `path`, whatever the name of the file is that is written. Closes it. */
static bool write_synced(int fd, const char *path, const char *bytes, size_t length, struct error *err)
{
        bool done;

        if (fd < 0)
                return error_errno(err, errno, "%s", path);
        done = write_all(fd, path, bytes, length, err);
        if (done && fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
                done = error_errno(err, errno, "%s", path);
        if (close(fd) != 0 && done)
                done = error_errno(err, errno, "%s", path);
        return done;
}

/* A file of our own, whatever was put there: a link would lead what is written elsewhere. What another
 * process of our number left behind goes. `there`: what it will replace, or NULL. */
static int create(const char *name, const struct stat *there)
{
        int fd;

        unlink(name);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, there ? 0600 : 0666);
        if (fd >= 0 && there)
                (void)fchmod(fd, there->st_mode & 0777); /* else it is for us alone */
        return fd;
}

/* The old content or the new. `there` as for create(). */
static bool replace(const char *path, const struct stat *there, const char *bytes, size_t length,
                    struct error *err)
{
        autofree char *beside = memory_format("%s.%ld.tmp", path, (long)getpid());

        if (write_synced(create(beside, there), path, bytes, length, err) &&
            (rename(beside, path) == 0 || error_errno(err, errno, "%s", path)))
                return true;
        unlink(beside);
        return false;
}

/* It leads to what somebody has opened, to a file that may have no name any more. */
static bool is_descriptor(const char *path)
{
        return strncmp(path, "/dev/fd/", 8) == 0 || strcmp(path, "/dev/stderr") == 0 ||
               strncmp(path, "/proc/", 6) == 0;
}

bool text_is_replaced(const char *path, const struct stat *there)
{
        return S_ISREG(there->st_mode) && !is_descriptor(path);
}

bool text_write_file(const char *path, const char *bytes, size_t length, struct error *err)
{
        autofree char *target = NULL;
        struct stat there;

        if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
                return write_all(STDOUT_FILENO, "standard output", bytes, length, err);
        if (stat(path, &there) != 0)
                return replace(path, NULL, bytes, length, err);
        /* A device (/dev/null) or a pipe is written, not replaced; what is open goes on where it ends. */
        if (!text_is_replaced(path, &there))
                return write_synced(open(path, O_WRONLY | O_APPEND | O_CLOEXEC), path, bytes, length, err);
        target = realpath(path, NULL);
        return target ? replace(target, &there, bytes, length, err) : error_errno(err, errno, "%s", path);
}

/* Unicode 15, table 3-7. */
size_t text_utf8_length(const char *at, size_t room)
{
        const unsigned char *bytes = (const unsigned char *)at;
        unsigned char first = room ? bytes[0] : 0xff;
        size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;

        if (length > room)
                return 0;
        for (size_t i = 1; i < length; i++)
                if ((bytes[i] & 0xc0) != 0x80)
                        return 0;
        if ((first == 0xe0 && bytes[1] < 0xa0) || (first == 0xed && bytes[1] > 0x9f) ||
            (first == 0xf0 && bytes[1] < 0x90) || (first == 0xf4 && bytes[1] > 0x8f))
                return 0;
        return length;
}

/* C0, DEL, C1 (of which U+009B begins escape sequences, too), ends of lines, and marks of direction. */
static bool is_control(const unsigned char *bytes, size_t length)
{
        if (length == 1)
                return bytes[0] < 0x20 || bytes[0] == 0x7f;
        if (length == 2)
                return bytes[0] == 0xc2 && bytes[1] < 0xa0;
        if (length != 3 || bytes[0] != 0xe2)
                return false;
        return (bytes[1] == 0x80 && bytes[2] >= 0xa8 && bytes[2] <= 0xae) || /* U+2028 to U+202E */
               (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9);   /* U+2066 to U+2069 */
}

size_t text_control_length(const char *at, size_t room)
{
        size_t length = text_utf8_length(at, room);

        return length > 0 && is_control((const unsigned char *)at, length) ? length : 0;
}

void text_to_line(char *text)
{
        char *out = text;

        while (*text) {
                size_t length = text_utf8_length(text, strnlen(text, 4));

                if (length == 0 || is_control((const unsigned char *)text, length)) {
                        *out++ = length == 0 ? '?' : ' ';
                        text += length == 0 ? 1 : length;
                        continue;
                }
                memmove(out, text, length);
                out += length;
                text += length;
        }
        *out = '\0';
}

bool text_to_double(const char *string, double *ret_value)
{
        char *end;
        double value;

        if (!*string || string[strspn(string, "0123456789.+-eE")]) /* strtod also takes hex, inf and blanks */
                return false;
        errno = 0;
        value = strtod(string, &end);
        if (*end || end == string || !isfinite(value))
                return false;
        *ret_value = value;
        return true;
}

bool text_to_int64(const char *string, long long *ret_value)
{
        char *end;
        long long value;

        if (!(isdigit((unsigned char)*string) || *string == '-' || *string == '+'))
                return false;
        errno = 0;
        value = strtoll(string, &end, 10);
        if (*end || end == string || errno == ERANGE)
                return false;
        *ret_value = value;
        return true;
}
