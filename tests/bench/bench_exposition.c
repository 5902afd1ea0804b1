/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Megabytes a second of exposition read on one core: 10 MB of what a Flink task manager's reporter said
 * (tests/fixtures/prometheus; long lines, ten labels), and 10 MB of short lines with one label.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/exposition.h"
#include "core/memory.h"
#include "core/text.h"

#define BYTES  10000000
#define ROUNDS 9 /* the fastest counts: the machine may have other things to do */

static double seconds_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct seen {
        size_t samples;
        double sum; /* so that no value can be left unread */
};

static bool take(void *context, const struct exposition_sample *sample, struct error *err)
{
        struct seen *seen = context;

        (void)err;
        seen->samples++;
        seen->sum += sample->value;
        return true;
}

static void bench(const char *name, const struct text *text)
{
        struct error err = ERROR_INIT;
        struct seen seen;
        double best = 1e9;

        for (int round = 0; round < ROUNDS; round++) {
                double start = seconds_now(), taken;

                seen = (struct seen){0};
                if (!exposition_parse(text->data, text->length, EXPOSITION_TEXT, take, &seen, &err)) {
                        fprintf(stderr, "bench_exposition: %s\n", err.message);
                        exit(1);
                }
                taken = seconds_now() - start;
                best = taken < best ? taken : best;
        }
        printf("%-24s %12zu %8.0f %10.1f\n", name, seen.samples, (double)text->length / best / 1e6,
               best / (double)seen.samples * 1e9);
}

int main(void)
{
        autofree char *page = NULL;
        autotext flink = {0}, lines = {0};
        struct error err = ERROR_INIT;
        size_t length;

        if (!text_read_file("tests/fixtures/prometheus/taskmanager.txt", 1 << 20, &page, &length, &err)) {
                fprintf(stderr, "bench_exposition: %s\n", err.message);
                return 1;
        }
        while (flink.length < BYTES)
                text_add(&flink, page, length);
        for (int i = 0; lines.length < BYTES; i++)
                text_format(&lines, "http_requests_total{code=\"%d\"} %d.%d\n", 200 + i % 300, i * 7, i % 10);
        printf("%-24s %12s %8s %10s\n", "exposition, one core", "samples", "MB/s", "ns/sample");
        bench("Flink's reporter", &flink);
        bench("short lines", &lines);
        return 0;
}
