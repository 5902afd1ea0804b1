/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/output.h"

#include <stdio.h>
#include <string.h>

#include "core/json.h"

bool output_json(const char *path, const json_t *root, struct error *err)
{
        autotext text = {0};

        json_put(root, 2, &text);
        text_put(&text, "\n");
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
