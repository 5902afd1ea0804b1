/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The format as its description says (prometheus.io, "Exposition formats", and OpenMetrics 1.0): each rule
 * once, then texts made at random that a slow reader of the same rules reads too, then what a real reporter
 * said, and what promtool, where there is one, thinks of the same texts.
 */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/exposition.h"
#include "core/memory.h"
#include "core/text.h"

/* ---- samples written down: name|label=value|...|value|time ---- */

static void put_value(struct text *out, double value)
{
        if (isnan(value))
                text_put(out, "NaN");
        else
                text_format(out, "%.17g", value);
}

static bool write_down(void *context, const struct exposition_sample *sample, struct error *err)
{
        struct text *out = context;
        char value[512];

        (void)err;
        text_add(out, sample->name.bytes, sample->name.length);
        for (size_t i = 0; i < sample->n_labels; i++) {
                const struct exposition_label *label = &sample->labels[i];
                size_t length = exposition_unescape(label, value, sizeof value);

                assert_int_equal(length, strlen(value));
                text_put(out, "|");
                text_add(out, label->name.bytes, label->name.length);
                text_format(out, "=%s", value);
                assert_int_equal(label->escaped,
                                 memchr(label->value.bytes, '\\', label->value.length) != NULL);
        }
        text_put(out, "|");
        put_value(out, sample->value);
        if (sample->timed)
                text_format(out, "|%lld", (long long)sample->time_ms);
        text_put(out, "\n");
        return true;
}

static bool read_as(const char *text, size_t length, enum exposition_format format, struct text *out,
                    struct error *err)
{
        /* At the very end of its allocation, so that a byte read too far is seen. */
        autofree char *copy = memory_new(length + 1, 1);

        memcpy(copy + 1, text, length);
        error_clear(err);
        return exposition_parse(copy + 1, length, format, write_down, out, err);
}

static void expect(enum exposition_format format, const char *text, const char *samples)
{
        autotext out = {0};
        struct error err = ERROR_INIT;

        text_put(&out, "");
        if (!read_as(text, strlen(text), format, &out, &err))
                fail_msg("\"%s\": %s", text, err.message);
        if (strcmp(out.data ? out.data : "", samples) != 0)
                fail_msg("\"%s\": read \"%s\", expected \"%s\"", text, out.data, samples);
}

static void refuse_as(enum exposition_format format, const char *text, const char *message)
{
        autotext out = {0};
        struct error err = ERROR_INIT;

        if (read_as(text, strlen(text), format, &out, &err))
                fail_msg("\"%s\" was read as \"%s\"", text, out.data ? out.data : "");
        assert_int_equal(err.code, ERROR_INCOMPLETE);
        assert_string_equal(err.reason, "BadExposition");
        if (!strstr(err.message, message))
                fail_msg("\"%s\": said \"%s\", expected \"%s\"", text, err.message, message);
}

#define reads(text, samples)   expect(EXPOSITION_TEXT, text, samples)
#define refuses(text, message) refuse_as(EXPOSITION_TEXT, text, message)

/* ---- the rules ---- */

static void test_samples(void **state)
{
        (void)state;
        reads("", "");
        reads("\n \n\t\n", "");
        reads("up 1\n", "up|1\n");
        reads("a:b_c9 2.5\nd 3\n", "a:b_c9|2.5\nd|3\n");
        reads("  up \t 1  \n", "up|1\n");
        reads("up{} 1\n", "up|1\n");
        reads("up{a=\"b\"} 1\n", "up|a=b|1\n");
        reads("up{a=\"b\",} 1\n", "up|a=b|1\n");
        reads("up{a=\"b\",c=\"d\",}1\n", "up|a=b|c=d|1\n");
        reads("up { a = \"b\" , c = \"\" , } 1 1700000000123\n", "up|a=b|c=|1|1700000000123\n");
        reads("up 1 -5\n", "up|1|-5\n");
        reads("up 1\r\ndown 2\r\n", "up|1\ndown|2\n");
        reads("up{a=\"x y,z}#=\"} 1\n", "up|a=x y,z}#=|1\n");
        reads("up{le=\"+Inf\"} 1\nup{le=\"0.5\"} 0\n", "up|le=+Inf|1\nup|le=0.5|0\n");
}

static void test_comments(void **state)
{
        (void)state;
        reads("# HELP up Whether \\\\ it \\n is up.\n# TYPE up gauge\nup 1\n", "up|1\n");
        reads("#\n#no blank\n   # indented\n# TYPE up nonsense\n", "");
        reads("# UNIT a_seconds seconds\n", "");
        reads("up 1 # {trace_id=\"x\"} 0.5 1.5\n", "up|1\n");
        reads("up 1 7 # {trace_id=\"x\"} 0.5\n", "up|1|7\n");
}

static void test_escapes(void **state)
{
        (void)state;
        reads("m{a=\"q\\\"q\"} 1\n", "m|a=q\"q|1\n");
        reads("m{a=\"c:\\\\d\\\\\"} 1\n", "m|a=c:\\d\\|1\n");
        reads("m{a=\"two\\nlines\"} 1\n", "m|a=two\nlines|1\n");
        reads("m{a=\"\\d\\\\n\"} 1\n", "m|a=\\d\\n|1\n");
        reads("m{a=\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d\"} 1\n",
              "m|a=\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d|1\n");
}

/* Names in quotes may hold any characters; the metric's stands among the labels (format 1.0.0). */
static void test_quoted_names(void **state)
{
        (void)state;
        reads("{\"my.metric\"} 1\n", "my.metric|1\n");
        reads("{\"my.metric\",\"a.b\"=\"c\",d=\"e\"} 1 5\n", "my.metric|a.b=c|d=e|1|5\n");
        reads("{d=\"e\",\"my.metric\",} 1\n", "my.metric|d=e|1\n");
        refuses("{a=\"b\"} 1\n", "the metric's name");
        refuses("{} 1\n", "the metric's name");
        refuses("m{\"n\"} 1\n", "\"=\"");
        refuses("{\"m\",\"n\"} 1\n", "\"=\"");
}

static void test_numbers(void **state)
{
        static const char *const written[] = {"0",
                                              "-0",
                                              "+1",
                                              ".5",
                                              "5.",
                                              "1e3",
                                              "1E+3",
                                              "1.5E-7",
                                              "-2.25",
                                              "129.36666666666667",
                                              "1.795255024E12",
                                              "9007199254740992",
                                              "9007199254740993",
                                              "18446744073709551616",
                                              "0.1",
                                              "0.30000000000000004",
                                              "1.7976931348623157e308",
                                              "5e-324",
                                              "2.2250738585072011e-308",
                                              "1e22",
                                              "1e23",
                                              "123456789012345678901234567890",
                                              "0.000001",
                                              "1e-22",
                                              "8.41e21"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(written); i++) {
                autofree char *line = memory_format("m %s\n", written[i]);
                autofree char *wanted = memory_format("m|%.17g\n", strtod(written[i], NULL));

                reads(line, wanted);
        }
        reads("m NaN\nm nan\nm Inf\nm +Inf\nm -inf\nm +Infinity\n",
              "m|NaN\nm|NaN\nm|inf\nm|inf\nm|-inf\nm|inf\n");
}

static void test_what_is_refused(void **state)
{
        (void)state;
        refuses("up\n", "line 1, byte 3: expected a number");
        refuses("up 1\n1up 2\n", "line 2, byte 1: expected a name");
        refuses("up one\n", "line 1, byte 4: expected a number");
        refuses("up 0x10\n", "expected a number");
        refuses("up 1_000\n", "expected");
        refuses("up 1e\n", "expected a number");
        refuses("up --1\n", "expected a number");
        refuses("up .\n", "expected a number");
        refuses("up nan(1)\n", "expected a blank");
        refuses("up 1 2 3\n", "line 1, byte 8: expected the end of the line");
        refuses("up 1 1.5\n", "line 1, byte 6: expected a time stamp");
        refuses("up 1 2.0\n", "a time stamp");
        refuses("up 1 2e3\n", "a time stamp");
        refuses("up 1 NaN\n", "a time stamp");
        refuses("up 1 1e300\n", "a time stamp");
        refuses("up{a=\"b\" 1\n", "line 1, byte 10: expected \",\" or \"}\"");
        refuses("up{a=\"b} 1\n", "a closing quote");
        refuses("up{a=\"b\\\"} 1\n", "a closing quote");
        refuses("up{a=b} 1\n", "a value in quotes");
        refuses("up{a} 1\n", "\"=\"");
        refuses("up{,} 1\n", "a name");
        refuses("up{a=\"b\",,} 1\n", "a name");
        refuses("up{a:b=\"c\"} 1\n", "\"=\"");
        refuses("up{a=\"b\"}} 1\n", "line 1, byte 10");
        refuses("up{a=\"\xff\"} 1\n", "UTF-8");
        refuses("up{a=\"\xc3\"} 1\n", "UTF-8");
        refuses("up{a=\"\xed\xa0\x80\"} 1\n", "UTF-8");
        refuses("<html>\n", "a name");
        refuses("{\"status\":\"success\"}\n", "line 1, byte 10: expected \",\" or \"}\"");
}

/* A peer that dies half-way must not be mistaken for one that has nothing more to say. */
static void test_truncation(void **state)
{
        (void)state;
        refuses("up 1", "in the middle of a line");
        refuses("up 1\ndown{a=\"b", "line 2");
        refuses("# HELP", "in the middle of a line");
        refuse_as(EXPOSITION_OPENMETRICS, "up 1\n", "# EOF, but the text ends");
        refuse_as(EXPOSITION_OPENMETRICS, "", "# EOF, but the text ends");
}

static void test_openmetrics(void **state)
{
        (void)state;
        expect(EXPOSITION_OPENMETRICS, "up 1 1700000000.1234\n# EOF\n", "up|1|1700000000123\n");
        expect(EXPOSITION_OPENMETRICS, "up 1 17\n# EOF", "up|1|17000\n");
        expect(EXPOSITION_OPENMETRICS, "a_bucket{le=\"1\"} 2 # {trace_id=\"y\"} 0.6 17.5\n# EOF\n",
               "a_bucket|le=1|2\n");
        refuse_as(EXPOSITION_OPENMETRICS, "# EOF\nup 1\n", "nothing after # EOF");
        reads("# EOF\nup 1\n", "up|1\n");
        assert_int_equal(exposition_format_of("application/openmetrics-text; version=1.0.0"),
                         EXPOSITION_OPENMETRICS);
        assert_int_equal(exposition_format_of("Application/OpenMetrics-Text"), EXPOSITION_OPENMETRICS);
        assert_int_equal(exposition_format_of("text/plain; version=0.0.4"), EXPOSITION_TEXT);
        assert_int_equal(exposition_format_of(""), EXPOSITION_TEXT);
}

/* ---- limits ---- */

static void test_too_many_labels(void **state)
{
        (void)state;
        for (int n = EXPOSITION_MAX_LABELS; n <= EXPOSITION_MAX_LABELS + 1; n++) {
                autotext text = {0}, out = {0};
                struct error err = ERROR_INIT;

                text_put(&text, "m{");
                for (int i = 0; i < n; i++)
                        text_format(&text, "l%d=\"v\",", i);
                text_put(&text, "} 1\n");
                assert_int_equal(read_as(text.data, text.length, EXPOSITION_TEXT, &out, &err),
                                 n == EXPOSITION_MAX_LABELS);
                assert_int_equal(err.code, n == EXPOSITION_MAX_LABELS ? ERROR_NONE : ERROR_LIMIT);
        }
}

static void test_line_too_long(void **state)
{
        autofree char *text = memory_new(EXPOSITION_MAX_LINE + 3, 1);
        autotext out = {0};
        struct error err = ERROR_INIT;

        (void)state;
        memset(text, ' ', EXPOSITION_MAX_LINE + 1);
        text[EXPOSITION_MAX_LINE] = '\n';
        assert_true(read_as(text, EXPOSITION_MAX_LINE + 1, EXPOSITION_TEXT, &out, &err));
        memset(text, ' ', EXPOSITION_MAX_LINE + 1);
        text[EXPOSITION_MAX_LINE + 1] = '\n';
        assert_false(read_as(text, EXPOSITION_MAX_LINE + 2, EXPOSITION_TEXT, &out, &err));
        assert_int_equal(err.code, ERROR_LIMIT);
}

static bool stop_at_second(void *context, const struct exposition_sample *sample, struct error *err)
{
        int *seen = context;

        (void)sample;
        return ++*seen < 2 || error_set(err, ERROR_LIMIT, NULL, "enough");
}

static void test_taker_stops(void **state)
{
        static const char text[] = "a 1\nb 2\nc 3\n";
        struct error err = ERROR_INIT;
        int seen = 0;

        (void)state;
        assert_false(exposition_parse(text, strlen(text), EXPOSITION_TEXT, stop_at_second, &seen, &err));
        assert_int_equal(seen, 2);
        assert_string_equal(err.message, "enough");
}

static bool find_labels(void *context, const struct exposition_sample *sample, struct error *err)
{
        char small[4];

        (void)err;
        assert_true(exposition_equal(sample->name, "m"));
        assert_false(exposition_equal(sample->name, ""));
        assert_false(exposition_equal(sample->name, "mm"));
        assert_null(exposition_find(sample, "b"));
        assert_null(exposition_find(sample, "aaa"));
        assert_int_equal(exposition_unescape(exposition_find(sample, "aa"), small, sizeof small), 3);
        assert_string_equal(small, "fir");
        ++*(int *)context;
        return true;
}

static void test_finding_labels(void **state)
{
        static const char text[] = "m{aa=\"first\",aa=\"second\",a=\"x\"} 1\n";
        struct error err = ERROR_INIT;
        int calls = 0;

        (void)state;
        assert_true(exposition_parse(text, strlen(text), EXPOSITION_TEXT, find_labels, &calls, &err));
        assert_int_equal(calls, 1);
}

/* ---- against a slow reader of the same rules ---- */

/* Takes the text apart by the grammar, one character at a time, copying everything. */
struct slow {
        const char *at;
        struct text *out;
};

static void slow_blanks(struct slow *slow)
{
        while (*slow->at == ' ' || *slow->at == '\t')
                slow->at++;
}

static bool slow_name(struct slow *slow, const char *also)
{
        const char *start = slow->at;

        while (*slow->at &&
               (isalpha((unsigned char)*slow->at) || *slow->at == '_' || strchr(also, *slow->at) ||
                (slow->at > start && isdigit((unsigned char)*slow->at))))
                text_add(slow->out, slow->at++, 1);
        return slow->at > start;
}

static bool slow_value(struct slow *slow)
{
        if (*slow->at++ != '"')
                return false;
        while (*slow->at != '"') {
                char c = *slow->at++;

                if (c == '\n' || c == '\0')
                        return false;
                if (c == '\\' && *slow->at == 'n') {
                        c = '\n';
                        slow->at++;
                } else if (c == '\\' && (*slow->at == '"' || *slow->at == '\\')) {
                        c = *slow->at++;
                }
                text_add(slow->out, &c, 1);
        }
        slow->at++;
        return true;
}

static bool slow_labels(struct slow *slow)
{
        slow_blanks(slow);
        while (*slow->at != '}') {
                text_put(slow->out, "|");
                if (!slow_name(slow, ""))
                        return false;
                text_put(slow->out, "=");
                slow_blanks(slow);
                if (*slow->at++ != '=')
                        return false;
                slow_blanks(slow);
                if (!slow_value(slow))
                        return false;
                slow_blanks(slow);
                if (*slow->at == ',')
                        slow->at++;
                else if (*slow->at != '}')
                        return false;
                slow_blanks(slow);
        }
        slow->at++;
        return true;
}

static bool slow_number(struct slow *slow, char *ret_token, size_t room)
{
        size_t length = strcspn(slow->at, " \t\n");

        if (length == 0 || length >= room)
                return false;
        memcpy(ret_token, slow->at, length);
        ret_token[length] = '\0';
        slow->at += length;
        return ret_token[strspn(ret_token, "0123456789+-.eE")] == '\0' || strcasecmp(ret_token, "nan") == 0 ||
               strcasecmp(ret_token + (*ret_token == '-' || *ret_token == '+'), "inf") == 0;
}

static bool slow_line(struct slow *slow)
{
        char token[64], *end;

        slow_blanks(slow);
        if (*slow->at == '\n' || *slow->at == '#') {
                slow->at = strchr(slow->at, '\n') + 1;
                return true;
        }
        if (!slow_name(slow, ":"))
                return false;
        slow_blanks(slow);
        if (*slow->at == '{' && (slow->at++, !slow_labels(slow)))
                return false;
        slow_blanks(slow);
        if (!slow_number(slow, token, sizeof token))
                return false;
        text_put(slow->out, "|");
        put_value(slow->out, strtod(token, &end));
        if (*end)
                return false;
        slow_blanks(slow);
        if (*slow->at != '\n') {
                if (!slow_number(slow, token, sizeof token))
                        return false;
                text_format(slow->out, "|%lld", strtoll(token, &end, 10));
                if (*end)
                        return false;
                slow_blanks(slow);
        }
        text_put(slow->out, "\n");
        return *slow->at++ == '\n';
}

static bool slow_read(const char *text, struct text *out)
{
        struct slow slow = {.at = text, .out = out};

        if (*text && text[strlen(text) - 1] != '\n')
                return false;
        while (*slow.at)
                if (!slow_line(&slow))
                        return false;
        return true;
}

static uint64_t random_state;

static unsigned dice(unsigned sides)
{
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(random_state >> 33) % sides;
}

static void put_blanks(struct text *text)
{
        for (unsigned n = dice(3); n > 0; n--)
                text_put(text, dice(2) ? " " : "\t");
}

static void put_random_number(struct text *text)
{
        static const char *const specials[] = {"NaN", "+Inf", "-Inf", "0", "-0", "1E9", "2.5e-3", "1e400"};
        double value = ldexp((double)dice(1u << 30), (int)dice(80) - 40);

        switch (dice(4)) {
        case 0:
                text_put(text, specials[dice(ARRAY_LENGTH(specials))]);
                break;
        case 1:
                text_format(text, "%u", dice(1u << 31));
                break;
        case 2:
                text_format(text, "%.17g", value);
                break;
        default:
                text_format(text, "%s%.3f", dice(2) ? "-" : "", value);
        }
}

static void put_random_label(struct text *text)
{
        static const char *const pieces[] = {"a", "Source:_x", "\\\\", "\\\"", "\\n",      " ", "{",
                                             "}", ",",         "=",    "#",    "\xc3\xa9", "0", "\\q"};

        text_format(text, "l%u", dice(9));
        put_blanks(text);
        text_put(text, "=");
        put_blanks(text);
        text_put(text, "\"");
        for (unsigned n = dice(5); n > 0; n--)
                text_put(text, pieces[dice(ARRAY_LENGTH(pieces))]);
        text_put(text, "\"");
        put_blanks(text);
}

static void put_random_line(struct text *text)
{
        unsigned n = dice(5);

        put_blanks(text);
        if (dice(6) == 0) {
                text_put(text, dice(2) ? "# HELP a b" : "");
        } else {
                text_format(text, "%s%u", dice(2) ? "metric_" : "a:b", dice(100));
                put_blanks(text);
                if (n > 0) {
                        text_put(text, "{");
                        for (; n > 1; n--) {
                                put_random_label(text);
                                text_put(text, n > 2 || dice(2) ? "," : "");
                        }
                        text_put(text, "}");
                }
                text_put(text, n == 0 || dice(2) ? " " : "");
                put_random_number(text);
                if (dice(3) == 0)
                        text_format(text, " %u", dice(1u << 31));
                put_blanks(text);
        }
        text_put(text, "\n");
}

/* One byte changed, lost or doubled. */
static void damage(struct text *text)
{
        static const char bytes[] = "{}\",=\\ \n#0aE.-";
        size_t at;

        if (text->length == 0)
                return;
        at = dice((unsigned)text->length);
        if (dice(2))
                text->data[at] = bytes[dice(sizeof bytes - 1)];
        else
                memmove(text->data + at, text->data + at + 1, text->length-- - at);
}

static void test_same_as_a_slow_reader(void **state)
{
        int good = 0, bad = 0;

        (void)state;
        random_state = 4;
        for (int round = 0; round < 20000; round++) {
                autotext text = {0}, fast_out = {0}, slow_out = {0};
                struct error err = ERROR_INIT;
                bool fast, slow;

                text_put(&text, "");
                for (unsigned n = dice(4); n > 0; n--)
                        put_random_line(&text);
                text_put(&text, "");
                if (dice(2))
                        damage(&text);
                if (!text.data)
                        continue;
                fast = read_as(text.data, text.length, EXPOSITION_TEXT, &fast_out, &err);
                slow = slow_read(text.data, &slow_out);
                /* Exemplars, quoted names and broken UTF-8 are beyond the slow one. */
                if (fast != slow &&
                    (strchr(text.data, '#') || strstr(text.data, "{\"") || strstr(text.data, ",\"") ||
                     strstr(err.message, "UTF-8") || strstr(err.message, "time stamp")))
                        continue;
                if (fast != slow)
                        fail_msg("\"%s\": fast %d (%s), slow %d", text.data, fast, err.message, slow);
                good += fast;
                bad += !fast;
                if (fast && text.length && fast_out.length)
                        assert_string_equal(fast_out.data, slow_out.data);
        }
        assert_true(good > 8000 && bad > 2000);
}

/* ---- what a real reporter said ---- */

static bool count_samples(void *context, const struct exposition_sample *sample, struct error *err)
{
        (void)err;
        assert_true(sample->n_labels >= 1);
        assert_non_null(exposition_find(sample, "host"));
        ++*(size_t *)context;
        return true;
}

static void test_flink_reporter(void **state)
{
        static const char *const files[] = {"jobmanager.txt", "taskmanager.txt"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
                autofree char *path = memory_format("tests/fixtures/prometheus/%s", files[i]), *text = NULL;
                size_t length, seen = 0, lines = 0;
                struct error err = ERROR_INIT;

                assert_true(text_read_file(path, 1 << 20, &text, &length, &err));
                if (!exposition_parse(text, length, EXPOSITION_TEXT, count_samples, &seen, &err))
                        fail_msg("%s: %s", path, err.message);
                for (const char *at = text; *at; at = strchr(at, '\n') + 1)
                        lines += *at != '#';
                assert_int_equal(seen, lines);
        }
}

/* ---- against promtool ---- */

/* Whether promtool can read it: it fails with 1 on what it cannot, and with 3 on mere matters of style. */
static bool promtool_reads(const char *text)
{
        FILE *pipe = popen("promtool check metrics >/dev/null 2>&1", "w");
        int status;

        assert_non_null(pipe);
        fputs(text, pipe);
        status = pclose(pipe);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status) != 1;
}

static void test_same_as_promtool(void **state)
{
        static const char *const texts[] = {
                "up 1\n",
                "up{a=\"b\",} 1\n",
                "up { a = \"b\" , } 1 17\n",
                "up{a=\"\\\\\\\"\\n\"} NaN\n",
                "up +Inf\n",
                "up 1e3\n",
                "up .5\n",
                "up 1",
                "up\n",
                "up one\n",
                "up{a=b} 1\n",
                "up{a=\"b\" 1\n",
                "up{a=\"b} 1\n",
                "up 1 2 3\n",
                "up 1 1.5\n",
                "up{a} 1\n",
                "1up 1\n",
                "up{a=\"b\",,} 1\n",
                "up{a=\"\xff\"} 1\n",
        };

        (void)state;
        if (system("command -v promtool >/dev/null 2>&1") != 0)
                skip();
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                autotext out = {0};
                struct error err = ERROR_INIT;
                bool ours = read_as(texts[i], strlen(texts[i]), EXPOSITION_TEXT, &out, &err);

                if (ours != promtool_reads(texts[i]))
                        fail_msg("\"%s\": we say %d (%s)", texts[i], ours, err.message);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_samples),
                cmocka_unit_test(test_comments),
                cmocka_unit_test(test_escapes),
                cmocka_unit_test(test_quoted_names),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_truncation),
                cmocka_unit_test(test_openmetrics),
                cmocka_unit_test(test_too_many_labels),
                cmocka_unit_test(test_line_too_long),
                cmocka_unit_test(test_taker_stops),
                cmocka_unit_test(test_finding_labels),
                cmocka_unit_test(test_same_as_a_slow_reader),
                cmocka_unit_test(test_flink_reporter),
                cmocka_unit_test(test_same_as_promtool),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
