/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_CALIBRATE_INTERNAL_H
#define OPTCTL_SIM_CALIBRATE_INTERNAL_H

#include "sim/calibrate.h"
#include "sim/episodes.h"

/* Shared by the files of the calibration only: what is being fitted, to what. */
struct fitting {
        const struct pipeline *pipeline;
        struct recording *const *recordings;
        struct episodes **episodes; /* of each recording */
        size_t n;
        double hidden_downtime_seconds; /* of failures, beyond the gap in the metrics */
        double idle_latency_seconds;    /* without what queues add; 0: not told */
        struct calibration *result;
};

/* Notes a parameter. With error NAN it counts as not identified, and the note says why. */
void calibrate_note(struct fitting *fitting, const char *name, const char *unit, double value, double error,
                    const char *format, ...) __attribute__((format(printf, 6, 7)));

/* calibrate_capacity.c */
bool calibrate_operators(struct fitting *fitting, struct error *err);

/* calibrate_rescales.c: downtimes of rescales that left no gap in what was measured, in seconds (caller
 * frees), how well each is known, and how the starts that the engine told of scatter (NAN: it did not tell of
 * each, or of too few); and what the exchanges hold that the broker does not show. */
double *calibrate_quick_rescales(const struct fitting *fitting, size_t *ret_count, double *ret_error,
                                 double *ret_log_sd);
void calibrate_exchanges(struct fitting *fitting);
void calibrate_silence(struct fitting *fitting);

/* calibrate_scatter.c: how far measured rates are off, and how unlike service times are. The second needs the
 * operators' capacity and tells what calibrate_latency leaves out. */
void calibrate_rates(struct fitting *fitting);
void calibrate_service(struct fitting *fitting);

/* calibrate_behaviour.c */
void calibrate_restarts(struct fitting *fitting);
void calibrate_failures(struct fitting *fitting);
void calibrate_latency(struct fitting *fitting);
void calibrate_cpu(struct fitting *fitting);

#endif
