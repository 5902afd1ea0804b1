/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ACTUATORS_KAFKA_TOPIC_OBJECT_H
#define OPTCTL_ACTUATORS_KAFKA_TOPIC_OBJECT_H

#include "core/kubernetes/shared.h"
#include "core/plugin.h"
#include "engines/kafka/kafka_options.h"

/*
 * Topics that stand in a cluster as KafkaTopics of Strimzi: how many partitions they have is said there, and
 * its topic operator tells the brokers. Who told the brokers would have the object say fewer, which no topic
 * can have.
 */
struct topic_objects;

/* ERROR_INPUT: there is no way to an API server here. */
bool topic_objects_open(const struct source_context *context, const struct kafka_object_options *options,
                        struct topic_objects **ret_objects, struct error *err);
void topic_objects_close(struct topic_objects *objects); /* takes NULL */

/* One of them as it is now; topic_object_fini frees what it holds. */
struct topic_object {
        struct kube_client *client;
        const struct kube_resource *resource;
        char name[254];
        json_t *object;
        int partitions; /* that it says */
};

void topic_object_fini(struct topic_object *object);

/* ERROR_NOT_FOUND: no object is of this topic; KindNotServed: Strimzi is not installed. ERROR_REFUSED: it is
 * not to be written to (Conflicted, Paused, NotManaged), or several are of it (TopicAmbiguous). In a fiber.
 */
bool topic_object_get(struct topic_objects *objects, const char *topic, struct topic_object *ret_object,
                      struct error *err);

/* Only partitions; the rest is left as it is. One that changed since it was read is read again. */
bool topic_object_grow(struct topic_objects *objects, const char *topic, struct topic_object *object,
                       int wanted, bool dry_run, const struct call_recorder *calls, struct error *err);

#endif
