/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink/measure.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FULL_RATIO 0.95 /* a subtask that is busy for more of its time is sent more than it takes */
#define GROWTH_RATIO                                                                                         \
        0.05 /* of what is taken in, from which on what waits grows, and is no scatter of the counters */
#define SPARE_RATIO      0.5        /* an operator that is busy for less of its time keeps up */
#define LITTLE_SECONDS   2.0        /* of its input are under way to an operator that keeps up, at most */
#define MUCH_PASSED      10         /* times that */
#define GAUGES_BEGIN_MS  3000       /* until a source that has just started says what waits in the broker */
#define LONGEST_START_MS MS_PER_DAY /* a longer one tells of a clock that was set */

/* ---- a sample by itself ---- */

/* Age of the subtask when its counters were read. */
static double age_ms(const struct flink_subtask *subtask)
{
        return subtask->busy_ms + subtask->idle_ms + subtask->blocked_ms;
}

static double sum_read(const struct flink_vertex_sample *vertex)
{
        double sum = vertex->n_subtasks ? 0 : NAN;

        for (int i = 0; i < vertex->n_subtasks; i++)
                sum += vertex->subtasks[i].read_records;
        return sum;
}

static double sum_written(const struct flink_vertex_sample *vertex)
{
        double sum = vertex->n_subtasks ? 0 : NAN;

        for (int i = 0; i < vertex->n_subtasks; i++)
                sum += vertex->subtasks[i].written_records;
        return sum;
}

/* Age of the youngest subtask; NAN when none is known. */
static double youngest_ms(const struct flink_sample *sample)
{
        double youngest = NAN;

        for (int i = 0; i < sample->n_vertices; i++)
                for (int j = 0; j < sample->vertices[i].n_subtasks; j++)
                        youngest = fmin(youngest, age_ms(&sample->vertices[i].subtasks[j]));
        return youngest;
}

/* Whether what waits in the broker is known: at first a source says that it is nothing. */
static bool tells_pending(const struct flink_sample *sample)
{
        return !(youngest_ms(sample) < GAUGES_BEGIN_MS);
}

/* How long before the answer the counters were read, on average. */
static double staleness_ms(const struct flink_sample *sample)
{
        double sum = 0;
        int count = 0;

        for (int i = 0; i < sample->n_vertices; i++) {
                for (int j = 0; j < sample->vertices[i].n_subtasks; j++) {
                        const struct flink_subtask *subtask = &sample->vertices[i].subtasks[j];
                        double late = subtask->running_ms - age_ms(subtask);

                        if (!isnan(late)) {
                                sum += fmax(late, 0);
                                count++;
                        }
                }
        }
        return count > 0 ? sum / count : 0;
}

/* By the job manager's clock; NAN: not known. */
static double counted_at_ms(const struct flink_subtask *subtask)
{
        return subtask->began_ms + age_ms(subtask);
}

/* The mean of that over all subtasks. */
static double sampled_at_ms(const struct flink_sample *sample)
{
        double sum = 0;
        int count = 0;

        for (int i = 0; i < sample->n_vertices; i++)
                for (int j = 0; j < sample->vertices[i].n_subtasks; j++, count++)
                        sum += counted_at_ms(&sample->vertices[i].subtasks[j]);
        return sum / count;
}

static double pending_records(const struct flink_measure *measure, const struct flink_sample *sample)
{
        double sum = tells_pending(sample) ? 0 : NAN;

        for (int i = 0; i < measure->pipeline->n_operators; i++)
                if (measure->pipeline->operators[i].source)
                        sum += sample->vertices[i].pending_records;
        return sum;
}

static double failed_records(const struct flink_sample *sample)
{
        double sum = NAN;

        for (int i = 0; i < sample->n_vertices; i++)
                if (!isnan(sample->vertices[i].failed_records))
                        sum = (isnan(sum) ? 0 : sum) + sample->vertices[i].failed_records;
        return sum;
}

/* A source that does not count what it reads (of the old interface) counts what it sends. */
static double records_in(const struct flink_measure *measure, int index, const struct flink_subtask *subtask)
{
        bool silent = subtask->read_records == 0 && measure->pipeline->operators[index].source;

        return silent ? subtask->written_records : subtask->read_records;
}

static double source_records(const struct flink_measure *measure, const struct flink_sample *sample)
{
        double sum = 0;

        for (int i = 0; i < sample->n_vertices; i++)
                if (measure->pipeline->operators[i].source)
                        for (int j = 0; j < sample->vertices[i].n_subtasks; j++)
                                sum += records_in(measure, i, &sample->vertices[i].subtasks[j]);
        return sum;
}

/* ---- two samples ---- */

struct window {
        const struct flink_job *job;
        const int *vertices;
        const struct flink_sample *before, *now;
        double before_at_ms, now_at_ms; /* when they were taken, by the job manager's clock; NAN: not known */
        double fallback_ms;             /* length for subtasks that do not tell their age */
};

static double subtask_ms(const struct window *window, int i, int j)
{
        double ms = age_ms(&window->now->vertices[i].subtasks[j]) -
                    age_ms(&window->before->vertices[i].subtasks[j]);

        return isnan(ms) || window->now->vertices[i].subtasks[j].ended ? window->fallback_ms : ms;
}

/* TaskManagers answer one by one: of some the counters may be the old ones still. */
static void measure_length(const struct window *window, double *ret_mean_ms, double *ret_shortest_ms)
{
        double sum = 0, shortest = INFINITY;
        int count = 0;

        for (int i = 0; i < window->now->n_vertices; i++) {
                for (int j = 0; j < window->now->vertices[i].n_subtasks; j++, count++) {
                        sum += subtask_ms(window, i, j);
                        shortest = fmin(shortest, subtask_ms(window, i, j));
                }
        }
        *ret_mean_ms = sum / count;
        *ret_shortest_ms = shortest;
}

/* Every subtask is the same attempt, and none counts backwards. */
static bool counts_on(const struct flink_sample *before, const struct flink_sample *now)
{
        for (int i = 0; i < now->n_vertices; i++) {
                if (before->vertices[i].n_subtasks != now->vertices[i].n_subtasks)
                        return false;
                for (int j = 0; j < now->vertices[i].n_subtasks; j++) {
                        const struct flink_subtask *old = &before->vertices[i].subtasks[j];
                        const struct flink_subtask *new = &now->vertices[i].subtasks[j];

                        if (old->start_ms != new->start_ms || new->read_records < old->read_records ||
                            new->written_records < old->written_records || age_ms(new) < age_ms(old))
                                return false;
                }
        }
        return true;
}

/* Every subtask told what it counted. */
static bool is_whole(const struct window *window)
{
        for (int i = 0; i < window->now->n_vertices; i++) {
                const struct flink_vertex_sample *vertex = &window->now->vertices[i];

                if (vertex->n_subtasks < 1 ||
                    vertex->n_subtasks != window->job->vertices[window->vertices[i]].parallelism ||
                    isnan(sum_read(vertex)) || isnan(sum_written(vertex)))
                        return false;
        }
        return true;
}

/* ---- operators ---- */

struct shares {
        double busy, busiest, blocked;
};

static double busy_share(const struct window *window, int i, int j)
{
        double busy = window->now->vertices[i].subtasks[j].busy_ms -
                      window->before->vertices[i].subtasks[j].busy_ms;

        busy /= subtask_ms(window, i, j);
        return isnan(busy) ? NAN : fmin(fmax(busy, 0), 1);
}

static struct shares measure_shares(const struct window *window, int i)
{
        const struct flink_vertex_sample *old = &window->before->vertices[i],
                                         *new = &window->now->vertices[i];
        struct shares shares = {0, 0, 0};

        for (int j = 0; j < new->n_subtasks; j++) {
                double busy = busy_share(window, i, j);
                double blocked = (new->subtasks[j].blocked_ms - old->subtasks[j].blocked_ms) /
                                 subtask_ms(window, i, j);

                shares.busy += busy / new->n_subtasks;
                shares.busiest = isnan(busy) || busy > shares.busiest ? busy : shares.busiest;
                shares.blocked += isnan(blocked) ? NAN : fmin(fmax(blocked, 0), 1) / new->n_subtasks;
        }
        if (isnan(shares.busy))
                shares.busiest = NAN;
        return shares;
}

static void measure_rates(const struct flink_measure *measure, const struct window *window, int i,
                          struct operator_observation *operator)
{
        const struct flink_vertex_sample *old = &window->before->vertices[i],
                                         *new = &window->now->vertices[i];
        struct shares shares = measure_shares(window, i);

        operator->in_per_second = operator->out_per_second = 0;
        for (int j = 0; j < new->n_subtasks; j++) {
                double seconds = subtask_ms(window, i, j) / MS_PER_SECOND;

                operator->in_per_second +=(records_in(measure, i, &new->subtasks[j]) -
                                           records_in(measure, i, &old->subtasks[j])) /
                        seconds;
                operator->out_per_second +=(new->subtasks[j].written_records -
                                            old->subtasks[j].written_records) /
                        seconds;
        }
        operator->busy_ratio = shares.busy;
        operator->busy_ratio_max = shares.busiest;
        operator->backpressure_ratio = shares.blocked;
        operator->true_rate_per_second = operator->in_per_second / shares.busy;
        if (operator->in_per_second <= 0 || shares.busy == 0)
                operator->true_rate_per_second = INFINITY;
}

/* ---- what waits in network buffers ---- */

static int operator_of(const struct window *window, int vertex)
{
        for (int i = 0; i < window->now->n_vertices; i++)
                if (window->vertices[i] == vertex)
                        return i;
        return -1;
}

/* Whether what one operator sends over the edge is all it sends, and all that the other takes in. */
static bool is_alone(const struct flink_job *job, const struct flink_edge *edge)
{
        int count = 0;

        for (int i = 0; i < job->n_edges; i++)
                count += job->edges[i].from == edge->from || job->edges[i].to == edge->to;
        return count == 1 && !edge->broadcast;
}

enum counter { COUNTER_READ, COUNTER_WRITTEN };

static double read_counter(const struct flink_subtask *subtask, enum counter counter)
{
        return counter == COUNTER_READ ? subtask->read_records : subtask->written_records;
}

/*
 * What a vertex has counted at the time of the whole sample: counters of other TaskManagers are read up to a
 * second sooner or later, which is more than is under way.
 */
static double counted(const struct window *window, const struct flink_sample *sample, int i,
                      enum counter counter)
{
        double at_ms = sample == window->now ? window->now_at_ms : window->before_at_ms, sum = 0;

        for (int j = 0; j < sample->vertices[i].n_subtasks; j++) {
                const struct flink_subtask *subtask = &sample->vertices[i].subtasks[j];
                double late_ms = at_ms - counted_at_ms(subtask);
                double grown = read_counter(&window->now->vertices[i].subtasks[j], counter) -
                               read_counter(&window->before->vertices[i].subtasks[j], counter);

                sum += read_counter(subtask, counter);
                if (!isnan(late_ms))
                        sum += late_ms * grown / subtask_ms(window, i, j);
        }
        return sum;
}

/* Records under way between two operators. */
static double under_way(const struct window *window, const struct flink_sample *sample, int from, int to)
{
        return counted(window, sample, from, COUNTER_WRITTEN) - counted(window, sample, to, COUNTER_READ);
}

/* More than network buffers can hold. */
static bool is_too_much(const struct flink_sample *sample, int from, double records)
{
        const struct flink_vertex_sample *vertex = &sample->vertices[from];
        double bytes = 0;

        for (int j = 0; j < vertex->n_subtasks; j++)
                bytes += vertex->subtasks[j].written_bytes;
        return records * bytes / sum_written(vertex) > sample->network_bytes;
}

/*
 * Whether sender and receiver count different records (side outputs, say). They do when more would be under
 * way than there is room for, or when the receiver had time to spare and yet much was under way before and
 * after. They do not when little is under way after much has passed: counters that differ drift apart.
 */
static void learn_edge(struct flink_measure *measure, const struct window *window, int index, int from,
                       int to, const struct observation *observation)
{
        const struct operator_observation *receiver = &observation->operators[to];
        double limit = LITTLE_SECONDS * fmax(receiver->in_per_second, 1);
        double before = fabs(under_way(window, window->before, from, to));
        double now = fabs(under_way(window, window->now, from, to));

        if (now <= limit && sum_written(&window->now->vertices[from]) > MUCH_PASSED * limit)
                measure->differs[index] = false;
        else if (is_too_much(window->now, from, now) ||
                 (before > limit && now > limit && receiver->busy_ratio_max < SPARE_RATIO))
                measure->differs[index] = true;
}

/* What is under way to an operator that has time to spare is on its way, and does not wait. */
static bool has_time(const struct operator_observation *receiver)
{
        return receiver->busy_ratio_max + receiver->backpressure_ratio < SPARE_RATIO;
}

/* In records of the sources: at the end of the window, and how much it grew. */
struct hidden {
        double records, growth;
};

static struct hidden measure_hidden(struct flink_measure *measure, const struct window *window,
                                    const struct observation *observation)
{
        const struct flink_job *job = window->job;
        double read = source_records(measure, window->now);
        struct hidden hidden = {0, 0};

        for (int e = 0; e < job->n_edges; e++) {
                int from = operator_of(window, job->edges[e].from),
                    to = operator_of(window, job->edges[e].to);
                double sent, usual, now, before;

                if (from < 0 || to < 0 || !is_alone(job, &job->edges[e]))
                        continue;
                learn_edge(measure, window, e, from, to, observation);
                sent = sum_written(&window->now->vertices[from]);
                if (measure->differs[e] || !(sent > 0) || has_time(&observation->operators[to]))
                        continue;
                usual = observation->operators[to].in_per_second * OBSERVATION_UNDER_WAY_SECONDS;
                now = fmax(under_way(window, window->now, from, to) - usual, 0);
                before = fmax(under_way(window, window->before, from, to) - usual, 0);
                hidden.records += now * read / sent;
                hidden.growth += (now - before) * read / sent;
        }
        return hidden;
}

/*
 * What an operator can take for long, from a window in which more was sent to it than it took in: what waits
 * then waits for subtasks that are full, so those are sent their share of it besides what they take in. Each
 * can take its true rate; the operator, as much as leaves the scarcest of them its share (DS2's true rate, by
 * subtask). Without such growth it is what was taken in over the busiest subtask's busy time.
 */
static double sustained(const struct flink_measure *measure, const struct window *window, int i,
                        double growth_per_second, const struct operator_observation *seen)
{
        const struct flink_vertex_sample *old = &window->before->vertices[i],
                                         *new = &window->now->vertices[i];
        double least = INFINITY;
        int full = 0;

        for (int j = 0; j < new->n_subtasks; j++)
                full += busy_share(window, i, j) > FULL_RATIO;
        for (int j = 0; j < new->n_subtasks; j++) {
                double busy = busy_share(window, i, j), taken, sent;

                if (!(busy > FULL_RATIO))
                        continue;
                taken = (records_in(measure, i, &new->subtasks[j]) -
                         records_in(measure, i, &old->subtasks[j])) *
                        MS_PER_SECOND / subtask_ms(window, i, j);
                sent = taken + growth_per_second / full;
                least = fmin(least, taken / busy * (seen->in_per_second + growth_per_second) / sent);
        }
        return isfinite(least) ? least : NAN;
}

static void measure_sustained(const struct flink_measure *measure, const struct window *window,
                              double seconds, struct observation *observation)
{
        const struct flink_job *job = window->job;

        for (int e = 0; e < job->n_edges; e++) {
                int from = operator_of(window, job->edges[e].from),
                    to = operator_of(window, job->edges[e].to);
                struct operator_observation *receiver;
                double growth;

                if (from < 0 || to < 0 || !is_alone(job, &job->edges[e]) || measure->differs[e])
                        continue;
                receiver = &observation->operators[to];
                growth = (under_way(window, window->now, from, to) -
                          under_way(window, window->before, from, to)) /
                         seconds;
                if (growth > GROWTH_RATIO * receiver->in_per_second)
                        receiver->sustained_per_second = sustained(measure, window, to, growth, receiver);
        }
}

/* ---- the pipeline ---- */

static void measure_window(struct flink_measure *measure, const struct window *window, double ms,
                           struct observation *observation)
{
        double seconds = ms / MS_PER_SECOND, read = 0, failed;
        struct hidden hidden;

        for (int i = 0; i < window->now->n_vertices; i++) {
                measure_rates(measure, window, i, &observation->operators[i]);
                if (measure->pipeline->operators[i].source)
                        read += observation->operators[i].in_per_second;
        }
        hidden = measure_hidden(measure, window, observation);
        measure_sustained(measure, window, seconds, observation);
        observation->window_ms = (int64_t)llround(ms);
        observation->throughput_per_second = fmax(read - hidden.growth / seconds, 0);
        observation->backlog_records += hidden.records;
        observation->offered_per_second = fmax(read + (pending_records(measure, window->now) -
                                                       pending_records(measure, window->before)) /
                                                               seconds,
                                               0);
        if (isnan(pending_records(measure, window->now)) || isnan(pending_records(measure, window->before)))
                observation->offered_per_second = NAN;
        failed = failed_records(window->now) - failed_records(window->before);
        if (read > 0 && failed >= 0)
                observation->error_ratio = fmin(failed / (read * seconds), 1);
        if (!isfinite(observation->throughput_per_second))
                return;
        observation->missing &= ~(unsigned)MISSING_RATES;
}

static double given_bytes(const struct flink_sample *sample, const char *knob)
{
        for (int i = 0; i < FLINK_SIZES; i++)
                if (strcmp(flink_size_knobs[i], knob) == 0)
                        return sample->sizes[i];
        return NAN;
}

static void measure_configuration(const struct flink_measure *measure, const struct window *window,
                                  struct observation *observation)
{
        const struct pipeline *pipeline = measure->pipeline;
        int slots = flink_job_slots(window->job), widest = 0;

        if (strcmp(window->job->state, "RUNNING") != 0 || slots < 1)
                return;
        for (int i = 0; i < pipeline->n_operators; i++) {
                int parallelism = window->job->vertices[window->vertices[i]].parallelism;

                observation->operators[i].parallelism = parallelism;
                widest = parallelism > widest ? parallelism : widest;
        }
        observation->workers = (slots + pipeline->slots_per_worker - 1) / pipeline->slots_per_worker;
        observation->workers_ready = flink_job_is_up(window->job) ? observation->workers : 0;
        for (int k = 0; k < pipeline->n_knobs && k < observation->configuration.count; k++) {
                const struct knob *knob = &pipeline->knobs[k];

                if (knob->role == KNOB_WORKERS)
                        observation->configuration.value[k] = observation->workers;
                else if (knob->role == KNOB_PARALLELISM)
                        observation->configuration.value[k] =
                                knob->operator_index < 0
                                        ? widest
                                        : observation->operators[knob->operator_index].parallelism;
                else if (knob->role == KNOB_MEMORY)
                        observation->configuration.value[k] = given_bytes(window->now, knob->name);
        }
        observation->missing &= ~(unsigned)MISSING_CONFIGURATION;
}

static void measure_latency(const struct flink_measure *measure, const struct flink_sample *sample,
                            struct observation *observation)
{
        double mean = NAN, highest = NAN;

        for (int i = 0; i < sample->n_vertices; i++) {
                mean = fmax(mean, sample->vertices[i].latency_mean);
                highest = fmax(highest, sample->vertices[i].latency_max);
        }
        observation->latency_p50_seconds = mean * measure->latency_scale;
        observation->latency_p95_seconds = observation->latency_p99_seconds =
                highest * measure->latency_scale;
        if (measure->latency_wanted && isnan(highest))
                observation->missing |= MISSING_LATENCY;
}

/* The longest that a task took from its deployment until it ran; NAN while some do not run. Regions of a job
 * start again by themselves, so tasks need not have been deployed at one time. */
static double start_seconds(const struct flink_sample *sample)
{
        double longest_ms = NAN;

        for (int i = 0; i < sample->n_vertices; i++)
                for (int j = 0; j < sample->vertices[i].n_subtasks; j++) {
                        const struct flink_subtask *subtask = &sample->vertices[i].subtasks[j];

                        if (subtask->ended)
                                continue; /* how long it ran does not tell since when */
                        if (subtask->start_ms <= 0 || isnan(subtask->began_ms))
                                return NAN;
                        longest_ms = fmax(longest_ms, subtask->began_ms - (double)subtask->start_ms);
                }
        return longest_ms >= 0 && longest_ms <= LONGEST_START_MS ? longest_ms / MS_PER_SECOND : NAN;
}

/* Flink counts a rescale as a restart, too, and says which were rescales (since 2.0). A job that is started
 * again under its name begins to count anew. */
static void measure_restarts(struct flink_measure *measure, const struct flink_job *job,
                             const struct flink_sample *sample, struct observation *observation)
{
        double restarts = sample->restarts - (isnan(sample->rescales) ? 0 : sample->rescales);

        if (strcmp(measure->job_id, job->id) != 0)
                measure->carried_restarts = measure->restarts > 0 ? measure->restarts : 0;
        if (isnan(restarts))
                return;
        restarts = fmin(fmax(restarts, 0) + measure->carried_restarts, INT_MAX);
        measure->restarts = observation->restarts = (int)restarts;
}

static void begin(struct flink_measure *measure, const struct flink_job *job)
{
        bool same = strcmp(measure->job_id, job->id) == 0;

        if (!same || measure->n_differs != job->n_edges) {
                free(measure->differs);
                measure->differs = memory_new((size_t)job->n_edges + 1, sizeof *measure->differs);
                measure->n_differs = job->n_edges;
        }
        memcpy(measure->job_id, job->id, FLINK_ID_ROOM);
}

/* The rates of the window that ends with this sample, if there is one. Returns whether the sample is the
 * newest whole one, hence the start of the next window. */
static bool measure_since(struct flink_measure *measure, struct window *window,
                          struct observation *observation)
{
        double ms, shortest_ms;

        if (!is_whole(window))
                return false;
        if (!window->before)
                return true;
        if (!counts_on(window->before, window->now)) {
                observation->counters_reset = true;
                return true;
        }
        window->fallback_ms = (double)(window->now->steady_ms - window->before->steady_ms);
        window->before_at_ms = sampled_at_ms(window->before);
        window->now_at_ms = sampled_at_ms(window->now);
        measure_length(window, &ms, &shortest_ms);
        if (!(shortest_ms >= FLINK_MEASURE_SHORTEST_MS))
                return false;
        measure_window(measure, window, ms, observation);
        return true;
}

bool flink_measure_would_wait(const struct flink_measure *measure, const struct flink_job *job,
                              const int *vertices, const struct flink_sample *sample)
{
        struct window window = {.job = job, .vertices = vertices, .before = measure->before, .now = sample};
        double ms, shortest_ms;

        if (!flink_job_is_up(job))
                return false;
        if (!is_whole(&window))
                return true;
        if (!measure->before || !counts_on(measure->before, sample))
                return false;
        window.fallback_ms = (double)(sample->steady_ms - measure->before->steady_ms);
        measure_length(&window, &ms, &shortest_ms);
        return shortest_ms < FLINK_MEASURE_SHORTEST_MS;
}

void flink_measure_take(struct flink_measure *measure, const struct flink_job *job, const int *vertices,
                        struct flink_sample *take_sample, struct observation *ret_observation)
{
        struct window window = {.job = job,
                                .vertices = vertices,
                                .before = measure->before,
                                .now = take_sample};
        bool first = measure->job_id[0] == '\0', same = strcmp(measure->job_id, job->id) == 0;
        double youngest = youngest_ms(take_sample);

        ret_observation->missing = MISSING_RATES | MISSING_CONFIGURATION;
        ret_observation->time_ms = take_sample->received_ms - (int64_t)staleness_ms(take_sample);
        ret_observation->memory = take_sample->memory;
        ret_observation->start_seconds = start_seconds(take_sample);
        ret_observation->cpu_ratio = take_sample->cpu_ratio;
        ret_observation->checkpoints.duration_seconds = take_sample->checkpoint_seconds;
        ret_observation->checkpoints.failed = take_sample->failed_checkpoints;
        ret_observation->backlog_records = pending_records(measure, take_sample);
        for (int i = 0; i < measure->pipeline->n_operators; i++)
                if (measure->pipeline->operators[i].source)
                        ret_observation->operators[i].backlog_records =
                                tells_pending(take_sample) ? take_sample->vertices[i].pending_records : NAN;
        measure_restarts(measure, job, take_sample, ret_observation);
        begin(measure, job);
        ret_observation->restarting = !flink_job_is_up(job) || !(youngest >= (double)measure->warm_up_ms);
        ret_observation->counters_reset = !first && !same;
        measure_configuration(measure, &window, ret_observation);
        measure_latency(measure, take_sample, ret_observation);
        if (measure_since(measure, &window, ret_observation)) {
                flink_sample_free(measure->before);
                measure->before = TAKE(take_sample);
        }
        flink_sample_free(take_sample);
        if (isnan(ret_observation->backlog_records))
                ret_observation->missing |= MISSING_BACKLOG;
}

void flink_measure_free(struct flink_measure *measure)
{
        flink_sample_free(measure->before);
        free(measure->differs);
        *measure = (struct flink_measure){.before = NULL};
}
