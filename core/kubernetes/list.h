/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_LIST_H
#define OPTCTL_CORE_KUBERNETES_LIST_H

#include "core/kubernetes/client.h"

/* Which of a kind's objects. Everything may be NULL: all of them. */
struct kube_selection {
        const char *namespace;
        const char *labels, *fields; /* selectors, as kubectl takes them */
};

#define KUBE_VERSION_ROOM 32 /* of a resourceVersion */

/* Who looks at the objects of a list, one by one. Both end the list when they return false. */
struct kube_visitor {
        /* A list begins, as of this resourceVersion; what a list before it showed does not count. It comes a
         * second time when the server forgot the version between two pages. May be NULL. */
        bool (*begin)(void *context, const char *version, struct error *err);
        bool (*object)(void *context, const json_t *object, struct error *err);
        void *context;
};

/*
 * All objects, as the server has them now, in pages of at most 500, of fewer where 500 are too large an
 * answer. One object at a time is taken apart, so a list of any length needs a page's text and one object.
 *
 * ret_version (room for KUBE_VERSION_ROOM) is what a watch goes on from; NULL: nobody watches, and the list
 * need not have a version, which what is computed when it is asked for (metrics) has not. Errors are those of
 * kube_get, ERROR_INCOMPLETE (NotJson, NotAList) and the visitor's. A list is begun anew at most three times,
 * then it is Expired.
 */
bool kube_list(struct kube_client *client, const struct kube_resource *resource,
               const struct kube_selection *selection, const struct kube_visitor *visitor, char *ret_version,
               struct error *err);

/* Versions are decimal numbers that only grow (Kubernetes 1.35 promises it, older ones do it): below 0, 0,
 * above 0 as by strcmp. *ret_known false: one of them is no such number. */
int kube_version_compare(const char *a, const char *b, bool *ret_known);

#endif
