/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_API_API_H
#define OPTCTL_CONTROLLER_API_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/http/server.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/metrics.h"
#include "core/reactor.h"

/*
 * What a running optctl says and takes over HTTP: health, metrics, the JSON API (docs/api.md) and the page.
 */
#define API_DEFAULT_ADDRESS "127.0.0.1"
#define API_DEFAULT_PORT    7780
#define API_DEFAULT_URL     "http://127.0.0.1:7780"

/* How long a pipeline without a first turn keeps optctl from saying that it is ready: its engine may be dead.
 */
#define API_READY_PATIENCE_MS (2 * 60 * (int64_t)MS_PER_SECOND)

/*
 * Where answers come from. Everything is called in a fiber and may wait; names are "NAME" or
 * "NAMESPACE/NAME", as they were asked for. ERROR_NOT_FOUND: there is no such pipeline or decision.
 */
struct api_source {
        /* `pipelines` of docs/schema/status.schema.json; one pipeline only when `name` is not NULL. */
        bool (*status)(void *context, const char *name, json_t **ret_pipelines, struct error *err);
        /* `series` of docs/schema/series.schema.json */
        bool (*series)(void *context, const char *name, size_t limit, json_t **ret_series, struct error *err);
        /* `books` of docs/schema/savings.schema.json */
        bool (*savings)(void *context, const char *name, json_t **ret_books, struct error *err);
        /* `pipelines` of docs/schema/books.schema.json; of all when `name` is NULL. `confidence` is in 0..1.
         */
        bool (*books)(void *context, const char *name, int64_t since_ms, double confidence,
                      json_t **ret_pipelines, struct error *err);
        /* `decisions` of docs/schema/history.schema.json; of all pipelines when `name` is NULL. */
        bool (*history)(void *context, const char *name, int64_t since_ms, int64_t limit,
                        json_t **ret_decisions, struct error *err);
        /* docs/schema/decision.schema.json without kind and version */
        bool (*decision)(void *context, int64_t id, json_t **ret_decision, struct error *err);
        bool (*pause)(void *context, const char *name, const char *reason, struct error *err);
        bool (*resume)(void *context, const char *name, struct error *err);
        /* decision_id 0: the newest change. {"decision": …, "applied": …} */
        bool (*rollback)(void *context, const char *name, int64_t decision_id, json_t **ret_result,
                         struct error *err);
        void *context;
};

struct api_setup {
        struct reactor *reactor;
        const struct api_source *source;
        struct metrics *metrics; /* what /metrics shows */
        struct log *log;         /* may be NULL */
};

struct api;

/* Listens from now on. What both point to is borrowed until api_free. Fails as http_server_new does. */
bool api_new(const struct api_setup *setup, const struct http_server_options *options, struct api **ret_api,
             struct error *err);
/* Lets the requests under way come to their end first. */
void api_free(struct api *api);
DEFINE_CLEANUP(api_free, struct api);
int api_port(const struct api *api);

/* ---- the source of a running optctl: a fleet, and its ledger ---- */

struct fleet;

struct api_fleet {
        struct reactor *reactor;
        struct fleet *fleet;
        const char *ledger_path; /* NULL: nothing is kept, so there is no history */
};

/* `fleet` is borrowed as long as the source is used. */
struct api_source api_source_of_fleet(struct api_fleet *fleet);

#endif
