/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LEDGER_LEDGER_H
#define OPTCTL_CORE_LEDGER_LEDGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/ledger/journal.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/pipeline.h"
#include "core/prices.h"

/*
 * The ledger: one SQLite file, or the schema optctl of a PostgreSQL, that keeps what was seen, decided, done
 * and spent, for any number of pipelines. Every decision can be explained from it alone.
 *
 * What is guaranteed when a call has returned true:
 *
 *   intent, call_begin, call_end, applied, outcome    on the disk: survives the death of the process and of
 * the machine observation, decision, spend                      survives the death of the process at any
 * point (kill -9); the machine's death may take the newest of them, never an older one without the newer, and
 * none that came before an intent
 *
 * When a call has returned false nothing of it counts, and it may be repeated: disk full, read-only and
 * input/output errors are ERROR_IO, and the ledger goes on once the cause is gone. Repeating applied,
 * call_end and outcome is harmless.
 *
 * A file that is damaged is set aside under the name PATH.corrupt-TIME, whenever that is noticed, and a new
 * one is begun that knows the action in flight: losing the ledger loses history, never control. Text is
 * masked (core/redact.h).
 */
struct ledger;

#define LEDGER_DEFAULT_PATH "optctl.db"

/* Whether it is the URL of a PostgreSQL, "postgresql://...", and not the name of a file. */
bool ledger_is_shared(const char *path);

struct ledger_options {
        const char *path;          /* or URL: ledger_is_shared */
        const struct clock *clock; /* names damaged files, dates migrations */
        struct log *log;           /* may be NULL */
        const char *vfs;           /* SQLite VFS; NULL: the system's */
};

/*
 * In a PostgreSQL the machine is the server's: its death may take what only the death of the process would
 * have left. While it cannot be reached calls fail, soon, as ERROR_UNAVAILABLE, and it is connected to again
 * by those that come later. What was to be committed when a connection broke may stand there all the same.
 *
 * Opens for writing; makes the file when there is none. One writer at a time: ERROR_CONFLICT names the
 * process that has it. In a PostgreSQL there is one for each pipeline, so ledger_journal and what it gives
 * fail in that way. A file that is no ledger, or one from a newer optctl, is ERROR_INPUT and not touched;
 * one from an older optctl is brought up to date. What `options` points to is borrowed until ledger_close.
 */
bool ledger_open(const struct ledger_options *options, struct ledger **ret_ledger, struct error *err);
void ledger_close(struct ledger *ledger);
DEFINE_CLEANUP(ledger_close, struct ledger);

/* Several replicas keep one ledger: of a pipeline only the one for which `leads` says so writes, and takes
 * over what another one wrote. `namespace` may be "". Of a file there is one writer anyway. */
void ledger_by_lease(struct ledger *ledger,
                     bool (*leads)(void *context, const char *namespace, const char *name), void *context);

/* Whose decisions are kept. `namespace` may be NULL; pipeline and prices are borrowed for as long as the
 * journal is used. */
struct ledger_subject {
        const char *namespace;
        const char *name;                /* of a pipeline of which no more is known yet; else unused */
        const struct pipeline *pipeline; /* NULL: not known yet */
        const struct price_book *prices; /* gives the currency; each price in force is kept; may be NULL */
        const json_t
                *settings; /* what decides: strategy, options, model, constraints, guardrails; may be NULL */
};

/* The journal of one pipeline; lives until ledger_close. One thread at a time uses a ledger. Of a pipeline of
 * which only the name is known it has `pause` and `standing` alone; asked for again once more is known, the
 * new one takes the place of the old one and knows of its pause. */
bool ledger_journal(struct ledger *ledger, const struct ledger_subject *subject, struct journal *ret_journal,
                    struct error *err);

/* What the subject of that name points to is about to go: its journal has `pause` and `standing` alone until
 * it is asked for again. `namespace` may be NULL. */
void ledger_let_go(struct ledger *ledger, const char *namespace, const char *name);

/* Forgets the oldest observations that ended before an instant, at most `most` (>= 1) of them: a loop waits
 * meanwhile. *ret_removed is less when there were no more. Decisions keep the one they were made on. */
bool ledger_prune(struct ledger *ledger, int64_t before_ms, int64_t most, int64_t *ret_removed,
                  struct error *err);

/* Keeps optctl from writing to a file until *ret_lock is closed; -1: none has written to it here. Fails where
 * one does, and names it. */
bool ledger_hold(const char *path, int *ret_lock, struct error *err);

/* ---- reading, beside a writer or without one ---- */

struct ledger_reader;

/* ERROR_INPUT when there is no such file, or no ledger in it. Nothing is written, whatever the ledger's
 * version. */
bool ledger_reader_open(const char *path, struct ledger_reader **ret_reader, struct error *err);
void ledger_reader_close(struct ledger_reader *reader);
DEFINE_CLEANUP(ledger_reader_close, struct ledger_reader);

/*
 * The newest decisions at or after `since_ms`, newest first, at most `limit`: an array of objects
 * {id, time, pipeline, strategy, proposal, from, to, verdict, outcome, reason}
 * (docs/schema/history.schema.json). `to` is what was allowed, of a refused one what was wanted.
 */
bool ledger_history(struct ledger_reader *reader, int64_t since_ms, int64_t limit, json_t **ret_decisions,
                    struct error *err);

/* The same of one pipeline: "NAME" or "NAMESPACE/NAME"; NULL: of all. */
bool ledger_history_of(struct ledger_reader *reader, const char *pipeline, int64_t since_ms, int64_t limit,
                       json_t **ret_decisions, struct error *err);

/*
 * The newest observations of a pipeline ("NAME" or "NAMESPACE/NAME"), oldest first, at most `limit`, as
 * parallel lists for charts: {time, offered, throughput, capacity, workers, parallelism: {OPERATOR: ...},
 * backlog, backlog_seconds, latency_p99, busiest} (docs/schema/series.schema.json). Unknown values are null.
 */
bool ledger_series(struct ledger_reader *reader, const char *name, int64_t limit, json_t **ret_series,
                   struct error *err);

/*
 * How the pipelines of a ledger stood when it was written to last: `pipelines` of
 * docs/schema/status.schema.json, with a mode of null, since a ledger does not know it. `name` is "NAME" or
 * "NAMESPACE/NAME"; NULL: all. ERROR_INPUT names the nearest when there is none of that name.
 */
bool ledger_status(struct ledger_reader *reader, const char *name, json_t **ret_pipelines, struct error *err);

/*
 * Their books of the intervals that began at or after `since_ms`: an array of {pipeline, currency, from, to,
 * cost, baseline_cost, observed_seconds, late_seconds, alike_seconds (in which as much was spent as the
 * baseline would have been), day_savings (of whole days), runs (of jobs that run from time to time)}. `name`
 * as above.
 */
bool ledger_books(struct ledger_reader *reader, const char *name, int64_t since_ms, json_t **ret_books,
                  struct error *err);

/* Hands over what the runs of a pipeline (its whole name) cost, oldest first. */
bool ledger_run_spend(struct ledger_reader *reader, const char *name,
                      void (*take)(void *context, const struct spend *spend), void *context,
                      struct error *err);

/*
 * Where a pipeline's past comes from, for whoever replays it: {pipeline ("NAME" or "NAMESPACE/NAME"), layout
 * (the newest, as in docs/schema/decision.schema.json), first (knobs that ran at the first decision there is;
 * null: not known), strategies (that decided at or after `since_ms`), changes (made since)}. ERROR_INPUT when
 * there is none of that name, or one in several namespaces.
 */
bool ledger_origin(struct ledger_reader *reader, const char *name, int64_t since_ms, json_t **ret_origin,
                   struct error *err);

/* Values by the knobs' names, as in `first`. False when a knob of the pipeline has no value in it. */
bool ledger_configuration(const struct pipeline *pipeline, const json_t *knobs,
                          struct configuration *ret_configuration);

/* Hands over the observations of a pipeline (its whole name) that ended at or after `since_ms`, oldest first,
 * in terms of `layout`. Ends early, and fails, when `take` does. */
bool ledger_observations(struct ledger_reader *reader, const char *name, const struct pipeline *layout,
                         int64_t since_ms,
                         bool (*take)(void *context, const struct observation *observation,
                                      struct error *err),
                         void *context, struct error *err);

/* The same of the changes that were made: when each was begun, and what was to run. */
bool ledger_changes(struct ledger_reader *reader, const char *name, const struct pipeline *layout,
                    int64_t since_ms,
                    void (*take)(void *context, int64_t time_ms, const struct configuration *to),
                    void *context, struct error *err);

/*
 * Takes the pipelines of a ledger over into one that several processes share, with all that is known of them,
 * in one transaction: an array of {pipeline, imported, rows: {TABLE: how many}}. One that is there already
 * with as many rows of everything is left alone (imported false); with others it is ERROR_CONFLICT, and
 * nothing was taken over. ERROR_INPUT when `to` is a file.
 */
bool ledger_import(struct ledger_reader *from, struct ledger *to, json_t **ret_pipelines, struct error *err);

/* The file a ledger is in; for readers beside it. */
const char *ledger_path(const struct ledger *ledger);

/* All that is known of a decision (docs/schema/decision.schema.json). ERROR_INPUT names the range that
 * exists. */
bool ledger_decision(struct ledger_reader *reader, int64_t id, json_t **ret_decision, struct error *err);

#endif
