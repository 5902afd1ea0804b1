/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/memory_sizing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/quantity.h"
#include "core/text.h"

#define HOURS         24
#define LITTLE        0.1                        /* change of a part that is not worth a restart */
#define LITTLE_SHRINK 0.2                        /* ... when it is one to less */
#define HABIT_MS      (30 * 60 * MS_PER_SECOND)  /* pressure for longer is how the job runs */
#define TRIAL_MS      (15 * 60 * MS_PER_SECOND)  /* in which more memory is seen to help, or not */
#define REST_MS       (6 * (int64_t)MS_PER_HOUR) /* between one change and the next */

enum part { PART_HEAP, PART_MANAGED, PART_NETWORK, PART_METASPACE, N_PARTS };

static const char *const part_names[N_PARTS] = {"memory.heap", "memory.managed", "memory.network",
                                                "memory.metaspace"};

struct memory_sizing {
        const struct memory_sizing_options *options;
        const struct pipeline *pipeline;
        int total_knob, part_knob[N_PARTS]; /* -1: none */
        /* Peaks by hour, of the last day; NAN: not known. */
        double peak[HOURS][N_PARTS];
        int64_t hour;                   /* of the newest, since 1970; -1: none yet */
        int64_t first_ms;               /* of the first window */
        int64_t pressed_ms;             /* since when there is pressure; INT64_MIN: there is none */
        int64_t proposed_ms;            /* INT64_MIN: never */
        struct configuration *proposed; /* NULL: never */
};

static const struct option options_list[] = {
        {.name = "gcPercent",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct memory_sizing_options, gc_percent),
         .unit = "%",
         .min = 0.1,
         .max = 100,
         .fallback = "10",
         .help = "Share of its time that a worker may spend collecting garbage; above it the heap grows "
                 "before "
                 "parallelism does."},
        {.name = "growthRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct memory_sizing_options, growth_ratio),
         .min = 1.05,
         .max = 10,
         .fallback = "1.5",
         .help = "By how much it grows."},
        {.name = "marginRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct memory_sizing_options, margin_ratio),
         .min = 0.2,
         .max = 10,
         .fallback = "0.2",
         .help = "Room above the peak of a day."},
        {.name = "buffersPerChannel",
         .type = OPTION_INT,
         .offset = offsetof(struct memory_sizing_options, buffers_per_channel),
         .min = 0,
         .max = 1000,
         .fallback = "2",
         .help = "As the engine is set (Flink: taskmanager.network.memory.buffers-per-channel)."},
        {.name = "floatingBuffersPerGate",
         .type = OPTION_INT,
         .offset = offsetof(struct memory_sizing_options, floating_buffers),
         .min = 0,
         .max = 1000,
         .fallback = "8",
         .help = "As the engine is set (Flink: taskmanager.network.memory.floating-buffers-per-gate)."},
        {.name = "segmentBytes",
         .type = OPTION_QUANTITY,
         .offset = offsetof(struct memory_sizing_options, segment_bytes),
         .unit = "B",
         .min = 4096,
         .max = 1 << 30,
         .fallback = "32Ki",
         .help = "As the engine is set (Flink: taskmanager.memory.segment-size)."},
        {0},
};

const struct option_table memory_sizing_table = {
        .name = "memory",
        .help = "How workers' memory is sized: for knobs named memory, memory.heap, memory.managed, "
                "memory.network and memory.metaspace.",
        .size = sizeof(struct memory_sizing_options),
        .options = options_list,
};

/* ---- network ---- */

/* Buffers of one end of an edge: a channel to each subtask of the other end, but where subtasks are tied one
 * to one. */
static double gate(const struct memory_sizing_options *options, const struct edge *edge, int own, int other)
{
        double channels = !edge->hash && own == other ? 1 : other;

        return channels * (double)options->buffers_per_channel + (double)options->floating_buffers;
}

double memory_sizing_network(const struct memory_sizing_options *options, const struct pipeline *pipeline,
                             const int *parallelism)
{
        double buffers = 0;

        for (int i = 0; i < pipeline->n_edges; i++) {
                const struct edge *edge = &pipeline->edges[i];
                int from = parallelism[edge->from], to = parallelism[edge->to];

                buffers += gate(options, edge, from, to) + gate(options, edge, to, from);
        }
        return buffers * options->segment_bytes * pipeline->slots_per_worker;
}

/* ---- life ---- */

static int find_knob(const struct pipeline *pipeline, const char *name)
{
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (pipeline->knobs[i].role == KNOB_MEMORY && strcmp(pipeline->knobs[i].name, name) == 0)
                        return i;
        return -1;
}

static void forget_hour(struct memory_sizing *sizing, int64_t hour)
{
        for (int part = 0; part < N_PARTS; part++)
                sizing->peak[hour % HOURS][part] = NAN;
}

struct memory_sizing *memory_sizing_new(const struct memory_sizing_options *options,
                                        const struct pipeline *pipeline)
{
        struct memory_sizing *sizing = memory_new(1, sizeof *sizing);

        sizing->options = options;
        sizing->pipeline = pipeline;
        sizing->total_knob = find_knob(pipeline, "memory");
        for (int part = 0; part < N_PARTS; part++)
                sizing->part_knob[part] = find_knob(pipeline, part_names[part]);
        for (int hour = 0; hour < HOURS; hour++)
                forget_hour(sizing, hour);
        sizing->hour = -1;
        sizing->pressed_ms = sizing->proposed_ms = INT64_MIN;
        return sizing;
}

void memory_sizing_free(struct memory_sizing *sizing)
{
        if (!sizing)
                return;
        free(sizing->proposed);
        free(sizing);
}

/* ---- what is seen ---- */

static const struct memory_use *use_of(const struct memory_observation *memory, int part)
{
        const struct memory_use *const uses[N_PARTS] = {&memory->heap, &memory->managed, &memory->network,
                                                        &memory->metaspace};

        return uses[part];
}

static void remember_peaks(struct memory_sizing *sizing, const struct observation *observation)
{
        int64_t hour = observation->time_ms / MS_PER_HOUR;

        if (sizing->hour < 0)
                sizing->first_ms = observation->time_ms;
        else
                for (int64_t next = sizing->hour + 1; next <= hour && next <= sizing->hour + HOURS; next++)
                        forget_hour(sizing, next);
        sizing->hour = hour;
        for (int part = 0; part < N_PARTS; part++) {
                double *peak = &sizing->peak[hour % HOURS][part];

                *peak = fmax(*peak, use_of(&observation->memory, part)->used_bytes);
        }
}

bool memory_sizing_observe(struct memory_sizing *sizing, const struct observation *observation)
{
        /* Starting up collects garbage, too. */
        bool pressed =
                observation->memory.gc_ratio * 100 > sizing->options->gc_percent && !observation->restarting;

        remember_peaks(sizing, observation);
        if (!pressed)
                sizing->pressed_ms = INT64_MIN;
        else if (sizing->pressed_ms == INT64_MIN)
                sizing->pressed_ms = observation->time_ms;
        return !pressed || observation->time_ms - sizing->pressed_ms > HABIT_MS;
}

static bool relieves(const struct memory_sizing *sizing)
{
        return sizing->part_knob[PART_HEAP] >= 0 || sizing->total_knob >= 0;
}

bool memory_sizing_first(const struct memory_sizing *sizing, const struct observation *observation)
{
        return sizing->pressed_ms != INT64_MIN && relieves(sizing) &&
               observation->time_ms - sizing->pressed_ms <= TRIAL_MS;
}

/* ---- what is wanted ---- */

static double peak_of(const struct memory_sizing *sizing, int part)
{
        double peak = NAN;

        for (int hour = 0; hour < HOURS; hour++)
                peak = fmax(peak, sizing->peak[hour][part]);
        return peak;
}

static bool saw_a_day(const struct memory_sizing *sizing, const struct observation *observation)
{
        return observation->time_ms - sizing->first_ms >= (int64_t)HOURS * MS_PER_HOUR;
}

/* A JVM fills what heap it has before it collects: while it collects little, it has enough. With fewer
 * workers each holds more. */
static double heap_need(const struct memory_sizing *sizing, const struct observation *observation,
                        const struct deployment *next, double need)
{
        double now = observation->memory.heap.max_bytes, ratio = 1;

        if (observation->workers > next->workers && next->workers > 0)
                ratio = (double)observation->workers / next->workers;
        if (sizing->pressed_ms != INT64_MIN)
                return fmax(need * ratio, now * sizing->options->growth_ratio);
        return isnan(observation->memory.gc_ratio) ? need * ratio : fmin(need, now) * ratio;
}

/* Bytes that a part should have; NAN when what it takes is not known. */
static double need_of(const struct memory_sizing *sizing, const struct observation *observation,
                      const struct deployment *next, int part)
{
        double need = peak_of(sizing, part) * (1 + sizing->options->margin_ratio);

        if (part == PART_HEAP)
                return heap_need(sizing, observation, next, need);
        if (part == PART_NETWORK)
                return fmax(need,
                            memory_sizing_network(sizing->options, sizing->pipeline, next->parallelism));
        if (part == PART_MANAGED)
                return need > 0 ? observation->memory.managed.max_bytes : need;
        return need;
}

/* What the part should get instead of `now`: `now` when that is near enough, when it was changed a short time
 * ago, or when too little was seen to take any away. What a layout cannot do without is always given. */
static double settle(const struct memory_sizing *sizing, const struct observation *observation, int part,
                     double now, double need)
{
        bool rests = sizing->proposed_ms != INT64_MIN && observation->time_ms - sizing->proposed_ms < REST_MS;
        bool urgent = part == PART_NETWORK || sizing->pressed_ms > sizing->proposed_ms;

        if (isnan(need) || isnan(now))
                return now;
        if (need > now && part == PART_METASPACE)
                return need;
        if (need > now)
                return need > now * (1 + LITTLE) && (urgent || !rests) ? need : now;
        if (rests || !saw_a_day(sizing, observation) || sizing->pressed_ms != INT64_MIN)
                return now;
        return need < now * (1 - LITTLE_SHRINK) ? need : now;
}

static void describe(const char *name, const struct memory_use *use, double from, double to, double peak,
                     struct text *words)
{
        text_format(words, "%s%s ", words->length ? ", " : "", name);
        quantity_put(words, rint(from / (1 << 20)) * (1 << 20));
        text_put(words, " -> ");
        quantity_put(words, rint(to / (1 << 20)) * (1 << 20));
        if (!use || isnan(peak))
                return;
        text_put(words, " (at most ");
        quantity_put(words, rint(peak / (1 << 20)) * (1 << 20));
        text_put(words, " used)");
}

/* Whole mebibytes, which people and engines write; no less than asked for, where the knob allows. */
static double set_knob(const struct memory_sizing *sizing, int index, double bytes,
                       struct configuration *configuration)
{
        const struct knob *knob = &sizing->pipeline->knobs[index];
        double wanted = ceil(bytes / (1 << 20)) * (1 << 20), value = knob_fit(knob, wanted);

        if (value < wanted)
                value = knob_fit(knob, value + knob->step);
        configuration->value[index] = value;
        return value;
}

/* Sets the parts; returns by how much all of them together change. */
static double size_parts(const struct memory_sizing *sizing, const struct observation *observation,
                         const struct deployment *next, struct configuration *configuration,
                         struct text *words)
{
        double change = 0;

        for (int part = 0; part < N_PARTS; part++) {
                const struct memory_use *use = use_of(&observation->memory, part);
                int knob = sizing->part_knob[part];
                double now = use->max_bytes;
                double wanted =
                        settle(sizing, observation, part, now, need_of(sizing, observation, next, part));

                if (isnan(wanted) || wanted == now)
                        continue;
                if (knob >= 0)
                        wanted = set_knob(sizing, knob, wanted, configuration);
                if (wanted == now || (knob < 0 && sizing->total_knob < 0))
                        continue;
                change += wanted - now;
                describe(part_names[part], use, now, wanted, peak_of(sizing, part), words);
        }
        return change;
}

static bool has_knobs(const struct memory_sizing *sizing)
{
        for (int part = 0; part < N_PARTS; part++)
                if (sizing->part_knob[part] >= 0)
                        return true;
        return sizing->total_knob >= 0;
}

/* A recommendation that nobody follows is not repeated at every turn. */
static bool was_said(const struct memory_sizing *sizing, const struct observation *observation,
                     const struct configuration *sized)
{
        if (sizing->proposed_ms == INT64_MIN || observation->time_ms - sizing->proposed_ms >= REST_MS)
                return false;
        for (int part = 0; part < N_PARTS; part++) {
                int knob = sizing->part_knob[part];

                if (knob >= 0 && sized->value[knob] != sizing->proposed->value[knob])
                        return false;
        }
        return sizing->total_knob < 0 ||
               sized->value[sizing->total_knob] == sizing->proposed->value[sizing->total_knob];
}

bool memory_sizing_propose(struct memory_sizing *sizing, const struct observation *observation,
                           const struct deployment *next, struct configuration *configuration, char *reason,
                           unsigned long room)
{
        struct configuration sized = *configuration;
        autotext words = {0};
        double change;

        if (!has_knobs(sizing))
                return false;
        change = size_parts(sizing, observation, next, &sized, &words);
        if (sizing->total_knob >= 0 && change != 0) {
                double now = configuration->value[sizing->total_knob];
                double then = set_knob(sizing, sizing->total_knob, now + change, &sized);

                describe("memory", NULL, now, then, NAN, &words);
        }
        if (configuration_equal(&sized, configuration) || was_said(sizing, observation, &sized))
                return false;
        sizing->proposed_ms = observation->time_ms;
        if (!sizing->proposed)
                sizing->proposed = memory_new(1, sizeof *sizing->proposed);
        *sizing->proposed = sized;
        *configuration = sized;
        snprintf(reason, room, "%s%s",
                 sizing->pressed_ms != INT64_MIN ? "garbage is collected all the time, which is no lack of "
                                                   "workers: "
                                                 : "",
                 words.data);
        return true;
}
