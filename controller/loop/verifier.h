/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_VERIFIER_H
#define OPTCTL_CONTROLLER_LOOP_VERIFIER_H

#include "controller/loop/verify_run.h"
#include "core/ledger/journal.h"

/* Verification of one change, by windows of a pipeline that always runs (controller/verify) or by a run of a
 * job (controller/verify_run): the prediction says which. The loop need not know. */
struct verifier {
        bool of_run;
        union {
                struct verify windows;
                struct verify_run run;
        };
};

struct verifier_setup {
        const struct verify_options *options;
        const struct constraints *constraints;
        const struct price_book *prices;
};

/* `before` as in verify_begin. */
void verifier_begin(struct verifier *verifier, const struct verifier_setup *setup,
                    const struct intent *intent, const struct observation *before);

/* Once for each observation since. Anything but VERIFY_WAITING is final and fills `reason`. */
enum verify_result verifier_observe(struct verifier *verifier, const struct observation *observation,
                                    int64_t now_ms, char *reason, size_t room);

/* As verify_expect_up; a job need not be up between its runs. */
void verifier_expect_up(struct verifier *verifier, int64_t by_ms);
bool verifier_came_up(const struct verifier *verifier);

/* What the present load asks of a configuration speaks against going back to a smaller one. */
bool verifier_minds_load(const struct verifier *verifier);

/* Records/s: seen to be sustained, and most that was read while it kept up. NAN: of a run. */
double verifier_capacity(const struct verifier *verifier);
double verifier_carried(const struct verifier *verifier);

/* As verify_compare; false: of a run, too. */
bool verifier_compare(const struct verifier *verifier, enum verify_measure measure,
                      struct verify_comparison *ret_comparison);

#endif
