/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/settings_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Where a value stands. */
struct span {
        bool found;
        size_t at, length;
        const char *before; /* what has to be put between name and value; NULL: they are apart */
};

/* Where what is new is put. */
struct place {
        size_t at;
        const char *before, *after;
};

static void put_into(struct text *text, size_t at, size_t length, const char *const *pieces)
{
        struct text changed = {0};

        text_add(&changed, text->data ? text->data : "", at);
        for (; *pieces; pieces++)
                text_put(&changed, *pieces);
        if (text->length > at + length)
                text_add(&changed, text->data + at + length, text->length - at - length);
        text_free(text);
        *text = changed;
}

/* ---- properties of Java ---- */

/* Reads the characters of a logical line: lines that end in a backslash are joined, what it stands before is
 * meant as it is. */
struct reader {
        const char *bytes;
        size_t length, at;
};

#define END (-1)

/* One character as it is meant. */
struct letter {
        int value;    /* END: the line ends here */
        bool escaped; /* it parts nothing */
        size_t at;    /* where it begins */
};

static bool is_blank(int c)
{
        return c == ' ' || c == '\t' || c == '\f';
}

static bool is_line_end(int c)
{
        return c == '\n' || c == '\r';
}

static void skip_line_end(struct reader *reader)
{
        bool carriage = reader->bytes[reader->at++] == '\r';

        if (carriage && reader->at < reader->length && reader->bytes[reader->at] == '\n')
                reader->at++;
}

static void skip_blanks(struct reader *reader)
{
        while (reader->at < reader->length && is_blank(reader->bytes[reader->at]))
                reader->at++;
}

static int unescape(struct reader *reader)
{
        static const char letters[] = "tnrf", meanings[] = "\t\n\r\f";
        const char *known;
        char digits[5] = "";
        int c = (unsigned char)reader->bytes[reader->at++];

        if (c == 'u' && reader->length - reader->at >= 4) {
                memcpy(digits, reader->bytes + reader->at, 4);
                reader->at += 4;
                return (int)strtol(digits, NULL, 16);
        }
        known = strchr(letters, c);
        return known && c ? meanings[known - letters] : c;
}

static struct letter next_letter(struct reader *reader)
{
        for (;;) {
                struct letter letter = {.value = END, .at = reader->at};

                if (reader->at == reader->length || is_line_end(reader->bytes[reader->at]))
                        return letter;
                letter.value = (unsigned char)reader->bytes[reader->at++];
                if (letter.value != '\\')
                        return letter;
                letter.escaped = true;
                if (reader->at == reader->length) {
                        letter.value = END;
                        return letter;
                }
                if (!is_line_end(reader->bytes[reader->at])) {
                        letter.value = unescape(reader);
                        return letter;
                }
                skip_line_end(reader);
                skip_blanks(reader);
        }
}

/* The next letter when it parts a name from its value: a blank, or one of = and :. It is then stepped over.
 */
static bool take_parting(struct reader *reader, const char *which)
{
        struct reader ahead = *reader;
        struct letter letter = next_letter(&ahead);

        if (letter.value == END || letter.escaped || letter.value == 0 || !strchr(which, letter.value))
                return false;
        *reader = ahead;
        return true;
}

#define BLANKS " \t\f"

/* Steps over what parts them; false: nothing does. */
static bool part(struct reader *reader)
{
        size_t before = reader->at;

        while (take_parting(reader, BLANKS))
                ;
        if (take_parting(reader, "=:"))
                while (take_parting(reader, BLANKS))
                        ;
        return reader->at > before;
}

/* Whether the name that the reader stands before is this one; steps over it. */
static bool read_name(struct reader *reader, const char *name)
{
        bool same = true;

        for (;;) {
                struct reader ahead = *reader;
                struct letter letter = next_letter(&ahead);
                bool ends = letter.value == END ||
                            (!letter.escaped &&
                             (is_blank(letter.value) || letter.value == '=' || letter.value == ':'));

                if (ends)
                        return same && !*name;
                same = same && *name && letter.value == (unsigned char)*name;
                name += same;
                *reader = ahead;
        }
}

/* Up to the end of the logical line; blanks at its end are none of the value's. */
static struct span read_value(struct reader *reader, bool apart)
{
        struct span span = {.found = true, .at = reader->at, .before = apart ? NULL : " "};
        struct letter letter;

        while ((letter = next_letter(reader)).value != END)
                if (letter.escaped || !is_blank(letter.value))
                        span.length = reader->at - span.at;
        return span;
}

static void skip_comment(struct reader *reader)
{
        while (reader->at < reader->length && !is_line_end(reader->bytes[reader->at]))
                reader->at++;
}

static struct span find_property(const struct text *text, const char *name)
{
        struct reader reader = {.bytes = text->data, .length = text->length};
        struct span last = {.found = false};

        while (reader.at < reader.length) {
                int c;
                bool ours, apart;
                struct span span;

                skip_blanks(&reader);
                if (reader.at == reader.length)
                        break;
                c = (unsigned char)reader.bytes[reader.at];
                if (is_line_end(c)) {
                        skip_line_end(&reader);
                } else if (c == '#' || c == '!') {
                        skip_comment(&reader);
                } else {
                        ours = read_name(&reader, name);
                        apart = part(&reader);
                        span = read_value(&reader, apart);
                        last = ours ? span : last;
                }
        }
        return last;
}

/* A last line that goes on in the next one is ended first. */
static struct place place_for_property(const struct text *text)
{
        size_t end = text->length;
        bool ended = end > 0 && is_line_end(text->data[end - 1]);
        size_t slashes = 0;

        while (end > 0 && is_line_end(text->data[end - 1]))
                end--;
        while (slashes < end && text->data[end - 1 - slashes] == '\\')
                slashes++;
        if (slashes % 2 == 1)
                return (struct place){text->length, text->data[text->length - 1] == '\n' ? "\n" : "\n\n",
                                      "\n"};
        return (struct place){text->length, ended || text->length == 0 ? "" : "\n", "\n"};
}

static void add_property(struct text *text, const char *name, const char *value)
{
        struct place place = place_for_property(text);

        put_into(text, place.at, 0, (const char *[]){place.before, name, " ", value, place.after, NULL});
}

/* ---- words of a command line ---- */

/* Options of spark-submit that stand for a setting. */
static const struct {
        const char *option, *setting;
} own_options[] = {
        {"--num-executors", "spark.executor.instances"},
        {"--executor-cores", "spark.executor.cores"},
        {"--executor-memory", "spark.executor.memory"},
        {"--driver-cores", "spark.driver.cores"},
        {"--driver-memory", "spark.driver.memory"},
        {"--total-executor-cores", "spark.cores.max"},
        {"--master", "spark.master"},
};

/* Those that take no value; every other one does. */
static const char *const switches[] = {"--supervise",   "--verbose", "-v", "--version",
                                       "--usage-error", "--help",    "-h"};

struct word {
        const char *bytes;
        size_t at, length; /* length 0: there is none */
};

static bool parts_words(char c)
{
        return c == ' ' || c == '\t' || c == '\n';
}

static struct word next_word(const struct text *text, size_t from)
{
        struct word word = {.bytes = text->data, .at = from};

        while (word.at < text->length && parts_words(text->data[word.at]))
                word.at++;
        while (word.at + word.length < text->length && !parts_words(text->data[word.at + word.length]))
                word.length++;
        return word;
}

/* What is left of the word behind `start`; false: it begins with something else. */
static bool after(struct word word, const char *start, struct word *ret_rest)
{
        size_t length = strlen(start);

        if (word.length < length || memcmp(word.bytes + word.at, start, length) != 0)
                return false;
        *ret_rest = (struct word){word.bytes, word.at + length, word.length - length};
        return true;
}

static bool is_word(struct word word, const char *text)
{
        struct word rest;

        return after(word, text, &rest) && rest.length == 0;
}

static bool is_switch(struct word word)
{
        for (size_t i = 0; i < ARRAY_LENGTH(switches); i++)
                if (is_word(word, switches[i]))
                        return true;
        return false;
}

/* An option and its value, in one word (--conf=...) or in two. */
struct argument {
        struct word option, value;
};

/* The next one, from *at on; false: what stands there is none, the application's own part begins. */
static bool next_argument(const struct text *text, size_t *at, struct argument *ret_argument)
{
        struct word word = next_word(text, *at), value = {0};
        const char *equals;

        *at = word.at;
        if (word.length == 0 || text->data[word.at] != '-')
                return false;
        equals = memchr(text->data + word.at, '=', word.length);
        *at = word.at + word.length;
        if (equals && text->data[word.at + 1] == '-') {
                size_t length = (size_t)(equals - text->data) - word.at;

                value = (struct word){text->data, word.at + length + 1, word.length - length - 1};
                word.length = length;
        } else if (!is_switch(word)) {
                value = next_word(text, *at);
                *at = value.at + value.length;
        }
        *ret_argument = (struct argument){word, value};
        return true;
}

static const char *own_option(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(own_options); i++)
                if (strcmp(own_options[i].setting, name) == 0)
                        return own_options[i].option;
        return NULL;
}

/* One that has no value at all, at the end, gets a word for it. */
static struct span span_of(struct word word)
{
        bool apart =
                word.length > 0 || word.bytes[word.at - 1] == '=' || parts_words(word.bytes[word.at - 1]);

        return (struct span){.found = true,
                             .at = word.at,
                             .length = word.length,
                             .before = apart ? NULL : " "};
}

/* *ret_end: where the application's own part begins, or the end. */
static struct span find_argument(const struct text *text, const char *name, size_t *ret_end)
{
        autofree char *assignment = memory_format("%s=", name);
        const char *own = own_option(name);
        struct span conf = {.found = false}, option = {.found = false};
        struct argument argument;

        *ret_end = 0;
        while (next_argument(text, ret_end, &argument)) {
                struct word value;

                if (own && is_word(argument.option, own))
                        option = span_of(argument.value);
                else if ((is_word(argument.option, "--conf") || is_word(argument.option, "-c")) &&
                         after(argument.value, assignment, &value))
                        conf = span_of(value);
        }
        return option.found ? option : conf;
}

static void add_argument(struct text *text, size_t at, const char *name, const char *value)
{
        bool begins = at == 0 || text->data[at - 1] == '\n';

        put_into(text, at, 0, (const char *[]){begins ? "" : "\n", "--conf ", name, "=", value, "\n", NULL});
}

/* ---- either ---- */

static struct span find(enum spark_settings_form form, const struct text *text, const char *name,
                        size_t *ret_end)
{
        return form == SPARK_SETTINGS_DEFAULTS ? find_property(text, name)
                                               : find_argument(text, name, ret_end);
}

char *spark_settings_get(enum spark_settings_form form, const struct text *text, const char *name)
{
        size_t end;
        struct span span = find(form, text, name, &end);

        return span.found ? memory_format("%.*s", (int)span.length, text->data + span.at) : NULL;
}

void spark_settings_set(enum spark_settings_form form, struct text *text, const char *name, const char *value)
{
        size_t end = 0;
        struct span span = find(form, text, name, &end);

        if (span.found)
                put_into(text, span.at, span.length,
                         (const char *[]){span.before ? span.before : "", value, NULL});
        else if (form == SPARK_SETTINGS_DEFAULTS)
                add_property(text, name, value);
        else
                add_argument(text, end, name, value);
}
