/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_REPORT_REPORT_H
#define OPTCTL_SIM_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"
#include "core/text.h"

/*
 * A document (docs/schema/: a simulation or backtest; controller/tune/report.h: a search) as one HTML file
 * that needs nothing else: charts, tables and reasons open without a network. The same document gives the
 * same bytes.
 *
 * Numbers are embedded with six significant digits; instants are integers and stay exact. Series should hold
 * at most 1,500 points each, so that a week with eight strategies stays below 3 MB.
 */
void report_html(const json_t *document, struct text *out);

/* As report_html, to a file; "-" is standard output. */
bool report_write(const json_t *document, const char *path, struct error *err);

#endif
