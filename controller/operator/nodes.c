/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/nodes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/operator/node_costs.h"
#include "controller/operator/opencost.h"
#include "controller/operator/internal.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/pods.h"

#define ROUND_MS (30 * INT64_C(1000))
#define GIBIBYTE 1073741824.0

static const char *const node_labels[] = {"price_book", "instance_type", "capacity", "currency", NULL};
static const char *const pipeline_labels[] = {"pipeline", "currency", NULL};

enum { NODES, NODES_COST, NODES_IDLE, PODS_COST, PODS_IDLE };

static const struct metric_family families[] = {
        [NODES] = {.name = "optctl_nodes",
                   .type = METRIC_GAUGE,
                   .help = "Nodes that have a price by a PriceBook; with optctl controller --node-prices.",
                   .labels = node_labels},
        [NODES_COST] = {.name = "optctl_nodes_cost_per_hour",
                        .type = METRIC_GAUGE,
                        .help = "What these nodes cost.",
                        .labels = node_labels},
        [NODES_IDLE] = {.name = "optctl_nodes_idle_cost_per_hour",
                        .type = METRIC_GAUGE,
                        .help = "What of it no pod asks for.",
                        .labels = node_labels},
        [PODS_COST] = {.name = "optctl_pipeline_pods_cost_per_hour",
                       .type = METRIC_GAUGE,
                       .help = "What a pipeline's pods ask for, by the prices of their nodes.",
                       .labels = pipeline_labels},
        [PODS_IDLE] = {.name = "optctl_pipeline_pods_idle_cost_per_hour",
                       .type = METRIC_GAUGE,
                       .help = "Their part of what is idle on their nodes.",
                       .labels = pipeline_labels},
};

METRIC_FAMILIES(families);

static const struct kube_resource nodes_resource = {"", "v1", "nodes"};

/* What is kept of a node. */
struct node_object {
        char *type;
        bool spot;
        double cores, gibibytes; /* that pods may ask for; 0: not known */
};

/* A group of nodes that has metrics. */
struct shown {
        char *book, *type, *currency;
        bool spot;
};

struct operator_nodes {
        struct cluster_operator *op;
        char *trouble; /* that was told; NULL: none */
        char *silence; /* of OpenCost, the same */
        size_t n_shown;
        struct shown *shown;
};

/* One round. */
struct reckoning {
        struct operator_nodes *nodes;
        struct kube_follower objects, pods;
        const struct operator_book *book; /* that is gone through */
        struct node_costs *costs;         /* by it */
};

/* ---- nodes ---- */

/* Capacity that may be taken away, as its providers label it. */
static bool is_spot(const json_t *labels)
{
        static const char *const marks[][2] = {{"karpenter.sh/capacity-type", "spot"},
                                               {"eks.amazonaws.com/capacityType", "SPOT"},
                                               {"cloud.google.com/gke-spot", "true"},
                                               {"kubernetes.azure.com/scalesetpriority", "spot"}};

        for (size_t i = 0; i < ARRAY_LENGTH(marks); i++) {
                const char *value = json_string_value(json_object_get(labels, marks[i][0]));

                if (value && strcmp(value, marks[i][1]) == 0)
                        return true;
        }
        return false;
}

static double known(double value)
{
        return isnan(value) ? 0 : value;
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        const json_t *labels = kube_field(object, "metadata.labels");
        const char *type = json_string_value(json_object_get(labels, "node.kubernetes.io/instance-type"));
        struct node_object *node = memory_new(1, sizeof *node);

        (void)context;
        node->type = memory_copy_text(type ? type : "");
        node->spot = is_spot(labels);
        node->cores = known(kube_field_quantity(object, "status.allocatable.cpu"));
        node->gibibytes = known(kube_field_quantity(object, "status.allocatable.memory")) / GIBIBYTE;
        *ret_bytes = sizeof *node + strlen(node->type) + 1;
        return node;
}

static void release(void *kept)
{
        struct node_object *node = kept;

        free(node->type);
        free(node);
}

static const struct kube_following nodes_following = {.project = project, .release = release};

/* ---- by one price book ---- */

static void add_node(void *context, const char *namespace, const char *name, const void *kept)
{
        const struct reckoning *reckoning = context;
        const struct node_object *node = kept;
        const struct opencost *opencost = reckoning->nodes->op->setup.opencost;
        const struct node_shape shape = {node->type, node->spot, node->cores, node->gibibytes};
        struct node_rates rates;

        (void)namespace;
        if ((opencost && opencost_rates(opencost, name, &rates)) ||
            (reckoning->book->nodes && node_prices_of(reckoning->book->nodes, &shape, &rates)))
                node_costs_add(reckoning->costs, name, &shape, &rates);
}

static void take_pod(void *context, const char *namespace, const char *name, const void *kept)
{
        const struct reckoning *reckoning = context;
        const struct kube_pod *pod = kept;

        (void)namespace;
        (void)name;
        if (pod->bound && !pod->ended)
                node_costs_take(reckoning->costs, pod->node, pod->cores, pod->memory / GIBIBYTE);
}

static void set_group(const struct operator_nodes *nodes, const struct shown *shown, double count,
                      double whole, double idle)
{
        struct metrics *metrics = nodes->op->setup.metrics;
        const char *const labels[] = {shown->book, shown->type, shown->spot ? "spot" : "on-demand",
                                      shown->currency};

        metrics_set(metrics, &families[NODES], labels, count);
        metrics_set(metrics, &families[NODES_COST], labels, whole);
        metrics_set(metrics, &families[NODES_IDLE], labels, idle);
}

static void show_group(void *context, const struct node_group *group)
{
        const struct reckoning *reckoning = context;
        struct operator_nodes *nodes = reckoning->nodes;
        struct shown *shown;

        if (!operator_has(nodes->op, CLUSTER_SHARD))
                return;
        nodes->shown = memory_resize(nodes->shown, nodes->n_shown + 1, sizeof *nodes->shown);
        shown = &nodes->shown[nodes->n_shown++];
        *shown = (struct shown){memory_copy_text(reckoning->book->name), memory_copy_text(group->type),
                                memory_copy_text(reckoning->book->currency), group->spot};
        set_group(nodes, shown, group->nodes, group->whole, group->idle);
}

static void shown_clear(struct operator_nodes *nodes)
{
        while (nodes->n_shown > 0) {
                struct shown *shown = &nodes->shown[--nodes->n_shown];

                free(shown->book);
                free(shown->type);
                free(shown->currency);
        }
}

/* ---- pipelines ---- */

struct pods_cost {
        double pods_per_hour, idle_per_hour;
        int pods, priced;
};

static struct pods_cost cost_of(const struct reckoning *reckoning, const struct tuned_object *object)
{
        const struct tuned_workload *workload = &object->workload;
        const struct kube_pods_of *of =
                kube_pods_find(&reckoning->pods, workload->namespace, workload->kind, workload->name);
        struct pods_cost sum = {0};

        for (size_t i = 0; of && i < of->count; i++) {
                const struct kube_pod *pod = of->pods[i];
                double cost, idle;

                if (!pod->bound || pod->ended)
                        continue;
                sum.pods++;
                if (!node_costs_pod(reckoning->costs, pod->node, pod->cores, pod->memory / GIBIBYTE, &cost,
                                    &idle))
                        continue;
                sum.priced++;
                sum.pods_per_hour += cost;
                sum.idle_per_hour += idle;
        }
        return sum;
}

/* Objects carry no floats: digits, few enough to stay as they are for a while. */
static json_t *digits(double value)
{
        char text[32];

        snprintf(text, sizeof text, "%.4g", value);
        return json_string(text);
}

static json_t *cost_json(const struct pods_cost *cost, const char *currency)
{
        double whole = cost->pods_per_hour + cost->idle_per_hour;

        return json_pack("{s:s, s:o, s:o, s:I, s:i, s:i}", "currency", currency, "podsPerHour",
                         digits(cost->pods_per_hour), "idlePerHour", digits(cost->idle_per_hour),
                         "idlePercent",
                         (json_int_t)(whole > 0 ? llround(100 * cost->idle_per_hour / whole) : 0), "pods",
                         cost->pods, "pricedPods", cost->priced);
}

static void set_pipeline(const struct tuned *tuned, const char *currency, double pods, double idle)
{
        struct metrics *metrics = tuned->op->setup.metrics;
        const char *const labels[] = {tuned->key, currency};

        metrics_set(metrics, &families[PODS_COST], labels, pods);
        metrics_set(metrics, &families[PODS_IDLE], labels, idle);
}

/* NULL: it is not known. */
static void take_cost(struct tuned *tuned, json_t *take_cost)
{
        if (tuned->cost)
                set_pipeline(tuned, json_string_value(json_object_get(tuned->cost, "currency")), NAN, NAN);
        if (!json_equal(take_cost, tuned->cost) && (take_cost || tuned->cost))
                work_queue_add(tuned->op->queue, tuned->key);
        json_decref(tuned->cost);
        tuned->cost = take_cost;
}

static void price_pipeline(void *context, const char *namespace, const char *name, const void *kept)
{
        const struct reckoning *reckoning = context;
        const struct tuned_object *object = kept;
        autofree char *key = memory_format("%s/%s", namespace, name);
        struct tuned *tuned = operator_find(reckoning->nodes->op, key);
        struct pods_cost cost;

        if (!tuned || !operator_has(tuned->op, tuned->shard) || !object->workload.name ||
            tuned->pricing.how != PRICED_BOOK || strcmp(tuned->pricing.book, reckoning->book->name) != 0)
                return;
        cost = cost_of(reckoning, object);
        if (cost.priced == 0 && cost.pods > 0) {
                take_cost(tuned, NULL);
                return;
        }
        take_cost(tuned, cost_json(&cost, reckoning->book->currency));
        set_pipeline(tuned, reckoning->book->currency, cost.pods_per_hour, cost.idle_per_hour);
}

static void reckon(void *context, const struct operator_book *book)
{
        struct reckoning *reckoning = context;

        if (!book->nodes && !reckoning->nodes->op->setup.opencost)
                return;
        reckoning->book = book;
        reckoning->costs = node_costs_new();
        kube_reflector_each(reckoning->objects.reflector, add_node, reckoning);
        kube_reflector_each(reckoning->pods.reflector, take_pod, reckoning);
        node_costs_each_group(reckoning->costs, show_group, reckoning);
        kube_reflector_each(reckoning->nodes->op->pipelines, price_pipeline, reckoning);
        node_costs_free(reckoning->costs);
}

/* ---- rounds ---- */

static void forget_nodes(struct operator_nodes *nodes)
{
        for (size_t i = 0; i < nodes->n_shown; i++)
                set_group(nodes, &nodes->shown[i], NAN, NAN, NAN);
        shown_clear(nodes);
}

/* Those that are no longer counted by a book with prices of nodes say nothing of it; and nobody does while
 * nodes or pods are not known. */
static void forget_cost(void *context, const char *namespace, const char *name, const void *kept)
{
        const struct reckoning *reckoning = context;
        struct cluster_operator *op = reckoning->nodes->op;
        autofree char *key = memory_format("%s/%s", namespace, name);
        struct tuned *tuned = operator_find(op, key);

        (void)kept;
        if (tuned && tuned->cost &&
            (!reckoning->pods.reflector || !operator_has(op, tuned->shard) ||
             (!op->setup.opencost && !operator_book_has_nodes(op, &tuned->pricing))))
                take_cost(tuned, NULL);
}

/* Once for each reason; NULL: there is none. */
static void tell_trouble(const struct operator_nodes *nodes, const char *what, char **told,
                         const char *trouble)
{
        if (trouble && (!*told || strcmp(trouble, *told) != 0))
                log_warning(nodes->op->setup.log, what, LOG_TEXT("reason", trouble));
        free(*told);
        *told = memory_copy_text(trouble);
}

/* What it said last counts on. */
static void ask_opencost(struct operator_nodes *nodes)
{
        struct opencost *opencost = nodes->op->setup.opencost;
        struct error err = ERROR_INIT;

        if (opencost)
                tell_trouble(nodes, "OpenCost does not tell what nodes cost", &nodes->silence,
                             opencost_read(opencost, &err) ? NULL : err.message);
}

static bool follow(struct operator_nodes *nodes, struct reckoning *reckoning)
{
        struct kube_shared *kubernetes = nodes->op->setup.kubernetes;
        struct error err = ERROR_INIT;
        bool done = kube_shared_follow(kubernetes, &nodes_resource, &nodes_following, NULL,
                                       &reckoning->objects, &err) &&
                    kube_shared_follow(kubernetes, &kube_pods_resource, &kube_pods_following, NULL,
                                       &reckoning->pods, &err);

        tell_trouble(nodes, "what pods cost is not known", &nodes->trouble, done ? NULL : err.message);
        return done;
}

static void round_of(struct operator_nodes *nodes)
{
        struct cluster_operator *op = nodes->op;
        struct reckoning reckoning = {.nodes = nodes};
        bool known = false;

        if (operator_has_any(op) && (op->setup.opencost || operator_any_nodes(op))) {
                ask_opencost(nodes);
                known = follow(nodes, &reckoning);
        }
        forget_nodes(nodes);
        kube_reflector_each(op->pipelines, forget_cost, &reckoning);
        if (known)
                operator_each_book(op, reckon, &reckoning);
}

void operator_nodes_run(void *argument)
{
        struct operator_nodes *nodes = argument;
        const struct clock clock = reactor_clock(nodes->op->setup.reactor);
        struct error interrupted = ERROR_INIT;

        while (clock_sleep_until(&clock, clock_now_ms(&clock) + ROUND_MS, &interrupted))
                round_of(nodes);
}

struct operator_nodes *operator_nodes_new(struct cluster_operator *op)
{
        struct operator_nodes *nodes = memory_new(1, sizeof *nodes);

        nodes->op = op;
        return nodes;
}

void operator_nodes_free(struct operator_nodes *nodes)
{
        if (!nodes)
                return;
        shown_clear(nodes);
        free(nodes->shown);
        free(nodes->trouble);
        free(nodes->silence);
        free(nodes);
}
