/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "actuators/flink/call.h"

#include "core/json.h"

bool flink_call(const struct flink_caller *caller, const struct flink_call *call, json_t **ret_answer,
                struct error *err)
{
        autofree char *words = memory_format("%s %s: %s", call->method, call->path, call->what);
        struct error ignored = ERROR_INIT;
        int64_t id = 0;
        bool done;

        if (caller->calls && !caller->calls->begin(caller->calls->context, words, &id, err))
                return false;
        if (caller->dry_run) {
                *ret_answer = json_object();
                return true;
        }
        done = flink_send(caller->engine, call->method, call->path, call->body, call->repeatable, ret_answer,
                          err);
        /* The call was made: that its answer could not be written down does not undo it. */
        if (caller->calls)
                (void)caller->calls->end(caller->calls->context, id, done, done ? "accepted" : err->message,
                                         &ignored);
        return done;
}
