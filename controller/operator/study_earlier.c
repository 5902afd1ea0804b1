/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/study_earlier.h"

#include <string.h>

#include "controller/operator/study_search.h"
#include "core/json.h"

static const char *name_of(const struct study_tuning *tuning, size_t i)
{
        return ((const char *const *)tuning->earlier.items)[i];
}

bool study_earlier_check(const struct study_tuning *tuning, const char *own, struct error *err)
{
        for (size_t i = 0; i < tuning->earlier.count; i++)
                if (strcmp(name_of(tuning, i), own) == 0)
                        return error_set(
                                err, ERROR_INPUT, NULL,
                                "spec.tuning.earlier[%zu]: %s is the study itself; expected another one", i,
                                own);
        return true;
}

bool study_earlier_refuse(struct study_round *round, const char *words)
{
        autofree char *whole = memory_format("spec.tuning.%s", words);

        return study_round_refuse(round, "EarlierStudyUnusable", whole);
}

/* Trials that tell what is minimized here. */
static json_t *trials_of(const struct study_tuning *tuning, const json_t *spec, const json_t *status)
{
        autocall(study_plan_free) struct study_plan *theirs = NULL;
        struct error ignored = ERROR_INIT;

        if (!study_plan_new(spec, STUDY_KIND, &theirs, &ignored) || !theirs->options.tuning)
                return json_array();
        return study_search_earlier(tuning, theirs->options.tuning, json_object_get(status, "trials"));
}

static bool any_good(const json_t *trials)
{
        const json_t *trial;
        size_t i;

        json_array_foreach(trials, i, trial)
        {
                if (json_is_number(json_object_get(trial, "y")))
                        return true;
        }
        return false;
}

static bool read_one(struct study_round *round, size_t i, json_t *earlier)
{
        const struct study_tuning *tuning = round->plan->options.tuning;
        const char *name = name_of(tuning, i);
        autojson *spec = NULL, *status = NULL, *trials = NULL;
        autofree char *words = NULL;

        if (!operator_study_find(round->op, round->namespace, name, &spec, &status)) {
                words = memory_format("spec.tuning.earlier[%zu]: there is no TuningStudy %s.", i, name);
                return !study_round_refuse(round, "EarlierStudyMissing", words);
        }
        trials = trials_of(tuning, spec, status);
        if (!any_good(trials)) {
                words = memory_format("earlier[%zu]: no trial of %s that is over tells what is minimized "
                                      "here: %s.",
                                      i, name, tuning->minimize);
                return !study_earlier_refuse(round, words);
        }
        json_array_append(earlier, trials);
        return true;
}

bool study_earlier_read(struct study_round *round, json_t **ret_earlier)
{
        autojson *earlier = json_array();

        for (size_t i = 0; i < round->plan->options.tuning->earlier.count; i++)
                if (!read_one(round, i, earlier))
                        return false;
        *ret_earlier = TAKE(earlier);
        return true;
}
