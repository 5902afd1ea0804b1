/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_PARTITIONS_H
#define OPTCTL_OPTIMIZER_PARTITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/option.h"

/*
 * How many partitions a topic should have, so that the source that reads it is neither capped by them nor
 * loaded unevenly.
 *
 * N partitions on p subtasks give the fullest one ceil(N / p) of them. A load that would keep d subtasks of
 * one's own busy therefore needs p = ceil(N / floor(N / d)) subtasks, and cannot be carried at all when d >
 * N. (For whole d that is where Flink's autoscaler aligns to, with its mode BALANCED.) What that costs over
 * the loads that are expected, in workers and in late time, is weighed against what growth costs.
 *
 * Partitions can only be added. So added ones are paid for long after the need for them may have passed, each
 * growth has a price of its own (keys move, readers start anew), what it would save is believed for a shorter
 * time, and it is proposed only after it has been worth while for some time without a break.
 */
struct partitions_options {
        double max_per_second;      /* records/s a partition takes; NAN: no limit is known */
        double reserve_ratio;       /* room that growth leaves above the highest load expected */
        double worker_ratio;        /* price of a partition, of a worker's */
        double growth_worker_hours; /* price of one growth */
        int64_t keep_days;          /* for which added partitions are reckoned to be paid */
        int64_t trust_days;         /* for which what is expected now is reckoned to hold */
        int64_t sustain_minutes;    /* for which growth must be worth while */
        int64_t rest_hours;         /* after which it may be grown again */
        int64_t per_broker;         /* partitions of the topic a broker may have */
};

extern const struct option_table partitions_table;

/* Fewest subtasks that carry what keeps `busy` of them busy, from `partitions`; INT_MAX when none do. */
int partitions_subtasks(int partitions, double busy);

/* A load, what of the time it is expected for, and what it asks of the pipeline. */
struct partitions_load {
        double weight;     /* all add up to 1 */
        double per_second; /* records/s of the topic */
        double busy;       /* subtasks of the source it keeps busy, with headroom */
        double others;     /* subtasks the widest other operator needs */
};

struct partitions_question {
        int now, max, step;                  /* partitions there are, may be, and are added at a time */
        int brokers;                         /* -1: not known */
        int slots_per_worker, most_subtasks; /* of the source; 0: no limit */
        double skew;        /* rate of the busiest partition over the mean one; 1 when not known */
        double worker_hour; /* price */
        double late_hour;   /* price of an hour in which the load is not carried */
        size_t n_loads;
        const struct partitions_load *loads;
};

struct partitions_answer {
        int partitions;        /* best; `now` when growth is not worth its price */
        double saving;         /* money over trust_days */
        double price;          /* of growth, and of what is added over keep_days */
        double busy;           /* what the highest load keeps busy */
        double late_now, late; /* share of the time in which the load is not carried: now, and with more */
        double workers_now, workers; /* mean number */
};

/* Pure: same question, same answer. */
struct partitions_answer partitions_weigh(const struct partitions_options *options,
                                          const struct partitions_question *question);

/* ---- from turn to turn, of one topic ---- */

struct partitions_memory {
        int seen;                    /* partitions at the last turn; 0: none yet */
        bool wanted;                 /* growth has been worth while since wanted_ms */
        int64_t wanted_ms, grown_ms; /* INT64_MIN: never grown */
};

void partitions_begin(struct partitions_memory *memory);

/* True when the growth that `answer` asks for should be proposed now. */
bool partitions_due(struct partitions_memory *memory, const struct partitions_options *options,
                    const struct partitions_answer *answer, int now, int64_t time_ms);

#endif
