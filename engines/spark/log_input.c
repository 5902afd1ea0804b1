/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/log_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "engines/spark/log_codec.h"

#define READ_BYTES (256 << 10)
#define MAX_MAGIC  16

/* Logs are packed to a tenth or a fortieth. What is packed to much less was made to keep a reader busy. */
#define MAX_RATIO 1000
#define ANY_RATIO ((uint64_t)64 << 20) /* bytes of text that may come of a file of any size */

struct spark_log_input {
        struct spark_log_file file;
        const struct spark_log_codec *codec; /* NULL: plain */
        void *state;
        const char *bytes; /* of the block that is being handed out */
        size_t length;
        uint64_t unpacked;
};

bool spark_log_file_need(struct spark_log_file *file, size_t count, size_t *ret_there, struct error *err)
{
        if (file->end - file->start < count && file->start > 0) {
                memmove(file->bytes, file->bytes + file->start, file->end - file->start);
                file->end -= file->start;
                file->start = 0;
        }
        if (file->room < count) {
                file->room = count > READ_BYTES ? count : READ_BYTES;
                file->bytes = memory_resize(file->bytes, file->room, 1);
        }
        while (file->end - file->start < count) {
                ssize_t got = read(file->descriptor, file->bytes + file->end, file->room - file->end);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return error_errno(err, errno, "cannot read");
                if (got == 0)
                        break;
                file->end += (size_t)got;
        }
        *ret_there = file->end - file->start;
        return true;
}

static const struct spark_log_codec *codec_of(const struct spark_log_file *file, size_t there)
{
        static const struct spark_log_codec *const codecs[] = {&spark_log_zstd, &spark_log_lz4,
                                                               &spark_log_snappy};

        for (size_t i = 0; i < ARRAY_LENGTH(codecs); i++) {
                if (there >= codecs[i]->magic_length &&
                    memcmp(file->bytes + file->start, codecs[i]->magic, codecs[i]->magic_length) == 0)
                        return codecs[i];
        }
        return NULL;
}

/* A pipe or a device could keep us waiting for ever. */
static bool open_file(const char *path, int *ret_descriptor, struct error *err)
{
        struct stat status;
        int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

        if (descriptor < 0)
                return text_read_error(path, errno, err);
        if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
                close(descriptor);
                return error_set(err, ERROR_INPUT, NULL, "%s: not a file", path);
        }
        *ret_descriptor = descriptor;
        return true;
}

bool spark_log_input_open(const char *path, struct spark_log_input **ret_input, struct error *err)
{
        autocall(spark_log_input_close) struct spark_log_input *input = memory_new(1, sizeof *input);
        size_t there;

        input->file.descriptor = -1;
        if (!open_file(path, &input->file.descriptor, err) ||
            !spark_log_file_need(&input->file, MAX_MAGIC, &there, err))
                return false;
        input->codec = codec_of(&input->file, there);
        if (input->codec)
                input->state = input->codec->open();
        *ret_input = TAKE(input);
        return true;
}

void spark_log_input_close(struct spark_log_input *input)
{
        if (!input)
                return;
        if (input->codec)
                input->codec->close(input->state);
        if (input->file.descriptor >= 0)
                close(input->file.descriptor);
        free(input->file.bytes);
        free(input);
}

/* Of what has been read so far. */
static bool check_ratio(struct spark_log_input *input, struct error *err)
{
        input->unpacked += input->length;
        if (input->unpacked <= ANY_RATIO || input->unpacked / MAX_RATIO <= spark_log_input_position(input))
                return true;
        input->length = 0;
        return error_set(err, ERROR_INPUT, NULL, "it unpacks to more than %d times its size", MAX_RATIO);
}

static bool next_block(struct spark_log_input *input, struct error *err)
{
        struct spark_log_file *file = &input->file;

        if (input->codec) {
                if (!input->codec->block(input->state, file, &input->bytes, &input->length, err) ||
                    !check_ratio(input, err))
                        return error_wrap(err, "%s", input->codec->name);
                return true;
        }
        if (!spark_log_file_need(file, 1, &input->length, err))
                return false;
        input->bytes = file->bytes + file->start;
        file->start = file->end;
        return true;
}

bool spark_log_input_read(struct spark_log_input *input, char *bytes, size_t room, size_t *ret_length,
                          struct error *err)
{
        size_t taken;

        if (input->length == 0 && !next_block(input, err))
                return false;
        taken = input->length < room ? input->length : room;
        *ret_length = taken;
        if (taken == 0)
                return true;
        memcpy(bytes, input->bytes, taken);
        input->bytes += taken;
        input->length -= taken;
        return true;
}

size_t spark_log_input_position(const struct spark_log_input *input)
{
        off_t position = lseek(input->file.descriptor, 0, SEEK_CUR);

        return position > 0 ? (size_t)position : 0;
}
