/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_LOG_INPUT_H
#define OPTCTL_ENGINES_SPARK_LOG_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/memory.h"

/*
 * One file of an event log as bytes of text, whatever it was compressed with: plain, zstd, and what Spark's
 * own writers make with lz4 (blocks of lz4-java) and snappy (chunks of snappy-java). Which one it is, its
 * first bytes tell; names may lie.
 */
struct spark_log_input;

bool spark_log_input_open(const char *path, struct spark_log_input **ret_input, struct error *err);
void spark_log_input_close(struct spark_log_input *input);
DEFINE_CLEANUP(spark_log_input_close, struct spark_log_input);

/* Up to `room` > 0 bytes; *ret_length 0 is the end. ERROR_INPUT when the compressed data is damaged, stops in
 * the middle, or unpacks to more than 1000 times its size: all bytes before that were handed out. */
bool spark_log_input_read(struct spark_log_input *input, char *bytes, size_t room, size_t *ret_length,
                          struct error *err);

/* Bytes of the file, as it is stored, that have been read. */
size_t spark_log_input_position(const struct spark_log_input *input);

#endif
