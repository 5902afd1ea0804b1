/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_INTERNAL_H
#define OPTCTL_OPTIMIZER_SEARCH_INTERNAL_H

#include <gsl/gsl_rng.h>

#include "optimizer/search/pareto.h"
#include "optimizer/search/search.h"
#include "optimizer/search/features.h"
#include "optimizer/search/surrogate.h"

#define SEARCH_FAILING SEARCH_MAX_CONSTRAINTS /* whether a run fails is one constraint more */

/* Inside of a search: its trials, what it believes (search_model), and where it looks next (search_propose).
 */
struct search_trial {
        int64_t id;
        double point[SEARCH_MAX_PARAMETERS];
        double context[SEARCH_MAX_CONTEXT];
        int candidate;
        enum search_status status;
        double y, second;
        double constraints[SEARCH_MAX_CONSTRAINTS];
};

/* What is believed of y, of each constraint, and of whether a run fails. */
struct search_model {
        struct surrogate *objective;
        struct surrogate *second; /* value of a front; NULL while unused */
        struct surrogate *ranks;  /* y by its rank, which only says where to look; NULL while unused */
        bool heaped;              /* y lies in heaps: values and ranks take turns */
        bool by_rank;             /* it is the turn of ranks */
        struct surrogate
                *constraints[SEARCH_MAX_CONSTRAINTS + 1]; /* the last one: failing; NULL while unused */
        bool used[SEARCH_MAX_CONSTRAINTS + 1];
        int learnt;    /* trials told when parameters were last looked for */
        int ranked;    /* the same, of ranks */
        bool noisy;    /* the same point was told twice with values that differ */
        bool has_best; /* some point told keeps the constraints */
        double best;   /* of those the least value on the objective's scale: the least mean when noisy, and
                          of a context the least mean there */
        int best_trial;
        bool current; /* nothing has been told since it learnt, and the context is the same */
        int n_front;
        struct pareto_point
                *front; /* of those; `of` is the trial. The corner that areas are measured from: */
        double reference[PARETO_OBJECTIVES];
};

/* A study of before in the same space, and what it says of y here. */
struct search_earlier {
        int n_trials;
        struct search_trial *trials;
        struct gp *gp;  /* of y, less what is known beforehand, in its own standard deviations */
        double scale;   /* one of them, on the scale of y's model; 0 before it has learnt */
        double *listed; /* means at all points of a small space */
        double weight;  /* what it says is taken with */
        bool foretold;  /* by a model of the job */
};

struct search {
        struct search_space *space;
        struct search_options options;
        int n_constraints;
        char *names[SEARCH_MAX_CONSTRAINTS];
        double time_limit[SEARCH_MAX_CONSTRAINTS + 1]; /* 0: the constraint is not one on the run time */
        struct search_features features;
        struct run_forms forms;             /* of run times, where resources are told */
        double context[SEARCH_MAX_CONTEXT]; /* that holds now */
        gsl_rng *rng;
        int64_t asked;
        int n_trials, room;
        struct search_trial *trials;
        struct search_model model;
        int n_earlier;
        struct search_earlier earlier[SEARCH_MAX_EARLIER];
        struct gp *own; /* the same of the search itself: what earlier studies are weighed against; or NULL */
        int weighed;    /* trials told when they were last weighed */
        bool linear;    /* y is not to be taken by its logarithm, since some here or there is not above 0 */
        int n_points;   /* all points of a small space; else 0 */
        double *points;
        double *encoded; /* n_points x d */
        bool *taken;     /* n_points: told or pending, at a context like the one that holds */
        bool enumerated;
        double least; /* of the lower bounds seen while the last point was proposed, on the objective's scale
                       */
};

/* How good a point looks, with what it is made of. */
struct search_score {
        double score; /* larger is better */
        double mean, variance, log_feasible;
        double second_mean, second_variance; /* of a front */
};

/* A point as the models see it at the context that holds, and a trial at its own. ret_x: features.d. */
void search_encode(const struct search *search, const double *point, int candidate, double *ret_x);
void search_encode_trial(const struct search *search, const struct search_trial *trial, double *ret_x);

/* A value that was told, as the models take it: of the largest numbers there are even the squares are
 * numbers. NAN stays. */
double search_bounded(double value);

/* Whether a trial was made at a context like the one that holds: its point is not tried again there. */
bool search_like_now(const struct search *search, const struct search_trial *trial);

/* Whether there are enough trials for a model. */
bool search_has_model(const struct search *search);

/* Learns from all trials told, and takes up those pending. Where y lies in heaps, in a listed space of
 * which nothing is known beforehand, it learns y's ranks, too, every second time. */
bool search_model_learn(struct search *search, struct error *err);
void search_model_free(struct search_model *model);

/* What is known of y or of the second value: runs of the same point and context become one, with the mean of
 * their values.
 */
struct search_known {
        int n;
        int *trial; /* n: the first of each point */
        double *x, *y, *share;
        struct surrogate_prior *prior;
};

/* positive: y is taken by its logarithm. stopped: whether runs that were stopped count, as if they had ended
 * there. */
void search_known_runs(const struct search *search, int objective, bool positive, bool stopped,
                       struct search_known *ret_known);
void search_known_free(struct search_known *known);

/* Whether all values told can be taken by their logarithm. */
bool search_is_positive(const struct search *search, int objective);

/* Number of distinct points that have been told. */
int search_told(const struct search *search);

/* What is expected of log y of a point beforehand, up to a constant: its price times the time that its
 * resources leave, and what earlier studies say, where they weigh anything; 0 when nothing is known. Where y
 * is not taken by its logarithm only they say something, of y itself. Resources are said in any case. */
bool search_has_prior(const struct search *search);
struct surrogate_prior search_prior(const struct search *search, const double *point, int candidate);
/* At the context of a trial. */
struct surrogate_prior search_prior_trial(const struct search *search, const struct search_trial *trial);
struct surrogate_prior search_prior_listed(const struct search *search, int index); /* of a small space */
/* What is expected of the log of the run time alone. */
struct surrogate_prior search_prior_time(const struct search *search, const struct surrogate_prior *prior);

/* Takes up what options say of a new search, whose points are listed. */
void search_known_init(struct search *search);

/* Whether price or resources say something. */
bool search_has_known(const struct search *search);

/* Earlier studies: whether any has a weight; what they say of a point as models see it, and of one of a small
 * space, for which they are asked again when the context changes; the point of theirs that is expected to be
 * best here, or NULL. */
bool search_earlier_speaks(const struct search *search);
double search_earlier_mean(const struct search *search, const double *x);
double search_earlier_listed(const struct search *search, int index);
void search_earlier_list(struct search *search);
const double *search_earlier_best(const struct search *search);
void search_earlier_free(struct search_earlier *earlier);

/* Log of the probability that constraints hold and a run does not fail, at `count` encoded points. prior: of
 * each. */
void search_log_feasible(const struct search *search, const double *x, const struct surrogate_prior *prior,
                         int count, double *ret_log);

/* Scores of `count` encoded points. prior: of each. greed: of the lower confidence bound; NAN: log expected
 * improvement, of a front that of the area it dominates. */
void search_score(const struct search *search, const double *x, const struct surrogate_prior *prior,
                  int count, double greed, struct search_score *ret_scores);

/* The next point, by the model; false when the space is exhausted. */
bool search_propose(struct search *search, double *ret_point, int *ret_candidate);

/* Whether the next point is the one that is best by what is known beforehand: the first, where earlier
 * studies or, in a listed space, resources are told. Constraints say nothing of that point, which they may
 * well rule out. */
bool search_begins_known(const struct search *search);

/* One of the first points: that one, else one far from those there are; false when the space is exhausted. */
bool search_spread(struct search *search, double *ret_point, int *ret_candidate);

#endif
