/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/prepare.h"

#include "controller/tune/earlier.h"
#include "core/json.h"

bool tune_prepare(struct tune_study *study, const char *own, struct search *search, struct error *err)
{
        const struct tune_constraint *constraints = study->options.constraints.items;
        int index;

        for (size_t i = 0; i < study->options.constraints.count; i++)
                if (!search_constraint(search, constraints[i].value, &index, err))
                        return false;
        return ((study->earlier || earlier_load(study, own, search, err)) &&
                earlier_tell(study->earlier, search, err)) ||
               tune_study_wrong_below(study->options.search, err->message, err);
}

bool tune_prepare_learn(struct tune_study *study, const char *own, struct search *search, struct error *err)
{
        autojson *added = json_array();

        if (!study->own_log || !earlier_load_own(study, own, search))
                return true;
        json_array_append(added, json_array_get(study->earlier, json_array_size(study->earlier) - 1));
        return earlier_tell(added, search, err);
}
