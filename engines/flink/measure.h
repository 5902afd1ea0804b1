/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_MEASURE_H
#define OPTCTL_ENGINES_FLINK_MEASURE_H

#include "engines/flink/sample.h"
#include "core/clock.h"
#include "core/observation.h"
#include "core/pipeline.h"
#include "engines/flink/job.h"

/*
 * From two samples to one observation.
 *
 * Rates are differences of counters over the time that the subtask itself counted between the two. Records
 * that a source has sent and the next operator has not yet taken in wait in network buffers: where that can
 * be told (an edge that is the only one out of its sender and the only one into its receiver), they count as
 * backlog, since they are, and what fills the buffers is not throughput.
 */
struct flink_measure {
        const struct pipeline *pipeline;
        int64_t warm_up_ms;
        double latency_scale; /* to seconds */
        bool latency_wanted;  /* then its lack is named in `missing` */
        bool *differs; /* for each edge of the job: sender and receiver do not count the same records */
        int n_differs;
        struct flink_sample *before; /* NULL: none since the counters began */
        double carried_restarts;     /* of the jobs before this one; they had the same name */
        char job_id[FLINK_ID_ROOM];
        int restarts; /* last told */
};

/* Windows shorter than this say nothing: the older sample is kept. */
#define FLINK_MEASURE_SHORTEST_MS 1000

/*
 * What happened between the sample before and this one, which becomes the next one's before. `vertices` are
 * those of the operators (flink_job_match). `ret_observation` says nothing yet (observation_clear, the
 * configuration NAN).
 */
void flink_measure_take(struct flink_measure *measure, const struct flink_job *job, const int *vertices,
                        struct flink_sample *take_sample, struct observation *ret_observation);

/* Whether this sample would give no window, and one that is taken a little later may: Flink has not heard of
 * all subtasks since the sample before. */
bool flink_measure_would_wait(const struct flink_measure *measure, const struct flink_job *job,
                              const int *vertices, const struct flink_sample *sample);

void flink_measure_free(struct flink_measure *measure); /* what it points to */

#endif
