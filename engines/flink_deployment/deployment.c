/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink_deployment/deployment.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/object_options.h"

#define AT(member)    .offset = offsetof(struct flink_deployment_options, member)
#define KEY_ROOM      200
#define CONFIGURATION "spec.flinkConfiguration"

static const struct option options[] = {
        KUBE_OBJECT_OPTIONS(offsetof(struct flink_deployment_options, name),
                            offsetof(struct flink_deployment_options, namespace)),
        {.name = "url",
         .type = OPTION_TEXT,
         AT(flink.url),
         .help = "REST endpoint of its job manager; without it that of the service NAME-rest, port 8081, "
                 "which the operator makes."},
        FLINK_MEASURE_OPTIONS(offsetof(struct flink_deployment_options, flink)),
        {.name = "readySeconds",
         .type = OPTION_INT,
         AT(flink.rescale_timeout_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "600",
         .help = "How long it may take until the job runs what the object says. Then the change is taken "
                 "back."},
        HTTP_CONNECTION_OPTION(struct flink_deployment_options, flink.connection),
        {0},
};

static bool check(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct flink_deployment_options *told = object;

        return flink_check_url(told->flink.url, node, err);
}

const struct option_table flink_deployment_table = {
        .name = "flinkDeployment",
        .help = "A FlinkDeployment of the Flink Kubernetes operator, and the job that it runs.",
        .size = sizeof(struct flink_deployment_options),
        .options = options,
        .check = check,
};

/* ---- life ---- */

bool flink_deployment_open(const struct source_context *context, const struct flink_deployment_options *told,
                           struct flink_deployment **ret_deployment, struct error *err)
{
        autocall(flink_deployment_close) struct flink_deployment *deployment =
                memory_new(1, sizeof *deployment);

        deployment->options = told;
        deployment->context = *context;
        deployment->namespace = memory_copy_text(told->namespace ? told->namespace : context->namespace);
        if (!kube_shared_take(context->shared, &deployment->kubernetes, err))
                return error_wrap(err, "spec.engine.flinkDeployment");
        *ret_deployment = TAKE(deployment);
        return true;
}

void flink_deployment_close(struct flink_deployment *deployment)
{
        if (!deployment)
                return;
        kube_shared_give_back(deployment->context.shared, deployment->kubernetes);
        free(deployment->namespace);
        free(deployment);
}

bool flink_deployment_reach(struct flink_deployment *deployment, struct kube_client **ret_client,
                            const struct kube_resource **ret_resource, struct error *err)
{
        if (!kube_shared_client(deployment->kubernetes, ret_client, err))
                return false;
        if (!deployment->namespace)
                deployment->namespace = memory_copy_text(kube_client_namespace(*ret_client));
        deployment->flink = deployment->options->flink;
        deployment->flink.deployment = deployment->options->name;
        deployment->flink.namespace = deployment->namespace;
        return kube_shared_served(deployment->kubernetes, "flink.apache.org", "flinkdeployments",
                                  ret_resource, err);
}

bool flink_deployment_fail(const struct flink_deployment *deployment, struct error *err)
{
        return error_wrap(err, "flinkDeployment %.63s/%.100s",
                          deployment->namespace ? deployment->namespace : "?", deployment->options->name);
}

/* ---- settings ---- */

/* Flat before nested: that is how optctl writes. */
static const json_t *find(const json_t *map, const char *key)
{
        const json_t *found = json_object_get(map, key);

        for (const char *dot = key; !found && (dot = strchr(dot, '.')); dot++) {
                char head[KEY_ROOM];

                snprintf(head, sizeof head, "%.*s", (int)(dot - key), key);
                found = find(json_object_get(map, head), dot + 1);
        }
        return found;
}

const json_t *flink_deployment_setting(const json_t *object, const char *key)
{
        return find(kube_field(object, CONFIGURATION), key);
}

bool flink_deployment_has_setting(const json_t *object, const char *key, const char *value)
{
        const json_t *found = flink_deployment_setting(object, key);

        if (json_is_boolean(found))
                return strcmp(value, json_is_true(found) ? "true" : "false") == 0;
        return json_is_string(found) && strcasecmp(json_string_value(found), value) == 0;
}

struct flink_release flink_deployment_release(const json_t *object)
{
        const char *text = kube_field_text(object, "spec.flinkVersion");
        struct flink_release release = {0};
        char *end;

        if (*text != 'v')
                return release;
        release.major = (int)strtol(text + 1, &end, 10);
        if (*end == '_')
                release.minor = (int)strtol(end + 1, NULL, 10);
        return release;
}

/* ---- memory ---- */

double flink_memory_read(const char *text)
{
        static const struct {
                const char *unit;
                double bytes;
        } units[] = {
                {"", 1},         {"b", 1},        {"bytes", 1},   {"k", 0x1p10},   {"kb", 0x1p10},
                {"ki", 0x1p10},  {"kib", 0x1p10}, {"m", 0x1p20},  {"mb", 0x1p20},  {"mi", 0x1p20},
                {"mib", 0x1p20}, {"g", 0x1p30},   {"gb", 0x1p30}, {"gi", 0x1p30},  {"gib", 0x1p30},
                {"t", 0x1p40},   {"tb", 0x1p40},  {"ti", 0x1p40}, {"tib", 0x1p40},
        };
        char *end;
        double number;

        if (!isdigit((unsigned char)*text))
                return NAN;
        number = strtod(text, &end);
        end += strspn(end, " ");
        for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
                if (strcasecmp(end, units[i].unit) == 0)
                        return number * units[i].bytes;
        return NAN;
}

char *flink_memory_text(double bytes)
{
        double whole = ceil(bytes - 1e-6);

        return fmod(whole, 0x1p20) == 0 ? memory_format("%.0fm", whole / 0x1p20)
                                        : memory_format("%.0fb", whole);
}
