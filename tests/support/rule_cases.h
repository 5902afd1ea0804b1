/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_RULE_CASES_H
#define OPTCTL_TESTS_SUPPORT_RULE_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/memory.h"
#include "core/plugin.h"

/*
 * A guardrail by a table of cases. The pipeline is a source and an operator `work`, each with a
 * parallelism of 1 to 64 in whole steps (work: 2 to 40 in steps of 2 where a case says so); a worker hosts
 * one subtask, so there are as many workers as the wider one has subtasks. It is Thursday 2026-01-15, 12:00
 * UTC: 16.5 days = 396 h of the month are left. What must come out follows from the rules' own definitions by
 * hand.
 */
struct rule_case {
        const char *what;
        const char *options;   /* as under spec.guardrails; NULL: defaults */
        double from[2], to[2]; /* parallelism of source and work */
        enum judgement expected;
        double left[2];     /* what may be applied; the wanted one when 0 */
        const char *reason; /* part of it */
        /* Circumstances; 0: the ordinary ones. */
        double age_seconds, since_change_seconds, since_bad_seconds, since_foreign_seconds;
        int changes_today, changes_yesterday;
        double spent;
        double busy; /* of work's busiest subtask */
        double offered, throughput, backlog;
        double avoided_work, avoided_seconds; /* work's parallelism in a configuration to keep away from */
        const char *now;
        bool coarse;                               /* work has steps of 2 from 2 to 40 */
        double run_cost, run_predicted, runs_left; /* of a job that runs from time to time, unless
                                                    * the last is 0; NAN: not known */
};

void rule_cases_run(const struct guardrail *rule, const struct rule_case *cases, size_t count);

#define RUN(rule, cases) rule_cases_run(&rule, cases, ARRAY_LENGTH(cases))

#endif
