/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/run_search.h"

#include <math.h>
#include <string.h>

#include "optimizer/search/normal.h"
#include "optimizer/run_input.h"
#include "optimizer/search/effects.h"
#include "optimizer/search/search.h"

#define SEED         1
#define LOG_RATIO    8.0 /* a knob whose maximum is so many times its minimum is searched by ratios */
#define SHORTLIST    8   /* suggestions of which the first that is safe enough is taken */
#define TOO_LONG     "seconds"
#define FEW_SETTINGS 3
#define MEMORY_STEPS 100 /* between its bounds, of a memory that is told none */
#define MEBIBYTE     1048576.0
/* Of a step: for a trial of which no model tells yet what to expect, and where nothing further away is safe
 * enough, from the best setting alone. */
#define BLIND_STEP 0.5
#define NEAR_STEP  0.5
#define NEAR_TRIES 3 /* each half as far as the one before */

/* ---- the space ---- */

/* Of a knob that has none: whole MiB of memory, and whole numbers between bounds that are such and leave room
 * for one more. */
static double step_of(const struct knob *knob)
{
        bool whole = knob->min == floor(knob->min) && knob->max == floor(knob->max);

        if (knob->step > 0)
                return knob->step;
        if (knob->role == KNOB_MEMORY)
                return ceil((knob->max - knob->min) / MEMORY_STEPS / MEBIBYTE) * MEBIBYTE;
        return whole && knob->max - knob->min > 1 ? 1 : knob_grain(knob);
}

static bool is_log(const struct knob *knob)
{
        bool wide = knob->min > 0 && knob->max >= LOG_RATIO * knob->min;

        return knob->scale == KNOB_SCALE_AUTO ? wide : knob->scale == KNOB_SCALE_LOG;
}

static void put_parameter(const struct knob *knob, struct search_parameter *parameter)
{
        double step = step_of(knob);
        bool whole = step >= 1 && step == floor(step) && knob->min == floor(knob->min);

        *parameter = (struct search_parameter){
                .name = memory_copy_text(knob->name),
                .type = whole ? SEARCH_INTEGER : SEARCH_FLOAT,
                .low = knob->min,
                .high = knob->max,
                .step = step,
                .log = is_log(knob),
                .when = -1,
        };
}

/* The input is a context: given, and what a run takes depends on it. */
static void put_input(const struct run_history *history, const struct run_review *review,
                      struct search_space *space)
{
        struct search_parameter *input = &space->context[space->n_context++];

        *input = (struct search_parameter){.name = memory_copy_text("input"),
                                           .type = SEARCH_FLOAT,
                                           .low = review->input.next,
                                           .high = review->input.next,
                                           .log = true,
                                           .when = -1};
        for (size_t i = review->from; i < history->count; i++) {
                input->low = fmin(input->low, run_input_of(&review->input, &history->runs[i]));
                input->high = fmax(input->high, run_input_of(&review->input, &history->runs[i]));
        }
}

static struct search_space *new_space(const struct run_history *history, const struct run_review *review)
{
        const struct pipeline *pipeline = history->pipeline;
        struct search_space *space = memory_new(1, sizeof *space);

        space->n = pipeline->n_knobs;
        for (int i = 0; i < space->n; i++)
                put_parameter(&pipeline->knobs[i], &space->parameters[i]);
        if (isfinite(review->input.next))
                put_input(history, review, space);
        return space;
}

/* One side of what a parameter may be, as a limit, since the scale of the model goes by its bounds; where
 * there is no room for one more, as a bound. */
static void put_side(struct search_space *space, int parameter, bool upper, double most)
{
        struct search_limit *limit;

        if (space->n_limits == SEARCH_MAX_LIMITS) {
                *(upper ? &space->parameters[parameter].high : &space->parameters[parameter].low) = most;
                return;
        }
        limit = &space->limits[space->n_limits++];
        limit->factor[parameter] = upper ? 1 : -1;
        limit->most = upper ? most : -most;
}

/* What a step from `value` reaches: one value of the knob at least. */
static double reach(const struct search_parameter *parameter, double value, double step)
{
        double unit = search_parameter_unit(parameter, value) + step;
        double there = search_parameter_value(parameter, fmin(fmax(unit, 0), 1));
        double next = value + copysign(parameter->step, step);

        return step > 0 ? fmin(fmax(there, next), parameter->high) : fmax(fmin(there, next), parameter->low);
}

/* What may be tried: no knob goes further than a step beyond what settings had that were kept. */
struct range {
        double step;
        bool near;  /* the best of them alone */
        bool blind; /* there is no model yet */
};

/* Without a model this much is known of fewer workers: at worst a run takes longer in the same proportion. */
static void limit_workers(struct search_space *space, const struct pipeline *pipeline,
                          const struct run_review *review, double most_seconds)
{
        int workers = pipeline_workers_knob(pipeline);
        double least = INFINITY;

        for (int s = 0; workers >= 0 && s < review->n; s++)
                if ((review->settings[s].kept || s == review->best) && review->settings[s].good > 0)
                        least = fmin(least, review->settings[s].values[workers] *
                                                    review->settings[s].seconds / most_seconds);
        if (isfinite(least) && least > space->parameters[workers].low)
                put_side(space, workers, false, fmin(least, space->parameters[workers].high));
}

static void limit_reach(struct search_space *space, const struct run_review *review,
                        const struct range *range)
{
        for (int i = 0; i < space->n; i++) {
                const struct search_parameter *parameter = &space->parameters[i];
                double low = INFINITY, high = -INFINITY;

                for (int s = 0; s < review->n; s++) {
                        if ((!review->settings[s].kept || range->near) && s != review->best)
                                continue;
                        low = fmin(low, review->settings[s].values[i]);
                        high = fmax(high, review->settings[s].values[i]);
                }
                if (low > high)
                        continue;
                high = reach(parameter, high, range->step);
                low = reach(parameter, low, -range->step);
                if (high < parameter->high)
                        put_side(space, i, true, high);
                if (low > parameter->low)
                        put_side(space, i, false, low);
        }
}

/* What a run costs grows with its workers in proportion, but for how much shorter they make it. */
static int price_of(const struct pipeline *pipeline, const struct run_terms *terms)
{
        int workers = terms->duration ? -1 : pipeline_workers_knob(pipeline);

        return workers >= 0 && pipeline->knobs[workers].min > 0 ? workers : -1;
}

bool run_search_check(const struct pipeline *pipeline, struct error *err)
{
        if (pipeline->n_knobs < 1)
                return error_set(err, ERROR_INPUT, NULL, "bayes needs at least one knob");
        if (pipeline->n_knobs > SEARCH_MAX_PARAMETERS)
                return error_set(err, ERROR_INPUT, NULL, "bayes searches %d knobs at most, there are %d",
                                 SEARCH_MAX_PARAMETERS, pipeline->n_knobs);
        return true;
}

/* ---- what is told ---- */

/* A run that was stopped for taking too long would have been dearer still. */
static enum search_status status_of(const struct run_terms *terms, const struct past_run *run, double value)
{
        if (!run->failed)
                return SEARCH_OK;
        return run_terms_broken(terms, run) && isfinite(value) ? SEARCH_CENSORED : SEARCH_FAILED;
}

static bool tell_run(struct search *search, const struct run_terms *terms, const struct past_run *run,
                     const struct run_review *review, struct error *err)
{
        double value = run_terms_value(terms, run, review->at_ms), input = run_input_of(&review->input, run);
        struct search_outcome outcome = {
                .point = run->values,
                .context = &input,
                .status = status_of(terms, run, value),
                .y = value,
                .constraints = {NAN},
        };

        for (int c = 0; c < SEARCH_MAX_CONSTRAINTS; c++)
                outcome.constraints[c] = NAN;
        if (outcome.status == SEARCH_FAILED)
                outcome.y = NAN;
        else if (isnan(value))
                return true;
        else if (terms->most_seconds > 0 && run->seconds > 0)
                outcome.constraints[0] = log(run->seconds / terms->most_seconds);
        return search_tell(search, &outcome, err);
}

static bool is_newest(const struct run_history *history, const struct run_review *review, size_t index)
{
        int setting = run_review_find(review, history->pipeline, history->runs[index].values);

        return review->settings[setting].values == history->runs[index].values;
}

/* And goes where the next run will be. The search begins with points that are far apart. It counts runs, so
 * as long as there are few settings it is told of one run of each: many runs of one setting are no model. */
static bool tell_runs(struct search *search, const struct run_history *history,
                      const struct run_review *review, const struct run_terms *terms, struct error *err)
{
        for (size_t i = review->from; i < history->count; i++)
                if (history->runs[i].values && (review->n >= FEW_SETTINGS || is_newest(history, review, i)) &&
                    !tell_run(search, terms, &history->runs[i], review, err))
                        return false;
        return !isfinite(review->input.next) || search_set_context(search, &review->input.next, err);
}

/* ---- what may be tried next, best first ---- */

struct shortlist {
        int n;
        struct run_suggestion of[SHORTLIST];
        bool stop[SHORTLIST]; /* it would save less than it costs, next to what the search thinks the best */
};

/* A question to the search, and all that goes with it. */
struct question {
        const struct run_history *history;
        const struct run_review *review;
        const struct run_search_options *options;
        struct search *search;
};

static bool is_barred(const struct run_search_options *options, const struct search_suggestion *answer, int n)
{
        for (int b = 0; b < options->n_barred; b++)
                if (memcmp(options->barred[b], answer->point, (size_t)n * sizeof answer->point[0]) == 0)
                        return true;
        return false;
}

static void put_on(struct shortlist *list, const struct search_suggestion *answer, int n)
{
        struct run_suggestion *put = &list->of[list->n++];

        *put = (struct run_suggestion){
                .advice = RUN_TRY,
                .predicted = answer->predicted,
                .mean = answer->predicted ? answer->mean : NAN,
                .sd = answer->predicted ? answer->sd : NAN,
                .feasible = answer->predicted ? answer->feasible : NAN,
                .improvement = answer->improvement,
                .seconds = NAN,
                .seconds_sd = NAN,
                .why = answer->why,
        };
        memcpy(put->values, answer->point, (size_t)n * sizeof answer->point[0]);
}

/* `otherwise`: what to say when nothing of the list will do. */
static bool draw_up(const struct question *question, struct shortlist *list, struct run_suggestion *otherwise,
                    struct error *err)
{
        const int n = question->history->pipeline->n_knobs;
        struct search_suggestion answer;
        bool last;

        *otherwise = (struct run_suggestion){.advice = RUN_EXHAUSTED, .improvement = NAN, .why = ""};
        for (list->n = 0; list->n < SHORTLIST;) {
                if (!search_ask(question->search, &answer, err))
                        return false;
                if (answer.id == 0)
                        return true;
                if (is_barred(question->options, &answer, n))
                        continue;
                /* Where inputs vary what follows may be worth it, next to what will be set (is_set). */
                last = answer.stop && isnan(question->review->input.next);
                if (last && list->n > 0)
                        return true;
                list->stop[list->n] = answer.stop;
                put_on(list, &answer, n);
                otherwise->advice = RUN_RISKY;
                if (last || !answer.predicted) /* the first will do as well as any */
                        return true;
        }
        return true;
}

/* ---- how long their runs would take ---- */

/* The settings that were tried, and those of the list: all that is left to propose. */
static void list_only(struct search_space *space, const struct run_review *review,
                      const struct shortlist *list)
{
        size_t n = (size_t)space->n, rows = (size_t)review->n + (size_t)list->n;

        space->candidates = memory_new(rows * n, sizeof *space->candidates);
        for (int s = 0; s < review->n; s++)
                memcpy(space->candidates + (size_t)s * n, review->settings[s].values,
                       n * sizeof *space->candidates);
        for (int i = 0; i < list->n; i++)
                memcpy(space->candidates + ((size_t)review->n + (size_t)i) * n, list->of[i].values,
                       n * sizeof *space->candidates);
        space->n_candidates = (int)rows;
}

/* Asked for one after the other, each is taken to be out while the next is looked at. */
static void ask_seconds(struct search *search, const struct search_space *space, int count,
                        struct search_expectation *ret_seconds)
{
        const size_t n = (size_t)space->n;
        struct search_suggestion answer;
        struct error ignored = ERROR_INIT;

        for (int i = 0; i < count; i++) {
                if (!search_ask(search, &answer, &ignored) || answer.id == 0 || !answer.predicted)
                        return;
                for (int row = 0; row < space->n_candidates; row++)
                        if (memcmp(space->candidates + (size_t)row * n, answer.point,
                                   n * sizeof answer.point[0]) == 0)
                                ret_seconds[row] = (struct search_expectation){answer.mean, answer.sd, NAN};
        }
}

/* By the same kind of model, of seconds instead of money. What it cannot tell stays unknown. With an input to
 * look at the settings that were tried are asked about, too. ret_seconds: of them, then of those of the list.
 */
static void predict_seconds(const struct question *question, const struct shortlist *list,
                            struct search_expectation *ret_seconds)
{
        const struct run_terms seconds = {.duration = true, .most_seconds = NAN};
        const struct search_options options = {.seed = SEED, .price = -1};
        struct search_space *space = new_space(question->history, question->review);
        autocall(search_free) struct search *search = NULL;
        struct error ignored = ERROR_INIT;

        list_only(space, question->review, list);
        search = search_new(space, &options);
        if (!tell_runs(search, question->history, question->review, &seconds, &ignored))
                return;
        if (space->n_context > 0)
                search_expect(search, space->candidates, space->n_candidates, ret_seconds, &ignored);
        else
                ask_seconds(search, space, list->n, ret_seconds);
}

static void take_seconds(const struct question *question, struct shortlist *list,
                         struct search_expectation *ret_seconds)
{
        const bool duration = question->options->terms.duration;
        const int tried = question->review->n;

        for (int i = 0; i < tried + list->n; i++)
                ret_seconds[i] = (struct search_expectation){NAN, NAN, NAN};
        if (!duration)
                predict_seconds(question, list, ret_seconds);
        for (int i = 0; i < list->n; i++) {
                list->of[i].seconds = duration ? list->of[i].mean : ret_seconds[tried + i].mean;
                list->of[i].seconds_sd = duration ? list->of[i].sd : ret_seconds[tried + i].sd;
        }
}

/* ---- what is tried next ---- */

/* Both models have to think so: of how long a run takes, and of what keeps the limit. */
static bool is_safe(const struct run_search_options *options, double feasible, double seconds,
                    double seconds_sd)
{
        double distance = log(options->terms.most_seconds / seconds) / (seconds_sd / seconds);

        if (feasible < 1 - options->most_chance)
                return false;
        return !isfinite(distance) || exp(normal_log_cdf(distance)) >= 1 - options->most_chance;
}

/* What each setting did is known at inputs of its own; the models say which of those that are safe enough at
 * the next one would do best there. */
static int better_setting(const struct question *question, const struct search_expectation *seconds)
{
        const struct run_review *review = question->review;
        const size_t n = (size_t)question->history->pipeline->n_knobs;
        autofree double *points = memory_new((size_t)review->n * n + 1, sizeof *points);
        autofree struct search_expectation *value = memory_new((size_t)review->n + 1, sizeof *value);
        struct error ignored = ERROR_INIT;
        bool best_is_safe = review->best >= 0 && review->settings[review->best].kept;
        int better = -1;

        for (int s = 0; s < review->n; s++)
                memcpy(points + (size_t)s * n, review->settings[s].values, n * sizeof *points);
        if (!search_expect(question->search, points, review->n, value, &ignored))
                return -1;
        for (int s = 0; s < review->n; s++) {
                const struct search_expectation *of =
                        question->options->terms.duration ? &value[s] : &seconds[s];

                if (review->settings[s].good == 0 || review->settings[s].fails ||
                    !is_safe(question->options, value[s].feasible, of->mean, of->sd))
                        continue;
                best_is_safe |= s == review->best;
                if (better < 0 || value[s].mean < value[better].mean)
                        better = s;
        }
        if (better < 0 ||
            (best_is_safe && value[review->best].mean <= value[better].mean * exp(review->noise)))
                return -1;
        return better;
}

/* What the search thinks the best at the next input may be none that will be set: it was not seen there, and
 * is not safe enough. Then there is more to be saved than the search thinks. */
static bool is_set(const struct question *question, int better)
{
        double least = INFINITY;
        const double *point = search_best_now(question->search, &least);

        return !isfinite(question->review->input.next) ||
               (point && run_review_find(question->review, question->history->pipeline, point) ==
                                 (better >= 0 ? better : question->review->best));
}

static void choose(const struct question *question, const struct shortlist *list, bool may_stop,
                   struct run_suggestion *suggestion)
{
        for (int i = 0; i < list->n; i++) {
                const struct run_suggestion *of = &list->of[i];

                if (list->stop[i] && may_stop) {
                        if (i == 0)
                                *suggestion = (struct run_suggestion){.advice = RUN_STOP,
                                                                      .improvement = of->improvement,
                                                                      .why = ""};
                        return;
                }
                if (is_safe(question->options, of->feasible, of->seconds, of->seconds_sd)) {
                        *suggestion = *of;
                        return;
                }
        }
}

static bool ask(const struct question *question, struct run_suggestion *suggestion, struct error *err)
{
        autofree struct shortlist *list = memory_new(1, sizeof *list);
        autofree struct search_expectation *seconds =
                memory_new(RUN_HISTORY_MOST + SHORTLIST, sizeof *seconds);
        int better;

        if (!draw_up(question, list, suggestion, err))
                return false;
        take_seconds(question, list, seconds);
        better = isfinite(question->review->input.next) ? better_setting(question, seconds) : -1;
        choose(question, list, is_set(question, better), suggestion);
        suggestion->better = better;
        return true;
}

static bool suggest(const struct run_history *history, const struct run_review *review,
                    const struct run_search_options *options, const struct range *range,
                    struct run_suggestion *suggestion, struct error *err)
{
        const struct search_options searching = {
                .seed = SEED,
                .price = price_of(history->pipeline, &options->terms),
                .runs = options->runs,
        };
        struct search_space *space = new_space(history, review);
        autocall(search_free) struct search *search = NULL;
        struct question question = {.history = history, .review = review, .options = options};
        int constraint;
        bool done;

        limit_reach(space, review, range);
        if (range->blind && options->terms.most_seconds > 0)
                limit_workers(space, history->pipeline, review, options->terms.most_seconds);
        question.search = search = search_new(space, &searching);
        done = (!(options->terms.most_seconds > 0) ||
                search_constraint(search, TOO_LONG, &constraint, err)) &&
               tell_runs(search, history, review, &options->terms, err) && ask(&question, suggestion, err);
        return done;
}

bool run_search_suggest(const struct run_history *history, const struct run_review *review,
                        const struct run_search_options *options, struct run_suggestion *ret_suggestion,
                        struct error *err)
{
        struct run_suggestion suggestion = {.improvement = NAN, .why = "", .better = -1};
        struct range range = {.step = options->step};

        if (!suggest(history, review, options, &range, &suggestion, err))
                return false;
        if (suggestion.advice == RUN_TRY && !suggestion.predicted) {
                range.step *= BLIND_STEP;
                range.blind = true;
                if (!suggest(history, review, options, &range, &suggestion, err))
                        return false;
        }
        for (int i = 0; i < NEAR_TRIES && suggestion.advice == RUN_RISKY && review->best >= 0; i++) {
                range.near = true;
                range.step *= NEAR_STEP;
                if (!suggest(history, review, options, &range, &suggestion, err))
                        return false;
        }
        *ret_suggestion = suggestion;
        return true;
}
