/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_SEARCH_H
#define OPTCTL_OPTIMIZER_SEARCH_SEARCH_H

#include <stdint.h>

#include "core/error.h"
#include "optimizer/search/space.h"

/*
 * A search for the point with the least y, by asking and telling: Bayesian optimisation with expected
 * improvement in logarithms (Ament et al. 2023), one model for y and one for each constraint. What was asked
 * and not yet told counts as pending: several points may be out at once. No point is proposed twice.
 *
 * Of two values that are both to be small it seeks the front: the points that no other beats in both.
 *
 * Where the space has a context each trial has its own, which is one more input of every model (Krause and
 * Ong, NIPS 2011), and points are proposed for the one that holds. What is best, and what keeps the
 * constraints, is then what the models expect there. A point may be tried again at another context.
 */
#define SEARCH_MAX_CONSTRAINTS 8
#define SEARCH_MAX_TRIALS      2000
#define SEARCH_MAX_RESOURCES   4
#define SEARCH_MAX_NAME        64 /* bytes, of a constraint that is a limit on the run time */
#define SEARCH_MAX_EARLIER     8
#define SEARCH_EARLIER_TRIALS  60 /* of each that count: every so-manieth of more */
#define SEARCH_EARLIER_LEAST   3  /* of each that ended well, below which it says nothing */

enum search_status {
        SEARCH_PENDING,
        SEARCH_OK,
        SEARCH_FAILED,   /* gave no y; the like of it is avoided */
        SEARCH_CENSORED, /* was stopped at y: it would have been more */
};

struct search_options {
        uint64_t seed;
        int budget; /* trials that can be afforded, 0: not known */
        int price;  /* column or, from space->n_columns on, parameter that y is proportional to; -1: none */
        /* The same of quantities whose product says how much works on a run (machines, cores of each): its
         * time falls with them, until the values say otherwise. All positive. */
        int n_resources, resources[SEARCH_MAX_RESOURCES];
        /* Constraints, by name, that are limits on the run time: told is the time less the limit, which is
         * above 0. Where resources are told what is known of run times holds for them, too. */
        int n_time_limits;
        struct search_time_limit {
                char name[SEARCH_MAX_NAME];
                double limit;
        } time_limits[SEARCH_MAX_CONSTRAINTS];
        double runs; /* for which the best point will be used, 0: not known. Then there is a rule to stop */
        bool pareto; /* each trial has a second value that is to be small, too. There is no rule to stop then
                      */
};

struct search_suggestion {
        int64_t id; /* 0: space exhausted, and nothing else is set */
        double point[SEARCH_MAX_PARAMETERS];
        int candidate;      /* row of the table, or -1 */
        bool predicted;     /* mean and sd say something: there was a model */
        double mean, sd;    /* of y, the first one */
        double feasible;    /* probability that constraints hold and it does not fail */
        double improvement; /* expected, of y over the best so far; NAN while there is none, and of a front */
        double left;        /* bound on what is left: best so far less the least that any point may have; as
                               above */
        bool stop;          /* options.runs times improvement is less than the trial costs */
        const char *why;    /* static text */
};

struct search_outcome {
        int64_t id;          /* of a suggestion, or 0: then `point` says what was run */
        const double *point; /* borrowed */
        /* Where it was run, space->n_context values, borrowed; NULL: as asked, and a point of one's own where
         * the search is now. */
        const double *context;
        enum search_status status;
        double y;                                   /* NAN when failed */
        double second;                              /* of a front; NAN: also when censored and not known */
        double constraints[SEARCH_MAX_CONSTRAINTS]; /* at most 0 is kept; NAN: not measured */
};

struct search;

/* Takes the space over. */
struct search *search_new(struct search_space *space, const struct search_options *options);
void search_free(struct search *search);
DEFINE_CLEANUP(search_free, struct search);

const struct search_space *search_space_of(const struct search *search);

/* Trials of an earlier study with the same parameters; id, second value and constraints of an outcome are not
 * looked at. What they say of y is expected here, too, with a weight that the
 * trials of this search decide: by how well they are ranked (optimizer/search/rgpe.h), and by how likely they
 * become. foretold: these are no runs, but what a model of this very job says of them, which is believed as
 * soon as the trials become likelier by it; what another job did has to make them likelier by more. Points
 * that are none of the candidates are left out. ERROR_INPUT: too few trials that ended well, or y not above 0
 * where price or resources are told; ERROR_LIMIT: too many studies. */
bool search_add_earlier(struct search *search, const struct search_outcome *runs, int count, bool foretold,
                        struct error *err);

int search_earlier_count(const struct search *search);

/* What such a study weighs, by the order in which they came: from 0 to 1. With the weight of the search
 * itself they come to 1. */
double search_earlier_weight(const struct search *search, int earlier);

/* Weighs them by all that has been told; search_ask does so, too. */
bool search_earlier_weigh(struct search *search, struct error *err);

/* Index of the constraint of that name, which is new when it was not heard of before; ERROR_LIMIT when there
 * are too many. */
bool search_constraint(struct search *search, const char *name, int *ret_index, struct error *err);
/* Whether one is known by that name, and how many more there may be. */
bool search_has_constraint(const struct search *search, const char *name);
int search_constraints_open(const struct search *search);

/* What holds from now on: space->n_context values. At first each stands in the middle of its range.
 * ERROR_INPUT: a value that cannot be. */
bool search_set_context(struct search *search, const double *context, struct error *err);
const double *search_context(const struct search *search);

/* The context of a suggestion that is out, or of no such suggestion the one that holds. ret_context:
 * space->n_context. */
void search_asked_context(const struct search *search, int64_t id, double *ret_context);

/* ERROR_LIMIT when there are too many trials. */
bool search_ask(struct search *search, struct search_suggestion *ret_suggestion, struct error *err);

/* ERROR_NOT_FOUND: no such suggestion; ERROR_CONFLICT: told already; ERROR_INPUT: a point that is not of the
 * space, or a value that is not finite. Then nothing has changed. */
bool search_check(struct search *search, const struct search_outcome *outcome, struct error *err);

/* The same, and takes it up. */
bool search_tell(struct search *search, const struct search_outcome *outcome, struct error *err);

/* The point with the least y told so far that keeps all constraints; NULL while there is none. Where there is
 * a context: wherever that was. */
const double *search_best(const struct search *search, double *ret_y);

/* Of the points told the one that is expected to be best at the context that holds, among those that are
 * likelier than not to keep all constraints there, and the mean of its y: by the model, which learns what it
 * has not yet learnt. Without a context, or a model, as above. NULL while there is none. */
const double *search_best_now(struct search *search, double *ret_y);

#endif
