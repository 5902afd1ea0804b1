/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/operator.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "controller/operator/internal.h"

#define WORKERS  32 /* requests to the API server that are under way at once, at most */
#define METER_MS (5 * MS_PER_SECOND)

const struct kube_resource tuned_resource = {"optctl.dev", "v1alpha1", "tunedpipelines"};

static const char *const result_labels[] = {"result", NULL};
static const double time_bounds[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30};
static const struct metric_family reconciled_family =
        {.name = "optctl_reconcile_total",
         .type = METRIC_COUNTER,
         .help = "Objects that were gone through, by how it went.",
         .labels = result_labels};
static const struct metric_family errors_family = {.name = "optctl_reconcile_errors_total",
                                                   .type = METRIC_COUNTER,
                                                   .help = "Objects that could not be gone through."};
static const struct metric_family time_family = {.name = "optctl_reconcile_time_seconds",
                                                 .type = METRIC_HISTOGRAM,
                                                 .help = "Time that going through an object took.",
                                                 .upper_bounds = time_bounds,
                                                 .n_upper_bounds = (int)ARRAY_LENGTH(time_bounds)};
static const struct metric_family objects_family = {.name = "optctl_tuned_pipelines",
                                                    .type = METRIC_GAUGE,
                                                    .help = "TunedPipelines that the API server has."};

METRIC_FAMILY(reconciled_family);
METRIC_FAMILY(errors_family);
METRIC_FAMILY(time_family);
METRIC_FAMILY(objects_family);

/* ---- what is known of a pipeline ---- */

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct tuned *)a)->key, ((const struct tuned *)b)->key);
}

static void tuned_free(void *node)
{
        struct tuned *tuned = node;

        view_clear(&tuned->view);
        pricing_clear(&tuned->pricing);
        json_decref(tuned->cost);
        free(tuned->key);
        free(tuned->namespace);
        free(tuned->name);
        free(tuned->uid);
        free(tuned->invalid);
        free(tuned->other);
        free(tuned);
}

struct tuned *operator_find(struct cluster_operator *op, const char *key)
{
        const struct tuned sought = {.key = (char *)(uintptr_t)key};
        struct tuned **found = tfind(&sought, &op->tuned, compare);

        return found ? *found : NULL;
}

static struct tuned *find_or_make(struct cluster_operator *op, const char *key)
{
        struct tuned *tuned = operator_find(op, key);
        const char *slash = strchr(key, '/');

        if (tuned)
                return tuned;
        tuned = memory_new(1, sizeof *tuned);
        tuned->op = op;
        tuned->key = memory_copy_text(key);
        tuned->namespace = memory_format("%.*s", (int)(slash - key), key);
        tuned->name = memory_copy_text(slash + 1);
        view_clear(&tuned->view);
        (void)tsearch(tuned, &op->tuned, compare);
        return tuned;
}

/* ---- what calls for work ---- */

static void want(void *context, const char *key)
{
        struct cluster_operator *op = context;

        work_queue_add(op->queue, key);
}

static void on_changed(void *context, const char *namespace, const char *name, const void *before,
                       const void *now)
{
        struct cluster_operator *op = context;
        const struct tuned_object *old = before, *new = now;
        autofree char *key = memory_format("%s/%s", namespace, name);

        if (old && old->claim) {
                claims_each(op->claims, old->claim, want, op);
                claims_remove(op->claims, old->claim, key);
        }
        if (new &&new->claim && !new->deleted) {
                claims_add(op->claims, new->claim, new->created, new->uid, key);
                claims_each(op->claims, new->claim, want, op);
        }
        work_queue_add(op->queue, key);
}

/* ---- workers ---- */

/* Zeros, so that the first failure is seen as one more. */
static void begin_counting(struct metrics *metrics)
{
        metrics_add(metrics, &reconciled_family, (const char *const[]){"success"}, 0);
        metrics_add(metrics, &reconciled_family, (const char *const[]){"error"}, 0);
        metrics_add(metrics, &errors_family, NULL, 0);
}

static void forget(struct cluster_operator *op, struct tuned *tuned)
{
        (void)tdelete(tuned, &op->tuned, compare);
        tuned_free(tuned);
}

/* By the key's form: NAMESPACE/NAME of a pipeline, /NAME of a PriceBook, //NAMESPACE/NAME of a study. */
static enum work_result sync_other(struct cluster_operator *op, const char *key)
{
        return key[1] == '/' ? operator_sync_study(op, key) : operator_sync_book(op, key);
}

static void work_on(struct cluster_operator *op, const char *key)
{
        int64_t since_ms = reactor_steady_ms(op->setup.reactor);
        struct tuned *tuned = *key == '/' ? NULL : find_or_make(op, key);
        enum work_result result = tuned ? operator_sync(op, tuned) : sync_other(op, key);
        const char *const label = result == WORK_FAILED ? "error" : "success";
        struct metrics *metrics = op->setup.metrics;

        metrics_add(metrics, &reconciled_family, (const char *const[]){label}, 1);
        if (result == WORK_FAILED)
                metrics_add(metrics, &errors_family, NULL, 1);
        metrics_observe(metrics, &time_family, NULL,
                        (double)(reactor_steady_ms(op->setup.reactor) - since_ms) / MS_PER_SECOND);
        if (result == WORK_FORGET && tuned)
                forget(op, tuned);
        work_queue_done(op->queue, key, result);
}

/* No action on what is missing before everything was seen. */
static void run_worker(void *argument)
{
        struct cluster_operator *op = argument;
        struct error ignored = ERROR_INIT;
        const char *key;

        if (!kube_reflector_wait(op->pipelines, INT64_MAX / 4, &ignored))
                return;
        operator_prices_wait(op->prices);
        while (work_queue_take(op->queue, &key))
                work_on(op, key);
}

/* What changes by itself, for /metrics. */
static void run_meter(void *argument)
{
        struct cluster_operator *op = argument;
        const struct clock clock = reactor_clock(op->setup.reactor);
        struct error interrupted = ERROR_INIT;

        do {
                const struct kube_reflector_state state = kube_reflector_state(op->pipelines);

                work_queue_measure(op->queue);
                operator_count_shards(op);
                metrics_set(op->setup.metrics, &objects_family, NULL, (double)state.objects);
        } while (clock_sleep_until(&clock, clock_now_ms(&clock) + METER_MS, &interrupted));
}

/* ---- life ---- */

static void start(struct cluster_operator *op)
{
        struct reactor *reactor = op->setup.reactor;
        int workers = op->setup.workers > 0 ? op->setup.workers : WORKERS;

        begin_counting(op->setup.metrics);
        shards_start(op->leases);
        reactor_spawn(reactor, kube_reflector_run, op->pipelines);
        if (op->prices)
                operator_prices_start(op->prices);
        if (op->studies)
                operator_studies_start(op->studies);
        if (op->nodes)
                reactor_spawn(reactor, operator_nodes_run, op->nodes);
        reactor_spawn(reactor, kube_events_run, op->events);
        reactor_spawn(reactor, run_meter, op);
        for (int i = 0; i < workers; i++)
                reactor_spawn(reactor, run_worker, op);
}

struct cluster_operator *operator_new(const struct operator_setup *setup)
{
        struct cluster_operator *op = memory_new(1, sizeof *op);
        const struct kube_reflector_options followed = {.resource = &tuned_resource,
                                                        .selection = {.namespace = setup->namespace},
                                                        .project = tuned_object_project,
                                                        .release = tuned_object_free,
                                                        .changed = on_changed,
                                                        .context = op,
                                                        .log = setup->log};

        op->setup = *setup;
        op->queue = work_queue_new(setup->reactor, setup->metrics);
        op->claims = claims_new();
        operator_shards_open(op);
        op->events = kube_events_new(setup->client, "optctl.dev/operator", setup->identity, setup->log);
        op->pipelines = kube_reflector_new(setup->client, &followed);
        op->prices = setup->no_price_books ? NULL : operator_prices_new(op);
        op->nodes = setup->kubernetes ? operator_nodes_new(op) : NULL;
        op->studies = setup->study_image ? operator_studies_new(op) : NULL;
        start(op);
        return op;
}

void operator_free(struct cluster_operator *op)
{
        if (!op)
                return;
        operator_nodes_free(op->nodes);
        operator_prices_free(op->prices);
        operator_studies_free(op->studies);
        kube_reflector_free(op->pipelines);
        kube_events_free(op->events);
        operator_shards_close(op);
        tdestroy(op->tuned, tuned_free);
        claims_free(op->claims);
        work_queue_free(op->queue);
        free(op);
}

bool operator_release(struct cluster_operator *op, struct error *err)
{
        return shards_release(op->leases, err);
}
