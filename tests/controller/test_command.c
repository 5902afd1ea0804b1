/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a command's table of parameters makes of the words of a command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cli/command.h"

struct arguments {
        const char *spec;
        const char *mode;
        bool quiet;
        int64_t runs;
        char **overrides, **strategies, **rest;
};

static const char *const modes[] = {"fast", "exact", NULL};

static const struct parameter parameters[] = {
        {.name = "SPEC",
         .positional = true,
         .required = true,
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct arguments, spec)},
        {.name = "REST",
         .positional = true,
         .type = PARAMETER_TEXTS,
         .offset = offsetof(struct arguments, rest)},
        {.name = "mode",
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct arguments, mode),
         .value = "MODE",
         .choices = modes,
         .fallback = "exact"},
        {.name = "quiet", .letter = 'Q', .type = PARAMETER_FLAG, .offset = offsetof(struct arguments, quiet)},
        {.name = "runs",
         .letter = 'r',
         .type = PARAMETER_INTEGER,
         .offset = offsetof(struct arguments, runs),
         .value = "N",
         .min = 1,
         .max = 100,
         .fallback = "20"},
        {.name = "set",
         .type = PARAMETER_TEXTS,
         .offset = offsetof(struct arguments, overrides),
         .value = "PATH=VALUE"},
        {.name = "strategy",
         .type = PARAMETER_NAMES,
         .offset = offsetof(struct arguments, strategies),
         .value = "A[,B...]"},
        {.name = NULL},
};

static const struct command study = {.name = "study",
                                     .size = sizeof(struct arguments),
                                     .parameters = parameters};

/* Words end with NULL. NULL, and the message in *err, when they are refused. */
static struct arguments *parse(const char *const *words, struct error *err)
{
        void *object = NULL;
        bool help = false;
        int count = 0;

        while (words[count])
                count++;
        *err = (struct error)ERROR_INIT;
        if (!command_parse(&study, count, words, &object, &help, err)) {
                assert_null(object);
                assert_int_equal(error_exit_status(err), 2);
        }
        assert_false(help);
        return object;
}

#define PARSE(...) parse((const char *[]){__VA_ARGS__, NULL}, &err)

static void assert_refused(const char *const *words, const char *message)
{
        struct error err;

        assert_null(parse(words, &err));
        assert_string_equal(err.message, message);
}

#define REFUSED(message, ...) assert_refused((const char *[]){__VA_ARGS__, NULL}, message)

static void test_defaults(void **state)
{
        struct error err;
        struct arguments *arguments = PARSE("a.yaml");

        (void)state;
        assert_non_null(arguments);
        assert_string_equal(arguments->spec, "a.yaml");
        assert_string_equal(arguments->mode, "exact");
        assert_false(arguments->quiet);
        assert_int_equal(arguments->runs, 20);
        assert_null(arguments->overrides[0]);
        assert_null(arguments->strategies[0]);
        assert_null(arguments->rest[0]);
        command_free(&study, arguments);
}

static void test_options_stand_anywhere_and_take_either_form(void **state)
{
        struct error err;
        struct arguments *arguments = PARSE("--runs", "7", "a.yaml", "--set=a.b=c=d", "--quiet", "--set",
                                            "--odd", "b", "--mode=fast");

        (void)state;
        assert_non_null(arguments);
        assert_string_equal(arguments->spec, "a.yaml");
        assert_int_equal(arguments->runs, 7);
        assert_true(arguments->quiet);
        assert_string_equal(arguments->mode, "fast");
        assert_string_equal(arguments->overrides[0], "a.b=c=d");
        assert_string_equal(arguments->overrides[1], "--odd");
        assert_null(arguments->overrides[2]);
        assert_string_equal(arguments->rest[0], "b");
        assert_null(arguments->rest[1]);
        command_free(&study, arguments);
}

static void test_options_with_a_letter_take_it(void **state)
{
        struct error err;
        struct arguments *arguments = PARSE("a.yaml", "-r", "7", "-Q");

        (void)state;
        assert_non_null(arguments);
        assert_int_equal(arguments->runs, 7);
        assert_true(arguments->quiet);
        command_free(&study, arguments);
        arguments = PARSE("-r7", "a.yaml");
        assert_non_null(arguments);
        assert_int_equal(arguments->runs, 7);
        command_free(&study, arguments);
        REFUSED("study: --runs: given twice", "a", "--runs=1", "-r1");
        REFUSED("study: --runs: no value; expected N", "a", "-r");
        REFUSED("study: --quiet: takes no value", "a", "-Qr");
}

static void test_names_are_split_at_commas(void **state)
{
        struct error err;
        struct arguments *arguments = PARSE("-", "--strategy", "plan,hpa", "--strategy=ds2");

        (void)state;
        assert_non_null(arguments);
        assert_string_equal(arguments->spec, "-");
        assert_string_equal(arguments->strategies[0], "plan");
        assert_string_equal(arguments->strategies[1], "hpa");
        assert_string_equal(arguments->strategies[2], "ds2");
        assert_null(arguments->strategies[3]);
        command_free(&study, arguments);
        REFUSED("study: --strategy: an empty name; expected A[,B...]", "a.yaml", "--strategy", "plan,");
        REFUSED("study: --strategy: an empty name; expected A[,B...]", "a.yaml", "--strategy=");
}

static void test_two_dashes_end_the_options(void **state)
{
        struct error err;
        struct arguments *arguments = PARSE("a.yaml", "--", "make", "--quiet", "-j", "--help");

        (void)state;
        assert_non_null(arguments);
        assert_false(arguments->quiet);
        assert_string_equal(arguments->rest[0], "make");
        assert_string_equal(arguments->rest[1], "--quiet");
        assert_string_equal(arguments->rest[3], "--help");
        command_free(&study, arguments);
}

static void test_what_is_refused(void **state)
{
        (void)state;
        REFUSED("study: SPEC is missing; see 'optctl study --help'", "--quiet");
        REFUSED("study: unknown option '--strategi'; did you mean '--strategy'?", "a", "--strategi=x");
        REFUSED("study: unknown option '--zzzzzz'", "a", "--zzzzzz");
        REFUSED("study: unknown option '-q'; options are long: --help", "a", "-q");
        REFUSED("study: unknown option '--SPEC'; did you mean '--set'?", "a", "--SPEC", "b");
        REFUSED("study: --runs: no value; expected N", "a", "--runs");
        REFUSED("study: --runs: given twice", "a", "--runs=1", "--runs=1");
        REFUSED("study: --runs: '1e3' is not a whole number", "a", "--runs=1e3");
        REFUSED("study: --runs: '' is not a whole number", "a", "--runs=");
        REFUSED("study: --runs: 0 is out of range; expected 1 to 100", "a", "--runs", "0");
        REFUSED("study: --runs: -5 is out of range; expected 1 to 100", "a", "--runs", "-5");
        REFUSED("study: --runs: 99999999999999999999 is out of range; expected 1 to 100", "a", "--runs",
                "99999999999999999999");
        REFUSED("study: --quiet: takes no value", "a", "--quiet=no");
        REFUSED("study: --mode: 'slow' is not accepted; expected one of fast, exact", "a", "--mode", "slow");
}

static void test_help_is_asked_for_before_anything_is_checked(void **state)
{
        const char *const words[] = {"--runs", "none", "--help"};
        struct error err = ERROR_INIT;
        void *object = NULL;
        bool help = false;

        (void)state;
        assert_true(command_parse(&study, 3, words, &object, &help, &err));
        assert_true(help);
        assert_null(object);
}

static void test_commands_are_found_or_suggested(void **state)
{
        const struct command *command = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(command_find(&optctl_program, "help", &command, &err));
        assert_string_equal(command->name, "help");
        assert_false(command_find(&optctl_program, "versoin", &command, &err));
        assert_string_equal(err.message, "unknown command 'versoin'; did you mean 'version'?");
}

/* Every table is complete, so that help, manual page and completion have something to say. */
static void test_every_command_documents_itself(void **state)
{
        (void)state;
        for (const struct command *const *item = commands; *item; item++) {
                assert_non_null((*item)->summary);
                assert_non_null((*item)->description);
                assert_non_null((*item)->run);
                for (const struct parameter *parameter = (*item)->parameters; parameter->name; parameter++) {
                        assert_non_null(parameter->help);
                        assert_true(parameter->offset < (*item)->size);
                        if (!parameter->positional && parameter->type != PARAMETER_FLAG)
                                assert_non_null(parameter->value);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_options_stand_anywhere_and_take_either_form),
                cmocka_unit_test(test_options_with_a_letter_take_it),
                cmocka_unit_test(test_names_are_split_at_commas),
                cmocka_unit_test(test_two_dashes_end_the_options),
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_help_is_asked_for_before_anything_is_checked),
                cmocka_unit_test(test_commands_are_found_or_suggested),
                cmocka_unit_test(test_every_command_documents_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
