/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of the operator by themselves: who owns a target, what is kept of an object, what a fence holds back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/operator/fence.h"
#include "controller/live/fleet.h"
#include "controller/operator/claims.h"
#include "controller/operator/object.h"
#include "controller/registry.h"
#include "core/json.h"
#include "core/metrics.h"
#include "core/reactor.h"

#define OLDER   "2026-01-05T08:00:00Z"
#define YOUNGER "2026-01-05T08:00:01Z"

/* ---- claims ---- */

static void the_oldest_owns_a_target(void **state)
{
        struct claims *claims = claims_new();

        (void)state;
        assert_null(claims_owner(claims, "flink x"));
        claims_add(claims, "flink x", YOUNGER, "u1", "n/young");
        assert_string_equal(claims_owner(claims, "flink x"), "n/young");
        claims_add(claims, "flink x", OLDER, "u3", "n/old");
        claims_add(claims, "flink x", OLDER, "u2", "n/older-by-uid");
        claims_add(claims, "flink y", OLDER, "u0", "n/other");
        assert_string_equal(claims_owner(claims, "flink x"), "n/older-by-uid");
        claims_remove(claims, "flink x", "n/older-by-uid");
        assert_string_equal(claims_owner(claims, "flink x"), "n/old");
        claims_remove(claims, "flink x", "n/old");
        claims_remove(claims, "flink x", "n/nobody");
        claims_remove(claims, "flink x", "n/young");
        assert_null(claims_owner(claims, "flink x"));
        assert_string_equal(claims_owner(claims, "flink y"), "n/other");
        claims_free(claims);
}

/* ---- objects ---- */

static struct tuned_object *kept_of(const char *mode, const char *annotation, const char *engine)
{
        autofree char *text = memory_format(
                "{\"apiVersion\": \"optctl.dev/v1alpha1\", \"kind\": \"TunedPipeline\", \"metadata\": "
                "{\"name\": \"p\", "
                "\"namespace\": \"n\", \"uid\": \"u\", \"generation\": 7, \"creationTimestamp\": \"" OLDER
                "\", "
                "\"annotations\": {\"optctl.dev/paused\": \"%s\"}, \"managedFields\": [{}]}, \"spec\": "
                "{\"mode\": "
                "\"%s\", \"engine\": %s}, \"status\": {\"observedGeneration\": 6}}",
                annotation, mode, engine);
        autojson *object = json_loads(text, 0, NULL);
        size_t bytes = 0;
        struct tuned_object *kept;

        assert_non_null(object);
        kept = tuned_object_project(NULL, object, &bytes);
        assert_in_range(bytes, strlen(kept->text), 4096);
        return kept;
}

static void what_is_kept_of_an_object(void **state)
{
        struct tuned_object *kept =
                kept_of("Auto", "release", "{\"flink\": {\"url\": \"http://f:8081\", \"job\": \"orders\"}}");

        (void)state;
        assert_int_equal(kept->generation, 7);
        assert_string_equal(kept->uid, "u");
        assert_string_equal(kept->paused, "release");
        assert_string_equal(kept->shown, "flink/orders");
        assert_string_equal(kept->status, "{\"observedGeneration\":6}");
        assert_null(strstr(kept->text, "managedFields"));
        assert_non_null(strstr(kept->text, "http://f:8081"));
        assert_false(kept->deleted);
        tuned_object_free(kept);
}

static void two_that_want_the_same(void **state)
{
        static const struct {
                const char *a, *b;
                bool same;
        } cases[] = {
                {"{\"deployment\": {\"name\": \"d\"}}",
                 "{\"deployment\": {\"namespace\": \"n\", \"name\": \"d\"}}", true},
                {"{\"deployment\": {\"name\": \"d\"}}",
                 "{\"deployment\": {\"namespace\": \"m\", \"name\": \"d\"}}", false},
                {"{\"deployment\": {\"name\": \"d\"}}", "{\"statefulSet\": {\"name\": \"d\"}}", false},
                {"{\"flink\": {\"url\": \"u\", \"warmUpSeconds\": 3}}", "{\"flink\": {\"url\": \"u\"}}",
                 true},
                {"{\"flink\": {\"url\": \"u\", \"job\": \"a\"}}",
                 "{\"flink\": {\"url\": \"u\", \"job\": \"b\"}}", false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct tuned_object *a = kept_of("Auto", "false", cases[i].a),
                                    *b = kept_of("Auto", "false", cases[i].b),
                                    *other = kept_of("Recommend", "false", cases[i].b);

                assert_int_equal(strcmp(a->claim, b->claim) == 0, cases[i].same);
                /* By which they are in one shard, whatever their mode is, or was. */
                assert_string_equal(other->steered, b->claim);
                tuned_object_free(a);
                tuned_object_free(b);
                tuned_object_free(other);
        }
}

static void who_changes_nothing_claims_nothing(void **state)
{
        static const char *const modes[] = {"Observe", "Recommend"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
                struct tuned_object *kept = kept_of(modes[i], "false", "{\"deployment\": {\"name\": \"d\"}}");

                assert_null(kept->claim);
                assert_null(kept->paused);
                tuned_object_free(kept);
        }
}

/* Whatever somebody wrote who got past the schema. */
static void an_object_of_wrong_types(void **state)
{
        static const char *const texts[] = {
                "{}",
                "{\"spec\": 3}",
                "{\"spec\": {\"engine\": []}}",
                "{\"spec\": {\"engine\": {\"flink\": 3}}}",
                "{\"metadata\": {\"annotations\": {\"optctl.dev/paused\": 3}}, \"spec\": {\"mode\": 3, "
                "\"engine\": "
                "{\"flink\": {\"url\": 3}}}, \"status\": 3}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                autojson *object = json_loads(texts[i], 0, NULL);
                size_t bytes;
                struct tuned_object *kept = tuned_object_project(NULL, object, &bytes);

                assert_null(kept->status);
                assert_null(kept->paused);
                assert_null(kept->claim);
                tuned_object_free(kept);
        }
}

/* ---- fences ---- */

struct target {
        int announced, sent;
        int64_t left_ms;
};

static int64_t left_ms(void *context)
{
        return ((struct target *)context)->left_ms;
}

static bool begin(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        (void)call;
        (void)err;
        *ret_id = ++((struct target *)context)->announced;
        return true;
}

static bool end(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        (void)context;
        (void)err;
        return id > 0 && done && strcmp(answer, "200") == 0;
}

/* Two calls; while the first one is under way, time passes. */
static bool apply(void *state, const struct configuration *from, const struct configuration *to, bool dry_run,
                  const struct call_recorder *calls, struct error *err)
{
        struct target *target = state;
        int64_t id;

        (void)from;
        (void)to;
        (void)dry_run;
        for (int i = 0; i < 2; i++) {
                if (!calls->begin(calls->context, "PUT", &id, err))
                        return false;
                target->sent++;
                target->left_ms -= 1000;
                if (!calls->end(calls->context, id, true, "200", err))
                        return false;
        }
        return true;
}

static void a_fence_holds_back_what_could_come_too_late(void **state)
{
        static const struct actuator actuator = {.name = "two", .apply = apply};
        static const struct {
                int64_t left_ms;
                int sent;
        } cases[] = {{10000, 2},
                     {FENCE_LEFT_MS + 1000, 2},
                     {FENCE_LEFT_MS, 1},
                     {FENCE_LEFT_MS - 1, 0},
                     {0, 0}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct target target = {.left_ms = cases[i].left_ms};
                const struct fence fence = {.left_ms = left_ms, .context = &target};
                const struct call_recorder calls = {begin, end, &target};
                struct fenced fenced = {.fence = &fence, .actuator = &actuator, .state = &target};
                struct error err = ERROR_INIT;

                assert_int_equal(fenced_actuator.apply(&fenced, NULL, NULL, false, &calls, &err),
                                 cases[i].sent == 2);
                assert_int_equal(target.sent, cases[i].sent);
                assert_int_equal(target.announced, cases[i].sent);
                if (cases[i].sent < 2) {
                        assert_string_equal(err.reason, "NotLeading");
                        assert_true(err.retry);
                }
        }
}

/* Fails with the reason that it is told, as long as there is one. */
static bool read_told(void *state, struct configuration *ret_configuration, struct error *err)
{
        const char *reason = *(const char **)state;

        (void)ret_configuration;
        return !reason || error_set(err, ERROR_REFUSED, reason, "its replicas are kept by flux");
}

static void whose_a_field_is_holds_until_it_is_read_again(void **state)
{
        static const struct actuator actuator = {.name = "read", .read = read_told};
        const char *reason = "Conflicted";
        struct fenced fenced = {.actuator = &actuator, .state = &reason};
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(fenced_actuator.read(&fenced, NULL, &err));
        assert_string_equal(fenced.conflict, "its replicas are kept by flux");
        reason = "Forbidden";
        assert_false(fenced_actuator.read(&fenced, NULL, &err));
        assert_string_equal(fenced.conflict, "");
        reason = NULL;
        assert_true(fenced_actuator.read(&fenced, NULL, &err));
        assert_string_equal(fenced.conflict, "");
}

static int64_t forever(void *context)
{
        (void)context;
        return INT64_MAX;
}

/* Whether it is taken; *ret_err says why it is not. */
static bool put(const char *mode, const char *sections, bool fenced, struct error *ret_err)
{
        const struct fence fence = {.left_ms = forever};
        autofree char *text = memory_format(
                "{\"apiVersion\": \"optctl.dev/v1alpha1\", \"kind\": \"TunedPipeline\", \"metadata\": "
                "{\"name\": \"orders\", \"namespace\": \"n\"}, \"spec\": {\"mode\": \"%s\", \"knobs\": "
                "[{\"name\": \"parallelism\", \"min\": 1, \"max\": 8}], \"prices\": {\"currency\": \"USD\", "
                "\"worker\": {\"perHour\": \"0.05\"}}, %s}}",
                mode, sections);
        const struct fleet_object object = {.name = "TunedPipeline n/orders",
                                            .text = text,
                                            .fence = fenced ? &fence : NULL};
        struct reactor *reactor;
        struct metrics *metrics = metrics_new();
        struct fleet_setup setup = {.metrics = metrics, .registry = registry_all()};
        struct member *member;
        struct fleet *fleet;
        bool done;

        assert_true(reactor_new(&(struct reactor_options){.virtual_start_ms = 1}, &reactor, ret_err));
        setup.reactor = reactor;
        fleet = fleet_new(&setup);
        done = fleet_put(fleet, &object, &member, ret_err);
        fleet_free(fleet);
        metrics_free(metrics);
        reactor_free(reactor);
        return done;
}

#define FLINK(seconds)                                                                                       \
        "\"engine\": {\"flink\": {\"url\": \"http://flink:8081\", \"connection\": "                          \
        "{\"timeoutSeconds\": " #seconds "}}}"
#define KAFKA(seconds)                                                                                       \
        FLINK(10)                                                                                            \
        ", \"broker\": {\"kafka\": {\"bootstrapServers\": \"kafka:9092\", \"timeoutSeconds\": " #seconds     \
        ", \"topics\": [{\"name\": \"orders\", \"operator\": \"source\"}]}}"

/* A lease changes hands within fifteen seconds of its last renewal (docs/operator.md). */
static void a_call_ends_before_another_replica_begins(void **state)
{
        static const struct {
                const char *mode, *sections, *words;
                bool fenced;
        } cases[] = {
                {"Auto", FLINK(10), NULL, true},
                {"Auto", FLINK(11),
                 "TunedPipeline n/orders: spec.engine.flink: its timeoutSeconds is 11; expected at most 10 "
                 "in mode "
                 "Auto, since another replica may steer by then",
                 true},
                {"Auto", KAFKA(10), NULL, true},
                {"Auto", KAFKA(300), "spec.broker.kafka: its timeoutSeconds is 300; expected at most 10",
                 true},
                {"Recommend", FLINK(600), NULL, true},
                {"Auto", FLINK(600), NULL, false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = ERROR_INIT;

                if (put(cases[i].mode, cases[i].sections, cases[i].fenced, &err) != !cases[i].words)
                        fail_msg("%s %s: %s", cases[i].mode, cases[i].sections, err.message);
                if (!cases[i].words)
                        continue;
                assert_int_equal(err.code, ERROR_INPUT);
                assert_non_null(strstr(err.message, cases[i].words));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_oldest_owns_a_target),
                cmocka_unit_test(what_is_kept_of_an_object),
                cmocka_unit_test(two_that_want_the_same),
                cmocka_unit_test(who_changes_nothing_claims_nothing),
                cmocka_unit_test(an_object_of_wrong_types),
                cmocka_unit_test(a_fence_holds_back_what_could_come_too_late),
                cmocka_unit_test(whose_a_field_is_holds_until_it_is_read_again),
                cmocka_unit_test(a_call_ends_before_another_replica_begins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
