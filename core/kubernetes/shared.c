/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/shared.h"

#include <stdlib.h>
#include <string.h>

#define NAME            "kubernetes" /* in struct shared */
#define FIRST_LIST_MS   (20 * MS_PER_SECOND)
#define LOOK_MS         100 /* between two looks at first, then ever more */
#define LONGEST_LOOK_MS 1000
#define SERVED_MS       (60 * MS_PER_SECOND) /* that a kind is not served is believed for so long */
#define SILENCE_MAX_MS  (5 * 60 * MS_PER_SECOND)

struct followed {
        struct kube_resource resource;
        char *group, *version, *plural, *namespace; /* namespace NULL: all */
        const struct kube_following *following;
        struct kube_follower follower;
        struct followed *next;
};

struct kept {
        char *name;
        void *thing;
        void (*destroy)(void *thing);
        struct kept *next;
};

struct kube_shared {
        struct kube_access access;
        struct kube_client *own; /* NULL: it is the process' */
        struct kube_discovery *discovery;
        int64_t discovered_ms; /* steady */
        bool discovering;
        struct followed *followed;
        struct kept *kept;
        struct served *served;
};

/* Resources that were found; they outlive the discovery, which is read again. */
struct served {
        struct kube_resource resource;
        char *group, *version, *plural;
        struct served *next;
};

/* ---- life ---- */

static void *make(void *argument)
{
        const struct kube_access *access = argument;
        struct kube_shared *kubernetes = memory_new(1, sizeof *kubernetes);

        if (access)
                kubernetes->access = *access;
        return kubernetes;
}

static void followed_free(struct followed *followed)
{
        kube_reflector_free(followed->follower.reflector);
        if (followed->following->context_free)
                followed->following->context_free(followed->follower.context);
        free(followed->group);
        free(followed->version);
        free(followed->plural);
        free(followed->namespace);
        free(followed);
}

static void destroy(void *thing)
{
        struct kube_shared *kubernetes = thing;

        while (kubernetes->followed) {
                struct followed *followed = kubernetes->followed;

                kubernetes->followed = followed->next;
                followed_free(followed);
        }
        while (kubernetes->kept) {
                struct kept *kept = kubernetes->kept;

                kubernetes->kept = kept->next;
                kept->destroy(kept->thing);
                free(kept->name);
                free(kept);
        }
        while (kubernetes->served) {
                struct served *served = kubernetes->served;

                kubernetes->served = served->next;
                free(served->group);
                free(served->version);
                free(served->plural);
                free(served);
        }
        kube_discovery_free(kubernetes->discovery);
        kube_client_free(kubernetes->own);
        free(kubernetes);
}

struct kube_shared *kube_shared_provide(struct shared *shared, const struct kube_access *access)
{
        struct kube_access copy = *access;

        return shared_take(shared, NAME, make, &copy);
}

void kube_shared_withdraw(struct shared *shared, struct kube_shared *kubernetes)
{
        if (kubernetes)
                shared_give_back(shared, kubernetes, destroy);
}

bool kube_shared_take(struct shared *shared, struct kube_shared **ret_kubernetes, struct error *err)
{
        struct kube_shared *kubernetes = shared ? shared_take(shared, NAME, make, NULL) : NULL;

        if (kubernetes && kubernetes->access.reactor) {
                *ret_kubernetes = kubernetes;
                return true;
        }
        if (kubernetes)
                shared_give_back(shared, kubernetes, destroy);
        return error_set(err, ERROR_INPUT, NULL, "this command has no access to a Kubernetes API server");
}

void kube_shared_give_back(struct shared *shared, struct kube_shared *kubernetes)
{
        if (kubernetes)
                shared_give_back(shared, kubernetes, destroy);
}

const struct kube_access *kube_shared_access(const struct kube_shared *kubernetes)
{
        return &kubernetes->access;
}

bool kube_shared_client(struct kube_shared *kubernetes, struct kube_client **ret_client, struct error *err)
{
        const struct kube_access *access = &kubernetes->access;
        autocall(kube_config_free) struct kube_config *config = NULL;

        if (!access->client && !kubernetes->own &&
            (!kube_config_find(access->kubeconfig, access->context, &config, err) ||
             !kube_client_new(access->reactor, access->http, config, &kubernetes->own, err)))
                return error_wrap(err, "Kubernetes");
        *ret_client = access->client ? access->client : kubernetes->own;
        return true;
}

void *kube_shared_keep(struct kube_shared *kubernetes, const char *name, void *(*make_thing)(void),
                       void (*destroy_thing)(void *thing))
{
        struct kept *kept = kubernetes->kept;

        while (kept && strcmp(kept->name, name) != 0)
                kept = kept->next;
        if (!kept) {
                kept = memory_new(1, sizeof *kept);
                *kept = (struct kept){memory_copy_text(name), make_thing(), destroy_thing, kubernetes->kept};
                kubernetes->kept = kept;
        }
        return kept->thing;
}

/* ---- what is served ---- */

static int64_t steady_ms(const struct kube_shared *kubernetes)
{
        return reactor_steady_ms(kubernetes->access.reactor);
}

static bool pause_ms(const struct kube_shared *kubernetes, int64_t ms, struct error *err)
{
        struct clock clock = reactor_clock(kubernetes->access.reactor);

        return clock_sleep_until(&clock, clock_now_ms(&clock) + ms, err);
}

/* One fiber asks, the others wait for it. */
static bool discover(struct kube_shared *kubernetes, struct error *err)
{
        struct kube_discovery *discovery = NULL;
        struct kube_client *client;
        bool done;

        while (kubernetes->discovering)
                if (!pause_ms(kubernetes, LOOK_MS, err))
                        return false;
        if (kubernetes->discovery && steady_ms(kubernetes) - kubernetes->discovered_ms < SERVED_MS)
                return true;
        if (!kube_shared_client(kubernetes, &client, err))
                return false;
        kubernetes->discovering = true;
        done = kube_discovery_read(client, &discovery, err);
        kubernetes->discovering = false;
        if (!done)
                return error_wrap(err, "what the API server serves");
        kube_discovery_free(kubernetes->discovery);
        kubernetes->discovery = discovery;
        kubernetes->discovered_ms = steady_ms(kubernetes);
        return true;
}

static const struct kube_resource *find_served(const struct kube_shared *kubernetes, const char *group,
                                               const char *plural)
{
        for (const struct served *served = kubernetes->served; served; served = served->next)
                if (strcmp(served->group, group) == 0 && strcmp(served->plural, plural) == 0)
                        return &served->resource;
        return NULL;
}

static const struct kube_resource *remember_served(struct kube_shared *kubernetes,
                                                   const struct kube_resource *found)
{
        struct served *served = memory_new(1, sizeof *served);

        served->group = memory_copy_text(found->group);
        served->version = memory_copy_text(found->version);
        served->plural = memory_copy_text(found->plural);
        served->resource = (struct kube_resource){served->group, served->version, served->plural};
        served->next = kubernetes->served;
        kubernetes->served = served;
        return &served->resource;
}

bool kube_shared_served(struct kube_shared *kubernetes, const char *group, const char *plural,
                        const struct kube_resource **ret_resource, struct error *err)
{
        const struct kube_resource *known = find_served(kubernetes, group, plural), *found;

        if (!known) {
                if (!discover(kubernetes, err))
                        return false;
                found = kube_discovery_find(kubernetes->discovery, group, plural);
                if (!found)
                        return error_set(err, ERROR_NOT_FOUND, "KindNotServed",
                                         "the cluster serves no %s.%s; what brings them is not installed",
                                         plural, group);
                known = find_served(kubernetes, group, plural);
                known = known ? known : remember_served(kubernetes, found);
        }
        *ret_resource = known;
        return true;
}

/* ---- caches ---- */

static bool is_of(const struct followed *followed, const struct kube_resource *resource,
                  const struct kube_following *following, const char *namespace)
{
        return followed->following == following && strcmp(followed->group, resource->group) == 0 &&
               strcmp(followed->plural, resource->plural) == 0 &&
               (namespace ? followed->namespace && strcmp(followed->namespace, namespace) == 0
                          : !followed->namespace);
}

static struct followed *begin_to_follow(struct kube_shared *kubernetes, struct kube_client *client,
                                        const struct kube_resource *resource,
                                        const struct kube_following *following, const char *namespace)
{
        struct followed *followed = memory_new(1, sizeof *followed);
        struct kube_reflector_options options = {.resource = &followed->resource,
                                                 .project = following->project,
                                                 .release = following->release,
                                                 .changed = following->changed,
                                                 .log = kubernetes->access.log};

        followed->group = memory_copy_text(resource->group);
        followed->version = memory_copy_text(resource->version);
        followed->plural = memory_copy_text(resource->plural);
        followed->namespace = memory_copy_text(namespace);
        followed->resource = (struct kube_resource){followed->group, followed->version, followed->plural};
        followed->following = following;
        followed->follower.context = following->context_new ? following->context_new() : NULL;
        options.selection.namespace = followed->namespace;
        options.context = followed->follower.context;
        followed->follower.reflector = kube_reflector_new(client, &options);
        followed->next = kubernetes->followed;
        kubernetes->followed = followed;
        reactor_spawn(kubernetes->access.reactor, kube_reflector_run, followed->follower.reflector);
        return followed;
}

/* What will not be otherwise when it is asked again, as it was said to who waits now, and not long ago. */
static bool is_final(const struct kube_reflector *reflector, int64_t failures, bool was_well)
{
        const struct error *trouble = kube_reflector_trouble(reflector);

        return trouble->code != ERROR_NONE && !trouble->retry &&
               (was_well || kube_reflector_state(reflector).failures > failures);
}

static bool wait_for_list(struct kube_shared *kubernetes, const struct kube_reflector *reflector,
                          struct error *err)
{
        const struct error *trouble = kube_reflector_trouble(reflector);
        int64_t until_ms = steady_ms(kubernetes) + FIRST_LIST_MS;
        int64_t failures = kube_reflector_state(reflector).failures;
        bool was_well = trouble->code == ERROR_NONE;
        int64_t ms = LOOK_MS;

        while (!kube_reflector_synced(reflector)) {
                bool over = steady_ms(kubernetes) >= until_ms;

                if (is_final(reflector, failures, was_well) || (over && trouble->code != ERROR_NONE)) {
                        *err = *trouble;
                        return false;
                }
                if (over)
                        return error_set(err, ERROR_TIMEOUT, NULL, "no whole list within %lld s",
                                         (long long)(FIRST_LIST_MS / MS_PER_SECOND));
                if (!pause_ms(kubernetes, ms, err))
                        return false;
                ms = ms < LONGEST_LOOK_MS ? 2 * ms : ms;
        }
        return true;
}

/* A cache that is not kept up to date any more says what was, not what is. */
static bool check_heard(const struct kube_shared *kubernetes, const struct kube_reflector *reflector,
                        struct error *err)
{
        struct clock clock = reactor_clock(kubernetes->access.reactor);
        int64_t silence_ms = clock_now_ms(&clock) - kube_reflector_state(reflector).heard_ms;

        if (silence_ms <= SILENCE_MAX_MS)
                return true;
        if (kube_reflector_trouble(reflector)->code != ERROR_NONE)
                *err = *kube_reflector_trouble(reflector);
        else
                error_set(err, ERROR_UNAVAILABLE, "Silent", "the API server says nothing");
        return error_wrap(err, "nothing was heard for %lld s", (long long)(silence_ms / MS_PER_SECOND));
}

bool kube_shared_follow(struct kube_shared *kubernetes, const struct kube_resource *resource,
                        const struct kube_following *following, const char *namespace,
                        struct kube_follower *ret_follower, struct error *err)
{
        const char *scope = kubernetes->access.whole_cluster ? NULL : namespace;
        struct followed *followed = kubernetes->followed;
        struct kube_client *client;

        if (!kube_shared_client(kubernetes, &client, err))
                return false;
        while (followed && !is_of(followed, resource, following, scope))
                followed = followed->next;
        if (!followed)
                followed = begin_to_follow(kubernetes, client, resource, following, scope);
        if (!wait_for_list(kubernetes, followed->follower.reflector, err) ||
            !check_heard(kubernetes, followed->follower.reflector, err))
                return error_wrap(err, "%s", resource->plural);
        *ret_follower = followed->follower;
        return true;
}
