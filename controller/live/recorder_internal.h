/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LIVE_RECORDER_INTERNAL_H
#define OPTCTL_CONTROLLER_LIVE_RECORDER_INTERNAL_H

#include <stdint.h>

#include "controller/live/recorder.h"
#include "core/text.h"

/* Shared by the files of the recorder, for nobody else. */

#define RECORDER_SAMPLES "samples.csv"
#define RECORDED_ENOUGH  2 /* values that make a series */

struct recorded_column {
        char *name;  /* the metric, as spec.recordings[].series[].metric */
        bool at_end; /* seen at the end of the window; else a mean over it */
        int64_t values;
};

struct recorded {
        struct recorded_column *columns;
        size_t count;
        struct configuration initial;
        double checkpoint_seconds; /* between two; NAN: not known */
        double *rate_per_second;   /* of a subtask of each operator, as far as it was seen; NAN: not at all */
};

/* A whole spec for what was recorded, as YAML. */
void recorder_put_spec(const struct spec *spec, const struct recorded *recorded, struct text *out);

#endif
