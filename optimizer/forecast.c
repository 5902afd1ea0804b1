/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/forecast.h"

#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/formulas.h"
#include "optimizer/load_history.h"
#include "optimizer/past_errors.h"
#include "optimizer/shift.h"

#define DAYS_BACK             7
#define WEEKS_BACK            4
#define RECENT                4 /* newest values kept for the regression */
#define N_FEATURES            7
#define KNOTS_MAX             20
#define KNOT_PENDING          16                       /* forecasts of one lead that wait for their time */
#define PENDING_ROOM          4                        /* of these: memory is taken for so many at a time */
#define SET_BACK_MS           (2 * 60 * MS_PER_SECOND) /* less is waited for */
#define OUTAGE_RATIO          0.05
#define OUTAGE_PATIENCE_MS    MS_PER_HOUR
#define ERROR_MEMORY          96.0 /* marks after which an expert's error counts 1/e */
#define REGRESSION_PRIOR      20.0
#define REGRESSION_FORGETTING 0.998
#define LEVEL_MIN             1e-9 /* that others are relative to */
#define MARKS_MIN             4.0
#define WEIGHT_SHARPNESS      8.0
#define SLOW_MS               (60.0 * 60 * MS_PER_SECOND)
#define TREND_DAMPING_MS      (30.0 * 60 * MS_PER_SECOND)
#define TREND_LEVEL_GAIN      0.5
#define TREND_GAIN            0.1

enum expert {
        EXPERT_LAST,       /* the newest value */
        EXPERT_SMOOTH,     /* exponentially smoothed level */
        EXPERT_TREND,      /* Holt's linear trend, damped (Gardner and McKenzie 1985) */
        EXPERT_DAY,        /* newest value x growth seen from this time of day, median of a week */
        EXPERT_DAY_SMOOTH, /* the same from the smoothed level */
        EXPERT_DAY_PLAIN,  /* median of what was seen at that time of day */
        EXPERT_WEEK,       /* smoothed level x growth seen from this time of the week, median of four */
        EXPERT_REGRESSION, /* recursive least squares on the others and on the last steps */
        N_EXPERTS
};

/* Recursive least squares with forgetting (Ljung, System Identification, section 11.2). */
struct regression {
        double coefficient[N_FEATURES];
        double covariance[N_FEATURES][N_FEATURES];
        double error_scale; /* recent mean absolute innovation */
};

/* By what has come of forecasts of a lead. */
struct learnt {
        struct regression regression;
        double error_sum[N_EXPERTS], marks[N_EXPERTS], weight[N_EXPERTS];
};

/* A forecast that was made, until its time comes. */
struct pending {
        int64_t tick;             /* it was made at */
        float level, scale, last; /* then */
        float feature[N_FEATURES];
        float value[N_EXPERTS], blend;
};

struct knot {
        int lead;                  /* ticks ahead */
        int spacing;               /* ticks between marked forecasts of this lead; divides it */
        int n_pending, room;       /* at most lead / spacing, which is at most KNOT_PENDING */
        struct pending *pending;   /* oldest first */
        struct learnt *learnt;     /* NULL: nothing yet */
        struct past_errors errors; /* relative to the level */
};

struct forecast {
        int64_t interval_ms, horizon_ms;
        bool ready;
        int64_t time_ms;          /* of the newest value */
        int64_t tick, first_tick; /* of the newest value: its time over the interval; of the first */
        struct shift shift;
        int64_t level_count; /* values that `level` is a mean of */
        double last, level, trend_level, trend, slow;
        double recent[RECENT]; /* newest values, newest first */
        double slow_smoothing;
        double smoothing;    /* weight of the newest value in `level` */
        double level_age_ms; /* mean age of what `level` averages */
        double damping;      /* of the trend, a tick */
        int64_t quiet_since; /* tick an outage began; INT64_MIN when there is none */

        struct load_history history;

        int n_knots;
        struct knot knots[KNOTS_MAX];
        double blend[KNOTS_MAX]; /* forecast made now, by knot */
};

/* A ladder of leads, each about half again as long as the one before. */
static void lay_knots(struct forecast *forecast, int horizon)
{
        int lead = 1;

        while (forecast->n_knots < KNOTS_MAX) {
                struct knot *knot = &forecast->knots[forecast->n_knots++];

                knot->spacing = (lead + KNOT_PENDING - 1) / KNOT_PENDING;
                knot->lead = (lead + knot->spacing - 1) / knot->spacing * knot->spacing;
                if (knot->lead >= horizon)
                        return;
                lead = forecast->n_knots == KNOTS_MAX - 1 ? horizon : lead + (lead + 1) / 2;
                lead = lead > horizon ? horizon : lead;
        }
}

/* Until there is evidence errors are normal and grow with the root of the lead, 3 % of the level at five
 * minutes. */
static double prior_sd(const struct forecast *forecast, const struct knot *knot)
{
        double minutes = (double)(knot->lead * forecast->interval_ms) / (60 * MS_PER_SECOND);

        return 0.03 * sqrt(fmax(minutes, 1) / 5);
}

static void init(struct forecast *forecast, int64_t interval_ms, int64_t horizon_ms)
{
        double tau;

        *forecast = (struct forecast){.interval_ms = interval_ms, .horizon_ms = horizon_ms};
        load_history_init(&forecast->history, interval_ms);
        forecast->quiet_since = INT64_MIN;
        tau = (double)forecast->history.slot_ms / (double)interval_ms;
        forecast->smoothing = 1 - exp(-1 / tau);
        shift_init(&forecast->shift);
        forecast->slow_smoothing = -expm1(-(double)interval_ms / SLOW_MS);
        forecast->damping = exp(-(double)interval_ms / TREND_DAMPING_MS);
        lay_knots(forecast, (int)((horizon_ms + interval_ms - 1) / interval_ms));
        for (int i = 0; i < forecast->n_knots; i++)
                past_errors_init(&forecast->knots[i].errors, prior_sd(forecast, &forecast->knots[i]));
}

static void knot_free(struct knot *knot)
{
        memory_free_cleanup(&knot->pending);
        memory_free_cleanup(&knot->learnt);
        past_errors_free(&knot->errors);
}

static void forget(struct forecast *forecast)
{
        load_history_free(&forecast->history);
        for (int i = 0; i < forecast->n_knots; i++)
                knot_free(&forecast->knots[i]);
}

struct forecast *forecast_new(int64_t interval_ms, int64_t horizon_ms)
{
        struct forecast *forecast = memory_new(1, sizeof *forecast);

        init(forecast, interval_ms, horizon_ms);
        return forecast;
}

void forecast_free(struct forecast *forecast)
{
        if (!forecast)
                return;
        forget(forecast);
        memory_free_cleanup(&forecast);
}

static double median(double *value, int count)
{
        if (!count)
                return NAN;
        for (int i = 1; i < count; i++)
                for (int j = i; j > 0 && value[j] < value[j - 1]; j--) {
                        double other = value[j];

                        value[j] = value[j - 1];
                        value[j - 1] = other;
                }
        return count % 2 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
}

/* Median over past periods of what was seen `lead_ms` after this phase; with base_ms, over what was seen
 * then. */
static double season(const struct forecast *forecast, double now_ms, double lead_ms, int64_t period_ms,
                     int n_back, double base_age_ms)
{
        double seen[DAYS_BACK];
        int count = 0;

        for (int k = 1; k <= n_back; k++) {
                double then = now_ms - (double)(k * period_ms);
                double value = load_history_at(&forecast->history, then + lead_ms);
                double base =
                        isnan(base_age_ms) ? 1 : load_history_at(&forecast->history, then - base_age_ms);

                if (base > 0 && value >= 0)
                        seen[count++] = value / base;
        }
        return median(seen, count);
}

static void ask_experts(const struct forecast *forecast, int lead, double *ret_value)
{
        double half = (double)forecast->interval_ms / 2;
        double now = (double)(forecast->tick * forecast->interval_ms),
               ahead = lead * (double)forecast->interval_ms;
        double damped = forecast->damping * (1 - pow(forecast->damping, lead)) / (1 - forecast->damping);

        ret_value[EXPERT_LAST] = forecast->last;
        ret_value[EXPERT_SMOOTH] = forecast->level;
        ret_value[EXPERT_TREND] = fmax(forecast->trend_level + damped * forecast->trend, 0);
        ret_value[EXPERT_DAY] =
                forecast->last * season(forecast, now, ahead - half, MS_PER_DAY, DAYS_BACK, half);
        ret_value[EXPERT_DAY_SMOOTH] = forecast->level * season(forecast, now, ahead - half, MS_PER_DAY,
                                                                DAYS_BACK, forecast->level_age_ms);
        ret_value[EXPERT_DAY_PLAIN] = season(forecast, now, ahead - half, MS_PER_DAY, DAYS_BACK, NAN);
        ret_value[EXPERT_WEEK] =
                forecast->level * season(forecast, now, ahead - half, 7 * (int64_t)MS_PER_DAY, WEEKS_BACK,
                                         forecast->level_age_ms);
}

/* What the regression sees, relative to the level: the last steps, and where the other experts see the load
 * go. */
static void features(const struct forecast *forecast, const double *value, double *ret_feature)
{
        double last = forecast->last, level = fmax(forecast->level, LEVEL_MIN);
        double seen[N_FEATURES] = {
                last - forecast->recent[1],      forecast->recent[1] - forecast->recent[2],
                last - forecast->recent[3],      forecast->slow - last,
                value[EXPERT_DAY_SMOOTH] - last, value[EXPERT_DAY_PLAIN] - last,
                value[EXPERT_WEEK] - last,
        };

        for (int i = 0; i < N_FEATURES; i++)
                ret_feature[i] = isnan(seen[i]) ? 0 : seen[i] / level;
}

static double regress(const struct regression *regression, const double *feature)
{
        double sum = 0;

        for (int i = 0; i < N_FEATURES; i++)
                sum += regression->coefficient[i] * feature[i];
        return sum;
}

static struct learnt *learnt_new(void)
{
        struct learnt *learnt = memory_new(1, sizeof *learnt);

        learnt->weight[EXPERT_LAST] = 1;
        for (int i = 0; i < N_FEATURES; i++)
                learnt->regression.covariance[i][i] = REGRESSION_PRIOR;
        return learnt;
}

static void learn(struct regression *regression, const double *feature, double target)
{
        double gain[N_FEATURES], spread = REGRESSION_FORGETTING, trace = 0;
        double innovation = target - regress(regression, feature), bound = 4 * regression->error_scale;

        for (int i = 0; i < N_FEATURES; i++) {
                gain[i] = 0;
                for (int j = 0; j < N_FEATURES; j++)
                        gain[i] += regression->covariance[i][j] * feature[j];
                spread += gain[i] * feature[i];
                trace += regression->covariance[i][i];
        }
        if (bound > 0)
                innovation = fmin(fmax(innovation, -bound), bound);
        regression->error_scale += 0.05 * (fabs(innovation) - regression->error_scale);
        for (int i = 0; i < N_FEATURES; i++) {
                regression->coefficient[i] += gain[i] / spread * innovation;
                for (int j = 0; j < N_FEATURES; j++)
                        regression->covariance[i][j] -= gain[i] * gain[j] / spread;
        }
        /* forgetting without excitation would let the covariance grow for ever */
        if (trace < N_FEATURES * REGRESSION_PRIOR)
                for (int i = 0; i < N_FEATURES; i++)
                        for (int j = 0; j < N_FEATURES; j++)
                                regression->covariance[i][j] /= REGRESSION_FORGETTING;
}

/* A lead that has not been marked yet trusts whom the longest one that has been trusts. */
static double blend(const struct forecast *forecast, const struct knot *knot, const double *value)
{
        double sum = 0, weights = 0;
        const double *weight;

        while (knot > forecast->knots && !(knot->learnt && knot->learnt->marks[EXPERT_LAST] >= MARKS_MIN))
                knot--;
        if (!knot->learnt)
                return value[EXPERT_LAST];
        weight = knot->learnt->weight;
        for (int i = 0; i < N_EXPERTS; i++)
                if (weight[i] > 0 && !isnan(value[i])) {
                        sum += weight[i] * value[i];
                        weights += weight[i];
                }
        return weights > 0 ? sum / weights : value[EXPERT_LAST];
}

/* Weight of an expert: the inverse of its recent mean absolute error, sharpened; none before it has shown
 * itself. */
static void weigh(struct learnt *learnt)
{
        double best = INFINITY;

        for (int i = 0; i < N_EXPERTS; i++)
                if (learnt->marks[i] >= MARKS_MIN)
                        best = fmin(best, learnt->error_sum[i] / learnt->marks[i]);
        for (int i = 0; i < N_EXPERTS; i++) {
                double error = learnt->error_sum[i] / learnt->marks[i];

                if (learnt->marks[i] >= MARKS_MIN)
                        learnt->weight[i] = error > 0 ? pow(best / error, WEIGHT_SHARPNESS) : 1;
        }
}

static void mark(struct knot *knot, const struct pending *pending, double value)
{
        double decay = exp(-1 / ERROR_MEMORY), feature[N_FEATURES];
        struct learnt *learnt = knot->learnt = knot->learnt ? knot->learnt : learnt_new();

        for (int i = 0; i < N_EXPERTS; i++) {
                if (isnan(pending->value[i]))
                        continue;
                learnt->error_sum[i] = learnt->error_sum[i] * decay + fabs(value - (double)pending->value[i]);
                learnt->marks[i] = learnt->marks[i] * decay + 1;
        }
        weigh(learnt);
        for (int i = 0; i < N_FEATURES; i++)
                feature[i] = (double)pending->feature[i];
        learn(&learnt->regression, feature, (value - (double)pending->last) / (double)pending->level);
        if (pending->scale > 0)
                past_errors_add(&knot->errors, (value - (double)pending->blend) / (double)pending->scale);
}

/* Whether this value is a silence of the source rather than a level to follow. */
static bool is_outage(struct forecast *forecast, double value)
{
        int64_t quiet;

        if (!(value < OUTAGE_RATIO * forecast->level)) {
                forecast->quiet_since = INT64_MIN;
                return false;
        }
        if (forecast->quiet_since == INT64_MIN)
                forecast->quiet_since = forecast->tick;
        quiet = forecast->tick - forecast->quiet_since;
        return quiet * forecast->interval_ms < OUTAGE_PATIENCE_MS &&
               quiet < forecast->quiet_since - forecast->first_tick;
}

bool forecast_is_young(const struct forecast *forecast)
{
        int64_t ticks = forecast->tick - forecast->first_tick;

        return ticks < PAST_ERRORS_MAX || (double)(ticks * forecast->interval_ms) < SLOW_MS;
}

/* While little has been seen it cannot tell how often the level shifts: what a shift made of the forecasts is
 * not held for scatter, which it would pass for at each tick until the last one from before has come due. */
static void forget_shift(struct forecast *forecast, int since)
{
        for (int i = 0; i < forecast->n_knots && forecast_is_young(forecast); i++) {
                struct knot *knot = &forecast->knots[i];

                for (int k = 1; k < since && knot->errors.count < PAST_ERRORS_MAX; k++)
                        past_errors_forget_newest(&knot->errors);
                knot->n_pending = 0;
        }
}

/* Shifts are followed at once unless those before did not last. */
static bool follows_shift(struct forecast *forecast, double level)
{
        shift_watch(&forecast->shift, forecast->tick, forecast->level, level);
        return forecast->shift.lasting >= 0.5;
}

/* What lies before a shift tells of nothing but it, as long as there is little else. */
static void begin_anew(struct forecast *forecast)
{
        forecast->slow = forecast->level;
        for (int i = 0; i < RECENT; i++)
                forecast->recent[i] = forecast->level;
}

static bool follow_smoothly(struct forecast *forecast, double value)
{
        double weight, interval = (double)forecast->interval_ms;

        forecast->level_count++;
        weight = fmax(forecast->smoothing, 1.0 / (double)forecast->level_count);
        forecast->level += weight * (value - forecast->level);
        forecast->level_age_ms += interval;
        forecast->level_age_ms += weight * (interval / 2 - forecast->level_age_ms);
        return true;
}

/* A level that has drifted is where the newest values are, and may go on. */
static bool follow_drift(struct forecast *forecast)
{
        forecast->level = 0;
        for (int i = 0; i < RECENT; i++)
                forecast->level += forecast->recent[i] / RECENT;
        forecast->level_count = RECENT;
        forecast->level_age_ms = (double)(RECENT * forecast->interval_ms) / 2;
        return true;
}

/* False: the level has shifted, and the trend begins anew. */
static bool follow_level(struct forecast *forecast, double value)
{
        double level, interval = (double)forecast->interval_ms;
        bool young = forecast_is_young(forecast);
        double aside = value - forecast->trend_level - forecast->damping * forecast->trend;
        struct shift *shift = &forecast->shift;
        int count;

        if (shift->tick != INT64_MIN && forecast->tick - shift->tick >= SHIFT_WATCHED)
                shift_judge(shift, forecast->level);
        shift_learn_scatter(shift, &shift->aside, forecast->level, aside);
        if (!shift_happened(shift, forecast->level, value, &level, &count))
                return follow_smoothly(forecast, value);
        if (young && shift_is_drift(shift, forecast->level, aside, count))
                return follow_drift(forecast);
        if (follows_shift(forecast, level)) {
                forecast->level = forecast->trend_level = level;
                forecast->trend = 0;
                forecast->level_count = count;
                forecast->level_age_ms = interval * count / 2;
                if (young)
                        begin_anew(forecast);
                forget_shift(forecast, count + 1);
                return false;
        }
        return follow_smoothly(forecast, value);
}

/* One value alone may be anything, as when the backlog of a late start passes for load: it is a level once a
 * second one bears it out. */
static bool is_borne_out(const struct forecast *forecast, double value)
{
        const struct shift *shift = &forecast->shift;

        return shift->seen != 1 ||
               !shift_is_wild((value - forecast->level) / (shift->scatter * forecast->level));
}

static void begin(struct forecast *forecast, double value)
{
        forecast->shift.seen = 0;
        forecast->level = forecast->trend_level = forecast->slow = value;
        forecast->trend = 0;
        forecast->level_count = 0;
        for (int i = 0; i < RECENT; i++)
                forecast->recent[i] = value;
        for (int i = 0; i < forecast->n_knots; i++)
                forecast->knots[i].n_pending = 0;
        forecast->ready = true;
        forecast->first_tick = forecast->tick;
}

static void follow(struct forecast *forecast, double value)
{
        double before = forecast->trend_level;

        if (!forecast->ready || !is_borne_out(forecast, value)) {
                begin(forecast, value);
                before = 0;
        }
        memmove(forecast->recent + 1, forecast->recent, (RECENT - 1) * sizeof *forecast->recent);
        forecast->recent[0] = forecast->last = value;
        forecast->slow += forecast->slow_smoothing * (value - forecast->slow);
        if (!follow_level(forecast, value))
                return;
        forecast->trend_level += forecast->damping * forecast->trend;
        forecast->trend_level += TREND_LEVEL_GAIN * (value - forecast->trend_level);
        if (before > 0)
                forecast->trend = (1 - TREND_GAIN) * forecast->damping * forecast->trend +
                                  TREND_GAIN * (forecast->trend_level - before);
}

/* Marks the forecast whose time has come. Those before it were skipped. */
static void mark_due(struct knot *knot, int64_t tick, double value)
{
        int count = 0;

        while (count < knot->n_pending && knot->pending[count].tick <= tick - knot->lead)
                count++;
        if (count == 0)
                return;
        if (knot->pending[count - 1].tick == tick - knot->lead && !isnan(value))
                mark(knot, &knot->pending[count - 1], value);
        knot->n_pending -= count;
        memmove(knot->pending, knot->pending + count, (size_t)knot->n_pending * sizeof *knot->pending);
}

static struct pending *pending_new(struct knot *knot)
{
        int most = knot->lead / knot->spacing;

        if (knot->n_pending == knot->room) {
                knot->room = knot->room + PENDING_ROOM < most ? knot->room + PENDING_ROOM : most;
                knot->pending = memory_resize(knot->pending, (size_t)knot->room, sizeof *knot->pending);
        }
        return &knot->pending[knot->n_pending++];
}

static void keep_pending(const struct forecast *forecast, struct knot *knot, const double *feature,
                         const double *value, double blend)
{
        struct pending *pending = pending_new(knot);

        pending->tick = forecast->tick;
        pending->level = float_nearest(fmax(forecast->level, LEVEL_MIN));
        pending->scale = float_nearest(forecast->slow);
        pending->last = float_nearest(forecast->last);
        for (int i = 0; i < N_FEATURES; i++)
                pending->feature[i] = float_nearest(feature[i]);
        for (int i = 0; i < N_EXPERTS; i++)
                pending->value[i] = float_nearest(value[i]);
        pending->blend = float_nearest(blend);
}

/* What the experts say of a lead, from what features, and the mean of them. */
static double ask(const struct forecast *forecast, const struct knot *knot, double *ret_feature,
                  double *ret_made)
{
        double step = 0;

        ask_experts(forecast, knot->lead, ret_made);
        features(forecast, ret_made, ret_feature);
        if (knot->learnt)
                step = forecast->level * regress(&knot->learnt->regression, ret_feature);
        ret_made[EXPERT_REGRESSION] = fmax(forecast->last + step, 0);
        return blend(forecast, knot, ret_made);
}

/* Marks the forecast whose time has come, makes the next one. */
static double forecast_knot(const struct forecast *forecast, struct knot *knot, double value)
{
        bool marked = forecast->tick % knot->spacing == 0;
        double feature[N_FEATURES], made[N_EXPERTS], blended;

        if (marked)
                mark_due(knot, forecast->tick, value);
        blended = ask(forecast, knot, feature, made);
        if (marked && !isnan(value))
                keep_pending(forecast, knot, feature, made, blended);
        return blended;
}

/* A value between two ticks tells whether the level has shifted; it is no tick, so nothing is marked by it.
 */
static void look_between(struct forecast *forecast, double value)
{
        double feature[N_FEATURES], made[N_EXPERTS];

        if (!(value >= 0) || !forecast_unsettled(forecast))
                return;
        follow(forecast, value);
        for (int i = 0; i < forecast->n_knots; i++)
                forecast->blend[i] = ask(forecast, &forecast->knots[i], feature, made);
}

/* When the old values were, by the new time, nobody knows. */
static void forget_time(struct forecast *forecast)
{
        int64_t interval_ms = forecast->interval_ms, horizon_ms = forecast->horizon_ms;

        forget(forecast);
        init(forecast, interval_ms, horizon_ms);
}

void forecast_add(struct forecast *forecast, int64_t time_ms, double value)
{
        int64_t tick = (time_ms + forecast->interval_ms / 2) / forecast->interval_ms;

        if (forecast->ready && forecast->time_ms - time_ms > SET_BACK_MS)
                forget_time(forecast);
        if (forecast->ready && time_ms <= forecast->time_ms)
                return;
        forecast->time_ms = time_ms;
        if (forecast->ready && tick <= forecast->tick) {
                look_between(forecast, value);
                return;
        }
        forecast->tick = tick;
        if (!(value >= 0) || is_outage(forecast, value))
                value = NAN;
        load_history_add(&forecast->history, tick * forecast->interval_ms, value);
        if (!isnan(value))
                follow(forecast, value);
        for (int i = 0; forecast->ready && i < forecast->n_knots; i++)
                forecast->blend[i] = forecast_knot(forecast, &forecast->knots[i], value);
}

bool forecast_is_first(const struct forecast *forecast)
{
        return forecast->shift.seen == 1;
}

bool forecast_unsettled(const struct forecast *forecast)
{
        const struct shift *shift = &forecast->shift;

        return forecast_is_first(forecast) || (shift->lasting >= 0.5 && shift_is_wild(shift->off));
}

double forecast_scatter(const struct forecast *forecast)
{
        const struct shift *shift = &forecast->shift;

        return forecast_is_young(forecast) ? fmin(shift->scatter, shift->aside) : shift->scatter;
}

double forecast_level_error(const struct forecast *forecast)
{
        return forecast_scatter(forecast) / sqrt((double)forecast->level_count);
}

double forecast_shifts_per_second(const struct forecast *forecast)
{
        int64_t ticks = forecast->tick - forecast->first_tick;

        ticks = ticks < SHIFT_WATCHED ? SHIFT_WATCHED : ticks;
        return 0.5 / ((double)(ticks * forecast->interval_ms) / MS_PER_SECOND);
}

bool forecast_ready(const struct forecast *forecast)
{
        return forecast->ready;
}

/* The knots about a lead, and how far it is from the first to the second. */
static int place_lead(const struct forecast *forecast, int64_t lead_ms, double *ret_share)
{
        double lead = (double)lead_ms / (double)forecast->interval_ms;
        int at = 0;

        while (at + 2 < forecast->n_knots && forecast->knots[at + 1].lead <= lead)
                at++;
        if (forecast->n_knots == 1) {
                *ret_share = 0;
                return 0;
        }
        *ret_share =
                (lead - forecast->knots[at].lead) / (forecast->knots[at + 1].lead - forecast->knots[at].lead);
        *ret_share = fmin(fmax(*ret_share, 0), 1);
        return at;
}

static double between(double a, double b, double share)
{
        return share > 0 ? a + share * (b - a) : a;
}

double forecast_mean(const struct forecast *forecast, int64_t lead_ms)
{
        double share;
        int at = place_lead(forecast, lead_ms, &share);

        if (!forecast->ready)
                return NAN;
        return between(forecast->blend[at], forecast->blend[share > 0 ? at + 1 : at], share);
}

/* What is expected at a lead, by rank, beside the errors that were seen. While little has been seen those do
 * not tell how long a course lasts. What has lasted for a time lasts as long again in half of all cases, and
 * t times as long in 1 / (1 + t) of them; and it stays where it ends. */
static double expected_rank(const struct forecast *forecast, const struct knot *knot, double q)
{
        double blend = forecast->blend[knot - forecast->knots];
        double lasted = (double)(forecast->tick - forecast->first_tick + 1), ends;

        if (!forecast_is_young(forecast))
                return blend;
        q = blend < forecast->last ? 1 - q : q;
        ends = lasted * q / (1 - q);
        if (ends >= knot->lead)
                return blend;
        return forecast_mean(forecast, (int64_t)(ends * (double)forecast->interval_ms));
}

double forecast_quantile(const struct forecast *forecast, int64_t lead_ms, double q)
{
        double value;

        forecast_quantiles(forecast, &lead_ms, 1, &q, 1, &value);
        return value;
}

void forecast_quantiles(const struct forecast *forecast, const int64_t *lead_ms, int n_leads, const double *q,
                        int n_quantiles, double *ret_value)
{
        double error[KNOTS_MAX];

        for (int k = 0; k < n_quantiles; k++) {
                for (int i = 0; i < forecast->n_knots; i++)
                        error[i] = expected_rank(forecast, &forecast->knots[i], q[k]) +
                                   forecast->slow * past_errors_quantile(&forecast->knots[i].errors, q[k]);
                for (int i = 0; i < n_leads; i++) {
                        double share;
                        int at = place_lead(forecast, lead_ms[i], &share);

                        ret_value[i * n_quantiles + k] =
                                forecast->ready
                                        ? fmax(between(error[at], error[share > 0 ? at + 1 : at], share), 0)
                                        : NAN;
                }
        }
}
