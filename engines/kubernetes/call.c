/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/call.h"

#include <string.h>

#include "core/json.h"

static char *describe(const struct kube_call *call)
{
        autofree char *path = kube_path(call->target, false);

        return memory_format("PATCH %s: %s", path, call->what);
}

bool kube_call_fits(const struct kube_reflector *looked_at, const json_t *read, struct error *err)
{
        const char *seen =
                kube_reflector_uid(looked_at, kube_meta(read, "namespace"), kube_meta(read, "name"));

        if (*kube_meta(read, "deletionTimestamp"))
                return error_set(err, ERROR_REFUSED, "BeingDeleted", "it is being deleted");
        if (strcmp(seen, kube_meta(read, "uid")) != 0)
                return error_set(err, ERROR_REFUSED, "MadeAnew",
                                 "it is not the one that was looked at: it was deleted and made anew");
        return true;
}

bool kube_call(const struct kube_caller *caller, const struct kube_call *call, json_t **ret_object,
               struct error *err)
{
        autofree char *words = describe(call);
        const struct kube_write write = {.uid = kube_meta(call->read, "uid"),
                                         .resource_version = kube_meta(call->read, "resourceVersion"),
                                         .force = call->apply};
        struct error ignored = ERROR_INIT;
        int64_t id = 0;
        bool done;

        if (caller->calls && !caller->calls->begin(caller->calls->context, words, &id, err))
                return false;
        if (caller->dry_run) {
                if (ret_object)
                        *ret_object = json_deep_copy(call->read);
                return true;
        }
        done = (call->apply ? kube_apply : kube_merge)(caller->client, call->target, call->body, &write,
                                                       ret_object, err);
        /* The call was made: that its answer could not be written down does not undo it. */
        if (caller->calls)
                (void)caller->calls->end(caller->calls->context, id, done, done ? "accepted" : err->message,
                                         &ignored);
        return done;
}
