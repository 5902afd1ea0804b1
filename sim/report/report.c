/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/report/report.h"

#include <string.h>

#include "core/memory.h"
#include "sim/report/page.h"

#define MARK "@DOCUMENT@"

/* Inside a script element only "<" can end or confuse it, and JSON has it in strings alone. */
static int put_escaped(const char *bytes, size_t length, void *context)
{
        struct text *out = context;

        while (length > 0) {
                const char *angle = memchr(bytes, '<', length);
                size_t plain = angle ? (size_t)(angle - bytes) : length;

                text_add(out, bytes, plain);
                if (!angle)
                        break;
                text_put(out, "\\u003c");
                bytes += plain + 1;
                length -= plain + 1;
        }
        return 0;
}

void report_html(const json_t *document, struct text *out)
{
        const char *page = (const char *)report_page;
        const char *mark = memmem(page, report_page_length, MARK, strlen(MARK));
        size_t head = (size_t)(mark - page);
        size_t tail = head + strlen(MARK);

        text_add(out, page, head);
        json_dump_callback(document, put_escaped, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
        text_add(out, page + tail, report_page_length - tail);
}

bool report_write(const json_t *document, const char *path, struct error *err)
{
        autotext html = {0};

        report_html(document, &html);
        return text_write_file(path, html.data, html.length, err);
}
