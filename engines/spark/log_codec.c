/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/log_codec.h"

#include <lz4.h>
#include <snappy-c.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "core/memory.h"

static bool damaged(struct error *err, const char *what)
{
        return error_set(err, ERROR_INPUT, NULL, "%s", what);
}

static uint32_t little_endian(const char *at)
{
        const unsigned char *byte = (const unsigned char *)at;

        return byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

static uint32_t big_endian(const char *at)
{
        const unsigned char *byte = (const unsigned char *)at;

        return byte[3] | (uint32_t)byte[2] << 8 | (uint32_t)byte[1] << 16 | (uint32_t)byte[0] << 24;
}

/* ---- zstd ---- */

#define ZSTD_MAX_WINDOW_LOG 25 /* 32 MiB */
#define ZSTD_BLOCK          (128 << 10)

struct zstd_state {
        ZSTD_DCtx *context;
        bool within; /* a frame */
        char bytes[ZSTD_BLOCK];
};

static void *zstd_open(void)
{
        struct zstd_state *state = memory_new(1, sizeof *state);

        state->context = ZSTD_createDCtx();
        if (!state->context)
                abort();
        ZSTD_DCtx_setParameter(state->context, ZSTD_d_windowLogMax, ZSTD_MAX_WINDOW_LOG);
        return state;
}

static void zstd_close(void *object)
{
        struct zstd_state *state = object;

        ZSTD_freeDCtx(state->context);
        free(state);
}

static bool zstd_block(void *object, struct spark_log_file *file, const char **ret_bytes, size_t *ret_length,
                       struct error *err)
{
        struct zstd_state *state = object;
        ZSTD_outBuffer out = {state->bytes, sizeof state->bytes, 0};

        while (out.pos == 0) {
                ZSTD_inBuffer in = {0};
                size_t left;

                if (!spark_log_file_need(file, 1, &in.size, err))
                        return false;
                if (in.size == 0 && !state->within)
                        break;
                in.src = file->bytes + file->start;
                left = ZSTD_decompressStream(state->context, &out, &in);
                if (in.size == 0 && out.pos == 0)
                        return damaged(err, "the data stops in the middle");
                if (ZSTD_isError(left))
                        return damaged(err, ZSTD_getErrorName(left));
                file->start += in.pos;
                state->within = left != 0;
        }
        *ret_bytes = state->bytes;
        *ret_length = out.pos;
        return true;
}

const struct spark_log_codec spark_log_zstd = {
        .name = "zstd",
        .magic = "\x28\xb5\x2f\xfd",
        .magic_length = 4,
        .open = zstd_open,
        .block = zstd_block,
        .close = zstd_close,
};

/* ---- lz4 and snappy: blocks with their length in front ---- */

struct block_state {
        char *bytes;
        size_t room;
};

static void *block_open(void)
{
        return memory_new(1, sizeof(struct block_state));
}

static void block_close(void *object)
{
        struct block_state *state = object;

        free(state->bytes);
        free(state);
}

static void block_room(struct block_state *state, size_t bytes)
{
        if (bytes <= state->room)
                return;
        state->room = bytes;
        state->bytes = memory_resize(state->bytes, bytes, 1);
}

/* A header of `header` bytes and `packed` bytes after it, or the data stops there. */
static bool whole(struct spark_log_file *file, size_t header, size_t packed, struct error *err)
{
        size_t there;

        if (packed > SPARK_LOG_MAX_BLOCK)
                return damaged(err, "a block is larger than 32 MiB");
        if (!spark_log_file_need(file, header + packed, &there, err))
                return false;
        return there >= header + packed || damaged(err, "the data stops in the middle");
}

/* lz4-java: magic, a byte with method and level, packed and plain length, a check sum, all little endian; a
 * block of no length ends a stream, and another one may follow. The check sum is left alone: what it could
 * find would not be JSON in nearly all cases. */
#define LZ4_MAGIC  "LZ4Block"
#define LZ4_HEADER 21

enum { LZ4_METHOD = 0xf0, LZ4_METHOD_PLAIN = 0x10, LZ4_METHOD_PACKED = 0x20 };

static bool lz4_unpack(struct block_state *state, const char *header, size_t packed, size_t plain,
                       struct error *err)
{
        int method = (unsigned char)header[8] & LZ4_METHOD;

        block_room(state, plain);
        if (method == LZ4_METHOD_PLAIN && packed == plain)
                memcpy(state->bytes, header + LZ4_HEADER, plain);
        else if (method != LZ4_METHOD_PACKED || LZ4_decompress_safe(header + LZ4_HEADER, state->bytes,
                                                                    (int)packed, (int)plain) != (int)plain)
                return damaged(err, "a block is damaged");
        return true;
}

static bool lz4_block(void *object, struct spark_log_file *file, const char **ret_bytes, size_t *ret_length,
                      struct error *err)
{
        struct block_state *state = object;
        size_t there, packed, plain;

        for (;;) {
                if (!spark_log_file_need(file, LZ4_HEADER, &there, err))
                        return false;
                *ret_length = 0;
                if (there == 0)
                        return true;
                if (there < LZ4_HEADER ||
                    memcmp(file->bytes + file->start, LZ4_MAGIC, strlen(LZ4_MAGIC)) != 0)
                        return damaged(err, "the data stops in the middle");
                packed = little_endian(file->bytes + file->start + 9);
                plain = little_endian(file->bytes + file->start + 13);
                if (plain > SPARK_LOG_MAX_BLOCK)
                        return damaged(err, "a block is larger than 32 MiB");
                if (!whole(file, LZ4_HEADER, packed, err) ||
                    (plain > 0 && !lz4_unpack(state, file->bytes + file->start, packed, plain, err)))
                        return false;
                file->start += LZ4_HEADER + packed;
                *ret_bytes = state->bytes;
                *ret_length = plain;
                if (plain > 0)
                        return true;
        }
}

const struct spark_log_codec spark_log_lz4 = {
        .name = "lz4",
        .magic = LZ4_MAGIC,
        .magic_length = sizeof LZ4_MAGIC - 1,
        .open = block_open,
        .block = lz4_block,
        .close = block_close,
};

/* snappy-java: 16 bytes with a magic and versions, then chunks with their packed length in front, big endian.
 * Streams may follow one another. */
#define SNAPPY_MAGIC         "\x82SNAPPY"
#define SNAPPY_STREAM_HEADER 16
#define SNAPPY_CHUNK_HEADER  4

static bool snappy_unpack(struct block_state *state, const char *packed, size_t length, size_t *ret_plain,
                          struct error *err)
{
        size_t plain;

        if (snappy_uncompressed_length(packed, length, &plain) != SNAPPY_OK || plain > SPARK_LOG_MAX_BLOCK)
                return damaged(err, "a chunk is damaged");
        block_room(state, plain);
        if (snappy_uncompress(packed, length, state->bytes, &plain) != SNAPPY_OK)
                return damaged(err, "a chunk is damaged");
        *ret_plain = plain;
        return true;
}

/* Steps over headers of streams. *ret_there is 0 at the end. */
static bool snappy_headers(struct spark_log_file *file, size_t *ret_there, struct error *err)
{
        while (spark_log_file_need(file, SNAPPY_STREAM_HEADER, ret_there, err)) {
                if (*ret_there < SNAPPY_STREAM_HEADER ||
                    memcmp(file->bytes + file->start, SNAPPY_MAGIC, strlen(SNAPPY_MAGIC)) != 0)
                        return true;
                file->start += SNAPPY_STREAM_HEADER;
        }
        return false;
}

static bool snappy_block(void *object, struct spark_log_file *file, const char **ret_bytes,
                         size_t *ret_length, struct error *err)
{
        struct block_state *state = object;
        size_t there, packed;

        *ret_length = 0;
        while (*ret_length == 0) {
                if (!snappy_headers(file, &there, err))
                        return false;
                if (there == 0)
                        return true;
                if (!whole(file, SNAPPY_CHUNK_HEADER, 0, err))
                        return false;
                packed = big_endian(file->bytes + file->start);
                if (!whole(file, SNAPPY_CHUNK_HEADER, packed, err) ||
                    !snappy_unpack(state, file->bytes + file->start + SNAPPY_CHUNK_HEADER, packed, ret_length,
                                   err))
                        return false;
                file->start += SNAPPY_CHUNK_HEADER + packed;
                *ret_bytes = state->bytes;
        }
        return true;
}

const struct spark_log_codec spark_log_snappy = {
        .name = "snappy",
        .magic = SNAPPY_MAGIC,
        .magic_length = sizeof SNAPPY_MAGIC - 1,
        .open = block_open,
        .block = snappy_block,
        .close = block_close,
};
