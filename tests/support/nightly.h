/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_NIGHTLY_H
#define OPTCTL_TESTS_SUPPORT_NIGHTLY_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>

#include "controller/loop/loop.h"
#include "controller/registry.h"
#include "core/ledger/ledger.h"
#include "core/random.h"
#include "core/spec.h"

/*
 * A job that runs every night, under the whole loop, in virtual time. How long a run takes has the form that
 * Ernest found of analytics jobs (Venkataraman et al., NSDI 2016, equation 1): fixed + work / executors +
 * log executors + per executor; too little memory for its share of the data makes an executor spill, and much
 * too little kills it. So the best setting is known: all of them are looked at.
 */
#define NIGHTLY_TURN_MS ((int64_t)MS_PER_HOUR)
#define NIGHTLY_DAY_MS  ((int64_t)MS_PER_DAY)
#define GIBIBYTE        1073741824.0

#define NIGHTLY_FIXED_SECONDS  120.0
#define NIGHTLY_WORK_SECONDS   60000.0
#define NIGHTLY_LOG_SECONDS    30.0
#define NIGHTLY_WORKER_SECONDS 4.0
#define NIGHTLY_DATA_GIBIBYTES 120.0 /* that the executors share */
#define NIGHTLY_SPILL          0.8   /* longer by so much for each time the data does not fit once more */
#define NIGHTLY_KILLED_SECONDS 600.0
#define NIGHTLY_CORES          4 /* of an executor */
#define NIGHTLY_DEADLINE       3600.0
#define NIGHTLY_MISSED         8

static const char nightly_spec[] =
        "apiVersion: optctl.dev/v1alpha1\n"
        "kind: TunedPipeline\n"
        "metadata: {name: nightly}\n"
        "spec:\n"
        "  mode: Auto\n"
        "  pipeline: {operators: [{name: job, source: true}]}\n"
        "  knobs:\n"
        "  - {name: workers, min: 2, max: 40}\n"
        "  - {name: memory, min: 1Gi, max: 16Gi, step: 1Gi}\n"
        "  initial: {workers: 36, memory: 16Gi}\n"
        "  constraints: {runSeconds: 3600}\n"
        "  prices: {currency: USD, resources: {perCoreHour: \"0.04\", perGibibyteHour: \"0.005\"}}\n"
        "  strategy: bayes\n"
        "  strategies: {bayes: {intervalSeconds: 3600}}\n";

struct nightly_run {
        struct run_observation seen;
        double data; /* over the first nights' */
};

struct nightly {
        struct spec *spec;
        struct price_book *prices;
        struct configuration target; /* what the next run will have */
        double data;                 /* of every night, over the first ones' */
        const double *week;          /* by day, Monday first: of a night over `data`; NULL: always as much */
        double data_sd;              /* of the log of a night's data, beside */
        bool tells_input;
        double noise_sd; /* of the log of how long a run takes */
        gsl_rng *random;
        int64_t now_ms, next_run_ms;
        bool running;
        struct nightly_run run, newest;                /* under way; ended last, ended_ms 0: none has */
        struct run_observation missed[NIGHTLY_MISSED]; /* ended while no optctl looked; all but the newest */
        int n_missed, told;                            /* of those */
        int runs, failed, late;
        int applies;
        char path[80];
        struct ledger *ledger;
        struct journal journal;
        struct clock clock;
        struct configuration baseline;
        void *strategy_state;
        struct loop *loop;
        enum spec_mode mode;
};

static inline void nightly_must(bool done, const struct error *err)
{
        if (!done)
                fail_msg("%s", err->message);
}

/* ---- the job ---- */

static inline double nightly_seconds(double data, double workers, double bytes)
{
        double share = data * NIGHTLY_DATA_GIBIBYTES / workers, fits = bytes / GIBIBYTE;
        double seconds = NIGHTLY_FIXED_SECONDS + data * NIGHTLY_WORK_SECONDS / workers +
                         NIGHTLY_LOG_SECONDS * log(workers) + NIGHTLY_WORKER_SECONDS * workers;

        return seconds * (1 + NIGHTLY_SPILL * fmax(share / fits - 1, 0));
}

static inline bool nightly_kills(double data, double workers, double bytes)
{
        return data * NIGHTLY_DATA_GIBIBYTES / workers > 3 * bytes / GIBIBYTE;
}

static inline double nightly_cost(double seconds, double workers, double bytes)
{
        return seconds / 3600 * workers * (NIGHTLY_CORES * 0.04 + bytes / GIBIBYTE * 0.005);
}

/* USD of a run with these values and so much data; INFINITY when it is not to be had. */
static inline double nightly_money_of(double data, const double *values)
{
        double seconds = nightly_seconds(data, values[0], values[1]);

        if (seconds > NIGHTLY_DEADLINE || nightly_kills(data, values[0], values[1]))
                return INFINITY;
        return nightly_cost(seconds, values[0], values[1]);
}

static inline double nightly_money(const struct nightly *nightly, const double *values)
{
        return nightly_money_of(nightly->data, values);
}

static inline double nightly_least_of(double data)
{
        double least = INFINITY;

        for (int workers = 2; workers <= 40; workers++)
                for (int memory = 1; memory <= 16; memory++)
                        least = fmin(least, nightly_money_of(data, (double[]){workers, memory * GIBIBYTE}));
        return least;
}

static inline double nightly_least(const struct nightly *nightly)
{
        return nightly_least_of(nightly->data);
}

/* Of the night that an instant is in: 1970 began on a Thursday. */
static inline double nightly_data_at(const struct nightly *nightly, int64_t time_ms)
{
        return nightly->data * (nightly->week ? nightly->week[(time_ms / NIGHTLY_DAY_MS + 3) % 7] : 1);
}

static inline void nightly_begin_run(struct nightly *nightly)
{
        const double *values = nightly->target.value;
        double data = nightly_data_at(nightly, nightly->next_run_ms) *
                      (nightly->data_sd > 0 ? exp(gsl_ran_gaussian(nightly->random, nightly->data_sd)) : 1);
        bool killed = nightly_kills(data, values[0], values[1]);
        double noise = exp(gsl_ran_gaussian(nightly->random, nightly->noise_sd));
        double seconds =
                killed ? NIGHTLY_KILLED_SECONDS : noise * nightly_seconds(data, values[0], values[1]);

        nightly->run.seen = (struct run_observation){
                .periodic = true,
                .begun_ms = nightly->next_run_ms,
                .ended_ms = nightly->next_run_ms + (int64_t)(seconds * MS_PER_SECOND),
                .failed = killed,
                .worker_seconds = seconds * values[0],
                .core_seconds = seconds * values[0] * NIGHTLY_CORES,
                .byte_seconds = seconds * values[0] * values[1],
                .input_bytes = nightly->tells_input ? data * NIGHTLY_DATA_GIBIBYTES * GIBIBYTE : NAN,
                .configuration = nightly->target,
        };
        nightly->run.data = data;
        nightly->running = true;
        nightly->next_run_ms += NIGHTLY_DAY_MS;
}

/* Up to now; what is set now has been set since the last time. */
static inline void nightly_advance(struct nightly *nightly)
{
        if (!nightly->running && nightly->now_ms >= nightly->next_run_ms)
                nightly_begin_run(nightly);
        if (!nightly->running || nightly->now_ms < nightly->run.seen.ended_ms)
                return;
        nightly->running = false;
        nightly->newest = nightly->run;
        nightly->runs++;
        nightly->failed += nightly->run.seen.failed;
        nightly->late += (double)(nightly->run.seen.ended_ms - nightly->run.seen.begun_ms) / MS_PER_SECOND >
                         NIGHTLY_DEADLINE;
}

/* ---- what optctl sees of it ---- */

static inline bool nightly_collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct nightly *nightly = state;

        (void)err;
        nightly_advance(nightly);
        ret_observation->missing = MISSING_RATES | MISSING_BACKLOG;
        ret_observation->configuration = nightly->target;
        ret_observation->run.periodic = true;
        if (nightly->newest.seen.ended_ms > 0)
                ret_observation->run = nightly->newest.seen;
        if (nightly->told < nightly->n_missed) {
                ret_observation->run = nightly->missed[nightly->told++];
                ret_observation->run.more = true;
        }
        return true;
}

static inline bool nightly_apply(void *state, const struct configuration *from,
                                 const struct configuration *to, bool dry_run,
                                 const struct call_recorder *calls, struct error *err)
{
        struct nightly *nightly = state;
        int64_t id;

        (void)from;
        if (!calls->begin(calls->context, "PATCH nightly", &id, err))
                return false;
        if (dry_run)
                return true;
        nightly->target = *to;
        nightly->applies++;
        return calls->end(calls->context, id, true, "200", err);
}

static inline bool nightly_read(void *state, struct configuration *ret_configuration, struct error *err)
{
        const struct nightly *nightly = state;

        (void)err;
        *ret_configuration = nightly->target;
        return true;
}

static const struct collector nightly_collector = {.name = "nightly", .collect = nightly_collect};
static const struct actuator nightly_actuator = {.name = "nightly",
                                                 .apply = nightly_apply,
                                                 .read = nightly_read};

static inline int64_t nightly_now(void *context)
{
        return ((const struct nightly *)context)->now_ms;
}

/* ---- a process of optctl ---- */

static inline void nightly_start(struct nightly *nightly)
{
        const struct spec *spec = nightly->spec;
        const struct spec_strategy *bayes = spec_find_strategy(spec, "bayes");
        const struct strategy_context context = {.pipeline = &spec->pipeline,
                                                 .constraints = &spec->constraints,
                                                 .prices = nightly->prices,
                                                 .start_ms = nightly->now_ms};
        const struct ledger_options options = {.path = nightly->path, .clock = &nightly->clock};
        const struct ledger_subject subject = {.pipeline = &spec->pipeline, .prices = nightly->prices};
        const struct loop_setup setup = {.pipeline = &spec->pipeline,
                                         .constraints = &spec->constraints,
                                         .prices = nightly->prices,
                                         .clock = &nightly->clock,
                                         .collector = &nightly_collector,
                                         .collector_state = nightly,
                                         .actuator = &nightly_actuator,
                                         .actuator_state = nightly,
                                         .strategy = bayes->strategy,
                                         .interval_ms = bayes->strategy->interval_ms(bayes->options),
                                         .guardrails = spec->guardrails,
                                         .n_guardrails = spec->n_guardrails,
                                         .journal = &nightly->journal,
                                         .mode = nightly->mode,
                                         .baseline = &nightly->baseline};
        struct loop_setup with_state = setup;
        struct error err = ERROR_INIT;

        nightly_must(ledger_open(&options, &nightly->ledger, &err), &err);
        nightly_must(ledger_journal(nightly->ledger, &subject, &nightly->journal, &err), &err);
        nightly_must(bayes->strategy->open(&context, bayes->options, &nightly->strategy_state, &err), &err);
        with_state.strategy_state = nightly->strategy_state;
        nightly->loop = loop_new(&with_state);
}

static inline void nightly_stop(struct nightly *nightly)
{
        loop_free(nightly->loop);
        spec_find_strategy(nightly->spec, "bayes")->strategy->close(nightly->strategy_state);
        ledger_close(nightly->ledger);
}

/* `guardrails`: lines of spec, or "". */
static inline void nightly_open(struct nightly *nightly, const char *name, const char *more, uint64_t seed)
{
        autofree char *text = memory_format("%s%s", nightly_spec, more);
        struct error err = ERROR_INIT;

        *nightly = (struct nightly){.data = 1, .noise_sd = 0.02, .now_ms = INT64_C(1767225600000)}; /* 2026 */
        nightly_must(spec_parse(text, strlen(text), "nightly.yaml", NULL, NULL, registry_all(),
                                &nightly->spec, &err),
                     &err);
        nightly_must(spec_price_book(nightly->spec, &nightly->prices, &err), &err);
        nightly->mode = nightly->spec->mode;
        nightly->target = configuration_from_values(&nightly->spec->pipeline, nightly->spec->initial);
        nightly->baseline = nightly->target;
        nightly->random = random_new(seed, 0, 1);
        nightly->next_run_ms = nightly->now_ms + 2 * MS_PER_HOUR;
        nightly->clock = (struct clock){.now_ms = nightly_now, .context = nightly};
        snprintf(nightly->path, sizeof nightly->path, "%s/optctl-%s-%ld.db",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", name, (long)getpid());
        nightly_start(nightly);
}

static inline void nightly_close(struct nightly *nightly)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};

        for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
                autofree char *name = memory_format("%s%s", nightly->path, suffixes[i]);

                unlink(name);
        }
        price_book_free(nightly->prices);
        spec_free(nightly->spec);
        gsl_rng_free(nightly->random);
}

static inline void nightly_turn(struct nightly *nightly)
{
        nightly->now_ms += NIGHTLY_TURN_MS;
        loop_turn(nightly->loop);
}

/* Until so many more runs have ended, of which nobody takes a look. */
static inline void nightly_alone(struct nightly *nightly, int nights)
{
        for (int until = nightly->runs + nights; nightly->runs < until;) {
                int before = nightly->runs;

                nightly->now_ms += NIGHTLY_TURN_MS;
                nightly_advance(nightly);
                if (nightly->runs > before && nightly->runs < until)
                        nightly->missed[nightly->n_missed++] = nightly->newest.seen;
        }
}

/* Turns until so many more runs have ended. */
static inline void nightly_nights(struct nightly *nightly, int nights)
{
        int until = nightly->runs + nights;

        for (int turns = 0; nightly->runs < until; turns++) {
                if (turns > nights * 48)
                        fail_msg("%d runs after %d turns", nightly->runs, turns);
                nightly_turn(nightly);
        }
}

#endif
