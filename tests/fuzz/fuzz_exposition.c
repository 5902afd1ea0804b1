/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as exposition: read, or refused with one line; never a crash or a hang, and all that is handed
 * out points into the text. The first byte picks the format.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
        const char *start, *end;
};

static void check_inside(const struct bounds *bounds, const struct exposition_text *text)
{
        if (!text->bytes || text->bytes < bounds->start || text->bytes + text->length > bounds->end ||
            memchr(text->bytes, '\n', text->length))
                abort();
}

static bool check_sample(void *context, const struct exposition_sample *sample, struct error *err)
{
        char value[16];

        (void)err;
        check_inside(context, &sample->name);
        if (sample->n_labels > EXPOSITION_MAX_LABELS)
                abort();
        for (size_t i = 0; i < sample->n_labels; i++) {
                check_inside(context, &sample->labels[i].name);
                check_inside(context, &sample->labels[i].value);
                if (exposition_unescape(&sample->labels[i], value, sizeof value) >= sizeof value)
                        abort();
        }
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct bounds bounds = {(const char *)data + 1, (const char *)data + size};
        struct error err = ERROR_INIT;

        if (size == 0)
                return 0;
        if (!exposition_parse(bounds.start, size - 1, data[0] % 2 ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT,
                              check_sample, &bounds, &err) &&
            (err.code == ERROR_NONE || err.message[0] == '\0' || strchr(err.message, '\n')))
                abort();
        return 0;
}
