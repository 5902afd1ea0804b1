/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool output_json(const char *path, const json_t *root, struct error *err)
{
        autotext text = {0};
        char *dump = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));

        if (!dump)
                return error_set(err, ERROR_LIMIT, NULL, "%s: the result cannot be written as JSON", path);
        text_put(&text, dump);
        text_put(&text, "\n");
        free(dump);
        return output_text(path, &text, err);
}

bool output_text(const char *path, const struct text *text, struct error *err)
{
        /* What stdio still holds was printed first and must come first. Its error is found when the program
         * ends. */
        if (strcmp(path, "-") == 0)
                fflush(stdout);
        return text_write_file(path, text->data ? text->data : "", text->length, err);
}
