/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Closed forms against what textbooks and tables print: Erlang B tables (traffic at 1 % and 2 % loss), Gross
 * and Harris (M/M/c), Pollaczek-Khinchine (M/G/1), Gunther (Universal Scalability Law).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/formulas.h"

static void close_to(double value, double expected, double tolerance)
{
        if (!(fabs(value - expected) <= tolerance))
                fail_msg("%.12g is not %.12g within %g", value, expected, tolerance);
}

static void test_erlang_b_tables(void **state)
{
        (void)state;
        close_to(erlang_b(0, 3), 1, 0);
        close_to(erlang_b(1, 0.25), 0.2, 1e-15); /* a / (1 + a) */
        close_to(erlang_b(2, 1), 0.2, 1e-15);
        /* Published tables give the traffic in erlangs that N lines carry with this loss, to 0.01
         * erlang. */
        close_to(erlang_b(10, 4.461), 0.01, 1e-5);
        close_to(erlang_b(20, 12.03), 0.01, 3e-5);
        close_to(erlang_b(10, 5.084), 0.02, 1e-5);
        close_to(erlang_b(50, 40.26), 0.02, 3e-5);
        close_to(erlang_b(100, 84.06), 0.01, 3e-5);
}

static void test_erlang_c(void **state)
{
        (void)state;
        close_to(erlang_c(1, 0.7), 0.7, 1e-15);   /* M/M/1: the utilisation */
        close_to(erlang_c(2, 1), 1.0 / 3, 1e-15); /* 2 rho^2 / (1 + rho) at rho = 1/2 */
        close_to(erlang_c(3, 2), 4.0 / 9, 1e-15); /* Gross and Harris, M/M/3 with a = 2 */
        close_to(erlang_c(50, 45), 0.3639, 5e-5); /* published for M/M/50 at 90 % */
        close_to(erlang_c(2, 2), 1, 0);           /* unstable: everybody waits */
        assert_true(isnan(erlang_c(0, 1)) && isnan(erlang_c(1, -1)) && isnan(erlang_c(1, NAN)));
        assert_true(isnan(erlang_b(-1, 1)));
}

static void test_waits(void **state)
{
        double lambda = 0.8, mu = 1, rho = 0.8;

        (void)state;
        close_to(queue_wait_mmc(lambda, mu, 1), rho / (mu - lambda), 1e-12);
        close_to(queue_wait_allen_cunneen(lambda, mu, 1, 1, 0), rho / (2 * mu * (1 - rho)),
                 1e-12); /* M/D/1 */
        /* M/G/1 with a squared coefficient of variation of 4: lambda E[S^2] / (2 (1 - rho)), E[S^2] = (1 + 4)
         * / mu^2. */
        close_to(queue_wait_allen_cunneen(lambda, mu, 1, 1, 4), lambda * 5 / (2 * (1 - rho)), 1e-12);
        close_to(queue_wait_mmc(45, 1, 50), 0.0728, 5e-5);
        close_to(queue_wait_mmc(0, 1, 3), 0, 0);
        assert_true(isinf(queue_wait_mmc(1, 1, 1)) && isinf(queue_wait_mmc(5, 1, 3)));
        assert_true(isnan(queue_wait_mmc(1, 0, 1)) && isnan(queue_wait_mmc(-1, 1, 1)));
}

static void test_quantiles_of_the_wait(void **state)
{
        double lambda = 0.8, mu = 1;

        (void)state;
        /* M/M/1: P(wait > t) = rho exp(-(mu - lambda) t). */
        close_to(queue_wait_quantile(lambda, mu, 1, 1, 1, 0.99), log(0.8 / 0.01) / (mu - lambda), 1e-12);
        close_to(queue_wait_quantile(lambda, mu, 1, 1, 1, 0.2), 0, 0); /* one of five does not wait */
        close_to(queue_wait_quantile(0, mu, 1, 1, 1, 0.99), 0, 0);
        assert_true(isinf(queue_wait_quantile(2, 1, 2, 1, 1, 0.5)));
}

static void test_scalability_law(void **state)
{
        double best = 0;
        int best_n = 0;

        (void)state;
        close_to(usl_speedup(1, 0.3, 0.01), 1, 0);
        close_to(usl_speedup(8, 0, 0), 8, 0);
        close_to(usl_speedup(1e9, 0.05, 0), 20, 1e-6); /* Amdahl's limit 1 / sigma */
        for (int n = 1; n <= 200; n++) {
                double speedup = usl_speedup(n, 0.02, 0.0005);

                if (speedup > best) {
                        best = speedup;
                        best_n = n;
                }
        }
        assert_int_equal(best_n, 44); /* Gunther: sqrt((1 - sigma) / kappa) = 44.27 */
        assert_int_equal(usl_subtasks(100, 10, 0, 0, 64), 10);
        assert_int_equal(usl_subtasks(101, 10, 0, 0, 64), 11);
        assert_int_equal(usl_subtasks(5, 10, 0, 0, 64), 1);
        assert_int_equal(usl_subtasks(1000, 10, 0, 0, 64), 64);
}

static void test_drain_and_normal(void **state)
{
        (void)state;
        close_to(backlog_drain_seconds(1000, 100, 150), 20, 1e-12);
        close_to(backlog_drain_seconds(0, 100, 50), 0, 0);
        assert_true(isinf(backlog_drain_seconds(1, 100, 100)));
        close_to(normal_quantile(0.975), 1.959963984540054, 1e-12);
        close_to(normal_quantile(0.5), 0, 1e-15);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_erlang_b_tables), cmocka_unit_test(test_erlang_c),
                cmocka_unit_test(test_waits),           cmocka_unit_test(test_quantiles_of_the_wait),
                cmocka_unit_test(test_scalability_law), cmocka_unit_test(test_drain_and_normal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
