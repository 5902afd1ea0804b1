/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ACTUATORS_FLINK_SAVEPOINT_H
#define OPTCTL_ACTUATORS_FLINK_SAVEPOINT_H

#include <stdbool.h>

#include "actuators/flink/call.h"
#include "engines/flink/job.h"

/*
 * Another parallelism for a job that cannot be rescaled in place: a savepoint is taken and confirmed, the job
 * is stopped with another one, and its program is started from that one (spec.engine.flink.program).
 *
 * Whatever it is interrupted by, calling it again goes on from there: a job that was stopped by a savepoint
 * is started from it, once (the new job's id follows from the old one's and the savepoint, whatever it is to
 * run, and Flink takes an id only once: a start whose answer was lost may be carried out late); a job that
 * never came up is cancelled and started from what it was started with.
 *
 * wanted  subtasks of each vertex of the job. Flink 2 starts a job with one parallelism for all
 *         operators that do not set their own: ERROR_REFUSED ("OneParallelism") when the `tuned` ones are to
 *         differ, before anything is written.
 */
bool flink_restart(const struct flink_caller *caller, const struct flink_job *job, const int *wanted,
                   const bool *tuned, struct error *err);

/* Whether the job was stopped by a savepoint, or cancelled before it came up, and can be started again. */
bool flink_was_stopped(struct flink_engine *engine, const struct flink_job *job, bool *ret_stopped,
                       struct error *err);

/* Whether a stop with a savepoint is under way: somebody ordered it, perhaps a process that died since. */
bool flink_is_stopping(struct flink_engine *engine, const struct flink_job *job, bool *ret_stopping,
                       struct error *err);

/* ---- pure: out of Flink's answers ---- */

/* GET /jobs/:id/checkpoints: path of the savepoint that the job was stopped with, or of what it was started
 * from and has nothing newer than; NULL when there is none. Borrowed. */
const char *flink_stopped_with(const json_t *checkpoints);
const char *flink_started_from(const json_t *checkpoints);

/* ... whether the savepoint is being taken that a job that still runs is to be stopped with, or is there. */
bool flink_stop_under_way(const json_t *checkpoints);

/* GET /jars: id of the jar of that id, or the newest upload of that file name; NULL: none. Borrowed. */
const char *flink_find_jar(const json_t *jars, const char *jar);

/* GET /jobs/:id/savepoints/:trigger. *ret_location is NULL while it is under way; borrowed. ERROR_REFUSED
 * ("SavepointFailed") with Flink's reason. */
bool flink_savepoint_state(const json_t *answer, const char **ret_location, struct error *err);

/* Whether the version takes a parallelism for each vertex at the start of a job ("2.2.1": no). */
bool flink_takes_overrides(const char *version);

#endif
