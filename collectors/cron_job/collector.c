/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "collectors/cron_job/runs.h"
#include "engines/kubernetes/batch.h"
#include "engines/kubernetes/pool.h"

/*
 * A CronJob: what its next run will have, and how the newest one went that is over. What the pods of those
 * that run now use is told, too: that is what requests are sized by.
 */
static const struct option list[] = {
        KUBE_WORKLOAD_OBJECT,
        KUBE_WORKLOAD_CONTAINER(
                "Container whose requests the knobs `worker.cpu` and `memory` set, and whose use counts. "
                "Without it all containers of a pod count as one, and the knobs set the one that kubectl "
                "takes (the annotation kubectl.kubernetes.io/default-container, else the first)."),
        KUBE_BATCH_COMPLETIONS,
        {0},
};

static const struct option_table options = {
        .name = "cronJob",
        .help = "A CronJob of Kubernetes. What is set holds from its next run on.",
        .size = sizeof(struct kube_workload_options),
        .options = list,
};

struct state {
        struct kube_pool pool;
        struct kube_run_memory memory;
        /* CPU use as it was measured last, for who was killed since; NAN: it never was. */
        double cpu_ratio;
        int cpu_workers;
};

static void close_state(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        kube_pool_clear(&state->pool);
        kube_run_memory_clear(&state->memory);
        free(state);
}

static bool open_state(const struct source_context *context, const void *told, void **ret_state,
                       struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        state->cpu_ratio = NAN;
        if (!kube_pool_init(&state->pool, context, &kube_cron_job_kind, told, err)) {
                free(state);
                return false;
        }
        *ret_state = state;
        return true;
}

/* ---- looking ---- */

struct caches {
        struct kube_pool_caches pool;
        struct kube_follower runs;
};

static bool reach(struct kube_pool *pool, struct caches *ret_caches, struct error *err)
{
        struct kube_workload *workload = pool->workload;

        return kube_pool_reach(pool, &ret_caches->pool, err) &&
               kube_shared_follow(workload->kubernetes, &kube_jobs_resource, &job_runs_following,
                                  workload->namespace, &ret_caches->runs, err);
}

/* A run that ends with a kill has nothing left that could be measured: what was measured before counts. */
static void remember_use(struct state *state, struct observation *observation)
{
        if (!isnan(observation->cpu_ratio)) {
                state->cpu_ratio = observation->cpu_ratio;
                state->cpu_workers = observation->cpu_workers;
        } else if (observation->memory.killed > 0 && !isnan(state->cpu_ratio)) {
                observation->cpu_ratio = state->cpu_ratio;
                observation->cpu_workers = state->cpu_workers;
                observation->missing &= ~(unsigned)MISSING_CPU;
        }
}

static void observe_runs(struct state *state, const struct caches *caches,
                         const struct kube_pool_sight *sight, struct observation *observation)
{
        const struct kube_workload *workload = state->pool.workload;
        const char *uid = kube_reflector_uid(caches->pool.objects.reflector, workload->namespace,
                                             workload->options->name);
        const struct job_run *newest = kube_runs_newest(&caches->runs, uid, &state->memory);
        struct kube_pool_sight of_runs = *sight;
        struct kube_pods_of pods = {.count = 0};

        job_runs_pods(&caches->runs, &caches->pool.pods, uid, newest, &pods);
        of_runs.pods = &pods;
        kube_pool_observe_use(&of_runs, &state->pool.memory, observation);
        remember_use(state, observation);
        if (newest) {
                const struct kube_pods_of *own =
                        kube_pods_find(&caches->pool.pods, workload->namespace, "Job", newest->name);
                autofree char *trouble = job_run_trouble(newest, own);

                job_run_observe(newest, own, workload, &observation->run);
                kube_run_observe(&state->memory, &newest->run, trouble, observation);
        }
        free(pods.pods);
}

static bool collect(void *opaque, struct observation *ret_observation, struct error *err)
{
        struct state *state = opaque;
        struct kube_pool *pool = &state->pool;
        const struct kube_workload *workload = pool->workload;
        struct kube_workload_status status;
        struct kube_pool_sight sight = {.workload = workload, .status = &status};
        struct caches caches;

        if (!reach(pool, &caches, err))
                return kube_pool_fail(pool, err);
        sight.usage = kube_pool_ask(pool, &caches.pool, ret_observation);
        /* From here on nothing waits: what caches hold is of one instant. */
        if (!kube_pool_look(pool, &caches.pool, &status, err))
                return kube_pool_fail(pool, err);
        sight.now_ms = clock_now_ms(workload->context.clock);
        kube_periodic_observe(&state->memory, sight.now_ms, ret_observation);
        kube_workload_configure(workload->kind, &status, workload->context.pipeline,
                                &ret_observation->configuration);
        observe_runs(state, &caches, &sight, ret_observation);
        return true;
}

const struct collector cron_job_collector = {
        .name = "cronJob",
        .summary = "A CronJob of Kubernetes and its runs, read from the API server.",
        .section = SECTION_ENGINE,
        .options = &options,
        .open = open_state,
        .collect = collect,
        .close = close_state,
};
