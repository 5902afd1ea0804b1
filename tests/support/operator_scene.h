/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_OPERATOR_SCENE_H
#define OPTCTL_TESTS_SUPPORT_OPERATOR_SCENE_H

/* `optctl controller` in virtual time on a played cluster, whose engines are those of fleet_stage.h. */
#include "controller/operator/operator.h"
#include "tests/support/fleet_stage.h"
#include "tests/support/kube_cluster.h"

struct scene {
        struct scratch scratch; /* where file names of specs start from */
        struct reactor *reactor;
        struct http_client *http;
        struct metrics *metrics;
        struct kube_cluster *cluster;
        struct kube_client *client;
        struct fleet *fleet;
        struct cluster_operator *op;
        struct registry registry;
};

/* `kept`: what kube_cluster_keep has of a cluster that an earlier operator left; NULL: nothing is there. */
static inline void open_kept_scene(struct scene *scene, const json_t *kept)
{
        static const struct collector *const collectors[] = {&played_collector, NULL};
        static const struct actuator *const actuators[] = {&played_actuator, NULL};
        const struct reactor_options options = {.virtual_start_ms = START};
        struct error err = ERROR_INIT;

        memset(world, 0, sizeof world);
        scene->scratch = scratch_open();
        assert_true(reactor_new(&options, &scene->reactor, &err));
        assert_true(http_client_new(scene->reactor, NULL, NULL, &scene->http, &err));
        scene->metrics = metrics_new();
        scene->cluster = kube_cluster_new(scene->reactor, kept);
        scene->client = kube_cluster_client(scene->cluster, scene->http);
        scene->registry = *registry_all();
        scene->registry.collectors = collectors;
        scene->registry.actuators = actuators;
}

static inline void open_scene(struct scene *scene)
{
        open_kept_scene(scene, NULL);
}

/* `setup`: what a test wants otherwise than is usual; the scene's own parts are put into it. */
static inline void start_operator(struct scene *scene, struct operator_setup setup)
{
        const struct fleet_setup in_fleet = {.reactor = scene->reactor,
                                             .metrics = scene->metrics,
                                             .registry = &scene->registry};

        scene->fleet = fleet_new(&in_fleet);
        setup.reactor = scene->reactor;
        setup.client = scene->client;
        setup.metrics = scene->metrics;
        setup.fleet = scene->fleet;
        setup.lease_namespace = "n";
        setup.lease_name = "optctl";
        setup.identity = "optctl_1";
        setup.data = scene->scratch.folder;
        scene->op = operator_new(&setup);
}

static inline void close_scene(struct scene *scene)
{
        reactor_stop(scene->reactor);
        reactor_run(scene->reactor);
        operator_free(scene->op);
        fleet_free(scene->fleet);
        kube_client_free(scene->client);
        kube_cluster_free(scene->cluster);
        http_client_free(scene->http);
        metrics_free(scene->metrics);
        reactor_free(scene->reactor);
        scratch_close(&scene->scratch);
}

struct wait {
        struct reactor *reactor;
        int64_t seconds;
};

static inline void sleep_for(void *argument)
{
        const struct wait *wait = argument;
        const struct clock clock = reactor_clock(wait->reactor);
        struct error ignored = ERROR_INIT;

        (void)clock_sleep_until(&clock, clock_now_ms(&clock) + wait->seconds * MS_PER_SECOND, &ignored);
}

static inline void pass(struct scene *scene, int64_t seconds)
{
        struct wait wait = {scene->reactor, seconds};

        reactor_call(scene->reactor, sleep_for, &wait);
}

#endif
