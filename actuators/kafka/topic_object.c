/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "actuators/kafka/topic_object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "engines/kubernetes/call.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/owners.h"

#define KIND     "KafkaTopic"
#define CLUSTER  "strimzi.io/cluster"
#define ATTEMPTS 3 /* its status changes all the time, and with it its version */

struct topic_objects {
        const struct kafka_object_options *options;
        struct source_context context;
        struct kube_shared *kubernetes;
        char *namespace; /* NULL: not known yet */
};

/* ---- life ---- */

bool topic_objects_open(const struct source_context *context, const struct kafka_object_options *options,
                        struct topic_objects **ret_objects, struct error *err)
{
        struct topic_objects *objects = memory_new(1, sizeof *objects);

        objects->options = options;
        objects->context = *context;
        objects->namespace = memory_copy_text(options->namespace ? options->namespace : context->namespace);
        if (!kube_shared_take(context->shared, &objects->kubernetes, err)) {
                topic_objects_close(objects);
                return error_wrap(err, "spec.broker.kafka.topicObjects");
        }
        *ret_objects = objects;
        return true;
}

void topic_objects_close(struct topic_objects *objects)
{
        if (!objects)
                return;
        kube_shared_give_back(objects->context.shared, objects->kubernetes);
        free(objects->namespace);
        free(objects);
}

void topic_object_fini(struct topic_object *object)
{
        json_decref(TAKE(object->object));
}

/* ---- which object ---- */

struct seen {
        char topic[254], cluster[254];
};

static const char *label_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(kube_field(object, "metadata.labels"), name));

        return text ? text : "";
}

static const char *topic_of(const json_t *object)
{
        const char *name = kube_field_text(object, "spec.topicName");

        return *name ? name : kube_meta(object, "name");
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        struct seen *seen = memory_new(1, sizeof *seen);

        (void)context;
        snprintf(seen->topic, sizeof seen->topic, "%s", topic_of(object));
        snprintf(seen->cluster, sizeof seen->cluster, "%s", label_of(object, CLUSTER));
        *ret_bytes = sizeof *seen;
        return seen;
}

static const struct kube_following following = {.project = project, .release = free};

struct search {
        const struct topic_objects *objects;
        const char *topic;
        int count;
        char found[254];
};

static void visit(void *context, const char *namespace, const char *name, const void *kept)
{
        struct search *search = context;
        const struct seen *seen = kept;
        const char *cluster = search->objects->options->cluster;

        if (strcmp(namespace, search->objects->namespace) != 0 || strcmp(seen->topic, search->topic) != 0 ||
            (cluster && strcmp(seen->cluster, cluster) != 0))
                return;
        search->count++;
        snprintf(search->found, sizeof search->found, "%s", name);
}

static bool find(struct topic_objects *objects, const char *topic, struct topic_object *object,
                 struct error *err)
{
        struct search search = {.objects = objects, .topic = topic};
        struct kube_follower follower;

        if (!kube_shared_client(objects->kubernetes, &object->client, err))
                return false;
        if (!objects->namespace)
                objects->namespace = memory_copy_text(kube_client_namespace(object->client));
        if (!kube_shared_served(objects->kubernetes, "kafka.strimzi.io", "kafkatopics", &object->resource,
                                err) ||
            !kube_shared_follow(objects->kubernetes, object->resource, &following, objects->namespace,
                                &follower, err))
                return false;
        kube_reflector_each(follower.reflector, visit, &search);
        if (search.count == 0)
                return error_set(err, ERROR_NOT_FOUND, NULL, "no " KIND " is of it in namespace %.63s",
                                 objects->namespace);
        if (search.count > 1)
                return error_set(err, ERROR_REFUSED, "TopicAmbiguous",
                                 "%d " KIND "s are of it in namespace %.63s; expected "
                                 "spec.broker.kafka.topicObjects.cluster",
                                 search.count, objects->namespace);
        snprintf(object->name, sizeof object->name, "%s", search.found);
        return true;
}

/* ---- what it says ---- */

static bool check_free(const json_t *object, struct error *err)
{
        const json_t *annotations = kube_field(object, "metadata.annotations");
        const char *managed = json_string_value(json_object_get(annotations, "strimzi.io/managed"));
        const char *paused =
                json_string_value(json_object_get(annotations, "strimzi.io/pause-reconciliation"));
        const char *owner = kube_field_owner(object, "f:spec|f:partitions");

        if (managed && strcmp(managed, "false") == 0)
                return error_set(err, ERROR_REFUSED, "NotManaged",
                                 "its operator leaves it alone (annotation strimzi.io/managed: false)");
        if (paused && strcmp(paused, "true") == 0)
                return error_set(err, ERROR_REFUSED, "Paused",
                                 "it is paused (annotation strimzi.io/pause-reconciliation: true)");
        return !owner || error_set(err, ERROR_REFUSED, "Conflicted",
                                   "its partitions are kept by %.100s; take them out of what that one "
                                   "applies, or tune there",
                                   owner);
}

static struct kube_target target_of(const struct topic_objects *objects, const struct topic_object *object)
{
        return (struct kube_target){object->resource, objects->namespace, object->name, NULL};
}

static bool read_object(const struct topic_objects *objects, const char *topic, struct topic_object *object,
                        struct error *err)
{
        struct kube_target target = target_of(objects, object);

        if (!kube_get(object->client, &target, &object->object, err))
                return false;
        object->partitions = (int)kube_field_count(object->object, "spec.partitions", -1);
        if (strcmp(kube_field_text(object->object, "kind"), KIND) != 0 ||
            !*kube_meta(object->object, "uid") || strcmp(topic_of(object->object), topic) != 0)
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer",
                                 "the answer is no " KIND " of that topic");
        /* Without a number it has as many as brokers give by default. */
        if (object->partitions < 1)
                return error_set(err, ERROR_REFUSED, "NoSuchField", "it says no partitions");
        return check_free(object->object, err);
}

bool topic_object_get(struct topic_objects *objects, const char *topic, struct topic_object *ret_object,
                      struct error *err)
{
        *ret_object = (struct topic_object){.object = NULL};
        if (!find(objects, topic, ret_object, err))
                return error_wrap(err, "topic %.249s", topic);
        if (read_object(objects, topic, ret_object, err))
                return true;
        topic_object_fini(ret_object);
        return error_wrap(err, KIND " %.63s/%.100s", objects->namespace, ret_object->name);
}

static bool write_partitions(const struct topic_objects *objects, const struct topic_object *object,
                             int wanted, const struct kube_caller *caller, struct error *err)
{
        const struct kube_target target = target_of(objects, object);
        autofree char *what = memory_format("partitions %d -> %d", object->partitions, wanted);
        autojson *body = json_pack("{s:{s:i}}", "spec", "partitions", wanted);

        return kube_call(caller,
                         &(struct kube_call){.target = &target,
                                             .read = object->object,
                                             .body = body,
                                             .what = what},
                         NULL, err) ||
               error_wrap(err, KIND " %.63s/%.100s", objects->namespace, object->name);
}

bool topic_object_grow(struct topic_objects *objects, const char *topic, struct topic_object *object,
                       int wanted, bool dry_run, const struct call_recorder *calls, struct error *err)
{
        for (int i = 1; object->partitions < wanted; i++) {
                const struct kube_caller caller = {.client = object->client,
                                                   .calls = calls,
                                                   .dry_run = dry_run};

                if (write_partitions(objects, object, wanted, &caller, err))
                        return true;
                if (err->code != ERROR_CONFLICT || i == ATTEMPTS)
                        return false;
                error_clear(err);
                topic_object_fini(object);
                if (!topic_object_get(objects, topic, object, err))
                        return false;
        }
        return true;
}
