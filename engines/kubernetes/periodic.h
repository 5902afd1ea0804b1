/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_PERIODIC_H
#define OPTCTL_ENGINES_KUBERNETES_PERIODIC_H

#include <jansson.h>

#include "core/kubernetes/shared.h"
#include "core/observation.h"

/*
 * A job that runs from time to time: an object with a schedule and a template, of which each run is an object
 * of its own that belongs to it (ownerReferences).
 */

/* A run, as far as all kinds of it are the same. What is kept of one begins with it. */
struct kube_run {
        char *uid, *owner_uid;
        char *trouble; /* why it failed; "": it did not, or that is not known */
        bool ended, failed;
        int64_t begun_ms, ended_ms;
};

/* The owner of that kind; NULL: there is none. Borrowed. */
const json_t *kube_run_owner(const json_t *object, const char *kind);
void kube_run_clear(struct kube_run *run); /* frees what it holds */

/* ERROR_UNAVAILABLE (Suspended): nothing begins while its spec says so. */
bool kube_check_suspended(bool suspended, struct error *err);

/* ---- what is told ---- */

#define KUBE_RUN_TIES 8 /* runs with an end in the same second; what is more of them is left out */

struct kube_run_memory {
        int64_t looked_ms;         /* when it was looked at last; 0: never */
        int64_t ended_ms;          /* end of the newest run that was told of; 0: of none */
        char *told[KUBE_RUN_TIES]; /* uids of the runs with that end that were told of, in their order */
        bool first;                /* this is the first look */
};

void kube_run_memory_clear(struct kube_run_memory *memory); /* frees what it holds */

/*
 * Of the owner of that uid, the run that ended last, as far as its end is believed (RUN_AHEAD_MS); NULL: none
 * has. The API server tells ends by the second: of several with the same one that was not told of yet, if
 * any. Lives until the next wait.
 */
const void *kube_runs_newest(const struct kube_follower *runs, const char *owner_uid,
                             const struct kube_run_memory *memory);

/* What every observation of such a job says. */
void kube_periodic_observe(struct kube_run_memory *memory, int64_t now_ms, struct observation *observation);

/* When the newest run was, and how it ended; why it failed is told once, and not of one before the first
 * look. */
void kube_run_observe(struct kube_run_memory *memory, const struct kube_run *run, const char *trouble,
                      struct observation *observation);

/* With what it ran: not known unless every knob is. */
void kube_run_configuration(const struct configuration *seen, struct run_observation *run);

#endif
