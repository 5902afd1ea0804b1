/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "core/memory.h"
#include "sim/report/report.h"
#include "tests/support/report_fixture.h"

/*
 * report_pages FOLDER: writes simulation.html, bare.html (the same without all that is optional) and
 * backtest.html, made of the fixtures, for the browser test, and prints how many changes each strategy of the
 * first made.
 */
static bool write_page(const char *folder, const char *name, const json_t *document, struct error *err)
{
        autofree char *path = memory_format("%s/%s.html", folder, name);

        return report_write(document, path, err);
}

static void print_changes(const json_t *document)
{
        const json_t *strategy;
        size_t index;

        json_array_foreach(json_object_get(document, "strategies"), index, strategy)
                printf("%s %zu\n", json_string_value(json_object_get(strategy, "name")),
                       json_array_size(json_object_get(strategy, "changes")));
}

static void make_bare(json_t *document)
{
        static const char *const optional[] = {"front", "sweep", "trust"};
        json_t *strategies = json_object_get(document, "strategies");
        json_t *strategy;
        size_t index;

        for (size_t i = 0; i < ARRAY_LENGTH(optional); i++)
                json_object_del(document, optional[i]);
        json_object_clear(json_object_get(document, "constraints"));
        json_object_set_new(document, "currency", json_string("CHF"));
        json_array_foreach(strategies, index, strategy)
        {
                json_object_del(strategy, "summary");
                json_object_del(strategy, "timeline");
                json_object_del(strategy, "changes");
                json_object_set_new(strategy, "carbon_grams_per_day", json_null());
        }
}

int main(int argc, char **argv)
{
        json_auto_t *simulation = report_fixture_simulation();
        json_auto_t *backtest = report_fixture_backtest();
        struct error err = ERROR_INIT;

        if (argc != 2) {
                fputs("usage: report_pages FOLDER\n", stderr);
                return 2;
        }
        if (!write_page(argv[1], "simulation", simulation, &err) ||
            !write_page(argv[1], "backtest", backtest, &err)) {
                fprintf(stderr, "report_pages: %s\n", err.message);
                return error_exit_status(&err);
        }
        print_changes(simulation);
        make_bare(simulation);
        if (!write_page(argv[1], "bare", simulation, &err)) {
                fprintf(stderr, "report_pages: %s\n", err.message);
                return error_exit_status(&err);
        }
        return 0;
}
