/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_LOG_CODEC_H
#define OPTCTL_ENGINES_SPARK_LOG_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

#define SPARK_LOG_MAX_BLOCK (32 << 20) /* bytes of a block, packed or not: lz4-java's own limit */

/* The bytes of a file, as many at a time as a codec asks for. */
struct spark_log_file {
        int descriptor;
        char *bytes;
        size_t start, end, room;
};

/* At least `count` bytes from `start` on, or all that are left: *ret_there says how many there are. */
bool spark_log_file_need(struct spark_log_file *file, size_t count, size_t *ret_there, struct error *err);

/*
 * How a compressed file is read. `block` puts what comes next into `state`'s own buffer and says where it is;
 * *ret_length 0 is the end. ERROR_INPUT says that the data is damaged or stops.
 */
struct spark_log_codec {
        const char *name;
        const char *magic; /* the file's first bytes */
        size_t magic_length;
        void *(*open)(void);
        bool (*block)(void *state, struct spark_log_file *file, const char **ret_bytes, size_t *ret_length,
                      struct error *err);
        void (*close)(void *state);
};

extern const struct spark_log_codec spark_log_zstd, spark_log_lz4, spark_log_snappy;

#endif
