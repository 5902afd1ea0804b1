/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sizes as the manual of the java command writes them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/memory.h"
#include "engines/kubernetes/jvm.h"

#define MIB 1048576.0

static void assert_heap(const char *container, double bytes)
{
        autojson *object = json_loads(container, 0, NULL), *cut = json_object();
        double heap;

        assert_non_null(object);
        heap = kube_jvm_heap_bytes(object);
        assert_true(isnan(bytes) ? isnan(heap) : heap == bytes);
        kube_jvm_keep(cut, object);
        heap = kube_jvm_kept(cut);
        assert_true(isnan(bytes) ? isnan(heap) : heap == bytes);
        assert_true(json_object_size(cut) <= 1);
}

static void the_heap_stands_in_environment_command_or_arguments(void **state)
{
        (void)state;
        assert_heap("{\"env\":[{\"name\":\"A\",\"value\":\"x\"},{\"name\":\"JAVA_TOOL_OPTIONS\",\"value\":\"-"
                    "Xms1g -Xmx2g\"}]}",
                    2048 * MIB);
        assert_heap("{\"command\":[\"java\",\"-Xmx512m\",\"-jar\",\"a.jar\"]}", 512 * MIB);
        assert_heap("{\"args\":[\"sh -c 'exec java -XX:MaxHeapSize=1073741824 A'\"]}", 1024 * MIB);
        assert_heap("{\"args\":[\"-Xmx1G\"],\"env\":[{\"name\":\"JAVA_OPTS\",\"value\":\"-Xmx524288K\"}]}",
                    1024 * MIB);
}

static void a_share_of_the_memory_has_no_size(void **state)
{
        (void)state;
        assert_heap("{\"env\":[{\"name\":\"JDK_JAVA_OPTIONS\",\"value\":\"-XX:MaxRAMPercentage=75.0\"}]}",
                    INFINITY);
        assert_heap("{\"args\":[\"-XX:MaxRAMFraction=2\",\"-Xmx1g\"]}", INFINITY);
}

static void what_says_nothing_is_no_heap(void **state)
{
        static const char *const containers[] = {
                "{}",
                "{\"env\":[{\"name\":\"JAVA_TOOL_OPTIONS\",\"valueFrom\":{}}]}",
                "{\"args\":[\"-Xmx\"]}",
                "{\"args\":[\"-Xmxnan\", \"-Xmx-5g\", \"-Xmx0\", \"-Xmx1e300g\", 5, null]}",
                "{\"env\":{},\"args\":\"-Xmx1g\"}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(containers); i++)
                assert_heap(containers[i], NAN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_heap_stands_in_environment_command_or_arguments),
                cmocka_unit_test(a_share_of_the_memory_has_no_size),
                cmocka_unit_test(what_says_nothing_is_no_heap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
