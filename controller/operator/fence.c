/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/fence.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* ---- scopes ---- */

void fence_enter(struct fence_scopes *scopes, const struct fence *fence, struct fence_scope *ret_scope)
{
        *ret_scope = (struct fence_scope){reactor_current(scopes->reactor), fence, scopes->first};
        scopes->first = ret_scope;
}

void fence_leave(struct fence_scopes *scopes, const struct fence_scope *scope)
{
        struct fence_scope **link = &scopes->first;

        while (*link != scope)
                link = &(*link)->next;
        *link = scope->next;
}

int64_t fence_scopes_left_ms(void *context)
{
        const struct fence_scopes *scopes = context;
        const struct fiber *fiber = reactor_current(scopes->reactor);

        for (const struct fence_scope *scope = scopes->first; scope; scope = scope->next)
                if (scope->fiber == fiber)
                        return scope->fence->left_ms(scope->fence->context);
        return 0;
}

/* ---- calls ---- */

struct fenced_calls {
        const struct fence *fence;
        const struct call_recorder *calls;
};

static bool begin(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        const struct fenced_calls *fenced = context;

        if (fenced->fence->left_ms(fenced->fence->context) < FENCE_LEFT_MS)
                return error_set(err, ERROR_UNAVAILABLE, "NotLeading",
                                 "%.200s: not made, since another replica may be about to steer", call);
        return fenced->calls->begin(fenced->calls->context, call, ret_id, err);
}

static bool end(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        const struct fenced_calls *fenced = context;

        return fenced->calls->end(fenced->calls->context, id, done, answer, err);
}

static bool apply(void *state, const struct configuration *from, const struct configuration *to, bool dry_run,
                  const struct call_recorder *calls, struct error *err)
{
        const struct fenced *fenced = state;
        struct fenced_calls behind = {fenced->fence, calls};
        const struct call_recorder asked = {.begin = begin, .end = end, .context = &behind};
        struct fence_scopes *scopes = fenced->fence ? fenced->fence->scopes : NULL;
        struct fence_scope scope;
        bool done;

        if (scopes)
                fence_enter(scopes, fenced->fence, &scope);
        done = fenced->actuator->apply(fenced->state, from, to, dry_run, fenced->fence ? &asked : calls, err);
        if (scopes)
                fence_leave(scopes, &scope);
        return done;
}

static bool controls(void *state, const struct knob *knob)
{
        const struct fenced *fenced = state;

        return !fenced->actuator->controls || fenced->actuator->controls(fenced->state, knob);
}

static bool read_target(void *state, struct configuration *ret_configuration, struct error *err)
{
        struct fenced *fenced = state;
        bool done = fenced->actuator->read(fenced->state, ret_configuration, err);
        bool conflict = !done && strcmp(err->reason, "Conflicted") == 0;

        snprintf(fenced->conflict, sizeof fenced->conflict, "%s", conflict ? err->message : "");
        return done;
}

static int64_t patience_ms(void *state)
{
        const struct fenced *fenced = state;

        return fenced->actuator->patience_ms ? fenced->actuator->patience_ms(fenced->state) : INT64_MAX / 4;
}

const struct actuator fenced_actuator = {
        .name = "fenced",
        .summary = "A target, while we may write to it",
        .controls = controls,
        .apply = apply,
        .read = read_target,
        .patience_ms = patience_ms,
};
