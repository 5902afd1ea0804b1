/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_RESULTS_H
#define OPTCTL_CONTROLLER_CLI_RESULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/error.h"

/*
 * What `simulate`, `backtest` and `calibrate` found, for people and for spreadsheets. The documents are those
 * of docs/schema/; a value that is null or absent is unknown and shown as "-" (empty in CSV), never as zero.
 *
 * Both fail with ERROR_INPUT when the document's "kind" is none of the three.
 */

/* The table of the command, colour on terminals only. A figure stands over its interval where runs differ. */
bool results_table(const json_t *document, FILE *out, struct error *err);

/* RFC 4180 with a header line and full precision: a row per strategy (and sweep value), prediction or
 * parameter. */
bool results_csv(const json_t *document, FILE *out, struct error *err);

#endif
