/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/periodic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/kubernetes/fields.h"

const json_t *kube_run_owner(const json_t *object, const char *kind)
{
        size_t i;
        json_t *owner;

        json_array_foreach(kube_field(object, "metadata.ownerReferences"), i, owner)
        {
                if (strcmp(kube_field_text(owner, "kind"), kind) == 0)
                        return owner;
        }
        return NULL;
}

void kube_run_clear(struct kube_run *run)
{
        free(run->owner_uid);
        free(run->trouble);
}

bool kube_check_suspended(bool suspended, struct error *err)
{
        return !suspended || error_set(err, ERROR_UNAVAILABLE, "Suspended", "it is suspended (spec.suspend)");
}

/* ---- the newest ---- */

struct search {
        const char *owner_uid;
        const struct kube_run *newest;
};

static void visit(void *context, const char *namespace, const char *name, const void *kept)
{
        struct search *search = context;
        const struct kube_run *run = kept;

        (void)namespace;
        (void)name;
        if (run->ended && strcmp(run->owner_uid, search->owner_uid) == 0 &&
            (!search->newest || run->ended_ms > search->newest->ended_ms))
                search->newest = run;
}

const void *kube_runs_newest(const struct kube_follower *runs, const char *owner_uid)
{
        struct search search = {.owner_uid = owner_uid};

        if (*owner_uid)
                kube_reflector_each(runs->reflector, visit, &search);
        return search.newest;
}

/* ---- what is told ---- */

void kube_periodic_observe(struct kube_run_memory *memory, int64_t now_ms, struct observation *observation)
{
        observation->run.periodic = true;
        observation->missing = MISSING_RATES | MISSING_BACKLOG;
        memory->first = memory->looked_ms == 0;
        if (!memory->first && now_ms > memory->looked_ms)
                observation->window_ms = now_ms - memory->looked_ms;
        memory->looked_ms = now_ms;
}

void kube_run_observe(struct kube_run_memory *memory, const struct kube_run *run, const char *trouble,
                      struct observation *observation)
{
        observation->run.begun_ms = run->begun_ms;
        observation->run.ended_ms = run->ended_ms;
        observation->run.failed = run->failed;
        if (!memory->first && run->failed && run->ended_ms > memory->told_ms)
                snprintf(observation->failure, sizeof observation->failure, "%s", trouble);
        memory->told_ms = run->ended_ms;
}

void kube_run_configuration(const struct configuration *seen, struct run_observation *run)
{
        for (int i = 0; i < seen->count; i++)
                if (isnan(seen->value[i]))
                        return;
        run->configuration = *seen;
}
