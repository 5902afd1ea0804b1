/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/series/series.h"
#include "optimizer/forecast.h"
#include "tests/support/data.h"
#include "tests/support/heap.h"

#define MINUTE_MS INT64_C(60000)

/* Uniform in (0, 1): a plain linear congruential generator (Knuth, MMIX), so that the cases repeat. */
static double uniform(uint64_t *state)
{
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state)
{
        return sqrt(-2 * log(uniform(state))) * cos(2 * M_PI * uniform(state));
}

static void constant_load_is_forecast_as_it_is(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, 6 * MS_PER_HOUR);

        (void)state;
        assert_false(forecast_ready(forecast));
        assert_true(isnan(forecast_mean(forecast, MINUTE_MS)));
        for (int i = 0; i < 3000; i++)
                forecast_add(forecast, i * MINUTE_MS, 1000);
        for (int lead = 1; lead <= 360; lead++) {
                assert_float_equal(forecast_mean(forecast, lead * MINUTE_MS), 1000, 1e-6);
                assert_float_equal(forecast_quantile(forecast, lead * MINUTE_MS, 0.5), 1000, 1);
        }
}

static void a_ramp_goes_on(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, MS_PER_HOUR);

        (void)state;
        for (int i = 0; i < 180; i++)
                forecast_add(forecast, i * MINUTE_MS, 1000 + 10 * i);
        assert_float_equal(forecast_mean(forecast, 10 * MINUTE_MS), 1000 + 10 * 189, 30);
        assert_float_equal(forecast_mean(forecast, 30 * MINUTE_MS), 1000 + 10 * 209, 100);
}

static void the_third_day_is_known_by_its_days_before(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, 4 * MS_PER_HOUR);

        (void)state;
        for (int i = 0; i < 3 * 1440; i++) {
                forecast_add(forecast, i * MINUTE_MS, 1000 + 500 * sin(2 * M_PI * i / 1440.0));
                if (i > 2 * 1440 + 300 && i % 60 == 0)
                        for (int lead = 30; lead <= 240; lead += 30)
                                assert_float_equal(forecast_mean(forecast, lead * MINUTE_MS),
                                                   1000 + 500 * sin(2 * M_PI * (i + lead) / 1440.0), 30);
        }
}

static void the_first_hour_has_quantiles(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, 2 * MS_PER_HOUR);

        (void)state;
        for (int i = 0; i < 3; i++)
                forecast_add(forecast, i * MINUTE_MS, 1000 + 10 * (i % 2));
        for (int lead = 1; lead <= 120; lead *= 2) {
                double low = forecast_quantile(forecast, lead * MINUTE_MS, 0.05);
                double high = forecast_quantile(forecast, lead * MINUTE_MS, 0.95);

                assert_true(low < forecast_mean(forecast, lead * MINUTE_MS));
                assert_true(high > forecast_mean(forecast, lead * MINUTE_MS));
                assert_in_range((int)(high - low), 10, 600);
        }
}

/* The share of independent normal values below their 5, 50 and 90 % quantiles is just that. */
static void quantiles_cover_what_they_say(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, MS_PER_HOUR);
        static const double q[] = {0.05, 0.5, 0.9};
        int64_t leads[] = {MINUTE_MS};
        double quantile[3] = {0}, covered[3] = {0};
        uint64_t seed = 1;
        int count = 0;

        (void)state;
        for (int i = 0; i < 20000; i++) {
                double value = 1000 + 50 * normal(&seed);

                for (int k = 0; k < 3 && i > 500; k++)
                        covered[k] += value <= quantile[k];
                count += i > 500;
                forecast_add(forecast, i * MINUTE_MS, value);
                forecast_quantiles(forecast, leads, 1, q, 3, quantile);
        }
        for (int k = 0; k < 3; k++)
                assert_float_equal(covered[k] / count, q[k], 0.02);
}

/* Nothing beats the last value on a random walk; the price of trying must be small. */
static void a_random_walk_costs_little(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, MS_PER_HOUR);
        double value = 10000, error = 0, last_error = 0, made[10];
        uint64_t seed = 7;
        double before[10];

        (void)state;
        for (int i = 0; i < 10000; i++) {
                value += 20 * normal(&seed);
                if (i > 20) {
                        error += fabs(value - made[i % 10]);
                        last_error += fabs(value - before[i % 10]);
                }
                forecast_add(forecast, i * MINUTE_MS, value);
                made[i % 10] = forecast_mean(forecast, 10 * MINUTE_MS);
                before[i % 10] = value;
        }
        assert_true(error < 1.03 * last_error);
}

static void an_outage_is_not_a_new_level(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, MS_PER_HOUR);
        int i = 0;

        (void)state;
        for (; i < 600; i++)
                forecast_add(forecast, i * MINUTE_MS, 1000);
        for (; i < 630; i++)
                forecast_add(forecast, i * MINUTE_MS, 0);
        assert_float_equal(forecast_mean(forecast, 5 * MINUTE_MS), 1000, 1);
        for (; i < 720; i++)
                forecast_add(forecast, i * MINUTE_MS, 0);
        assert_true(forecast_mean(forecast, 5 * MINUTE_MS) < 50);
}

static void gaps_and_repeats_do_no_harm(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, MS_PER_HOUR);

        (void)state;
        for (int i = 0; i < 100; i++) {
                forecast_add(forecast, i * MINUTE_MS, i % 3 ? 500 : NAN);
                forecast_add(forecast, i * MINUTE_MS, 99999); /* the same instant again: the first counts */
        }
        forecast_add(forecast, 90 * (int64_t)MS_PER_DAY, NAN); /* far longer than the memory */
        assert_float_equal(forecast_mean(forecast, 10 * MINUTE_MS), 500, 1e-6);
        forecast_add(forecast, 90 * (int64_t)MS_PER_DAY + MINUTE_MS, 500);
        assert_float_equal(forecast_mean(forecast, 60 * MINUTE_MS), 500, 1e-6);
}

/* What comes a quarter of an interval after a value that is far off tells at once whether that was a level,
 * and what comes so soon after any other but the first tells nothing. */
static void a_look_between_tells_whether_the_level_has_shifted(void **state)
{
        (void)state;
        for (int shifts = 0; shifts < 2; shifts++) {
                autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, 6 * MS_PER_HOUR);

                for (int i = 0; i < 60; i++) {
                        forecast_add(forecast, i * MINUTE_MS, 1000 + i % 7);
                        if (i > 0)
                                forecast_add(forecast, i * MINUTE_MS + 15000, 5000);
                }
                assert_false(forecast_unsettled(forecast));
                assert_float_equal(forecast_mean(forecast, MINUTE_MS), 1003, 10);
                forecast_add(forecast, 60 * MINUTE_MS, 2500);
                assert_true(forecast_unsettled(forecast));
                forecast_add(forecast, 60 * MINUTE_MS + 15000, shifts ? 2500 : 1003);
                assert_float_equal(forecast_mean(forecast, MINUTE_MS), shifts ? 2500 : 1003,
                                   shifts ? 60 : 300);
                assert_true(forecast_unsettled(forecast) == !shifts); /* now it may be the way back */
        }
}

/* Of before it nothing counts; and a little is waited for. */
static void a_clock_that_is_set_back_begins_anew(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, MS_PER_HOUR);
        int64_t now_ms = 100 * (int64_t)MS_PER_DAY;

        (void)state;
        for (int i = 0; i < 100; i++)
                forecast_add(forecast, now_ms += MINUTE_MS, 500);
        forecast_add(forecast, now_ms - 2 * MINUTE_MS, 2000);
        assert_float_equal(forecast_mean(forecast, 10 * MINUTE_MS), 500, 1e-6);
        now_ms -= 10 * MINUTE_MS;
        for (int i = 0; i < 5; i++)
                forecast_add(forecast, now_ms += MINUTE_MS, 2000);
        assert_false(forecast_unsettled(forecast));
        assert_true(forecast_is_young(forecast));
        assert_float_equal(forecast_mean(forecast, 10 * MINUTE_MS), 2000, 1e-6);
}

/* A job that is off over a long weekend: the level it falls to is none that anything can be relative to. */
static void days_without_load_do_no_harm(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, 6 * MS_PER_HOUR);
        int tick = 0;

        (void)state;
        while (tick < 600)
                forecast_add(forecast, tick++ * MINUTE_MS, 1000);
        while (tick < 600 + 5 * 1440)
                forecast_add(forecast, tick++ * MINUTE_MS, 0);
        assert_float_equal(forecast_mean(forecast, 60 * MINUTE_MS), 0, 1e-6);
        while (tick < 600 + 6 * 1440)
                forecast_add(forecast, tick++ * MINUTE_MS, 1000);
        for (int lead = 1; lead <= 360; lead *= 2) {
                assert_float_equal(forecast_mean(forecast, lead * MINUTE_MS), 1000, 150);
                assert_true(isfinite(forecast_quantile(forecast, lead * MINUTE_MS, 0.95)));
        }
}

/* What a peer that lies may say. */
static void absurd_loads_do_no_harm(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, 6 * MS_PER_HOUR);

        (void)state;
        for (int i = 0; i < 600; i++)
                forecast_add(forecast, i * MINUTE_MS, i % 97 == 96 ? 1e300 : 1000);
        for (int lead = 1; lead <= 360; lead *= 2)
                assert_false(isnan(forecast_quantile(forecast, lead * MINUTE_MS, 0.5)));
}

static void see_until(struct forecast *forecast, int *tick, int end)
{
        for (; *tick < end; (*tick)++)
                forecast_add(forecast, *tick * MINUTE_MS, 1000 + *tick % 7);
}

/* It grows for a month, and no further. */
static void what_it_has_seen_takes_little(void **state)
{
        size_t before = heap_bytes(), after_a_month;
        autocall(forecast_free) struct forecast *forecast = forecast_new(MINUTE_MS, MS_PER_DAY);
        int tick = 0;

        (void)state;
        assert_in_range(heap_bytes() - before, 1, 3 << 10);
        see_until(forecast, &tick, 10);
        assert_in_range(heap_bytes() - before, 1, 14 << 10);
        see_until(forecast, &tick, 30 * 1440);
        after_a_month = heap_bytes();
        assert_in_range(after_a_month - before, 1, 100 << 10);
        see_until(forecast, &tick, 33 * 1440);
        assert_int_equal(heap_bytes(), after_a_month);
}

/* What a forecast did on a recording at one lead, summed over all values from `from` on. */
struct score {
        double mine, last, seasonal; /* absolute errors */
        double below[3];             /* values below the quantiles 0.05, 0.5 and 0.9 */
        int count, seasonal_count;
};

static const int leads[] = {1, 3, 6, 12};
#define LEADS ((int)ARRAY_LENGTH(leads))

/* Forecasts of the last few values, by the value they were made at. */
struct made {
        double mean[LEADS], quantile[LEADS][3];
};

static void add_to(struct score *score, const struct series *series, size_t i, const struct made *made, int k,
                   size_t day)
{
        double value = series->value[i];
        size_t from = i - (size_t)leads[k];

        score->count++;
        score->mine += fabs(value - made->mean[k]);
        score->last += fabs(value - series->value[from]);
        for (int q = 0; q < 3; q++)
                score->below[q] += value <= made->quantile[k][q];
        if (i >= day) {
                score->seasonal_count++;
                score->seasonal += fabs(value - series->value[i - day]);
        }
}

static void run_over(const struct series *series, struct score *scores)
{
        static const double q[] = {0.05, 0.5, 0.9};
        int64_t step_ms = series_step_ms(series);
        size_t day = (size_t)(MS_PER_DAY / step_ms);
        struct forecast *forecast = forecast_new(step_ms, 24 * step_ms);
        struct made *made = memory_new(series->count, sizeof *made);
        int64_t lead_ms[LEADS];

        for (int k = 0; k < LEADS; k++)
                lead_ms[k] = leads[k] * step_ms;
        for (size_t i = 0; i < series->count; i++) {
                for (int k = 0; k < LEADS; k++)
                        if (i >= (size_t)leads[k])
                                add_to(&scores[k], series, i, &made[i - (size_t)leads[k]], k, day);
                forecast_add(forecast, series->time_ms[i], series->value[i]);
                for (int k = 0; k < LEADS; k++)
                        made[i].mean[k] = forecast_mean(forecast, lead_ms[k]);
                forecast_quantiles(forecast, lead_ms, LEADS, q, 3, &made[i].quantile[0][0]);
        }
        memory_free_cleanup(&made);
        forecast_free(forecast);
}

/* Recordings that others made: never more than 1 % worse than the last value, and quantiles that cover what
 * they say, from the first value on. On average over the leads better than the same time yesterday. */
static void recorded_loads_are_forecast_better_than_by_the_last_value(void **state)
{
        static const char *const names[] = {"load/IoT_5min.csv", "load/elb_request_count_8c0756.csv",
                                            "load/nyc_taxi.csv", "load/taxi_5min.csv",
                                            "load/wiki_en_5min.csv"};
        static const struct series_format format = {0};
        char path[DATA_PATH_BYTES];

        (void)state;
        for (size_t f = 0; f < ARRAY_LENGTH(names); f++) {
                struct score scores[LEADS] = {0};
                struct series *series;
                struct error err = ERROR_INIT;
                double ratio = 0;

                data_path(names[f], path);
                if (!series_read(path, &format, &series, &err))
                        fail_msg("%s", err.message);
                run_over(series, scores);
                series_free(series);
                for (int k = 0; k < LEADS; k++) {
                        const struct score *score = &scores[k];

                        assert_true(score->mine < 1.01 * score->last);
                        ratio += score->mine / score->count / (score->seasonal / score->seasonal_count) /
                                 LEADS;
                        assert_float_equal(score->below[0] / score->count, 0.05, 0.05);
                        assert_float_equal(score->below[1] / score->count, 0.5, 0.1);
                        assert_float_equal(score->below[2] / score->count, 0.9, 0.05);
                }
                assert_true(ratio < 1);
        }
}

/* Ten minutes of 5 s windows with 6 % scatter, then 2.5 times the load: after its first window one more has
 * to tell, after the second the forecast is there at every lead, and no quantile fears another shift of that
 * size. */
static void a_shift_is_known_after_two_values(void **state)
{
        uint64_t seed = 1;
        autocall(forecast_free) struct forecast *forecast = forecast_new(5000, MS_PER_HOUR);

        (void)state;
        for (int i = 0; i < 120; i++)
                forecast_add(forecast, i * INT64_C(5000), 600 * (1 + 0.06 * normal(&seed)));
        assert_false(forecast_unsettled(forecast));
        forecast_add(forecast, 120 * 5000, 1500);
        assert_true(forecast_unsettled(forecast));
        forecast_add(forecast, 121 * 5000, 1500);
        assert_false(forecast_unsettled(forecast));
        for (int64_t lead = 5000; lead <= 10 * MINUTE_MS; lead += 5000) {
                assert_float_equal(forecast_mean(forecast, lead), 1500, 0.1 * 1500);
                assert_true(forecast_quantile(forecast, lead, 0.9) < 1.35 * 1500);
        }
}

/* One wild value is no shift. */
static void one_value_is_no_shift(void **state)
{
        uint64_t seed = 2;
        autocall(forecast_free) struct forecast *forecast = forecast_new(5000, MS_PER_HOUR);

        (void)state;
        for (int i = 0; i < 120; i++)
                forecast_add(forecast, i * INT64_C(5000), i == 100 ? 2400 : 600 * (1 + 0.06 * normal(&seed)));
        assert_float_equal(forecast_mean(forecast, MINUTE_MS), 600, 60);
}

/* Until it is known how often the load shifts, a rule of thumb: half a time in as long as was seen. */
static void shifts_are_expected_less_the_longer_none_came(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(5000, MS_PER_HOUR);

        (void)state;
        for (int i = 0; i <= 120; i++)
                forecast_add(forecast, i * INT64_C(5000), 600);
        assert_float_equal(forecast_shifts_per_second(forecast), 0.5 / 600, 1e-9);
        assert_true(forecast_is_young(forecast));
        for (int i = 121; i <= 720; i++)
                forecast_add(forecast, i * INT64_C(5000), 600);
        assert_false(forecast_is_young(forecast));
}

/* The backlog of a late start, read within the first window, is no load: 600 is what comes after it. */
static void a_first_value_that_the_next_do_not_bear_out_is_forgotten(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(5000, MS_PER_HOUR);

        (void)state;
        forecast_add(forecast, 0, 1800);
        assert_true(forecast_unsettled(forecast));
        forecast_add(forecast, 5000, 600);
        assert_true(forecast_is_first(forecast) && forecast_unsettled(forecast));
        forecast_add(forecast, 10000, 605);
        assert_false(forecast_unsettled(forecast));
        assert_float_equal(forecast_mean(forecast, 5000), 600, 6);
        assert_float_equal(forecast_quantile(forecast, MINUTE_MS, 0.9), 600, 60);
}

/* 2.67 records/s more each second under 5 % of scatter: what is expected a minute ahead never falls behind by
 * more than a minute and a half of growth, as it would if a level of long ago were taken for a new one. */
static void a_slow_ramp_is_not_taken_for_a_shift(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(5000, MS_PER_HOUR);
        uint64_t seed = 7;

        (void)state;
        for (int i = 0; i < 144; i++) {
                double load = 400 + fmax(i - 24, 0) * 5 * 2.67;

                forecast_add(forecast, i * INT64_C(5000), load * (1 + 0.05 * normal(&seed)));
                if (i > 60)
                        assert_true(forecast_mean(forecast, MINUTE_MS) > load + 60 * 2.67 - 90 * 2.67);
        }
}

/* Seen for ten minutes, a course goes on for as long again in half of all cases, and stays where it ends. */
static void how_long_a_course_lasts_is_not_known(void **state)
{
        autocall(forecast_free) struct forecast *forecast = forecast_new(5000, MS_PER_HOUR);
        double middle;

        (void)state;
        for (int i = 0; i < 120; i++)
                forecast_add(forecast, i * INT64_C(5000), 400 + i * 10);
        middle = forecast_quantile(forecast, 30 * MINUTE_MS, 0.5);
        assert_float_equal(middle, forecast_mean(forecast, 10 * MINUTE_MS), 0.05 * middle);
        assert_true(forecast_quantile(forecast, 30 * MINUTE_MS, 0.25) < middle);
        assert_true(forecast_quantile(forecast, 30 * MINUTE_MS, 0.75) > middle);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(constant_load_is_forecast_as_it_is),
                cmocka_unit_test(a_ramp_goes_on),
                cmocka_unit_test(the_third_day_is_known_by_its_days_before),
                cmocka_unit_test(the_first_hour_has_quantiles),
                cmocka_unit_test(quantiles_cover_what_they_say),
                cmocka_unit_test(a_random_walk_costs_little),
                cmocka_unit_test(a_shift_is_known_after_two_values),
                cmocka_unit_test(one_value_is_no_shift),
                cmocka_unit_test(a_first_value_that_the_next_do_not_bear_out_is_forgotten),
                cmocka_unit_test(a_slow_ramp_is_not_taken_for_a_shift),
                cmocka_unit_test(how_long_a_course_lasts_is_not_known),
                cmocka_unit_test(shifts_are_expected_less_the_longer_none_came),
                cmocka_unit_test(an_outage_is_not_a_new_level),
                cmocka_unit_test(gaps_and_repeats_do_no_harm),
                cmocka_unit_test(a_look_between_tells_whether_the_level_has_shifted),
                cmocka_unit_test(a_clock_that_is_set_back_begins_anew),
                cmocka_unit_test(days_without_load_do_no_harm),
                cmocka_unit_test(absurd_loads_do_no_harm),
                cmocka_unit_test(what_it_has_seen_takes_little),
                cmocka_unit_test(recorded_loads_are_forecast_better_than_by_the_last_value),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
