/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A few fields out of a JSON document, by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/json_fields.h"
#include "core/text.h"

struct order {
        int64_t number, total;
        bool paid;
        char customer[8];
        struct json_integers parts;
        struct {
                char name[8];
                int64_t count;
        } item;
};

/* What the callbacks saw. */
struct seen {
        int items;
        int64_t count;
        struct text labels;
        bool stop;
};

static bool see_item(void *object, void *context, struct error *err)
{
        const struct order *order = object;
        struct seen *seen = context;

        seen->items++;
        seen->count += order->item.count;
        return !seen->stop || error_set(err, ERROR_REFUSED, NULL, "enough");
}

static bool see_label(void *object, const char *name, const char *value, void *context, struct error *err)
{
        struct seen *seen = context;

        (void)object;
        (void)err;
        text_format(&seen->labels, "%s=%s;", name, value);
        return true;
}

static const struct json_field item_fields[] = {
        {.name = "name", .type = JSON_FIELD_TEXT, .offset = offsetof(struct order, item.name), .size = 8},
        {.name = "count",
         .type = JSON_FIELD_INTEGER,
         .offset = offsetof(struct order, item.count),
         .absent = 1},
        {.name = NULL},
};

static const struct json_field money_fields[] = {
        {.name = "total", .type = JSON_FIELD_INTEGER, .offset = offsetof(struct order, total), .absent = -1},
        {.name = NULL},
};

static const struct json_field fields[] = {
        {.name = "number", .type = JSON_FIELD_INTEGER, .offset = offsetof(struct order, number)},
        {.name = "paid", .type = JSON_FIELD_BOOLEAN, .offset = offsetof(struct order, paid)},
        {.name = "customer", .type = JSON_FIELD_TEXT, .offset = offsetof(struct order, customer), .size = 8},
        {.name = "money", .type = JSON_FIELD_OBJECT, .fields = money_fields},
        {.name = "parts", .type = JSON_FIELD_INTEGERS, .offset = offsetof(struct order, parts)},
        {.name = "items", .type = JSON_FIELD_LIST, .fields = item_fields, .each = see_item},
        {.name = "labels", .type = JSON_FIELD_TEXTS, .member = see_label},
        {.name = NULL},
};

struct stage {
        struct json_fields *reader;
        struct order order;
        struct seen seen;
        struct error err;
};

static bool read_text(struct stage *stage, const char *text)
{
        text_free(&stage->seen.labels);
        stage->seen = (struct seen){.stop = stage->seen.stop};
        stage->err = (struct error)ERROR_INIT;
        return json_fields_read(stage->reader, text, strlen(text), fields, &stage->order, &stage->seen,
                                &stage->err);
}

static int open_stage(void **state)
{
        struct stage *stage = memory_new(1, sizeof *stage);

        stage->reader = json_fields_new();
        *state = stage;
        return 0;
}

static int close_stage(void **state)
{
        struct stage *stage = *state;

        json_fields_free(stage->reader);
        json_fields_clear(fields, &stage->order);
        text_free(&stage->seen.labels);
        free(stage);
        return 0;
}

static void what_is_wanted(void **state)
{
        struct stage *stage = *state;

        assert_true(read_text(stage,
                              "{\"number\":7,\"other\":{\"number\":8,\"money\":{\"total\":1}},\"paid\":true,"
                              "\"customer\":\"J\\u00f8rgensen\",\"money\":{\"total\":12.9,\"x\":[{}]},"
                              "\"parts\":[1,-2,[3],\"4\",5e3],"
                              "\"items\":[{\"name\":\"a\",\"count\":2},5,{\"name\":\"b\"},[{\"count\":99}]],"
                              "\"labels\":{\"a\":\"1\",\"b\":2,\"c\":{\"d\":\"3\"},\"e\":\"4\"}}"));
        assert_int_equal(stage->order.number, 7);
        assert_true(stage->order.paid);
        assert_string_equal(stage->order.customer, "J\xc3\xb8rgen");
        assert_int_equal(stage->order.total, 12);
        assert_int_equal(stage->order.parts.count, 3);
        assert_int_equal(stage->order.parts.values[1], -2);
        assert_int_equal(stage->order.parts.values[2], 5000);
        assert_int_equal(stage->seen.items, 2);
        assert_int_equal(stage->seen.count, 3);
        assert_string_equal(stage->seen.labels.data, "a=1;e=4;");
}

/* The next document begins with nothing of the one before, whatever the order of its members. */
static void one_after_the_other(void **state)
{
        struct stage *stage = *state;

        assert_true(read_text(stage, "{\"parts\":[1,2],\"customer\":\"x\",\"paid\":true,\"number\":1}"));
        assert_int_equal(stage->order.number, 1);
        assert_true(read_text(stage, "{\"number\":\"9\",\"customer\":5,\"parts\":7}"));
        assert_int_equal(stage->order.number, 0);
        assert_int_equal(stage->order.total, -1);
        assert_string_equal(stage->order.customer, "");
        assert_int_equal(stage->order.parts.count, 0);
        assert_false(stage->order.paid);
        assert_true(read_text(stage, "{}"));
}

static void assert_bad(struct stage *stage, const char *text, const char *message)
{
        assert_false(read_text(stage, text));
        assert_string_equal(stage->err.message, message);
        assert_true(read_text(stage, "{\"number\":3}")); /* and the reader can be used again */
        assert_int_equal(stage->order.number, 3);
}

static void what_is_no_json(void **state)
{
        struct stage *stage = *state;

        assert_bad(stage, "", "not a JSON object");
        assert_bad(stage, "[1]", "not a JSON object");
        assert_bad(stage, "{\"number\":", "not JSON: it ends too early");
        assert_bad(stage, "{\"number\":{}", "not JSON: it ends too early");
        assert_bad(stage, "{\"number\":1}{}", "not JSON: something follows its end");
        assert_bad(
                stage, "{\"number\" 1}",
                "not JSON at byte 11: parse error: object key and value must be separated by a colon (':')");
        assert_false(read_text(stage, "{\"customer\":\"\xff\"}"));
        stage->seen.stop = true;
        assert_false(read_text(stage, "{\"items\":[{}]}"));
        assert_string_equal(stage->err.message, "enough");
}

/* Nesting costs nothing where nothing is wanted. */
static void very_deep(void **state)
{
        struct stage *stage = *state;
        autotext text = {0};

        text_put(&text, "{\"plan\":");
        for (int i = 0; i < 100000; i++)
                text_put(&text, "[");
        for (int i = 0; i < 100000; i++)
                text_put(&text, "]");
        text_put(&text, ",\"number\":4}");
        assert_true(read_text(stage, text.data));
        assert_int_equal(stage->order.number, 4);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_wanted, open_stage, close_stage),
                cmocka_unit_test_setup_teardown(one_after_the_other, open_stage, close_stage),
                cmocka_unit_test_setup_teardown(what_is_no_json, open_stage, close_stage),
                cmocka_unit_test_setup_teardown(very_deep, open_stage, close_stage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
