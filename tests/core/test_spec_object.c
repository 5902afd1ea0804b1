/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A spec that comes from the Kubernetes API and not from a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/spec.h"

/* As an API server delivers it: https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
static const char delivered[] =
        "{\"apiVersion\": \"optctl.dev/v1alpha1\", \"kind\": \"TunedPipeline\","
        " \"metadata\": {\"name\": \"orders\", \"namespace\": \"analytics\", \"uid\": "
        "\"1c5a9a6e-6ed3-4ad5-a3ba-9b1b3ab3a8ad\","
        "  \"resourceVersion\": \"417\", \"generation\": 2, \"creationTimestamp\": \"2026-01-05T09:12:44Z\","
        "  \"annotations\": {\"note\": \"caf\\u00e9 \\ud83d\\ude00\"}, \"finalizers\": "
        "[\"optctl.dev/books\"],"
        "  \"managedFields\": [{\"manager\": \"kubectl\", \"operation\": \"Apply\", \"fieldsType\": "
        "\"FieldsV1\","
        "   \"fieldsV1\": {\"f:spec\": {\"f:knobs\": {\"k:{\\\"name\\\":\\\"workers\\\"}\": {\".\": "
        "{}}}}}}]},"
        " \"spec\": {\"mode\": \"Auto\", \"knobs\": [{\"name\": \"workers\", \"scope\": \"Pipeline\", "
        "\"min\": "
        "1,"
        "  \"max\": 16, \"scale\": \"Linear\"}], \"initial\": [{\"knob\": \"workers\", \"value\": 12}],"
        "  \"constraints\": {\"latencyP99Milliseconds\": 5000, \"errorRatePercent\": \"0.1\"}},"
        " \"status\": {\"observedGeneration\": 1, \"conditions\": [{\"type\": \"Ready\", \"status\": "
        "\"True\"}]}}";

static bool read_object(const char *text, struct spec **ret_spec, struct error *err)
{
        autojson *object = NULL;

        assert_true(json_parse_text(text, strlen(text), "object", &object, err));
        return spec_read_object(object, ".", NULL, ret_spec, err);
}

/* The object with `written` in place of `part`. */
static void refuse(const char *part, const char *written, const char *message)
{
        const char *at = strstr(delivered, part);
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        struct spec *spec;

        assert_non_null(at);
        text = memory_format("%.*s%s%s", (int)(at - delivered), delivered, written, at + strlen(part));
        assert_false(read_object(text, &spec, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_string_equal(err.message, message);
}

static void test_an_object_is_a_spec(void **state)
{
        autocall(spec_free) struct spec *spec = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        if (!read_object(delivered, &spec, &err))
                fail_msg("%s", err.message);
        assert_string_equal(spec->name, "orders");
        assert_string_equal(spec->namespace, "analytics");
        assert_int_equal(spec->mode, SPEC_AUTO);
        assert_true(spec->initial[0] == 12);
        assert_true(spec->constraints.error_ratio == 0.1 / 100);
}

static void test_messages_name_the_object_and_the_field(void **state)
{
        (void)state;
        refuse("\"max\": 16", "\"max\": 0",
               "TunedPipeline analytics/orders spec.knobs[0].min: is above max; expected at most max");
        refuse("5000", "\"soon\"",
               "TunedPipeline analytics/orders spec.constraints.latencyP99Milliseconds: \"soon\" is not an "
               "integer; expected milliseconds from 1 to 86400000");
        refuse("\"knob\": \"workers\"", "\"knob\": \"worker\"",
               "TunedPipeline analytics/orders spec.initial[0].knob: no knob \"worker\" in spec.knobs; did "
               "you "
               "mean workers?");
        refuse("\"mode\"", "\"mood\"",
               "TunedPipeline analytics/orders spec.mood: unknown option; did you mean mode?");
        refuse("\"name\": \"orders\", \"namespace\": \"analytics\", ", "",
               "TunedPipeline metadata: lacks name; expected text");
}

static void test_what_is_no_object(void **state)
{
        autojson *list = json_array();
        struct error err = ERROR_INIT;
        struct spec *spec;

        (void)state;
        assert_false(spec_read_object(list, ".", NULL, &spec, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "expected a map"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_object_is_a_spec),
                cmocka_unit_test(test_messages_name_the_object_and_the_field),
                cmocka_unit_test(test_what_is_no_object),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
