/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/json.h"

/* A file comes about beside what it replaces. `path` is what it was called by. */
static bool check_folder(const char *path, const char *file, struct error *err)
{
        const char *slash = strrchr(file, '/');
        autofree char *folder = slash ? memory_format("%.*s", (int)(slash - file) + (slash == file), file)
                                      : memory_copy_text(".");

        if (access(folder, F_OK) != 0 && errno == ENOENT)
                return error_set(err, ERROR_INPUT, NULL, "%s: the folder %s does not exist", path, folder);
        return access(folder, W_OK | X_OK) == 0 ||
               error_set(err, ERROR_INPUT, NULL, "%s: no file can be made in its folder: %s", path,
                         strerrordesc_np(errno));
}

bool output_check(const char *path, struct error *err)
{
        autofree char *target = NULL;
        struct stat status;

        /* What is open already is not opened anew: it may be somebody else's. */
        if (!path || strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
                return true;
        if (!*path)
                return error_set(err, ERROR_INPUT, NULL, "an output file has an empty name");
        if (stat(path, &status) != 0)
                return check_folder(path, path, err);
        if (S_ISDIR(status.st_mode) || access(path, W_OK) != 0)
                return text_read_error(path, S_ISDIR(status.st_mode) ? EISDIR : errno, err);
        target = realpath(path, NULL);
        return !text_is_replaced(path, &status) || !target || check_folder(path, target, err);
}

/* Of UTF-8 that is well formed; no control character takes more than three bytes. */
static unsigned code_point(const char *at, size_t length)
{
        const unsigned char *bytes = (const unsigned char *)at;

        if (length == 1)
                return bytes[0];
        if (length == 2)
                return (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
        return (bytes[0] & 0xfu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
}

/* JSON lets most control characters stand as they are, and "-" may be a terminal. What is below U+0020 is the
 * layout, since texts have it escaped. */
static void escape_controls(const struct text *json, struct text *out)
{
        for (size_t i = 0; i < json->length;) {
                size_t length = text_control_length(json->data + i, json->length - i);

                if (length > 0 && json->data[i] != '\n')
                        text_format(out, "\\u%04x", code_point(json->data + i, length));
                else
                        text_add(out, json->data + i, length = 1);
                i += length;
        }
}

bool output_json(const char *path, const json_t *root, struct error *err)
{
        autotext json = {0}, text = {0};

        json_put(root, 2, &json);
        escape_controls(&json, &text);
        text_put(&text, "\n");
        return output_text(path, &text, err);
}

/* In place: Kubernetes mounts the file alone, so that nothing can be put beside it and renamed. */
bool output_message(const char *path, const json_t *root, struct error *err)
{
        autotext text = {0};
        int fd;
        bool done;

        json_put(root, 0, &text);
        if (text.length > OUTPUT_MESSAGE_BYTES)
                return error_set(err, ERROR_LIMIT, "TooLarge",
                                 "%s: the figures take %zu bytes, and a termination message has room for %d; "
                                 "expected fewer strategies",
                                 path, text.length, OUTPUT_MESSAGE_BYTES);
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (fd < 0)
                return text_read_error(path, errno, err);
        done = write(fd, text.data, text.length) == (ssize_t)text.length;
        done = close(fd) == 0 && done;
        return done || error_set(err, ERROR_IO, NULL, "%s: cannot be written", path);
}

bool output_text(const char *path, const struct text *text, struct error *err)
{
        /* What stdio still holds was printed first and must come first. Its error is found when the program
         * ends. */
        if (strcmp(path, "-") == 0)
                fflush(stdout);
        return text_write_file(path, text->data ? text->data : "", text->length, err);
}
