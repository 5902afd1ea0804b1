/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/decision_text.h"
#include "core/json.h"
#include "core/ledger/ledger.h"
#include "core/text.h"
#include "tests/support/schema.h"

/* How they look is in tests/cli/history and tests/cli/explain-decision, on the same ledger. */
#define LEDGER_SQL "tests/cli/history/ledger.sql"
#define DECISIONS  5

static void must(bool done, const struct error *err)
{
        if (!done)
                fail_msg("%s", err->message);
}

static struct ledger_reader *open_ledger(void)
{
        char path[] = "/tmp/optctl-decisions-XXXXXX";
        struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;
        autofree char *sql = NULL;
        sqlite3 *file = NULL;

        close(mkstemp(path));
        must(text_read_file(LEDGER_SQL, 1 << 20, &sql, NULL, &err), &err);
        assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
        assert_int_equal(sqlite3_exec(file, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(file);
        must(ledger_reader_open(path, &reader, &err), &err);
        unlink(path);
        return reader;
}

static json_t *read_decision(struct ledger_reader *reader, int64_t id)
{
        struct error err = ERROR_INIT;
        json_t *decision = NULL;

        must(ledger_decision(reader, id, &decision, &err), &err);
        return decision;
}

static void test_documents_follow_their_schemas(void **state)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = open_ledger();
        autojson *history = NULL;
        struct error err = ERROR_INIT;
        json_t *decisions = NULL;

        (void)state;
        must(ledger_history(reader, INT64_MIN, 100, &decisions, &err), &err);
        assert_int_equal(json_array_size(decisions), DECISIONS);
        history = json_pack("{s:s, s:s, s:o}", "kind", "history", "version", "0.1.0", "decisions", decisions);
        must(schema_check("docs/schema", "history.schema.json", history, &err), &err);
        for (int64_t id = 1; id <= DECISIONS; id++) {
                autojson *decision = read_decision(reader, id);

                json_object_set_new(decision, "kind", json_string("decision"));
                json_object_set_new(decision, "version", json_string("0.1.0"));
                must(schema_check("docs/schema", "decision.schema.json", decision, &err), &err);
        }
}

/* A ledger whose bodies were damaged, or written by a later optctl, is still shown as far as it can be. */
static void test_anything_may_be_absent(void **state)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = open_ledger();
        autojson *decision = read_decision(reader, 1);
        const char *key;
        json_t *value;

        (void)state;
        json_object_foreach(decision, key, value)
        {
                autojson *without = json_deep_copy(decision);
                autofree char *bytes = NULL;
                size_t length;
                FILE *out = open_memstream(&bytes, &length);

                (void)value;
                json_object_set_new(without, key, json_null());
                decision_print(without, out, true);
                fclose(out);
                assert_non_null(strstr(bytes, "Decision "));
                assert_null(strstr(bytes, "nan"));
                assert_null(strstr(bytes, "(null)"));
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_documents_follow_their_schemas),
                cmocka_unit_test(test_anything_may_be_absent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
