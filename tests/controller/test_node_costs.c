/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What pods cost on their nodes, and what is idle there, in closed form. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/operator/node_costs.h"
#include "core/text.h"

/* Four cores at 0.05 and 16 GiB at 0.0125: 0.4 an hour. */
static const struct node_shape shape = {"m", false, 4, 16};
static const struct node_rates rates = {0.05, 0.0125};

struct seen {
        int groups, nodes, other_spot, other_on_demand;
        double whole, idle;
};

static void see(void *context, const struct node_group *group)
{
        struct seen *seen = context;

        seen->groups++;
        seen->nodes += group->nodes;
        seen->whole += group->whole;
        seen->idle += group->idle;
        if (strcmp(group->type, "other") == 0)
                *(group->spot ? &seen->other_spot : &seen->other_on_demand) += group->nodes;
}

static struct seen sum_of(const struct node_costs *costs)
{
        struct seen seen = {0};

        node_costs_each_group(costs, see, &seen);
        return seen;
}

static void check_pod(const struct node_costs *costs, double cores, double gibibytes, double cost,
                      double idle)
{
        double got_cost, got_idle;

        assert_true(node_costs_pod(costs, "node-1", cores, gibibytes, &got_cost, &got_idle));
        assert_float_equal(got_cost, cost, 1e-12);
        assert_float_equal(got_idle, idle, 1e-12);
}

/* A quarter of a node in cores and an eighth in memory, and half of its memory: 0.05 + 0.025 and 0.1. */
static void pods_pay_for_their_node_together(void **state)
{
        autocall(node_costs_free) struct node_costs *costs = node_costs_new();
        struct seen seen;

        (void)state;
        node_costs_add(costs, "node-1", &shape, &rates);
        node_costs_add(costs, "node-2", &shape, &rates);
        node_costs_take(costs, "node-1", 1, 2);
        node_costs_take(costs, "node-1", 0, 8);
        node_costs_take(costs, "node-of-nobody", 4, 16);
        seen = sum_of(costs);
        assert_int_equal(seen.nodes, 2);
        assert_float_equal(seen.whole, 0.8, 1e-12);
        assert_float_equal(seen.idle, 0.8 - 0.175, 1e-12);
        check_pod(costs, 1, 2, 0.075, 0.225 * 0.075 / 0.175);
        check_pod(costs, 0, 8, 0.1, 0.225 * 0.1 / 0.175);
}

static void what_asks_for_nothing_costs_nothing(void **state)
{
        autocall(node_costs_free) struct node_costs *costs = node_costs_new();
        double cost, idle;

        (void)state;
        node_costs_add(costs, "node-1", &shape, &rates);
        node_costs_take(costs, "node-1", 0, 0);
        check_pod(costs, 0, 0, 0, 0);
        assert_float_equal(sum_of(costs).idle, 0.4, 1e-12);
        assert_false(node_costs_pod(costs, "node-2", 1, 1, &cost, &idle));
}

/* A node that shrank under its pods has nothing idle, and less than nothing neither. */
static void more_is_asked_for_than_there_is(void **state)
{
        autocall(node_costs_free) struct node_costs *costs = node_costs_new();

        (void)state;
        node_costs_add(costs, "node-1", &shape, &rates);
        node_costs_take(costs, "node-1", 6, 16);
        assert_float_equal(sum_of(costs).idle, 0, 0);
        check_pod(costs, 6, 16, 0.5, 0);
}

static void see_group(void *context, const struct node_group *group)
{
        struct text *told = context;

        text_format(told, "%s %d %d %.2f %.2f\n", group->type, group->spot, group->nodes, group->whole,
                    group->idle);
}

/* Two cores and 8 GiB on the first node alone: 0.2 of its 0.4 an hour. */
static void nodes_are_shown_by_their_kind(void **state)
{
        static const struct node_shape spot = {"m", true, 4, 16}, bare = {"", false, 4, 16};
        autocall(node_costs_free) struct node_costs *costs = node_costs_new();
        autotext told = {0};

        (void)state;
        node_costs_add(costs, "node-1", &shape, &rates);
        node_costs_add(costs, "node-2", &spot, &rates);
        node_costs_add(costs, "node-3", &shape, &rates);
        node_costs_add(costs, "node-4", &bare, &rates);
        node_costs_take(costs, "node-1", 2, 8);
        node_costs_each_group(costs, see_group, &told);
        assert_non_null(strstr(told.data, "m 0 2 0.80 0.60\n"));
        assert_non_null(strstr(told.data, "m 1 1 0.40 0.40\n"));
        assert_non_null(strstr(told.data, "unknown 0 1 0.40 0.40\n"));
        assert_int_equal(sum_of(costs).groups, 3);
}

/* A label that says something else on every node does not become as many series. */
static void there_are_no_more_groups_than_allowed(void **state)
{
        autocall(node_costs_free) struct node_costs *costs = node_costs_new();
        struct seen seen;

        (void)state;
        for (int i = 0; i < 3 * NODE_TYPES_MOST; i++) {
                char name[16], type[16];

                snprintf(name, sizeof name, "node-%03d", i);
                snprintf(type, sizeof type, "type-%03d", i);
                node_costs_add(costs, name, &(struct node_shape){type, i % 2, 4, 16}, &rates);
        }
        seen = sum_of(costs);
        assert_int_equal(seen.groups, NODE_TYPES_MOST + 2);
        assert_int_equal(seen.nodes, 3 * NODE_TYPES_MOST);
        assert_int_equal(seen.other_spot, NODE_TYPES_MOST);
        assert_int_equal(seen.other_on_demand, NODE_TYPES_MOST);
        assert_float_equal(seen.whole, 0.4 * 3 * NODE_TYPES_MOST, 1e-9);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pods_pay_for_their_node_together),
                cmocka_unit_test(what_asks_for_nothing_costs_nothing),
                cmocka_unit_test(more_is_asked_for_than_there_is),
                cmocka_unit_test(nodes_are_shown_by_their_kind),
                cmocka_unit_test(there_are_no_more_groups_than_allowed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
