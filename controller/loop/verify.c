/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/verify.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct verify_options verify_defaults = {
        .windows_min = 5,
        .windows_max = 10,
        .significance = 0.01,
        .capacity_effect = 0.1,
        .latency_effect = 0.25,
        .settle_max_ms = MS_PER_HOUR,
        .patience_ms = MS_PER_HOUR,
};

#define COVERED_SHARE   0.9
#define DRAINED_SECONDS 10.0 /* a backlog of less is what a healthy pipeline shows between two commits */
#define SILENT_RATIO    0.1  /* of the load the change was made for: the source is out */
#define GONE_RATIO      0.5  /* of that load: what the change was made for is over */
#define LOADED_RATIO    0.3  /* busy share from which on throughput over busy tells the capacity */
#define SAME_LOAD_RATIO                                                                                      \
        1.1 /* latencies are compared up to this multiple of the load the change was made for */

void verify_begin(struct verify *verify, const struct verify_options *options,
                  const struct constraints *constraints, const struct prediction *prediction,
                  const struct configuration *wanted, const struct observation *before, int64_t applied_ms)
{
        int64_t settle_ms = prediction->settle_ms;

        if (settle_ms < 0)
                settle_ms = 0;
        if (settle_ms > options->settle_max_ms)
                settle_ms = options->settle_max_ms;
        verify->options = options;
        verify->constraints = constraints;
        verify->prediction = *prediction;
        verify->wanted = *wanted;
        verify->reference_load = before ? before->offered_per_second : NAN;
        verify->settled_ms = applied_ms + settle_ms;
        verify->deadline_ms = verify->settled_ms + options->patience_ms;
        verify->up_deadline_ms = verify->deadline_ms;
        verify->applied_ms = applied_ms;
        verify->came_up = verify->came_up_once = verify->seen = verify->heard = false;
        /* A backlog from before the change is not the change's. */
        verify->disturbed = before && observation_backlog_seconds(before) > DRAINED_SECONDS;
        verify->fine_ms = applied_ms;
        verify->disturbed_from_ms = verify->disturbed_ms = verify->settled_ms;
        verify->restarts = -1;
        verify->windows = verify->gone_windows = 0;
        verify->carried_per_second = 0;
        verify->capacity.count = verify->latency.count = 0;
}

void verify_expect_up(struct verify *verify, int64_t by_ms)
{
        if (by_ms < verify->deadline_ms)
                verify->up_deadline_ms = by_ms;
}

static void sample_add(struct verify_sample *sample, double value)
{
        if (sample->count < VERIFY_MAX_WINDOWS && isfinite(value))
                sample->value[sample->count++] = value;
}

static double sample_mean(const struct verify_sample *sample)
{
        double sum = 0;

        for (int i = 0; i < sample->count; i++)
                sum += sample->value[i];
        return sum / sample->count;
}

/* Variance of the mean of windows that follow one another. */
static double mean_variance(const struct verify_sample *sample, double mean)
{
        double squares = 0, products = 0, correlation, n = sample->count;

        for (int i = 0; i < sample->count; i++) {
                squares += (sample->value[i] - mean) * (sample->value[i] - mean);
                if (i > 0)
                        products += (sample->value[i] - mean) * (sample->value[i - 1] - mean);
        }
        correlation = squares > 0 ? fmin(fmax(products / squares, 0), 0.9) : 0;
        return squares / (n - 1) / n * (1 + correlation) / (1 - correlation);
}

/* Probability of a mean as far above `threshold` as this one, or further, were the true mean at the
 * threshold. */
static double chance_above(const struct verify_sample *sample, double threshold, double threshold_sd)
{
        double mean = sample_mean(sample), own = mean_variance(sample, mean);
        double known = isfinite(threshold_sd) ? threshold_sd * threshold_sd : 0;
        double variance = own + known, freedom;

        if (variance <= 0)
                return mean > threshold ? 0 : 1;
        freedom = own > 0 ? variance * variance / (own * own) * (sample->count - 1) : 1e9;
        return gsl_cdf_tdist_Q((mean - threshold) / sqrt(variance), freedom);
}

/* A measure with too few windows tells nothing; one that was tested and is surely fine lets us stop early. */
enum standing { STANDING_SILENT, STANDING_OPEN, STANDING_FINE, STANDING_WORSE };

static enum standing standing_of(const struct verify *verify, double chance_of_worse, double chance_of_fine)
{
        const struct verify_options *options = verify->options;
        /* Two measures, each looked at after every window from the first to the last look. */
        double spent = options->significance / (2.0 * (options->windows_max - options->windows_min + 1));

        if (chance_of_worse < spent)
                return STANDING_WORSE;
        return chance_of_fine < spent ? STANDING_FINE : STANDING_OPEN;
}

static double least_capacity(const struct verify *verify)
{
        return verify->prediction.capacity_mean * (1 - verify->options->capacity_effect);
}

static double most_latency(const struct verify *verify)
{
        return fmax(verify->prediction.latency_p99_mean * (1 + verify->options->latency_effect),
                    verify->constraints->latency_p99_seconds);
}

static enum standing capacity_standing(const struct verify *verify, char *reason, size_t room)
{
        const struct prediction *prediction = &verify->prediction;
        double least = least_capacity(verify);
        enum standing standing;
        double fine;

        if (!isfinite(least) || verify->capacity.count < verify->options->windows_min)
                return STANDING_SILENT;
        fine = chance_above(&verify->capacity, least, prediction->capacity_sd);
        standing = standing_of(verify, 1 - fine, fine);
        if (standing == STANDING_WORSE)
                snprintf(reason, room,
                         "capacity is %.0f records/s over %d window%s, %.0f +- %.0f were predicted",
                         sample_mean(&verify->capacity), verify->capacity.count,
                         text_plural(verify->capacity.count), prediction->capacity_mean,
                         prediction->capacity_sd);
        return standing;
}

static enum standing latency_standing(const struct verify *verify, char *reason, size_t room)
{
        const struct prediction *prediction = &verify->prediction;
        double bound = verify->constraints->latency_p99_seconds;
        double most = most_latency(verify);
        enum standing standing;
        double worse;

        if (!isfinite(bound) || !isfinite(prediction->latency_p99_mean) ||
            verify->latency.count < verify->options->windows_min)
                return STANDING_SILENT;
        worse = chance_above(&verify->latency, most, prediction->latency_p99_sd);
        standing = standing_of(verify, worse, 1 - worse);
        if (standing == STANDING_WORSE)
                snprintf(reason, room,
                         "p99 latency is %.2f s over %d window%s, %.2f +- %.2f s were predicted, %.2f s are "
                         "allowed",
                         sample_mean(&verify->latency), verify->latency.count,
                         text_plural(verify->latency.count), prediction->latency_p99_mean,
                         prediction->latency_p99_sd, bound);
        return standing;
}

static bool runs_as_wanted(const struct verify *verify, const struct observation *observation)
{
        return !observation->restarting && configuration_equal(&observation->configuration, &verify->wanted);
}

/* Falling behind because more arrives than was promised to be taken, the source is out, workers are gone, or
 * the job fell over. */
static bool is_disturbance(const struct verify *verify, const struct observation *observation)
{
        double promised = least_capacity(verify);
        bool behind = observation_falls_behind(observation) ||
                      observation_backlog_seconds(observation) > DRAINED_SECONDS;

        return (observation->offered_per_second > promised && behind) ||
               observation->offered_per_second < SILENT_RATIO * verify->reference_load ||
               observation->workers_ready < observation->workers || observation->counters_reset ||
               (verify->restarts >= 0 && observation->restarts > verify->restarts);
}

static void disturb(struct verify *verify, const struct observation *observation)
{
        if (!verify->disturbed)
                verify->disturbed_from_ms = verify->fine_ms;
        verify->disturbed = true;
        verify->disturbed_ms = observation->time_ms;
}

/* What came in while it lasted is worked off beside what goes on coming in: load / (capacity - load) times as
 * long as it lasted, be it seen as a backlog or wait inside the engine, where only the age of what is
 * answered tells. */
static bool still_felt(const struct verify *verify, const struct observation *observation)
{
        double load = observation->offered_per_second, spare = least_capacity(verify) - load;
        double lasted_ms = (double)(verify->disturbed_ms - verify->disturbed_from_ms);
        double since_ms = (double)(observation->time_ms - verify->disturbed_ms);

        if (observation_backlog_seconds(observation) > DRAINED_SECONDS)
                return true;
        return observation->latency_p99_seconds > most_latency(verify) && since_ms * spare < lasted_ms * load;
}

static double measured_capacity(const struct observation *observation)
{
        double busy = observation_busiest_ratio(observation);

        if (busy >= LOADED_RATIO)
                return observation->throughput_per_second / busy;
        return isnan(busy) && observation_falls_behind(observation) ? observation->throughput_per_second
                                                                    : NAN;
}

static void take_window(struct verify *verify, const struct observation *observation)
{
        double load = observation->offered_per_second / verify->reference_load;
        bool behind = observation_falls_behind(observation);

        verify->gone_windows = load > SILENT_RATIO && load < GONE_RATIO ? verify->gone_windows + 1 : 0;
        if (is_disturbance(verify, observation))
                disturb(verify, observation);
        else if (verify->disturbed)
                verify->disturbed = still_felt(verify, observation);
        verify->restarts = observation->restarts;
        if (verify->disturbed)
                return;
        verify->fine_ms = observation->time_ms;
        verify->windows++;
        if (!behind)
                verify->carried_per_second =
                        fmax(verify->carried_per_second, observation->throughput_per_second);
        sample_add(&verify->capacity, measured_capacity(observation));
        if (!(observation->offered_per_second > SAME_LOAD_RATIO * verify->reference_load))
                sample_add(&verify->latency, observation->latency_p99_seconds);
}

static enum verify_result never_came_up(int64_t within_ms, char *reason, size_t room)
{
        snprintf(reason, room, "the pipeline did not come up with it within %lld s",
                 (long long)(within_ms / MS_PER_SECOND));
        return VERIFY_REGRESSED;
}

static enum verify_result at_deadline(const struct verify *verify, char *reason, size_t room)
{
        if (verify->seen && !verify->came_up)
                return never_came_up(verify->options->patience_ms, reason, room);
        snprintf(reason, room, "only %d window%s could be compared, %d are needed", verify->windows,
                 text_plural(verify->windows), verify->options->windows_max);
        return VERIFY_UNDECIDED;
}

/* More windows are wanted. When the load is gone they cannot tell whether the change carries it, and what the
 * load is now may need another change. */
static enum verify_result not_yet(const struct verify *verify, int64_t now_ms, char *reason, size_t room)
{
        if (verify->gone_windows >= verify->options->windows_min) {
                snprintf(reason, room, "the load of %.0f records/s that it was made for is gone",
                         verify->reference_load);
                return VERIFY_UNDECIDED;
        }
        return now_ms >= verify->deadline_ms ? at_deadline(verify, reason, room) : VERIFY_WAITING;
}

static enum verify_result conclude(const struct verify *verify, int64_t now_ms, char *reason, size_t room)
{
        enum standing capacity, latency;

        if (verify->windows < verify->options->windows_min)
                return not_yet(verify, now_ms, reason, room);
        capacity = capacity_standing(verify, reason, room);
        if (capacity == STANDING_WORSE)
                return VERIFY_REGRESSED;
        latency = latency_standing(verify, reason, room);
        if (latency == STANDING_WORSE)
                return VERIFY_REGRESSED;
        if (verify->windows < verify->options->windows_max &&
            (capacity != STANDING_FINE || latency == STANDING_OPEN))
                return not_yet(verify, now_ms, reason, room);
        snprintf(reason, room, "as predicted over %d window%s, at up to %.0f records/s", verify->windows,
                 text_plural(verify->windows), verify->carried_per_second);
        return VERIFY_CONFIRMED;
}

enum verify_result verify_observe(struct verify *verify, const struct observation *observation,
                                  int64_t now_ms, char *reason, size_t room)
{
        if (!(observation->missing & MISSING_ALL) && observation->time_ms > verify->applied_ms) {
                verify->heard = true;
                verify->came_up_once |= runs_as_wanted(verify, observation);
        }
        if (!(observation->missing & MISSING_ALL) &&
            observation->time_ms - observation->window_ms >= verify->settled_ms) {
                verify->seen = true;
                verify->came_up = runs_as_wanted(verify, observation);
                if (verify->came_up && observation->missing == 0)
                        take_window(verify, observation);
                else
                        disturb(verify, observation);
        }
        if (verify->heard && !verify->came_up_once && now_ms >= verify->up_deadline_ms)
                return never_came_up(verify->up_deadline_ms - verify->applied_ms, reason, room);
        return conclude(verify, now_ms, reason, room);
}

double verify_capacity(const struct verify *verify)
{
        return verify->capacity.count > 0 ? sample_mean(&verify->capacity) : NAN;
}

bool verify_compare(const struct verify *verify, enum verify_measure measure,
                    struct verify_comparison *ret_comparison)
{
        const struct prediction *prediction = &verify->prediction;
        bool latency = measure == VERIFY_LATENCY;
        const struct verify_sample *sample = latency ? &verify->latency : &verify->capacity;
        double mean = latency ? prediction->latency_p99_mean : prediction->capacity_mean;
        double sd = latency ? prediction->latency_p99_sd : prediction->capacity_sd;
        double above;

        if (!prediction->present || !(mean > 0) || !isfinite(mean) ||
            sample->count < verify->options->windows_min)
                return false;
        above = chance_above(sample, mean, sd);
        *ret_comparison = (struct verify_comparison){
                .predicted = mean,
                .measured = sample_mean(sample),
                .covered = fabs(above - 0.5) <= COVERED_SHARE / 2,
        };
        return true;
}
