/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_OPTIONS_H
#define OPTCTL_ENGINES_FLINK_OPTIONS_H

#include <stdint.h>

#include "core/http_client.h"
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

#endif
