/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_MODEL_H
#define OPTCTL_CORE_MODEL_H

#include <stdint.h>

#include "core/option.h"

/*
 * How a streaming engine behaves: the parameters that `optctl calibrate` fits, the simulator runs on, and a
 * strategy may take as its prior. Each fitted value has its standard error beside it (0: taken as exact).
 */
struct operator_model {
        char *name;
        double rate_per_second, rate_per_second_error; /* records/s one subtask alone takes in */
        double sigma, sigma_error;                     /* Universal Scalability Law: contention */
        double kappa, kappa_error;                     /* Universal Scalability Law: coherency */
        double skew, skew_error;                       /* load of the busiest subtask over the mean, >= 1 */
        double service_cv, service_cv_error;           /* coefficient of variation of the service time */
        double buffer_records; /* room in the exchange in front of each subtask: backlog that the broker does
                                  not show */
};

/* Of a job's start in a restart of it: to stop takes about as long as to start. */
#define RESTART_STARTS 2.0

struct restart_model {
        double median_seconds, median_seconds_error; /* downtime of a rescale */
        double log_sd;                               /* of its log: the downtime is log-normal */
        double worker_seconds; /* of downtime shared by the workers: divided by their number (state restored)
                                */
        double trigger_delay_seconds; /* from the call until the job stops, or may at a checkpoint */
        double checkpoint_seconds;    /* between checkpoints, where it stops at the end of one; 0: at once */
        double warmup_seconds;        /* after which capacity is whole */
        double warmup_capacity_ratio; /* capacity right after the start, over the whole */
        double warmup_cpu_ratio;      /* CPU ratio seen while warming up; 0: as loaded */
};

struct failure_model {
        double every_seconds;       /* mean time between losses of a worker; 0: none */
        double first_after_seconds; /* the first one, from the start; 0: at random */
        double jitter_ratio;        /* 1: a Poisson process; near 0: a regular one */
        double median_seconds;      /* downtime */
        double worker_seconds;      /* as in struct restart_model */
        double log_sd;
        double spot_per_hour; /* preemptions per worker-hour */
};

struct catch_up_model {
        double floor_ratio,
                floor_ratio_error;    /* capacity after a long time behind, over the whole; 1: no slowdown */
        double time_constant_seconds; /* of the decay towards it */
        double threshold_seconds;     /* the pipeline is behind when records wait longer than this */
};

struct cpu_model {
        double base_ratio, base_ratio_error;
        /* Of source input. NAN when not given; a spec's model always has it (spec_read derives it). */
        double worker_seconds_per_record, worker_seconds_per_record_error;
        double limit_ratio;               /* CPU limit over CPU requested; 0: none */
        double noise_sd;                  /* of one worker's ratio; workers scatter independently */
        double noise_correlation_seconds; /* the noise is a first-order autoregressive process */
};

struct latency_model {
        double base_seconds; /* with an idle pipeline: windows, watermarks, batching, commits */
        double base_seconds_error;
        double log_sd;             /* scatter about it */
        double per_worker_seconds; /* growth of the base with workers */
};

struct metrics_model {
        double meter_seconds;  /* the engine's rates are averages over so long, and begin anew with the job */
        double rate_noise_cv;  /* measured rates scatter about the true ones */
        double missing_ratio;  /* share of observations that do not arrive */
        double delay_seconds;  /* how old a value is when it is read */
        double jitter_seconds; /* by how much more that scatters, from one time to the next */
        double silent_seconds; /* after a start of the job: no rates, no backlog */
};

struct checkpoint_model {
        double interval_seconds; /* 0: none */
        double pause_seconds;    /* alignment: processing stops that long */
};

struct model {
        struct option_list operators; /* of struct operator_model, in the pipeline's order */
        double worker_start_seconds;  /* from ordering a worker to its being ready; 0 when workers stand by */
        double load_noise_cv;         /* second-to-second scatter of the offered load */
        struct restart_model restart;
        struct failure_model failures;
        struct catch_up_model catch_up;
        struct cpu_model cpu;
        struct latency_model latency;
        struct metrics_model metrics;
        struct checkpoint_model checkpoints;
        char *calibrated_at; /* RFC 3339, and from what; for reports */
        char *calibrated_from;
};

extern const struct option_table model_table;

/* Deep copy; the copy is freed with model_free, which frees what the model points to, not the model.
 * NULL-safe. */
void model_copy(const struct model *model, struct model *ret_copy);
void model_free(struct model *model);

/* The model as a spec fragment: "spec:\n  model:\n    operators: ...". */
void model_to_yaml(const struct model *model, struct text *out);

#endif
