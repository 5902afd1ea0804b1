/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever is said on the lines of a search: each is taken or answered with one line of JSON. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tune/ask_tell.h"
#include "core/json.h"

#define MOST_LINES 12 /* what is told makes models larger, which is another matter */
#define MOST_ASKED 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answers(const struct text *out)
{
        for (const char *line = out->length ? out->data : ""; *line; line = strchr(line, '\n') + 1) {
                autojson *answer = json_loadb(line, strcspn(line, "\n"), 0, NULL);

                if (!answer || !strchr(line, '\n'))
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        autocall(ask_tell_free) struct ask_tell *session = ask_tell_new();
        const char *at = (const char *)data, *end = at + size;
        int asked = 0;

        for (int line = 0; at < end && line < MOST_LINES && asked < MOST_ASKED; line++) {
                const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
                autotext out = {0};

                asked += memmem(at, (size_t)(stop - at), "ask", 3) != NULL;
                ask_tell_line(session, at, (size_t)(stop - at), &out);
                check_answers(&out);
                at = stop + 1;
        }
        return 0;
}
