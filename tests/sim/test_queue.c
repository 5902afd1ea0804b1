/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/formulas.h"
#include "core/option.h"
#include "core/prices.h"
#include "core/yaml.h"
#include "sim/queue.h"

/* Every expected value is a closed form of queueing theory (L. Kleinrock, "Queueing Systems" I, unless
 * named). */

static struct queue_figures *run(const struct queue_station *stations, size_t n_stations, double seconds)
{
        struct queue_network network = {.n_stations = n_stations, .stations = stations};
        struct queue_setup setup = {.warmup_seconds = seconds / 20,
                                    .seconds = seconds,
                                    .batches = 32,
                                    .seed = 1};
        struct queue_figures *figures = NULL;
        struct error err = ERROR_INIT;

        if (!queue_run(&network, &setup, &figures, &err))
                fail_msg("%s", err.message);
        return figures;
}

static void assert_station(const struct queue_station_figures *figures)
{
        double rate = (double)(figures->arrivals - figures->lost);
        double little = figures->sojourn_seconds.mean * rate;

        assert_int_equal(figures->arrivals - figures->lost - figures->served,
                         figures->inside_after - figures->inside_before);
        assert_true(little > 0);
}

/* L = lambda W, both measured, over a window that is long beside a sojourn: equal but for its ends. */
static void assert_little(const struct queue_figures *figures)
{
        double by_law = figures->residence_seconds.mean * (double)figures->arrivals / figures->seconds;

        if (fabs(by_law - figures->number.mean) > 0.001 * figures->number.mean)
                fail_msg("L = %.9g, lambda W = %.9g", figures->number.mean, by_law);
        for (size_t i = 0; i < figures->n_stations; i++)
                assert_station(&figures->stations[i]);
}

/*
 * Within 3 standard errors, and within `cap` of the closed form so that a wide error hides nothing. With 32
 * batches an honest estimate is further off once in 190 times (Student's t, 31 degrees of freedom); that the
 * errors are honest is a test of its own below.
 */
static void assert_estimate(const char *what, struct queue_estimate estimate, double expected, double cap)
{
        double off = fabs(estimate.mean - expected);

        if (!(off <= 3 * estimate.error) || !(off <= cap * expected))
                fail_msg("%s: %.6g +- %.2g, expected %.6g", what, estimate.mean, estimate.error, expected);
}

static struct queue_station poisson(double lambda, int servers, double service_mean)
{
        return (struct queue_station){.name = "s",
                                      .servers = servers,
                                      .arrivals = {.mean_seconds = 1 / lambda},
                                      .service = {.mean_seconds = service_mean}};
}

/* W = 1 / (mu - lambda), L = rho / (1 - rho), P(wait) = rho. */
static void test_mm1(void **state)
{
        struct queue_station station = poisson(0.8, 1, 1);
        autocall(queue_figures_free) struct queue_figures *figures = run(&station, 1, 2e6);

        (void)state;
        assert_estimate("W", figures->stations[0].sojourn_seconds, 5, 0.03);
        assert_estimate("Wq", figures->stations[0].wait_seconds, 4, 0.04);
        assert_estimate("L", figures->stations[0].number, 4, 0.03);
        assert_estimate("rho", figures->stations[0].utilisation, 0.8, 0.01);
        assert_estimate("P(wait)", figures->stations[0].wait_ratio, 0.8, 0.01);
        assert_little(figures);
}

/* Erlang C and Wq = C / (c mu - lambda), for a few and for many servers. */
static void test_mmc(void **state)
{
        static const struct {
                int servers;
                double lambda;
        } cases[] = {{2, 1.7}, {5, 4}, {50, 45}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct queue_station station = poisson(cases[i].lambda, cases[i].servers, 1);
                autocall(queue_figures_free) struct queue_figures *figures =
                        run(&station, 1, 3e6 / cases[i].lambda);
                double waits = erlang_c(cases[i].servers, cases[i].lambda);

                assert_estimate("P(wait)", figures->stations[0].wait_ratio, waits, 0.03);
                assert_estimate("Wq", figures->stations[0].wait_seconds,
                                waits / (cases[i].servers - cases[i].lambda), 0.08);
                assert_little(figures);
        }
}

/* Erlang B; the law of the service time does not matter (insensitivity of M/G/c/c). */
static void test_mmcc_and_insensitivity(void **state)
{
        static const struct queue_time services[] = {
                {.law = QUEUE_EXPONENTIAL, .mean_seconds = 1},
                {.law = QUEUE_DETERMINISTIC, .mean_seconds = 1},
                {.law = QUEUE_LOGNORMAL, .mean_seconds = 1, .cv = 1.5},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(services); i++) {
                struct queue_station station = poisson(8, 10, 1);
                autocall(queue_figures_free) struct queue_figures *figures = NULL;

                station.capacity = 10;
                station.service = services[i];
                figures = run(&station, 1, 1.5e5);
                assert_estimate("loss", figures->stations[0].loss_ratio, erlang_b(10, 8), 0.03);
                assert_true(figures->stations[0].wait_ratio.mean == 0);
                assert_little(figures);
        }
}

/* Birth and death: p_n = p_0 a^n / n! up to c, then times a / c each; loss p_K, wait by Little. */
static void test_mmck(void **state)
{
        const int servers = 3, room = 8;
        const double offered = 2.7;
        double weights[9], sum = 0, queue = 0, loss;
        struct queue_station station = poisson(offered, servers, 1);
        autocall(queue_figures_free) struct queue_figures *figures = NULL;

        (void)state;
        for (int n = 0; n <= room; n++) {
                weights[n] = n == 0 ? 1 : weights[n - 1] * offered / (n < servers ? n : servers);
                sum += weights[n];
                queue += n > servers ? weights[n] * (n - servers) : 0;
        }
        loss = weights[room] / sum;
        station.capacity = room;
        figures = run(&station, 1, 5e5);
        assert_estimate("loss", figures->stations[0].loss_ratio, loss, 0.03);
        assert_estimate("Wq", figures->stations[0].wait_seconds, queue / sum / (offered * (1 - loss)), 0.03);
        assert_estimate("rho", figures->stations[0].utilisation, offered * (1 - loss) / servers, 0.01);
        assert_little(figures);
}

/* Pollaczek-Khinchine: Wq = lambda E[S^2] / (2 (1 - rho)) = rho S (1 + cv^2) / (2 (1 - rho)); M/D/1 is cv =
 * 0. */
static void test_mg1(void **state)
{
        static const struct queue_time services[] = {
                {.law = QUEUE_DETERMINISTIC, .mean_seconds = 1},
                {.law = QUEUE_GAMMA, .mean_seconds = 1, .cv = 0.5},
                {.law = QUEUE_LOGNORMAL, .mean_seconds = 1, .cv = 0.8},
                {.law = QUEUE_HYPEREXPONENTIAL, .mean_seconds = 1, .cv = 2},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(services); i++) {
                struct queue_station station = poisson(0.7, 1, 1);
                double cv = services[i].cv;
                autocall(queue_figures_free) struct queue_figures *figures = NULL;

                station.service = services[i];
                figures = run(&station, 1, 2e6);
                assert_estimate("Wq", figures->stations[0].wait_seconds, 0.7 * (1 + cv * cv) / (2 * 0.3),
                                0.03);
                assert_estimate("rho", figures->stations[0].utilisation, 0.7, 0.01);
                assert_little(figures);
        }
}

/* Poisson arrivals to more servers than are ever busy: the number inside is Poisson(lambda E[S]). */
static void test_mg_infinity(void **state)
{
        struct queue_station station = poisson(10, 200, 1);
        autocall(queue_figures_free) struct queue_figures *figures = NULL;

        (void)state;
        station.service = (struct queue_time){.law = QUEUE_LOGNORMAL, .mean_seconds = 2, .cv = 1};
        figures = run(&station, 1, 1e5);
        assert_estimate("L", figures->number, 20, 0.01);
        assert_true(figures->stations[0].wait_seconds.mean == 0);
        assert_little(figures);
}

/* Deterministic times leave nothing to chance: D/D/1 at 75 % has no wait and exactly that utilisation. */
static void test_dd1(void **state)
{
        struct queue_station station = {.name = "s",
                                        .servers = 1,
                                        .arrivals = {.law = QUEUE_DETERMINISTIC, .mean_seconds = 4},
                                        .service = {.law = QUEUE_DETERMINISTIC, .mean_seconds = 3}};
        autocall(queue_figures_free) struct queue_figures *figures = run(&station, 1, 32000);

        (void)state;
        assert_true(figures->stations[0].wait_seconds.mean == 0);
        assert_true(fabs(figures->stations[0].utilisation.mean - 0.75) < 1e-9);
}

/* Burke: the output of M/M/c is Poisson, so each station of a tandem is M/M/c by itself. */
static void test_jackson_tandem(void **state)
{
        static const double to_second[] = {0, 1, 0}, to_third[] = {0, 0, 1};
        struct queue_station stations[3] = {poisson(3, 4, 1), poisson(3, 1, 0.25), poisson(3, 2, 0.5)};
        autocall(queue_figures_free) struct queue_figures *figures = NULL;
        double residence = 0;

        (void)state;
        stations[0].routing = to_second;
        stations[1].routing = to_third;
        stations[1].arrivals.mean_seconds = stations[2].arrivals.mean_seconds = 0;
        figures = run(stations, 3, 8e5);
        for (int i = 0; i < 3; i++) {
                double mu = 1 / stations[i].service.mean_seconds;
                double sojourn = queue_wait_mmc(3, mu, stations[i].servers) + 1 / mu;

                assert_estimate("W of a station", figures->stations[i].sojourn_seconds, sojourn, 0.03);
                residence += sojourn;
        }
        assert_estimate("W", figures->residence_seconds, residence, 0.02);
        assert_little(figures);
}

/* Adds a run's estimate to the mean of `runs` independent ones; the squared errors add up, too. */
static void pool(struct queue_estimate *pooled, struct queue_estimate estimate, int runs)
{
        pooled->mean += estimate.mean / runs;
        pooled->error = hypot(pooled->error, estimate.error / runs);
}

/*
 * Jackson network with feedback: arrivals 1/s at A; A sends 60 % to B, 40 % out; B sends half back to A, half
 * out. Traffic: a = 1 + 0.5 b, b = 0.6 a, so a = 1 / 0.7, b = 0.6 / 0.7. W = (L_A + L_B) / 1 by product form.
 *
 * A single run of this seed over 10^6 s puts the utilisation of A 3.3 standard errors off. That is chance:
 * over 8,000 other seeds there is no bias, and 0.4 % of the estimates lie more than 3 off. So 16 runs are
 * pooled, this stream among them, instead of looking for a seed that suits.
 */
static void test_jackson_feedback(void **state)
{
        static const double from_a[] = {0, 0.6}, from_b[] = {0.5, 0};
        struct queue_station stations[2] = {poisson(1, 1, 0.5), poisson(1, 2, 1.5)};
        struct queue_network network = {.n_stations = 2, .stations = stations};
        double a = 1 / 0.7, b = 0.6 / 0.7;
        double inside = a * (queue_wait_mmc(a, 2, 1) + 0.5) + b * (queue_wait_mmc(b, 1 / 1.5, 2) + 1.5);
        struct queue_estimate busy_a = {0}, busy_b = {0}, number = {0}, residence = {0};
        const int runs = 16;

        (void)state;
        stations[0].routing = from_a;
        stations[1].routing = from_b;
        stations[1].arrivals.mean_seconds = 0;
        for (int i = 0; i < runs; i++) {
                struct queue_setup setup = {.warmup_seconds = 10000,
                                            .seconds = 250000,
                                            .batches = 32,
                                            .seed = 1,
                                            .run = (uint64_t)i};
                autocall(queue_figures_free) struct queue_figures *figures = NULL;
                struct error err = ERROR_INIT;

                assert_true(queue_run(&network, &setup, &figures, &err));
                assert_little(figures);
                pool(&busy_a, figures->stations[0].utilisation, runs);
                pool(&busy_b, figures->stations[1].utilisation, runs);
                pool(&number, figures->number, runs);
                pool(&residence, figures->residence_seconds, runs);
        }
        assert_estimate("rho A", busy_a, a * 0.5, 0.01);
        assert_estimate("rho B", busy_b, b * 1.5 / 2, 0.01);
        assert_estimate("L", number, inside, 0.02);
        assert_estimate("W", residence, inside, 0.02);
}

/*
 * Over 200 seeds the mean of M/M/1's utilisation has no bias, and as many estimates lie beyond 2.04 standard
 * errors as Student's t with 31 degrees of freedom says: 5 %, 10 of 200, give or take 3 binomial deviations.
 */
static void test_errors_are_honest(void **state)
{
        struct queue_station station = poisson(0.5, 1, 1);
        struct queue_network network = {.n_stations = 1, .stations = &station};
        double sum = 0, squares = 0, mean;
        int beyond = 0;
        const int runs = 200;

        (void)state;
        for (int i = 0; i < runs; i++) {
                struct queue_setup setup = {.warmup_seconds = 1000,
                                            .seconds = 30000,
                                            .batches = 32,
                                            .seed = 1,
                                            .run = (uint64_t)i};
                autocall(queue_figures_free) struct queue_figures *figures = NULL;
                struct error err = ERROR_INIT;
                struct queue_estimate busy;

                assert_true(queue_run(&network, &setup, &figures, &err));
                busy = figures->stations[0].utilisation;
                sum += busy.mean;
                squares += busy.mean * busy.mean;
                beyond += fabs(busy.mean - 0.5) > 2.04 * busy.error;
        }
        mean = sum / runs;
        assert_true(fabs(mean - 0.5) < 3 * sqrt((squares / runs - mean * mean) / (runs - 1)));
        assert_in_range(beyond, 1, 19);
}

/* Allen-Cunneen is an approximation: for G/G/c with mild variability within 10 %. */
static void test_ggc_against_allen_cunneen(void **state)
{
        struct queue_station station = {.name = "s",
                                        .servers = 4,
                                        .arrivals = {.law = QUEUE_GAMMA, .mean_seconds = 1 / 3.4, .cv = 0.8},
                                        .service = {.law = QUEUE_GAMMA, .mean_seconds = 1, .cv = 0.8}};
        autocall(queue_figures_free) struct queue_figures *figures = run(&station, 1, 5e5);
        double expected = queue_wait_allen_cunneen(3.4, 1, 4, 0.64, 0.64);

        (void)state;
        assert_true(fabs(figures->stations[0].wait_seconds.mean - expected) < 0.1 * expected);
        assert_little(figures);
}

static struct price_book *book_of(const char *prices)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        char path[] = "/tmp/optctl-queue-XXXXXX";
        int fd = mkstemp(path);
        autofree char *yaml = memory_format("{currency: EUR, worker: {file: %s, repeat: true}}", path);
        struct price_book *book = NULL;
        struct error err = ERROR_INIT;
        void *options = NULL;

        assert_int_equal(write(fd, prices, strlen(prices)), (ssize_t)strlen(prices));
        close(fd);
        assert_true(yaml_parse(yaml, strlen(yaml), "prices", &document, &err));
        assert_true(option_new(&prices_table, yaml_root(document), &options, &err));
        assert_true(price_book_new(options, ".", &book, &err));
        option_delete(&prices_table, options);
        unlink(path);
        return book;
}

/*
 * D/D/1 with a day of 3 s services every 4 s; a worker-hour costs 4 in one hour and -1 in the next. By hand:
 * servers cost 12 x 4 - 12 x 1 = 36, three quarters of it busy (every hour holds 900 whole services).
 */
static void test_cost_of_busy_and_idle_servers(void **state)
{
        autocall(price_book_free) struct price_book *book = book_of("1704067200,4\n1704070800,-1\n");
        struct queue_station station = {.name = "s",
                                        .servers = 1,
                                        .arrivals = {.law = QUEUE_DETERMINISTIC, .mean_seconds = 4},
                                        .service = {.law = QUEUE_DETERMINISTIC, .mean_seconds = 3}};
        struct queue_network network = {.n_stations = 1, .stations = &station};
        struct queue_setup setup = {.warmup_seconds = 7200,
                                    .seconds = 86400,
                                    .batches = 7,
                                    .seed = 1,
                                    .prices = book,
                                    .start_ms = 1704067200000};
        autocall(queue_figures_free) struct queue_figures *figures = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(queue_run(&network, &setup, &figures, &err));
        assert_true(fabs(figures->cost - 36) < 1e-12);
        assert_true(fabs(figures->stations[0].busy_cost - 27) < 1e-9);
        assert_true(fabs(figures->stations[0].idle_cost - 9) < 1e-9);
}

static void test_same_seed_same_figures(void **state)
{
        struct queue_station station = poisson(4, 5, 1);
        autocall(queue_figures_free) struct queue_figures *first = run(&station, 1, 1e4);
        autocall(queue_figures_free) struct queue_figures *second = run(&station, 1, 1e4);

        (void)state;
        assert_memory_equal(first->stations, second->stations, sizeof *first->stations);
        assert_int_equal(first->events, second->events);
}

static void test_refusals(void **state)
{
        static const double too_much[] = {1.5};
        struct queue_station good = poisson(1, 2, 1);
        struct {
                struct queue_station station;
                const char *message;
        } cases[] = {{good, "0 servers"},
                     {good, "room for 1 customers"},
                     {good, "add up to 1.5"},
                     {good, "a mean time of 0 s"},
                     {good, "coefficient of variation of 0.5; expected 1 or more"},
                     {good, "more than 16777216 customers wait"}};
        struct queue_setup setup = {.seconds = 1e9, .batches = 32, .seed = 1};

        (void)state;
        cases[0].station.servers = 0;
        cases[1].station.capacity = 1;
        cases[2].station.routing = too_much;
        cases[3].station.service.mean_seconds = 0;
        cases[4].station.service =
                (struct queue_time){.law = QUEUE_HYPEREXPONENTIAL, .mean_seconds = 1, .cv = 0.5};
        cases[5].station.service.mean_seconds = 1e9;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct queue_network network = {.n_stations = 1, .stations = &cases[i].station};
                struct queue_figures *figures = NULL;
                struct error err = ERROR_INIT;

                assert_false(queue_run(&network, &setup, &figures, &err));
                assert_null(figures);
                if (!strstr(err.message, cases[i].message))
                        fail_msg("%s", err.message);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mm1),
                cmocka_unit_test(test_mmc),
                cmocka_unit_test(test_mmcc_and_insensitivity),
                cmocka_unit_test(test_mmck),
                cmocka_unit_test(test_mg1),
                cmocka_unit_test(test_mg_infinity),
                cmocka_unit_test(test_dd1),
                cmocka_unit_test(test_jackson_tandem),
                cmocka_unit_test(test_jackson_feedback),
                cmocka_unit_test(test_errors_are_honest),
                cmocka_unit_test(test_ggc_against_allen_cunneen),
                cmocka_unit_test(test_cost_of_busy_and_idle_servers),
                cmocka_unit_test(test_same_seed_same_figures),
                cmocka_unit_test(test_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
