/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold between the options of a section, and among the items of a list. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/option.h"

#define AT(type, member) .offset = offsetof(struct type, member)

struct item {
        char *name;
};

struct sample {
        int64_t least, most;
        double low, high;
        char *url, *file, *user, *password, *job;
        struct option_list items;
};

static const struct option item_options[] = {
        {.name = "name", .type = OPTION_TEXT, AT(item, name), .required = true, .help = "Name."},
        {0},
};

static const struct option_table item_table = {.name = "items",
                                               .help = "An item.",
                                               .size = sizeof(struct item),
                                               .options = item_options};

static const struct option sample_options[] = {
        {.name = "least", .type = OPTION_INT, AT(sample, least), .fallback = "3", .help = "Least."},
        {.name = "most", .type = OPTION_INT, AT(sample, most), .fallback = "5", .help = "Most."},
        {.name = "low", .type = OPTION_QUANTITY, AT(sample, low), .help = "Low."},
        {.name = "high", .type = OPTION_QUANTITY, AT(sample, high), .help = "High."},
        {.name = "url", .type = OPTION_TEXT, AT(sample, url), .help = "URL."},
        {.name = "file", .type = OPTION_TEXT, AT(sample, file), .help = "File."},
        {.name = "user", .type = OPTION_TEXT, AT(sample, user), .help = "User."},
        {.name = "password", .type = OPTION_TEXT, AT(sample, password), .help = "Password."},
        {.name = "job", .type = OPTION_TEXT, AT(sample, job), .help = "Job."},
        {.name = "items",
         .type = OPTION_LIST,
         AT(sample, items),
         .table = &item_table,
         .key = "name",
         .max = 3,
         .help = "Items."},
        {0},
};

static const struct option_rule rules[] = {
        {RULE_ORDER, {"least", "most"}, "is above most"},
        {RULE_ORDER, {"low", "high"}, "is above high"},
        {RULE_ONE, {"url", "file"}, "expected either url or file"},
        {RULE_TOGETHER, {"user", "password"}, "expected both or none"},
        {RULE_AT_MOST_ONE, {"user", "job"}, "expected one of them"},
        {RULE_NEEDS, {"job", "url"}, "needs a url"},
        {0},
};

static const struct option_table table = {.name = "sample",
                                          .help = "A sample.",
                                          .size = sizeof(struct sample),
                                          .options = sample_options,
                                          .rules = rules};

static bool parse(const char *yaml, struct error *err)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct sample sample;

        if (!yaml_parse(yaml, strlen(yaml), "f.yaml", &document, err) ||
            !option_parse(&table, yaml_root(document), &sample, err))
                return false;
        option_free(&table, &sample);
        return true;
}

static void accept(const char *yaml)
{
        struct error err = ERROR_INIT;

        if (!parse(yaml, &err))
                fail_msg("%s: %s", yaml, err.message);
}

static void refuse(const char *yaml, const char *message)
{
        struct error err = ERROR_INIT;

        assert_false(parse(yaml, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_string_equal(err.message, message);
}

static void test_order(void **state)
{
        (void)state;
        accept("{file: f, least: 5}"); /* most is 5 without being given */
        accept("{file: f, least: 9, most: 9}");
        accept("{file: f, low: 1Gi}"); /* nothing to be above */
        accept("{file: f, low: 1023Mi, high: 1Gi}");
        refuse("{file: f, least: 6}", "f.yaml:1:18: least: is above most");
        refuse("{file: f, most: 2}", "f.yaml:1:1: is above most"); /* least is 3 */
        refuse("{file: f, low: 1Gi, high: 1023Mi}", "f.yaml:1:16: low: is above high");
}

static void test_one_both_and_none(void **state)
{
        (void)state;
        accept("{file: f}");
        accept("{url: u, job: j}");
        accept("{file: f, user: u, password: p}");
        refuse("{least: 4}", "f.yaml:1:1: expected either url or file");
        refuse("{url: u, file: f}", "f.yaml:1:1: expected either url or file");
        refuse("{file: f, user: u}", "f.yaml:1:1: expected both or none");
        refuse("{file: f, password: p}", "f.yaml:1:1: expected both or none");
        refuse("{url: u, user: u, password: p, job: j}", "f.yaml:1:1: expected one of them");
        refuse("{file: f, job: j}", "f.yaml:1:16: job: needs a url");
}

static void test_items_have_names_of_their_own(void **state)
{
        (void)state;
        accept("{file: f, items: [{name: a}, {name: b}]}");
        refuse("{file: f, items: [{name: a}, {name: b}, {name: a}]}",
               "f.yaml:1:48: items[2].name: \"a\" is there already; expected each once");
}

static void test_texts_end(void **state)
{
        autofree char *text = memory_format("{file: %0*d}", OPTION_TEXT_BYTES + 1, 0);
        struct error err = ERROR_INIT;

        (void)state;
        memset(strchr(text, '0'), 'x', OPTION_TEXT_BYTES + 1);
        assert_false(parse(text, &err));
        assert_non_null(strstr(err.message, "is longer than 4096 characters"));
        memmove(text + 7, text + 8, strlen(text + 7));
        accept(text);
}

/* Options that a program put together, and nobody wrote. */
static void test_an_object_that_was_not_parsed(void **state)
{
        struct sample good = {.low = NAN, .high = NAN, .file = (char[]){"f"}};
        struct sample bad = {.low = NAN, .high = NAN, .file = (char[]){"f"}, .user = (char[]){"u"}};
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(option_check(&table, &good, &err));
        assert_false(option_check(&table, &bad, &err));
        assert_string_equal(err.message, "expected both or none");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_one_both_and_none),
                cmocka_unit_test(test_items_have_names_of_their_own),
                cmocka_unit_test(test_texts_end),
                cmocka_unit_test(test_an_object_that_was_not_parsed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
