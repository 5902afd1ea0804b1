/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether what a search believes is as sure as it says: on tables that others measured
 * (tests/support/tuning_tables.h; what is absent is skipped) it is told rows drawn by chance, and its band of
 * 90 % (mean +- 1.645 standard deviations, noise included) is compared with the rows that were held back.
 *
 *   bench_calibration [--runs N]
 */
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "optimizer/search/internal.h"
#include "tests/support/tuning_tables.h"

#define QUANTILE  1.6448536269514722
#define HELD_MOST 200 /* rows that are looked at of those held back */

static const int told[] = {6, 12, 24, 40};

struct cover {
        int points[ARRAY_LENGTH(told)], within[ARRAY_LENGTH(told)], below[ARRAY_LENGTH(told)];
};

static void stop(const struct error *err)
{
        fprintf(stderr, "bench_calibration: %s\n", err->message);
        exit(1);
}

static void tell(struct search *search, const struct tuning_case *tuned, int row)
{
        const struct search_space *space = search_space_of(search);
        struct search_outcome outcome = {
                .point = space->candidates + (size_t)row * (size_t)space->n,
                .status = isnan(tuned->y[row]) ? SEARCH_FAILED : SEARCH_OK,
                .y = tuned->y[row],
        };
        struct error err = ERROR_INIT;

        if (!search_tell(search, &outcome, &err))
                stop(&err);
}

/* What is wrong with its belief of a row, in standard deviations that it states. */
static double deviation(const struct search *search, const struct tuning_case *tuned, int row)
{
        const struct surrogate *objective = search->model.objective;
        const double *x = search->encoded + (size_t)row * (size_t)search->features.d;
        struct surrogate_prior prior =
                search_prior(search, search->points + (size_t)row * (size_t)search->space->n, row);
        struct search_score score;

        search_score(search, x, &prior, 1, NAN, &score);
        return (surrogate_scale(objective, tuned->y[row]) - score.mean) / sqrt(score.variance);
}

static void cover_once(const struct tuning_case *tuned, gsl_rng *rng, int seed, size_t t, struct cover *cover)
{
        const struct search_options options = tuning_case_options(tuned, seed);
        autocall(search_free) struct search *search = search_new(tuning_case_space(tuned), &options);
        int rows = tuned->table->rows, last = rows < told[t] + HELD_MOST ? rows : told[t] + HELD_MOST;
        autofree int *order = memory_new((size_t)rows, sizeof *order);
        struct error err = ERROR_INIT;

        for (int i = 0; i < rows; i++)
                order[i] = i;
        gsl_ran_shuffle(rng, order, (size_t)rows, sizeof *order);
        for (int i = 0; i < told[t]; i++)
                tell(search, tuned, order[i]);
        if (!search_model_learn(search, &err))
                stop(&err);
        for (int i = told[t]; i < last; i++) {
                double off = isnan(tuned->y[order[i]]) ? NAN : deviation(search, tuned, order[i]);

                cover->points[t] += !isnan(off);
                cover->within[t] += fabs(off) <= QUANTILE;
                cover->below[t] += off < -QUANTILE;
        }
}

/* Takes the case over. */
static void add(struct tuning_case *tuned, int runs, struct cover *cover)
{
        autocall(tuning_case_free) struct tuning_case *own = tuned;
        autocall(gsl_rng_free) gsl_rng *rng = random_new(1, 0, 0);

        for (int run = 0; own && run < runs; run++)
                for (size_t t = 0; t < ARRAY_LENGTH(told); t++)
                        cover_once(own, rng, run, t, cover);
}

static void print(const char *name, const struct cover *cover)
{
        int points = 0, within = 0, below = 0;

        printf("%-20s", name);
        for (size_t t = 0; t < ARRAY_LENGTH(told); t++) {
                points += cover->points[t];
                within += cover->within[t];
                below += cover->below[t];
                printf(" %6.1f", 100.0 * cover->within[t] / cover->points[t]);
        }
        printf("   all %5.1f, below the band %.1f\n", 100.0 * within / points, 100.0 * below / points);
}

/* Accuracy as what is searched for: a quantity without logarithm or price. */
static struct tuning_case *accuracy(void)
{
        struct tuning_case *tuned = tuning_t2_cnn();

        if (!tuned)
                return NULL;
        free(TAKE(tuned->y));
        free(TAKE(tuned->price));
        tuned->y = TAKE(tuned->bound);
        return tuned;
}

int main(int count, char **words)
{
        int runs = count > 2 && strcmp(words[1], "--runs") == 0 ? atoi(words[2]) : 10;
        struct cover cost = {0}, runtime = {0}, cherrypick = {0}, llvm = {0}, bdbc = {0}, training = {0},
                     bound = {0};

        printf("%% of held-back rows in the band of 90 %%, %d draws\n%-20s", runs, "rows told");
        for (size_t t = 0; t < ARRAY_LENGTH(told); t++)
                printf(" %6d", told[t]);
        printf("\n");
        for (int job = 0; job < TUNING_CLUSTER_JOBS; job++) {
                add(tuning_clusters(job, true), runs, &cost);
                add(tuning_clusters(job, false), runs, &runtime);
        }
        for (int job = 0; job < TUNING_CHERRYPICK_JOBS; job++)
                add(tuning_cherrypick(job), runs, &cherrypick);
        add(tuning_switches("LLVM.csv"), runs, &llvm);
        add(tuning_switches("BDBC.csv"), runs, &bdbc);
        add(tuning_t2_cnn(), runs, &training);
        add(accuracy(), runs, &bound);
        print("clusters_140 cost", &cost);
        print("clusters_140 time", &runtime);
        print("CherryPick", &cherrypick);
        print("LLVM", &llvm);
        print("BDBC", &bdbc);
        print("t2_cnn cost", &training);
        print("t2_cnn accuracy", &bound);
        return 0;
}
