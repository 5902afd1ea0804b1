/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a search for the cheapest number of machines that keeps a limit would gain from the scale-out forms,
 * where runs at two sizes are known: trials until the best size was tried, by the search as it is
 * (optimizer/search, which is told of both runs, of the price and of what works on a run) and by the forms
 * alone (sim/scale_out, fitted again after each trial). On the jobs of c3o (batch-scaleout); a run takes the
 * median of those at its size. Every pair of neighbouring sizes is known once, every size's run time and a
 * fiftieth is the limit once; what is known to be best already is left out. The search is also told nothing
 * of resources, and told of them but not that the limit is one on the run time; and the same with the run
 * times of each job turned round, so that more machines take longer and what it is told is wrong. Means over
 * SEEDS.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "optimizer/search/search.h"
#include "sim/scale_out.h"

#define MOST_RUNS  2000
#define MOST_SIZES 12
#define MOST_BYTES (1 << 20)
#define SEEDS      2

enum told { TOLD_NOTHING, TOLD_RESOURCES, TOLD_LIMIT, TOLD };

struct row {
        char job[128];
        double size, seconds;
};

struct job {
        int n;
        double size[MOST_SIZES], seconds[MOST_SIZES];
};

struct score {
        int cases, forms, first_forms, search[TOLD], first_search[TOLD];
};

static void stop(const struct error *err)
{
        fprintf(stderr, "bench_scale_prior: %s\n", err->message);
        exit(1);
}

/* ---- the data ---- */

static size_t read_rows(const char *path, const int *job_fields, int seconds_field, struct row *rows)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        char *rest, *line;
        size_t count = 0;

        if (!text_read_file(path, MOST_BYTES, &text, NULL, &err)) {
                printf("skipped, %s\n", err.message);
                return 0;
        }
        rest = text;
        strsep(&rest, "\n"); /* the names of the columns */
        while (count < MOST_RUNS && (line = strsep(&rest, "\n")) && *line) {
                char *fields[16] = {NULL};
                struct row *row = &rows[count++];

                for (int i = 0; i < 16 && (fields[i] = strsep(&line, "\t")); i++)
                        continue;
                row->job[0] = '\0';
                for (int i = 0; job_fields[i] >= 0; i++)
                        strncat(row->job, fields[job_fields[i]], sizeof row->job - strlen(row->job) - 1);
                row->size = strtod(fields[0], NULL);
                row->seconds = strtod(fields[seconds_field], NULL);
        }
        return count;
}

static int compare(const void *a, const void *b)
{
        double left = *(const double *)a, right = *(const double *)b;

        return (left > right) - (left < right);
}

static double median_at(const struct row *rows, size_t count, const char *job, double size)
{
        double seconds[MOST_RUNS];
        size_t n = 0;

        for (size_t i = 0; i < count; i++)
                if (strcmp(rows[i].job, job) == 0 && rows[i].size == size)
                        seconds[n++] = rows[i].seconds;
        qsort(seconds, n, sizeof *seconds, compare);
        return n == 0 ? NAN : (seconds[(n - 1) / 2] + seconds[n / 2]) / 2;
}

/* The job of a row, when it is the first of it. */
static bool read_job(const struct row *rows, size_t count, size_t at, struct job *job)
{
        for (size_t i = 0; i < at; i++)
                if (strcmp(rows[i].job, rows[at].job) == 0)
                        return false;
        job->n = 0;
        for (int size = 1; size < 100 && job->n < MOST_SIZES; size++) {
                double seconds = median_at(rows, count, rows[at].job, size);

                if (isnan(seconds))
                        continue;
                job->size[job->n] = size;
                job->seconds[job->n++] = seconds;
        }
        return job->n > 3;
}

/* ---- one case ---- */

static double cost_of(const struct job *job, int i)
{
        return job->size[i] * job->seconds[i];
}

static int best_of(const struct job *job, double limit)
{
        int best = -1;

        for (int i = 0; i < job->n; i++)
                if (job->seconds[i] <= limit && (best < 0 || cost_of(job, i) < cost_of(job, best)))
                        best = i;
        return best;
}

static int by_forms(const struct job *job, int known, double limit, int best)
{
        bool tried[MOST_SIZES] = {false};
        struct scale_out_run runs[MOST_SIZES];
        size_t n = 0;

        for (int i = known; i < known + 2; i++) {
                tried[i] = true;
                runs[n++] = (struct scale_out_run){job->size[i], job->seconds[i]};
        }
        for (int trials = 1;; trials++) {
                struct error err = ERROR_INIT;
                double least = INFINITY;
                struct scale_out model;
                int next = -1;

                if (!scale_out_fit(runs, n, &model, &err))
                        stop(&err);
                for (int i = 0; i < job->n; i++) {
                        double seconds = scale_out_predict(&model, job->size[i]).seconds;
                        /* What would be late comes after all that would not, the fastest first. */
                        double value = seconds <= limit ? job->size[i] * seconds : 1e12 * seconds;

                        if (!tried[i] && value < least) {
                                least = value;
                                next = i;
                        }
                }
                if (next == best)
                        return trials;
                tried[next] = true;
                runs[n++] = (struct scale_out_run){job->size[next], job->seconds[next]};
        }
}

static struct search *open_search(const struct job *job, enum told told, int seed)
{
        struct search_space *space = memory_new(1, sizeof *space);
        struct search_options options = {.seed = (uint64_t)seed,
                                         .price = 0,
                                         .n_resources = told != TOLD_NOTHING,
                                         .resources = {0},
                                         .n_time_limits = told == TOLD_LIMIT,
                                         .time_limits = {{"late", 1}}};

        space->n = 1;
        space->parameters[0] = (struct search_parameter){.name = memory_copy_text("machines"),
                                                         .type = SEARCH_ORDINAL,
                                                         .high = job->n - 1,
                                                         .step = 1,
                                                         .log = true,
                                                         .n_choices = job->n,
                                                         .when = -1};
        memcpy(space->parameters[0].values, job->size, sizeof job->size);
        return search_new(space, &options);
}

static void tell(struct search *search, const struct job *job, int64_t id, int i, double limit)
{
        const double point = i;
        struct search_outcome outcome = {.id = id,
                                         .point = &point,
                                         .status = SEARCH_OK,
                                         .y = cost_of(job, i),
                                         .constraints = {job->seconds[i] / limit - 1}};
        struct error err = ERROR_INIT;

        if (!search_tell(search, &outcome, &err))
                stop(&err);
}

static int by_search(const struct job *job, int known, double limit, int best, enum told told, int seed)
{
        autocall(search_free) struct search *search = open_search(job, told, seed);
        struct error err = ERROR_INIT;
        int constraint;

        if (!search_constraint(search, "late", &constraint, &err))
                stop(&err);
        for (int i = known; i < known + 2; i++)
                tell(search, job, 0, i, limit);
        for (int trials = 1;; trials++) {
                struct search_suggestion suggestion;
                int next;

                if (!search_ask(search, &suggestion, &err))
                        stop(&err);
                next = (int)suggestion.point[0];
                if (suggestion.id == 0 || next == best)
                        return trials;
                tell(search, job, suggestion.id, next, limit);
        }
}

static void play(const struct job *job, struct score *score)
{
        for (int known = 0; known + 1 < job->n; known++)
                for (int at = 0; at < job->n; at++) {
                        double limit = 1.02 * job->seconds[at];
                        int best = best_of(job, limit), forms;

                        if (best == known || best == known + 1)
                                continue;
                        forms = by_forms(job, known, limit, best);
                        score->cases++;
                        score->forms += forms;
                        score->first_forms += forms == 1;
                        for (int told = 0; told < TOLD * SEEDS; told++) {
                                int search = by_search(job, known, limit, best, told % TOLD, 1 + told / TOLD);

                                score->search[told % TOLD] += search;
                                score->first_search[told % TOLD] += search == 1;
                        }
                }
}

static void turn_round(struct job *job)
{
        for (int i = 0, k = job->n - 1; i < k; i++, k--) {
                double seconds = job->seconds[i];

                job->seconds[i] = job->seconds[k];
                job->seconds[k] = seconds;
        }
}

static void play_all(const char *name, const struct row *rows, size_t count, bool turned)
{
        static const char *const told_words[] = {"told nothing", "resources",
                                                 "and the limit on the run time"};
        struct score score = {0};
        struct job job;

        for (size_t i = 0; i < count; i++)
                if (read_job(rows, count, i, &job)) {
                        if (turned)
                                turn_round(&job);
                        play(&job, &score);
                }
        if (score.cases == 0)
                return;
        printf("%s%s: %d cases; trials (first one right): ", name, turned ? ", turned round" : "",
               score.cases);
        for (int told = 0; told < TOLD; told++)
                printf("%s %.2f (%.0f %%), ", told_words[told],
                       (double)score.search[told] / (score.cases * SEEDS),
                       100.0 * score.first_search[told] / (score.cases * SEEDS));
        printf("the forms alone %.2f (%.0f %%)\n", (double)score.forms / score.cases,
               100.0 * score.first_forms / score.cases);
}

int main(void)
{
        static const struct {
                const char *name, *path;
                int job_fields[5], seconds_field;
        } tables[] = {
                {"grep", "grep.tsv", {1, 4, 5, 7, -1}, 8},
                {"sort", "sort.tsv", {1, 4, 5, -1}, 7},
        };
        const char *folder = getenv("OPTCTL_DATA") ? getenv("OPTCTL_DATA") : "../shared/data";
        autofree struct row *rows = memory_new(MOST_RUNS, sizeof *rows);

        for (size_t t = 0; t < ARRAY_LENGTH(tables); t++) {
                autofree char *path = memory_format("%s/batch-scaleout/%s", folder, tables[t].path);
                size_t count = read_rows(path, tables[t].job_fields, tables[t].seconds_field, rows);

                play_all(tables[t].name, rows, count, false);
                play_all(tables[t].name, rows, count, true);
        }
        return 0;
}
