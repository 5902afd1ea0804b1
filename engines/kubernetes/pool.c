/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/kubernetes/vertical.h"

#define FIRST_WINDOW_MS (15 * MS_PER_SECOND)

/* ---- pods ---- */

static const struct kube_pods_of no_pods;

/* Pods that have a place to run: those that wait for one do not run, however long they are wanted. */
static int64_t count_running(const struct kube_pods_of *pods)
{
        int64_t count = 0;

        for (size_t i = 0; i < pods->count; i++)
                count += pods->pods[i]->bound && !pods->pods[i]->ended;
        return count;
}

static int64_t count_restarts(const struct kube_pods_of *pods)
{
        int64_t count = 0;

        for (size_t i = 0; i < pods->count; i++)
                for (size_t j = 0; j < pods->pods[i]->n_containers; j++)
                        count += pods->pods[i]->containers[j].restarts;
        return count;
}

static void observe_restarts(const struct kube_pods_of *pods, struct kube_pool_memory *memory,
                             struct observation *observation)
{
        int64_t now = count_restarts(pods);

        /* Pods that went took theirs with them. */
        if (memory->restarts >= 0 && now > memory->restarts)
                memory->counted += now - memory->restarts;
        memory->restarts = now;
        observation->restarts = (int)memory->counted;
}

static void observe_kills(const struct kube_pods_of *pods, struct kube_pool_memory *memory,
                          struct observation *observation)
{
        int64_t newest = memory->killed_ms;

        observation->memory.killed = 0;

        for (size_t i = 0; i < pods->count; i++) {
                for (size_t j = 0; j < pods->pods[i]->n_containers; j++) {
                        const struct kube_container *container = &pods->pods[i]->containers[j];

                        if (container->killed_ms <= memory->killed_ms)
                                continue;
                        newest = container->killed_ms > newest ? container->killed_ms : newest;
                        /* What happened before the first look is no news. */
                        if (memory->looked_ms == 0)
                                continue;
                        observation->memory.killed++;
                        if (container->killed_ms == newest)
                                snprintf(observation->failure, sizeof observation->failure,
                                         "OOMKilled: container %.40s of pod %.50s", container->name,
                                         pods->pods[i]->name);
                }
        }
        memory->killed_ms = newest;
}

/* ---- what they use ---- */

static const struct kube_resources *asked_of(const struct kube_pod *pod, const char *container)
{
        for (size_t i = 0; i < pod->n_containers; i++)
                if (strcmp(pod->containers[i].name, container) == 0)
                        return &pod->containers[i].asked;
        return NULL;
}

static bool counts(const struct kube_workload *workload, const char *container)
{
        const char *wanted = workload->options->container;

        return !wanted || strcmp(wanted, container) == 0;
}

static double asked_cpu(const struct kube_workload *workload, const struct kube_pod *pod)
{
        double sum = 0;

        for (size_t i = 0; i < pod->n_containers; i++)
                if (counts(workload, pod->containers[i].name))
                        sum += pod->containers[i].asked.cpu_request;
        return sum;
}

static double used_cpu(const struct kube_workload *workload, const struct kube_pod_usage *usage)
{
        double sum = usage->n_containers > 0 ? 0 : NAN;

        for (size_t i = 0; i < usage->n_containers; i++)
                if (counts(workload, usage->containers[i].name))
                        sum += usage->containers[i].cpu_cores;
        return sum;
}

/* Of the fullest worker, as the knob `memory` sizes it: its container. */
static struct memory_use memory_use(const struct kube_pool_sight *sight, const struct kube_pods_of *pods)
{
        struct memory_use fullest = {NAN, NAN};

        for (size_t i = 0; i < pods->count; i++) {
                const struct kube_pod_usage *usage = kube_usage_of(sight->usage, pods->pods[i]->name);
                const struct kube_resources *asked = asked_of(pods->pods[i], sight->status->container);

                for (size_t j = 0; usage && asked && j < usage->n_containers; j++) {
                        double used = usage->containers[j].memory_bytes;

                        if (strcmp(usage->containers[j].name, sight->status->container) == 0 &&
                            !(used <= fullest.used_bytes) && !isnan(used))
                                fullest = (struct memory_use){used, asked->memory_limit};
                }
        }
        return fullest;
}

/* Over the workers that take part and that the metrics API knows, *ret_count of them. */
static double cpu_ratio(const struct kube_pool_sight *sight, const struct kube_pods_of *pods, int *ret_count)
{
        double used = 0, asked = 0;

        *ret_count = 0;

        for (size_t i = 0; i < pods->count; i++) {
                const struct kube_pod *pod = pods->pods[i];
                const struct kube_pod_usage *usage = kube_usage_of(sight->usage, pod->name);
                double request = asked_cpu(sight->workload, pod), use;

                if (!pod->ready || pod->ended || !usage || !(request > 0))
                        continue;
                use = used_cpu(sight->workload, usage);
                if (isnan(use))
                        continue;
                used += use;
                asked += request;
                ++*ret_count;
        }
        return asked > 0 ? used / asked : NAN;
}

/* ---- what runs ---- */

/* Requests of the workers: the template's, unless some worker still has others. */
static struct kube_resources running_resources(const struct kube_pool_sight *sight,
                                               const struct kube_pods_of *pods, const struct knob *knob)
{
        struct kube_resources told = sight->status->asked;
        const double *wanted = kube_resources_of_knob(&told, knob);

        for (size_t i = 0; i < pods->count && wanted; i++) {
                const struct kube_resources *asked = asked_of(pods->pods[i], sight->status->container);
                struct kube_resources copy;

                if (!asked || pods->pods[i]->ended)
                        continue;
                copy = *asked;
                if (*kube_resources_of_knob(&copy, knob) != *wanted)
                        return copy;
        }
        return told;
}

/* All that it was told, where there is no work for more than there are. */
static int64_t running_workers(const struct kube_workload_status *status, int64_t workers)
{
        bool enough = status->useful < status->replicas && workers >= status->useful;

        return enough ? status->replicas : workers;
}

static void observe_configuration(const struct kube_pool_sight *sight, const struct kube_pods_of *pods,
                                  const struct pipeline *pipeline, struct observation *observation)
{
        bool known = true;

        for (int i = 0; i < pipeline->n_knobs && i < observation->configuration.count; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                struct kube_resources running = running_resources(sight, pods, knob);
                const double *request = kube_workload_request(sight->workload->kind, &running, knob);
                double *value = &observation->configuration.value[i];

                if (knob->role == KNOB_WORKERS)
                        *value = (double)running_workers(sight->status, observation->workers);
                else if (request)
                        *value = *request;
                known &= !isnan(*value) || (knob->role != KNOB_WORKERS && !request);
        }
        if (known)
                observation->missing &= ~(unsigned)MISSING_CONFIGURATION;
}

/* Pods of an older template are still being replaced, or none takes part. */
static bool is_rolling(const struct kube_workload_status *status)
{
        bool changing = !status->paused && status->updated < status->existing;

        return !status->observed || changing || (status->useful > 0 && status->ready == 0);
}

void kube_pool_observe_use(const struct kube_pool_sight *sight, struct kube_pool_memory *memory,
                           struct observation *ret_observation)
{
        const struct kube_pods_of *pods = sight->pods ? sight->pods : &no_pods;

        observe_kills(pods, memory, ret_observation);
        ret_observation->memory.heap_told_bytes = sight->status->heap_bytes;
        if (sight->usage)
                ret_observation->memory.worker = memory_use(sight, pods);
        ret_observation->cpu_ratio =
                sight->usage ? cpu_ratio(sight, pods, &ret_observation->cpu_workers) : NAN;
        if (isnan(ret_observation->cpu_ratio))
                ret_observation->missing |= MISSING_CPU;
        memory->looked_ms = sight->now_ms;
}

void kube_pool_observe(const struct kube_pool_sight *sight, const struct pipeline *pipeline,
                       struct kube_pool_memory *memory, struct observation *ret_observation)
{
        const struct kube_pods_of *pods = sight->pods ? sight->pods : &no_pods;
        const struct kube_workload_status *status = sight->status;

        ret_observation->time_ms = sight->now_ms;
        ret_observation->window_ms =
                memory->looked_ms > 0 ? sight->now_ms - memory->looked_ms : FIRST_WINDOW_MS;
        ret_observation->missing = MISSING_RATES | MISSING_BACKLOG | MISSING_LATENCY | MISSING_CONFIGURATION;
        ret_observation->restarting = is_rolling(status);
        ret_observation->workers = (int)count_running(pods);
        ret_observation->workers_ready = (int)status->ready;
        for (int i = 0; i < ret_observation->n_operators; i++)
                ret_observation->operators[i].parallelism = ret_observation->workers_ready;
        observe_restarts(pods, memory, ret_observation);
        observe_configuration(sight, pods, pipeline, ret_observation);
        kube_pool_observe_use(sight, memory, ret_observation);
}

/* ---- what is asked for it ---- */

bool kube_pool_init(struct kube_pool *pool, const struct source_context *context,
                    const struct kube_workload_kind *kind, const void *options, struct error *err)
{
        *pool = (struct kube_pool){.memory = {.restarts = -1, .killed_ms = INT64_MIN}};
        return kube_workload_open(context, kind, options, &pool->workload, err);
}

void kube_pool_clear(struct kube_pool *pool)
{
        kube_workload_close(pool->workload);
        free(pool->no_usage);
        free(pool->no_advice);
}

bool kube_pool_fail(const struct kube_pool *pool, struct error *err)
{
        char words[KUBE_WORKLOAD_WORDS];

        return error_wrap(err, "%s", kube_workload_words(pool->workload, words));
}

/* Once for each reason: without it everything else goes on. */
static void say_unknown(const struct kube_pool *pool, const char *what, char **said,
                        const struct error *trouble)
{
        const struct source_context *context = &pool->workload->context;

        if (*said && strcmp(*said, trouble->message) == 0)
                return;
        free(*said);
        *said = memory_copy_text(trouble->message);
        log_warning(context->log, what, LOG_TEXT("pipeline", context->name),
                    LOG_TEXT("reason", trouble->message));
}

bool kube_pool_reach(struct kube_pool *pool, struct kube_pool_caches *ret_caches, struct error *err)
{
        struct kube_workload *workload = pool->workload;
        struct kube_client *client;

        return kube_workload_reach(workload, &client, err) &&
               kube_shared_follow(workload->kubernetes, &workload->kind->resource, workload->kind->following,
                                  workload->namespace, &ret_caches->objects, err) &&
               kube_shared_follow(workload->kubernetes, &kube_pods_resource, &kube_pods_following,
                                  workload->namespace, &ret_caches->pods, err);
}

bool kube_pool_look(const struct kube_pool *pool, const struct kube_pool_caches *caches,
                    struct kube_workload_status *ret_status, struct error *err)
{
        const struct kube_workload *workload = pool->workload;

        return kube_workload_look(workload,
                                  kube_reflector_get(caches->objects.reflector, workload->namespace,
                                                     workload->options->name),
                                  ret_status, err);
}

/* What somebody else recommends that its container asks for, where knobs set that. */
static void take_advice(struct kube_pool *pool, const struct kube_pool_caches *caches,
                        struct observation *observation)
{
        const struct kube_workload *workload = pool->workload;
        struct kube_workload_status status;
        struct kube_vertical_advice advice;
        struct error trouble = ERROR_INIT;
        struct kube_sized sized;

        if (!kube_pool_look(pool, caches, &status, &trouble) ||
            !kube_sized_by(workload, status.container, &sized))
                return;
        if (!kube_take_vertical(workload->kubernetes, &sized, &advice, &trouble)) {
                say_unknown(pool, "recommendations are not known", &pool->no_advice, &trouble);
                return;
        }
        if (sized.cpu)
                observation->cpu_advice = advice.cpu;
        if (sized.memory)
                observation->memory_advice = advice.memory;
}

const struct kube_usage *kube_pool_ask(struct kube_pool *pool, const struct kube_pool_caches *caches,
                                       struct observation *observation)
{
        const struct kube_workload *workload = pool->workload;
        const struct kube_usage *usage = NULL;
        struct error trouble = ERROR_INIT;

        take_advice(pool, caches, observation);
        /* Last, since it lives until the next wait. */
        if (!kube_usage_take(workload->kubernetes, workload->namespace, &usage, &trouble))
                say_unknown(pool, "CPU use is not known", &pool->no_usage, &trouble);
        return usage;
}

/* ---- a collector ---- */

void kube_pool_close(void *opaque)
{
        if (!opaque)
                return;
        kube_pool_clear(opaque);
        free(opaque);
}

bool kube_pool_open(const struct source_context *context, const struct kube_workload_kind *kind,
                    const void *options, void **ret_state, struct error *err)
{
        struct kube_pool *pool = memory_new(1, sizeof *pool);

        if (!kube_pool_init(pool, context, kind, options, err)) {
                free(pool);
                return false;
        }
        *ret_state = pool;
        return true;
}

bool kube_pool_collect(void *opaque, struct observation *ret_observation, struct error *err)
{
        struct kube_pool *pool = opaque;
        const struct kube_workload *workload = pool->workload;
        struct kube_workload_status status;
        struct kube_pool_sight sight = {.workload = workload, .status = &status};
        struct kube_pool_caches caches;

        if (!kube_pool_reach(pool, &caches, err))
                return kube_pool_fail(pool, err);
        sight.usage = kube_pool_ask(pool, &caches, ret_observation);
        /* From here on nothing waits: what caches hold, and what pods use, is of one instant. */
        if (!kube_pool_look(pool, &caches, &status, err))
                return kube_pool_fail(pool, err);
        sight.pods = kube_pods_find(&caches.pods, workload->namespace, workload->kind->kind,
                                    workload->options->name);
        sight.now_ms = clock_now_ms(workload->context.clock);
        kube_pool_observe(&sight, workload->context.pipeline, &pool->memory, ret_observation);
        return true;
}
