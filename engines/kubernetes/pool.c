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

static void observe_configuration(const struct kube_pool_sight *sight, const struct kube_pods_of *pods,
                                  const struct pipeline *pipeline, struct observation *observation)
{
        bool known = true;

        for (int i = 0; i < pipeline->n_knobs && i < observation->configuration.count; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                struct kube_resources running = running_resources(sight, pods, knob);
                const double *request = kube_resources_of_knob(&running, knob);
                double *value = &observation->configuration.value[i];

                if (knob->role == KNOB_WORKERS)
                        *value = observation->workers;
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

        return !status->observed || changing || (status->replicas > 0 && status->ready == 0);
}

void kube_pool_observe(const struct kube_pool_sight *sight, const struct pipeline *pipeline,
                       struct kube_pool_memory *memory, struct observation *ret_observation)
{
        const struct kube_pods_of *pods = sight->pods ? sight->pods : &no_pods;
        const struct kube_workload_status *status = sight->status;

        ret_observation->time_ms = sight->now_ms;
        ret_observation->window_ms =
                memory->looked_ms > 0 ? sight->now_ms - memory->looked_ms : FIRST_WINDOW_MS;
        ret_observation->missing =
                MISSING_RATES | MISSING_BACKLOG | MISSING_LATENCY | MISSING_CPU | MISSING_CONFIGURATION;
        ret_observation->restarting = is_rolling(status);
        ret_observation->workers = (int)count_running(pods);
        ret_observation->workers_ready = (int)status->ready;
        for (int i = 0; i < ret_observation->n_operators; i++)
                ret_observation->operators[i].parallelism = ret_observation->workers_ready;
        observe_restarts(pods, memory, ret_observation);
        observe_kills(pods, memory, ret_observation);
        observe_configuration(sight, pods, pipeline, ret_observation);
        if (sight->usage)
                ret_observation->memory.worker = memory_use(sight, pods);
        ret_observation->cpu_ratio =
                sight->usage ? cpu_ratio(sight, pods, &ret_observation->cpu_workers) : NAN;
        if (!isnan(ret_observation->cpu_ratio))
                ret_observation->missing &= ~(unsigned)MISSING_CPU;
        memory->looked_ms = sight->now_ms;
}

/* ---- a collector ---- */

struct state {
        struct kube_workload *workload;
        struct kube_pool_memory memory;
        /* Why it is not known what pods use, or should ask for, as it was said; NULL: it is known. */
        char *no_usage, *no_advice;
};

void kube_pool_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        kube_workload_close(state->workload);
        free(state->no_usage);
        free(state->no_advice);
        free(state);
}

bool kube_pool_open(const struct source_context *context, const struct kube_workload_kind *kind,
                    const void *options, void **ret_state, struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        state->memory = (struct kube_pool_memory){.restarts = -1, .killed_ms = INT64_MIN};
        if (!kube_workload_open(context, kind, options, &state->workload, err)) {
                free(state);
                return false;
        }
        *ret_state = state;
        return true;
}

/* Once for each reason: without it everything else goes on. */
static void say_unknown(const struct state *state, const char *what, char **said, const struct error *trouble)
{
        const struct source_context *context = &state->workload->context;

        if (*said && strcmp(*said, trouble->message) == 0)
                return;
        free(*said);
        *said = memory_copy_text(trouble->message);
        log_warning(context->log, what, LOG_TEXT("pipeline", context->name),
                    LOG_TEXT("reason", trouble->message));
}

struct caches {
        struct kube_follower objects, pods;
};

static bool reach(struct kube_workload *workload, struct caches *ret_caches, struct error *err)
{
        struct kube_client *client;

        return kube_workload_reach(workload, &client, err) &&
               kube_shared_follow(workload->kubernetes, &workload->kind->resource, &kube_workloads_following,
                                  workload->namespace, &ret_caches->objects, err) &&
               kube_shared_follow(workload->kubernetes, &kube_pods_resource, &kube_pods_following,
                                  workload->namespace, &ret_caches->pods, err);
}

static bool look(const struct kube_workload *workload, const struct caches *caches,
                 struct kube_workload_status *ret_status, struct error *err)
{
        const struct kube_workload_options *options = workload->options;
        const json_t *object =
                kube_reflector_get(caches->objects.reflector, workload->namespace, options->name);

        if (!object)
                return error_set(err, ERROR_NOT_FOUND, NULL, "there is none");
        kube_workload_read(object, options->container, ret_status);
        return *ret_status->container ||
               error_set(err, ERROR_INPUT, NULL, "its pods have no container \"%.63s\"",
                         options->container ? options->container : "");
}

/* What somebody else recommends that its container asks for, where knobs set that. */
static void take_advice(struct state *state, const struct caches *caches, struct observation *observation)
{
        const struct kube_workload *workload = state->workload;
        struct kube_workload_status status;
        struct kube_vertical_advice advice;
        struct error trouble = ERROR_INIT;
        struct kube_sized sized;

        if (!look(workload, caches, &status, &trouble) || !kube_sized_by(workload, status.container, &sized))
                return;
        if (!kube_take_vertical(workload->kubernetes, &sized, &advice, &trouble)) {
                say_unknown(state, "recommendations are not known", &state->no_advice, &trouble);
                return;
        }
        if (sized.cpu)
                observation->cpu_advice = advice.cpu;
        if (sized.memory)
                observation->memory_advice = advice.memory;
}

bool kube_pool_collect(void *opaque, struct observation *ret_observation, struct error *err)
{
        struct state *state = opaque;
        struct kube_workload *workload = state->workload;
        const struct source_context *context = &workload->context;
        struct kube_workload_status status;
        struct kube_pool_sight sight = {.workload = workload, .status = &status};
        struct caches caches;
        struct error trouble = ERROR_INIT;
        char words[KUBE_WORKLOAD_WORDS];

        if (!reach(workload, &caches, err))
                return error_wrap(err, "%s", kube_workload_words(workload, words));
        take_advice(state, &caches, ret_observation);
        if (!kube_usage_take(workload->kubernetes, workload->namespace, &sight.usage, &trouble))
                say_unknown(state, "CPU use is not known", &state->no_usage, &trouble);
        /* From here on nothing waits: what caches hold, and what pods use, is of one instant. */
        if (!look(workload, &caches, &status, err))
                return error_wrap(err, "%s", kube_workload_words(workload, words));
        sight.pods = kube_pods_find(&caches.pods, workload->namespace, workload->kind->kind,
                                    workload->options->name);
        sight.now_ms = clock_now_ms(context->clock);
        kube_pool_observe(&sight, context->pipeline, &state->memory, ret_observation);
        return true;
}
