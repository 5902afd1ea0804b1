/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/tell.h"

#include <inttypes.h>
#include <math.h>

#include "controller/tune/search_document.h"
#include "core/json.h"

static bool read_place(const struct search *search, const struct tune_trial *trial, double *point,
                       double *context, struct error *err)
{
        return search_document_point(search_space_of(search), trial->x, point, err) &&
               search_document_context(search_space_of(search), trial->context, true, context, err);
}

static bool tell(struct search *search, const struct tune_trial *trial, int64_t asked, struct error *err)
{
        const json_t *constraints = json_object_get(trial->result, "constraints");
        double point[SEARCH_MAX_PARAMETERS], context[SEARCH_MAX_CONTEXT] = {0};
        struct search_outcome outcome = {.id = asked,
                                         .point = point,
                                         .context = context,
                                         .status = SEARCH_FAILED,
                                         .y = NAN,
                                         .second = NAN};
        const char *name;
        json_t *value;

        (void)search_document_status(json_object_get(trial->result, "status"), &outcome.status);
        if (outcome.status != SEARCH_FAILED)
                (void)json_find_number(trial->result, "y", &outcome.y);
        (void)json_find_number(trial->result, "second", &outcome.second);
        for (int i = 0; i < SEARCH_MAX_CONSTRAINTS; i++)
                outcome.constraints[i] = NAN;
        json_object_foreach((json_t *)(uintptr_t)constraints, name, value)
        {
                int index;

                if (!search_constraint(search, name, &index, err))
                        return false;
                outcome.constraints[index] = json_number_value(value);
        }
        return read_place(search, trial, point, context, err) && search_tell(search, &outcome, err);
}

bool tune_tell(struct search *search, const struct tune_trial *trial, int64_t asked, struct error *err)
{
        return tell(search, trial, asked, err) || error_wrap(err, "trial %" PRId64, trial->id);
}

bool tune_tell_can(const struct search *search, const struct tune_trial *trial, struct error *err)
{
        double point[SEARCH_MAX_PARAMETERS], context[SEARCH_MAX_CONTEXT] = {0};

        return read_place(search, trial, point, context, err) || error_wrap(err, "trial %" PRId64, trial->id);
}
