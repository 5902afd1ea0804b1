/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/study.h"

#include <stdio.h>

#include "controller/study/backtest.h"
#include "controller/study/internal.h"
#include "core/json.h"

/* How far to believe it: where the model came from, and for a report how well it predicts the spec's other
 * recordings. */
static bool reckon_trust(const struct study_request *request, const struct variant *variant,
                         json_t **ret_trust, struct error *err)
{
        const struct backtest_request backtest = {
                .source = request->source,
                .sets = request->sets,
                .threads = request->threads,
                .quiet = request->quiet,
        };
        const struct spec *spec = variant->spec;
        bool held_back = spec->backtest.fit.count > 0 && spec->recordings.count > spec->backtest.fit.count;
        json_t *document = json_null();

        if (request->for_report && held_back) {
                if (!backtest_run(&backtest, &document, err))
                        return error_wrap(err, "backtest");
                json_object_del(document, "recordings");
        }
        *ret_trust = json_pack("{s:s?, s:s?, s:o}", "calibrated_at", variant->model.calibrated_at,
                               "calibrated_from", variant->model.calibrated_from, "backtest", document);
        return true;
}

static bool run_main(const struct study_request *request, const struct variant *variant,
                     struct variant_runs *results, size_t count, json_t **ret_front, struct error *err)
{
        struct clock clock = clock_system();
        size_t total = count * (size_t)variant->runs + study_front_runs(request, variant);
        struct progress *progress =
                progress_new(stderr, !request->quiet, &clock, "simulating", "runs", (int64_t)total);
        bool done = variant_simulate(variant, results, count, request->for_report, (size_t)request->threads,
                                     progress, err);

        if (done && request->for_report)
                done = study_draw_front(request, variant, progress, ret_front, err);
        progress_free(progress);
        return done;
}

bool study_run(const struct study_request *request, json_t **ret_document, struct error *err)
{
        struct variant *variant autocall(variant_free) = NULL;
        struct variant_runs *results;
        autojson *front = NULL, *sweep = NULL;
        json_t *trust = NULL;
        size_t count;
        bool done;

        if (!variant_open(request->source, (const char *const *)request->sets, request->runs, request->seed,
                          &variant, err) ||
            !study_check_names(variant->spec, request->strategies, err) ||
            !study_check_sweeps(request, err) || !study_check_ledger(request, variant->spec, err))
                return false;
        results = study_choose(request, variant->spec, &count);
        done = run_main(request, variant, results, count, &front, err) &&
               (!request->sweeps || !*request->sweeps ||
                study_sweep(request, count * (size_t)variant->runs, &sweep, err)) &&
               study_write_ledger(request, variant, results, count, err) &&
               reckon_trust(request, variant, &trust, err);
        if (done) {
                json_t *document = study_head(variant);

                study_reckon_savings(variant, results, count);
                json_object_set_new(document, "strategies",
                                    study_strategies(request, variant, results, count));
                if (front)
                        json_object_set(document, "front", front);
                if (sweep)
                        json_object_set(document, "sweep", sweep);
                json_object_set_new(document, "trust", trust);
                *ret_document = document;
        }
        variant_runs_free(results, count);
        return done;
}
