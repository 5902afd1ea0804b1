/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/live/live.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/operator/fence.h"
#include "controller/live/gather.h"
#include "controller/live/metrics.h"
#include "controller/live/recorder.h"
#include "controller/loop/source.h"
#include "controller/live/target.h"
#include "core/json.h"

struct live {
        const struct fleet_setup *setup;
        char *path, *data;
        size_t n_overrides;
        char **overrides; /* ends with NULL; the last one is the graph, once the engine told it */
        struct source source;
        struct clock clock;
        struct source_context context;
        struct spec *spec;
        struct price_book *prices;
        struct gather *gather;
        struct target *target;
        struct fenced fenced;      /* the target, while we may write to it */
        struct recorder *recorder; /* NULL: nothing is recorded */
        void *strategy_state;
        struct journal journal;
        struct loop *loop;
        bool periodic;          /* of a job that runs from time to time, as it was when it was opened */
        struct packed *resting; /* NULL: the loop is awake, or there is none */
        char *record_trouble;   /* NULL: the newest window was recorded, or is not to be */
        char *trouble;          /* why it is not open; NULL before the first try */
        enum error_code trouble_code;
        char trouble_reason[48];
        char pause_reason[JOURNAL_REASON_ROOM]; /* before it is open; empty: it is not paused */
        char *full_name;                        /* "NAMESPACE/NAME", or the name alone */
        struct loop_status counted;             /* in the metrics */
        bool unsure;                            /* in the newest turn */
};

/* ---- life ---- */

struct live *live_new(const struct fleet_setup *setup, const char *path, const char *data,
                      const char *const *overrides)
{
        struct live *live = memory_new(1, sizeof *live);

        live->setup = setup;
        live->path = memory_copy_text(path);
        live->data = memory_copy_text(data);
        live->overrides = memory_new(2, sizeof *live->overrides);
        for (; overrides && *overrides; overrides++) {
                live->overrides =
                        memory_resize(live->overrides, live->n_overrides + 3, sizeof *live->overrides);
                live->overrides[live->n_overrides++] = memory_copy_text(*overrides);
                live->overrides[live->n_overrides] = live->overrides[live->n_overrides + 1] = NULL;
        }
        live->clock = reactor_clock(setup->reactor);
        return live;
}

struct live *live_new_object(const struct fleet_setup *setup, const struct fleet_object *object)
{
        struct live *live = live_new(setup, object->name, object->data, NULL);

        live->source = (struct source){.path = live->path,
                                       .data = live->data,
                                       .registry = setup->registry,
                                       .text = memory_copy_text(object->text),
                                       .length = strlen(object->text),
                                       .object = true};
        live->fenced.fence = object->fence;
        return live;
}

static const struct spec_strategy *strategy_of(const struct live *live)
{
        return spec_find_strategy(live->spec, live->spec->strategy->name);
}

/* Back to where live_read left it. */
static void close_parts(struct live *live)
{
        loop_free(live->loop);
        live->loop = NULL;
        free(live->resting);
        live->resting = NULL;
        if (live->strategy_state)
                live->spec->strategy->close(live->strategy_state);
        live->strategy_state = NULL;
        recorder_close(live->recorder);
        live->recorder = NULL;
        gather_free(live->gather);
        live->gather = NULL;
        target_free(live->target);
        live->target = NULL;
        if (live->journal.intent)
                ledger_let_go(live->setup->ledger, live->spec->namespace, live->spec->name);
        live->journal = (struct journal){0};
        price_book_free(live->prices);
        live->prices = NULL;
}

void live_free(struct live *live)
{
        if (!live)
                return;
        close_parts(live);
        if (live->full_name)
                metrics_forget(live->setup->metrics, live->full_name);
        spec_free(live->spec);
        source_close(&live->source);
        for (size_t i = 0; live->overrides[i]; i++)
                free(live->overrides[i]);
        free(live->overrides);
        free(live->path);
        free(live->data);
        free(live->full_name);
        free(live->record_trouble);
        free(live->trouble);
        free(live);
}

/* ---- reading ---- */

static bool check_sources(const struct live *live, struct error *err)
{
        const struct spec *spec = live->spec;

        if (spec->n_sources == 0)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "%s: nothing says where the pipeline runs; expected spec.engine, or spec.metrics",
                        live->path);
        if (!spec_has_prices(spec, err))
                return false;
        if (!spec->strategy)
                return error_set(err, ERROR_INPUT, NULL, "%s: no strategy was built in", live->path);
        if (spec->strategy->needs_foresight)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "%s: spec.strategy: %s knows the load to come, as only a simulation can; expected "
                        "another",
                        live->path, spec->strategy->name);
        return true;
}

/* A call that is still under way when another replica steers would be one too many. */
static bool check_calls(const struct live *live, struct error *err)
{
        static const char *const sections[] =
                {[SECTION_ENGINE] = "engine", [SECTION_BROKER] = "broker", [SECTION_METRICS] = "metrics"};
        const struct spec *spec = live->spec;

        for (size_t i = 0; i < spec->n_sources && live->fenced.fence && spec->mode == SPEC_AUTO; i++) {
                const struct spec_source *source = &spec->sources[i];
                int64_t seconds = source->actuator && source->actuator->call_seconds
                                          ? source->actuator->call_seconds(source->options)
                                          : 0;

                if (seconds > FENCE_CALL_SECONDS)
                        return error_set(err, ERROR_INPUT, NULL,
                                         "%s: spec.%s.%s: its timeoutSeconds is %lld; expected at most %d in "
                                         "mode Auto, since another replica may steer by then",
                                         live->path, sections[source->collector->section],
                                         source->collector->name, (long long)seconds, FENCE_CALL_SECONDS);
        }
        return true;
}

/* Of a pipeline whose graph the engine has yet to tell, for what was ordered before. */
static bool open_name_journal(struct live *live, struct error *err)
{
        const struct ledger_subject subject = {.namespace = live->spec->namespace, .name = live->spec->name};

        return !live->setup->ledger || live->journal.pause ||
               ledger_journal(live->setup->ledger, &subject, &live->journal, err);
}

void live_recall_pause(struct live *live)
{
        autofree struct journal_standing *standing = memory_new(1, sizeof *standing);
        struct error ignored = ERROR_INIT;

        if (open_name_journal(live, &ignored) && live->journal.standing &&
            live->journal.standing(live->journal.context, standing, &ignored))
                memcpy(live->pause_reason, standing->pause_reason, sizeof live->pause_reason);
}

bool live_read(struct live *live, struct error *err)
{
        if ((!live->source.text &&
             !source_open(live->path, live->data, live->setup->registry, &live->source, err)) ||
            !source_spec(&live->source, (const char *const *)live->overrides, &live->spec, err))
                return false;
        live->full_name = live->spec->namespace
                                  ? memory_format("%s/%s", live->spec->namespace, live->spec->name)
                                  : memory_copy_text(live->spec->name);
        live->context = (struct source_context){
                .name = live->spec->name,
                .namespace = live->spec->namespace,
                .base = live->spec->base,
                .clock = &live->clock,
                .reactor = live->setup->reactor,
                .http = live->setup->http,
                .shared = live->setup->shared,
                .log = live->setup->log,
        };
        if (!check_sources(live, err) || !check_calls(live, err))
                return false;
        live_recall_pause(live);
        return true;
}

/* ---- the graph, as the engine knows it ---- */

static bool ask_for_graph(const struct live *live, const struct spec_source *source, json_t **ret_graph,
                          struct error *err)
{
        struct source_context context = live->context;
        void *state = NULL;
        bool done;

        context.pipeline = NULL;
        if (!source->collector->open(&context, source->options, &state, err))
                return false;
        done = source->collector->discover(state, ret_graph, err);
        source->collector->close(state);
        return done;
}

/* The spec is read again with the graph as if it had been written. */
static bool take_graph(struct live *live, json_t *graph, struct error *err)
{
        autotext text = {0};
        struct spec *spec;
        char **slot = &live->overrides[live->n_overrides];

        if (live->spec->has_slots)
                json_object_set_new(graph, "slotsPerWorker",
                                    json_integer(live->spec->pipeline.slots_per_worker));
        text_put(&text, "spec.pipeline=");
        json_put(graph, 0, &text);
        free(*slot);
        *slot = text_take(&text);
        if (!source_spec(&live->source, (const char *const *)live->overrides, &spec, err))
                return error_wrap(err, "with the graph that the engine told");
        spec_free(live->spec);
        live->spec = spec;
        live->context.name = spec->name;
        live->context.namespace = spec->namespace;
        live->context.base = spec->base;
        return true;
}

static bool discover(struct live *live, struct error *err)
{
        for (size_t i = 0; i < live->spec->n_sources && !live->spec->has_graph; i++) {
                const struct spec_source *source = &live->spec->sources[i];
                autojson *graph = NULL;

                if (!source->collector->discover)
                        continue;
                if (!ask_for_graph(live, source, &graph, err) || !take_graph(live, graph, err))
                        return error_wrap(err, "%s", source->collector->name);
        }
        return true;
}

/* ---- opening ---- */

static bool open_strategy(struct live *live, struct error *err)
{
        const struct spec_strategy *chosen = strategy_of(live);
        const struct strategy_context context = {
                .pipeline = &live->spec->pipeline,
                .constraints = &live->spec->constraints,
                .prices = live->prices,
                .model = live->spec->has_model ? &live->spec->model : NULL,
                .start_ms = clock_now_ms(&live->clock),
        };

        return chosen->strategy->open(&context, chosen->options, &live->strategy_state, err) ||
               error_wrap(err, "strategy %s", chosen->strategy->name);
}

static bool open_journal(struct live *live, struct error *err)
{
        const struct spec_strategy *chosen = strategy_of(live);
        json_t *settings;
        struct ledger_subject subject = {
                .namespace = live->spec->namespace,
                .pipeline = &live->spec->pipeline,
                .prices = live->prices,
        };
        bool done;

        if (!live->setup->ledger)
                return true;
        settings = json_pack("{s:s, s:o}", "strategy", chosen->strategy->name, "options",
                             chosen->strategy->options
                                     ? option_to_json(chosen->strategy->options, chosen->options)
                                     : json_null());
        subject.settings = settings;
        done = ledger_journal(live->setup->ledger, &subject, &live->journal, err);
        json_decref(settings);
        return done;
}

static bool see(const struct live *live, struct observation *seen, struct error *err)
{
        if (!gather_collector.collect(live->gather, seen, err))
                return false;
        for (int i = 0; i < seen->configuration.count; i++)
                if (isnan(seen->configuration.value[i]))
                        return error_set(err, ERROR_INCOMPLETE, NULL,
                                         "nothing says what knob %s is set to now",
                                         live->spec->pipeline.knobs[i].name);
        return true;
}

/* Stopped on the way to another size, by somebody who perhaps died since: it cannot be measured, and runs
 * again when the action that the ledger knows of is finished or taken back. */
static bool stands_still(const struct live *live)
{
        struct configuration told = {.count = live->spec->pipeline.n_knobs};
        struct error ignored = ERROR_INIT;
        bool still = false;

        for (int i = 0; i < told.count; i++)
                told.value[i] = NAN;
        if (!live->setup->ledger || !target_actuator.read(live->target, &told, &ignored))
                return false;
        for (int i = 0; i < told.count; i++)
                still |= told.value[i] == 0;
        return still;
}

/* What runs now: the baseline where the spec says Current. */
static bool look(struct live *live, struct configuration *ret_baseline, struct error *err)
{
        autofree struct observation *seen = memory_new(1, sizeof *seen);
        bool was_seen = see(live, seen, err);

        if (!was_seen && !stands_still(live))
                return false;
        *ret_baseline = configuration_from_values(&live->spec->pipeline, live->spec->baseline);
        if (live->spec->baseline_is_current)
                *ret_baseline = was_seen ? seen->configuration : (struct configuration){0};
        live->periodic = was_seen && seen->run.periodic;
        if (!was_seen)
                error_clear(err);
        return true;
}

/* The baseline stays what ran when optctl first saw the pipeline, over restarts, too. */
static bool recall_baseline(const struct live *live, struct configuration *baseline, struct error *err)
{
        autofree struct journal_standing *standing = memory_new(1, sizeof *standing);

        if (!live->spec->baseline_is_current || !live->setup->ledger)
                return true;
        if (!live->journal.standing(live->journal.context, standing, err))
                return false;
        if (standing->first.count > 0)
                *baseline = standing->first;
        return baseline->count > 0 || error_set(err, ERROR_UNAVAILABLE, "StandsStill",
                                                "it stands still, and nothing is known of what ran before");
}

/* ---- recording ---- */

static bool open_recorder(struct live *live, struct error *err)
{
        const struct fleet_setup *setup = live->setup;
        autofree char *folder = NULL;

        if (!setup->record)
                return true;
        if (setup->record_by_name && mkdir(setup->record, 0777) != 0 && errno != EEXIST)
                return text_read_error(setup->record, errno, err);
        folder = setup->record_by_name ? memory_format("%s/%s", setup->record, live->spec->name)
                                       : memory_copy_text(setup->record);
        return recorder_open(folder, live->spec, &live->recorder, err);
}

/* What cannot be recorded is no reason to stop steering. */
static bool collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct live *live = state;
        struct error failure = ERROR_INIT;
        int64_t now_ms = clock_now_ms(&live->clock);
        bool done = gather_collector.collect(live->gather, ret_observation, err);

        if (!live->recorder || (!done && err->code == ERROR_INTERRUPTED))
                return done;
        if (!done)
                observation_clear(ret_observation, now_ms, live_interval_ms(live),
                                  live->spec->pipeline.n_operators);
        free(live->record_trouble);
        live->record_trouble = NULL;
        if (!recorder_observe(live->recorder, ret_observation, &failure)) {
                live->record_trouble = memory_copy_text(failure.message);
                log_warning(live->setup->log, "nothing was recorded", LOG_TEXT("pipeline", live_name(live)),
                            LOG_TEXT("reason", failure.message));
        }
        return done;
}

static const struct collector live_collector = {.name = "live", .collect = collect};

/* ---- the loop ---- */

static void open_loop(struct live *live, const struct configuration *baseline)
{
        const struct spec *spec = live->spec;
        const struct spec_strategy *chosen = strategy_of(live);
        const struct loop_setup setup = {
                .pipeline = &spec->pipeline,
                .constraints = &spec->constraints,
                .prices = live->prices,
                .clock = &live->clock,
                .collector = &live_collector,
                .collector_state = live,
                .actuator = &fenced_actuator,
                .actuator_state = &live->fenced,
                .strategy = chosen->strategy,
                .strategy_state = live->strategy_state,
                .interval_ms = live_interval_ms(live),
                .guardrails = spec->guardrails,
                .n_guardrails = spec->n_guardrails,
                .journal = live->setup->ledger ? &live->journal : NULL,
                .mode = live_mode(live),
                .pause_reason = live->pause_reason,
                .baseline = baseline,
                .log = live->setup->log,
        };

        live->fenced.actuator = &target_actuator;
        live->fenced.state = live->target;
        live->loop = loop_new(&setup);
}

static bool open_parts(struct live *live, struct error *err)
{
        struct configuration baseline;

        if (!discover(live, err))
                return false;
        live->context.pipeline = &live->spec->pipeline;
        if (!spec_price_book(live->spec, &live->prices, err) ||
            !gather_open(&live->context, live->spec, &live->gather, err) ||
            !target_open(&live->context, live->spec, &live->target, err) || !look(live, &baseline, err) ||
            !open_strategy(live, err) || !open_journal(live, err) || !recall_baseline(live, &baseline, err) ||
            !open_recorder(live, err))
                return false;
        open_loop(live, &baseline);
        /* A recording's spec is written from it. */
        if (!live->recorder)
                spec_forget_unused(live->spec);
        return true;
}

bool live_open(struct live *live, struct error *err)
{
        if (open_parts(live, err))
                return true;
        close_parts(live);
        free(live->trouble);
        live->trouble = memory_copy_text(err->message);
        live->trouble_code = err->code;
        memcpy(live->trouble_reason, err->reason, sizeof live->trouble_reason);
        return false;
}

bool live_is_open(const struct live *live)
{
        return live->loop != NULL;
}

bool live_needs_no_window(const struct live *live)
{
        return live->loop && live->periodic;
}

const char *live_name(const struct live *live)
{
        return live->spec->name;
}

const char *live_namespace(const struct live *live)
{
        return live->spec->namespace;
}

int64_t live_interval_ms(const struct live *live)
{
        const struct spec_strategy *chosen = strategy_of(live);

        return live->setup->interval_ms > 0 ? live->setup->interval_ms
                                            : chosen->strategy->interval_ms(chosen->options);
}

bool live_is_unsure(const struct live *live)
{
        return live->unsure;
}

enum spec_mode live_mode(const struct live *live)
{
        if (live->setup->observe_only)
                return SPEC_OBSERVE;
        return live->setup->dry_run && live->spec->mode == SPEC_AUTO ? SPEC_RECOMMEND : live->spec->mode;
}

struct loop *live_loop(struct live *live)
{
        if (live->resting) {
                loop_wake(live->loop, live->resting);
                free(live->resting);
                live->resting = NULL;
        }
        return live->loop;
}

void live_rest(struct live *live)
{
        if (live->loop && !live->resting)
                live->resting = loop_rest(live->loop);
}

const struct spec *live_spec(const struct live *live)
{
        return live->spec;
}

const char *live_currency(const struct live *live)
{
        return price_book_currency(live->prices);
}

const char *live_conflict(const struct live *live)
{
        return live->fenced.conflict;
}

const char *live_trouble(const struct live *live)
{
        return live->trouble ? live->trouble : "";
}

const char *live_trouble_reason(const struct live *live)
{
        return live->trouble_reason;
}

const char *live_record_trouble(const struct live *live)
{
        return live->record_trouble;
}

bool live_is_refused(const struct live *live)
{
        enum error_code code = live->trouble_code;

        return !live->loop && (code == ERROR_REFUSED || code == ERROR_NOT_FOUND || code == ERROR_INPUT);
}

bool live_is_unreachable(const struct live *live)
{
        const struct loop *loop = live->loop;

        return loop ? loop_status(loop)->turns > 0 && loop_observation(loop)->missing & MISSING_ALL
                    : live->trouble_code != ERROR_NONE;
}

/* ---- orders ---- */

const char *live_pause_reason(const struct live *live)
{
        return *live->pause_reason ? live->pause_reason : NULL;
}

/* Empty words resume. */
static bool set_paused(struct live *live, const char *words, struct error *err)
{
        snprintf(live->pause_reason, sizeof live->pause_reason, "%s", words);
        log_info(live->setup->log, *words ? "paused" : "resumed", LOG_TEXT("pipeline", live_name(live)),
                 LOG_TEXT("reason", words));
        return open_name_journal(live, err) &&
               loop_write_pause(&live->journal, &live->clock, live->pause_reason, err);
}

bool live_pause(struct live *live, const char *reason, struct error *err)
{
        char words[JOURNAL_REASON_ROOM];

        if (live->loop)
                return loop_pause(live_loop(live), reason, err);
        loop_pause_words(reason, words);
        return set_paused(live, words, err);
}

bool live_resume(struct live *live, struct error *err)
{
        return live->loop ? loop_resume(live_loop(live), err) : set_paused(live, "", err);
}

bool live_rollback(struct live *live, int64_t decision_id, struct error *err)
{
        if (live->loop)
                return loop_rollback(live_loop(live), decision_id, err);
        return live_pause(live, "a rollback was ordered before it was reached", err) &&
               error_set(err, ERROR_UNAVAILABLE, "Starting",
                         "%s: is paused, and nothing was rolled back: it is not reached yet%s%s",
                         live_name(live), live->trouble ? ": " : "", live_trouble(live));
}

/* ---- turns ---- */

static void say_trouble(const struct live *live, const struct error *err)
{
        log_warning(live->setup->log, "the pipeline cannot be reached", LOG_TEXT("pipeline", live_name(live)),
                    LOG_TEXT("reason", err->message));
}

static void turn(struct live *live, int64_t due_ms)
{
        struct loop *loop = live_loop(live);
        const struct live_subject subject = {
                .pipeline = live->full_name,
                .mode = live_mode(live),
                .strategy = live->spec->strategy->name,
                .constraints = &live->spec->constraints,
                .prices = live->prices,
        };

        loop_turn(loop);
        live->unsure = loop_status(loop)->unsure;
        live_metrics_duration(live->setup->metrics, clock_now_ms(&live->clock) - due_ms,
                              !(loop_observation(loop)->missing & MISSING_ALL));
        live_metrics_turn(live->setup->metrics, &subject, loop, &live->counted);
}

void live_turn(struct live *live, int64_t due_ms)
{
        struct error err = ERROR_INIT;

        if (live->loop) {
                turn(live, due_ms);
                return;
        }
        if (live_open(live, &err))
                log_info(live->setup->log, "the pipeline is reached", LOG_TEXT("pipeline", live_name(live)));
        else
                say_trouble(live, &err);
        if (!live->loop)
                live_metrics_down(live->setup->metrics, live->full_name, live_pause_reason(live) != NULL);
}
