/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Applications of real Sparks, replayed from their event logs on the executors that they had: the run time
 * that comes out is the measured one, within 5 %. Logs of others are skipped where they are absent.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "engines/spark/event_log.h"
#include "sim/batch_replay.h"
#include "tests/support/data.h"

static double replay_error(const char *path)
{
        const struct batch_cluster as_measured = {.stretch = 1};
        autocall(batch_model_free) struct batch_model *model = NULL;
        auto_spark_event_log log = {0};
        struct batch_replay replay;
        struct error err = ERROR_INIT;
        double error;

        if (!spark_event_log_read(path, &log, &err) || !batch_model_new(log.run, &model, &err) ||
            !batch_replay(model, &as_measured, &replay, &err))
                fail_msg("%s", err.message);
        error = replay.seconds * 1e3 / (double)model->measured_ms - 1;
        print_message("%-60s measured %7.1f s, driver %7.1f s, replayed %7.1f s, %+6.2f %%\n", path,
                      (double)model->measured_ms / 1e3, replay.driver_seconds, replay.seconds, error * 100);
        return error;
}

/* Its machine was so busy that tasks took up to ten times as long as they wait. */
static void our_own(void **state)
{
        (void)state;
        assert_true(fabs(replay_error("tests/fixtures/spark/waiting")) <= 0.05);
}

static void one_of_others(void **state)
{
        char path[DATA_PATH_BYTES];

        data_path(*state, path);
        assert_true(fabs(replay_error(path)) <= 0.05);
}

#define LOG(file)                                                                                            \
        {                                                                                                    \
                .name = file, .test_func = one_of_others, .initial_state = (void *)(uintptr_t)file           \
        }

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(our_own),
                LOG("spark-eventlogs/app-20161115172038-0000"),
                LOG("spark-eventlogs/app-20200706201101-0003"),
                LOG("spark-eventlogs/aqeshuffle_eventlog.zstd"),
                LOG("spark-eventlogs/attempt_1_eventlog.zstd"),
                LOG("spark-eventlogs/attempt_2_eventlog.zstd"),
                LOG("spark-eventlogs/local-1430917381534"),
                LOG("spark-eventlogs/local-1532512550423"),
                LOG("spark-eventlogs/local-1642039451826"),
                LOG("spark-eventlogs/malformed_json_eventlog.zstd"),
                LOG("spark-eventlogs/nds_q72_dataproc_2_2.zstd"),
                LOG("spark-eventlogs/truncated_eventlog"),
                LOG("recorded/spark/app-20261121042202-0003.zstd"),
                LOG("recorded/spark/app-20261121042600-0007.zstd"),
                LOG("recorded/spark/app-20261121050027-0000"),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
