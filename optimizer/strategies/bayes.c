/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "core/quantity.h"
#include "core/text.h"
#include "optimizer/proposal.h"
#include "optimizer/run_history.h"
#include "optimizer/run_search.h"

/*
 * A job that runs from time to time, made cheaper run by run: each run is one trial of a search
 * (docs/tune.md, "In the loop"). What is proposed follows from the runs there were and from what is set, so
 * it is the same after a restart.
 */
#define NAME        "bayes"
#define BARRED_MOST 4
#define MEBIBYTE    1048576.0
/* So many standard deviations between runs of one setting a trial may lie above the best one and be kept. */
#define KEPT_SD 2.0

enum minimize { MINIMIZE_COST, MINIMIZE_DURATION };

struct bayes_options {
        int64_t interval_seconds, runs;
        int minimize;
        double step_percent, risk_percent;
};

struct state {
        const struct pipeline *pipeline;
        const struct bayes_options *options;
        struct run_terms terms;
        struct run_history history;
        bool in_flight;     /* a change of ours waits for its run */
        int64_t settled_ms; /* what was seen up to then may be from before a change was taken back */
        bool refused;       /* what was proposed last, ever since */
        bool answered;      /* `answer` is for the runs there are */
        struct run_suggestion answer;
        double barred[BARRED_MOST][CONFIGURATION_MAX_KNOBS]; /* refused until there was another run */
        int n_barred;
};

static const char *const objectives[] = {"Cost", "Duration", NULL};

static const struct option options_list[] = {
        {.name = "intervalSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct bayes_options, interval_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "300",
         .help = "How often is looked whether another run has ended."},
        {.name = "minimize",
         .type = OPTION_CHOICE,
         .offset = offsetof(struct bayes_options, minimize),
         .choices = objectives,
         .fallback = "Cost",
         .help = "What a run is to have as little of: money, or time."},
        {.name = "runs",
         .type = OPTION_INT,
         .offset = offsetof(struct bayes_options, runs),
         .min = 1,
         .max = 1000000,
         .fallback = "365",
         .help = "Runs that the setting found will be used for. A trial that is not expected to save over "
                 "all "
                 "of them what it costs is not made."},
        {.name = "stepPercent",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct bayes_options, step_percent),
         .unit = "%",
         .min = 1,
         .max = 100,
         .fallback = "30",
         .help = "Share of a knob's range by which a trial may go beyond the settings that have been kept."},
        {.name = "riskPercent",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct bayes_options, risk_percent),
         .unit = "%",
         .min = 0,
         .max = 100,
         .fallback = "5",
         .help = "Most probability of failing, or of taking longer than constraints.runSeconds, that a trial "
                 "may have."},
        {0},
};

static const struct option_table table = {
        .name = NAME,
        .help = "Bayesian optimisation of a job that runs from time to time: one run is one trial.",
        .size = sizeof(struct bayes_options),
        .options = options_list,
};

static int64_t interval_ms(const void *opaque)
{
        const struct bayes_options *options = opaque;

        return options->interval_seconds * MS_PER_SECOND;
}

/* ---- life ---- */

static bool bayes_open(const struct strategy_context *context, const void *opaque, void **ret_state,
                       struct error *err)
{
        const struct bayes_options *options = opaque;
        struct state *state;

        if (!run_search_check(context->pipeline, err))
                return false;
        state = memory_new(1, sizeof *state);
        state->pipeline = context->pipeline;
        state->options = options;
        state->settled_ms = INT64_MIN;
        state->terms = (struct run_terms){
                .prices = context->prices,
                .duration = options->minimize == MINIMIZE_DURATION,
                .most_seconds =
                        context->constraints->run_seconds > 0 ? context->constraints->run_seconds : NAN,
        };
        run_history_init(&state->history, context->pipeline);
        *ret_state = state;
        return true;
}

static void bayes_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        run_history_clear(&state->history);
        free(state);
}

/* ---- what happens ---- */

/* What rules have kept from being tried for as long as it took to the next run makes room for another. */
static void bar(struct state *state)
{
        if (!state->answered || !state->refused || state->answer.advice != RUN_TRY)
                return;
        memcpy(state->barred[state->n_barred++ % BARRED_MOST], state->answer.values,
               sizeof state->answer.values);
        if (state->n_barred >= 2 * BARRED_MOST)
                state->n_barred -= BARRED_MOST;
}

static void take_run(struct state *state, const struct observation *observation)
{
        if (!run_history_add(&state->history, observation))
                return;
        bar(state);
        state->answered = state->refused = false;
}

static void bayes_recall(void *state, const struct observation *observation)
{
        take_run(state, observation);
}

static void bayes_told(void *opaque, const struct proposal *proposal, const struct verdict *verdict,
                       enum outcome outcome, const struct observation *observation)
{
        struct state *state = opaque;
        bool made = outcome == OUTCOME_PENDING;

        (void)proposal;
        if (!state->in_flight && !made)
                state->refused = outcome == OUTCOME_UNKNOWN && verdict->judgement != JUDGEMENT_ALLOWED;
        if (outcome == OUTCOME_REVERTED || outcome == OUTCOME_FAILED)
                state->settled_ms = observation->time_ms;
        state->in_flight = made;
}

/* ---- words ---- */

struct words {
        char text[160];
};

static struct words describe(const struct pipeline *pipeline, const double *values)
{
        struct words words;
        autotext text = {0};

        for (int i = 0; i < pipeline->n_knobs; i++) {
                text_format(&text, "%s%s ", i ? ", " : "", pipeline->knobs[i].name);
                if (pipeline->knobs[i].role == KNOB_MEMORY)
                        quantity_put(&text, values[i]);
                else
                        text_format(&text, "%.10g", values[i]);
        }
        snprintf(words.text, sizeof words.text, "%s", text.data);
        return words;
}

static struct words amount(const struct state *state, double value)
{
        struct words words;
        autotext text = {0};

        if (state->terms.duration)
                duration_put(&text, value);
        else
                money_put(&text, value, price_book_currency(state->terms.prices));
        snprintf(words.text, sizeof words.text, "%s", text.data);
        return words;
}

static struct words size(double bytes)
{
        struct words words;
        autotext text = {0};

        quantity_put(&text, bytes < MEBIBYTE ? round(bytes) : round(bytes / MEBIBYTE) * MEBIBYTE);
        snprintf(words.text, sizeof words.text, "%s", text.data);
        return words;
}

static struct words span(double seconds)
{
        struct words words;
        autotext text = {0};

        duration_put(&text, round(seconds));
        snprintf(words.text, sizeof words.text, "%s", text.data);
        return words;
}

/* ---- proposing ---- */

/* Above this a trial is not kept: the best so far and what runs of one setting differ by. */
static double most_value(const struct run_review *review)
{
        const struct tried_setting *best;

        if (review->best < 0)
                return NAN;
        best = &review->settings[review->best];
        return best->value * exp(KEPT_SD * review->noise * sqrt(1 + 1.0 / best->good));
}

static struct run_prediction prediction_of(const struct state *state, const struct run_review *review,
                                           const struct run_suggestion *answer)
{
        struct run_prediction run = {
                .present = true,
                .seconds_mean = answer->seconds,
                .seconds_sd = answer->seconds_sd,
                .seconds_most = state->terms.most_seconds,
                .cost_mean = NAN,
                .cost_sd = NAN,
                .cost_most = NAN,
                .input_bytes = review->input.next,
                .input_power = review->input.power,
                .seconds_soft = NAN,
                .after_ms = review->at_ms,
        };

        if (state->terms.duration && isfinite(review->input.next)) {
                run.seconds_soft = most_value(review);
                return run;
        }
        if (state->terms.duration) {
                run.seconds_most =
                        fmin(run.seconds_most, most_value(review)); /* of NAN and a number the latter */
                return run;
        }
        run.cost_mean = answer->mean;
        run.cost_sd = answer->sd;
        run.cost_most = most_value(review);
        return run;
}

static void put_alternative(const struct state *state, const struct run_review *review, int index,
                            struct proposal *proposal)
{
        const struct tried_setting *setting = &review->settings[index];
        struct alternative *alternative = &proposal->alternatives[proposal->n_alternatives++];

        *alternative = (struct alternative){.compute_cost = state->terms.duration ? NAN : setting->value,
                                            .feasible = setting->kept};
        snprintf(alternative->configuration, sizeof alternative->configuration, "%s",
                 describe(state->pipeline, setting->values).text);
        if (setting->kept)
                snprintf(alternative->why_not, sizeof alternative->why_not, "%s%d run%s of %s",
                         index == review->best ? "the best so far: " : "", setting->runs,
                         setting->runs == 1 ? "" : "s", span(setting->seconds).text);
        else
                snprintf(alternative->why_not, sizeof alternative->why_not, "%s",
                         setting->why_broken ? setting->why_broken : "no run of it read as much");
}

/* What it is weighed against: the settings that did best. */
static void put_alternatives(const struct state *state, const struct run_review *review,
                             struct proposal *proposal)
{
        bool put[RUN_HISTORY_MOST] = {false};

        proposal->n_alternatives = 0;
        for (int k = 0; k < PROPOSAL_MAX_ALTERNATIVES; k++) {
                int next = -1;

                for (int i = 0; i < review->n; i++)
                        if (!put[i] && review->settings[i].good > 0 &&
                            (next < 0 || review->settings[i].value < review->settings[next].value))
                                next = i;
                if (next < 0)
                        return;
                put[next] = true;
                put_alternative(state, review, next, proposal);
        }
}

static void change(const struct state *state, const struct run_review *review, const double *values,
                   const struct observation *observation, struct proposal *proposal)
{
        proposal_hold(proposal, NAME, observation, "");
        proposal->kind = PROPOSAL_CHANGE;
        proposal->configuration = configuration_from_values(state->pipeline, values);
        proposal->prediction.present = true;
        put_alternatives(state, review, proposal);
}

static void explain_trial(const struct state *state, const struct run_review *review,
                          const struct run_suggestion *answer, struct text *text)
{
        const struct tried_setting *best = review->best < 0 ? NULL : &review->settings[review->best];

        text_format(text, "%s: %s", describe(state->pipeline, answer->values).text, answer->why);
        if (answer->predicted)
                text_format(text, "; a run should %s %s ± %s", state->terms.duration ? "take" : "cost",
                            amount(state, answer->mean).text, amount(state, answer->sd).text);
        if (answer->predicted && !state->terms.duration && isfinite(answer->seconds))
                text_format(text, " and take %s ± %s", span(answer->seconds).text,
                            span(answer->seconds_sd).text);
        if (best)
                text_format(text, ". The best so far, %s, %s %s",
                            describe(state->pipeline, best->values).text,
                            state->terms.duration ? "takes" : "costs", amount(state, best->value).text);
        if (isfinite(review->input.next))
                text_format(text, ", for an input of %s", size(review->input.next).text);
        text_format(text, ". It is taken back if its run fails");
        if (state->terms.most_seconds > 0)
                text_format(text, ", takes more than %s", span(state->terms.most_seconds).text);
        if (best)
                text_format(text, "%s %s more than %s", state->terms.most_seconds > 0 ? " or" : ",",
                            state->terms.duration ? "takes" : "costs",
                            amount(state, most_value(review)).text);
        text_put(text, ".");
}

static void propose_trial(const struct state *state, const struct run_review *review,
                          const struct observation *observation, struct proposal *proposal)
{
        const struct run_suggestion *answer = &state->answer;
        autotext text = {0};

        change(state, review, answer->values, observation, proposal);
        proposal->prediction.run = prediction_of(state, review, answer);
        if (!state->terms.duration)
                proposal->expected_saving = answer->improvement * (double)state->options->runs;
        explain_trial(state, review, answer, &text);
        snprintf(proposal->reason, sizeof proposal->reason, "%s", text.data);
}

/* To the best one, which is known: it is taken back if it fails or takes too long, and for nothing else. */
static void propose_best(const struct state *state, const struct run_review *review, const char *because,
                         const struct observation *observation, struct proposal *proposal)
{
        const struct tried_setting *best = &review->settings[review->best];
        const struct run_suggestion known = {.mean = best->value,
                                             .sd = best->value * review->noise,
                                             .seconds = best->seconds,
                                             .seconds_sd = best->seconds * review->noise};

        change(state, review, best->values, observation, proposal);
        proposal->prediction.run = prediction_of(state, review, &known);
        proposal->prediction.run.cost_most = proposal->prediction.run.seconds_soft = NAN;
        proposal->prediction.run.seconds_most = state->terms.most_seconds;
        snprintf(proposal->reason, sizeof proposal->reason,
                 "back to %s, the best of %d settings: a run %s %s; %s.",
                 describe(state->pipeline, best->values).text, review->n,
                 state->terms.duration ? "takes" : "costs", amount(state, best->value).text, because);
}

static void hold_at_best(const struct state *state, const struct run_review *review, const char *because,
                         const struct observation *observation, struct proposal *proposal)
{
        const struct tried_setting *best = &review->settings[review->best];
        char reason[sizeof proposal->reason];

        snprintf(reason, sizeof reason, "%s is the best of %d settings: a run %s %s; %s",
                 describe(state->pipeline, best->values).text, review->n,
                 state->terms.duration ? "takes" : "costs", amount(state, best->value).text, because);
        proposal_hold(proposal, NAME, observation, reason);
}

static struct words why_not_on(const struct state *state)
{
        struct words words;

        switch (state->answer.advice) {
        case RUN_STOP:
                snprintf(words.text, sizeof words.text,
                         "over %lld runs another trial would not save its price",
                         (long long)state->options->runs);
                break;
        case RUN_EXHAUSTED:
                snprintf(words.text, sizeof words.text, "every setting within reach was tried");
                break;
        case RUN_RISKY:
        case RUN_TRY:
                snprintf(words.text, sizeof words.text,
                         "what is left within reach is likelier to fail or to take too long than %.3g %%",
                         state->options->risk_percent);
                break;
        }
        return words;
}

/* The next run reads more than any setting has been seen to do with. */
static struct words why_likeliest(const struct run_review *review)
{
        struct words words;

        snprintf(
                words.text, sizeof words.text,
                "no run shows that a setting keeps its limit with an input of %s, and it is the likeliest to",
                size(review->input.next).text);
        return words;
}

/* The search's answer for the runs there are is looked for once. */
static bool answer(struct state *state, const struct run_review *review, struct error *err)
{
        const struct run_search_options options = {
                .terms = state->terms,
                .runs = (double)state->options->runs,
                .step = state->options->step_percent / 100,
                .most_chance = state->options->risk_percent / 100,
                .barred = (const double(*)[CONFIGURATION_MAX_KNOBS])state->barred,
                .n_barred = state->n_barred < BARRED_MOST ? state->n_barred : BARRED_MOST,
        };

        if (!state->answered && !run_search_suggest(&state->history, review, &options, &state->answer, err))
                return false;
        state->answered = true;
        return true;
}

/* The job has changed, and what it runs with is not kept any more: first of all to something that may be. */
static void propose_refuge(const struct state *state, const struct run_review *review,
                           const struct past_run *refuge, const struct observation *observation,
                           struct proposal *proposal)
{
        const struct run_suggestion unknown = {.mean = NAN, .sd = NAN, .seconds = NAN, .seconds_sd = NAN};

        change(state, review, refuge->values, observation, proposal);
        proposal->prediction.run = prediction_of(state, review, &unknown);
        snprintf(proposal->reason, sizeof proposal->reason,
                 "%s: runs have changed, and those with what is set now fail or take too long; this was the "
                 "fastest setting before, with a run of %s.",
                 describe(state->pipeline, refuge->values).text, span(refuge->seconds).text);
}

static bool go_on(struct state *state, const struct observation *observation, struct proposal *proposal,
                  struct error *err)
{
        autofree struct run_review *review = memory_new(1, sizeof *review);
        const struct past_run *refuge = NULL;
        struct words because;
        int current;
        bool unseen;

        run_review_make(&state->history, &state->terms, review);
        if (review->best < 0 && (refuge = run_review_refuge(&state->history, review))) {
                propose_refuge(state, review, refuge, observation, proposal);
                return true;
        }
        unseen = review->best < 0 && review->likeliest >= 0;
        if (unseen)
                review->best = review->likeliest;
        if (!answer(state, review, err))
                return false;
        if (unseen && review->likeliest_did && state->answer.advice == RUN_TRY && !state->answer.predicted)
                state->answer.advice = RUN_RISKY; /* it is no night to try what nothing is known of */
        if (state->answer.better >= 0)
                review->best = state->answer.better;
        because = unseen && state->answer.better < 0 ? why_likeliest(review) : why_not_on(state);
        current = run_review_find(review, state->pipeline, observation->configuration.value);
        if (state->answer.advice == RUN_TRY)
                propose_trial(state, review, observation, proposal);
        else if (review->best < 0)
                proposal_hold(proposal, NAME, observation,
                              "no setting was kept, and there is none left to try within reach");
        else if (current == review->best)
                hold_at_best(state, review, because.text, observation, proposal);
        else
                propose_best(state, review, because.text, observation, proposal);
        return true;
}

/* Why nothing can be proposed before another run has ended; NULL: it can. */
static const char *wait_for(const struct state *state, const struct observation *observation)
{
        const struct run_history *history = &state->history;
        const struct past_run *newest = history->count ? &history->runs[history->count - 1] : NULL;

        if (observation_lacks(observation))
                return "what the next run will have is not known";
        if (!observation->run.periodic)
                return "it is not a job that runs from time to time, of which each run is a trial";
        if (state->in_flight)
                return "the change is watched until a run that has it has ended";
        if (observation->time_ms <= state->settled_ms)
                return "a change was just taken back";
        if (!newest)
                return "no run has ended yet that there would be something to learn from";
        if (!newest->values)
                return "what the newest run was set to is not known: it did not say what each knob sets";
        if (!newest->failed && isnan(run_terms_value(&state->terms, newest, newest->ended_ms)))
                return "what the newest run cost is not known";
        if (!run_history_knows(history, &observation->configuration))
                return "the next run is the first one with what is set now: it is waited for";
        return NULL;
}

static bool bayes_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                          struct error *err)
{
        struct state *state = opaque;
        const char *why;

        take_run(state, observation);
        why = wait_for(state, observation);
        if (!why)
                return go_on(state, observation, ret_proposal, err);
        proposal_hold(ret_proposal, NAME, observation, why);
        return true;
}

const struct strategy bayes_strategy = {
        .name = NAME,
        .summary = "Bayesian optimisation of a job that runs from time to time",
        .options = &table,
        .periodic = true,
        .interval_ms = interval_ms,
        .open = bayes_open,
        .propose = bayes_propose,
        .told = bayes_told,
        .recall = bayes_recall,
        .close = bayes_close,
};
