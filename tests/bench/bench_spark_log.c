/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Megabytes a second of an event log of Spark's read on one core, from a file into a run, and the memory that
 * takes: 200 MB of plain text with tasks as Spark 4 writes them (tests/fixtures/spark, its lines again and
 * again).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"
#include "engines/spark/event_log.h"

#define BYTES  200000000
#define ROUNDS 5 /* the fastest counts: the machine may have other things to do */

static double seconds_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *message)
{
        fprintf(stderr, "bench_spark_log: %s\n", message);
        exit(1);
}

static void write_log(int descriptor)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        size_t length, written = 0;

        if (!text_read_file("tests/fixtures/spark/waiting", 1 << 20, &text, &length, &err))
                fail(err.message);
        for (; written < BYTES; written += length) {
                if (write(descriptor, text, length) != (ssize_t)length)
                        fail("cannot write the log");
        }
}

static void bench(const char *path)
{
        struct error err = ERROR_INIT;
        double best = 1e9;
        size_t tasks = 0, bytes = 0;
        struct rusage usage;

        for (int round = 0; round < ROUNDS; round++) {
                auto_spark_event_log log = {0};
                double start = seconds_now(), taken;

                if (!spark_event_log_read(path, &log, &err))
                        fail(err.message);
                taken = seconds_now() - start;
                best = taken < best ? taken : best;
                tasks = log.run->n_tasks;
                bytes = log.bytes;
        }
        getrusage(RUSAGE_SELF, &usage);
        printf("%-24s %12zu %8.0f %10.1f\n", "plain", tasks, (double)bytes / best / 1e6,
               (double)usage.ru_maxrss / 1024);
}

int main(void)
{
        char path[] = "/var/tmp/bench_spark_log.XXXXXX";
        int descriptor = mkstemp(path);

        if (descriptor < 0)
                fail("no temporary file");
        write_log(descriptor);
        printf("%-24s %12s %8s %10s\n", "Spark event log, 1 core", "tasks", "MB/s", "peak MB");
        bench(path);
        close(descriptor);
        unlink(path);
        return 0;
}
