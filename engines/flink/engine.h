/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_ENGINE_H
#define OPTCTL_ENGINES_FLINK_ENGINE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/http/client.h"
#include "core/plugin.h"
#include "engines/flink/job.h"
#include "engines/flink/options.h"

/*
 * One job behind a job manager's REST API, as its collector and its actuator see it. The job is found by its
 * name again when it was restarted under a new id. Everything that asks runs in a fiber.
 */
struct flink_engine {
        const struct flink_options *options;
        struct source_context context;
        struct http_peer *peer;
        char job_id[FLINK_ID_ROOM]; /* empty: to be looked for */
};

bool flink_engine_open(const struct source_context *context, const struct flink_options *options,
                       struct flink_engine **ret_engine, struct error *err);
void flink_engine_close(struct flink_engine *engine);
DEFINE_CLEANUP(flink_engine_close, struct flink_engine);

/* The job as it is now. One that ended is looked for anew; what is found may have ended, too: then there is
 * none that runs under that name. Caller frees. */
bool flink_engine_find(struct flink_engine *engine, struct flink_job **ret_job, struct error *err);

/* As above, but a job that ended is ERROR_UNAVAILABLE ("JobEnded"). */
bool flink_engine_job(struct flink_engine *engine, struct flink_job **ret_job, struct error *err);

/* GET, as JSON; the path follows the base URL. Flink's own words stand in the error. */
bool flink_get(struct flink_engine *engine, const char *path, json_t **ret_answer, struct error *err);

/* A write: PUT or POST with a JSON body, of which the answer (may be empty) is returned. Never repeated by
 * itself but when `repeatable`. */
bool flink_send(struct flink_engine *engine, const char *method, const char *path, const char *body,
                bool repeatable, json_t **ret_answer, struct error *err);

/* Several GETs at once. answers[i] is NULL where there was none; caller owns them. Returns how many came. */
size_t flink_get_all(struct flink_engine *engine, char *const *paths, size_t count, json_t **ret_answers,
                     struct error *ret_first);

/* What Flink says went wrong, in one line: the message of the last cause in {"errors": [...]}, without the
 * stack. Empty when the body is no such answer. */
void flink_error_words(const char *body, size_t length, char *words, size_t room);

/* The same of a stack trace: "...Exception: it broke\n\tat ...\nCaused by: java.io.IOException: no room" is
 * "no room". */
void flink_cause_words(const char *trace, char *words, size_t room);

#endif
