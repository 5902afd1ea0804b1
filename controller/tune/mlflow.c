/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/mlflow.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"

#define API        "/api/2.0/mlflow"
#define PAGE_RUNS  1000
#define MAX_PAGES  100
#define NAME_BYTES 250 /* of a parameter or metric, as MLflow's file store has it */

struct mlflow {
        char *experiment, *study;
        char *experiment_id; /* NULL: not known yet */
        json_t *runs;        /* the server's, by trial; NULL: not known yet */
};

struct mlflow *mlflow_new(const char *experiment, const char *study)
{
        struct mlflow *mlflow = memory_new(1, sizeof *mlflow);

        mlflow->experiment = memory_copy_text(experiment);
        text_to_line(mlflow->experiment);
        mlflow->study = memory_copy_text(study);
        return mlflow;
}

/* What the server has may be something else than what we know, when an answer got lost. */
static void forget(struct mlflow *mlflow)
{
        free(mlflow->experiment_id);
        json_decref(mlflow->runs);
        mlflow->experiment_id = NULL;
        mlflow->runs = NULL;
}

void mlflow_free(struct mlflow *mlflow)
{
        if (!mlflow)
                return;
        forget(mlflow);
        free(mlflow->experiment);
        free(mlflow->study);
        free(mlflow);
}

/* ---- asking ---- */

static bool fail_foreign(const struct http_peer *peer, const char *path, struct error *err)
{
        return error_set(err, ERROR_INCOMPLETE, "NotMlflow", "%s%s: the answer is not one of MLflow",
                         http_peer_url(peer), path);
}

/* ret_answer may be NULL. */
static bool post(struct http_peer *peer, const char *path, const json_t *body, bool repeatable,
                 json_t **ret_answer, struct error *err)
{
        autofree char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(17));
        const struct http_request request = {.method = "POST",
                                             .path = path,
                                             .body = text,
                                             .body_length = strlen(text),
                                             .repeatable = repeatable};
        struct http_response response = {0};
        bool done = http_send(peer, &request, &response, err) &&
                    (!ret_answer || http_response_json(peer, path, &response, ret_answer, err));

        http_response_free(&response);
        return done;
}

/* ---- the experiment ---- */

static bool take_experiment(struct mlflow *mlflow, const struct http_peer *peer, const char *path,
                            const json_t *of, struct error *err)
{
        const char *id;

        if (!json_find_text(of, "experiment_id", &id))
                return fail_foreign(peer, path, err);
        mlflow->experiment_id = memory_copy_text(id);
        return true;
}

static bool create_experiment(struct mlflow *mlflow, struct http_peer *peer, struct error *err)
{
        static const char path[] = API "/experiments/create";
        autojson *body = json_pack("{s:s}", "name", mlflow->experiment), *answer = NULL;

        return post(peer, path, body, false, &answer, err) &&
               take_experiment(mlflow, peer, path, answer, err);
}

/* Whether MLflow itself says that there is no such thing; other servers have pages that are not there, too.
 */
static bool is_missing(const struct http_response *response)
{
        autojson *answer = NULL;
        struct error ignored = ERROR_INIT;
        const char *code;

        return response->status == 404 &&
               json_parse_text(response->body, response->length, "answer", &answer, &ignored) &&
               json_find_text(answer, "error_code", &code) && strcmp(code, "RESOURCE_DOES_NOT_EXIST") == 0;
}

static bool find_experiment(struct mlflow *mlflow, struct http_peer *peer, struct error *err)
{
        autofree char *name = http_escape(mlflow->experiment);
        autofree char *path = memory_format(API "/experiments/get-by-name?experiment_name=%s", name);
        const struct http_request request = {.path = path};
        struct http_response response = {0};
        autojson *answer = NULL;
        bool found = http_send(peer, &request, &response, err) &&
                     http_response_json(peer, path, &response, &answer, err);
        bool missing = !found && is_missing(&response);

        http_response_free(&response);
        if (found)
                return take_experiment(mlflow, peer, path, json_object_get(answer, "experiment"), err);
        if (!missing)
                return false;
        error_clear(err);
        return create_experiment(mlflow, peer, err);
}

/* ---- runs that are there ---- */

/* [{"key":..,"value":..}] as an object. */
static json_t *members_of(const json_t *list)
{
        json_t *object = json_object();
        const json_t *member;
        size_t i;

        json_array_foreach(list, i, member)
        {
                const char *key;

                if (json_find_text(member, "key", &key))
                        json_object_set(object, key, json_object_get(member, "value"));
        }
        return object;
}

/* *ret_known: {"id", "status", "params", "metrics", "tags"}. */
static bool known_of(const json_t *run, json_t **ret_known)
{
        const json_t *info = json_object_get(run, "info"), *data = json_object_get(run, "data");
        const char *id, *status = "";

        if (!json_find_text(info, "run_id", &id))
                return false;
        (void)json_find_text(info, "status", &status);
        *ret_known = json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", id, "status", status, "params",
                               members_of(json_object_get(data, "params")), "metrics",
                               members_of(json_object_get(data, "metrics")), "tags",
                               members_of(json_object_get(data, "tags")));
        return true;
}

static bool take_page(const json_t *answer, json_t *runs)
{
        const json_t *list = json_object_get(answer, "runs"), *run;
        size_t i;

        json_array_foreach(list, i, run)
        {
                json_t *known;
                const char *trial;

                if (!known_of(run, &known))
                        return false;
                if (json_find_text(json_object_get(known, "tags"), MLFLOW_TRIAL_TAG, &trial))
                        json_object_set(runs, trial, known);
                json_decref(known);
        }
        return true;
}

static bool search_runs(struct mlflow *mlflow, struct http_peer *peer, struct error *err)
{
        static const char path[] = API "/runs/search";
        autojson *runs = json_object();
        autojson *body = json_pack("{s:[s], s:o, s:i}", "experiment_ids", mlflow->experiment_id, "filter",
                                   json_sprintf("tags.`" MLFLOW_STUDY_TAG "` = '%s'", mlflow->study),
                                   "max_results", PAGE_RUNS);
        const char *token = "";

        for (int i = 0; token && i < MAX_PAGES; i++) {
                autojson *answer = NULL;

                if (!post(peer, path, body, true, &answer, err))
                        return false;
                if (!json_is_object(answer) || !take_page(answer, runs))
                        return fail_foreign(peer, path, err);
                if (!json_find_text(answer, "next_page_token", &token) || !*token)
                        token = NULL;
                else
                        json_object_set_new(body, "page_token", json_string(token));
        }
        mlflow->runs = TAKE(runs);
        return true;
}

/* ---- one run ---- */

/* [{"key":..,"value":..}] of what is wanted and not there; extra: what else each of them has. */
static json_t *lacking(const json_t *wanted, const json_t *there, json_t *extra)
{
        json_t *list = json_array();
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)wanted, name, value)
        {
                const json_t *known = json_object_get(there, name);
                json_t *member;

                if (known &&
                    (json_equal(known, value) ||
                     (json_is_number(known) && json_number_value(known) == json_number_value(value))))
                        continue;
                member = json_pack("{s:s, s:O}", "key", name, "value", value);
                if (extra)
                        json_object_update(member, extra);
                json_array_append_new(list, member);
        }
        return list;
}

/* As it has to be found again, should the answer not come. */
static bool create_run(const struct mlflow *mlflow, struct http_peer *peer, const struct mlflow_run *run,
                       const char *trial, struct error *err)
{
        static const char path[] = API "/runs/create";
        autojson *wanted = json_pack("{s:s, s:s}", MLFLOW_STUDY_TAG, mlflow->study, MLFLOW_TRIAL_TAG, trial);
        autojson *body = json_pack("{s:s, s:s, s:o}", "experiment_id", mlflow->experiment_id, "run_name",
                                   run->name, "tags", lacking(wanted, NULL, NULL));
        autojson *answer = NULL;
        json_t *known;

        if (run->begun_ms > 0)
                json_object_set_new(body, "start_time", json_integer(run->begun_ms));
        if (!post(peer, path, body, false, &answer, err))
                return false;
        if (!known_of(json_object_get(answer, "run"), &known))
                return fail_foreign(peer, path, err);
        json_object_set_new(mlflow->runs, trial, known);
        return true;
}

static bool log_data(struct http_peer *peer, const struct mlflow_run *run, const json_t *known,
                     struct error *err)
{
        autojson *when = json_pack("{s:I, s:i}", "timestamp", (json_int_t)run->ended_ms, "step", 0);
        json_t *params = lacking(run->params, json_object_get(known, "params"), NULL);
        json_t *metrics = lacking(run->metrics, json_object_get(known, "metrics"), when);
        json_t *tags = lacking(run->tags, json_object_get(known, "tags"), NULL);
        autojson *body = json_pack("{s:O, s:o, s:o, s:o}", "run_id", json_object_get(known, "id"), "params",
                                   params, "metrics", metrics, "tags", tags);

        if (json_array_size(params) + json_array_size(metrics) + json_array_size(tags) == 0)
                return true;
        return post(peer, API "/runs/log-batch", body, false, NULL, err);
}

static bool end_run(struct http_peer *peer, const struct mlflow_run *run, const json_t *known,
                    struct error *err)
{
        autojson *body =
                json_pack("{s:O, s:s}", "run_id", json_object_get(known, "id"), "status", run->status);
        const char *status = "";

        (void)json_find_text(known, "status", &status);
        if (strcmp(status, run->status) == 0)
                return true;
        if (run->ended_ms > 0)
                json_object_set_new(body, "end_time", json_integer(run->ended_ms));
        return post(peer, API "/runs/update", body, true, NULL, err);
}

/* What it has from now on. */
static void remember(const struct mlflow_run *run, json_t *known)
{
        json_object_set_new(known, "status", json_string(run->status));
        json_object_set(known, "params", run->params);
        json_object_set(known, "metrics", run->metrics);
        json_object_set(known, "tags", run->tags);
}

static bool put(struct mlflow *mlflow, struct http_peer *peer, const struct mlflow_run *run,
                struct error *err)
{
        autofree char *trial = memory_format("%lld", (long long)run->trial);
        json_t *known;

        if ((!mlflow->experiment_id && !find_experiment(mlflow, peer, err)) ||
            (!mlflow->runs && !search_runs(mlflow, peer, err)))
                return false;
        if (!json_object_get(mlflow->runs, trial) && !create_run(mlflow, peer, run, trial, err))
                return false;
        known = json_object_get(mlflow->runs, trial);
        if (!log_data(peer, run, known, err) || !end_run(peer, run, known, err))
                return false;
        remember(run, known);
        return true;
}

bool mlflow_put(struct mlflow *mlflow, struct http_peer *peer, const struct mlflow_run *run,
                struct error *err)
{
        if (put(mlflow, peer, run, err))
                return true;
        forget(mlflow);
        return false;
}

/* ---- names ---- */

void mlflow_set(json_t *object, const char *name, json_t *value)
{
        static const char taken[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-.";
        autotext key = {0};

        for (; *name && key.length < NAME_BYTES; name++)
                text_add(&key, strchr(taken, *name) && (*name != '.' || key.length > 0) ? name : "_", 1);
        while (key.length == 0 || json_object_get(object, key.data))
                text_put(&key, "_");
        json_object_set_new(object, key.data, value);
}
