/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings in files of Spark's. What a line of properties means is what the documentation of
 * java.util.Properties.load says, with its own examples; arguments as SparkSubmitOptionParser reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "engines/spark/settings_file.h"
#include "tests/support/scratch.h"

#define MEMORY  "spark.executor.memory"
#define DEFAULT SPARK_SETTINGS_DEFAULTS
#define WORDS   SPARK_SETTINGS_ARGUMENTS

static struct text text_of(const char *words)
{
        struct text text = {0};

        text_put(&text, words);
        return text;
}

static void expect_found(enum spark_settings_form form, const char *words, const char *name,
                         const char *value)
{
        autotext text = text_of(words);
        autofree char *found = spark_settings_get(form, &text, name);

        if (!found != !value || (found && strcmp(found, value) != 0))
                fail_msg("%s of \"%s\": \"%s\", expected \"%s\"", name, words, found ? found : "none",
                         value ? value : "none");
}

static void test_lines_of_properties(void **state)
{
        (void)state;
        /* Of the documentation. */
        expect_found(DEFAULT, "Truth = Beauty\n", "Truth", "Beauty");
        expect_found(DEFAULT, " Truth:Beauty\n", "Truth", "Beauty");
        expect_found(DEFAULT, "Truth                    :Beauty\n", "Truth", "Beauty");
        expect_found(DEFAULT, "cheeses\n", "cheeses", "");
        expect_found(DEFAULT, "\\:\\=\n", ":=", "");
        /* A line that begins with # or !, whatever it ends with. */
        expect_found(DEFAULT, "# a 1\n  ! a 2\n", "a", NULL);
        expect_found(DEFAULT, "# b \\\na 1\n", "a", "1");
        /* The last one counts; another name that begins so is another one. */
        expect_found(DEFAULT, "a 1\na=2\nab 3\n", "a", "2");
        expect_found(DEFAULT, "ab 3\n", "a", NULL);
        expect_found(DEFAULT, "a 1", "a", "1");
        expect_found(DEFAULT, "a\t=\t4g  \n", "a", "4g");
        expect_found(DEFAULT, "a 1\r\nb 2\r\n", "a", "1");
        expect_found(DEFAULT, "a 1\rb 2", "b", "2");
        expect_found(DEFAULT, "", "a", NULL);
        /* A name in the value of another one is no name. */
        expect_found(DEFAULT, "b \\\n  a 1\n", "a", NULL);
        expect_found(DEFAULT, "b c \\\\\na 1\n", "a", "1");
        expect_found(DEFAULT, "b x a 7\n", "a", NULL);
        /* Escaped and over two lines, as nobody writes it. */
        expect_found(DEFAULT, "spark.\\u0061 1\n", "spark.a", "1");
        expect_found(DEFAULT, "spark\\.a 1\n", "spark.a", "1");
        expect_found(DEFAULT, "spa\\\n   rk.a 1\n", "spark.a", "1");
        expect_found(DEFAULT, "a\\\n   1\n", "a1", "");
        expect_found(DEFAULT, "a \\\n   1\n", "a", "\\\n   1");
}

static void test_words_of_a_command_line(void **state)
{
        (void)state;
        expect_found(WORDS, "--conf a=1\n", "a", "1");
        expect_found(WORDS, "--conf\na=1 -c b=2", "b", "2");
        expect_found(WORDS, "--conf=a=1=2", "a", "1=2");
        expect_found(WORDS, "--conf a=1 --conf a=2 --conf ab=3", "a", "2");
        expect_found(WORDS, "--verbose --conf a=1", "a", "1");
        /* The value of another option, and what the application is given. */
        expect_found(WORDS, "--name --conf a=1", "a", NULL);
        expect_found(WORDS, "--conf a=1 job.py --conf a=2", "a", "1");
        /* An option of its own counts for more. */
        expect_found(WORDS, "--executor-memory 4G --conf " MEMORY "=2g", MEMORY, "4G");
        expect_found(WORDS, "--num-executors=3", "spark.executor.instances", "3");
        expect_found(WORDS, "--executor-cores 2 --driver-cores 1", "spark.driver.cores", "1");
        expect_found(WORDS, "--driver-memory", "spark.driver.memory", "");
        expect_found(WORDS, "", "a", NULL);
}

static void expect_set(enum spark_settings_form form, const char *words, const char *after)
{
        autotext text = text_of(words);
        autofree char *found = NULL;

        spark_settings_set(form, &text, MEMORY, "4g");
        if (strcmp(text.data, after) != 0)
                fail_msg("\"%s\" became \"%s\", expected \"%s\"", words, text.data, after);
        found = spark_settings_get(form, &text, MEMORY);
        assert_string_equal(found, "4g");
}

/* All but the value stays, byte for byte. */
static void test_one_value_changes(void **state)
{
        (void)state;
        expect_set(DEFAULT, "", MEMORY " 4g\n");
        expect_set(DEFAULT, "a 1", "a 1\n" MEMORY " 4g\n");
        expect_set(DEFAULT, "a 1\r\n", "a 1\r\n" MEMORY " 4g\n");
        expect_set(DEFAULT, "# " MEMORY " 2g\n\n\ta = 1 \n", "# " MEMORY " 2g\n\n\ta = 1 \n" MEMORY " 4g\n");
        expect_set(DEFAULT, "a 1\n  " MEMORY "\t :  2g \t\nb 2", "a 1\n  " MEMORY "\t :  4g \t\nb 2");
        expect_set(DEFAULT, MEMORY " 1g\n" MEMORY "=2g\n", MEMORY " 1g\n" MEMORY "=4g\n");
        expect_set(DEFAULT, MEMORY "\n", MEMORY " 4g\n");
        expect_set(DEFAULT, MEMORY "=\n", MEMORY "=4g\n");
        expect_set(DEFAULT, MEMORY " \\\n  2g\nb 2\n", MEMORY " 4g\nb 2\n");
        /* A last line that goes on is ended first. */
        expect_set(DEFAULT, "a 1 \\\n", "a 1 \\\n\n" MEMORY " 4g\n");
        expect_set(DEFAULT, "a 1 \\", "a 1 \\\n\n" MEMORY " 4g\n");
        expect_set(DEFAULT, "a 1 \\\\\n", "a 1 \\\\\n" MEMORY " 4g\n");
        expect_set(WORDS, "", "--conf " MEMORY "=4g\n");
        expect_set(WORDS, "--master yarn", "--master yarn\n--conf " MEMORY "=4g\n");
        expect_set(WORDS, "--master yarn\n", "--master yarn\n--conf " MEMORY "=4g\n");
        expect_set(WORDS, "--conf " MEMORY "=2g  --name x\n", "--conf " MEMORY "=4g  --name x\n");
        expect_set(WORDS, "--executor-memory 2g\n--conf a=b\n", "--executor-memory 4g\n--conf a=b\n");
        expect_set(WORDS, "--executor-memory=\n", "--executor-memory=4g\n");
        expect_set(WORDS, "--executor-memory", "--executor-memory 4g");
        expect_set(WORDS, "--master yarn job.py --conf " MEMORY "=1g\n",
                   "--master yarn \n--conf " MEMORY "=4g\njob.py --conf " MEMORY "=1g\n");
}

/* ---- files ---- */

static void expect_refused(const char *path, enum error_code code, const char *words)
{
        struct spark_settings_file file = {.exists = false};
        struct error err = ERROR_INIT;

        assert_false(spark_settings_file_read(path, &file, &err));
        if (err.code != code || !strstr(err.message, path) || !strstr(err.message, words))
                fail_msg("%d: %s", err.code, err.message);
}

static void test_files_that_are_none(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *file = scratch_path(&scratch, "file"), *link = scratch_path(&scratch, "link");
        autofree char *hard = scratch_path(&scratch, "hard"), *pipe = scratch_path(&scratch, "pipe");
        autofree char *lost = scratch_path(&scratch, "no/file");
        autofree char *large = memory_new(SPARK_SETTINGS_MAX_BYTES + 2, 1);
        struct error err = ERROR_INIT;
        struct spark_settings_file none = {.exists = true};

        (void)state;
        assert_true(spark_settings_file_read(file, &none, &err));
        assert_true(!none.exists && none.text.length == 0);
        expect_refused(lost, ERROR_IO, "No such file");
        expect_refused(scratch.folder, ERROR_REFUSED, "is not a file");
        scratch_write(&scratch, "file", "a 1\n");
        scratch_link(&scratch, file, "link");
        expect_refused(link, ERROR_REFUSED, "symbolic link");
        assert_int_equal(linkat(AT_FDCWD, file, AT_FDCWD, hard, 0), 0);
        expect_refused(file, ERROR_REFUSED, "hard links");
        scratch_remove(&scratch, "hard");
        assert_int_equal(mkfifo(pipe, 0600), 0);
        expect_refused(pipe, ERROR_REFUSED, "is not a file");
        memset(large, '\n', SPARK_SETTINGS_MAX_BYTES + 1);
        scratch_write(&scratch, "file", large);
        expect_refused(file, ERROR_LIMIT, "larger than 1 MiB");
        assert_int_equal(truncate(file, 10), 0);
        assert_int_equal(truncate(file, 20), 0); /* ten bytes of 0 behind it */
        expect_refused(file, ERROR_INPUT, "is not a text");
        scratch_close(&scratch);
}

/* ---- knobs ---- */

static struct knob knobs[] = {{.name = "workers"},
                              {.name = "memory"},
                              {.name = "spark.sql.shuffle.partitions"},
                              {.name = "spark.shuffle.compress"},
                              {.name = "somebody.elses"}};
static const struct pipeline pipeline = {.name = "nightly", .knobs = knobs, .n_knobs = 5};

static void test_what_knobs_read_and_change(void **state)
{
        autotext text = text_of(
                "spark.executor.instances 2\nspark.executor.memory 2g\nspark.shuffle.compress true\n");
        struct configuration read = {.count = 5, .value = {-1, -1, -1, -1, -1}};
        const struct configuration to = {.count = 5, .value = {3, 1536 * 0x1p20, 64, 0, 7}};
        struct error err = ERROR_INIT;
        autotext what = {0}, again = {0};

        (void)state;
        assert_true(spark_settings_read_knobs(DEFAULT, &text, &pipeline, &read, &err));
        assert_true(read.value[0] == 2 && read.value[1] == 0x1p31 && read.value[2] == -1 &&
                    read.value[3] == 1 && read.value[4] == -1);
        spark_settings_change(DEFAULT, &text, &pipeline, &read, &to, &what);
        assert_string_equal(text.data, "spark.executor.instances 3\nspark.executor.memory 1536m\n"
                                       "spark.shuffle.compress false\nspark.sql.shuffle.partitions 64\n");
        assert_string_equal(what.data,
                            "spark.executor.instances 2 -> 3; spark.executor.memory 2g -> 1536m; "
                            "spark.sql.shuffle.partitions unset -> 64; spark.shuffle.compress true -> false");
        spark_settings_change(DEFAULT, &text, &pipeline, &read, &to, &again);
        assert_int_equal(again.length, 0);
}

/* What nothing says and nobody changes is left to whoever says it. */
static void test_what_stays_is_not_written_down(void **state)
{
        autotext text = text_of("");
        const struct configuration from = {.count = 5, .value = {2, 0x1p30, 200, 1, 0}};
        struct configuration to = from;
        autotext what = {0};

        (void)state;
        to.value[2] = 100;
        spark_settings_change(DEFAULT, &text, &pipeline, &from, &to, &what);
        assert_string_equal(text.data, "spark.sql.shuffle.partitions 100\n");
}

static void expect_knobs_refused(const char *words, const char *reason)
{
        autotext text = text_of(words);
        struct configuration read = {.count = 5};
        struct error err = ERROR_INIT;

        assert_false(spark_settings_read_knobs(DEFAULT, &text, &pipeline, &read, &err));
        assert_int_equal(err.code, ERROR_REFUSED);
        assert_string_equal(err.reason, reason);
}

static void test_what_no_knob_can_set(void **state)
{
        (void)state;
        expect_knobs_refused("spark.executor.memory lots\n", "NotANumber");
        expect_knobs_refused("spark.executor.memory\n", "NotANumber");
        expect_knobs_refused("spark.dynamicAllocation.enabled=true\n", "DynamicAllocation");
        expect_knobs_refused("spark.master spark://night:7077\n", "Standalone");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines_of_properties),
                cmocka_unit_test(test_words_of_a_command_line),
                cmocka_unit_test(test_one_value_changes),
                cmocka_unit_test(test_files_that_are_none),
                cmocka_unit_test(test_what_knobs_read_and_change),
                cmocka_unit_test(test_what_stays_is_not_written_down),
                cmocka_unit_test(test_what_no_knob_can_set),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
