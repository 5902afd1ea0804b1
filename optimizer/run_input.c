/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/run_input.h"

#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "optimizer/search/normal.h"

#define DAYS          7
#define SAME_DAYS     3
#define FREEDOM_LEAST 2
#define CAREFUL       1.6448536269514722 /* standard deviations: one run of 20 reads more */
#define POWER_MEAN    0.8
#define TELL_LEAST    0.75 /* share of the good runs */

static bool tells(const struct past_run *run)
{
        return run->input_bytes > 0 && isfinite(run->input_bytes);
}

static int64_t begun_ms(const struct past_run *run)
{
        return run->ended_ms - (int64_t)(run->seconds * MS_PER_SECOND);
}

static int64_t weekday(int64_t time_ms)
{
        return time_ms / MS_PER_DAY % DAYS;
}

/* ---- what the next run reads ---- */

/* Of the log input of some runs. */
struct spread {
        int n;
        double mean, squares; /* about the mean */
};

/* Of the newest runs, `most` of them at most. day: only those that began on such a day; -1: any. */
static struct spread spread_of(const struct run_history *history, size_t from, int64_t day, int most)
{
        struct spread spread = {0};

        for (size_t i = history->count; i > from && spread.n < most; i--) {
                const struct past_run *run = &history->runs[i - 1];
                double off;

                if (!tells(run) || (day >= 0 && weekday(begun_ms(run)) != day))
                        continue;
                off = log(run->input_bytes) - spread.mean;
                spread.mean += off / ++spread.n;
                spread.squares += off * (log(run->input_bytes) - spread.mean);
        }
        return spread;
}

/* Standard deviation between runs of one day of the week; of all, while too few have come again. */
static double scatter(const struct run_history *history, size_t from)
{
        struct spread all = spread_of(history, from, -1, RUN_HISTORY_MOST);
        double squares = 0, freedom = 0;

        for (int64_t day = 0; day < DAYS; day++) {
                struct spread same = spread_of(history, from, day, RUN_HISTORY_MOST);

                squares += same.squares;
                freedom += same.n > 0 ? same.n - 1 : 0;
        }
        return freedom >= FREEDOM_LEAST ? sqrt(squares / freedom) : sqrt(all.squares / fmax(all.n - 1, 1));
}

static double forecast(const struct run_history *history, size_t from)
{
        size_t count = history->count;
        int64_t next_ms = begun_ms(&history->runs[count - 1]);
        struct spread seen;

        if (count > from + 1)
                next_ms += next_ms - begun_ms(&history->runs[count - 2]);
        seen = spread_of(history, from, weekday(next_ms), SAME_DAYS);
        if (seen.n == 0)
                seen = spread_of(history, from, -1, DAYS);
        return exp(seen.mean + CAREFUL * scatter(history, from) * sqrt(1 + 1.0 / seen.n));
}

static bool is_worth_a_look(const struct run_history *history, size_t from)
{
        double low = INFINITY, high = -INFINITY;
        int good = 0, told = 0;

        for (size_t i = from; i < history->count; i++) {
                const struct past_run *run = &history->runs[i];

                good += !run->failed;
                told += !run->failed && tells(run);
                if (!tells(run))
                        continue;
                low = fmin(low, run->input_bytes);
                high = fmax(high, run->input_bytes);
        }
        return told > 0 && told >= TELL_LEAST * good && high > RUN_INPUT_RATIO * low;
}

/* ---- how values go with it ---- */

/* Sums of one setting: of log input and log value. */
struct sums {
        double n, x, y, xx, xy;
};

static void add_run(struct sums *sums, double x, double y)
{
        sums->n++;
        sums->x += x;
        sums->y += y;
        sums->xx += x * x;
        sums->xy += x * y;
}

static bool same_setting(const struct run_history *history, const struct past_run *a,
                         const struct past_run *b)
{
        return memcmp(a->values, b->values, (size_t)history->pipeline->n_knobs * sizeof *a->values) == 0;
}

static bool counts(const struct run_terms *terms, const struct past_run *run, int64_t at_ms)
{
        return run->values && !run->failed && tells(run) && isfinite(run_terms_value(terms, run, at_ms));
}

static struct sums sums_of(const struct run_history *history, const struct run_terms *terms, size_t first,
                           int64_t at_ms)
{
        struct sums sums = {0};

        for (size_t i = first; i < history->count; i++) {
                const struct past_run *run = &history->runs[i];

                if (counts(terms, run, at_ms) && same_setting(history, run, &history->runs[first]))
                        add_run(&sums, log(run->input_bytes), log(run_terms_value(terms, run, at_ms)));
        }
        return sums;
}

static bool is_first_of_its_setting(const struct run_history *history, const struct run_terms *terms,
                                    size_t from, size_t index, int64_t at_ms)
{
        for (size_t i = from; i < index; i++)
                if (counts(terms, &history->runs[i], at_ms) &&
                    same_setting(history, &history->runs[i], &history->runs[index]))
                        return false;
        return counts(terms, &history->runs[index], at_ms);
}

static double power_of(const struct run_history *history, const struct run_terms *terms, size_t from,
                       int64_t at_ms)
{
        double prior = pow(RUN_NOISE_PRIOR / RUN_POWER_SD, 2), xx = prior, xy = prior * POWER_MEAN;

        for (size_t i = from; i < history->count; i++) {
                struct sums sums;

                if (!is_first_of_its_setting(history, terms, from, i, at_ms))
                        continue;
                sums = sums_of(history, terms, i, at_ms);
                xx += sums.xx - sums.x * sums.x / sums.n;
                xy += sums.xy - sums.x * sums.y / sums.n;
        }
        return xy / xx;
}

/* ---- both ---- */

void run_input_make(const struct run_history *history, const struct run_terms *terms, size_t from,
                    int64_t at_ms, struct run_input *ret_input)
{
        *ret_input = (struct run_input){.next = NAN, .power = NAN};
        if (!is_worth_a_look(history, from))
                return;
        ret_input->next = forecast(history, from);
        ret_input->power = power_of(history, terms, from, at_ms);
}

double run_input_of(const struct run_input *input, const struct past_run *run)
{
        return tells(run) ? run->input_bytes : input->next;
}

double run_input_factor(const struct run_input *input, const struct past_run *run)
{
        return isfinite(input->next) ? pow(input->next / run_input_of(input, run), input->power) : 1;
}

double run_input_chance(const struct run_input *input, const struct past_run *run, double most_seconds,
                        double noise)
{
        double off = RUN_POWER_SD * log(input->next / run_input_of(input, run));
        double margin = log(most_seconds / (run->seconds * run_input_factor(input, run)));

        return isnan(margin) ? 1 : exp(normal_log_cdf(margin / sqrt(2 * noise * noise + off * off)));
}
