/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/run_history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "optimizer/run_input.h"

#define NOISE_LEAST 0.02

void run_history_init(struct run_history *history, const struct pipeline *pipeline)
{
        *history = (struct run_history){.pipeline = pipeline};
}

void run_history_clear(struct run_history *history)
{
        for (size_t i = 0; i < history->count; i++)
                free(history->runs[i].values);
        history->count = 0;
}

static size_t values_size(const struct pipeline *pipeline)
{
        return (size_t)pipeline->n_knobs * sizeof(double);
}

static void make_room(struct run_history *history)
{
        if (history->count < RUN_HISTORY_MOST)
                return;
        free(history->runs[0].values);
        memmove(history->runs, history->runs + 1, --history->count * sizeof history->runs[0]);
}

bool run_history_add(struct run_history *history, const struct observation *observation)
{
        const struct run_observation *run = &observation->run;
        int64_t newest_ms = history->count ? history->runs[history->count - 1].ended_ms : 0;
        struct past_run *added;

        if (!run->periodic || run->ended_ms <= newest_ms || run->ended_ms < run->begun_ms)
                return false;
        make_room(history);
        added = &history->runs[history->count++];
        *added = (struct past_run){
                .ended_ms = run->ended_ms,
                .seconds = (double)(run->ended_ms - run->begun_ms) / MS_PER_SECOND,
                .failed = run->failed,
                .held = {run->worker_seconds, run->core_seconds, run->byte_seconds},
                .input_bytes = run->input_bytes,
        };
        if (run->configuration.count == history->pipeline->n_knobs) {
                added->values = memory_new((size_t)run->configuration.count, sizeof *added->values);
                memcpy(added->values, run->configuration.value, values_size(history->pipeline));
        }
        return true;
}

static bool same_values(const struct pipeline *pipeline, const double *a, const double *b)
{
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (a[i] != b[i])
                        return false;
        return true;
}

bool run_history_knows(const struct run_history *history, const struct configuration *configuration)
{
        for (size_t i = 0; i < history->count; i++)
                if (history->runs[i].values &&
                    same_values(history->pipeline, history->runs[i].values, configuration->value))
                        return true;
        return false;
}

double run_terms_value(const struct run_terms *terms, const struct past_run *run, int64_t at_ms)
{
        double value = terms->duration ? run->seconds : price_book_run(terms->prices, at_ms, &run->held);

        return value > 0 && isfinite(value) ? value : NAN;
}

bool run_terms_broken(const struct run_terms *terms, const struct past_run *run)
{
        return run->seconds > terms->most_seconds; /* false without a limit */
}

/* ---- what each setting did ---- */

/* The good runs of one setting, by log value at the next run's input, oldest first. */
struct record {
        int n;
        double value[RUN_HISTORY_MOST];
        double input[RUN_HISTORY_MOST]; /* logarithms, too; 0: not looked at */
};

static void read_record(const struct run_history *history, const struct run_terms *terms,
                        const struct run_review *review, const double *values, struct record *ret_record)
{
        ret_record->n = 0;
        for (size_t i = review->from; i < history->count; i++) {
                const struct past_run *run = &history->runs[i];
                double value = run_terms_value(terms, run, review->at_ms);

                if (run->values && !run->failed && isfinite(value) &&
                    same_values(history->pipeline, run->values, values)) {
                        ret_record->input[ret_record->n] =
                                isfinite(review->input.next) ? log(run_input_of(&review->input, run)) : 0;
                        ret_record->value[ret_record->n++] =
                                log(value * run_input_factor(&review->input, run));
                }
        }
}

static double mean_of(const double *value, int n)
{
        double sum = 0;

        for (int i = 0; i < n; i++)
                sum += value[i];
        return sum / n;
}

static double squares_of(const double *value, int n)
{
        double mean = mean_of(value, n), sum = 0;

        for (int i = 0; i < n; i++)
                sum += (value[i] - mean) * (value[i] - mean);
        return sum;
}

/* Whether a run of the same setting that reads what the next one is expected to would take too long. */
static bool is_late(const struct run_terms *terms, const struct run_input *input, const struct past_run *run)
{
        return run->seconds * run_input_factor(input, run) > terms->most_seconds; /* false without a limit */
}

/* Whether a run tells if its setting is kept with the next one's input: one that failed with more says
 * nothing of that, and one that did well with less than `share` of it neither. */
static bool is_like_next(const struct run_input *input, const struct past_run *run, double share)
{
        double ratio = run_input_of(input, run) / input->next;

        return isnan(input->next) || (run->failed ? ratio <= RUN_INPUT_RATIO : ratio >= share);
}

/* Newest first, as far as three: whether half of them are kept. */
static void look_at_newest(const struct run_history *history, const struct run_terms *terms,
                           const struct run_review *review, double share, struct tried_setting *setting)
{
        const struct run_input *input = &review->input;
        int looked = 0, kept = 0;

        setting->why_broken = NULL;
        setting->fails = false;
        for (size_t i = history->count; i > review->from && looked < RUN_NEWEST; i--) {
                const struct past_run *run = &history->runs[i - 1];
                bool broken = is_late(terms, input, run);

                if (!run->values || !same_values(history->pipeline, run->values, setting->values) ||
                    !is_like_next(input, run, share))
                        continue;
                looked++;
                kept += !run->failed && !broken;
                setting->fails |= run->failed;
                if (!setting->why_broken && (run->failed || broken))
                        setting->why_broken = run->failed ? "failed" : "took too long";
        }
        setting->kept = looked > 0 && 2 * kept >= looked;
}

static void fill_setting(const struct run_history *history, const struct run_terms *terms,
                         const struct run_review *review, struct tried_setting *setting)
{
        struct record record;
        double seconds = 0;

        read_record(history, terms, review, setting->values, &record);
        setting->good = record.n;
        setting->value = record.n ? exp(mean_of(record.value, record.n)) : NAN;
        for (size_t i = review->from; i < history->count; i++) {
                const struct past_run *run = &history->runs[i];

                if (!run->values || !same_values(history->pipeline, run->values, setting->values))
                        continue;
                setting->runs++;
                if (!run->failed && isfinite(run_terms_value(terms, run, review->at_ms)))
                        seconds += run->seconds * run_input_factor(&review->input, run);
        }
        setting->seconds = record.n ? seconds / record.n : NAN;
}

int run_review_find(const struct run_review *review, const struct pipeline *pipeline, const double *values)
{
        for (int i = 0; i < review->n; i++)
                if (same_values(pipeline, review->settings[i].values, values))
                        return i;
        return -1;
}

static void list_settings(const struct run_history *history, struct run_review *review)
{
        review->n = 0;
        for (size_t i = review->from; i < history->count; i++) {
                const double *values = history->runs[i].values;
                int at = values ? run_review_find(review, history->pipeline, values) : -1;

                if (!values)
                        continue;
                if (at < 0)
                        review->settings[at = review->n++] = (struct tried_setting){0};
                review->settings[at].values = values;
        }
}

/* ---- has the job changed? ---- */

/* Runs of another input are only known as well as how values go with it. */
static bool has_shifted(const struct record *record)
{
        int before = record->n - RUN_NEWEST;
        const double *newest;
        double mean, sd, off, least = INFINITY, most = -INFINITY, bound;

        if (before < 1)
                return false;
        newest = record->value + before;
        mean = mean_of(record->value, before);
        sd = before > 1 ? sqrt(squares_of(record->value, before) / (before - 1)) : 0;
        off = RUN_POWER_SD * (mean_of(record->input + before, RUN_NEWEST) - mean_of(record->input, before));
        bound = fmax(RUN_SHIFT_LEAST, RUN_SHIFT_SD * hypot(sd, off));
        for (int i = 0; i < RUN_NEWEST; i++) {
                least = fmin(least, newest[i] - mean);
                most = fmax(most, newest[i] - mean);
        }
        return least > bound || most < -bound;
}

/* Runs are gone through as they came; a shift shows with the third run that has it. */
static void find_start(const struct run_history *history, const struct run_terms *terms,
                       struct run_review *review)
{
        struct run_history seen = *history;
        struct record record;

        review->from = 0;
        for (seen.count = 1; seen.count <= history->count; seen.count++) {
                const double *values = history->runs[seen.count - 1].values;
                size_t first = seen.count;
                int newest = 0;

                if (!values)
                        continue;
                read_record(&seen, terms, review, values, &record);
                if (!has_shifted(&record))
                        continue;
                while (newest < RUN_NEWEST && first > review->from) {
                        const struct past_run *run = &history->runs[--first];

                        newest += run->values && !run->failed &&
                                  same_values(history->pipeline, run->values, values);
                }
                review->from = first;
        }
}

/* ---- the review ---- */

double run_noise(double squares, double freedom)
{
        squares += RUN_NOISE_PRIOR_COUNT * RUN_NOISE_PRIOR * RUN_NOISE_PRIOR;
        return fmax(sqrt(squares / (freedom + RUN_NOISE_PRIOR_COUNT)), NOISE_LEAST);
}

static double noise_of(const struct run_history *history, const struct run_terms *terms,
                       const struct run_review *review)
{
        double squares = 0, freedom = 0;
        struct record record;

        for (int i = 0; i < review->n; i++) {
                read_record(history, terms, review, review->settings[i].values, &record);
                if (record.n < 2)
                        continue;
                squares += squares_of(record.value, record.n);
                freedom += record.n - 1;
        }
        return run_noise(squares, freedom);
}

/* Of the settings that are kept the one with the least value. */
static void find_best(const struct run_history *history, const struct run_terms *terms, double share,
                      struct run_review *review)
{
        review->best = -1;
        for (int i = 0; i < review->n; i++) {
                struct tried_setting *setting = &review->settings[i];

                look_at_newest(history, terms, review, share, setting);
                if (setting->kept && setting->good > 0 &&
                    (review->best < 0 || setting->value < review->settings[review->best].value))
                        review->best = i;
        }
}

/* ---- a night that is larger than any setting has been seen to do with ---- */

/* Of the good runs of a setting the one with the input nearest to the next one's; of several the newest.
 * NULL: there is none. */
static const struct past_run *nearest_run(const struct run_history *history, const struct run_review *review,
                                          const double *values)
{
        const struct past_run *nearest = NULL;
        double least = INFINITY;

        for (size_t i = history->count; i > review->from; i--) {
                const struct past_run *run = &history->runs[i - 1];
                double off = fabs(log(run_input_of(&review->input, run) / review->input.next));

                if (!run->values || run->failed || !same_values(history->pipeline, run->values, values) ||
                    off >= least)
                        continue;
                nearest = run;
                least = off;
        }
        return nearest;
}

static void find_likeliest(const struct run_history *history, const struct run_terms *terms,
                           struct run_review *review)
{
        double most = 0;

        review->likeliest = -1;
        for (int i = 0; i < review->n && isfinite(review->input.next); i++) {
                const struct tried_setting *setting = &review->settings[i];
                const struct past_run *run =
                        setting->fails ? NULL : nearest_run(history, review, setting->values);
                double chance =
                        run ? run_input_chance(&review->input, run, terms->most_seconds, review->noise) : 0;

                if (setting->good == 0 || chance <= most)
                        continue;
                most = chance;
                review->likeliest = i;
                review->likeliest_did = !run_terms_broken(terms, run);
        }
}

void run_review_make(const struct run_history *history, const struct run_terms *terms,
                     struct run_review *ret_review)
{
        struct run_review *review = ret_review;

        review->at_ms = history->count ? history->runs[history->count - 1].ended_ms : 0;
        run_input_make(history, terms, 0, review->at_ms, &review->input);
        find_start(history, terms, review);
        run_input_make(history, terms, review->from, review->at_ms, &review->input);
        list_settings(history, review);
        for (int i = 0; i < review->n; i++)
                fill_setting(history, terms, review, &review->settings[i]);
        find_best(history, terms, RUN_INPUT_SHARE, review);
        review->noise = noise_of(history, terms, review);
        find_likeliest(history, terms, review);
}

const struct past_run *run_review_refuge(const struct run_history *history, const struct run_review *review)
{
        const struct past_run *fastest = NULL;

        for (size_t i = 0; i < review->from; i++) {
                const struct past_run *run = &history->runs[i];

                if (run->values && !run->failed && (!fastest || run->seconds < fastest->seconds) &&
                    run_review_find(review, history->pipeline, run->values) < 0)
                        fastest = run;
        }
        return fastest;
}
