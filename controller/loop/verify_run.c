/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/verify_run.h"

#include <math.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/quantity.h"
#include "core/series/series.h"
#include "core/text.h"

#define OTHERS_MOST 3

void verify_run_begin(struct verify_run *verify, const struct price_book *prices,
                      const struct run_prediction *prediction, const struct configuration *wanted)
{
        *verify = (struct verify_run){
                .prices = prices,
                .prediction = *prediction,
                .wanted = *wanted,
                .seen_ms = prediction->after_ms,
        };
}

static double seconds_of(const struct run_observation *run)
{
        return (double)(run->ended_ms - run->begun_ms) / MS_PER_SECOND;
}

/* At the prices it was predicted at, so that a price that has changed is not the setting's fault. */
static double cost_of(const struct verify_run *verify, const struct run_observation *run)
{
        const struct price_held held = {run->worker_seconds, run->core_seconds, run->byte_seconds};

        return price_book_run(verify->prices, verify->prediction.after_ms, &held);
}

/* Of what it may cost, as it read more or less than was forecast. */
static double input_factor(const struct run_prediction *prediction, const struct run_observation *run)
{
        if (!(prediction->input_bytes > 0) || !isfinite(prediction->input_power) || !(run->input_bytes > 0))
                return 1;
        return pow(run->input_bytes / prediction->input_bytes, prediction->input_power);
}

/* The limit, and what goes with the input where that is given. */
static double most_seconds(const struct run_prediction *prediction, const struct run_observation *run)
{
        return prediction->seconds_soft > 0 ? fmin(prediction->seconds_most,
                                                   prediction->seconds_soft * input_factor(prediction, run))
                                            : prediction->seconds_most;
}

/* "took 41 min (40 min ± 3 min predicted)" */
static void put_comparison(struct text *text, const char *verb, double measured, double mean, double sd,
                           void (*put)(const struct verify_run *verify, struct text *text, double value),
                           const struct verify_run *verify)
{
        text_format(text, "%s ", verb);
        put(verify, text, measured);
        if (!isfinite(mean))
                return;
        text_put(text, " (");
        put(verify, text, mean);
        if (sd > 0 && isfinite(sd)) {
                text_put(text, " ± ");
                put(verify, text, sd);
        }
        text_put(text, " predicted)");
}

static void put_seconds(const struct verify_run *verify, struct text *text, double seconds)
{
        (void)verify;
        duration_put(text, round(seconds));
}

static void put_money(const struct verify_run *verify, struct text *text, double money)
{
        money_put(text, money, price_book_currency(verify->prices));
}

static void describe(const struct verify_run *verify, const struct run_observation *run, struct text *text)
{
        const struct run_prediction *prediction = &verify->prediction;
        char ended[32];

        time_format(run->ended_ms, ended);
        text_format(text, "the run that ended %s ", ended);
        put_comparison(text, "took", seconds_of(run), prediction->seconds_mean, prediction->seconds_sd,
                       put_seconds, verify);
        if (isfinite(cost_of(verify, run)))
                put_comparison(text, " and cost", cost_of(verify, run), prediction->cost_mean,
                               prediction->cost_sd, put_money, verify);
        if (prediction->input_bytes > 0 && run->input_bytes > 0)
                text_format(text, ", with %.3g times the input that was forecast",
                            run->input_bytes / prediction->input_bytes);
}

static enum verify_result judge_run(const struct verify_run *verify, const struct observation *observation,
                                    struct text *text)
{
        const struct run_observation *run = &observation->run;
        const struct run_prediction *prediction = &verify->prediction;
        double seconds = most_seconds(prediction, run),
               cost = prediction->cost_most * input_factor(prediction, run);
        bool late = seconds_of(run) > seconds, dear = cost_of(verify, run) > cost;

        if (run->failed) {
                text_format(text, "its run failed%s%s", observation->failure[0] ? ": " : "",
                            observation->failure);
                return VERIFY_REGRESSED;
        }
        describe(verify, run, text);
        if (late) {
                text_put(text, "; it may take ");
                put_seconds(verify, text, seconds);
        }
        if (dear) {
                text_put(text, late ? " and cost " : "; it may cost ");
                put_money(verify, text, cost);
        }
        return late || dear ? VERIFY_REGRESSED : VERIFY_CONFIRMED;
}

static enum verify_result look_at(struct verify_run *verify, const struct observation *observation,
                                  struct text *text)
{
        const struct run_observation *run = &observation->run;

        if (run->configuration.count == verify->wanted.count &&
            configuration_equal(&run->configuration, &verify->wanted))
                return judge_run(verify, observation, text);
        if (++verify->others < OTHERS_MOST)
                return VERIFY_WAITING;
        text_format(text, "none of the last %d runs had what was set", verify->others);
        return VERIFY_UNDECIDED;
}

enum verify_result verify_run_observe(struct verify_run *verify, const struct observation *observation,
                                      char *reason, size_t room)
{
        const struct run_observation *run = &observation->run;
        enum verify_result result;
        autotext text = {0};

        if (!run->periodic || run->ended_ms <= verify->seen_ms)
                return VERIFY_WAITING;
        verify->seen_ms = run->ended_ms;
        result = look_at(verify, observation, &text);
        if (result != VERIFY_WAITING)
                snprintf(reason, room, "%s", text.data);
        return result;
}
