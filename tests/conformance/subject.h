/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_CONFORMANCE_SUBJECT_H
#define OPTCTL_TESTS_CONFORMANCE_SUBJECT_H

#include <math.h>
#include <stdio.h>

#include "core/kubernetes/shared.h"
#include "core/plugin.h"
#include "core/yaml.h"
#include "tests/support/certificates.h"
#include "tests/support/conformance.h"
#include "tests/support/flink.h"
#include "tests/support/http_stage.h"
#include "tests/support/peer.h"

/*
 * How a healthy peer of a plugin answers, recorded from the real system (tests/fixtures). A plugin that
 * stands in no suite's table fails it.
 */
struct subject {
        const char *name;    /* column of the table */
        const char *plugin;  /* of the collector, whose options the actuator takes, too */
        const char *options; /* YAML; every %s is the peer's URL */
        bool per_operator;   /* a parallelism knob for each operator, or one for all */
        bool kubernetes;     /* the peer is an API server */
        bool pool;           /* the knob says how many workers there are */
        int n_before, last;  /* turns before the faulty one, which are healthy; the last one */
        int64_t longest_ms;  /* for which a turn may take, whatever the peer does */
        void (*serve)(struct scripted_peer *peer, void *recorded, int moment);
        void *(*read)(void); /* what was recorded */
        void (*forget)(void *recorded);
        int64_t turn_ms;
        double slack;       /* ratio by which numbers differ when answers come later: windows end then */
        bool names_latency; /* the spec says that there is one: then it is missing when it is not known */
        bool says_it_once;  /* the same answer a second time is no news, and refused */
};

#define PIPELINE_OPERATORS 3

/* A plugin before its peer. */
struct stand {
        const struct subject *subject;
        struct http_stage *http;
        struct peer_pipeline chain;
        struct source_context context;
        struct yaml_document *document;
        void *options;
        struct shared *shared; /* from here on: of an API server */
        struct kube_client *client;
        struct kube_shared *kubernetes;
};

static inline char *stand_options(const struct subject *subject, const char *url)
{
        struct text text = {0};
        const char *at = subject->options, *next;

        for (; (next = strstr(at, "%s")); at = next + 2) {
                text_add(&text, at, (size_t)(next - at));
                text_put(&text, url);
        }
        text_put(&text, at);
        return text_take(&text);
}

/* The process' way to the API server, as a kubeconfig would have said it. */
static inline void stand_reach(struct stand *stand, const char *url, const char *ca_file)
{
        struct kube_config config = {.server = (char *)(uintptr_t)url,
                                     .namespace = (char *)(uintptr_t) "default",
                                     .shown = (char *)(uintptr_t) "a test",
                                     .ca_file = (char *)(uintptr_t)ca_file};
        struct kube_access access = {.reactor = stand->http->reactor, .http = stand->http->client};
        struct error err = ERROR_INIT;

        if (!kube_client_new(access.reactor, access.http, &config, &stand->client, &err))
                fail_msg("%s: %s", stand->subject->name, err.message);
        access.client = stand->client;
        stand->shared = shared_new();
        stand->kubernetes = kube_shared_provide(stand->shared, &access);
        stand->context.shared = stand->shared;
}

/* `ca_file`: the authority that is trusted; NULL: as the system has it. */
static inline void stand_open(struct stand *stand, const struct subject *subject,
                              const struct option_table *table, const struct scripted_tls *tls,
                              const char *ca_file)
{
        autofree char *options = NULL;
        autotext yaml = {0};
        struct error err = ERROR_INIT;

        *stand = (struct stand){.subject = subject};
        stand->http = http_stage_open_with(NULL, tls, !tls);
        peer_operators(&stand->chain, PIPELINE_OPERATORS, 64);
        stand->chain.operators[2].name = "Writer";
        if (!subject->per_operator) {
                stand->chain.knobs[0].operator_index = -1;
                stand->chain.pipeline.n_knobs = 1;
        }
        if (subject->pool) {
                stand->chain.knobs[0].name = "workers";
                stand->chain.knobs[0].role = KNOB_WORKERS;
        }
        stand->context = (struct source_context){.pipeline = &stand->chain.pipeline,
                                                 .name = "chain",
                                                 .base = ".",
                                                 .clock = &stand->http->clock,
                                                 .reactor = stand->http->reactor,
                                                 .http = stand->http->client};
        options = stand_options(subject, scripted_peer_url(stand->http->script));
        text_put(&yaml, options);
        if (subject->kubernetes)
                stand_reach(stand, scripted_peer_url(stand->http->script), ca_file);
        else if (ca_file)
                text_format(&yaml, "connection: {caFile: %s}\n", ca_file);
        if (!yaml_parse(yaml.data, yaml.length, "options.yaml", &stand->document, &err) ||
            !option_new(table, yaml_root(stand->document), &stand->options, &err))
                fail_msg("%s: %s", subject->name, err.message);
}

static inline void stand_close(struct stand *stand, const struct option_table *table)
{
        if (stand->kubernetes) {
                reactor_stop(stand->http->reactor);
                reactor_run(stand->http->reactor);
                kube_shared_withdraw(stand->shared, stand->kubernetes);
                kube_client_free(stand->client);
                shared_free(stand->shared);
        }
        option_delete(table, stand->options);
        yaml_document_free(stand->document);
        http_stage_close(stand->http);
}

struct stand_pause {
        struct stand *stand;
        int64_t ms;
};

static inline void stand_sleep(void *argument)
{
        struct stand_pause *pause = argument;
        struct error err = ERROR_INIT;

        (void)clock_sleep_until(&pause->stand->http->clock,
                                clock_now_ms(&pause->stand->http->clock) + pause->ms, &err);
}

static inline void stand_pass(struct stand *stand, int64_t ms)
{
        struct stand_pause pause = {stand, ms};

        reactor_call(stand->http->reactor, stand_sleep, &pause);
}

/* 2026-11-23T00:00:00Z: all runs that were recorded are over by then. */
#define RECORDED_BY INT64_C(1795392000000)

/* ---- certificates that must not be trusted ---- */

static const struct {
        const char *name;
        struct certificate certificate;
} bad_certificates[] = {
        {"TLS: of an unknown authority", {.subject = "x", .names = "IP:127.0.0.1", .issuer = "other-ca"}},
        {"TLS: for another host", {.subject = "x", .names = "IP:127.0.0.2", .issuer = "ca"}},
        {"TLS: expired", {.subject = "x", .names = "IP:127.0.0.1", .issuer = "ca", .expired = true}},
};

static inline void make_authorities(const struct scratch *scratch)
{
        certificate_make(scratch, "ca", &(struct certificate){.subject = "Test authority"});
        certificate_make(scratch, "other-ca", &(struct certificate){.subject = "Other authority"});
}

struct bad_server {
        struct scripted_tls tls;
        char *certificate_file, *key_file;
        char *ca_file; /* of the authority that is trusted */
};

static inline void bad_server_make(struct bad_server *server, const struct scratch *scratch, int which)
{
        certificate_make(scratch, "server", &bad_certificates[which].certificate);
        server->certificate_file = scratch_path(scratch, "server.crt");
        server->key_file = scratch_path(scratch, "server.key");
        server->ca_file = scratch_path(scratch, "ca.crt");
        server->tls = (struct scripted_tls){server->certificate_file, server->key_file, NULL};
}

static inline void bad_server_forget(struct bad_server *server)
{
        free(server->certificate_file);
        free(server->key_file);
        free(server->ca_file);
}

/* ---- Flink, as it answered then (tests/e2e/record_flink) ---- */

static inline void *flink_subject_read(void)
{
        struct flink_recording *recording = memory_new(1, sizeof *recording);

        *recording = flink_recording_read("tests/fixtures/flink/2.2.1-load-and-rescale.jsonl");
        return recording;
}

static inline void flink_subject_forget(void *recorded)
{
        flink_recording_free(recorded);
        free(recorded);
}

static inline void flink_serve_some(struct scripted_peer *peer, const json_t *answers, bool queries)
{
        const char *path;
        json_t *answer;

        json_object_foreach((json_t *)(uintptr_t)answers, path, answer)
        {
                autofree char *body = json_dumps(answer, 0);
                autofree char *request = memory_format("GET %s%s", path, queries ? "get=*" : "");

                if (!strchr(path, '?') == !queries)
                        scripted_peer_json(peer, request, body);
        }
}

/* Lists of names are those of the first moment; answers to queries come first: where no query is said, any
 * fits. */
static inline void flink_subject_serve(struct scripted_peer *peer, void *recorded, int moment)
{
        const struct flink_recording *recording = recorded;

        scripted_peer_forget_answers(peer);
        flink_serve_some(peer, recording->moments[moment].answers, true);
        flink_serve_some(peer, recording->moments[moment].answers, false);
        flink_serve_some(peer, recording->moments[0].answers, false);
}

#endif
