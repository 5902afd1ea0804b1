/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/batch_runs.h"

#include <string.h>

#include "controller/study/shown_log.h"
#include "core/json.h"
#include "sim/batch_replay.h"

#define MOST_RUNS 100

static bool read_run(const struct batch_run *first, const char *path, bool quiet,
                     struct scale_out_run *ret_run, struct error *err)
{
        const struct batch_cluster as_measured = {.stretch = 1};
        autocall(batch_model_free) struct batch_model *model = NULL;
        auto_spark_event_log log = {0};
        struct batch_replay replay;

        if (!shown_log_read(path, quiet, &log, err))
                return false;
        if (!batch_model_new(log.run, &model, err) || model->measured_ms <= 0)
                return error_set(err, ERROR_INPUT, "NoTasks", "%s: no task has ended", path);
        if (first->name && log.run->name && strcmp(first->name, log.run->name) != 0)
                return error_set(err, ERROR_INPUT, NULL, "%s: a run of %s, not of %s", path, log.run->name,
                                 first->name);
        if (!batch_replay(model, &as_measured, &replay, err))
                return error_wrap(err, "%s", path);
        *ret_run = (struct scale_out_run){(double)replay.slots, (double)model->measured_ms / 1e3};
        return true;
}

bool batch_runs_fit(const struct batch_run *run, double slots, double seconds, char *const *logs, bool quiet,
                    struct scale_out *ret_model, json_t **ret_runs, struct error *err)
{
        struct scale_out_run runs[MOST_RUNS + 1] = {{slots, seconds}};
        autojson *told = json_array();
        size_t count = 1;

        for (size_t i = 0; logs[i]; i++, count++) {
                if (i == MOST_RUNS)
                        return error_set(err, ERROR_INPUT, NULL, "simulate: --with: %d logs at most",
                                         MOST_RUNS);
                if (!read_run(run, logs[i], quiet, &runs[count], err))
                        return false;
                json_array_append_new(told, json_pack("{s:s, s:o, s:o}", "log", logs[i], "slots",
                                                      json_from_double(runs[count].size), "seconds",
                                                      json_from_double(runs[count].seconds)));
        }
        if (!scale_out_fit(runs, count, ret_model, err))
                return error_set(err, ERROR_INPUT, "OneSize",
                                 "simulate: --with: all runs had %.0f slots; expected runs on other numbers",
                                 slots);
        *ret_runs = json_incref(told);
        return true;
}
