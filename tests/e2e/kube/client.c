/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client of core/kubernetes/ on a real API server, which tests/e2e/kube/cases/client.py started:
 * KUBECONFIG names it, and ETCD_URL its store, for what a server forgets. Time is the machine's, so a wait is
 * for something to be seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/kubernetes/discovery.h"
#include "core/kubernetes/elector.h"
#include "core/kubernetes/events.h"
#include "core/kubernetes/reflector.h"
#include "core/kubernetes/watch.h"

#define PATIENCE_MS  INT64_C(60000)
#define MANY         1010 /* objects: three pages */
#define READS        1000
#define LEADS_WITHIN (3 * PATIENCE_MS)

static const struct kube_resource maps = {"", "v1", "configmaps"};
static const struct kube_resource deployments = {"apps", "v1", "deployments"};
static const struct kube_resource pods = {"", "v1", "pods"};
static const struct kube_resource accounts = {"", "v1", "serviceaccounts"};
static const struct kube_selection ours = {.namespace = "default", .labels = "by=optctl-test"};

struct scene {
        struct reactor *reactor;
        struct clock clock;
        struct http_client *http;
        struct kube_client *client;
        struct error err;
        struct kube_refusal refusal;
        void (*play)(struct scene *scene);
};

/* ---- a scene ---- */

static void must(bool good, const struct error *err)
{
        if (!good)
                fail_msg("%s: %s", err->reason, err->message);
}

static void play_and_stop(void *argument)
{
        struct scene *scene = argument;

        scene->play(scene);
        reactor_stop(scene->reactor);
}

static struct scene scene_open(void (*play)(struct scene *scene))
{
        autocall(kube_config_free) struct kube_config *config = NULL;
        struct scene scene = {.play = play, .err = ERROR_INIT};

        must(reactor_new(NULL, &scene.reactor, &scene.err), &scene.err);
        scene.clock = reactor_clock(scene.reactor);
        must(http_client_new(scene.reactor, NULL, NULL, &scene.http, &scene.err), &scene.err);
        must(kube_config_find(NULL, NULL, &config, &scene.err), &scene.err);
        must(kube_client_new(scene.reactor, scene.http, config, &scene.client, &scene.err), &scene.err);
        return scene;
}

static void scene_run(struct scene *scene)
{
        reactor_spawn(scene->reactor, play_and_stop, scene);
        reactor_run(scene->reactor);
}

static void scene_close(struct scene *scene)
{
        kube_client_free(scene->client);
        http_client_free(scene->http);
        reactor_free(scene->reactor);
}

static void run(void (*play)(struct scene *scene))
{
        struct scene scene = scene_open(play);

        scene_run(&scene);
        scene_close(&scene);
}

static void pause_for(struct scene *scene, int64_t ms)
{
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&scene->clock, clock_now_ms(&scene->clock) + ms, &err));
}

/* ---- objects ---- */

static json_t *map_object(const char *name, const char *value)
{
        return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s}}, s:{s:s}}", "apiVersion", "v1", "kind",
                         "ConfigMap", "metadata", "name", name, "namespace", "default", "labels", "by",
                         "optctl-test", "data", "value", value);
}

static struct kube_target map_target(const char *name)
{
        return (struct kube_target){&maps, "default", name, NULL};
}

static bool apply_map(struct scene *scene, const char *name, const char *value, const char *manager,
                      bool force)
{
        const struct kube_target target = map_target(name);
        const struct kube_write write = {.manager = manager, .force = force, .refusal = &scene->refusal};
        autojson *object = map_object(name, value);

        error_clear(&scene->err);
        return kube_apply(scene->client, &target, object, &write, NULL, &scene->err);
}

static void delete_map(struct scene *scene, const char *name)
{
        const struct kube_target target = map_target(name);

        error_clear(&scene->err);
        must(kube_delete(scene->client, &target, NULL, &scene->err), &scene->err);
}

static void expect_refused(struct scene *scene, bool good, enum error_code code, const char *reason)
{
        assert_false(good);
        assert_string_equal(scene->err.reason, reason);
        assert_int_equal(scene->err.code, code);
        error_clear(&scene->err);
}

/* ---- one object ---- */

static void play_one_object(struct scene *scene)
{
        const struct kube_target target = map_target("one");
        const struct kube_write write = {.refusal = &scene->refusal};
        autojson *object = map_object("one", "1"), *first = NULL, *bad = map_object("No Name", "1");

        must(kube_create(scene->client, &target, object, &write, &first, &scene->err), &scene->err);
        assert_true(*kube_meta(first, "uid") && *kube_meta(first, "resourceVersion"));
        expect_refused(scene, kube_create(scene->client, &target, object, &write, NULL, &scene->err),
                       ERROR_CONFLICT, "AlreadyExists");
        assert_int_equal(scene->refusal.code, 409);
        expect_refused(scene, kube_create(scene->client, &target, bad, &write, NULL, &scene->err),
                       ERROR_REFUSED, "Invalid");
        assert_int_equal(scene->refusal.n_causes, 1);
        assert_string_equal(scene->refusal.causes[0].field, "metadata.name");
        assert_string_equal(scene->refusal.causes[0].reason, "FieldValueInvalid");
        must(kube_update(scene->client, &target, first, &write, NULL, &scene->err), &scene->err);
        must(apply_map(scene, "one", "2", NULL, true), &scene->err);
        expect_refused(scene, kube_update(scene->client, &target, first, &write, NULL, &scene->err),
                       ERROR_CONFLICT, "Conflict");
}

static void test_create_and_update(void **state)
{
        (void)state;
        run(play_one_object);
}

static void play_names(struct scene *scene)
{
        static const struct kube_resource unknown = {"example.org", "v1", "things"};
        const struct kube_target nobody = map_target("nobody");
        const struct kube_target thing = {&unknown, "default", "a", NULL};
        autojson *object = NULL;

        expect_refused(scene, kube_get(scene->client, &nobody, &object, &scene->err), ERROR_NOT_FOUND,
                       "NotFound");
        expect_refused(scene, kube_get(scene->client, &thing, &object, &scene->err), ERROR_NOT_FOUND,
                       "KindNotServed");
}

static void test_what_is_not_there(void **state)
{
        (void)state;
        run(play_names);
}

static void play_apply(struct scene *scene)
{
        must(apply_map(scene, "shared", "1", "somebody", false), &scene->err);
        must(apply_map(scene, "shared", "1", NULL, false), &scene->err);
        expect_refused(scene, apply_map(scene, "shared", "2", NULL, false), ERROR_CONFLICT, "Conflict");
        assert_int_equal(scene->refusal.n_causes, 1);
        assert_string_equal(scene->refusal.causes[0].reason, "FieldManagerConflict");
        assert_string_equal(scene->refusal.causes[0].field, ".data.value");
        assert_non_null(strstr(scene->refusal.causes[0].message, "somebody"));
        must(apply_map(scene, "shared", "2", NULL, true), &scene->err);
}

static void test_fields_of_another_manager(void **state)
{
        (void)state;
        run(play_apply);
}

static void play_preconditions(struct scene *scene)
{
        const struct kube_target target = map_target("guarded");
        struct kube_write write = {.uid = "00000000-0000-0000-0000-000000000000", .refusal = &scene->refusal};
        autojson *object = NULL, *patch = json_pack("{s:{s:s}}", "data", "value", "3");
        autofree char *uid = NULL;

        must(apply_map(scene, "guarded", "1", NULL, false), &scene->err);
        must(kube_get(scene->client, &target, &object, &scene->err), &scene->err);
        uid = memory_copy_text(kube_meta(object, "uid"));
        expect_refused(scene, kube_merge(scene->client, &target, patch, &write, NULL, &scene->err),
                       ERROR_CONFLICT, "Conflict");
        expect_refused(scene, kube_delete(scene->client, &target, &write, &scene->err), ERROR_CONFLICT,
                       "Conflict");
        write.uid = uid;
        write.resource_version = "1";
        expect_refused(scene, kube_merge(scene->client, &target, patch, &write, NULL, &scene->err),
                       ERROR_CONFLICT, "Conflict");
        write.resource_version = kube_meta(object, "resourceVersion");
        must(kube_merge(scene->client, &target, patch, &write, NULL, &scene->err), &scene->err);
        expect_refused(scene, kube_delete(scene->client, &target, &write, &scene->err), ERROR_CONFLICT,
                       "Conflict");
        write.resource_version = NULL;
        must(kube_delete(scene->client, &target, &write, &scene->err), &scene->err);
}

static void test_only_the_object_that_was_meant(void **state)
{
        (void)state;
        run(play_preconditions);
}

/* ---- workloads ---- */

static json_t *pod_template(void)
{
        return json_pack("{s:{s:{s:s}}, s:{s:[{s:s, s:s}]}}", "metadata", "labels", "app", "web", "spec",
                         "containers", "name", "c", "image", "example.org/none");
}

static double replicas_of(struct scene *scene, const struct kube_target *target)
{
        autojson *object = NULL;
        double replicas = -1;

        must(kube_get(scene->client, target, &object, &scene->err), &scene->err);
        (void)json_find_number(json_object_get(object, "spec"), "replicas", &replicas);
        return replicas;
}

static void play_scale(struct scene *scene)
{
        const struct kube_target web = {&deployments, "default", "web", NULL};
        const struct kube_target status = {&deployments, "default", "web", "status"};
        const struct kube_write dry = {.dry_run = true};
        autojson *object =
                json_pack("{s:s, s:s, s:{s:s}, s:{s:i, s:{s:{s:s}}, s:o}}", "apiVersion", "apps/v1", "kind",
                          "Deployment", "metadata", "name", "web", "spec", "replicas", 2, "selector",
                          "matchLabels", "app", "web", "template", pod_template());
        autojson *patch =
                json_pack("{s:{s:i}, s:{s:i}}", "status", "observedGeneration", 1, "spec", "replicas", 9);

        must(kube_create(scene->client, &web, object, NULL, NULL, &scene->err), &scene->err);
        must(kube_scale(scene->client, &web, 5, &dry, &scene->err), &scene->err);
        assert_int_equal((int)replicas_of(scene, &web), 2);
        must(kube_scale(scene->client, &web, 5, NULL, &scene->err), &scene->err);
        assert_int_equal((int)replicas_of(scene, &web), 5);
        expect_refused(scene, kube_scale(scene->client, &web, -1, NULL, &scene->err), ERROR_REFUSED,
                       "Invalid");
        /* What is said to /status changes nothing that is wanted. */
        must(kube_merge(scene->client, &status, patch, NULL, NULL, &scene->err), &scene->err);
        assert_int_equal((int)replicas_of(scene, &web), 5);
}

static void test_scale_and_status(void **state)
{
        (void)state;
        run(play_scale);
}

static void play_evict(struct scene *scene)
{
        const struct kube_target pod = {&pods, "default", "alone", NULL};
        autojson *object = pod_template(), *made = NULL;
        struct kube_write write = {.uid = "00000000-0000-0000-0000-000000000000", .refusal = &scene->refusal};

        json_object_set_new(json_object_get(object, "metadata"), "name", json_string("alone"));
        json_object_set_new(json_object_get(object, "spec"), "automountServiceAccountToken", json_false());
        must(kube_create(scene->client, &pod, object, NULL, &made, &scene->err), &scene->err);
        expect_refused(scene, kube_evict(scene->client, "default", "alone", &write, &scene->err),
                       ERROR_CONFLICT, "Conflict");
        write.uid = kube_meta(made, "uid");
        must(kube_evict(scene->client, "default", "alone", &write, &scene->err), &scene->err);
        expect_refused(scene, kube_get(scene->client, &pod, &made, &scene->err), ERROR_NOT_FOUND, "NotFound");
}

static void test_evict(void **state)
{
        (void)state;
        run(play_evict);
}

/* ---- what is served ---- */

static void play_discovery(struct scene *scene)
{
        static const struct kube_resource old = {"apps", "v1beta1", "deployments"};
        autocall(kube_discovery_free) struct kube_discovery *discovery = NULL;
        const struct kube_resource *found;

        must(kube_discovery_read(scene->client, &discovery, &scene->err), &scene->err);
        assert_true(kube_discovery_serves(discovery, &maps));
        assert_true(kube_discovery_serves(discovery, &deployments));
        assert_false(kube_discovery_serves(discovery, &old));
        assert_true(kube_discovery_has(discovery, &deployments, "scale"));
        assert_false(kube_discovery_has(discovery, &maps, "scale"));
        assert_true(kube_discovery_has(discovery, &pods, "resize"));
        assert_true(kube_discovery_has(discovery, &pods, "eviction"));
        /* Served as v2 and v1. */
        found = kube_discovery_find(discovery, "autoscaling", "horizontalpodautoscalers");
        assert_non_null(found);
        assert_string_equal(found->version, "v2");
        assert_null(kube_discovery_find(discovery, "flink.apache.org", "flinkdeployments"));
}

static void test_what_is_served(void **state)
{
        (void)state;
        run(play_discovery);
}

/* ---- events ---- */

static struct kube_events *news;

static const struct kube_resource events_kind = {"events.k8s.io", "v1", "events"};

struct found {
        int events;
        double count;
        bool right;
};

static bool find_event(void *context, const json_t *object, struct error *err)
{
        const json_t *regarding = json_object_get(object, "regarding");
        const char *reason = "", *name = "", *note = "";
        struct found *found = context;

        (void)err;
        (void)json_find_text(object, "reason", &reason);
        (void)json_find_text(regarding, "name", &name);
        (void)json_find_text(object, "note", &note);
        if (strcmp(reason, "ConfigurationApplied") != 0)
                return true;
        found->events++;
        found->right = strcmp(name, "web") == 0 && strcmp(note, "12 workers") == 0;
        (void)json_find_number(json_object_get(object, "series"), "count", &found->count);
        return true;
}

static void play_events(struct scene *scene)
{
        const struct kube_news applied = {.api_version = "apps/v1",
                                          .kind = "Deployment",
                                          .namespace = "default",
                                          .name = "web",
                                          .uid = "u",
                                          .reason = "ConfigurationApplied",
                                          .action = "Scale",
                                          .note = "12 workers"};

        kube_events_tell(news, &applied);
        pause_for(scene, 3000);
        kube_events_tell(news, &applied);
}

static void play_events_were_sent(struct scene *scene)
{
        struct found found = {0};
        const struct kube_visitor visitor = {NULL, find_event, &found};
        char version[KUBE_VERSION_ROOM];

        must(kube_list(scene->client, &events_kind, NULL, &visitor, version, &scene->err), &scene->err);
        assert_int_equal(found.events, 1);
        assert_true(found.right);
        assert_int_equal((int)found.count, 2);
}

static void test_news_of_an_object(void **state)
{
        struct scene scene = scene_open(play_events);

        (void)state;
        news = kube_events_new(scene.client, "optctl.dev/operator", "optctl-0", NULL);
        reactor_spawn(scene.reactor, kube_events_run, news);
        scene_run(&scene);
        assert_int_equal(kube_events_dropped(news), 0);
        kube_events_free(news);
        scene_close(&scene);
        run(play_events_were_sent);
}

/* ---- who we are ---- */

static bool ask_with_token(struct scene *scene, const char *token)
{
        autocall(kube_config_free) struct kube_config *config = NULL;
        autocall(kube_client_free) struct kube_client *client = NULL;
        const struct kube_target target = map_target("shared");
        autojson *object = NULL;

        must(kube_config_find(NULL, NULL, &config, &scene->err), &scene->err);
        free(TAKE(config->certificate_pem));
        config->token = secret_new_in_memory("token");
        must(secret_replace(config->token, token, &scene->err), &scene->err);
        must(kube_client_new(scene->reactor, scene->http, config, &client, &scene->err), &scene->err);
        return kube_get(client, &target, &object, &scene->err);
}

static void play_tokens(struct scene *scene)
{
        const struct kube_target account = {&accounts, "default", "default", "token"};
        autojson *request = json_pack("{s:s, s:s, s:{}}", "apiVersion", "authentication.k8s.io/v1", "kind",
                                      "TokenRequest", "spec");
        autojson *answer = NULL;
        const char *token = "";

        must(kube_create(scene->client, &account, request, NULL, &answer, &scene->err), &scene->err);
        (void)json_find_text(json_object_get(answer, "status"), "token", &token);
        expect_refused(scene, ask_with_token(scene, token), ERROR_REFUSED, "Forbidden");
        expect_refused(scene, ask_with_token(scene, "not-a-token"), ERROR_REFUSED, "Unauthorized");
}

static void test_tokens(void **state)
{
        (void)state;
        run(play_tokens);
}

/* ---- many objects ---- */

static void *keep_value(void *context, const json_t *object, size_t *ret_bytes)
{
        const char *value = "";

        (void)context;
        (void)json_find_text(json_object_get(object, "data"), "value", &value);
        *ret_bytes = strlen(value) + 1;
        return memory_copy_text(value);
}

static void apply_many(struct scene *scene)
{
        for (int i = 0; i < MANY; i++) {
                char name[16];

                snprintf(name, sizeof name, "m-%04d", i);
                must(apply_map(scene, name, "1", NULL, false), &scene->err);
        }
}

/* What of the reflector waits for. */
static bool holds(const struct kube_reflector *reflector, const char *name, const char *value)
{
        const char *kept = kube_reflector_get(reflector, "default", name);

        return value ? kept && strcmp(kept, value) == 0 : !kept;
}

static void wait_until_holds(struct scene *scene, const struct kube_reflector *reflector, const char *name,
                             const char *value)
{
        int64_t until_ms = clock_now_ms(&scene->clock) + PATIENCE_MS;

        while (!holds(reflector, name, value)) {
                if (clock_now_ms(&scene->clock) > until_ms)
                        fail_msg("%s is not %s; %s", name, value ? value : "gone",
                                 kube_reflector_state(reflector).trouble);
                pause_for(scene, 50);
        }
}

/* The store drops every version before now: the server has forgotten them. */
static void compact(struct scene *scene, const char *version)
{
        autocall(http_peer_free) struct http_peer *etcd = NULL;
        autofree char *body = memory_format("{\"revision\": \"%s\", \"physical\": true}", version);
        const struct http_request request = {.method = "POST",
                                             .path = "/v3/kv/compaction",
                                             .body = body,
                                             .body_length = strlen(body)};
        struct http_response response;

        must(http_peer_new(scene->http, getenv("ETCD_URL"), NULL, NULL, &etcd, &scene->err), &scene->err);
        must(http_send(etcd, &request, &response, &scene->err), &scene->err);
        http_response_free(&response);
}

static void version_now(struct scene *scene, char version[KUBE_VERSION_ROOM]);

static struct kube_reflector *reflected;

static void play_reflector(struct scene *scene)
{
        must(kube_reflector_wait(reflected, PATIENCE_MS, &scene->err), &scene->err);
        assert_true(holds(reflected, "m-0000", "1") && holds(reflected, "m-1009", "1"));
        assert_true(kube_reflector_state(reflected).objects >= MANY);
        must(apply_map(scene, "m-0500", "2", NULL, false), &scene->err);
        wait_until_holds(scene, reflected, "m-0500", "2");
        delete_map(scene, "m-0501");
        wait_until_holds(scene, reflected, "m-0501", NULL);
        must(apply_map(scene, "m-0501", "3", NULL, false), &scene->err);
        wait_until_holds(scene, reflected, "m-0501", "3");
        assert_int_equal(kube_reflector_state(reflected).lists, 1);
        assert_int_equal(kube_reflector_state(reflected).stale, 0);
}

static void test_a_cache_of_a_thousand_objects(void **state)
{
        const struct kube_reflector_options options = {.resource = &maps,
                                                       .selection = ours,
                                                       .project = keep_value};
        struct scene scene = scene_open(play_reflector);

        (void)state;
        run(apply_many);
        reflected = kube_reflector_new(scene.client, &options);
        reactor_spawn(scene.reactor, kube_reflector_run, reflected);
        scene_run(&scene);
        kube_reflector_free(reflected);
        scene_close(&scene);
}

/* ---- what a server forgets ---- */

struct look {
        struct scene *scene;
        int begun, objects;
        bool compacts; /* between the first page and the second */
};

static bool on_begin(void *context, const char *version, struct error *err)
{
        struct look *look = context;

        (void)version;
        (void)err;
        look->begun++;
        look->objects = 0;
        return true;
}

static bool on_object(void *context, const json_t *object, struct error *err)
{
        struct look *look = context;
        char version[KUBE_VERSION_ROOM];

        (void)object;
        (void)err;
        look->objects++;
        if (!look->compacts)
                return true;
        look->compacts = false;
        must(apply_map(look->scene, "m-0000", "9", NULL, false), &look->scene->err);
        version_now(look->scene, version);
        compact(look->scene, version);
        return true;
}

static void version_now(struct scene *scene, char version[KUBE_VERSION_ROOM])
{
        const struct kube_target target = map_target("m-0000");
        autojson *object = NULL;

        must(kube_get(scene->client, &target, &object, &scene->err), &scene->err);
        snprintf(version, KUBE_VERSION_ROOM, "%s", kube_meta(object, "resourceVersion"));
}

static void play_forgotten_list(struct scene *scene)
{
        struct look look = {.scene = scene, .compacts = true};
        const struct kube_visitor visitor = {on_begin, on_object, &look};
        char version[KUBE_VERSION_ROOM];

        must(kube_list(scene->client, &maps, &ours, &visitor, version, &scene->err), &scene->err);
        assert_int_equal(look.begun, 2);
        assert_true(look.objects >= MANY);
}

static void test_a_version_forgotten_between_two_pages(void **state)
{
        (void)state;
        run(play_forgotten_list);
}

static void play_forgotten_watch(struct scene *scene)
{
        autocall(kube_watch_close) struct kube_watch *watch = NULL;
        autojson *object = NULL;
        enum kube_event_type type;
        bool good;

        good = kube_watch_open(scene->client, &maps, &ours, "1", &watch, &scene->err) &&
               kube_watch_next(watch, &type, &object, &scene->err);
        expect_refused(scene, good, ERROR_NOT_FOUND, "Expired");
}

static void test_a_watch_from_a_version_that_is_forgotten(void **state)
{
        (void)state;
        run(play_forgotten_watch);
}

/* ---- connections that the server ends ---- */

/* One answer in fifty comes with a GOAWAY: twenty of them, which neither who asks nor a watch notices. */
static void play_connections_that_end(struct scene *scene)
{
        autocall(kube_watch_close) struct kube_watch *watch = NULL;
        autojson *object = NULL;
        enum kube_event_type type;
        char version[KUBE_VERSION_ROOM];

        version_now(scene, version);
        must(kube_watch_open(scene->client, &maps, &ours, version, &watch, &scene->err), &scene->err);
        for (int i = 0; i < READS; i++)
                version_now(scene, version);
        must(apply_map(scene, "m-0000", "once more", NULL, true), &scene->err);
        must(kube_watch_next(watch, &type, &object, &scene->err), &scene->err);
        assert_int_equal(type, KUBE_MODIFIED);
        assert_string_equal(kube_meta(object, "name"), "m-0000");
}

static void test_connections_that_the_server_ends(void **state)
{
        (void)state;
        run(play_connections_that_end);
}

/* ---- one leader ---- */

static struct kube_elector *stands[2];

static int leader_of_two(void)
{
        int first = kube_elector_left_ms(stands[0]) > 0, second = kube_elector_left_ms(stands[1]) > 0;

        assert_false(first && second);
        return first ? 0 : second ? 1 : -1;
}

static int wait_for_leader(struct scene *scene, int other_than)
{
        int64_t until_ms = clock_now_ms(&scene->clock) + LEADS_WITHIN;

        while (leader_of_two() < 0 || leader_of_two() == other_than) {
                if (clock_now_ms(&scene->clock) > until_ms)
                        fail_msg("nobody leads");
                pause_for(scene, 50);
        }
        return leader_of_two();
}

static void play_leaders(struct scene *scene)
{
        int first = wait_for_leader(scene, -1);
        int64_t term = kube_elector_term(stands[first]);

        pause_for(scene, 3000);
        assert_int_equal(leader_of_two(), first);
        must(kube_elector_release(stands[first], &scene->err), &scene->err);
        (void)wait_for_leader(scene, -1);
        assert_true(kube_elector_term(stands[leader_of_two()]) > term);
}

static void test_one_of_two_leads(void **state)
{
        static const char *const names[] = {"optctl-a", "optctl-b"};
        struct scene scene = scene_open(play_leaders);

        (void)state;
        for (int i = 0; i < 2; i++) {
                const struct kube_elector_options options = {.namespace = "default",
                                                             .name = "optctl",
                                                             .identity = names[i]};

                stands[i] = kube_elector_new(scene.client, &options);
                reactor_spawn(scene.reactor, kube_elector_run, stands[i]);
        }
        scene_run(&scene);
        for (int i = 0; i < 2; i++)
                kube_elector_free(stands[i]);
        scene_close(&scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_create_and_update),
                cmocka_unit_test(test_what_is_not_there),
                cmocka_unit_test(test_fields_of_another_manager),
                cmocka_unit_test(test_only_the_object_that_was_meant),
                cmocka_unit_test(test_scale_and_status),
                cmocka_unit_test(test_evict),
                cmocka_unit_test(test_what_is_served),
                cmocka_unit_test(test_news_of_an_object),
                cmocka_unit_test(test_tokens),
                cmocka_unit_test(test_a_cache_of_a_thousand_objects),
                cmocka_unit_test(test_a_version_forgotten_between_two_pages),
                cmocka_unit_test(test_a_watch_from_a_version_that_is_forgotten),
                cmocka_unit_test(test_connections_that_the_server_ends),
                cmocka_unit_test(test_one_of_two_leads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
