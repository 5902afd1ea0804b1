/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "engines/flink/collect.h"
#include "engines/flink_deployment/deployment.h"
#include "engines/kubernetes/fields.h"

/* ---- what matters of all of a namespace ---- */

struct seen {
        bool session, suspended;
        char state[24]; /* in its life, as the operator says: STABLE, UPGRADING, ... */
        char trouble[OBSERVATION_FAILURE_ROOM]; /* what the operator could not do; "": nothing */
};

/* The operator's word on an error is JSON in a text, or, in old versions, the text alone. */
static void read_trouble(const char *text, char *words, size_t room)
{
        struct error ignored = ERROR_INIT;
        autojson *told = NULL;
        const char *message = text;

        if (json_parse_text(text, strlen(text), "status.error", &told, &ignored))
                (void)json_find_text(told, "message", &message);
        snprintf(words, room, "%s", message);
        text_to_line(words);
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        struct seen *seen = memory_new(1, sizeof *seen);

        (void)context;
        seen->session = !json_is_object(kube_field(object, "spec.job"));
        seen->suspended = strcmp(kube_field_text(object, "spec.job.state"), "suspended") == 0;
        snprintf(seen->state, sizeof seen->state, "%s", kube_field_text(object, "status.lifecycleState"));
        read_trouble(kube_field_text(object, "status.error"), seen->trouble, sizeof seen->trouble);
        *ret_bytes = sizeof *seen;
        return seen;
}

static const struct kube_following following = {.project = project, .release = free};

/* Until it says otherwise, its operator is at work on the job: stops it, starts it, takes it back. */
static bool is_changing(const struct seen *seen)
{
        static const char *const states[] = {"CREATED", "UPGRADING", "ROLLING_BACK"};

        for (size_t i = 0; i < ARRAY_LENGTH(states); i++)
                if (strcmp(seen->state, states[i]) == 0)
                        return true;
        return false;
}

/* ---- life ---- */

struct state {
        struct flink_deployment *deployment;
        void *job;   /* a collector's (engines/flink/collect.h); NULL: not opened yet */
        bool looked; /* before */
        char trouble[OBSERVATION_FAILURE_ROOM]; /* that the operator told of last */
};

static void close_state(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        flink_collect_close(state->job);
        flink_deployment_close(state->deployment);
        free(state);
}

static bool open_state(const struct source_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        if (!flink_deployment_open(context, options, &state->deployment, err)) {
                free(state);
                return false;
        }
        *ret_state = state;
        return true;
}

/* ---- looking ---- */

static bool look(struct state *state, struct seen *ret_seen, struct error *err)
{
        struct flink_deployment *deployment = state->deployment;
        const struct kube_resource *resource;
        struct kube_follower follower;
        struct kube_client *client;
        const struct seen *seen;

        if (!flink_deployment_reach(deployment, &client, &resource, err) ||
            !kube_shared_follow(deployment->kubernetes, resource, &following, deployment->namespace,
                                &follower, err))
                return false;
        seen = kube_reflector_get(follower.reflector, deployment->namespace, deployment->options->name);
        if (!seen)
                return error_set(err, ERROR_NOT_FOUND, NULL, "there is none");
        if (seen->session)
                return error_set(err, ERROR_INPUT, "SessionCluster",
                                 "it runs no job of its own (spec.job); expected spec.engine.flink, with the "
                                 "url of its job manager");
        *ret_seen = *seen;
        /* The namespace, and with it the way to the job, may have become known just now. */
        return state->job || flink_collect_open(&deployment->context, &deployment->flink, &state->job, err);
}

/* Its job manager is not asked why it is silent: the operator stopped it. */
static bool fail_job(const struct state *state, const struct seen *seen, struct error *err)
{
        if (seen->suspended)
                error_set(err, ERROR_UNAVAILABLE, "JobSuspended", "it is suspended (spec.job.state)");
        else if (is_changing(seen))
                error_wrap(err, "its operator is at work on it (%s)", seen->state);
        return flink_deployment_fail(state->deployment, err);
}

static bool discover(void *opaque, json_t **ret_pipeline, struct error *err)
{
        struct state *state = opaque;
        struct seen seen;

        if (!look(state, &seen, err))
                return flink_deployment_fail(state->deployment, err);
        return flink_collect_discover(state->job, ret_pipeline, err) || fail_job(state, &seen, err);
}

/* What the operator could not do is told once. */
static void tell_trouble(struct state *state, const struct seen *seen, struct observation *observation)
{
        bool news = state->looked && *seen->trouble && strcmp(seen->trouble, state->trouble) != 0;

        if (news && !*observation->failure)
                memcpy(observation->failure, seen->trouble, sizeof seen->trouble);
        memcpy(state->trouble, seen->trouble, sizeof seen->trouble);
        state->looked = true;
}

static bool collect(void *opaque, struct observation *ret_observation, struct error *err)
{
        struct state *state = opaque;
        struct seen seen;

        if (!look(state, &seen, err))
                return flink_deployment_fail(state->deployment, err);
        if (seen.suspended || !flink_collect(state->job, ret_observation, err))
                return fail_job(state, &seen, err);
        ret_observation->restarting |= is_changing(&seen);
        tell_trouble(state, &seen, ret_observation);
        return true;
}

const struct collector flink_deployment_collector = {
        .name = "flinkDeployment",
        .summary = "A FlinkDeployment, read from the API server, and its job, read from its job manager.",
        .section = SECTION_ENGINE,
        .options = &flink_deployment_table,
        .open = open_state,
        .discover = discover,
        .collect = collect,
        .close = close_state,
};
