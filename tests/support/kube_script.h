/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_KUBE_SCRIPT_H
#define OPTCTL_TESTS_SUPPORT_KUBE_SCRIPT_H

#include "core/kubernetes/client.h"
#include "tests/support/http_stage.h"

/*
 * An API server of one kind of object (config maps of the namespace "n", each with data.value), played by a
 * scripted peer: it keeps every change that was ever made, so that it can list what was there at any version,
 * and says in a watch what came since. It answers as the API reference says; a watch
 * ends with what has happened so far.
 */
struct kube_script;

enum kube_script_fault {
        KUBE_FAULT_NONE,
        KUBE_FAULT_GONE,        /* 410, of lists those with a continue only */
        KUBE_FAULT_ERROR_EVENT, /* a watch says ERROR, 410 */
        KUBE_FAULT_DROPPED,     /* an event of a watch is missing, another one follows or not */
        KUBE_FAULT_DOUBLED,     /* each event comes twice */
        KUBE_FAULT_SWAPPED,     /* two events come in the wrong order */
        KUBE_FAULT_FROZEN,      /* nothing comes any more */
        KUBE_FAULT_CUT,         /* half an answer, well-formed HTTP */
        KUBE_FAULT_RESET,       /* half an answer, and a reset */
        KUBE_FAULT_FAILED,      /* 500 */
        KUBE_FAULT_BUSY,        /* 429 with Retry-After */
        KUBE_FAULT_OLD_LIST,    /* a list as of some time ago */
        KUBE_FAULT_GARBAGE,     /* a JSON text that is none of a list and none of an event */
        KUBE_FAULTS
};

struct kube_script *kube_script_new(struct http_stage *stage);
void kube_script_free(struct kube_script *script);

/* The next change. A name that is not there is added. */
void kube_script_put(struct kube_script *script, const char *name, const char *value);
void kube_script_delete(struct kube_script *script, const char *name);
/* "a=1 b=2", sorted by name. Caller frees. */
char *kube_script_state(const struct kube_script *script);

/* The next answer to a list, or a watch, or any, has it. */
void kube_script_fault_next(struct kube_script *script, enum kube_script_fault fault, bool of_watch);
/* From now on one in `out_of` answers has a fault, drawn with this seed; 0: none. */
void kube_script_fault_some(struct kube_script *script, int out_of, unsigned seed);
/* Versions start anew at 1, as after a restore of an old backup of what is there now. */
void kube_script_set_back(struct kube_script *script);

extern const struct kube_resource kube_script_resource;

/* A client of it, without credentials. */
struct kube_client *kube_script_client(struct http_stage *stage);

#endif
