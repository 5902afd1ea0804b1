/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a VerticalPodAutoscaler writes a request, by what its API says of each field
 * (autoscaling.k8s.io/v1: updatePolicy, resourcePolicy). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engines/kubernetes/vertical.h"

#define SPEC(more)                                                                                           \
        "{\"spec\": {\"targetRef\": {\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"name\": "      \
        "\"web\"}" more "}}"
#define MODE(mode)    SPEC(", \"updatePolicy\": {\"updateMode\": \"" mode "\"}")
#define POLICIES(...) SPEC(", \"resourcePolicy\": {\"containerPolicies\": [" __VA_ARGS__ "]}")

static const struct kube_sized both = {"n", "Deployment", "web", "work", true, true};
static const struct kube_sized cpu = {"n", "Deployment", "web", "work", true, false};
static const struct kube_sized memory = {"n", "Deployment", "web", "work", false, true};

static void test_who_writes(void **state)
{
        static const struct kube_sized other = {"n", "Deployment", "api", "work", true, true};
        static const struct kube_sized stateful = {"n", "StatefulSet", "web", "work", true, true};
        static const struct {
                const char *object;
                const struct kube_sized *sized;
                bool writes;
        } cases[] = {
                {SPEC(""), &both, true}, /* "The default is 'Auto'" */
                {SPEC(""), &other, false},
                {SPEC(""), &stateful, false},
                {MODE("Off"), &both, false},
                {MODE("Initial"), &both, true}, /* of pods as they are made */
                {MODE("Recreate"), &both, true},
                {MODE("InPlaceOrRecreate"), &both, true},
                {POLICIES("{\"containerName\": \"work\", \"mode\": \"Off\"}"), &both, false},
                {POLICIES("{\"containerName\": \"proxy\", \"mode\": \"Off\"}"), &both, true},
                {POLICIES("{\"containerName\": \"*\", \"mode\": \"Off\"}"), &both, false},
                {POLICIES("{\"containerName\": \"*\", \"mode\": \"Off\"}, {\"containerName\": \"work\"}"),
                 &both, true},
                {POLICIES("{\"containerName\": \"*\", \"controlledResources\": [\"memory\"]}"), &cpu, false},
                {POLICIES("{\"containerName\": \"*\", \"controlledResources\": [\"memory\"]}"), &memory,
                 true},
                {POLICIES("{\"containerName\": \"*\", \"controlledResources\": [\"memory\"]}"), &both, true},
                {"{}", &both, false},
                {"{\"spec\": {\"targetRef\": 3, \"resourcePolicy\": {\"containerPolicies\": 1}}}", &both,
                 false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                json_t *object = json_loads(cases[i].object, 0, NULL);

                assert_non_null(object);
                if (kube_vertical_sizes(object, cases[i].sized) != cases[i].writes)
                        fail_msg("%s", cases[i].object);
                json_decref(object);
        }
}

/* The example of the VPA's own documentation of its status, and less of it. */
#define ADVICE(name, more)                                                                                   \
        "{\"containerName\": \"" name "\", \"target\": {\"cpu\": \"25m\", \"memory\": \"262144k\"}" more "}"
#define RECOMMENDS(...)                                                                                      \
        "{\"spec\": {\"targetRef\": {\"kind\": \"Deployment\", \"name\": \"web\"}}, \"status\": "            \
        "{\"recommendation\": {\"containerRecommendations\": [" __VA_ARGS__ "]}}}"
#define NOTHING                                                                                              \
        {                                                                                                    \
                0, 0, 0                                                                                      \
        }
#define BOUNDS                                                                                               \
        ", \"lowerBound\": {\"cpu\": \"20m\", \"memory\": \"200Mi\"}, \"upperBound\": {\"cpu\": \"1\", "     \
        "\"memory\": \"1Gi\"}"

static void test_what_it_recommends(void **state)
{
        static const struct kube_sized other = {"n", "Deployment", "api", "work", true, true};
        static const struct {
                const char *object;
                const struct kube_sized *sized;
                struct request_advice cpu, memory; /* target 0: nothing */
        } cases[] = {
                {RECOMMENDS(ADVICE("proxy", "") ", " ADVICE("work", BOUNDS)),
                 &both,
                 {0.02, 0.025, 1},
                 {209715200, 262144000, 1073741824}},
                {RECOMMENDS(ADVICE("work", "")), &both, {0, 0.025, INFINITY}, {0, 262144000, INFINITY}},
                {RECOMMENDS(ADVICE("proxy", BOUNDS)), &both, NOTHING, NOTHING},
                {RECOMMENDS(ADVICE("work", BOUNDS)), &other, NOTHING, NOTHING},
                {RECOMMENDS("{\"containerName\": \"work\", \"target\": {\"cpu\": \"-3\", \"memory\": true}}"),
                 &both, NOTHING, NOTHING},
                {"{\"status\": {\"recommendation\": {\"containerRecommendations\": 3}}}", &both, NOTHING,
                 NOTHING},
                {"{}", &both, NOTHING, NOTHING},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                json_t *object = json_loads(cases[i].object, 0, NULL);
                const struct kube_vertical_advice told = kube_vertical_advises(object, cases[i].sized);
                const struct request_advice *pairs[][2] = {{&cases[i].cpu, &told.cpu},
                                                           {&cases[i].memory, &told.memory}};

                assert_non_null(object);
                for (size_t j = 0; j < ARRAY_LENGTH(pairs); j++) {
                        const struct request_advice *wanted = pairs[j][0], *seen = pairs[j][1];

                        if (wanted->target == 0
                                    ? !isnan(seen->target)
                                    : seen->lower != wanted->lower || seen->upper != wanted->upper ||
                                              seen->target != wanted->target)
                                fail_msg("%s: %g %g %g", cases[i].object, seen->lower, seen->target,
                                         seen->upper);
                }
                json_decref(object);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_writes),
                                           cmocka_unit_test(test_what_it_recommends)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
