/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KAFKA_CLIENT_H
#define OPTCTL_ENGINES_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "engines/kafka/kafka_options.h"

/*
 * A connection to one cluster: librdkafka's handle, made when it is first used and made anew when a
 * certificate, key or password was replaced.
 *
 * Everything below blocks, until `deadline_ms` of clock_steady_ms at the latest: it is called in the thread
 * of engines/kafka/kafka_cluster.h and nowhere else.
 */
struct kafka_client;

/* Copies what it needs of `options`; nothing is read or connected yet. `base`: folder of relative names. */
struct kafka_client *kafka_client_new(const struct kafka_options *options, const char *base);
void kafka_client_free(struct kafka_client *client);
DEFINE_CLEANUP(kafka_client_free, struct kafka_client);

/* Two pipelines whose keys are the same may share a client. Caller frees. */
char *kafka_client_key(const struct kafka_options *options, const char *base);

/* For the calls of this folder: the handle, ready for use. */
bool kafka_client_handle(struct kafka_client *client, rd_kafka_t **ret_handle, struct error *err);

/*
 * A handle that belongs to a group and never joins it: what the group has committed is asked by
 * rd_kafka_committed. (librdkafka's administrative calls to a coordinator end the process when its connection
 * breaks at a bad moment: https://github.com/confluentinc/librdkafka/issues/3663.) Of some groups one is
 * kept; who comes after them takes the place of the one that was not used for longest.
 */
bool kafka_client_group(struct kafka_client *client, const char *group, rd_kafka_t **ret_handle,
                        struct error *err);

/*
 * What librdkafka says, as an error: `what` (printf) was to be done. Where a call merely got no answer, what
 * the connection last complained about (refused credentials, an unknown host) is told instead.
 */
bool kafka_client_fail(struct kafka_client *client, rd_kafka_resp_err_t code, const char *words,
                       struct error *err, const char *what, ...) __attribute__((format(printf, 5, 6)));

/* Puts the brokers' addresses in front of an error that does not name them; returns false. */
bool kafka_name_peer(const char *bootstrap_servers, struct error *err);
const char *kafka_client_servers(const struct kafka_client *client);

/* How many milliseconds are left until then (of clock_steady_ms), from 1 on; 0 after the deadline. */
int kafka_left_ms(int64_t deadline_ms);

DEFINE_CLEANUP(rd_kafka_event_destroy, rd_kafka_event_t);

/*
 * After a call that failed so: whether the same call may succeed before the deadline, for which it waits a
 * moment. A broker that died just now is asked like any other until its connection is seen to be gone; then
 * another one is.
 */
bool kafka_client_again(const struct error *err, int64_t deadline_ms);

/*
 * Until when a broker is waited for, `deadline_ms` at the latest. One that was silent a short while ago gets
 * just the time it takes to show that it is back: it must not hold up every turn of every pipeline.
 */
int64_t kafka_client_patience(const struct kafka_client *client, int broker, int64_t deadline_ms);
void kafka_client_heard(struct kafka_client *client, int broker, bool answered);

/* Options of an administrative call that ends by the deadline. */
rd_kafka_AdminOptions_t *kafka_client_admin(rd_kafka_t *handle, rd_kafka_admin_op_t operation,
                                            int64_t deadline_ms);

/* The next event of the queue, when it comes in time and tells of success. */
bool kafka_client_answer(struct kafka_client *client, rd_kafka_queue_t *queue, int64_t deadline_ms,
                         const char *what, rd_kafka_event_t **ret_event, struct error *err);

#endif
