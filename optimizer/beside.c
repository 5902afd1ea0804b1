/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/beside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define HEADROOM    1.1  /* of subtasks over what a load keeps busy */
#define SKEW_WEIGHT 0.05 /* of the newest window in the mean skew */
#define PIECE_BYTES 400

struct topic {
        int knob, source;
        double skew; /* mean over the windows; NAN: not known */
        struct partitions_memory memory;
};

struct beside {
        const struct beside_options *options;
        const struct pipeline *pipeline;
        struct memory_sizing *memory;
        int n_topics;
        struct topic *topics;
};

/* ---- life ---- */

struct beside *beside_new(const struct beside_options *options, const struct pipeline *pipeline)
{
        struct beside *beside = memory_new(1, sizeof *beside);

        beside->options = options;
        beside->pipeline = pipeline;
        beside->memory = memory_sizing_new(&options->memory, pipeline);
        beside->topics = memory_new((size_t)pipeline->n_knobs, sizeof *beside->topics);
        for (int i = 0; i < pipeline->n_knobs; i++) {
                struct topic *topic = &beside->topics[beside->n_topics];

                if (pipeline->knobs[i].role != KNOB_PARTITIONS)
                        continue;
                *topic = (struct topic){.knob = i, .source = pipeline->knobs[i].operator_index, .skew = NAN};
                partitions_begin(&topic->memory);
                beside->n_topics++;
        }
        return beside;
}

void beside_free(struct beside *beside)
{
        if (!beside)
                return;
        memory_sizing_free(beside->memory);
        free(beside->topics);
        free(beside);
}

/* ---- what is seen ---- */

/* Of what arrives for the pipeline, what this source reads: as of now, alike when that is not known. */
static double share_of(const struct pipeline *pipeline, const struct observation *observation, int source)
{
        double sum = 0, own = observation->operators[source].in_per_second;
        int n_sources = 0;

        for (int i = 0; i < pipeline->n_operators; i++) {
                if (!pipeline->operators[i].source)
                        continue;
                sum += observation->operators[i].in_per_second;
                n_sources++;
        }
        return sum > 0 && own >= 0 ? own / sum : 1.0 / n_sources;
}

static void learn_skew(const struct beside *beside, struct topic *topic,
                       const struct observation *observation)
{
        const struct operator_observation *seen = &observation->operators[topic->source];
        double mean = observation->offered_per_second *
                      share_of(beside->pipeline, observation, topic->source) / seen->partitions;
        double skew = fmax(seen->partition_per_second_max / mean, 1);

        if (!(mean > 0) || isnan(seen->partition_per_second_max) || seen->partitions < 1)
                return;
        topic->skew = isnan(topic->skew) ? skew : topic->skew + SKEW_WEIGHT * (skew - topic->skew);
}

bool beside_observe(struct beside *beside, const struct observation *observation)
{
        for (int i = 0; i < beside->n_topics; i++)
                learn_skew(beside, &beside->topics[i], observation);
        return memory_sizing_observe(beside->memory, observation);
}

bool beside_memory_first(const struct beside *beside, const struct observation *observation)
{
        return memory_sizing_first(beside->memory, observation);
}

/* ---- partitions ---- */

/* Records/s of the pipeline for each subtask, if all had the same to do; INFINITY when that is not known. */
static double rate_of(const struct beside_outlook *outlook, int operator_index, double even)
{
        int parallelism = outlook->next.parallelism[operator_index];

        if (!capacity_per_operator(outlook->capacity))
                return capacity_of(outlook->capacity, &outlook->next).mean / even;
        return capacity_of_operator(outlook->capacity, operator_index, parallelism).mean / even;
}

/* Of so many partitions, the fullest subtask has no more than a share of 1 / even_subtasks. */
static double even_subtasks(int partitions, int parallelism)
{
        int subtasks = parallelism < partitions ? parallelism : partitions;
        int fullest = (partitions + subtasks - 1) / subtasks;

        return (double)partitions / fullest;
}

/* Subtasks that the widest operator beside the source needs for one record/s. */
static double others_for(const struct beside *beside, const struct beside_outlook *outlook, int source)
{
        double most = 0;

        for (int i = 0; i < beside->pipeline->n_operators; i++)
                if (i != source)
                        most = fmax(most, 1 / rate_of(outlook, i, outlook->next.parallelism[i]));
        return most;
}

static struct partitions_load *list_loads(const struct beside *beside, const struct topic *topic,
                                          const struct observation *observation,
                                          const struct beside_outlook *outlook, int now)
{
        size_t n_loads = (size_t)outlook->n_steps * (size_t)outlook->n_scenarios;
        struct partitions_load *loads = memory_new(n_loads, sizeof *loads);
        double share = share_of(beside->pipeline, observation, topic->source), seconds = 0;
        double rate =
                rate_of(outlook, topic->source, even_subtasks(now, outlook->next.parallelism[topic->source]));
        double others = others_for(beside, outlook, topic->source);

        for (int step = 0; step < outlook->n_steps; step++)
                seconds += outlook->step_seconds[step];
        for (int i = 0; i < outlook->n_steps * outlook->n_scenarios; i++) {
                double load = outlook->load[i];

                loads[i] = (struct partitions_load){
                        .weight = outlook->scenario_weight[i / outlook->n_steps] *
                                  outlook->step_seconds[i % outlook->n_steps] / seconds,
                        .per_second = load * share,
                        .busy = load * HEADROOM / rate,
                        .others = ceil(load * HEADROOM * others),
                };
        }
        return loads;
}

static double mean_worker_hour(const struct beside_outlook *outlook)
{
        double price = 0, seconds = 0;

        for (int step = 0; step < outlook->n_steps; step++) {
                price += outlook->worker_second[step] * outlook->step_seconds[step];
                seconds += outlook->step_seconds[step];
        }
        return 3600 * price / seconds;
}

static int most_subtasks(const struct pipeline *pipeline, int source)
{
        int knob = pipeline_parallelism_knob(pipeline, source), workers = pipeline_workers_knob(pipeline);
        double most = INFINITY;

        if (knob >= 0)
                most = fmin(most, pipeline->knobs[knob].max);
        if (workers >= 0)
                most = fmin(most, pipeline->knobs[workers].max * pipeline->slots_per_worker);
        if (pipeline->operators[source].max_parallelism > 0)
                most = fmin(most, pipeline->operators[source].max_parallelism);
        return most < 1e6 ? (int)most : 0;
}

static void explain(const struct beside *beside, const struct topic *topic, int now,
                    const struct partitions_answer *answer, const struct partitions_options *options,
                    char *reason, unsigned long room)
{
        snprintf(reason, room,
                 "%s needs %d partitions, not %d: up to %.1f subtasks of work are expected, without them "
                 "%.1f %% "
                 "of the time is late and %.1f workers run, with them %.1f %% and %.1f; saves %.2f in %d d, "
                 "costs "
                 "%.2f for good",
                 beside->pipeline->operators[topic->source].name, answer->partitions, now, answer->busy,
                 100 * answer->late_now, answer->workers_now, 100 * answer->late, answer->workers,
                 answer->saving, (int)options->trust_days, answer->price);
}

static bool propose_partitions(const struct beside *beside, struct topic *topic,
                               const struct observation *observation, const struct beside_outlook *outlook,
                               struct configuration *configuration, char *reason, unsigned long room)
{
        const struct partitions_options *options = &beside->options->partitions;
        const struct knob *knob = &beside->pipeline->knobs[topic->knob];
        double there = observation->configuration.value[topic->knob];
        int now = there >= 1 && there <= 1e6 ? (int)there : 0;
        autofree struct partitions_load *loads = NULL;
        struct partitions_question question;
        struct partitions_answer answer;

        if (now < 1)
                return false;
        loads = list_loads(beside, topic, observation, outlook, now);
        question = (struct partitions_question){
                .now = now,
                .max = (int)knob->max,
                .step = (int)knob->step,
                .brokers = observation->brokers,
                .slots_per_worker = beside->pipeline->slots_per_worker,
                .most_subtasks = most_subtasks(beside->pipeline, topic->source),
                .skew = isnan(topic->skew) ? 1 : topic->skew,
                .worker_hour = mean_worker_hour(outlook),
                .late_hour = 3600 * outlook->late_second,
                .n_loads = (size_t)outlook->n_steps * (size_t)outlook->n_scenarios,
                .loads = loads,
        };
        answer = partitions_weigh(options, &question);
        if (!partitions_due(&topic->memory, options, &answer, now, observation->time_ms))
                return false;
        configuration->value[topic->knob] = answer.partitions;
        explain(beside, topic, now, &answer, options, reason, room);
        return true;
}

static void say(struct text *words, const char *piece)
{
        text_format(words, "%s%s", words->length ? "; " : "", piece);
}

bool beside_propose(struct beside *beside, const struct observation *observation,
                    const struct beside_outlook *outlook, struct configuration *configuration, char *reason,
                    unsigned long room)
{
        autotext words = {0};
        char piece[PIECE_BYTES];

        for (int i = 0; i < beside->n_topics; i++)
                if (propose_partitions(beside, &beside->topics[i], observation, outlook, configuration, piece,
                                       sizeof piece))
                        say(&words, piece);
        if (memory_sizing_propose(beside->memory, observation, &outlook->next, configuration, piece,
                                  sizeof piece))
                say(&words, piece);
        if (!words.data)
                return false;
        snprintf(reason, room, "%s", words.data);
        return true;
}
