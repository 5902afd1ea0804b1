/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Run times at sizes that a model has not seen, on what others measured (batch-scaleout; what is absent is
 * skipped): of every job each size is left out in turn. Mean absolute percentage error against the median of
 * the runs at it, of all sizes, of those between others, and of the smallest and the largest; how often the
 * interval holds it; and the same of Ernest's form alone.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "sim/scale_out.h"

#define MOST_RUNS  2000
#define MOST_BYTES (1 << 20)

struct table {
        const char *name, *path, *separators;
        int job_fields[5]; /* which columns tell jobs apart; -1 ends them */
        int size_field, seconds_field;
};

static const struct table tables[] = {
        {"c3o, grep", "grep.tsv", "\t", {1, 4, 5, 7, -1}, 0, 8},
        {"c3o, sort", "sort.tsv", "\t", {1, 4, 5, -1}, 0, 7},
        {"bell, Spark grep", "grep.spark.csv", ",", {-1}, 0, 1},
        {"bell, Flink word count", "wordcount.flink.csv", ",", {-1}, 0, 1},
};

struct row {
        char job[128];
        struct scale_out_run run;
};

struct score {
        double sum[2], ernest[2]; /* between others, at the ends */
        int count[2], held[2];
};

static void stop(const struct error *err)
{
        fprintf(stderr, "bench_scale_out: %s\n", err->message);
        exit(1);
}

static void read_row(const struct table *table, char *line, struct row *row)
{
        char *fields[16] = {NULL}, *rest = line;
        int count = 0;

        while (count < 16 && (fields[count] = strsep(&rest, table->separators)))
                count++;
        row->job[0] = '\0';
        for (int i = 0; table->job_fields[i] >= 0; i++) {
                strncat(row->job, fields[table->job_fields[i]], sizeof row->job - strlen(row->job) - 2);
                strcat(row->job, " ");
        }
        row->run = (struct scale_out_run){strtod(fields[table->size_field], NULL),
                                          strtod(fields[table->seconds_field], NULL)};
}

static size_t read_table(const struct table *table, const char *folder, struct row *rows)
{
        autofree char *path = memory_format("%s/batch-scaleout/%s", folder, table->path), *text = NULL;
        struct error err = ERROR_INIT;
        char *rest, *line;
        size_t count = 0;

        if (!text_read_file(path, MOST_BYTES, &text, NULL, &err)) {
                printf("%s: skipped, %s\n", table->name, err.message);
                return 0;
        }
        rest = text;
        strsep(&rest, "\n"); /* the names of the columns */
        while (count < MOST_RUNS && (line = strsep(&rest, "\n"))) {
                if (line[0])
                        read_row(table, line, &rows[count++]);
        }
        return count;
}

static int compare_seconds(const void *a, const void *b)
{
        double left = *(const double *)a, right = *(const double *)b;

        return (left > right) - (left < right);
}

/* One size of one job; false when it is not the job's first row at that size. */
static bool split(const struct row *rows, size_t count, size_t at, struct scale_out_run *others,
                  size_t *ret_others, double *ret_median)
{
        double left_out[MOST_RUNS];
        size_t n = 0;

        *ret_others = 0;
        for (size_t i = 0; i < count; i++) {
                if (strcmp(rows[i].job, rows[at].job) != 0)
                        continue;
                if (rows[i].run.size != rows[at].run.size)
                        others[(*ret_others)++] = rows[i].run;
                else if (i < at)
                        return false;
                else
                        left_out[n++] = rows[i].run.seconds;
        }
        qsort(left_out, n, sizeof *left_out, compare_seconds);
        *ret_median = (left_out[(n - 1) / 2] + left_out[n / 2]) / 2;
        return n >= 2; /* what ran once is no value to be judged by */
}

static void judge(const struct row *rows, size_t count, size_t at, struct score *score)
{
        static struct scale_out_run others[MOST_RUNS];
        struct error err = ERROR_INIT;
        struct scale_out model;
        struct scale_out_guess guess;
        size_t n;
        double median;
        int end;

        if (!split(rows, count, at, others, &n, &median))
                return;
        if (!scale_out_fit(others, n, &model, &err))
                stop(&err);
        guess = scale_out_predict(&model, rows[at].run.size);
        end = rows[at].run.size < model.smallest || rows[at].run.size > model.largest;
        score->sum[end] += fabs(guess.seconds / median - 1);
        score->ernest[end] +=
                fabs(scale_out_predict_form(&model, SCALE_OUT_ERNEST, rows[at].run.size) / median - 1);
        score->held[end] += guess.low <= median && median <= guess.high;
        score->count[end]++;
}

int main(void)
{
        const char *folder = getenv("OPTCTL_DATA") ? getenv("OPTCTL_DATA") : "../shared/data";
        autofree struct row *rows = memory_new(MOST_RUNS, sizeof *rows);

        for (size_t t = 0; t < ARRAY_LENGTH(tables); t++) {
                size_t count = read_table(&tables[t], folder, rows);
                struct score it = {0};

                if (count == 0)
                        continue;
                for (size_t i = 0; i < count; i++)
                        judge(rows, count, i, &it);
                printf("%s: error %.1f %% of %d (between others %.1f, at the ends %.1f); Ernest's form %.1f "
                       "(%.1f, %.1f); in the interval %d of %d, %d of %d\n",
                       tables[t].name, 100 * (it.sum[0] + it.sum[1]) / (it.count[0] + it.count[1]),
                       it.count[0] + it.count[1], 100 * it.sum[0] / it.count[0],
                       100 * it.sum[1] / it.count[1],
                       100 * (it.ernest[0] + it.ernest[1]) / (it.count[0] + it.count[1]),
                       100 * it.ernest[0] / it.count[0], 100 * it.ernest[1] / it.count[1], it.held[0],
                       it.count[0], it.held[1], it.count[1]);
        }
        return 0;
}
