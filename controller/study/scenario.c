/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/scenario.h"

#include <string.h>

#include "controller/loop/loop.h"
#include "controller/study/run_record.h"

static bool open_strategy(const struct scenario *scenario, const struct foresight *foresight,
                          void **ret_state, struct error *err)
{
        const struct strategy_context context = {
                .pipeline = &scenario->spec->pipeline,
                .constraints = &scenario->spec->constraints,
                .prices = scenario->prices,
                .model = scenario->known,
                .foresight = scenario->strategy->needs_foresight ? foresight : NULL,
                .start_ms = scenario->start_ms,
        };

        return scenario->strategy->open(&context, scenario->strategy_options, ret_state, err) ||
               error_wrap(err, "strategy %s", scenario->strategy->name);
}

static struct engine *make_engine(const struct scenario *scenario)
{
        const struct engine_setup setup = {
                .pipeline = &scenario->spec->pipeline,
                .model = scenario->model,
                .prices = scenario->prices,
                .constraints = &scenario->spec->constraints,
                .load = scenario->load,
                .start_ms = scenario->start_ms,
                .step_ms = scenario->step_ms,
                .warmup_ms = scenario->warmup_ms,
                .initial = scenario->initial,
                .seed = scenario->seed,
                .run = scenario->run,
                .draw_parameters = scenario->draw_parameters,
                .timeline_step_ms = scenario->timeline_step_ms,
                .sample_ms = scenario->sample_ms,
                .first_sample_ms = scenario->first_sample_ms,
        };
        struct engine *engine = engine_new(&setup);

        engine_set_faults(engine, &scenario->faults);
        return engine;
}

/* The end of the load ends the loop's sleep: that is how a simulation is meant to stop. */
static bool run_loop(const struct scenario *scenario, struct engine *engine, void *state,
                     struct run_record *record, struct error *err)
{
        struct clock clock = engine_clock(engine);
        struct journal journal = record ? run_record_journal(record) : (struct journal){0};
        const struct configuration baseline =
                configuration_from_values(&scenario->spec->pipeline, scenario->spec->baseline);
        const struct loop_setup setup = {
                .pipeline = &scenario->spec->pipeline,
                .constraints = &scenario->spec->constraints,
                .prices = scenario->prices,
                .clock = &clock,
                .collector = &engine_collector,
                .collector_state = engine,
                .actuator = &engine_actuator,
                .actuator_state = engine,
                .strategy = scenario->strategy,
                .strategy_state = state,
                .interval_ms = scenario->strategy->interval_ms(scenario->strategy_options),
                .guardrails = scenario->spec->guardrails,
                .n_guardrails = scenario->spec->n_guardrails,
                .journal = record ? &journal : scenario->journal,
                .mode = SPEC_AUTO,
                .baseline = &baseline,
        };
        struct loop *loop autocall(loop_free) = loop_new(&setup);

        if ((clock_sleep_until(&clock, scenario->start_ms + scenario->late_ms, err) &&
             loop_run(loop, engine_end_ms(engine), err)) ||
            engine_at_end(engine)) {
                error_clear(err);
                return true;
        }
        return false;
}

bool scenario_run(const struct scenario *scenario, struct scenario_result *ret_result, struct error *err)
{
        struct engine *engine autocall(engine_free) = NULL;
        struct run_record *record autocall(run_record_free) = NULL;
        struct scenario_result result = {0};
        /* As long as the strategy, which keeps the address. */
        const struct foresight foresight = {
                .start_ms = scenario->start_ms,
                .step_ms = scenario->step_ms,
                .count = scenario->load->count,
                .rate_per_second = scenario->load->rate_per_second,
                .model = scenario->model,
        };
        void *state = NULL;
        bool done;

        if (!open_strategy(scenario, &foresight, &state, err))
                return false;
        engine = make_engine(scenario);
        record = scenario->keep_changes ? run_record_new(&scenario->spec->pipeline) : NULL;
        done = run_loop(scenario, engine, state, record, err);
        scenario->strategy->close(state);
        if (!done)
                return false;
        engine_finish(engine, &result.figures);
        result.timeline = engine_take_timeline(engine);
        result.changes = record ? run_record_changes(record) : NULL;
        *ret_result = result;
        return true;
}

void scenario_result_free(struct scenario_result *result)
{
        timeline_free(result->timeline);
        json_decref(result->changes);
        *result = (struct scenario_result){0};
}
