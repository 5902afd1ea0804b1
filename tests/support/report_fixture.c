/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/report_fixture.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

#define START_MS   1767571200000 /* 2026-01-05T00:00:00Z, a Monday */
#define STEP_S     420
#define N_POINTS   1440
#define RATE       7400.0 /* records/s a worker sustains */
#define N_SERIES   8
#define HOUR_S     3600.0
#define WORKER_USD 0.19 /* an hour */

/* Repeatable noise in [-1, 1] (splitmix64 of the two). */
static double noise(uint64_t stream, uint64_t at)
{
        uint64_t z = (stream * 1000003 + at + 1) * 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return (double)(z >> 11) / (double)(1ull << 52) - 1;
}

/* Quiet nights, busy evenings, a quieter weekend, one flash crowd on Thursday. */
static double offered_at(int i)
{
        double hours = i * STEP_S / HOUR_S;
        double wave = 0.5 - 0.5 * cos(2 * M_PI * (hours - 3.5) / 24);
        double evening = exp(-pow((fmod(hours, 24) - 20) / 1.8, 2));
        double weekend = hours >= 120 ? 0.72 : 1;
        double crowd = 46e3 * exp(-pow((hours - 86.2) / 0.7, 2));

        return (14e3 + (38e3 * wave + 26e3 * evening) * weekend + crowd) * (1 + 0.05 * noise(1, (uint64_t)i));
}

struct policy {
        const char *name, *summary;
        double headroom;  /* workers = demand x headroom / RATE */
        int lag_steps;    /* acts on the load of so many steps ago; negative: knows the future */
        double dead_band; /* changes only when wanted differs by this share */
        int downtime_s;   /* of each change */
        const char *option;
};

static const struct policy policies[] = {
        {"static", "Keeps the configuration that the spec gives.", 0, 0, 0, 0, "workers"},
        {"hpa", "Kubernetes HPA on CPU, with behaviour policies and stabilisation.", 1.75, 1, 0.10, 45,
         "targetPercent"},
        {"keda", "KEDA on consumer lag.", 1.35, 2, 0.05, 45, "lagThreshold"},
        {"ds2", "True rates and selectivities; one step to the needed parallelism.", 1.20, 1, 0.06, 45,
         "headroom"},
        {"flink", "The Flink Kubernetes operator's autoscaler.", 1.42, 1, 0.20, 45, "utilization.target"},
        {"vpa", "Kubernetes VPA: resizes memory and CPU from decayed histograms.", 1.9, 12, 0.3, 90,
         "percentile"},
        {"plan", "Receding horizon: the sequence of configurations with the least expected money.", 1.16, -2,
         0.09, 45, NULL},
        {"oracle", "Knows the load to come; the least that any strategy could have cost.", 1.06, -3, 0.12, 45,
         NULL},
};

struct run {
        double series[N_SERIES][N_POINTS];
        double cost, carbon, missed_minutes, worst_backlog, worst_delay, workers;
        double latencies[N_POINTS];
        int changes;
        json_t *list;
};

enum { OFFERED, THROUGHPUT, CAPACITY, WORKERS, BACKLOG, LATENCY, COST, CARBON };

static const char *const series_names[N_SERIES] = {"offered",       "throughput",
                                                   "capacity",      "workers",
                                                   "backlog",       "latency_p99",
                                                   "cost_per_hour", "carbon_grams_per_hour"};

static int wanted_workers(const struct policy *policy, int i)
{
        double load = 0;
        int from = i - policy->lag_steps;

        if (policy->headroom == 0)
                return 18;
        for (int k = 0; k < 3; k++) {
                int at = policy->lag_steps < 0 ? i + k : from - k;

                load = fmax(load, offered_at(at < 0 ? 0 : at));
        }
        return (int)fmax(2, ceil(load * policy->headroom / RATE));
}

static json_t *alternative(int workers, double penalty, const char *why_not)
{
        return json_pack("{s:o, s:f, s:f, s:f, s:b, s:s}", "configuration",
                         json_sprintf("%d worker%s", workers, workers == 1 ? "" : "s"), "compute_cost",
                         workers * WORKER_USD * 6, "change_cost", *why_not ? 0.04 : 0.02, "penalty_cost",
                         penalty, "feasible", penalty < 5, "why_not", why_not);
}

/* Whether the change was made, or refused. */
static bool note_change(struct run *run, const struct policy *policy, int i, int from, int to)
{
        static const char *const outcomes[] = {"Confirmed", "Confirmed", "Confirmed", "Reverted",
                                               "Confirmed", "Unknown",   "Confirmed", "Failed"};
        bool clipped = run->changes % 9 == 4;
        bool refused = run->changes % 17 == 11;
        json_t *change =
                json_pack("{s:I, s:o, s:o, s:o, s:s, s:[], s:s}", "time_ms",
                          (json_int_t)(START_MS + (int64_t)i * STEP_S * 1000), "from",
                          json_sprintf("%d workers", from), "to",
                          json_sprintf("%d workers", refused ? from : to), "reason",
                          json_sprintf("Load of %.1f k rec/s is expected within the hour; <%d> workers "
                                       "sustain %.1f k & hold "
                                       "p99 below 2 s at 95 %%, the change earns back its $ 0.02 in 11 min.",
                                       offered_at(i) / 1e3, to, to * RATE / 1e3),
                          "verdict",
                          refused   ? "Refused"
                          : clipped ? "Clipped"
                                    : "Allowed",
                          "findings", "outcome", refused ? "" : outcomes[run->changes % 8]);

        if (clipped || refused)
                json_array_append_new(json_object_get(change, "findings"),
                                      json_pack("{s:s, s:s}", "rule",
                                                refused ? "daily_changes" : "step_limit", "reason",
                                                refused ? "12 changes were made today; at most 12 a day"
                                                        : "wanted 9 workers more; at most 4 a step"));
        if (strcmp(policy->name, "plan") == 0)
                json_object_set_new(change, "alternatives",
                                    json_pack("[o, o, o, o]", alternative(to, 0.11, ""),
                                              alternative(to + 1, 0.06, "costs $ 0.93 more over the horizon"),
                                              alternative(from, 7.4,
                                                          "backlog would pass 60 s with probability 0.4"),
                                              alternative(to - 1, 2.9,
                                                          "p99 above 2 s is expected for 8 min")));
        json_array_append_new(run->list, change);
        run->changes++;
        return !refused;
}

static void step(struct run *run, const struct policy *policy, int i, int *workers, double *backlog)
{
        double offered = offered_at(i);
        int wanted = wanted_workers(policy, i);
        double up_s = STEP_S;
        double capacity, done, delay;

        if (*workers && fabs((double)wanted / *workers - 1) > policy->dead_band && wanted != *workers) {
                if (note_change(run, policy, i, *workers, wanted)) {
                        *workers = wanted;
                        up_s -= policy->downtime_s;
                }
        }
        *workers = *workers ? *workers : wanted;
        capacity = *workers * RATE * (1 - 0.004 * *workers) * (1 + 0.02 * noise(2, (uint64_t)i));
        done = fmin(capacity * up_s, offered * STEP_S + *backlog);
        *backlog = fmax(0, *backlog + offered * STEP_S - done);
        delay = *backlog / capacity;
        run->series[OFFERED][i] = offered;
        run->series[THROUGHPUT][i] = done / STEP_S;
        run->series[CAPACITY][i] = capacity * up_s / STEP_S;
        run->series[WORKERS][i] = *workers;
        run->series[BACKLOG][i] = *backlog;
        run->series[LATENCY][i] = 0.12 + 0.08 / fmax(0.03, 1 - offered / capacity) + delay;
        run->series[COST][i] = *workers * WORKER_USD;
        run->series[CARBON][i] =
                *workers * 11.0 * (1 + 0.4 * cos(2 * M_PI * (i * STEP_S / HOUR_S - 19) / 24));
}

static void account(struct run *run)
{
        for (int i = 0; i < N_POINTS; i++) {
                bool missed = run->series[LATENCY][i] > 2;

                run->cost += run->series[COST][i] * STEP_S / HOUR_S / 7;
                run->carbon += run->series[CARBON][i] * STEP_S / HOUR_S / 7;
                run->missed_minutes += missed ? STEP_S / 60.0 / 7 : 0;
                run->worst_backlog = fmax(run->worst_backlog, run->series[BACKLOG][i]);
                run->worst_delay = fmax(run->worst_delay, run->series[LATENCY][i]);
                run->workers += run->series[WORKERS][i] / N_POINTS;
        }
}

static void simulate(struct run *run, const struct policy *policy)
{
        int workers = 0;
        double backlog = 0;

        *run = (struct run){.list = json_array()};
        for (int i = 0; i < N_POINTS; i++)
                step(run, policy, i, &workers, &backlog);
        account(run);
}

static json_t *figure(double mean, double spread)
{
        return json_pack("{s:f, s:f, s:f}", "mean", mean, "low", mean * (1 - spread), "high",
                         mean * (1 + 1.3 * spread));
}

/* With a stretch that was not measured, as late or lost metrics leave. */
static json_t *numbers(const double *values)
{
        json_t *list = json_array();

        for (int i = 0; i < N_POINTS; i++)
                json_array_append_new(list, i >= 700 && i < 706 ? json_null() : json_real(values[i]));
        return list;
}

static json_t *timeline(const struct run *run)
{
        static const struct {
                const char *name;
                double share;
        } operators[] = {{"source", 0.5}, {"parse", 0.8}, {"sessionize", 1}, {"enrich", 0.9}, {"sink", 0.4}};
        json_t *parallelism = json_object();
        json_t *object = json_pack("{s:I, s:i}", "start_ms", (json_int_t)START_MS, "step_seconds", STEP_S);

        for (int s = 0; s < N_SERIES; s++)
                json_object_set_new(object, series_names[s], numbers(run->series[s]));
        for (size_t o = 0; o < ARRAY_LENGTH(operators); o++) {
                json_t *list = json_array();

                for (int i = 0; i < N_POINTS; i++)
                        json_array_append_new(list, json_integer((json_int_t)ceil(run->series[WORKERS][i] *
                                                                                  2 * operators[o].share)));
                json_object_set_new(parallelism, operators[o].name, list);
        }
        json_object_set_new(object, "parallelism", parallelism);
        return object;
}

static json_t *strategy(const struct policy *policy, const struct run *run, double baseline_cost)
{
        bool fixed = policy->headroom == 0;
        double spread = fixed ? 0 : 0.03;
        json_t *object = json_pack("{s:s, s:s, s:s}", "name", policy->name, "summary", policy->summary,
                                   "currency", "USD");
        const struct {
                const char *key;
                double mean, spread;
        } figures[] = {
                {"cost_per_day", run->cost, spread},
                {"saving_percent", 100 * (1 - run->cost / baseline_cost), spread},
                {"slo_missed_minutes_per_day", run->missed_minutes, 0.3},
                {"rescales_per_day", run->changes / 7.0, 0.1},
                {"workers_mean", run->workers, spread},
                {"latency_p50_seconds", 0.21, 0.05},
                {"latency_p95_seconds", 0.3 * sqrt(run->worst_delay), 0.1},
                {"latency_p99_seconds", 0.5 * sqrt(run->worst_delay), 0.2},
                {"backlog_peak_records", run->worst_backlog, 0.4},
                {"delay_peak_seconds", run->worst_delay, 0.4},
                {"throughput_per_second", 41200, 0.001},
                {"carbon_grams_per_day", run->carbon, spread},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(figures); i++)
                json_object_set_new(object, figures[i].key, figure(figures[i].mean, figures[i].spread));
        if (strcmp(policy->name, "vpa") == 0)
                json_object_set_new(object, "delay_peak_seconds", json_null());
        json_object_set_new(object, "timeline", timeline(run));
        json_object_set(object, "changes", run->list);
        return object;
}

/* Each comparator at five settings around its own. */
static void add_front(json_t *front, const struct policy *policy)
{
        static const double factors[] = {0.8, 0.9, 1, 1.15, 1.4};
        struct run *run = memory_new(1, sizeof *run);

        for (size_t i = 0; i < ARRAY_LENGTH(factors) && policy->option; i++) {
                struct policy swept = *policy;

                swept.headroom *= factors[i];
                simulate(run, &swept);
                json_array_append_new(front, json_pack("{s:s, s:s, s:f, s:f, s:f}", "strategy", policy->name,
                                                       "option", policy->option, "value", 80 / factors[i],
                                                       "cost_per_day", run->cost,
                                                       "slo_missed_minutes_per_day", run->missed_minutes));
                json_decref(run->list);
        }
        free(run);
}

static json_t *swept(json_t *strategies, double scale)
{
        json_t *list = json_array();
        json_t *one;
        size_t index;

        json_array_foreach(strategies, index, one)
        {
                json_t *copy = json_deep_copy(one);
                double cost =
                        json_number_value(json_object_get(json_object_get(one, "cost_per_day"), "mean"));

                json_object_set_new(copy, "cost_per_day", figure(cost * scale, 0.02));
                json_object_del(copy, "timeline");
                json_object_del(copy, "changes");
                json_array_append_new(list, copy);
        }
        return json_pack("{s:{s:o}, s:o}", "set", "spec.workload.scale", json_sprintf("%.1f", scale),
                         "strategies", list);
}

static json_t *without_timelines(json_t *backtest)
{
        json_object_del(backtest, "recordings");
        return backtest;
}

json_t *report_fixture_simulation(void)
{
        struct run *run = memory_new(1, sizeof *run);
        json_t *strategies = json_array();
        json_t *front = json_array();
        double baseline = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(policies); i++) {
                simulate(run, &policies[i]);
                baseline = baseline > 0 ? baseline : run->cost;
                json_array_append_new(strategies, strategy(&policies[i], run, baseline));
                json_decref(run->list);
                if (policies[i].headroom > 0)
                        add_front(front, &policies[i]);
        }
        free(run);
        return json_pack(
                "{s:s, s:s, s:s, s:i, s:i, s:s, s:i, s:s, s:s, s:{s:f, s:f}, s:i, s:{s:i, s:i, s:i}, "
                "s:o, s:o, s:[o, o], s:{s:s, s:s, s:o}}",
                "kind", "simulation", "version", "0.1.0", "pipeline", "clickstream</script><b>", "seed", 1,
                "runs", 20, "start", "2026-01-05T00:00:00Z", "duration_seconds", 604800, "currency", "USD",
                "baseline", "static", "load", "mean_per_second", 41200.0, "peak_per_second", 118000.0,
                "operators", 5, "constraints", "latency_p99_seconds", 2, "backlog_seconds", 60,
                "confidence_percent", 95, "strategies", strategies, "front", front, "sweep",
                swept(strategies, 0.5), swept(strategies, 2.0), "trust", "calibrated_at",
                "2025-12-19T10:02:00Z", "calibrated_from", "recorded/flink-autoscaler/fixed", "backtest",
                without_timelines(report_fixture_backtest()));
}

static json_t *band(double base, double wave, uint64_t stream, bool known)
{
        json_t *measured = json_array(), *predicted = json_array(), *low = json_array(), *high = json_array();

        for (int i = 0; i < N_POINTS / 2; i++) {
                double mean = base + wave * sin(i / 60.0) + wave * 0.3 * sin(i / 11.0);
                double noisy = mean + 0.25 * wave * noise(stream, (uint64_t)i);

                json_array_append_new(measured, known ? json_real(noisy) : json_null());
                json_array_append_new(predicted, json_real(mean));
                json_array_append_new(low, json_real(mean - 0.3 * wave));
                json_array_append_new(high, json_real(mean + 0.3 * wave));
        }
        return json_pack("{s:o, s:o, s:o, s:o}", "measured", measured, "predicted", predicted, "low", low,
                         "high", high);
}

static json_t *recording(const char *name, bool fitted, uint64_t stream)
{
        return json_pack("{s:s, s:b, s:s, s:i, s:{s:I, s:i, s:{s:o, s:o, s:o, s:o}}}", "name", name, "fitted",
                         fitted, "strategy", fitted ? "static" : "hpa", "rescales", fitted ? 0 : 5,
                         "timeline", "start_ms", (json_int_t)START_MS, "step_seconds", 60, "metrics",
                         "workers", band(14, 6, stream, true), "throughput",
                         band(41e3, 18e3, stream + 1, true), "latency", band(0.9, 0.4, stream + 2, true),
                         "backlog", band(8e4, 6e4, stream + 3, !fitted));
}

static json_t *parameters(void)
{
        return json_pack(
                "{s:[{s:s, s:f, s:f, s:s, s:b}, {s:s, s:f, s:f, s:s, s:b}, {s:s, s:n, s:n, s:s, s:b, s:s}]}",
                "parameters", "name", "operators.work.ratePerSecond", "value", 8123.4, "error", 31.0, "unit",
                "rec/s", "identified", true, "name", "operators.work.contention", "value", 0.0213, "error",
                0.0018, "unit", "", "identified", true, "name", "restart.downtimeSeconds", "value", "error",
                "unit", "s", "identified", false, "note", "no recording holds a restart");
}

json_t *report_fixture_backtest(void)
{
        static const struct {
                const char *metric, *unit;
                double measured, predicted, low, high;
        } rows[] = {
                {"workers_mean", "workers", 14.65, 14.81, 14.2, 15.4},
                {"cost_per_day", "USD/day", 66.8, 67.5, 64.9, 70.2},
                {"saving_percent", "%", 39.0, 38.3, 36.1, 40.6},
                {"throughput_per_second", "rec/s", 41180, 41090, 40900, 41300},
                {"latency_p50_seconds", "s", 0.61, 0.58, 0.5, 0.7},
                {"latency_p95_seconds", "s", 3.9, 4.4, 3.4, 5.8},
                {"latency_p99_seconds", "s", 10.3, 12.1, 10.6, 15.2},
                {"backlog_peak_records", "rec", 1.24e6, 1.02e6, 0.7e6, 1.6e6},
        };
        json_t *predictions = json_array();

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                json_array_append_new(predictions,
                                      json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f}", "recording",
                                                "reactive", "metric", rows[i].metric, "unit", rows[i].unit,
                                                "measured", rows[i].measured, "predicted", rows[i].predicted,
                                                "low", rows[i].low, "high", rows[i].high));
        json_array_append_new(predictions,
                              json_pack("{s:s, s:s, s:s, s:n, s:f, s:f, s:f}", "recording", "reactive",
                                        "metric", "delay_peak_seconds", "unit", "s", "measured", "predicted",
                                        41.0, "low", 30.0, "high", 66.0));
        return json_pack("{s:s, s:s, s:s, s:o, s:f, s:i, s:i, s:[s], s:[o, o], s:o}", "kind", "backtest",
                         "version", "0.1.0", "pipeline", "ads", "predictions", predictions,
                         "coverage_percent", 91.2, "interval_percent", 90, "windows", 1204, "fit", "static",
                         "recordings", recording("reactive", false, 11), recording("static", true, 21),
                         "model", parameters());
}

json_t *report_fixture_calibration(void)
{
        return json_pack("{s:s, s:s, s:s, s:[s], s:o}", "kind", "calibration", "version", "0.1.0", "pipeline",
                         "ads", "fit", "static", "model", parameters());
}
