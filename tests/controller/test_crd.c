/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The definitions of the Kubernetes API say all that the option tables say: no option of a spec is lost on
 * the way. Whether an API server takes them is seen on a real one (tests/e2e/kube).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/registry.h"
#include "core/crd/crd.h"
#include "core/json.h"
#include "core/spec.h"
#include "core/tuning_study.h"

static const json_t *schema_of(const json_t *crd)
{
        const json_t *versions = json_object_get(json_object_get(crd, "spec"), "versions");
        const json_t *schema = json_object_get(json_array_get(versions, 0), "schema");

        return json_object_get(json_object_get(schema, "openAPIV3Schema"), "properties");
}

static const char *type_of(const struct option *option)
{
        switch (option->type) {
        case OPTION_BOOL:
                return "boolean";
        case OPTION_INT:
                return "integer";
        case OPTION_TEXT:
        case OPTION_CHOICE:
        case OPTION_TIME:
                return "string";
        case OPTION_LIST:
        case OPTION_TEXTS:
        case OPTION_NUMBERS:
                return "array";
        case OPTION_NUMBER:
        case OPTION_QUANTITY:
                return NULL; /* an integer or a string */
        default:
                return option->type == OPTION_FREE && option->max > 0 ? "array" : "object";
        }
}

static size_t compare(const struct option_table *table, const json_t *schema, const char *path)
{
        const json_t *properties = json_object_get(schema, "properties");
        size_t count = 0, n_options = 0;

        for (const struct option *option = table->options; option->name; option++, n_options++) {
                autofree char *here = memory_format("%s.%s", path, option->name);
                const json_t *below = json_object_get(properties, option->name);
                const char *type = json_string_value(json_object_get(below, "type"));
                const char *expected = type_of(option);

                /* What lives in files of one machine has no place in a cluster. */
                if (option->local) {
                        assert_null(below);
                        n_options--;
                        continue;
                }
                if (!below || (expected ? !type || strcmp(type, expected) != 0 : type != NULL))
                        fail_msg("%s: %s, expected %s", here, type ? type : "no type",
                                 expected ? expected : "an integer or a string");
                if (type && strcmp(type, "array") == 0)
                        below = json_object_get(below, "items");
                count += 1 + (option->table ? compare(option->table, below, here) : 0);
        }
        assert_int_equal(json_object_size(properties), n_options);
        return count;
}

static const struct option_table *section(const struct option_table *table, const char *name)
{
        const struct option_table *found;
        const struct option *option;
        struct error err = ERROR_INIT;

        assert_true(option_find(table, name, &found, &option, &err));
        return option->table;
}

static void test_every_option_is_a_field(void **state)
{
        autojson *pipeline = crd_new("TunedPipeline", registry_all());
        autojson *prices = crd_new("PriceBook", registry_all());
        autojson *study = crd_new("TuningStudy", registry_all());

        (void)state;
        assert_in_range(compare(section(spec_table(registry_all()), "spec"),
                                json_object_get(schema_of(pipeline), "spec"), "spec"),
                        400, 5000);
        assert_in_range(compare(&price_book_table, json_object_get(schema_of(prices), "spec"), "spec"), 40,
                        400);
        assert_in_range(compare(&tuning_study_table, json_object_get(schema_of(study), "spec"), "spec"), 40,
                        400);
}

/* json_pack gives nothing where a format and its values do not fit. */
static void test_every_kind_is_whole(void **state)
{
        (void)state;
        for (const char *const *kind = crd_kinds; *kind; kind++) {
                autojson *crd = crd_new(*kind, registry_all());
                const json_t *names = json_object_get(json_object_get(crd, "spec"), "names");

                assert_string_equal(json_string_value(json_object_get(names, "kind")), *kind);
                assert_non_null(json_object_get(schema_of(crd), "status"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_option_is_a_field),
                cmocka_unit_test(test_every_kind_is_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
