/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A loop that is stopped and started again at every turn, on the simulated engine, decides the same as one
 * that ran through: all it goes by is in the ledger. Once with a strategy that remembers nothing, so that
 * whatever differs is the loop's, and once with `plan`.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/loop/loop.h"
#include "controller/registry.h"
#include "controller/study/variant.h"
#include "core/ledger/ledger.h"
#include "sim/engine.h"

#define SEEDS           200
#define PLAN_SEEDS      20
#define TURNS_OF_LEDGER 10 /* it is checked when it is opened, which takes long */

/* The last hours of a month, so that its budget binds, and the first one of the next. */
static const char spec_text[] =
        "apiVersion: optctl.dev/v1alpha1\n"
        "kind: TunedPipeline\n"
        "metadata: {name: small}\n"
        "spec:\n"
        "  pipeline: {operators: [{name: work, source: true}]}\n"
        "  knobs: [{name: workers, min: 1, max: 20}]\n"
        "  initial: {workers: 6}\n"
        "  baseline: {configuration: {workers: 12}}\n"
        "  constraints: {latencyP99Milliseconds: 5000, backlogSeconds: 60}\n"
        "  guardrails:\n"
        "    budget: {perMonth: 7, currency: USD}\n"
        "    holdAfterFailureSeconds: 300\n"
        "    maxChangesPerDay: 12\n"
        "    cooldownUpSeconds: 120\n"
        "    cooldownDownSeconds: 600\n"
        "  prices: {currency: USD, worker: {perHour: \"1\"}}\n"
        "  model:\n"
        "    operators: [{name: work, ratePerSecond: \"100\", sigma: \"0\"}]\n"
        "    failures: {everySeconds: 5000, medianSeconds: 20}\n"
        "  workload:\n"
        "    synthetic:\n"
        "    - {shape: Constant, basePerSecond: \"250\"}\n"
        "    - {shape: Bursts, peakPerSecond: \"400\", perDay: 40, durationSeconds: 1200}\n"
        "    noiseVariation: \"0.1\"\n"
        "  simulation: {start: \"2026-01-31T22:50:00Z\", durationSeconds: 4800, strategies: [static]}\n";

/* ---- a strategy without memory ---- */

#define RATE_PER_SECOND 100 /* of a worker, as the model says */
#define WINDOW_MS       60000

/* Of some sizes it expects much more than they can do: those are taken back. */
static double promise(int workers)
{
        return workers * RATE_PER_SECOND * (workers % 4 == 2 ? 1.8 : 1.0);
}

static bool propose(void *state, const struct observation *observation, struct proposal *ret_proposal,
                    struct error *err)
{
        double load = observation->offered_per_second;
        double workers = isfinite(load) ? fmin(fmax(ceil(load / (0.7 * RATE_PER_SECOND)), 1), 20) : 1;
        bool holds = isnan(load) || workers == observation->configuration.value[0];

        (void)state;
        (void)err;
        *ret_proposal = (struct proposal){
                .kind = holds ? PROPOSAL_HOLD : PROPOSAL_CHANGE,
                .strategy = "forgetful",
                .configuration = observation->configuration,
                .expected_saving = NAN,
                .prediction = {.present = true,
                               .capacity_mean = promise((int)workers),
                               .capacity_sd = 5,
                               .latency_p99_mean = NAN,
                               .latency_p99_sd = NAN,
                               .cost_per_hour_mean = NAN,
                               .cost_per_hour_sd = NAN,
                               .settle_ms = WINDOW_MS},
        };
        if (holds)
                snprintf(ret_proposal->reason, sizeof ret_proposal->reason, "it is enough");
        else
                snprintf(ret_proposal->reason, sizeof ret_proposal->reason, "%.1f records/s arrive", load);
        if (!holds)
                ret_proposal->configuration.value[0] = workers;
        return true;
}

static bool open_nothing(const struct strategy_context *context, const void *options, void **ret_state,
                         struct error *err)
{
        (void)context;
        (void)options;
        (void)err;
        *ret_state = NULL;
        return true;
}

static void close_nothing(void *state)
{
        (void)state;
}

static const struct strategy forgetful = {.name = "forgetful",
                                          .open = open_nothing,
                                          .propose = propose,
                                          .close = close_nothing};

extern const struct strategy plan_strategy;

/* ---- one life ---- */

struct life {
        const struct variant *variant;
        const struct strategy *strategy;
        void *options, *strategy_state;
        char path[80];
        struct engine *engine;
        struct clock clock;
        struct ledger *ledger;
        struct journal journal;
        struct loop *loop;
};

static void must(bool done, const struct error *err)
{
        if (!done)
                fail_msg("%s", err->message);
}

/* With no memory but what the loop gives it. */
static void open_strategy(struct life *life)
{
        const struct spec *spec = life->variant->spec;
        const struct strategy_context context = {.pipeline = &spec->pipeline,
                                                 .constraints = &spec->constraints,
                                                 .prices = life->variant->prices,
                                                 .start_ms = clock_now_ms(&life->clock)};
        struct error err = ERROR_INIT;

        must(life->strategy->open(&context, life->options, &life->strategy_state, &err), &err);
}

static void start_loop(struct life *life, const struct spec *spec)
{
        const struct configuration baseline = configuration_from_values(&spec->pipeline, spec->baseline);
        const struct ledger_options options = {.path = life->path, .clock = &life->clock};
        const struct ledger_subject subject = {.pipeline = &spec->pipeline, .prices = life->variant->prices};
        const struct loop_setup setup = {
                .pipeline = &spec->pipeline,
                .constraints = &spec->constraints,
                .prices = life->variant->prices,
                .clock = &life->clock,
                .collector = &engine_collector,
                .collector_state = life->engine,
                .actuator = &engine_actuator,
                .actuator_state = life->engine,
                .strategy = life->strategy,
                .strategy_state = life->strategy_state,
                .interval_ms = WINDOW_MS,
                .guardrails = spec->guardrails,
                .n_guardrails = spec->n_guardrails,
                .journal = &life->journal,
                .mode = SPEC_AUTO,
                .baseline = &baseline,
        };
        struct error err = ERROR_INIT;

        if (!life->ledger) {
                must(ledger_open(&options, &life->ledger, &err), &err);
                must(ledger_journal(life->ledger, &subject, &life->journal, &err), &err);
        }
        life->loop = loop_new(&setup);
}

static void start(struct life *life)
{
        const struct spec *spec = life->variant->spec;

        open_strategy(life);
        start_loop(life, spec);
}

static void stop(struct life *life, bool with_ledger)
{
        loop_free(life->loop);
        life->loop = NULL;
        life->strategy->close(life->strategy_state);
        if (!with_ledger)
                return;
        ledger_close(life->ledger);
        life->ledger = NULL;
}

static void forget_file(const char *path)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};

        for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
                autofree char *name = memory_format("%s%s", path, suffixes[i]);

                unlink(name);
        }
}

struct memoirs {
        json_t *decisions;
        struct saving saving;
};

/* Lives through the load of a seed; dies after every `turns_until_death` turns. */
static void live(const struct variant *variant, const struct strategy *strategy, uint64_t seed,
                 int turns_until_death, struct memoirs *ret_memoirs)
{
        autocall(workload_run_free) struct workload_run *load = workload_run_new(variant->workload, seed);
        const struct engine_setup setup = {
                .pipeline = &variant->spec->pipeline,
                .model = &variant->model,
                .prices = variant->prices,
                .constraints = &variant->spec->constraints,
                .load = &load->load,
                .start_ms = workload_start_ms(variant->workload),
                .step_ms = 1000,
                .initial = configuration_from_values(&variant->spec->pipeline, variant->spec->initial),
                .seed = seed,
        };
        struct life life = {.variant = variant, .strategy = strategy, .engine = engine_new(&setup)};
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;

        engine_set_faults(life.engine, &(struct engine_faults){.missing_ratio = 0.03});
        life.clock = engine_clock(life.engine);
        snprintf(life.path, sizeof life.path, "%s/optctl-restart-%ld.db",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".", (long)getpid());
        if (strategy->options)
                must(option_new(strategy->options, NULL, &life.options, &err), &err);
        start(&life);
        for (int turn = 1; clock_sleep_until(&life.clock, clock_now_ms(&life.clock) + WINDOW_MS, &err);
             turn++) {
                loop_turn(life.loop);
                if (turn % turns_until_death == 0) {
                        stop(&life, turn % TURNS_OF_LEDGER == 0);
                        start(&life);
                }
        }
        error_clear(&err);
        loop_saving(life.loop, 0.9, &ret_memoirs->saving);
        stop(&life, true);
        must(ledger_reader_open(life.path, &reader, &err), &err);
        must(ledger_history(reader, INT64_MIN, 10000, &ret_memoirs->decisions, &err), &err);
        forget_file(life.path);
        if (strategy->options)
                option_delete(strategy->options, life.options);
        engine_free(life.engine);
}

/* ---- two lives ---- */

struct tally {
        int refused_by_budget, reverted, confirmed, others;
};

static void count(const json_t *decisions, struct tally *tally)
{
        json_t *row;
        size_t index;

        json_array_foreach(decisions, index, row)
        {
                const char *reason = json_string_value(json_object_get(row, "reason"));
                const char *outcome = json_string_value(json_object_get(row, "outcome"));

                tally->refused_by_budget += strncmp(reason, "budget:", 7) == 0;
                tally->others += strncmp(reason, "canary:", 7) == 0 || strncmp(reason, "cooldown:", 9) == 0 ||
                                 strncmp(reason, "changeBudget:", 13) == 0;
                tally->reverted += outcome && strcmp(outcome, "Reverted") == 0;
                tally->confirmed += outcome && strcmp(outcome, "Confirmed") == 0;
        }
}

static void fail_at_difference(const json_t *one, const json_t *other, uint64_t seed)
{
        size_t n_one = json_array_size(one), n_other = json_array_size(other);

        for (size_t i = 1; i <= n_one && i <= n_other; i++) {
                autofree char *a = json_dumps(json_array_get(one, n_one - i), 0);
                autofree char *b = json_dumps(json_array_get(other, n_other - i), 0);

                if (strcmp(a, b) != 0)
                        fail_msg("seed %llu, decision %zu:\n%s\n%s", (unsigned long long)seed, i, a, b);
        }
        if (n_one != n_other)
                fail_msg("seed %llu: %zu and %zu decisions", (unsigned long long)seed, n_one, n_other);
}

static void assert_near(double one, double other)
{
        if (!(isnan(one) && isnan(other)) && !(fabs(one - other) <= 1e-9 * fmax(1, fabs(one))))
                fail_msg("%.17g and %.17g", one, other);
}

static void compare(const struct variant *variant, const struct strategy *strategy, uint64_t seed,
                    struct tally *tally)
{
        struct memoirs through, again;

        live(variant, strategy, seed, 1000000, &through);
        live(variant, strategy, seed, 1, &again);
        fail_at_difference(through.decisions, again.decisions, seed);
        assert_near(through.saving.cost, again.saving.cost);
        assert_near(through.saving.baseline_cost, again.saving.baseline_cost);
        assert_near(through.saving.backlog_debt, again.saving.backlog_debt);
        assert_near(through.saving.slo_missed_seconds, again.saving.slo_missed_seconds);
        assert_near(through.saving.observed_seconds, again.saving.observed_seconds);
        count(through.decisions, tally);
        json_decref(through.decisions);
        json_decref(again.decisions);
}

static struct source spec_source_of(const char *text)
{
        return (struct source){.path = "small.yaml",
                               .registry = registry_all(),
                               .text = memory_copy_text(text),
                               .length = strlen(text)};
}

static void test_restarted_at_every_turn_it_decides_the_same(void **state)
{
        struct source source = spec_source_of(spec_text);
        autocall(variant_free) struct variant *variant = NULL;
        struct error err = ERROR_INIT;
        struct tally tally = {0};

        (void)state;
        must(variant_open(&source, NULL, -1, -1, &variant, &err), &err);
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                compare(variant, &forgetful, seed, &tally);
        print_message("%d confirmed, %d reverted; refused: %d by the budget, %d by canary, cooldown and "
                      "change budget\n",
                      tally.confirmed, tally.reverted, tally.refused_by_budget, tally.others);
        /* What a restart could forget has mattered. */
        assert_true(tally.confirmed > SEEDS && tally.reverted > SEEDS / 4);
        assert_true(tally.refused_by_budget > SEEDS / 4 && tally.others > SEEDS);
        source_close(&source);
}

/* `plan` learns load and capacity from what it sees: after each restart from the ledger. */
static void test_what_plan_learnt_is_learnt_again(void **state)
{
        struct source source = spec_source_of(spec_text);
        autocall(variant_free) struct variant *variant = NULL;
        struct error err = ERROR_INIT;
        struct tally tally = {0};

        (void)state;
        must(variant_open(&source, NULL, -1, -1, &variant, &err), &err);
        for (uint64_t seed = 1; seed <= PLAN_SEEDS; seed++)
                compare(variant, &plan_strategy, seed, &tally);
        print_message("%d confirmed, %d reverted\n", tally.confirmed, tally.reverted);
        assert_true(tally.confirmed >= PLAN_SEEDS / 2);
        source_close(&source);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_restarted_at_every_turn_it_decides_the_same),
                cmocka_unit_test(test_what_plan_learnt_is_learnt_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
