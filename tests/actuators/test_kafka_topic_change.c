/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be done to a topic, and what must be sent so that nothing else of it changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "actuators/kafka/topic_change.h"
#include "core/json.h"

static void growth(void **state)
{
        static const struct {
                bool keyed, allowed;
                const char *policy;
                int partitions, replicas, brokers;
                int64_t all_replicas;
                int wanted;
                const char *reason; /* of the refusal; NULL: none */
                bool needed;
        } cases[] = {
                {false, false, "delete", 8, 1, 1, 8, 12, NULL, true},
                {false, false, "delete", 8, 1, 1, 8, 8, NULL, false},
                {false, false, "delete", 8, 1, 1, 8, 6, "PartitionsOnlyGrow", false},
                {true, false, "delete", 8, 1, 1, 8, 12, "KeysWouldMove", false},
                {false, false, "compact", 8, 1, 1, 8, 12, "KeysWouldMove", false},
                {false, false, "compact,delete", 8, 1, 1, 8, 12, "KeysWouldMove", false},
                {true, true, "compact", 8, 1, 1, 8, 12, NULL, true},
                {true, false, "delete", 8, 1, 1, 8, 8, NULL, false}, /* repeated after it was done */
                /* 100 a broker, 3 brokers, 276 there: 8 more partitions of 3 replicas make 300, 9 make 303 */
                {false, false, "delete", 8, 3, 3, 276, 16, NULL, true},
                {false, false, "delete", 8, 3, 3, 276, 17, "TooManyPartitions", false},
                {false, false, "delete", 8, 3, 2, 24, 9, "BrokersDown", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                const struct kafka_topic_options topic = {.name = (char[]){"orders"},
                                                          .keyed = cases[i].keyed};
                const struct kafka_options options = {.allow_keyed_growth = cases[i].allowed,
                                                      .max_partitions_per_broker = 100};
                struct topic_facts facts = {
                        .partitions = cases[i].partitions,
                        .replicas = cases[i].replicas,
                        .brokers = cases[i].brokers,
                        .all_replicas = cases[i].all_replicas,
                        .settings = json_pack("{s:{s:s, s:b}}", "cleanup.policy", "value", cases[i].policy,
                                              "own", 1),
                };
                struct error err = ERROR_INIT;
                bool needed = false;
                bool done = topic_check_growth(&options, &topic, &facts, cases[i].wanted, &needed, &err);

                assert_int_equal(done, !cases[i].reason);
                assert_string_equal(err.reason, cases[i].reason ? cases[i].reason : "");
                if (done)
                        assert_int_equal(needed, cases[i].needed);
                topic_facts_fini(&facts);
        }
}

static const struct kafka_topic_options orders = {.name = (char[]){"orders"}};

/* The request replaces all of a topic's own settings: the others are sent along, defaults are not. */
static void settings_that_stay(void **state)
{
        autojson *settings = json_pack("{s:{s:s,s:b}, s:{s:s,s:b}, s:{s:s,s:b}}", "cleanup.policy", "value",
                                       "compact", "own", 1, "retention.ms", "value", "604800000", "own", 0,
                                       "segment.bytes", "value", "1048576", "own", 1);
        autojson *wanted = json_pack("{s:s}", "segment.bytes", "2097152");
        autojson *expected = json_pack("{s:s, s:s}", "cleanup.policy", "compact", "segment.bytes", "2097152");
        autojson *own = NULL;
        struct error err = ERROR_INIT;
        bool needed;

        (void)state;
        assert_true(topic_merge_settings(&orders, settings, wanted, &own, &needed, &err));
        assert_true(needed);
        assert_true(json_equal(own, expected));
        /* Until it is done it does not read back. */
        assert_false(topic_check_settings(&orders, settings, own, &err));
        assert_string_equal(err.reason, "ReadBackDiffers");
}

static void settings_that_hold_already(void **state)
{
        autojson *settings = json_pack("{s:{s:s,s:b}}", "segment.bytes", "value", "2097152", "own", 1);
        autojson *wanted = json_pack("{s:s}", "segment.bytes", "2097152");
        autojson *own = NULL;
        struct error err = ERROR_INIT;
        bool needed = true;

        (void)state;
        assert_true(topic_merge_settings(&orders, settings, wanted, &own, &needed, &err));
        assert_false(needed);
        assert_true(topic_check_settings(&orders, settings, own, &err));
}

static void a_secret_that_would_be_lost(void **state)
{
        autojson *settings = json_pack("{s:{s:n,s:b}}", "some.password", "value", "own", 1);
        autojson *wanted = json_pack("{s:s}", "segment.bytes", "2097152");
        autojson *own = NULL;
        struct error err = ERROR_INIT;
        bool needed;

        (void)state;
        assert_false(topic_merge_settings(&orders, settings, wanted, &own, &needed, &err));
        assert_string_equal(err.reason, "SecretSetting");
}

static void a_setting_that_somebody_else_made(void **state)
{
        autojson *settings = json_pack("{s:{s:s,s:b}, s:{s:s,s:b}}", "segment.bytes", "value", "1", "own", 1,
                                       "retention.ms", "value", "2", "own", 1);
        autojson *own = json_pack("{s:s}", "segment.bytes", "1");
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(topic_check_settings(&orders, settings, own, &err));
        assert_non_null(strstr(err.message, "retention.ms"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(growth),
                cmocka_unit_test(settings_that_stay),
                cmocka_unit_test(settings_that_hold_already),
                cmocka_unit_test(a_secret_that_would_be_lost),
                cmocka_unit_test(a_setting_that_somebody_else_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
