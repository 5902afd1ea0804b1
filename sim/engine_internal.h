/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_ENGINE_INTERNAL_H
#define OPTCTL_SIM_ENGINE_INTERNAL_H

#include <gsl/gsl_rng.h>

#include "sim/engine.h"

/* Shared by the files of the streaming engine only. */

#define NEVER INT64_MAX

/* Latency is kept by utilisation while the pipeline keeps up: one counter a bin, turned into a distribution
 * when the configuration changes. */
#define UTILISATION_BINS 200

enum job_state { JOB_RUNNING, JOB_DOWN };

/* What flows through one operator. Rates in records/s, whole operator. */
struct flow_operator {
        double visits;   /* records it takes in for each record the pipeline takes in */
        double capacity; /* when nothing slows it */
        double subtasks; /* that take part */
        double skew;     /* busiest subtask's load over the mean, partitions and key groups included */
        bool keyed;
        double service_cv;
        double room;    /* records its exchange buffers hold */
        double queued;  /* records in them */
        double rate;    /* taken in the last step; records/s */
        double accept;  /* scratch of a step: what it could take in */
        double inflow;  /* scratch of a step: what reaches it */
        double backlog; /* sources: records in the broker */
        double share;   /* sources: of the offered load */
        /* Sums since the last observation. */
        double taken, busy_seconds, waiting_seconds;
};

/* Sums since the last observation or timeline step. */
struct window {
        int64_t start_tick;
        double offered, taken; /* records */
        double waiting;        /* records in the exchanges when it began, those dropped since left out */
        double unmetered;      /* records that the engine's meters lost when they began anew */
        double up_seconds;
        double cpu_extra; /* worker CPU ratio x seconds on top of the load's */
        double delay_worst;
        double backlog_seconds;   /* integral of the backlog, records x s */
        double delay_integral;    /* of the age of the oldest waiting record, s x s */
        double latency_integral;  /* of the median latency, over up_seconds */
        double latency_worst;     /* highest p99 of a step */
        double capacity_integral; /* records */
        double worker_seconds;
        bool restarted;
};

struct engine {
        struct engine_setup setup;
        struct operator_model *operators; /* with this run's parameters */
        struct restart_model restart;
        struct failure_model failures;
        struct catch_up_model catch_up;
        struct cpu_model cpu;
        double base_latency_seconds;
        struct latency_scatter latency_scatter;
        gsl_rng *rng_failures, *rng_restarts, *rng_metrics;

        double step_seconds;
        int64_t tick, end_tick;

        /* Configuration. */
        struct configuration running, wanted;
        struct deployment deployment;
        int workers_paid, workers_ready;
        int64_t *worker_since_ms; /* when each paid worker was ordered; the youngest is let go first */
        int worker_room;
        enum job_state state;
        int64_t restart_at, up_at, failure_at; /* ticks; NEVER when not due */
        int64_t up_since;                      /* tick of the last start, ... */
        double late_seconds;                   /* ... within which the job was still down for so long */
        int64_t warm_until, silent_until;
        int64_t checkpoint_base; /* tick that checkpoints are counted from */

        /* Flow. */
        int n;
        struct flow_operator *flow;
        double *edge_share; /* of the target's intake that comes over the edge */
        double limit;       /* source records/s sustained when nothing slows the job */
        double slowness;    /* 0: fresh, 1: as slow as it gets while behind */
        double processed;   /* source records taken since the start, replays subtracted */
        int64_t head;       /* step in which the oldest waiting record came */
        bool quiet;         /* nothing waits, nothing slows: the fast path applies */
        double recent_rate; /* source records/s of the last step */

        /* Latency by utilisation since the last fold. */
        double steps_at[UTILISATION_BINS];
        struct latency_point point_at[UTILISATION_BINS];
        bool point_known[UTILISATION_BINS];

        /* Books. */
        struct figures figures;
        price_sum cost;
        int64_t priced_until_ms;
        bool in_figures;

        struct window seen;    /* since the last observation */
        struct window charted; /* since the last timeline step */
        struct timeline *timeline;
        double cpu_noise;
        int64_t restarts;

        /* Measurements that are on their way (metrics.delaySeconds). */
        struct observation *late;
        size_t n_late;

        struct engine_faults faults;
        gsl_rng *rng_faults;
};

#define MAX_LATE 16

/* engine_flow.c */
void flow_configure(struct engine *engine);
void flow_run(struct engine *engine, int64_t until_tick);  /* the job is up; no event falls in between */
void flow_wait(struct engine *engine, int64_t until_tick); /* the job is down */
void flow_fold(struct engine *engine);                     /* counters by utilisation into the figures */
double flow_in_flight(const struct engine *engine);        /* in the exchanges, in records of the sources */
double flow_waiting(const struct engine *engine); /* of these, as many as collectors take to be waiting */
void flow_rewind(struct engine *engine, bool completed); /* back to the last checkpoint: one that is just
                                                             completed, or one before that */
double flow_queued_seconds(const struct engine *engine); /* to take in what is in the exchanges now */
double flow_delay_seconds(const struct engine *engine);
double flow_backlog(const struct engine *engine);
const struct latency_point *flow_point(struct engine *engine, double rate_per_second);

/* engine.c */
void engine_advance(struct engine *engine, int64_t until_tick);
int64_t engine_time_ms(const struct engine *engine);
bool engine_apply(struct engine *engine, const struct configuration *wanted);

/* engine_measure.c */
void measure_fast(struct engine *engine, int64_t ticks, double records);
void measure_step(struct engine *engine, double offered, double taken, double delay, double p50, double p99,
                  bool up);
void measure_chart(struct engine *engine);
void measure_timeline_new(struct engine *engine);

#endif
