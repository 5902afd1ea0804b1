/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/summary.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

#include "core/json.h"
#include "core/memory.h"

#define SECONDS_PER_DAY 86400.0

static const struct {
        const char *name, *unit;
} metrics[SUMMARY_METRICS] = {
        [SUMMARY_COST_PER_DAY] = {"cost_per_day", NULL},
        [SUMMARY_SAVING_PERCENT] = {"saving_percent", "%"},
        [SUMMARY_SLO_MISSED] = {"slo_missed_minutes_per_day", "min/d"},
        [SUMMARY_RESCALES] = {"rescales_per_day", "1/d"},
        [SUMMARY_WORKERS] = {"workers_mean", "workers"},
        [SUMMARY_LATENCY_P50] = {"latency_p50_seconds", "s"},
        [SUMMARY_LATENCY_P95] = {"latency_p95_seconds", "s"},
        [SUMMARY_LATENCY_P99] = {"latency_p99_seconds", "s"},
        [SUMMARY_BACKLOG_PEAK] = {"backlog_peak_records", "records"},
        [SUMMARY_DELAY_PEAK] = {"delay_peak_seconds", "s"},
        [SUMMARY_THROUGHPUT] = {"throughput_per_second", "records/s"},
        [SUMMARY_CARBON] = {"carbon_grams_per_day", "g/d"},
};

const char *summary_name(enum summary_metric metric)
{
        return metrics[metric].name;
}

const char *summary_unit(enum summary_metric metric)
{
        return metrics[metric].unit;
}

void summary_of(const struct figures *figures, struct summary *ret_summary)
{
        double days = figures->seconds / SECONDS_PER_DAY;
        double *value = ret_summary->value;

        value[SUMMARY_COST_PER_DAY] = figures->cost / days;
        value[SUMMARY_SAVING_PERCENT] = NAN;
        value[SUMMARY_SLO_MISSED] = figures->slo_missed_seconds / 60 / days;
        value[SUMMARY_RESCALES] = figures->rescales / days;
        value[SUMMARY_WORKERS] = figures->worker_seconds / figures->seconds;
        value[SUMMARY_LATENCY_P50] = latency_quantile(&figures->latency, .5);
        value[SUMMARY_LATENCY_P95] = latency_quantile(&figures->latency, .95);
        value[SUMMARY_LATENCY_P99] = latency_quantile(&figures->latency, .99);
        value[SUMMARY_BACKLOG_PEAK] = figures->backlog_peak_records;
        value[SUMMARY_DELAY_PEAK] = figures->delay_peak_seconds;
        value[SUMMARY_THROUGHPUT] = figures->processed_records / figures->seconds;
        value[SUMMARY_CARBON] = figures->carbon_grams / days;
}

struct spread summary_spread(const struct summary *runs, size_t count, enum summary_metric metric,
                             double share)
{
        autofree double *values = memory_new(count, sizeof *values);
        size_t n = 0;

        for (size_t i = 0; i < count; i++)
                if (!isnan(runs[i].value[metric]))
                        values[n++] = runs[i].value[metric];
        if (n == 0)
                return (struct spread){NAN, NAN, NAN};
        gsl_sort(values, 1, n);
        return (struct spread){
                .mean = gsl_stats_mean(values, 1, n),
                .low = gsl_stats_quantile_from_sorted_data(values, 1, n, (1 - share) / 2),
                .high = gsl_stats_quantile_from_sorted_data(values, 1, n, (1 + share) / 2),
        };
}

void summary_to_json(const struct summary *runs, size_t count, double share, json_t *object)
{
        for (int metric = 0; metric < SUMMARY_METRICS; metric++) {
                struct spread spread = summary_spread(runs, count, metric, share);

                json_object_set_new(object, metrics[metric].name,
                                    json_pack("{s:o, s:o, s:o}", "mean", json_from_double(spread.mean), "low",
                                              json_from_double(spread.low), "high",
                                              json_from_double(spread.high)));
        }
}
