/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KAFKA_WRITE_H
#define OPTCTL_ENGINES_KAFKA_WRITE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "engines/kafka/kafka_client.h"

/* One request each, not repeated: what came of one that was not answered, reading tells. */

/* Gives a topic so many partitions in all. ERROR_REFUSED when it has as many already, or more. */
bool kafka_write_partitions(struct kafka_client *client, const char *topic, int partitions,
                            int64_t deadline_ms, struct error *err);

/* Sets a topic's own settings, {"NAME": "TEXT"}: whatever is not among them falls back to its default (the
 * protocol's older request, and the only one librdkafka 2.0 has). */
bool kafka_write_settings(struct kafka_client *client, const char *topic, const json_t *own,
                          int64_t deadline_ms, struct error *err);

#endif
