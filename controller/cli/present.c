/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/present.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/output.h"
#include "controller/cli/results.h"
#include "core/memory.h"
#include "core/text.h"
#include "sim/report/report.h"

static bool to_standard(const char *path)
{
        return path && strcmp(path, "-") == 0;
}

static bool differ(const char *one, const char *other, struct error *err)
{
        return !one || !other || strcmp(one, other) != 0 ||
               error_set(err, ERROR_INPUT, NULL,
                         "%s: named twice; --json, --csv and --report need a file each", one);
}

bool presentation_check(const struct presentation *presentation, struct error *err)
{
        int wanted = to_standard(presentation->json) + to_standard(presentation->csv) +
                     to_standard(presentation->report);

        if (wanted > 1)
                return error_set(err, ERROR_INPUT, NULL,
                                 "only one of --json, --csv and --report can go to standard output");
        return differ(presentation->json, presentation->csv, err) &&
               differ(presentation->json, presentation->report, err) &&
               differ(presentation->csv, presentation->report, err);
}

static bool write_csv(const json_t *document, const char *path, struct error *err)
{
        char *bytes = NULL;
        size_t length = 0;
        FILE *memory = open_memstream(&bytes, &length);
        bool done = results_csv(document, memory, err);

        fclose(memory);
        done = done && text_write_file(path, bytes, length, err);
        free(bytes);
        return done;
}

bool present(const json_t *document, const struct presentation *presentation, struct error *err)
{
        bool table = !presentation->quiet && !to_standard(presentation->json) &&
                     !to_standard(presentation->csv) && !to_standard(presentation->report);

        if (presentation->json && !output_json(presentation->json, document, err))
                return false;
        if (presentation->csv && !write_csv(document, presentation->csv, err))
                return false;
        if (presentation->report && !report_write(document, presentation->report, err))
                return false;
        if (!table)
                return true;
        if (!results_table(document, stdout, err))
                return false;
        if (presentation->report)
                printf("\nreport: %s\n", presentation->report);
        return true;
}
