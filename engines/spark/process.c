/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/process.h"

#include <math.h>
#include <string.h>

#include "engines/spark/setting.h"

#define OVERHEAD    0.10     /* spark.executor.memoryOverheadFactor */
#define LEAST_EXTRA 0x1.8p28 /* 384 MiB */

/* NAN: nothing says it. */
static double setting_bytes(const struct batch_run *run, const char *name)
{
        const struct spark_setting setting = spark_setting_of_knob(name);
        const char *said = batch_run_setting(run, setting.name);

        return said ? spark_setting_read(&setting, said) : spark_setting_default(&setting);
}

static bool begins(const char *text, const char *start)
{
        return text && strncmp(text, start, strlen(start)) == 0;
}

double spark_process_bytes(const struct batch_run *run, enum spark_process process, double heap_bytes)
{
        static const struct {
                const char *heap, *extra;
        } names[] = {
                [SPARK_EXECUTOR] = {"spark.executor.memory", "spark.executor.memoryOverhead"},
                [SPARK_DRIVER] = {"spark.driver.memory", "spark.driver.memoryOverhead"},
        };
        const char *master = batch_run_setting(run, "spark.master");
        double heap = heap_bytes > 0 ? heap_bytes : setting_bytes(run, names[process].heap);
        double extra = setting_bytes(run, names[process].extra);

        if (isnan(extra))
                extra = begins(master, "yarn") || begins(master, "k8s") ? fmax(OVERHEAD * heap, LEAST_EXTRA)
                                                                        : 0;
        return heap + extra;
}
