/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <unistd.h>

#include "controller/study/internal.h"
#include "core/ledger/ledger.h"

/* A ledger of a simulation: the same journal that a live loop writes, so that decisions can be rehearsed and
 * explained. */

bool study_check_ledger(const struct study_request *request, const struct spec *spec, struct error *err)
{
        size_t chosen = 0;

        if (!request->ledger)
                return true;
        for (size_t i = 0; i < spec->n_strategies; i++)
                chosen += study_chosen(request, spec, spec->strategies[i].strategy->name);
        if (chosen != 1)
                return error_set(err, ERROR_INPUT, NULL,
                                 "--ledger: %zu strategies are chosen; expected one, as in --strategy plan",
                                 chosen);
        if (ledger_is_shared(request->ledger))
                return error_set(err, ERROR_INPUT, NULL,
                                 "--ledger: a simulation begins a new ledger; expected the name of a file");
        /* What is open in an old ledger belongs to another engine. */
        if (access(request->ledger, F_OK) == 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "--ledger %s: exists; a simulation begins a new ledger", request->ledger);
        return true;
}

static json_t *settings_json(const struct variant *variant, const struct variant_runs *one)
{
        const struct strategy *strategy = one->strategy;

        return json_pack("{s:s, s:o, s:o}", "strategy", strategy->name, "options",
                         strategy->options ? option_to_json(strategy->options, one->options) : json_null(),
                         "model", option_to_json(&model_table, &variant->model));
}

bool study_write_ledger(const struct study_request *request, const struct variant *variant,
                        const struct variant_runs *results, size_t count, struct error *err)
{
        const struct clock clock = clock_system();
        const struct ledger_options options = {.path = request->ledger, .clock = &clock};
        const struct variant_runs *one = &results[count - 1];
        struct workload_run *load autocall(workload_run_free) = NULL;
        struct ledger *ledger autocall(ledger_close) = NULL;
        struct ledger_subject subject = {.pipeline = &variant->spec->pipeline, .prices = variant->prices};
        struct scenario_result result = {0};
        struct scenario scenario;
        struct journal journal;
        json_t *settings;
        bool done;

        if (!request->ledger)
                return true;
        load = workload_run_new(variant->workload, 0);
        settings = settings_json(variant, one);
        subject.namespace = variant->spec->namespace;
        subject.settings = settings;
        done = ledger_open(&options, &ledger, err) && ledger_journal(ledger, &subject, &journal, err);
        if (done) {
                scenario = variant_scenario(variant, one, &load->load, 0);
                scenario.journal = &journal;
                done = scenario_run(&scenario, &result, err);
        }
        json_decref(settings);
        scenario_result_free(&result);
        return done || error_wrap(err, "--ledger %s", request->ledger);
}
