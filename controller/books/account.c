/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/books/account.h"

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
                .runs.books.baseline = run_books_setting(baseline),
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

static void begin_months(struct account *account, int64_t now_ms)
{
        if (account->month_end_ms > now_ms)
                return;
        account->spent_this_month = 0;
        account->month_end_ms = clock_month_end_ms(now_ms);
}

/* What the journal does not take is kept, and the books go on. */
bool account_settle(struct account *account, int64_t now_ms, struct error *err)
{
        bool recorded = true;

        if (account->runs.ended_ms > 0)
                begin_months(account, now_ms);
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
        begin_months(account, from_ms);
}

/* ---- runs ---- */

static void take_run(struct account *account, const struct spend *spend)
{
        struct account_runs *runs = &account->runs;

        if (!account->begun)
                begin(account, spend->to_ms, account->workers);
        begin_months(account, spend->to_ms);
        account->spent += spend->cost;
        if (clock_month_end_ms(spend->to_ms) == account->month_end_ms) /* else it ended in one before */
                account->spent_this_month += spend->cost;
        account->baseline_spent += spend->baseline_cost;
        account->observed_ms += spend->observed_ms;
        account->slo_missed_ms += spend->late_ms;
        if (runs->ended_ms == 0)
                runs->first_ms = runs->prices_ms = spend->to_ms;
        if (spend->to_ms > runs->ended_ms)
                runs->ended_ms = spend->to_ms;
        runs->cost = price_sum_to_money(spend->cost);
        runs->baseline_cost = price_sum_to_money(spend->baseline_cost);
        run_books_take(&runs->books, spend, &runs->tally);
}

static enum spend_kind kind_of(const struct account *account, int64_t setting)
{
        if (setting == 0)
                return SPEND_RUN_UNKNOWN;
        return setting == account->runs.books.baseline ? SPEND_RUN_BASELINE : SPEND_RUN_OTHER;
}

static struct spend price_run(const struct account *account, const struct run_observation *run)
{
        const struct account_runs *runs = &account->runs;
        const struct price_held held = {run->worker_seconds, run->core_seconds, run->byte_seconds};
        double cost = price_book_run(account->prices, run->ended_ms, &held);
        double most_seconds = account->constraints->run_seconds;
        int64_t took_ms = run->ended_ms - run->begun_ms;
        int64_t allowed_ms = most_seconds > 0 ? (int64_t)(most_seconds * MS_PER_SECOND) : took_ms;
        struct spend spend = {
                .from_ms = run->begun_ms,
                .to_ms = run->ended_ms,
                .observed_ms = took_ms,
                .late_ms = took_ms > allowed_ms ? took_ms - allowed_ms : 0,
                .run = {.failed = run->failed,
                        .setting = run_books_setting(&run->configuration),
                        .input_bytes = run->input_bytes},
        };

        spend.run.kind = kind_of(account, spend.run.setting);
        spend.run.value =
                price_book_run(account->prices, runs->ended_ms > 0 ? runs->prices_ms : run->ended_ms, &held);
        if (!isfinite(cost) || !(cost > 0)) /* not booked */
                return spend;
        spend.cost = price_sum_of_money(cost);
        spend.baseline_cost = price_sum_of_money(run_books_baseline(&runs->books, cost, &spend.run));
        return spend;
}

/* A run that the journal did not take is offered again at the next look, and so is one that was seen when
 * the process died. */
static bool observe_run(struct account *account, const struct run_observation *run, struct error *err)
{
        const struct journal *journal = account->journal;
        struct spend spend;

        if (run->ended_ms <= account->runs.ended_ms || run->ended_ms <= run->begun_ms || account->reading)
                return true;
        spend = price_run(account, run);
        if (spend.cost == 0)
                return true;
        if (journal && journal->spend && !journal->spend(journal->context, &spend, err))
                return error_wrap(err, "while recording what a run cost");
        take_run(account, &spend);
        return true;
}

/* An interval that was kept back while the journal failed may span days: its parts share it by their time. */
void account_recall(struct account *account, const struct spend *spend)
{
        price_sum cost = spend->cost, baseline = spend->baseline_cost;

        if (spend->run.kind != SPEND_INTERVAL) {
                take_run(account, spend);
                return;
        }
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
        if (observation->run.periodic)
                return observe_run(account, &observation->run, err);
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

void account_run_saving(const struct account *account, struct account_run_saving *ret_runs)
{
        const struct account_runs *runs = &account->runs;
        int64_t between = runs->tally.runs - 1;

        *ret_runs = (struct account_run_saving){
                .tally = runs->tally,
                .baseline_seen = runs->books.weight > 0,
                .cost = runs->ended_ms > 0 ? runs->cost : NAN,
                .baseline_cost = runs->ended_ms > 0 ? runs->baseline_cost : NAN,
                .seconds = between > 0 ? (double)(runs->ended_ms - runs->first_ms) / (double)between /
                                                 MS_PER_SECOND
                                       : NAN,
        };
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
        account_run_saving(account, &ret_saving->runs);
        if (ret_saving->runs.tally.runs > 0)
                half = run_books_half_width(&account->runs.books, &ret_saving->runs.tally, confidence);
        else if (account->days >= 2)
                half = gsl_cdf_tdist_Pinv(0.5 + confidence / 2, account->days - 1) *
                       sqrt(account->day_squares / (account->days - 1) * account->days);
        ret_saving->low = ret_saving->saving - half;
        ret_saving->high = ret_saving->saving + half;
}
