/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/earlier.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/tune/context.h"
#include "controller/tune/log.h"
#include "controller/tune/log_study.h"
#include "controller/tune/search_document.h"
#include "controller/tune/trial.h"
#include "core/json.h"

#define TRIAL_MAX_BYTES ((size_t)1 << 20)
#define FORETOLD        "foretold" /* trials that a model of the job foretells */
#define OWN_LOG         "{trial}"  /* as an event log: that of this study's first trial that leaves one */

/* ---- studies in folders ---- */

static bool read_part(const char *folder, int id, const char *name, bool *ret_there, json_t **ret_part,
                      struct error *err)
{
        autofree char *path = memory_format("%s/%d/%s", folder, id, name);

        *ret_there = access(path, F_OK) == 0;
        return !*ret_there || json_read_file(path, TRIAL_MAX_BYTES, ret_part, err);
}

/* What was measured there under the name that is minimised here. Without prices a value may be the cost. */
static const json_t *measured(const json_t *result, const char *measure)
{
        static const char *const measures[] = {"seconds", "cpuSeconds", "memoryBytes", "cost"};

        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++)
                if (strcmp(measures[i], measure) == 0 && json_object_get(result, measure))
                        return json_object_get(result, measure);
        return json_object_get(json_object_get(result, "values"), measure);
}

/* A trial that ended without a number of ours, or still runs, says nothing. */
static void add_trial(const json_t *asked, const json_t *result, const char *measure, json_t *trials)
{
        enum search_status status = SEARCH_FAILED;
        const json_t *y = measured(result, measure), *context = json_object_get(asked, "context");

        if (!search_document_status(json_object_get(result, "status"), &status) ||
            (status != SEARCH_FAILED && !json_is_number(y)))
                return;
        json_array_append_new(trials, json_pack("{s:O, s:O, s:O*, s:O*}", "x", json_object_get(asked, "x"),
                                                "status", json_object_get(result, "status"), "y",
                                                status == SEARCH_FAILED ? NULL : (json_t *)(uintptr_t)y,
                                                "context", (json_t *)(uintptr_t)context));
}

static bool read_trials(const char *folder, const char *measure, json_t *trials, struct error *err)
{
        bool there = true;

        for (int id = 1; there && id <= SEARCH_MAX_TRIALS; id++) {
                autojson *asked = NULL, *result = NULL;
                bool ended;

                if (!read_part(folder, id, "trial.json", &there, &asked, err) ||
                    !read_part(folder, id, "result.json", &ended, &result, err))
                        return false;
                if (there && ended && json_is_object(json_object_get(asked, "x")))
                        add_trial(asked, result, measure, trials);
        }
        return true;
}

static bool is_same(const char *one, const char *other)
{
        struct stat a, b;

        return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool load_study(const char *folder, const char *own, const char *measure, json_t *trials,
                       struct error *err)
{
        autofree char *study = memory_format("%s/study.json", folder);

        if (access(study, R_OK) != 0)
                return error_set(err, ERROR_INPUT, NULL, "%s: expected the folder of a study of optctl tune",
                                 folder);
        if (is_same(folder, own))
                return error_set(err, ERROR_INPUT, NULL, "%s: this is the study itself; expected another one",
                                 folder);
        if (!read_trials(folder, measure, trials, err))
                return false;
        return json_array_size(trials) > 0 ||
               error_set(err, ERROR_INPUT, NULL, "%s: none of its trials tells %s", folder, measure);
}

static bool check_list(const json_t *list, struct error *err)
{
        return (json_is_array(list) && json_array_size(list) <= SEARCH_MAX_EARLIER) ||
               error_set(err, ERROR_INPUT, NULL, "earlier: expected a list of at most %d",
                         SEARCH_MAX_EARLIER);
}

static void add(struct tune_study *study, const char *name, json_t *trials)
{
        json_array_append_new(study->earlier, trials);
        json_array_append_new(study->earlier_names, json_from_text(name));
}

static bool load_log(const json_t *one, struct tune_study *study, const char *own,
                     const struct search *search, struct error *err)
{
        const char *log = json_string_value(json_object_get(one, "eventLog"));
        autofree char *place = NULL;
        json_t *trials;

        if (!log_study_check(one, study, err))
                return false;
        if (strcmp(log, OWN_LOG) == 0) {
                if (!study->options.event_log)
                        return error_set(err, ERROR_INPUT, NULL,
                                         "eventLog: " OWN_LOG ": expected eventLog beside search, which says "
                                         "where trials leave it");
                study->own_log = one;
                (void)earlier_load_own(study, own, search);
                return true;
        }
        place = tune_study_place(study, log);
        if (!log_study_trials(one, place, study, search, &trials, err))
                return false;
        add(study, log, json_pack("{s:o}", FORETOLD, trials));
        return true;
}

static bool load_folder(const char *name, struct tune_study *study, const char *own, struct error *err)
{
        autofree char *folder = tune_study_place(study, name);
        autojson *trials = json_array();

        if (!load_study(folder, own, study->options.minimize, trials, err))
                return false;
        add(study, name, TAKE(trials));
        return true;
}

static bool load_one(const json_t *one, struct tune_study *study, const char *own,
                     const struct search *search, struct error *err)
{
        if (json_is_string(one))
                return load_folder(json_string_value(one), study, own, err);
        if (json_is_object(one) && !json_object_get(one, FORETOLD))
                return load_log(one, study, own, search, err);
        add(study, json_is_object(one) ? "foretold in the spec" : "trials in the spec",
            json_incref((json_t *)(uintptr_t)one));
        return true;
}

bool earlier_load(struct tune_study *study, const char *own, const struct search *search, struct error *err)
{
        const json_t *list = json_object_get(study->search_json, "earlier"), *one;
        size_t i;

        if (list && !check_list(list, err))
                return false;
        study->earlier = json_array();
        study->earlier_names = json_array();
        json_array_foreach(list, i, one)
        {
                if (!load_one(one, study, own, search, err))
                        return error_wrap(err, "earlier[%zu]", i);
        }
        return true;
}

/* ---- a log of this study's own ---- */

/* A log that foretells nothing is the last one that is looked at: others would say as little. */
static void load_own_log(struct tune_study *study, const char *path, int id, const struct search *search)
{
        json_t *trials = NULL;
        struct error err = ERROR_INIT;

        if (log_study_trials(study->own_log, path, study, search, &trials, &err)) {
                autofree char *name = memory_format("event log of trial %d", id);

                add(study, name, json_pack("{s:o}", FORETOLD, trials));
        } else {
                fprintf(stderr, "optctl: trial %d: its event log foretells nothing: %s\n", id, err.message);
        }
        study->own_log = NULL;
}

bool earlier_load_own(struct tune_study *study, const char *own, const struct search *search)
{
        size_t before = json_array_size(study->earlier);
        bool there = true;

        for (int id = 1; there && study->own_log && id <= SEARCH_MAX_TRIALS; id++) {
                autojson *asked = NULL, *result = NULL, *settings = NULL;
                autofree char *folder = memory_format("%s/%d", own, id), *path = NULL;
                struct error ignored = ERROR_INIT;
                const char *status = "";
                bool ended;

                if (!read_part(own, id, "trial.json", &there, &asked, &ignored) ||
                    !read_part(own, id, "result.json", &ended, &result, &ignored))
                        return false;
                (void)json_find_text(result, "status", &status);
                if (strcmp(status, "ok") != 0)
                        continue;
                settings = tune_context_settings(study, json_object_get(asked, "x"),
                                                 json_object_get(asked, "context"));
                path = tune_trial_own_log(study, settings, folder);
                if (tune_log_is_there(path))
                        load_own_log(study, path, id, search);
        }
        return json_array_size(study->earlier) > before;
}

/* ---- telling ---- */

struct told {
        double point[SEARCH_MAX_PARAMETERS], context[SEARCH_MAX_CONTEXT];
};

/* The settings that this space knows. */
static json_t *known_settings(const struct search_space *space, const json_t *x)
{
        json_t *known = json_object();

        for (int i = 0; i < space->n; i++) {
                const char *name = space->parameters[i].name;

                if (json_object_get(x, name))
                        json_object_set(known, name, json_object_get(x, name));
        }
        return known;
}

/* What does not follow the form. */
static bool read_form(const json_t *trial, const char *place, struct search_outcome *outcome,
                      struct error *err)
{
        const json_t *status = json_object_get(trial, "status");

        *outcome = (struct search_outcome){.status = SEARCH_OK, .y = NAN, .second = NAN};
        if (!json_is_object(json_object_get(trial, "x")))
                return error_set(err, ERROR_INPUT, NULL, "%s: expected an object with x, an object", place);
        if (status && !search_document_status(status, &outcome->status))
                return error_set(err, ERROR_INPUT, NULL, "%s.status: expected ok, failed or censored", place);
        return outcome->status == SEARCH_FAILED || json_find_number(trial, "y", &outcome->y) ||
               error_set(err, ERROR_INPUT, NULL, "%s.y: expected a number", place);
}

/* Whether it is of this space; why not is kept of the first that is not. */
static bool fits(const struct search *search, const json_t *trial, struct told *told, struct error *why_not)
{
        const struct search_space *space = search_space_of(search);
        autojson *x = known_settings(space, json_object_get(trial, "x"));
        struct error err = ERROR_INIT;

        memcpy(told->context, search_context(search), sizeof(double) * (size_t)space->n_context);
        if (search_document_point(space, x, told->point, &err) &&
            (space->n_context == 0 ||
             search_document_context(space, json_object_get(trial, "context"), true, told->context, &err)))
                return true;
        if (why_not->code == ERROR_NONE)
                *why_not = err;
        return false;
}

static bool tell_study(const json_t *trials, size_t at, bool foretold, struct search *search,
                       struct error *err)
{
        size_t count = json_array_size(trials);
        autofree struct search_outcome *runs = memory_new(count + 1, sizeof *runs);
        autofree struct told *told = memory_new(count + 1, sizeof *told);
        struct error why_not = ERROR_INIT;
        const json_t *trial;
        int n = 0;
        size_t i;

        json_array_foreach(trials, i, trial)
        {
                autofree char *place = memory_format("earlier[%zu][%zu]", at, i);

                if (!read_form(trial, place, &runs[n], err))
                        return false;
                runs[n].point = told[n].point;
                runs[n].context = told[n].context;
                n += fits(search, trial, &told[n], &why_not);
        }
        if (search_add_earlier(search, runs, n, foretold, err))
                return true;
        if (why_not.code == ERROR_NONE)
                return error_wrap(err, "earlier[%zu]", at);
        autofree char *message = memory_copy_text(err->message);
        return error_set(err, ERROR_INPUT, NULL, "earlier[%zu]: %s; of one that is left out: %s", at, message,
                         why_not.message);
}

bool earlier_tell(const json_t *list, struct search *search, struct error *err)
{
        const json_t *one;
        size_t i;

        if (!list)
                return true;
        if (!check_list(list, err))
                return false;
        json_array_foreach(list, i, one)
        {
                const json_t *foretold = json_object_get(one, FORETOLD), *trials = foretold ? foretold : one;

                if (!json_is_array(trials) || json_array_size(trials) > SEARCH_MAX_TRIALS)
                        return error_set(err, ERROR_INPUT, NULL,
                                         "earlier[%zu]%s: expected a list of at most %d trials", i,
                                         foretold ? "." FORETOLD : "", SEARCH_MAX_TRIALS);
                if (!tell_study(trials, i, foretold, search, err))
                        return false;
        }
        return true;
}

/* ---- saying ---- */

char *earlier_why(const struct search *search, const struct search_suggestion *suggestion)
{
        autotext out = {0};
        int count = search_earlier_count(search);

        text_put(&out, suggestion->why);
        for (int e = 0; suggestion->predicted && e < count; e++)
                text_format(&out, "%s%.0f %%",
                            e           ? ", "
                            : count > 1 ? "; earlier studies weigh "
                                        : "; the earlier study weighs ",
                            100 * search_earlier_weight(search, e));
        return text_take(&out);
}
