/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "core/memory.h"
#include "sim/report/report.h"
#include "tests/support/report_fixture.h"

/* report_pages FOLDER: writes simulation.html and backtest.html, made of the fixtures, for the browser test.
 */

static bool write_page(const char *folder, const char *name, json_t *take_document, struct error *err)
{
        autofree char *path = memory_format("%s/%s.html", folder, name);
        bool done = report_write(take_document, path, err);

        json_decref(take_document);
        return done;
}

int main(int argc, char **argv)
{
        struct error err = ERROR_INIT;

        if (argc != 2) {
                fputs("usage: report_pages FOLDER\n", stderr);
                return 2;
        }
        if (!write_page(argv[1], "simulation", report_fixture_simulation(), &err) ||
            !write_page(argv[1], "backtest", report_fixture_backtest(), &err)) {
                fprintf(stderr, "report_pages: %s\n", err.message);
                return error_exit_status(&err);
        }
        return 0;
}
