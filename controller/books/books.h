/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_BOOKS_H
#define OPTCTL_CONTROLLER_BOOKS_BOOKS_H

#include <jansson.h>

#include "core/error.h"
#include "core/ledger/ledger.h"

/*
 * The books in a ledger as a report: `pipelines` of docs/schema/books.schema.json.
 *
 * The interval of what was saved comes from the scatter of whole days, as in controller/books/account.h, or
 * from that of runs, as in controller/books/runs.h; what the evidence is worth says `grade`:
 *
 *   Measured   for an hour or more as much ran as the baseline has, so it has been seen at work; or a run had
 *              its settings
 *   Assumed    nobody has seen the baseline on this load: what it costs is known, how late it were is not
 *
 * `name` and `since_ms` as for ledger_books; `confidence` of the interval, 0..1.
 */
bool books_read(struct ledger_reader *reader, const char *name, int64_t since_ms, double confidence,
                json_t **ret_pipelines, struct error *err);

#endif
