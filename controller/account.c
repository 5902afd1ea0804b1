/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/account.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

/* Longest interval in the journal: what a crash may leave unaccounted. */
#define LONGEST_INTERVAL_MS ((int64_t)MS_PER_HOUR)

void account_open(struct account *account, const struct price_book *prices,
                  const struct constraints *constraints, const struct journal *journal,
                  const struct pipeline *pipeline, const struct configuration *baseline)
{
        struct deployment deployment;

        pipeline_deployment(pipeline, baseline, &deployment);
        *account = (struct account){
                .prices = prices,
                .constraints = constraints,
                .journal = journal,
                .baseline_workers = deployment.workers,
                .workers = -1,
        };
}

static void read_backlog(struct account *account, const struct observation *observation)
{
        account->backlog_seconds = observation_backlog_seconds(observation);
        if (!isfinite(account->backlog_seconds))
                account->backlog_seconds = 0;
}

static void begin(struct account *account, int64_t now_ms, int workers)
{
        account->begun = true;
        account->workers = workers;
        account->since_ms = account->unrecorded_since_ms = now_ms;
        account->month_end_ms = clock_month_end_ms(now_ms);
        account->day_end_ms = now_ms + MS_PER_DAY;
}

static void end_day(struct account *account)
{
        double saving = price_sum_to_money(account->day_saving);
        double distance = saving - account->day_mean;

        account->days++;
        account->day_mean += distance / account->days;
        account->day_squares += distance * (saving - account->day_mean);
        account->day_saving = 0;
        account->day_end_ms += MS_PER_DAY;
}

/* The end of the day or month that an interval up to `until_ms` has to be cut at; else its end. */
static int64_t cut(const struct account *account, int64_t until_ms)
{
        int64_t to_ms = until_ms;

        if (account->month_end_ms < to_ms)
                to_ms = account->month_end_ms;
        if (account->day_end_ms < to_ms)
                to_ms = account->day_end_ms;
        return to_ms;
}

/* Books what the time up to `to_ms` cost, which ends in the same day and month. */
static void book(struct account *account, int64_t to_ms, price_sum cost, price_sum baseline)
{
        account->spent += cost;
        account->spent_this_month += cost;
        account->baseline_spent += baseline;
        account->day_saving += baseline - cost;
        account->since_ms = to_ms;
        if (to_ms == account->day_end_ms)
                end_day(account);
        if (to_ms == account->month_end_ms) {
                account->spent_this_month = 0;
                account->month_end_ms = clock_month_end_ms(to_ms);
        }
}

static bool record(struct account *account, struct error *err)
{
        const struct journal *journal = account->journal;
        const struct spend spend = {
                .from_ms = account->unrecorded_since_ms,
                .to_ms = account->since_ms,
                .cost = account->unrecorded,
                .baseline_cost = account->unrecorded_baseline,
                .observed_ms = account->unrecorded_observed_ms,
                .late_ms = account->unrecorded_late_ms,
        };

        if (account->unrecorded_since_ms >= account->since_ms || account->reading)
                return true;
        if (journal && journal->spend && !journal->spend(journal->context, &spend, err))
                return error_wrap(err, "while recording what was spent");
        account->unrecorded_since_ms = account->since_ms;
        account->unrecorded = account->unrecorded_baseline = 0;
        account->unrecorded_observed_ms = account->unrecorded_late_ms = 0;
        return true;
}

/* What the journal does not take is kept, and the books go on. */
bool account_settle(struct account *account, int64_t now_ms, struct error *err)
{
        bool recorded = true;

        if (account->workers < 0)
                return true;
        while (account->since_ms < now_ms) {
                int64_t to_ms = cut(account, now_ms);
                price_sum cost =
                        price_book_integral(account->prices, account->since_ms, to_ms, account->workers);
                price_sum baseline = price_book_integral(account->prices, account->since_ms, to_ms,
                                                         account->baseline_workers);

                account->unrecorded += cost;
                account->unrecorded_baseline += baseline;
                book(account, to_ms, cost, baseline);
                recorded = recorded && record(account, err);
        }
        return recorded && record(account, err);
}

/* ---- after a restart ---- */

/* Time that nobody has booked belongs to no day; the month goes by all the same. */
static void skip_to(struct account *account, int64_t from_ms)
{
        int64_t gap_ms = from_ms - account->since_ms;

        if (gap_ms <= 0)
                return;
        account->day_end_ms += gap_ms;
        account->since_ms = account->unrecorded_since_ms = from_ms;
        if (account->month_end_ms <= from_ms) {
                account->spent_this_month = 0;
                account->month_end_ms = clock_month_end_ms(from_ms);
        }
}

/* An interval that was kept back while the journal failed may span days: its parts share it by their time. */
void account_recall(struct account *account, const struct spend *spend)
{
        price_sum cost = spend->cost, baseline = spend->baseline_cost;

        if (!account->begun)
                begin(account, spend->from_ms, account->workers);
        skip_to(account, spend->from_ms);
        while (account->since_ms < spend->to_ms) {
                int64_t to_ms = cut(account, spend->to_ms), left_ms = spend->to_ms - account->since_ms;
                price_sum part = cost * (to_ms - account->since_ms) / left_ms;
                price_sum baseline_part = baseline * (to_ms - account->since_ms) / left_ms;

                book(account, to_ms, part, baseline_part);
                cost -= part;
                baseline -= baseline_part;
        }
        account->unrecorded_since_ms = account->since_ms;
        account->observed_ms += spend->observed_ms;
        account->slo_missed_ms += spend->late_ms;
}

void account_recall_workers(struct account *account, const struct observation *observation)
{
        if ((observation->missing & MISSING_ALL) || observation->workers < 0)
                return;
        account->workers = observation->workers;
        read_backlog(account, observation);
}

/* ---- observations ---- */

/* A comparison with a bound that was not asked for (NAN) is false. */
bool account_is_late(const struct constraints *constraints, const struct observation *observation)
{
        double backlog_seconds = observation_backlog_seconds(observation);

        return observation->latency_p99_seconds > constraints->latency_p99_seconds ||
               (isfinite(backlog_seconds) && backlog_seconds > constraints->backlog_seconds);
}

static void judge_window(struct account *account, const struct observation *observation)
{
        read_backlog(account, observation);
        account->observed_ms += observation->window_ms;
        account->unrecorded_observed_ms += observation->window_ms;
        if (account_is_late(account->constraints, observation)) {
                account->slo_missed_ms += observation->window_ms;
                account->unrecorded_late_ms += observation->window_ms;
        }
}

bool account_observe(struct account *account, int64_t now_ms, const struct observation *observation,
                     struct error *err)
{
        bool settled = true;

        if (observation->missing & MISSING_ALL)
                return true;
        judge_window(account, observation);
        if (observation->workers < 0)
                return true;
        if (!account->begun)
                begin(account, now_ms, observation->workers);
        else if (account->workers < 0)
                skip_to(account, now_ms);
        else if (observation->workers != account->workers ||
                 now_ms - account->unrecorded_since_ms >= LONGEST_INTERVAL_MS)
                settled = account_settle(account, now_ms, err);
        account->workers = observation->workers;
        return settled;
}

double account_spent_this_month(const struct account *account)
{
        return price_sum_to_money(account->spent_this_month);
}

static double backlog_debt(const struct account *account)
{
        double hours = account->backlog_seconds * MS_PER_SECOND / MS_PER_HOUR;

        return hours > 0
                       ? hours * account->workers * price_book_worker_hour(account->prices, account->since_ms)
                       : 0;
}

void account_saving(const struct account *account, double confidence, struct saving *ret_saving)
{
        double half = NAN;

        *ret_saving = (struct saving){
                .cost = price_sum_to_money(account->spent),
                .baseline_cost = price_sum_to_money(account->baseline_spent),
                .backlog_debt = backlog_debt(account),
                .slo_missed_seconds = (double)account->slo_missed_ms / MS_PER_SECOND,
                .observed_seconds = (double)account->observed_ms / MS_PER_SECOND,
                .baseline_workers = account->baseline_workers,
        };
        ret_saving->saving = ret_saving->baseline_cost - ret_saving->cost - ret_saving->backlog_debt;
        if (account->days >= 2)
                half = gsl_cdf_tdist_Pinv(0.5 + confidence / 2, account->days - 1) *
                       sqrt(account->day_squares / (account->days - 1) * account->days);
        ret_saving->low = ret_saving->saving - half;
        ret_saving->high = ret_saving->saving + half;
}
