/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_OPTIONS_H
#define OPTCTL_ENGINES_FLINK_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "core/http/client.h"
#include "core/option.h"

/* spec.engine.flink, of the collector and the actuator. */

enum flink_rescale {
        FLINK_RESCALE_AUTO,      /* in place where the job can, else by a savepoint when `program` is given */
        FLINK_RESCALE_IN_PLACE,  /* never stop the job */
        FLINK_RESCALE_SAVEPOINT, /* always stop with a savepoint and start again from it */
};

/* What it takes to start the job again (POST /jars/:jar/run). */
struct flink_program {
        char *jar;         /* id of an uploaded jar, or its file name: then the newest upload of that name */
        char *entry_class; /* NULL: the jar's own */
        struct option_list arguments; /* of char * */
        bool allow_non_restored_state;
};

struct flink_options {
        char *url, *deployment, *namespace; /* either url or deployment */
        char *job;                          /* name or id; NULL: the only one that runs there */
        int rescale;                        /* enum flink_rescale */
        int64_t rescale_timeout_seconds;
        int64_t warm_up_seconds;
        char *latency_metric; /* NULL: latency is not known from here */
        double latency_scale; /* to seconds */
        char *savepoint_directory;
        struct flink_program *program; /* NULL: the job cannot be started again */
        struct http_options connection;
};

extern const struct option_table flink_engine_options;

/* `url` may be NULL; the error names node's `url`. */
bool flink_check_url(const char *url, const struct yaml_node *node, struct error *err);

/* What is measured of a job, for a plugin's table: `base` is where in its object a struct flink_options is.
 */
#define FLINK_MEASURE_OPTIONS(base)                                                                          \
        {                                                                                                    \
                .name = "job",                                                                               \
                .type = OPTION_TEXT,                                                                         \
                .offset = (base) + offsetof(struct flink_options, job),                                      \
                .min = 1,                                                                                    \
                .max = 1000,                                                                                 \
                .help = "Name or id of the job there; needed when several run.",                             \
        },                                                                                                   \
                {                                                                                            \
                        .name = "warmUpSeconds",                                                             \
                        .type = OPTION_INT,                                                                  \
                        .offset = (base) + offsetof(struct flink_options, warm_up_seconds),                  \
                        .unit = "s",                                                                         \
                        .min = 0,                                                                            \
                        .max = 86400,                                                                        \
                        .fallback = "10",                                                                    \
                        .help = "How long after a start the job is not yet measured.",                       \
                },                                                                                           \
                {                                                                                            \
                        .name = "latencyMetric",                                                             \
                        .type = OPTION_TEXT,                                                                 \
                        .offset = (base) + offsetof(struct flink_options, latency_metric),                   \
                        .min = 1,                                                                            \
                        .max = 500,                                                                          \
                        .help = "Metric of an operator that tells the latency, as the vertex lists it "      \
                                "(OPERATOR.currentEmitEventTimeLag). The highest of all subtasks counts.",   \
                },                                                                                           \
        {                                                                                                    \
                .name = "latencyScale", .type = OPTION_NUMBER,                                               \
                .offset = (base) + offsetof(struct flink_options, latency_scale), .min = 1e-12, .max = 1e6,  \
                .fallback = "0.001", .help = "Makes seconds of latencyMetric; 0.001 for milliseconds.",      \
        }

#endif
