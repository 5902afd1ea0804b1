/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SPEC_H
#define OPTCTL_CORE_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/model.h"
#include "core/option.h"
#include "core/pipeline.h"
#include "core/plugin.h"
#include "core/prices.h"
#include "core/yaml.h"

/*
 * A TunedPipeline as read from a file: every section laid out by its option table, strategies and guardrails
 * with their options, and what follows from them (the pipeline's graph and knobs). Owns everything it points
 * to.
 */
enum spec_mode { SPEC_OBSERVE, SPEC_RECOMMEND, SPEC_AUTO };

/* spec.workload: the load offered to a simulated pipeline. All parts add up; then scale, shift and noise
 * apply. */
struct workload_options {
        char *file; /* recorded load, records/s */
        char *time_column, *value_column, *time_zone, *match;
        bool seconds_from_zero;
        bool counts;            /* values are records per step of the file, not records/s */
        double scale;           /* multiplies everything */
        double mean_per_second; /* rescales a recorded load to this mean; NAN: as recorded */
        int64_t shift_seconds;
        struct option_list synthetic; /* of struct synthetic_load */
        bool repeat;                  /* starts over when the recording is shorter than the simulation */
        double noise_cv;
        int64_t outage_start_seconds, outage_seconds; /* the source is silent, then replays what it missed */
        double outage_replay_ratio; /* at this multiple of the ordinary load; 0: no replay */
};

enum synthetic_shape {
        LOAD_CONSTANT,
        LOAD_DAILY,
        LOAD_WEEKLY,
        LOAD_TREND,
        LOAD_BURSTS,
        LOAD_FLASH_CROWD,
        LOAD_SINE
};

struct synthetic_load {
        int shape;                /* enum synthetic_shape */
        double base_per_second;   /* lowest rate of the shape, or its start (Trend) */
        double peak_per_second;   /* highest rate of the shape, or its end (Trend) */
        double peak_hour;         /* local time of the daily peak, 0..24 */
        double weekend_ratio;     /* Weekly: load of Saturday and Sunday over that of weekdays */
        int64_t period_seconds;   /* Sine */
        int64_t start_seconds;    /* FlashCrowd: from the start of the simulation */
        int64_t duration_seconds; /* FlashCrowd, Bursts: length of the (mean) burst */
        double per_day;           /* Bursts: how many, a Poisson process */
};

/* spec.simulation */
struct simulation_options {
        int64_t start_ms; /* OPTION_TIME; INT64_MIN: the start of the recorded load, else 2026-01-05T00:00:00Z
                           */
        int64_t duration_seconds; /* 0: the length of the recorded load, else 7 days */
        int64_t step_milliseconds;
        int64_t runs, seed;
        int64_t warmup_seconds;        /* left out of the figures */
        struct option_list strategies; /* of char *; empty: all */
};

/* spec.recordings[]: measured runs for calibrate and backtest. */
struct recording_series {
        char *metric; /* offered, throughput, latency, cpu, workers, backlog, parallelism.OPERATOR,
                         busy.OPERATOR, rescales */
        char *file;
        char *time_column, *value_column, *time_zone, *match;
        bool seconds_from_zero;
        double scale; /* to records/s, seconds, ratio, workers */
};

struct recording_options {
        char *name;
        struct option_list series;        /* of struct recording_series */
        char *strategy;                   /* what ran: a strategy's name; NULL: static */
        struct yaml_node *options;        /* its options, OPTION_FREE */
        int64_t turn_ms;                  /* it took a turn then; INT64_MIN: not known */
        struct option_list configuration; /* of struct configuration_entry: what ran at the start */
        char *workload_file;              /* offered load when it was not measured in the run */
        double workload_scale;
        int64_t skip_seconds; /* start-up of the experiment, left out */
};

struct configuration_entry {
        char *knob;          /* "workers", "parallelism" */
        char *operator_name; /* NULL: all */
        double value;
};

/* spec.backtest */
struct backtest_options {
        struct option_list fit;     /* of char *: names of recordings */
        struct option_list predict; /* of char *; empty: all others */
        char *baseline;             /* recording that savings are counted against; NULL: none */
        int64_t window_seconds;     /* of the windows whose coverage is counted */
        int64_t runs, seed;
        double interval_percent; /* 90 */
};

struct spec_strategy {
        const struct strategy *strategy;
        void *options;
};

/* An engine, broker or server of metrics that the spec names. */
struct spec_source {
        const struct collector *collector;
        const struct actuator *actuator; /* of the same name; NULL when nothing can be set there */
        void *options;
};

struct spec_guardrail {
        const struct guardrail *guardrail;
        void *options;
};

struct spec {
        char *path, *base; /* file it came from; folder that its file names are relative to */
        char *name, *namespace;
        enum spec_mode mode;
        struct pipeline pipeline;
        bool has_graph; /* operators were written; live, the engine is asked for them otherwise */
        bool has_slots; /* so were slots per worker, which count for more than what the engine says */
        /* The spec names operators of a graph that only the engine knows: until it was asked, one operator
         * "pipeline" stands for them, and what names them is not looked at. */
        bool lacks_graph;
        struct constraints constraints;
        bool has_model;
        struct model model;
        void *prices;     /* object of prices_table */
        char *price_book; /* the PriceBook that has them instead: an object of a cluster; NULL: none is named
                           */
        struct workload_options workload;
        struct simulation_options simulation;
        struct option_list recordings; /* of struct recording_options */
        struct backtest_options backtest;
        const struct strategy *strategy; /* the one that runs live: `plan` unless the spec says otherwise;
                                            NULL when the registry has none */
        size_t n_sources;
        struct spec_source *sources; /* engine, broker, metrics: what an earlier one knows counts first */
        size_t n_strategies;
        struct spec_strategy *strategies; /* every registered strategy, with its options or their defaults */
        size_t n_guardrails;
        struct spec_guardrail *guardrails;
        /* Configurations, as values by knob (configuration_from_values): */
        double *initial;          /* spec.initial: where a simulation starts; the knobs' maxima without it */
        double *baseline;         /* spec.baseline; `initial` without it */
        bool baseline_is_current; /* Current: live, what ran when optctl first saw the pipeline */
        const struct strategy
                *baseline_strategy;     /* or the policy that savings are counted against; else `static` */
        void *baseline_options;         /* of baseline_strategy */
        struct yaml_document *document; /* as it was written; NULL once it was forgotten */
};

/* The whole layout, for explain, schema and reference; sections of strategies and guardrails come from the
 * registry. Made once for each registry and kept until the program ends. */
const struct option_table *spec_table(const struct registry *registry);

/*
 * `overrides`: "PATH=VALUE" of --set, NULL-ended, may be NULL. `data` may be NULL (files relative to the
 * spec). Errors are ERROR_INPUT and name the place. `registry` and its lists may be NULL: names of strategies
 * and options of strategies and guardrails are then not checked.
 */
bool spec_read(const char *path, const char *data, const char *const *overrides,
               const struct registry *registry, struct spec **ret_spec, struct error *err);
bool spec_parse(const char *text, size_t length, const char *path, const char *data,
                const char *const *overrides, const struct registry *registry, struct spec **ret_spec,
                struct error *err);

/* A TunedPipeline as the Kubernetes API delivers it, status and managed fields included. Errors name the
 * object and the path: "TunedPipeline analytics/orders spec.knobs[0].max: ...". `data` is the folder that
 * file names start from. */
bool spec_read_object(const json_t *object, const char *data, const struct registry *registry,
                      struct spec **ret_spec, struct error *err);
/* The same of its text, with `overrides` as above. `name` is for messages: "TunedPipeline analytics/orders".
 */
bool spec_parse_object(const char *text, size_t length, const char *name, const char *data,
                       const char *const *overrides, const struct registry *registry, struct spec **ret_spec,
                       struct error *err);
void spec_free(struct spec *spec);
DEFINE_CLEANUP(spec_free, struct spec);

/* For who holds many specs, of pipelines that run: forgets what was written, and the options of all
 * strategies but the one that runs. */
void spec_forget_unused(struct spec *spec);

/* The prices that it was written with. ERROR_INPUT where it names a PriceBook instead: only the operator has
 * that, and gives it what runs as if it had been written there. */
bool spec_has_prices(const struct spec *spec, struct error *err);
bool spec_price_book(const struct spec *spec, struct price_book **ret_book, struct error *err);

const struct spec_strategy *spec_find_strategy(const struct spec *spec, const char *name);

#endif
