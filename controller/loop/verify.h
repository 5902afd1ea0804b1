/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_VERIFY_H
#define OPTCTL_CONTROLLER_LOOP_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/decision.h"
#include "core/observation.h"
#include "core/plugin.h"

/*
 * Did a change do what was predicted? Prediction against outcome, window by window, once the change has
 * settled.
 *
 * What is compared: the capacity (records/s of source input the pipeline sustains: what it reads over the
 * busy share of its busiest subtask, the true processing rate of Kalavri et al., OSDI 2018; what it reads
 * while it falls behind, where busy time is not known) and, if the spec bounds it, the p99 latency.
 *
 * When it counts as worse: a one-sided t test says that the mean of the windows is worse than the predicted
 * mean by more than the effect that matters. The predicted mean is itself uncertain, so its variance joins
 * that of the windows (Welch 1947, with the prediction as a sample of known variance); windows follow one
 * another, so their number is reduced to n (1 - r) / (1 + r) by their lag-one correlation r (Bayley and
 * Hammersley 1946). Looking after each window spends the error probability in equal parts over all looks
 * (Bonferroni), so that a change that keeps its promise is taken back with probability `significance` at
 * most.
 *
 * What is not the change's fault is not counted against it: windows in which the pipeline falls behind a load
 * that the predicted capacity could not take, the source was silent, workers were lost or the job restarted,
 * and all those after them until what they left is worked off (a backlog, or what waits inside the engine and
 * is late, for as long as the promised capacity needs for it); for latency, also windows with more load than
 * the change was made for. When less than half of that load has come for as many windows
 * as are needed, nothing more is waited for.
 */
struct verify_options {
        int windows_min, windows_max; /* judged after so many windows; at most VERIFY_MAX_WINDOWS */
        double significance;
        double capacity_effect; /* share of the predicted capacity whose lack matters */
        double latency_effect;  /* share of the predicted latency on top of it that matters */
        int64_t settle_max_ms;  /* longest settling time taken from a prediction */
        int64_t patience_ms;    /* after settling: then Unknown, or taken back when it never came up */
};

extern const struct verify_options verify_defaults;

#define VERIFY_MAX_WINDOWS 64

struct verify_sample {
        int count;
        double value[VERIFY_MAX_WINDOWS];
};

enum verify_result { VERIFY_WAITING, VERIFY_CONFIRMED, VERIFY_REGRESSED, VERIFY_UNDECIDED };

struct verify {
        const struct verify_options *options;
        const struct constraints *constraints;
        struct prediction prediction;
        struct configuration wanted;
        double reference_load; /* records/s the change was made for; NAN: not known */
        int64_t applied_ms, settled_ms, deadline_ms;
        int64_t up_deadline_ms;    /* until when it must have run what was wanted once */
        bool came_up;              /* runs what was wanted, as of the newest window that says so */
        bool came_up_once;         /* since it was applied */
        bool heard;                /* something was measured since then */
        bool seen;                 /* something was measured since the settling */
        bool disturbed;            /* by a surge, an outage, a loss: until it is worked off */
        int64_t disturbed_from_ms; /* since the newest window that counted ... */
        int64_t disturbed_ms;      /* ... until it was last seen */
        int64_t fine_ms;           /* end of the newest window that counted */
        int restarts;              /* the engine's count when it had settled; -1: not known */
        int windows;               /* that count */
        int gone_windows;          /* in a row with much less load than the change was made for */
        double carried_per_second; /* most that was read in a window that counts, keeping up */
        struct verify_sample capacity, latency;
};

/* `before` is the observation that the change was decided on; NULL after a crash, when it is not known. */
void verify_begin(struct verify *verify, const struct verify_options *options,
                  const struct constraints *constraints, const struct prediction *prediction,
                  const struct configuration *wanted, const struct observation *before, int64_t applied_ms);

/* The target says how long it may take to run what it was told: then it is taken back, unless it has. */
void verify_expect_up(struct verify *verify, int64_t by_ms);

/* Once for each observation since, complete or not. Anything but VERIFY_WAITING is final and fills `reason`.
 */
enum verify_result verify_observe(struct verify *verify, const struct observation *observation,
                                  int64_t now_ms, char *reason, size_t room);

/* How what was measured compares with what was predicted, when all windows are in. */
enum verify_measure { VERIFY_CAPACITY, VERIFY_LATENCY, VERIFY_MEASURES };

struct verify_comparison {
        double predicted, measured; /* records/s, or seconds */
        bool covered; /* as near to each other as nine of ten are, were the prediction and its error right */
};

/* False when too few windows tell of it, or nothing was predicted. */
bool verify_compare(const struct verify *verify, enum verify_measure measure,
                    struct verify_comparison *ret_comparison);

/* Mean of the capacity measured so far; NAN without any. */
double verify_capacity(const struct verify *verify);

#endif
