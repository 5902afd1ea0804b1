/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_SINCE_H
#define OPTCTL_CONTROLLER_CLI_SINCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* The value of --since: a time, or how long ago ("90m", "24h", "7d"); INT64_MIN for NULL. ERROR_INPUT starts
 * with the command's name. */
bool since_parse(const char *command, const char *text, int64_t *ret_ms, struct error *err);

/* A length of time above 0: "90s", "15m", "2h", "1d"; seconds without a unit. ERROR_INPUT starts with the
 * command's name. */
bool duration_parse(const char *command, const char *option, const char *text, int64_t *ret_ms,
                    struct error *err);

#endif
