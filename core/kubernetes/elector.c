/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/elector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json.h"
#include "core/kubernetes/client_internal.h"
#include "core/kubernetes/list.h"
#include "core/random.h"

#define LEASE_MS      15000
#define RENEW_MS      10000
#define RETRY_MS      2000
#define TRIES         4     /* at once, when a write meets another one: several who hold it under one name */
#define LONGEST_LEASE 86400 /* s: of others, who may have written anything */
#define TIME_ROOM     40

/* The Lease as it was seen last. */
struct seen {
        char holder[256];
        char version[KUBE_VERSION_ROOM];
        int64_t lease_ms, transitions;
        int64_t at_ms; /* steady: when it was seen with this version for the first time */
        char acquired[TIME_ROOM];
};

struct kube_elector {
        struct kube_client *client;
        struct kube_elector_options options;
        char *namespace, *name, *identity;
        gsl_rng *random;
        struct seen seen;
        bool led;          /* told so, and not yet otherwise */
        int64_t until_ms;  /* steady: leads until then */
        int64_t renews_ms; /* of one request: half of renew_ms */
        int64_t term;
        char trouble[256];
};

static const struct kube_resource leases = {"coordination.k8s.io", "v1", "leases"};

static int64_t or_else(int64_t value, int64_t fallback)
{
        return value > 0 ? value : fallback;
}

struct kube_elector *kube_elector_new(struct kube_client *client, const struct kube_elector_options *options)
{
        struct kube_elector *elector = memory_new(1, sizeof *elector);
        uint64_t seed = (uint64_t)clock_now_ms(&client->clock);

        elector->client = client;
        elector->options = *options;
        elector->options.lease_ms = or_else(options->lease_ms, LEASE_MS);
        elector->options.renew_ms = or_else(options->renew_ms, RENEW_MS);
        elector->options.retry_ms = or_else(options->retry_ms, RETRY_MS);
        elector->renews_ms = elector->options.renew_ms / 2 > 1000 ? elector->options.renew_ms / 2 : 1000;
        elector->namespace = memory_copy_text(options->namespace);
        elector->name = memory_copy_text(options->name);
        elector->identity = memory_copy_text(options->identity);
        for (const char *at = options->identity; *at; at++)
                seed = seed * 31 + (unsigned char)*at;
        elector->random = random_new(seed, 0, 0);
        return elector;
}

void kube_elector_free(struct kube_elector *elector)
{
        if (!elector)
                return;
        free(elector->namespace);
        free(elector->name);
        free(elector->identity);
        gsl_rng_free(elector->random);
        free(elector);
}

static int64_t steady_ms(const struct kube_elector *elector)
{
        return reactor_steady_ms(elector->client->reactor);
}

int64_t kube_elector_left_ms(const struct kube_elector *elector)
{
        int64_t left = elector->until_ms - steady_ms(elector);

        return left > 0 ? left : 0;
}

int64_t kube_elector_term(const struct kube_elector *elector)
{
        return elector->term;
}

const char *kube_elector_holder(const struct kube_elector *elector)
{
        return elector->seen.holder;
}

int64_t kube_elector_free_ms(const struct kube_elector *elector)
{
        const struct seen *seen = &elector->seen;
        int64_t free_ms = steady_ms(elector) - (seen->at_ms + seen->lease_ms);

        return *seen->version && free_ms >= 0 ? free_ms : -1;
}

static bool is_ours(const struct kube_elector *elector)
{
        return strcmp(elector->seen.holder, elector->identity) == 0;
}

/* ---- the Lease ---- */

/* "2026-01-05T08:00:00.000000Z": the server refuses any other number of decimals. */
static void format_time(const struct kube_elector *elector, char text[TIME_ROOM])
{
        int64_t now_ms =
                clock_now_ms(elector->options.clock ? elector->options.clock : &elector->client->clock);
        time_t seconds = (time_t)(now_ms / MS_PER_SECOND);
        char plain[TIME_ROOM / 2 + 4];
        struct tm parts;

        gmtime_r(&seconds, &parts);
        strftime(plain, sizeof plain, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(text, TIME_ROOM, "%s.%06dZ", plain, (int)(now_ms % MS_PER_SECOND) * 1000);
}

static void take_seen(struct kube_elector *elector, const json_t *lease)
{
        const json_t *spec = json_object_get(lease, "spec");
        const char *holder = "", *acquired = "", *version = kube_meta(lease, "resourceVersion");
        struct seen *seen = &elector->seen;
        double number;

        if (strcmp(version, seen->version) != 0)
                seen->at_ms = steady_ms(elector);
        (void)json_find_text(spec, "holderIdentity", &holder);
        (void)json_find_text(spec, "acquireTime", &acquired);
        snprintf(seen->holder, sizeof seen->holder, "%s", holder);
        snprintf(seen->acquired, sizeof seen->acquired, "%s", acquired);
        snprintf(seen->version, sizeof seen->version, "%s", version);
        seen->lease_ms = elector->options.lease_ms;
        if (json_find_number(spec, "leaseDurationSeconds", &number) && number >= 1 && number <= LONGEST_LEASE)
                seen->lease_ms = (int64_t)(number * MS_PER_SECOND);
        seen->transitions = json_find_number(spec, "leaseTransitions", &number) ? (int64_t)number : 0;
}

/* `holder` "": nobody's, and to be had after lease_ms. */
static json_t *lease_of(const struct kube_elector *elector, const char *holder, int64_t lease_ms)
{
        const struct seen *seen = &elector->seen;
        bool stays = strcmp(holder, seen->holder) == 0 && *seen->acquired;
        int64_t seconds = (lease_ms + MS_PER_SECOND - 1) / MS_PER_SECOND;
        int64_t transitions = seen->transitions + (stays || !*holder || !*seen->version ? 0 : 1);
        char now[TIME_ROOM];
        json_t *lease;

        format_time(elector, now);
        lease = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:I, s:s, s:s, s:I}}", "apiVersion",
                          "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name", elector->name,
                          "namespace", elector->namespace, "spec", "holderIdentity", holder,
                          "leaseDurationSeconds", (json_int_t)seconds, "acquireTime",
                          stays ? seen->acquired : now, "renewTime", now, "leaseTransitions",
                          (json_int_t)transitions);
        if (*seen->version)
                json_object_set_new(json_object_get(lease, "metadata"), "resourceVersion",
                                    json_string(seen->version));
        return lease;
}

static struct kube_target target_of(const struct kube_elector *elector)
{
        return (struct kube_target){&leases, elector->namespace, elector->name, NULL};
}

static bool ask(struct kube_elector *elector, const char *method, const json_t *body, struct error *err)
{
        const struct kube_target target = target_of(elector);
        autofree char *path = kube_path(&target, method && strcmp(method, "POST") == 0);
        const struct kube_ask asked = {.method = method,
                                       .path = path,
                                       .body = body,
                                       .conditional = *kube_meta(body, "resourceVersion") != '\0',
                                       .of_lease = true,
                                       .timeout_ms = elector->renews_ms};
        autojson *lease = NULL;

        if (!kube_send_json(elector->client, &asked, &lease, err))
                return false;
        take_seen(elector, lease);
        return true;
}

static void tell(struct kube_elector *elector)
{
        bool leads = kube_elector_left_ms(elector) > 0;

        if (leads == elector->led)
                return;
        elector->led = leads;
        log_info(elector->options.log, leads ? "leads" : "leads no more", LOG_TEXT("lease", elector->name),
                 LOG_TEXT("identity", elector->identity));
        if (elector->options.changed)
                elector->options.changed(elector->options.context, leads);
}

/* Makes the lease ours, as of the moment before it was sent. */
static bool write_lease(struct kube_elector *elector, struct error *err)
{
        autojson *lease = lease_of(elector, elector->identity, elector->options.lease_ms);
        int64_t sent_ms = steady_ms(elector);

        if (!ask(elector, *elector->seen.version ? "PUT" : "POST", lease, err))
                return false;
        if (!is_ours(elector))
                return error_set(err, ERROR_CONFLICT, NULL, "the lease is another one's");
        /* It may have lapsed while it was renewed: who went by that is told, and then that we lead again. */
        tell(elector);
        elector->until_ms = sent_ms + elector->options.renew_ms;
        elector->term = elector->seen.transitions;
        return true;
}

/* Without a lease nobody can tell whether there is one who leads: a new one is nobody's at first, so that who
 * leads takes it, and others wait as long as for any. */
static bool create_lease(struct kube_elector *elector, struct error *err)
{
        autojson *lease = NULL;

        elector->seen = (struct seen){0};
        if (kube_elector_left_ms(elector) > 0)
                return write_lease(elector, err);
        lease = lease_of(elector, "", elector->options.lease_ms);
        return ask(elector, "POST", lease, err);
}

static bool may_be_taken(const struct kube_elector *elector)
{
        const struct seen *seen = &elector->seen;

        return is_ours(elector) || (!*seen->holder && kube_elector_left_ms(elector) > 0) ||
               steady_ms(elector) >= seen->at_ms + seen->lease_ms;
}

/* ---- attempts ---- */

/* Makes one where there is none. */
static bool look(struct kube_elector *elector, bool *ret_made, struct error *err)
{
        *ret_made = false;
        if (ask(elector, NULL, NULL, err))
                return true;
        if (err->code != ERROR_NOT_FOUND || strcmp(err->reason, "KindNotServed") == 0)
                return false;
        error_clear(err);
        *ret_made = true;
        return create_lease(elector, err);
}

/* Looks at the lease, and takes it when it is to be had. */
static bool try_to_lead(struct kube_elector *elector, struct error *err)
{
        bool made;

        if (!look(elector, &made, err))
                return false;
        if (made)
                return true;
        /* Whoever made it another one's: we go by the lease. */
        if (*elector->seen.holder && !is_ours(elector))
                elector->until_ms = 0;
        return !may_be_taken(elector) || write_lease(elector, err);
}

static bool is_wanted(const struct kube_elector *elector)
{
        return !elector->options.wanted || elector->options.wanted(elector->options.context);
}

/* Gives it up, or looks at who has it. */
static bool stand_back(struct kube_elector *elector, struct error *err)
{
        bool made;

        return kube_elector_left_ms(elector) > 0 ? kube_elector_release(elector, err)
                                                 : look(elector, &made, err);
}

static bool attempt(struct kube_elector *elector, struct error *err)
{
        if (!is_wanted(elector))
                return stand_back(elector, err);
        if (kube_elector_left_ms(elector) == 0)
                return try_to_lead(elector, err);
        if (write_lease(elector, err))
                return true;
        /* Somebody wrote or deleted it, or our last write came to nothing that we heard of: it tells. */
        for (int i = 0; i < TRIES && (err->code == ERROR_CONFLICT || err->code == ERROR_NOT_FOUND); i++) {
                error_clear(err);
                if (try_to_lead(elector, err))
                        return true;
        }
        return false;
}

static void note_trouble(struct kube_elector *elector, const struct error *err)
{
        if (err->code != ERROR_NONE && strcmp(elector->trouble, err->message) != 0)
                log_warning(elector->options.log, "lease cannot be renewed", LOG_TEXT("lease", elector->name),
                            LOG_TEXT("error", err->message));
        snprintf(elector->trouble, sizeof elector->trouble, "%s", err->message);
}

/* Of who waits: to the next look, or until the lease is free, if that is sooner; with jitter, so that those
 * who wait do not ask all at once. */
static int64_t pause_of_waiting(const struct kube_elector *elector)
{
        const struct seen *seen = &elector->seen;
        int64_t retry_ms = elector->options.retry_ms;
        int64_t free_ms = seen->at_ms + seen->lease_ms - steady_ms(elector);
        bool soon = *seen->version && free_ms > 0 && free_ms < retry_ms;

        return (soon ? free_ms : retry_ms) +
               (int64_t)(gsl_rng_uniform(elector->random) * 0.2 * (double)retry_ms);
}

/* Until the next attempt, or until we lead no more, if that is sooner. */
static void rest(struct kube_elector *elector)
{
        const struct clock *clock = &elector->client->clock;
        int64_t left_ms = kube_elector_left_ms(elector), pause_ms = elector->options.retry_ms;
        struct error interrupted = ERROR_INIT;

        if (left_ms == 0)
                pause_ms = pause_of_waiting(elector);
        else if (left_ms < pause_ms)
                pause_ms = left_ms;
        (void)clock_sleep_until(clock, clock_now_ms(clock) + pause_ms, &interrupted);
}

void kube_elector_run(void *argument)
{
        struct kube_elector *elector = argument;

        while (!reactor_stopped(elector->client->reactor)) {
                struct error err = ERROR_INIT;

                if (!attempt(elector, &err) && err.code == ERROR_CONFLICT)
                        error_clear(&err); /* somebody was quicker */
                note_trouble(elector, &err);
                tell(elector);
                rest(elector);
                tell(elector);
        }
}

bool kube_elector_release(struct kube_elector *elector, struct error *err)
{
        autojson *lease = NULL;

        if (kube_elector_left_ms(elector) == 0)
                return true;
        /* Even if no answer comes: from here on we do not lead. */
        elector->until_ms = 0;
        tell(elector);
        lease = lease_of(elector, "", MS_PER_SECOND);
        return ask(elector, "PUT", lease, err) || error_wrap(err, "releasing lease %s", elector->name);
}
