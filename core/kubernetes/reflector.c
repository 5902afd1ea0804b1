/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/reflector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/cache.h"
#include "core/kubernetes/client_internal.h"
#include "core/kubernetes/watch.h"
#include "core/random.h"

#define REFRESH_SECONDS  600
#define FIRST_PAUSE_MS   500
#define LONGEST_PAUSE_MS (30 * MS_PER_SECOND)
#define UNSEEN_PAUSE_MS  (15 * MS_PER_SECOND) /* before the first list: who waits for it waits for 20 s */
#define LOOK_MS          100                  /* between two looks of who waits for the first list */
/* A server's version only grows. One that says less for so long was set back to a backup of its data. */
#define SET_BACK_MS (10 * 60 * MS_PER_SECOND)

struct kube_reflector {
        struct kube_client *client;
        struct kube_reflector_options options;
        struct cache cache;
        struct kube_reflector_state state;
        gsl_rng *random;
        bool synced;
        int64_t round;                   /* lists begun */
        char version[KUBE_VERSION_ROOM]; /* up to which everything is known; "": nothing yet */
        int64_t listed_ms;               /* steady: when the last whole list was seen */
        int64_t set_back_ms; /* steady: since when the server says an older version; 0: it does not */
        int failures;        /* in a row */
        struct error trouble;
};

struct kube_reflector *kube_reflector_new(struct kube_client *client,
                                          const struct kube_reflector_options *options)
{
        struct kube_reflector *reflector = memory_new(1, sizeof *reflector);

        reflector->client = client;
        reflector->options = *options;
        if (reflector->options.refresh_seconds <= 0)
                reflector->options.refresh_seconds = REFRESH_SECONDS;
        reflector->cache.options = &reflector->options;
        reflector->random =
                random_new((uint64_t)clock_now_ms(&client->clock), 0, strlen(options->resource->plural));
        return reflector;
}

void kube_reflector_free(struct kube_reflector *reflector)
{
        if (!reflector)
                return;
        cache_free(&reflector->cache);
        gsl_rng_free(reflector->random);
        free(reflector);
}

static int64_t steady_ms(const struct kube_reflector *reflector)
{
        return reactor_steady_ms(reflector->client->reactor);
}

static bool stopped(const struct kube_reflector *reflector)
{
        return reactor_stopped(reflector->client->reactor);
}

static void heard(struct kube_reflector *reflector)
{
        reflector->state.heard_ms = clock_now_ms(&reflector->client->clock);
}

/* True: `version` is older than what is known already. */
static bool is_older(const struct kube_reflector *reflector, const char *version)
{
        bool known = false;

        return kube_version_compare(version, reflector->version, &known) < 0 && known;
}

/* ---- lists ---- */

/* A server behind others, or one that was set back? Only time tells. */
static bool check_age(struct kube_reflector *reflector, const char *version, struct error *err)
{
        if (!is_older(reflector, version)) {
                reflector->set_back_ms = 0;
                return true;
        }
        reflector->state.stale++;
        if (reflector->set_back_ms == 0)
                reflector->set_back_ms = steady_ms(reflector);
        if (steady_ms(reflector) - reflector->set_back_ms >= SET_BACK_MS)
                return true;
        return error_set(err, ERROR_UNAVAILABLE, "StaleList",
                         "%s: the server answers with version %s, and was at %s before",
                         reflector->options.resource->plural, version, reflector->version);
}

static bool on_begin(void *context, const char *version, struct error *err)
{
        struct kube_reflector *reflector = context;

        cache_begin(&reflector->cache, ++reflector->round);
        return check_age(reflector, version, err);
}

static bool on_object(void *context, const json_t *object, struct error *err)
{
        struct kube_reflector *reflector = context;

        return cache_put(&reflector->cache, object, err);
}

static bool list(struct kube_reflector *reflector, struct error *err)
{
        const struct kube_visitor visitor = {.begin = on_begin, .object = on_object, .context = reflector};
        char version[KUBE_VERSION_ROOM];

        reflector->state.lists++;
        if (!kube_list(reflector->client, reflector->options.resource, &reflector->options.selection,
                       &visitor, version, err))
                return false;
        cache_sweep(&reflector->cache);
        memcpy(reflector->version, version, sizeof version);
        reflector->set_back_ms = 0;
        reflector->synced = true;
        reflector->listed_ms = steady_ms(reflector);
        heard(reflector);
        return true;
}

/* ---- events ---- */

static bool apply(struct kube_reflector *reflector, enum kube_event_type type, const json_t *object,
                  struct error *err)
{
        if (type == KUBE_BOOKMARK)
                return true;
        reflector->state.events++;
        if (type == KUBE_DELETED) {
                cache_drop(&reflector->cache, object);
                return true;
        }
        return cache_put(&reflector->cache, object, err) ||
               error_wrap(err, "%s", reflector->options.resource->plural);
}

/* Versions of events only grow. The last one may come twice; one from before means that some came in another
 * order, or again, and that only a list can tell what is there. */
static bool take_event(struct kube_reflector *reflector, enum kube_event_type type, const json_t *object,
                       struct error *err)
{
        const char *version = kube_meta(object, "resourceVersion");

        heard(reflector);
        if (strcmp(version, reflector->version) == 0) {
                reflector->state.repeated += type != KUBE_BOOKMARK;
                return true;
        }
        if (is_older(reflector, version)) {
                reflector->state.stale++;
                return error_set(err, ERROR_NOT_FOUND, "OutOfOrder",
                                 "%s: an event of version %s came after one of %s",
                                 reflector->options.resource->plural, version, reflector->version);
        }
        if (!apply(reflector, type, object, err))
                return false;
        snprintf(reflector->version, sizeof reflector->version, "%s", version);
        return true;
}

static bool is_due(const struct kube_reflector *reflector)
{
        return steady_ms(reflector) - reflector->listed_ms >=
               reflector->options.refresh_seconds * MS_PER_SECOND;
}

static void works_again(struct kube_reflector *reflector)
{
        reflector->state.trouble[0] = '\0';
        error_clear(&reflector->trouble);
}

/* Until the watch ends (false) or the next list is due. */
static bool watch(struct kube_reflector *reflector, struct error *err)
{
        autocall(kube_watch_close) struct kube_watch *watched = NULL;

        reflector->state.watches++;
        if (!kube_watch_open(reflector->client, reflector->options.resource, &reflector->options.selection,
                             reflector->version, &watched, err))
                return false;
        while (!is_due(reflector)) {
                autojson *object = NULL;
                enum kube_event_type type;

                if (!kube_watch_next(watched, &type, &object, err) ||
                    !take_event(reflector, type, object, err))
                        return false;
                reflector->failures = 0;
                works_again(reflector);
        }
        return true;
}

/* ---- failures ---- */

/* Exponential, with jitter over its upper half: many reflectors do not come back all at once. */
static void pause_after(struct kube_reflector *reflector)
{
        const struct clock *clock = &reflector->client->clock;
        struct error interrupted = ERROR_INIT;
        int64_t longest = kube_reflector_synced(reflector) ? LONGEST_PAUSE_MS : UNSEEN_PAUSE_MS;
        int64_t most = FIRST_PAUSE_MS;

        for (int i = 1; i < reflector->failures && most < longest; i++)
                most *= 2;
        if (most > longest)
                most = longest;
        (void)clock_sleep_until(clock,
                                clock_now_ms(clock) + most / 2 +
                                        (int64_t)(gsl_rng_uniform(reflector->random) * (double)most / 2),
                                &interrupted);
}

static void fail(struct kube_reflector *reflector, const struct error *err)
{
        reflector->failures++;
        if (strcmp(err->reason, "WatchEnded") == 0) {
                pause_after(reflector);
                return;
        }
        if (strcmp(reflector->state.trouble, err->message) != 0)
                log_warning(reflector->options.log, "objects cannot be followed",
                            LOG_TEXT("resource", reflector->options.resource->plural),
                            LOG_TEXT("error", err->message));
        snprintf(reflector->state.trouble, sizeof reflector->state.trouble, "%s", err->message);
        reflector->trouble = *err;
        reflector->state.failures++;
        pause_after(reflector);
}

/* After these only a list can tell; after any other end a watch goes on from where it was. */
static bool takes_a_list(const struct error *err)
{
        return strcmp(err->reason, "Expired") == 0 || strcmp(err->reason, "OutOfOrder") == 0 ||
               err->code == ERROR_INCOMPLETE || err->code == ERROR_LIMIT;
}

/* Watches until a list is due. */
static void follow(struct kube_reflector *reflector)
{
        while (!stopped(reflector) && !is_due(reflector)) {
                struct error err = ERROR_INIT;
                int64_t since_ms = steady_ms(reflector);

                if (watch(reflector, &err) || stopped(reflector))
                        return;
                if (steady_ms(reflector) - since_ms >= LONGEST_PAUSE_MS)
                        reflector->failures = 0;
                fail(reflector, &err);
                if (takes_a_list(&err))
                        return;
        }
}

void kube_reflector_run(void *argument)
{
        struct kube_reflector *reflector = argument;

        while (!stopped(reflector)) {
                struct error err = ERROR_INIT;

                if (!list(reflector, &err)) {
                        if (!stopped(reflector))
                                fail(reflector, &err);
                        continue;
                }
                works_again(reflector);
                follow(reflector);
        }
}

/* ---- for those who ask ---- */

void kube_reflector_relist(struct kube_reflector *reflector)
{
        reflector->listed_ms = steady_ms(reflector) - reflector->options.refresh_seconds * MS_PER_SECOND;
}

bool kube_reflector_synced(const struct kube_reflector *reflector)
{
        return reflector->synced;
}

bool kube_reflector_wait(struct kube_reflector *reflector, int64_t timeout_ms, struct error *err)
{
        const struct clock *clock = &reflector->client->clock;
        int64_t until_ms = steady_ms(reflector) + timeout_ms;

        while (!reflector->synced) {
                if (steady_ms(reflector) >= until_ms)
                        return error_set(err, ERROR_TIMEOUT, NULL, "%s: no whole list within %.3g s%s%s",
                                         reflector->options.resource->plural,
                                         (double)timeout_ms / MS_PER_SECOND,
                                         *reflector->state.trouble ? ": " : "", reflector->state.trouble);
                if (!clock_sleep_until(clock, clock_now_ms(clock) + LOOK_MS, err))
                        return false;
        }
        return true;
}

const void *kube_reflector_get(const struct kube_reflector *reflector, const char *namespace,
                               const char *name)
{
        const struct cache_item *item = cache_find(&reflector->cache, namespace, name);

        return item ? item->kept : NULL;
}

const char *kube_reflector_uid(const struct kube_reflector *reflector, const char *namespace,
                               const char *name)
{
        const struct cache_item *item = cache_find(&reflector->cache, namespace, name);

        return item ? item->uid : "";
}

const char *kube_reflector_version(const struct kube_reflector *reflector, const char *namespace,
                                   const char *name)
{
        const struct cache_item *item = cache_find(&reflector->cache, namespace, name);

        return item ? item->version : "";
}

struct visit {
        void (*visit)(void *context, const char *namespace, const char *name, const void *kept);
        void *context;
};

static void visit_wanted(const struct cache_item *item, void *context)
{
        const struct visit *visit = context;

        if (item->kept)
                visit->visit(visit->context, item->namespace, item->name, item->kept);
}

void kube_reflector_each(const struct kube_reflector *reflector,
                         void (*visit)(void *context, const char *namespace, const char *name,
                                       const void *kept),
                         void *context)
{
        struct visit each = {visit, context};

        cache_each(&reflector->cache, visit_wanted, &each);
}

struct kube_reflector_state kube_reflector_state(const struct kube_reflector *reflector)
{
        struct kube_reflector_state state = reflector->state;

        state.objects = reflector->cache.count;
        state.bytes = reflector->cache.bytes;
        return state;
}

const struct error *kube_reflector_trouble(const struct kube_reflector *reflector)
{
        return &reflector->trouble;
}
