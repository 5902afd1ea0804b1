/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prices of nodes by OpenCost's metrics page, as its documentation has them
 * (https://opencost.io/docs/integrations/metrics). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controller/operator/opencost.h"
#include "tests/support/http_stage.h"

#define SAMPLE(metric, node, value)                                                                          \
        metric "{arch=\"amd64\",instance=\"" node "\",instance_type=\"m5.xlarge\",node=\"" node              \
               "\",provider_id=\"aws:///eu-west-1a/i-1\",region=\"eu-west-1\"} " value "\n"
#define PAGE                                                                                                 \
        "# HELP node_cpu_hourly_cost hourly cost for each vcpu on this node\n"                               \
        "# TYPE node_cpu_hourly_cost gauge\n" SAMPLE("node_cpu_hourly_cost", "a", "0.031611")                \
                SAMPLE("node_cpu_hourly_cost", "b", "NaN") SAMPLE("node_cpu_hourly_cost", "c", "0.02")       \
                        SAMPLE("node_ram_hourly_cost", "a", "0.004237")                                      \
                                SAMPLE("node_ram_hourly_cost", "b", "0.004")                                 \
                                        SAMPLE("node_ram_hourly_cost", "c", "-1")                            \
                                                SAMPLE("node_total_hourly_cost", "c",                        \
                                                       "7") "node_cpu_hourly_cost 3\n"

struct errand {
        struct opencost *opencost;
        struct error err;
        bool read;
};

static void run_errand(void *argument)
{
        struct errand *errand = argument;

        errand->read = opencost_read(errand->opencost, &errand->err);
}

static struct errand read_page(struct http_stage *stage, struct opencost *opencost, int status,
                               const char *page)
{
        struct errand errand = {.opencost = opencost, .err = ERROR_INIT};

        scripted_peer_answer(stage->script, "GET /metrics",
                             &(struct scripted_answer){.status = status,
                                                       .times = 1,
                                                       .content_type = "text/plain; version=0.0.4",
                                                       .body = page});
        reactor_call(stage->reactor, run_errand, &errand);
        return errand;
}

/* A node whose price is not whole is not known; what was said counts until something else is. */
static void prices_are_those_of_the_page(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        autofree char *url = memory_format("%s/metrics", http_peer_url(stage->peer));
        struct node_rates rates;
        struct opencost *opencost;
        struct errand errand;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(opencost_new(stage->client, url, &opencost, &err));
        assert_false(opencost_rates(opencost, "a", &rates));
        errand = read_page(stage, opencost, 200, PAGE);
        assert_true(errand.read);
        assert_true(opencost_rates(opencost, "a", &rates));
        assert_true(rates.core == 0.031611 && rates.gibibyte == 0.004237);
        assert_false(opencost_rates(opencost, "b", &rates));
        assert_false(opencost_rates(opencost, "c", &rates));
        assert_false(opencost_rates(opencost, "", &rates));

        assert_false(read_page(stage, opencost, 404, "no").read);
        assert_false(read_page(stage, opencost, 200, "node_cpu_hourly_cost{").read);
        errand = read_page(stage, opencost, 200, "up 1\n");
        assert_false(errand.read);
        assert_string_equal(errand.err.reason, "NoNodePrices");
        assert_true(opencost_rates(opencost, "a", &rates));

        assert_true(read_page(stage, opencost, 200,
                              SAMPLE("node_cpu_hourly_cost", "d", "1")
                                      SAMPLE("node_ram_hourly_cost", "d", "2"))
                            .read);
        assert_false(opencost_rates(opencost, "a", &rates));
        assert_true(opencost_rates(opencost, "d", &rates));
        opencost_free(opencost);
        http_stage_close(stage);
}

/* Names of nodes have 253 bytes at most (RFC 1123 subdomains). A longer one is no node's, and cut it would be
 * another one's, or end in half a character. */
static void what_is_no_name_of_a_node_is_left_out(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        autofree char *url = memory_format("%s/metrics", http_peer_url(stage->peer));
        autofree char *longest = memory_format("%0253d", 0);
        autofree char *page =
                memory_format("node_cpu_hourly_cost{node=\"%.252s\u00e9\"} 1\n"
                              "node_ram_hourly_cost{node=\"%.252s\u00e9\"} 1\n"
                              "node_cpu_hourly_cost{node=\"%s\"} 1\nnode_ram_hourly_cost{node=\"%s\"} 2\n"
                              "node_cpu_hourly_cost{node=\"%s0\"} 7\n",
                              longest, longest, longest, longest, longest);
        struct node_rates rates;
        struct opencost *opencost;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(opencost_new(stage->client, url, &opencost, &err));
        assert_true(read_page(stage, opencost, 200, page).read);
        assert_true(opencost_rates(opencost, longest, &rates));
        assert_true(rates.core == 1 && rates.gibibyte == 2);
        opencost_free(opencost);
        http_stage_close(stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(prices_are_those_of_the_page),
                                           cmocka_unit_test(what_is_no_name_of_a_node_is_left_out)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
