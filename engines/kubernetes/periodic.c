/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/periodic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
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
        free(run->uid);
        free(run->owner_uid);
        free(run->trouble);
}

bool kube_check_suspended(bool suspended, struct error *err)
{
        return !suspended || error_set(err, ERROR_UNAVAILABLE, "Suspended", "it is suspended (spec.suspend)");
}

/* ---- the newest ---- */

void kube_run_memory_clear(struct kube_run_memory *memory)
{
        for (size_t i = 0; i < KUBE_RUN_TIES; i++) {
                free(memory->told[i]);
                memory->told[i] = NULL;
        }
}

/* Its place among those of the same end that were told of, or where it would come. */
static size_t place_in(const struct kube_run_memory *memory, const struct kube_run *run)
{
        size_t i = 0;

        if (run->ended_ms != memory->ended_ms)
                return 0;
        while (i + 1 < KUBE_RUN_TIES && memory->told[i] && strcmp(memory->told[i], run->uid) != 0)
                i++;
        return i;
}

static bool was_told(const struct kube_run_memory *memory, const struct kube_run *run)
{
        return run->ended_ms < memory->ended_ms ||
               (run->ended_ms == memory->ended_ms && memory->told[place_in(memory, run)]);
}

struct search {
        const char *owner_uid;
        const struct kube_run_memory *memory;
        const struct kube_run *newest;
};

/* Whatever the order in which a cache goes through them, it is the same one. */
static bool is_newer(const struct search *search, const struct kube_run *run)
{
        const struct kube_run *newest = search->newest;
        size_t place = place_in(search->memory, run), best;

        if (!newest || run->ended_ms != newest->ended_ms)
                return !newest || run->ended_ms > newest->ended_ms;
        best = place_in(search->memory, newest);
        return place != best ? place > best : strcmp(run->uid, newest->uid) < 0;
}

static void visit(void *context, const char *namespace, const char *name, const void *kept)
{
        struct search *search = context;
        const struct kube_run *run = kept;

        (void)namespace;
        (void)name;
        if (run->ended && strcmp(run->owner_uid, search->owner_uid) == 0 &&
            run->ended_ms <= search->memory->looked_ms + RUN_AHEAD_MS && is_newer(search, run))
                search->newest = run;
}

const void *kube_runs_newest(const struct kube_follower *runs, const char *owner_uid,
                             const struct kube_run_memory *memory)
{
        struct search search = {.owner_uid = owner_uid, .memory = memory};

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
        bool told = was_told(memory, run);
        size_t place;

        if (run->ended_ms > memory->ended_ms) {
                kube_run_memory_clear(memory);
                memory->ended_ms = run->ended_ms;
        }
        place = place_in(memory, run);
        if (!told)
                memory->told[place] = memory_copy_text(run->uid);
        observation->run.begun_ms = run->begun_ms;
        observation->run.ended_ms = run->ended_ms + (int64_t)place;
        observation->run.failed = run->failed;
        if (!memory->first && run->failed && !told)
                snprintf(observation->failure, sizeof observation->failure, "%s", trouble);
}

void kube_run_configuration(const struct configuration *seen, struct run_observation *run)
{
        for (int i = 0; i < seen->count; i++)
                if (isnan(seen->value[i]))
                        return;
        run->configuration = *seen;
}
