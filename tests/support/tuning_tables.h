/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SUPPORT_TUNING_TABLES_H
#define OPTCTL_SUPPORT_TUNING_TABLES_H

#include "optimizer/search/search.h"

/*
 * Tables of configurations that others measured (OPTCTL_DATA or ../shared/data, folder tuning/), as spaces to
 * search in: a trial is a look at one of their rows.
 */
#define TUNING_CELLS 32
#define TUNING_CELL  40

struct tuning_table {
        int columns, rows;
        char name[TUNING_CELLS][TUNING_CELL];
        char (*cells)[TUNING_CELLS][TUNING_CELL];
};

/* NULL, and a line that says so, when the file is not there. */
struct tuning_table *tuning_table_read(const char *name);
void tuning_table_free(struct tuning_table *table);
DEFINE_CLEANUP(tuning_table_free, struct tuning_table);

/* The text of a cell; a column that is not there ends the program. */
const char *tuning_cell(const struct tuning_table *table, int row, const char *name);

/* What may be chosen, and what is measured. */
struct tuning_case {
        struct tuning_table *table; /* the rows of this case alone */
        int parameters, known;
        char parameter[TUNING_CELLS][TUNING_CELL + 1]; /* '#' before the name of a number */
        const char *column[TUNING_CELLS];              /* what else is known of a row beforehand */
        double *y;                                     /* NAN: a failed run */
        double *bound;                                 /* at most 0 is kept; NULL: there is no constraint */
        int n_resources, resources[SEARCH_MAX_RESOURCES]; /* as in struct search_options */
        double *price; /* known of each row, that y is proportional to; or NULL */
};

void tuning_case_free(struct tuning_case *tuned);
DEFINE_CLEANUP(tuning_case_free, struct tuning_case);

/* The least y that keeps the bound. */
double tuning_case_best(const struct tuning_case *tuned);

/* The space of the case's rows, and what a search is told of it: seed, price and resources. */
struct search_space *tuning_case_space(const struct tuning_case *tuned);
struct search_options tuning_case_options(const struct tuning_case *tuned, int seed);

#define TUNING_CLUSTER_JOBS    5
#define TUNING_CHERRYPICK_JOBS 5

/* The cases; each is NULL when its table is not there. Spark jobs on clusters of Amazon's machines: cost or
 * run time. */
struct tuning_case *tuning_clusters(int job, bool cost);
const char *tuning_clusters_job(int job);

/* CherryPick's measurements: cost of a job. */
struct tuning_case *tuning_cherrypick(int job);

/* Options of a program, on or off: the last column is measured. */
struct tuning_case *tuning_switches(const char *file);

/* Training of a network: cost under a bound on accuracy. */
struct tuning_case *tuning_t2_cnn(void);

#endif
