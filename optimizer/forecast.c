/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/forecast.h"

#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/formulas.h"
#include "optimizer/shift.h"

#define SLOT_MIN_MS           (5 * 60 * MS_PER_SECOND)
#define HISTORY_DAYS          29 /* four weeks, and the day that is being forecast */
#define DAYS_BACK             7
#define WEEKS_BACK            4
#define RECENT                4 /* newest values kept for the regression */
#define N_FEATURES            7
#define KNOTS_MAX             20
#define KNOT_PENDING          16  /* forecasts of one lead that wait for their time */
#define KNOT_ERRORS           256 /* marked forecasts whose errors give the quantiles */
#define PRIOR_ERRORS          16
#define OUTAGE_RATIO          0.05
#define OUTAGE_PATIENCE_MS    MS_PER_HOUR
#define ERROR_MEMORY          96.0 /* marks after which an expert's error counts 1/e */
#define REGRESSION_PRIOR      20.0
#define REGRESSION_FORGETTING 0.998
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

struct pending {
        int64_t tick;              /* it was made at */
        double level, scale, last; /* then */
        double feature[N_FEATURES];
        double value[N_EXPERTS], blend;
};

struct knot {
        int lead;                       /* ticks ahead */
        int spacing;                    /* ticks between marked forecasts of this lead; divides it */
        int n_pending;                  /* lead / spacing, at most KNOT_PENDING */
        struct pending **pending;       /* each NULL until it is made */
        struct learnt *learnt;          /* NULL: nothing yet */
        int next_error, n_errors, room; /* room: for errors so far, at most KNOT_ERRORS */
        double *error, *sorted;         /* relative to the level, by age and by size */
};

struct forecast {
        int64_t interval_ms, slot_ms;
        bool ready;
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

        int64_t n_slots, slot; /* ring of means by slot; the one being filled */
        int64_t slots_per_day;
        double slot_sum;
        int slot_count;
        double *history[HISTORY_DAYS]; /* a day each; NULL: nothing was seen on it */

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
                knot->n_pending = knot->lead / knot->spacing;
                knot->pending = memory_new((size_t)knot->n_pending, sizeof *knot->pending);
                if (knot->lead >= horizon)
                        return;
                lead = forecast->n_knots == KNOTS_MAX - 1 ? horizon : lead + (lead + 1) / 2;
                lead = lead > horizon ? horizon : lead;
        }
}

/* Evidence comes over days: a forecast is as large as what it has seen. */
static void make_room(struct knot *knot, int errors)
{
        int room = knot->room ? knot->room : PRIOR_ERRORS;

        while (room < errors)
                room *= 2;
        if (room == knot->room)
                return;
        knot->error = memory_resize(knot->error, (size_t)room, sizeof *knot->error);
        knot->sorted = memory_resize(knot->sorted, (size_t)room, sizeof *knot->sorted);
        knot->room = room;
}

/* Errors to start from, so that there are quantiles before there is evidence: normal, growing with the root
 * of the lead, 3 % of the level at five minutes. Real errors push them out. */
static void seed_errors(const struct forecast *forecast, struct knot *knot)
{
        double minutes = (double)(knot->lead * forecast->interval_ms) / (60 * MS_PER_SECOND);
        double sd = 0.03 * sqrt(fmax(minutes, 1) / 5);

        make_room(knot, PRIOR_ERRORS);
        for (int i = 0; i < PRIOR_ERRORS; i++) {
                /* oldest first, so the extremes go last */
                int rank = i % 2 ? PRIOR_ERRORS / 2 + i / 2 : PRIOR_ERRORS / 2 - 1 - i / 2;

                knot->error[i] = sd * normal_quantile((rank + 0.5) / PRIOR_ERRORS);
                knot->sorted[rank] = knot->error[i];
        }
        knot->n_errors = knot->next_error = PRIOR_ERRORS;
}

struct forecast *forecast_new(int64_t interval_ms, int64_t horizon_ms)
{
        struct forecast *forecast = memory_new(1, sizeof *forecast);
        double tau;

        forecast->interval_ms = interval_ms;
        forecast->slot_ms = interval_ms > SLOT_MIN_MS ? interval_ms : SLOT_MIN_MS;
        forecast->quiet_since = INT64_MIN;
        tau = (double)forecast->slot_ms / (double)interval_ms;
        forecast->smoothing = 1 - exp(-1 / tau);
        shift_init(&forecast->shift);
        forecast->slow_smoothing = -expm1(-(double)interval_ms / SLOW_MS);
        forecast->damping = exp(-(double)interval_ms / TREND_DAMPING_MS);
        forecast->n_slots = (int64_t)HISTORY_DAYS * MS_PER_DAY / forecast->slot_ms;
        forecast->slots_per_day = forecast->n_slots / HISTORY_DAYS + 1;
        lay_knots(forecast, (int)((horizon_ms + interval_ms - 1) / interval_ms));
        for (int i = 0; i < forecast->n_knots; i++)
                seed_errors(forecast, &forecast->knots[i]);
        return forecast;
}

static void knot_free(struct knot *knot)
{
        for (int i = 0; i < knot->n_pending; i++)
                memory_free_cleanup(&knot->pending[i]);
        memory_free_cleanup(&knot->pending);
        memory_free_cleanup(&knot->learnt);
        memory_free_cleanup(&knot->error);
        memory_free_cleanup(&knot->sorted);
}

void forecast_free(struct forecast *forecast)
{
        if (!forecast)
                return;
        for (int i = 0; i < HISTORY_DAYS; i++)
                memory_free_cleanup(&forecast->history[i]);
        for (int i = 0; i < forecast->n_knots; i++) {
                knot_free(&forecast->knots[i]);
        }
        memory_free_cleanup(&forecast);
}

/* Where the mean of a slot stands; NULL: nothing was seen on that day of the ring. */
static double *history_place(const struct forecast *forecast, int64_t slot)
{
        int64_t place = slot % forecast->n_slots;
        double *day = forecast->history[place / forecast->slots_per_day];

        return day ? day + place % forecast->slots_per_day : NULL;
}

static double history_slot(const struct forecast *forecast, int64_t slot)
{
        const double *place;

        if (slot < 0 || slot >= forecast->slot || slot <= forecast->slot - forecast->n_slots)
                return NAN;
        place = history_place(forecast, slot);
        return place ? *place : NAN;
}

/* What was seen at an instant: between the middles of the two slots about it. */
static double history_at(const struct forecast *forecast, double time_ms)
{
        double place = time_ms / (double)forecast->slot_ms - 0.5;
        int64_t slot = (int64_t)floor(place);
        double before = history_slot(forecast, slot), after = history_slot(forecast, slot + 1);

        if (isnan(before))
                return after;
        return isnan(after) ? before : before + (place - (double)slot) * (after - before);
}

static void history_forget(struct forecast *forecast, int64_t slot)
{
        double *place = history_place(forecast, slot);

        if (place)
                *place = NAN;
}

static void history_set(struct forecast *forecast, int64_t slot, double value)
{
        double **day = &forecast->history[slot % forecast->n_slots / forecast->slots_per_day];

        if (!*day) {
                *day = memory_new((size_t)forecast->slots_per_day, sizeof **day);
                for (int64_t i = 0; i < forecast->slots_per_day; i++)
                        (*day)[i] = NAN;
        }
        *history_place(forecast, slot) = value;
}

static void history_add(struct forecast *forecast, int64_t time_ms, double value)
{
        int64_t slot = (time_ms - 1) / forecast->slot_ms;

        if (slot != forecast->slot) {
                int64_t skipped = slot - forecast->slot;

                for (int64_t i = 0; i < skipped && i < forecast->n_slots; i++)
                        history_forget(forecast, slot - i);
                forecast->slot = slot;
                forecast->slot_sum = 0;
                forecast->slot_count = 0;
        }
        if (isnan(value))
                return;
        forecast->slot_sum += value;
        forecast->slot_count++;
        history_set(forecast, slot, forecast->slot_sum / forecast->slot_count);
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
                double value = history_at(forecast, then + lead_ms);
                double base = isnan(base_age_ms) ? 1 : history_at(forecast, then - base_age_ms);

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
        double last = forecast->last, level = fmax(forecast->level, 1e-9);
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

static void keep_error(struct knot *knot, double error)
{
        double *sorted = knot->sorted;
        int at;

        if (knot->n_errors == KNOT_ERRORS) {
                for (at = 0; sorted[at] != knot->error[knot->next_error]; at++)
                        ;
                memmove(sorted + at, sorted + at + 1, (size_t)(KNOT_ERRORS - at - 1) * sizeof *sorted);
                knot->n_errors--;
        }
        make_room(knot, knot->n_errors + 1);
        sorted = knot->sorted;
        for (at = knot->n_errors; at > 0 && sorted[at - 1] > error; at--)
                sorted[at] = sorted[at - 1];
        sorted[at] = error;
        knot->error[knot->next_error] = error;
        knot->n_errors++;
        knot->next_error = (knot->next_error + 1) % KNOT_ERRORS;
}

/* Takes the newest error back, unless it is of the prior. */
static void forget_error(struct knot *knot)
{
        int at, newest = knot->next_error - 1;

        if (newest < PRIOR_ERRORS)
                return;
        for (at = 0; knot->sorted[at] != knot->error[newest]; at++)
                ;
        memmove(knot->sorted + at, knot->sorted + at + 1,
                (size_t)(knot->n_errors - at - 1) * sizeof *knot->sorted);
        knot->n_errors--;
        knot->next_error = newest;
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
        double decay = exp(-1 / ERROR_MEMORY);
        struct learnt *learnt = knot->learnt = knot->learnt ? knot->learnt : learnt_new();

        for (int i = 0; i < N_EXPERTS; i++) {
                if (isnan(pending->value[i]))
                        continue;
                learnt->error_sum[i] = learnt->error_sum[i] * decay + fabs(value - pending->value[i]);
                learnt->marks[i] = learnt->marks[i] * decay + 1;
        }
        weigh(learnt);
        learn(&learnt->regression, pending->feature, (value - pending->last) / pending->level);
        if (pending->scale > 0)
                keep_error(knot, (value - pending->blend) / pending->scale);
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

        return ticks < KNOT_ERRORS || (double)(ticks * forecast->interval_ms) < SLOW_MS;
}

/* Forecasts that wait are not looked at when their time comes. */
static void drop_pending(const struct knot *knot)
{
        for (int k = 0; k < knot->n_pending; k++)
                if (knot->pending[k])
                        knot->pending[k]->tick = INT64_MIN;
}

/* While little has been seen it cannot tell how often the level shifts: what a shift made of the forecasts is
 * not held for scatter, which it would pass for at each tick until the last one from before has come due. */
static void forget_shift(struct forecast *forecast, int since)
{
        for (int i = 0; i < forecast->n_knots && forecast_is_young(forecast); i++) {
                struct knot *knot = &forecast->knots[i];

                for (int k = 1; k < since && knot->n_errors < KNOT_ERRORS; k++)
                        forget_error(knot);
                drop_pending(knot);
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
                drop_pending(&forecast->knots[i]);
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

static void keep_pending(struct pending **place, const struct pending *pending)
{
        if (!*place)
                *place = memory_new(1, sizeof **place);
        **place = *pending;
}

/* Marks the forecast whose time has come, makes the next one. */
static double forecast_knot(const struct forecast *forecast, struct knot *knot, double value)
{
        struct pending now = {.tick = forecast->tick,
                              .level = forecast->level,
                              .scale = forecast->slow,
                              .last = forecast->last};
        struct pending **then = NULL;

        if (now.tick % knot->spacing == 0) {
                then = &knot->pending[now.tick / knot->spacing % knot->n_pending];
                if (*then && (*then)->tick == now.tick - knot->lead && !isnan(value))
                        mark(knot, *then, value);
                if (*then)
                        (*then)->tick = INT64_MIN;
        }
        ask_experts(forecast, knot->lead, now.value);
        features(forecast, now.value, now.feature);
        now.value[EXPERT_REGRESSION] =
                fmax(forecast->last +
                             forecast->level *
                                     (knot->learnt ? regress(&knot->learnt->regression, now.feature) : 0),
                     0);
        now.blend = blend(forecast, knot, now.value);
        if (then && !isnan(value))
                keep_pending(then, &now);
        return now.blend;
}

void forecast_add(struct forecast *forecast, int64_t time_ms, double value)
{
        int64_t tick = (time_ms + forecast->interval_ms / 2) / forecast->interval_ms;

        if (forecast->ready && tick <= forecast->tick)
                return;
        forecast->tick = tick;
        if (!(value >= 0) || is_outage(forecast, value))
                value = NAN;
        history_add(forecast, tick * forecast->interval_ms, value);
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

double forecast_level_error(const struct forecast *forecast)
{
        const struct shift *shift = &forecast->shift;
        double scatter = forecast_is_young(forecast) ? fmin(shift->scatter, shift->aside) : shift->scatter;

        return scatter / sqrt((double)forecast->level_count);
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

/* Order statistic q of the errors, between neighbours, as if one more were to come. */
static double error_quantile(const struct knot *knot, double q)
{
        double place = q * (knot->n_errors + 1) - 1;
        int at;

        place = fmin(fmax(place, 0), knot->n_errors - 1);
        at = (int)place;
        if (at == knot->n_errors - 1)
                return knot->sorted[at];
        return knot->sorted[at] + (place - at) * (knot->sorted[at + 1] - knot->sorted[at]);
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
                                   forecast->slow * error_quantile(&forecast->knots[i], q[k]);
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
