/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>

#include "core/random.h"
#include "sim/episodes.h"

/* An hour of a calm pipeline: 100 records/s offered and taken, a latency of 2 s, four workers. Each test
 * spoils some steps of it. */
#define STEPS 3600

struct hour {
        double offered[STEPS], throughput[STEPS], latency[STEPS], workers[STEPS], rescales[STEPS],
                backlog[STEPS];
        struct recording recording;
};

static struct hour *calm_hour(void)
{
        struct hour *hour = calloc(1, sizeof *hour);

        for (size_t i = 0; i < STEPS; i++) {
                hour->offered[i] = hour->throughput[i] = 100;
                hour->latency[i] = 2;
                hour->workers[i] = 4;
        }
        hour->recording = (struct recording){
                .name = "hour",
                .step_ms = 1000,
                .count = STEPS,
                .offered = hour->offered,
                .throughput = hour->throughput,
                .latency = hour->latency,
                .workers = hour->workers,
        };
        return hour;
}

static void fill(double *values, size_t from, size_t to, double value)
{
        for (size_t i = from; i < to; i++)
                values[i] = value;
}

static void a_calm_hour_has_no_episode(void **state)
{
        struct hour *hour = calm_hour();
        struct episodes *episodes = episodes_find(&hour->recording, NAN);

        (void)state;
        assert_int_equal(episodes->count, 0);
        assert_true(episodes->calm);
        assert_true(episodes->base_latency_seconds == 2);
        assert_true(episodes_delay(episodes, &hour->recording, 7) == 0);
        assert_false(episodes->disturbed[1800]);
        episodes_free(episodes);
        free(hour);
}

/* The metrics are gone for 40 s, and held for two steps before. Then records are 50 s old, a second less each
 * second, until they are no older than twice the base and three seconds: 7 s, 5 s beyond it. */
static void a_gap_is_an_episode_until_nothing_waits(void **state)
{
        struct hour *hour = calm_hour();
        struct episodes *episodes;

        (void)state;
        fill(hour->throughput, 1000, 1040, NAN);
        fill(hour->latency, 1000, 1040, NAN);
        for (size_t i = 1040; i < 1090; i++)
                hour->latency[i] = 2 + 50 - (double)(i - 1040);
        episodes = episodes_find(&hour->recording, NAN);
        assert_int_equal(episodes->count, 1);
        assert_int_equal(episodes->items[0].start, 1000 - RECORDING_HELD_STEPS);
        assert_int_equal(episodes->items[0].end, 1040);
        assert_true(episodes->items[0].seen);
        assert_false(episodes->items[0].rescale);
        assert_true(episodes->items[0].peak_delay_seconds == 50);
        assert_int_equal(episodes->items[0].caught_up, 1040 + 45);
        assert_true(episodes->still[1020] && !episodes->still[1040]);
        assert_true(episodes->disturbed[1090] && episodes->disturbed[990]);
        assert_false(episodes->disturbed[800] || episodes->disturbed[1300]);
        episodes_free(episodes);
        free(hour);
}

static void next_to_nothing_is_standing_still_and_a_lost_sample_is_not(void **state)
{
        struct hour *hour = calm_hour();
        struct episodes *episodes;

        (void)state;
        fill(hour->throughput, 500, 530, 4); /* of 100 */
        fill(hour->throughput, 2000, 2004, NAN);
        fill(hour->throughput, 3000, 3030, 50); /* half of it is slow, not still */
        episodes = episodes_find(&hour->recording, NAN);
        assert_int_equal(episodes->count, 1);
        assert_int_equal(episodes->items[0].end, 530);
        episodes_free(episodes);
        free(hour);
}

static void a_change_of_workers_makes_it_a_rescale(void **state)
{
        struct hour *hour = calm_hour();
        struct episodes *episodes;

        (void)state;
        fill(hour->throughput, 1000, 1030, 0);
        fill(hour->throughput, 2000, 2030, 0);
        fill(hour->workers, 1015, STEPS, 6);
        episodes = episodes_find(&hour->recording, NAN);
        assert_int_equal(episodes->count, 2);
        assert_true(episodes->items[0].rescale);
        assert_false(episodes->items[1].rescale);
        episodes_free(episodes);
        /* The engine's own count of rescales knows better: a worker that came late is none. */
        hour->recording.rescales = hour->rescales;
        fill(hour->rescales, 2010, STEPS, 1);
        episodes = episodes_find(&hour->recording, NAN);
        assert_false(episodes->items[0].rescale);
        assert_true(episodes->items[1].rescale);
        episodes_free(episodes);
        free(hour);
}

static void gaps_close_together_are_one_episode(void **state)
{
        struct hour *hour = calm_hour();
        struct episodes *episodes;

        (void)state;
        fill(hour->throughput, 1000, 1020, NAN);
        fill(hour->throughput, 1032, 1050, NAN);
        episodes = episodes_find(&hour->recording, NAN);
        assert_int_equal(episodes->count, 1);
        assert_int_equal(episodes->items[0].end, 1050);
        episodes_free(episodes);
        free(hour);
}

/* The metrics repeat their last value through a restart of 60 s; then latency jumps to 60 s while throughput
 * dips. Without the dip it was a load that outgrew the capacity. */
static void a_jump_of_latency_is_a_restart_when_throughput_dips(void **state)
{
        struct hour *hour = calm_hour();
        struct episodes *episodes;

        (void)state;
        for (size_t i = 1000; i < 1060; i++)
                hour->latency[i] = 2 + 60 - (double)(i - 1000);
        episodes = episodes_find(&hour->recording, NAN);
        assert_int_equal(episodes->count, 0);
        episodes_free(episodes);
        fill(hour->throughput, 960, 1000, 80);
        episodes = episodes_find(&hour->recording, NAN);
        assert_int_equal(episodes->count, 1);
        assert_false(episodes->items[0].seen);
        assert_int_equal(episodes->items[0].start, 1000 - 60);
        assert_int_equal(episodes->items[0].end, 1000);
        episodes_free(episodes);
        free(hour);
}

/* Log-normal about 0.8 s with a deviation of 0.3: the median and the deviation come back from an hour. */
static void the_base_is_the_middle_of_what_is_calm(void **state)
{
        gsl_rng *rng autocall(gsl_rng_free) = random_new(3, 0, 0);
        struct hour *hour = calm_hour();
        struct episodes *episodes;

        (void)state;
        for (size_t i = 0; i < STEPS; i++)
                hour->latency[i] = .8 * exp(gsl_ran_gaussian(rng, .3));
        episodes = episodes_find(&hour->recording, NAN);
        /* The lower side only: its quantile .4 is .25 deviations below the median. */
        assert_true(fabs(log(episodes->base_latency_seconds / .8) + .2533 * .3) < .03);
        assert_true(fabs(episodes->latency_log_sd - .3) < .03);
        episodes_free(episodes);
        free(hour);
}

/* Always behind but for its start: the base is what the lowest values show, or what another recording says.
 */
static void a_pipeline_that_never_keeps_up_is_not_calm(void **state)
{
        struct hour *hour = calm_hour();
        struct episodes *episodes;

        (void)state;
        for (size_t i = 0; i < STEPS; i++)
                hour->latency[i] = 2 + .5 * (double)i;
        fill(hour->latency, 0, 100, 2);
        episodes = episodes_find(&hour->recording, NAN);
        assert_false(episodes->calm);
        assert_true(episodes->base_latency_seconds == 2);
        episodes_free(episodes);
        episodes = episodes_find(&hour->recording, 1.5);
        assert_true(episodes->base_latency_seconds == 1.5);
        episodes_free(episodes);
        free(hour);
}

/* Without latency, the wait is the backlog over what is taken: 2,000 records at 100/s are 20 s. */
static void a_backlog_tells_how_long_records_wait(void **state)
{
        struct hour *hour = calm_hour();
        struct episodes *episodes;

        (void)state;
        hour->recording.latency = NULL;
        hour->recording.backlog = hour->backlog;
        fill(hour->backlog, 1000, 1300, 2000);
        episodes = episodes_find(&hour->recording, NAN);
        assert_true(episodes_delay(episodes, &hour->recording, 1100) == 20);
        assert_true(episodes->disturbed[1100] && !episodes->disturbed[900]);
        assert_true(isnan(episodes->base_latency_seconds));
        episodes_free(episodes);
        free(hour);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_calm_hour_has_no_episode),
                cmocka_unit_test(a_gap_is_an_episode_until_nothing_waits),
                cmocka_unit_test(next_to_nothing_is_standing_still_and_a_lost_sample_is_not),
                cmocka_unit_test(a_change_of_workers_makes_it_a_rescale),
                cmocka_unit_test(gaps_close_together_are_one_episode),
                cmocka_unit_test(a_jump_of_latency_is_a_restart_when_throughput_dips),
                cmocka_unit_test(the_base_is_the_middle_of_what_is_calm),
                cmocka_unit_test(a_pipeline_that_never_keeps_up_is_not_calm),
                cmocka_unit_test(a_backlog_tells_how_long_records_wait),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
