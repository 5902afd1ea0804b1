/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/live/gather.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/reactor.h"

struct gathered {
        struct gather *gather;
        const struct spec_source *source;
        void *state;
        struct observation *observation; /* while being asked */
        struct error *err;               /* likewise */
        bool done;                       /* it answered, as observation or err says */
        bool silent;                     /* it did not, and that was said */
};

struct gather {
        const struct source_context *context;
        const struct spec *spec;
        size_t n_sources;
        struct gathered *sources;
        size_t n_awaited;
        struct fiber *waiter;
};

/* ---- life ---- */

bool gather_open(const struct source_context *context, const struct spec *spec, struct gather **ret_gather,
                 struct error *err)
{
        autocall(gather_free) struct gather *gather = memory_new(1, sizeof *gather);

        gather->context = context;
        gather->spec = spec;
        gather->sources = memory_new(spec->n_sources, sizeof *gather->sources);
        for (; gather->n_sources < spec->n_sources; gather->n_sources++) {
                struct gathered *slot = &gather->sources[gather->n_sources];

                slot->gather = gather;
                slot->source = &spec->sources[gather->n_sources];
                if (!slot->source->collector->open(context, slot->source->options, &slot->state, err))
                        return error_wrap(err, "%s", slot->source->collector->name);
        }
        *ret_gather = TAKE(gather);
        return true;
}

void gather_free(struct gather *gather)
{
        if (!gather)
                return;
        for (size_t i = 0; i < gather->n_sources; i++)
                gather->sources[i].source->collector->close(gather->sources[i].state);
        free(gather->sources);
        free(gather);
}

/* ---- merging ---- */

static void know(double *whole, double part)
{
        if (isnan(*whole))
                *whole = part;
}

static void know_memory(struct memory_use *whole, const struct memory_use *part)
{
        if (isnan(whole->used_bytes))
                *whole = *part;
}

static void know_advice(struct request_advice *whole, const struct request_advice *part)
{
        if (isnan(whole->target))
                *whole = *part;
}

static void know_operator(struct operator_observation *whole, const struct operator_observation *part)
{
        if (whole->parallelism == 0)
                whole->parallelism = part->parallelism;
        if (whole->partitions == 0)
                whole->partitions = part->partitions;
        know(&whole->in_per_second, part->in_per_second);
        know(&whole->out_per_second, part->out_per_second);
        know(&whole->busy_ratio, part->busy_ratio);
        know(&whole->busy_ratio_max, part->busy_ratio_max);
        know(&whole->backpressure_ratio, part->backpressure_ratio);
        know(&whole->true_rate_per_second, part->true_rate_per_second);
        know(&whole->sustained_per_second, part->sustained_per_second);
        know(&whole->backlog_records, part->backlog_records);
        know(&whole->partition_per_second_max, part->partition_per_second_max);
}

static void know_configuration(struct configuration *whole, const struct configuration *part)
{
        for (int i = 0; i < part->count && i < whole->count; i++)
                know(&whole->value[i], part->value[i]);
}

static void know_workers(struct observation *whole, const struct observation *part)
{
        if (whole->workers < 0)
                whole->workers = part->workers;
        if (whole->workers_ready < 0)
                whole->workers_ready = part->workers_ready;
        if (whole->restarts < 0)
                whole->restarts = part->restarts;
        if (whole->brokers < 0)
                whole->brokers = part->brokers;
}

void gather_merge(struct observation *whole, const struct observation *part, bool broker)
{
        if (part->missing & MISSING_ALL)
                return;
        if (whole->missing & MISSING_ALL) {
                whole->time_ms = part->time_ms;
                whole->window_ms = part->window_ms;
                whole->missing = part->missing;
        }
        whole->missing &= part->missing;
        whole->restarting |= part->restarting;
        whole->counters_reset |= part->counters_reset;
        if (broker && !isnan(part->offered_per_second))
                whole->offered_per_second = part->offered_per_second;
        know(&whole->offered_per_second, part->offered_per_second);
        know(&whole->throughput_per_second, part->throughput_per_second);
        know(&whole->backlog_records, part->backlog_records);
        know(&whole->latency_p50_seconds, part->latency_p50_seconds);
        know(&whole->latency_p95_seconds, part->latency_p95_seconds);
        know(&whole->latency_p99_seconds, part->latency_p99_seconds);
        know(&whole->error_ratio, part->error_ratio);
        if (isnan(whole->cpu_ratio))
                whole->cpu_workers = part->cpu_workers;
        know(&whole->cpu_ratio, part->cpu_ratio);
        know_memory(&whole->memory.heap, &part->memory.heap);
        know_memory(&whole->memory.managed, &part->memory.managed);
        know_memory(&whole->memory.network, &part->memory.network);
        know_memory(&whole->memory.metaspace, &part->memory.metaspace);
        know(&whole->memory.gc_ratio, part->memory.gc_ratio);
        know_memory(&whole->memory.worker, &part->memory.worker);
        know(&whole->memory.heap_told_bytes, part->memory.heap_told_bytes);
        know(&whole->memory.killed, part->memory.killed);
        know(&whole->checkpoints.interval_seconds, part->checkpoints.interval_seconds);
        know(&whole->checkpoints.duration_seconds, part->checkpoints.duration_seconds);
        know(&whole->checkpoints.failed, part->checkpoints.failed);
        know_advice(&whole->cpu_advice, &part->cpu_advice);
        know_advice(&whole->memory_advice, &part->memory_advice);
        know(&whole->start_seconds, part->start_seconds);
        if (whole->failure[0] == '\0')
                memcpy(whole->failure, part->failure, sizeof whole->failure);
        if (!whole->run.periodic)
                whole->run = part->run;
        know_workers(whole, part);
        know_configuration(&whole->configuration, &part->configuration);
        for (int i = 0; i < whole->n_operators && i < part->n_operators; i++)
                know_operator(&whole->operators[i], &part->operators[i]);
}

/* ---- asking ---- */

static void make_unknown(const struct gather *gather, struct observation *observation)
{
        const struct pipeline *pipeline = &gather->spec->pipeline;

        observation_clear(observation, clock_now_ms(gather->context->clock), 1, pipeline->n_operators);
        observation->configuration.count = pipeline->n_knobs;
        for (int i = 0; i < pipeline->n_knobs; i++)
                observation->configuration.value[i] = NAN;
}

static void ask(void *argument)
{
        struct gathered *source = argument;
        struct gather *gather = source->gather;

        source->err = memory_new(1, sizeof *source->err);
        source->observation = memory_new(1, sizeof *source->observation);
        make_unknown(gather, source->observation);
        source->done = source->source->collector->collect(source->state, source->observation, source->err);
        if (--gather->n_awaited == 0)
                reactor_wake(gather->context->reactor, gather->waiter);
}

static void ask_all(struct gather *gather)
{
        struct reactor *reactor = gather->context->reactor;

        gather->waiter = reactor_current(reactor);
        gather->n_awaited = gather->n_sources;
        for (size_t i = 1; i < gather->n_sources; i++)
                reactor_spawn(reactor, ask, &gather->sources[i]);
        ask(&gather->sources[0]);
        do
                reactor_suspend(reactor);
        while (gather->n_awaited > 0);
}

/* What the deployment alone knows of its settings nobody here can ask for. */
static void assume_settings(const struct gather *gather, struct configuration *configuration)
{
        const struct spec *spec = gather->spec;

        for (int i = 0; i < configuration->count; i++) {
                enum knob_role role = spec->pipeline.knobs[i].role;

                if (role == KNOB_MEMORY || role == KNOB_OTHER)
                        know(&configuration->value[i], spec->initial[i]);
        }
}

/* Once when it falls silent, and once when it is back. */
static void say_silence(const struct gather *gather, struct gathered *source)
{
        struct log *log = gather->context->log;
        const char *name = source->source->collector->name;

        if (!source->done && !source->silent)
                log_warning(log, "a source does not answer", LOG_TEXT("pipeline", gather->spec->name),
                            LOG_TEXT("source", name), LOG_TEXT("reason", source->err->message));
        if (source->done && source->silent)
                log_info(log, "a source answers again", LOG_TEXT("pipeline", gather->spec->name),
                         LOG_TEXT("source", name));
        source->silent = !source->done;
}

/* A source that does not answer is no reason to do without the others, unless what it alone knows is needed:
 * then that is missing. */
static bool gather_collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct gather *gather = state;
        bool any = false;

        ask_all(gather);
        make_unknown(gather, ret_observation);
        for (size_t i = 0; i < gather->n_sources; i++) {
                struct gathered *source = &gather->sources[i];

                any |= source->done;
                say_silence(gather, source);
                if (source->done)
                        gather_merge(ret_observation, source->observation,
                                     source->source->collector->section == SECTION_BROKER);
                else if (err->code == ERROR_NONE)
                        *err = *source->err;
                memory_free_cleanup(&source->observation);
                memory_free_cleanup(&source->err);
                source->observation = NULL;
                source->err = NULL;
        }
        if (!any)
                return false;
        assume_settings(gather, &ret_observation->configuration);
        error_clear(err);
        return true;
}

const struct collector gather_collector = {
        .name = "gather",
        .summary = "All sources of a pipeline",
        .collect = gather_collect,
};
