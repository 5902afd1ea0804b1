/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/flink_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"

/* What the autoscaler has of one vertex at one collection. */
struct metric {
        double records_in, records_out; /* since the start of the job */
        double busy_seconds;            /* of the mean subtask, since the start */
        double lag;                     /* records; sources only */
        double load;                    /* gauge: busy share by the aggregator */
        double in_gauge;                /* gauge: records/s */
        double observed_rate;           /* true rate seen while behind; sources only, NAN: none */
};

/* Sums since the start of the job at one time, from which gauges are averaged. */
struct total {
        double records_in, busy_seconds, load_seconds, backpressure_seconds;
};

/* A queue of rows, each with one item for each vertex. */
struct rows {
        int64_t *times_ms;
        char *values;
        size_t size;               /* bytes a row */
        size_t first, count, room; /* rows first .. first + count - 1 are in use */
};

struct flink_metrics {
        const struct pipeline *pipeline;
        const struct flink_options *options;
        int n;
        int n_inputs[PIPELINE_MAX_OPERATORS], n_outputs[PIPELINE_MAX_OPERATORS];
        int max_parallelism[PIPELINE_MAX_OPERATORS]; /* 0: not decided yet */
        bool hash_input[PIPELINE_MAX_OPERATORS], excluded[PIPELINE_MAX_OPERATORS];

        bool running;
        int64_t running_ms, last_ms;
        int last_restarts;
        int parallelism[PIPELINE_MAX_OPERATORS];

        struct rows window; /* of struct metric */
        struct rows gauges; /* of struct total; the newest row is now */
};

/* ---- rows ---- */

static int64_t rows_time(const struct rows *rows, size_t row)
{
        return rows->times_ms[rows->first + row];
}

static void *rows_at(const struct rows *rows, size_t row)
{
        return rows->values + (rows->first + row) * rows->size;
}

/* The new row, not initialised. */
static void *rows_add(struct rows *rows, int64_t time_ms)
{
        if (rows->first + rows->count == rows->room && rows->first > rows->count) {
                memmove(rows->times_ms, rows->times_ms + rows->first, rows->count * sizeof *rows->times_ms);
                memmove(rows->values, rows->values + rows->first * rows->size, rows->count * rows->size);
                rows->first = 0;
        }
        if (rows->first + rows->count == rows->room) {
                rows->room = rows->room ? rows->room * 2 : 32;
                rows->times_ms = memory_resize(rows->times_ms, rows->room, sizeof *rows->times_ms);
                rows->values = memory_resize(rows->values, rows->room, rows->size);
        }
        rows->times_ms[rows->first + rows->count] = time_ms;
        return rows_at(rows, rows->count++);
}

static void rows_drop(struct rows *rows, size_t count)
{
        rows->first += count;
        rows->count -= count;
}

static void rows_clear(struct rows *rows)
{
        rows->first = rows->count = 0;
}

/* ---- life ---- */

static bool named(const struct option_list *names, const char *name)
{
        char *const *items = names->items;

        for (size_t i = 0; i < names->count; i++)
                if (strcmp(items[i], name) == 0)
                        return true;
        return false;
}

struct flink_metrics *flink_metrics_new(const struct pipeline *pipeline, const struct flink_options *options)
{
        struct flink_metrics *metrics = memory_new(1, sizeof *metrics);

        metrics->pipeline = pipeline;
        metrics->options = options;
        metrics->n = pipeline->n_operators;
        metrics->last_ms = INT64_MIN;
        metrics->last_restarts = -1;
        metrics->window.size = (size_t)metrics->n * sizeof(struct metric);
        metrics->gauges.size = (size_t)metrics->n * sizeof(struct total);
        for (int i = 0; i < metrics->n; i++) {
                metrics->max_parallelism[i] = pipeline->operators[i].max_parallelism;
                metrics->excluded[i] = named(&options->vertex_exclude, pipeline->operators[i].name);
        }
        for (int e = 0; e < pipeline->n_edges; e++) {
                metrics->n_outputs[pipeline->edges[e].from]++;
                metrics->n_inputs[pipeline->edges[e].to]++;
                metrics->hash_input[pipeline->edges[e].to] |= pipeline->edges[e].hash;
        }
        return metrics;
}

void flink_metrics_free(struct flink_metrics *metrics)
{
        if (!metrics)
                return;
        free(metrics->window.times_ms);
        free(metrics->window.values);
        free(metrics->gauges.times_ms);
        free(metrics->gauges.values);
        free(metrics);
}

int64_t flink_metrics_running_since_ms(const struct flink_metrics *metrics)
{
        return metrics->running_ms;
}

/* ---- collecting ---- */

static bool measured(const struct flink_metrics *metrics, const struct observation *observation)
{
        if (observation->missing & (MISSING_ALL | MISSING_RATES | MISSING_BACKLOG | MISSING_CONFIGURATION))
                return false;
        for (int i = 0; i < metrics->n; i++)
                if (!isfinite(observation->operators[i].in_per_second) ||
                    !isfinite(observation->operators[i].busy_ratio))
                        return false;
        return true;
}

static bool all_run(const struct flink_metrics *metrics, const struct observation *observation)
{
        for (int i = 0; i < metrics->n; i++)
                if (observation->operators[i].parallelism <= 0)
                        return false;
        return true;
}

static bool restarted(const struct flink_metrics *metrics, const struct observation *observation)
{
        if (!metrics->running || observation->counters_reset)
                return true;
        if (observation->restarts >= 0 && metrics->last_restarts >= 0 &&
            observation->restarts != metrics->last_restarts)
                return true;
        for (int i = 0; i < metrics->n; i++)
                if (observation->operators[i].parallelism != metrics->parallelism[i])
                        return true;
        return false;
}

/* StateAssignmentOperation and KeyGroupRangeAssignment.computeDefaultMaxParallelism of Flink. */
static int default_max_parallelism(int parallelism)
{
        int groups = 128;

        while (groups < parallelism + parallelism / 2 && groups < 32768)
                groups *= 2;
        return groups;
}

/* Within the window of the observation the job began to run; when exactly is not known, so half-way. The
 * first time of all it is taken to have run all the while. */
static void begin(struct flink_metrics *metrics, const struct observation *observation)
{
        int64_t before_ms =
                metrics->last_ms == INT64_MIN ? observation->window_ms : observation->window_ms / 2;

        metrics->running = true;
        metrics->running_ms = observation->time_ms - before_ms;
        metrics->last_ms = metrics->running_ms;
        for (int i = 0; i < metrics->n; i++) {
                metrics->parallelism[i] = observation->operators[i].parallelism;
                if (metrics->max_parallelism[i] <= 0)
                        metrics->max_parallelism[i] = default_max_parallelism(metrics->parallelism[i]);
        }
        rows_clear(&metrics->window);
        rows_clear(&metrics->gauges);
        memset(rows_add(&metrics->gauges, metrics->running_ms), 0, metrics->gauges.size);
}

static double busy_of(const struct flink_options *options, const struct operator_observation *seen)
{
        /* Where only the mean is known, all subtasks are taken to be alike. */
        double above = isnan(seen->busy_ratio_max) ? 0 : seen->busy_ratio_max - seen->busy_ratio;

        if (options->busy_time_aggregator == FLINK_AGGREGATOR_MAX)
                return seen->busy_ratio + above;
        if (options->busy_time_aggregator == FLINK_AGGREGATOR_MIN)
                return fmax(seen->busy_ratio - above, 0);
        return seen->busy_ratio;
}

/* Adds the newest observation to the sums. */
static void accumulate(struct flink_metrics *metrics, const struct observation *observation)
{
        double seconds = (double)(observation->time_ms - metrics->last_ms) / MS_PER_SECOND;
        struct total *now = rows_add(&metrics->gauges, observation->time_ms);
        const struct total *before = now - metrics->n;

        for (int i = 0; i < metrics->n; i++) {
                const struct operator_observation *seen = &observation->operators[i];

                now[i] = before[i];
                now[i].records_in += seen->in_per_second * seconds;
                now[i].busy_seconds += seen->busy_ratio * seconds;
                now[i].load_seconds += busy_of(metrics->options, seen) * seconds;
                now[i].backpressure_seconds += seen->backpressure_ratio * seconds;
        }
}

static const struct total *newest_total(const struct flink_metrics *metrics)
{
        return rows_at(&metrics->gauges, metrics->gauges.count - 1);
}

static double between(double a, double b, double share)
{
        return a + (b - a) * share;
}

/* The sums of a vertex at the start of the gauges' window, between two rows where it falls there. */
static struct total total_at(const struct flink_metrics *metrics, int vertex, int64_t time_ms)
{
        const struct rows *rows = &metrics->gauges;
        const struct total *a = (const struct total *)rows_at(rows, 0) + vertex;
        const struct total *b = (const struct total *)rows_at(rows, 1) + vertex;
        int64_t from_ms = rows_time(rows, 0), to_ms = rows_time(rows, 1);
        double share = (double)(time_ms - from_ms) / (double)(to_ms - from_ms);

        if (share <= 0)
                return *a;
        return (struct total){
                .records_in = between(a->records_in, b->records_in, share),
                .busy_seconds = between(a->busy_seconds, b->busy_seconds, share),
                .load_seconds = between(a->load_seconds, b->load_seconds, share),
                .backpressure_seconds = between(a->backpressure_seconds, b->backpressure_seconds, share),
        };
}

struct gauges {
        double in, load, backpressure;
};

/* Flink's gauges now: a meter divides by its whole window, a timer by the time passed where that is less. */
static struct gauges gauges_of(const struct flink_metrics *metrics, int vertex,
                               const struct observation *observation)
{
        const struct operator_observation *seen = &observation->operators[vertex];
        int64_t window_ms = metrics->options->gauge_window_seconds * MS_PER_SECOND;
        int64_t from_ms = observation->time_ms - window_ms;
        const struct total *now = newest_total(metrics) + vertex;
        struct total then;
        double passed;

        if (window_ms == 0)
                return (struct gauges){seen->in_per_second, busy_of(metrics->options, seen),
                                       seen->backpressure_ratio};
        then = total_at(metrics, vertex, from_ms);
        passed = (double)(observation->time_ms -
                          (from_ms > metrics->running_ms ? from_ms : metrics->running_ms)) /
                 MS_PER_SECOND;
        return (struct gauges){
                .in = (now->records_in - then.records_in) / ((double)window_ms / MS_PER_SECOND),
                .load = (now->load_seconds - then.load_seconds) / passed,
                .backpressure = (now->backpressure_seconds - then.backpressure_seconds) / passed,
        };
}

/* Keeps the last row that is not younger than the start of the gauges' window. */
static void trim_gauges(struct flink_metrics *metrics, int64_t now_ms)
{
        struct rows *rows = &metrics->gauges;
        int64_t from_ms = now_ms - metrics->options->gauge_window_seconds * MS_PER_SECOND;

        while (rows->count > 2 && rows_time(rows, 1) <= from_ms)
                rows_drop(rows, 1);
}

static const struct metric *metric_at(const struct flink_metrics *metrics, size_t row, int vertex)
{
        return (const struct metric *)rows_at(&metrics->window, row) + vertex;
}

/* Mean of a metric over the window; NAN is left out, INFINITY too unless there is nothing else. */
static double average(const struct flink_metrics *metrics, int vertex, size_t offset, int64_t least)
{
        double sum = 0;
        int64_t n = 0;
        bool infinite = false;

        for (size_t row = 0; row < metrics->window.count; row++) {
                double value;

                memcpy(&value, (const char *)metric_at(metrics, row, vertex) + offset, sizeof value);
                infinite |= isinf(value);
                if (!isfinite(value))
                        continue;
                sum += value;
                n++;
        }
        if (n == 0)
                return infinite ? INFINITY : NAN;
        return n < least ? NAN : sum / (double)n;
}

/* While a source is behind, what it reads is what it can read. Once seen that lasts for the window. */
static double observed_rate(const struct flink_metrics *metrics, int vertex, const struct gauges *gauges,
                            double lag)
{
        const struct flink_options *options = metrics->options;
        double rate = gauges->in / (1 - gauges->backpressure);

        if (gauges->in == 0)
                return INFINITY;
        if (lag >= (double)options->observed_rate_lag_threshold_seconds * gauges->in &&
            gauges->backpressure < 1)
                return rate;
        return average(metrics, vertex, offsetof(struct metric, observed_rate),
                       options->observed_rate_min_observations);
}

/* The autoscaler keeps three decimals of a metric, unless none would be left. */
static double rounded(double value)
{
        double three = round(value * 1000) / 1000;

        return three == 0 || !isfinite(value) ? value : three;
}

static struct metric sample_of(const struct flink_metrics *metrics, int vertex,
                               const struct observation *observation)
{
        const struct operator_observation *seen = &observation->operators[vertex];
        const struct total *total = newest_total(metrics) + vertex;
        struct gauges gauges = gauges_of(metrics, vertex, observation);
        size_t taken = metrics->window.count;
        double out_before = taken > 0 ? metric_at(metrics, taken - 1, vertex)->records_out : 0;
        double seconds = (double)(observation->time_ms - metrics->last_ms) / MS_PER_SECOND;
        struct metric sample = {
                .records_in = rounded(total->records_in),
                .records_out = out_before + seen->out_per_second * seconds,
                .busy_seconds = total->busy_seconds,
                .load = rounded(gauges.load),
                .in_gauge = rounded(gauges.in),
                .observed_rate = NAN,
        };

        if (metrics->pipeline->operators[vertex].source) {
                /* Flink knows sources without a lag; their lag is zero. */
                sample.lag = isfinite(seen->backlog_records) ? rounded(seen->backlog_records) : 0;
                sample.observed_rate = rounded(observed_rate(metrics, vertex, &gauges, sample.lag));
        }
        return sample;
}

static void add_sample(struct flink_metrics *metrics, const struct observation *observation)
{
        struct metric samples[PIPELINE_MAX_OPERATORS] = {0};

        for (int i = 0; i < metrics->n; i++)
                samples[i] = sample_of(metrics, i, observation);
        memcpy(rows_add(&metrics->window, observation->time_ms), samples, metrics->window.size);
}

/* Time of the first sample of the window that was taken when the job was stable. */
static int64_t first_stable_ms(const struct flink_metrics *metrics, int64_t stable_ms, int64_t otherwise_ms)
{
        const struct rows *rows = &metrics->window;

        for (size_t row = 0; row < rows->count; row++)
                if (rows_time(rows, row) >= stable_ms)
                        return rows_time(rows, row);
        return otherwise_ms;
}

enum flink_phase flink_metrics_collect(struct flink_metrics *metrics, const struct observation *observation)
{
        const struct flink_options *options = metrics->options;
        int64_t now_ms = observation->time_ms, window_ms = options->metrics_window_seconds * MS_PER_SECOND;
        int64_t stable_ms, full_ms;

        if (observation->missing & MISSING_ALL)
                return FLINK_UNKNOWN;
        if (!all_run(metrics, observation)) {
                metrics->running = false;
                metrics->last_ms = now_ms;
                return FLINK_NOT_RUNNING;
        }
        if (!measured(metrics, observation))
                return FLINK_UNKNOWN;
        if (restarted(metrics, observation))
                begin(metrics, observation);
        metrics->last_restarts = observation->restarts;
        if (now_ms <= metrics->last_ms)
                return FLINK_UNKNOWN;
        stable_ms = metrics->running_ms + options->stabilization_interval_seconds * MS_PER_SECOND;
        full_ms = first_stable_ms(metrics, stable_ms, now_ms) + window_ms;
        accumulate(metrics, observation);
        trim_gauges(metrics, now_ms);
        add_sample(metrics, observation);
        metrics->last_ms = now_ms;
        if (now_ms < stable_ms)
                return FLINK_STABILIZING;
        if (now_ms < full_ms)
                return FLINK_COLLECTING;
        while (rows_time(&metrics->window, 0) < now_ms - window_ms)
                rows_drop(&metrics->window, 1);
        return metrics->window.count < 2 ? FLINK_COLLECTING : FLINK_READY;
}

/* ---- evaluating ---- */

/* Growth per second of a counter over the window; NAN with less than two samples. */
static double rate(const struct flink_metrics *metrics, int vertex, size_t offset)
{
        const struct rows *rows = &metrics->window;
        double first, last;
        int64_t passed_ms;

        if (rows->count < 2)
                return NAN;
        memcpy(&first, (const char *)metric_at(metrics, 0, vertex) + offset, sizeof first);
        memcpy(&last, (const char *)metric_at(metrics, rows->count - 1, vertex) + offset, sizeof last);
        passed_ms = rows_time(rows, rows->count - 1) - rows_time(rows, 0);
        return MS_PER_SECOND * (last - first) / (double)(passed_ms > 1 ? passed_ms : 1);
}

#define RATE(metrics, vertex, member)    rate(metrics, vertex, offsetof(struct metric, member))
#define AVERAGE(metrics, vertex, member) average(metrics, vertex, offsetof(struct metric, member), 1)

/* Flink does not count by edge: what flows over one is inferred from the vertices around it. */
static double edge_rate(const struct flink_metrics *metrics, const struct edge *edge)
{
        double others = 0;

        if (metrics->n_inputs[edge->to] == 1)
                return RATE(metrics, edge->to, records_in);
        for (int e = 0; e < metrics->pipeline->n_edges; e++) {
                const struct edge *other = &metrics->pipeline->edges[e];

                if (other->to != edge->to || other->from == edge->from)
                        continue;
                /* With other outputs it is not known how much of it goes here. */
                if (metrics->n_outputs[other->from] != 1)
                        return RATE(metrics, edge->from, records_out);
                others += RATE(metrics, other->from, records_out);
        }
        return RATE(metrics, edge->to, records_in) - others;
}

static double output_ratio(const struct flink_metrics *metrics, const struct edge *edge)
{
        double in = RATE(metrics, edge->from, records_in);

        if (in <= 0)
                return 0;
        return edge_rate(metrics, edge) / in;
}

static double true_rate(const struct flink_metrics *metrics, int vertex)
{
        const struct flink_options *options = metrics->options;
        bool counters = options->busy_time_aggregator == FLINK_AGGREGATOR_AVG;
        double in = counters ? RATE(metrics, vertex, records_in) : AVERAGE(metrics, vertex, in_gauge);
        double busy = counters ? RATE(metrics, vertex, busy_seconds) : AVERAGE(metrics, vertex, load);
        double by_busy_time = in == 0 ? INFINITY : in / busy;
        double observed = average(metrics, vertex, offsetof(struct metric, observed_rate),
                                  options->observed_rate_min_observations);

        if (isnan(observed))
                return by_busy_time;
        if (!isfinite(by_busy_time) ||
            by_busy_time > observed * (1 + options->observed_rate_switch_threshold))
                return observed;
        return by_busy_time;
}

static bool processing_backlog(const struct flink_metrics *metrics)
{
        for (int i = 0; i < metrics->n; i++) {
                double in = RATE(metrics, i, records_in);
                double lag = metric_at(metrics, metrics->window.count - 1, i)->lag;

                if (metrics->pipeline->operators[i].source &&
                    lag / in > (double)metrics->options->backlog_processing_lag_threshold_seconds)
                        return true;
        }
        return false;
}

static void demand_of_source(const struct flink_metrics *metrics, int vertex, struct flink_vertex *ret_vertex)
{
        double catch_up = (double)metrics->options->catch_up_duration_seconds;
        double lag = metric_at(metrics, metrics->window.count - 1, vertex)->lag;
        double rate_in = RATE(metrics, vertex, records_in) + RATE(metrics, vertex, lag);

        ret_vertex->target_rate = isnan(rate_in) ? NAN : fmax(0, rate_in);
        ret_vertex->catch_up_rate = catch_up > 0 ? lag / catch_up : 0;
}

static struct flink_vertex describe(const struct flink_metrics *metrics, int vertex)
{
        return (struct flink_vertex){
                .parallelism = metrics->parallelism[vertex],
                .max_parallelism = metrics->max_parallelism[vertex],
                .partitions = metrics->pipeline->operators[vertex].source
                                      ? metrics->pipeline->operators[vertex].partitions
                                      : 0,
                .hash_input = metrics->hash_input[vertex],
                .excluded = metrics->excluded[vertex],
        };
}

bool flink_metrics_evaluate(const struct flink_metrics *metrics, int64_t restart_seconds,
                            struct flink_vertex *ret_vertices, struct error *err)
{
        bool backlog = processing_backlog(metrics);
        int edge = 0;

        for (int i = 0; i < metrics->n; i++)
                ret_vertices[i] = describe(metrics, i);
        for (int i = 0; i < metrics->n; i++) {
                struct flink_vertex *vertex = &ret_vertices[i];

                if (metrics->pipeline->operators[i].source)
                        demand_of_source(metrics, i, vertex);
                if (metrics->pipeline->operators[i].source && isnan(vertex->target_rate))
                        return error_set(err, ERROR_INCOMPLETE, NULL, "the rate of source %s is not known",
                                         metrics->pipeline->operators[i].name);
                vertex->true_rate = true_rate(metrics, i);
                flink_thresholds(metrics->options, backlog, restart_seconds, vertex);
                for (; edge < metrics->pipeline->n_edges && metrics->pipeline->edges[edge].from == i;
                     edge++) {
                        double ratio = output_ratio(metrics, &metrics->pipeline->edges[edge]);
                        struct flink_vertex *to = &ret_vertices[metrics->pipeline->edges[edge].to];

                        to->target_rate += vertex->target_rate * ratio;
                        to->catch_up_rate += vertex->catch_up_rate * ratio;
                }
        }
        return true;
}
