/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/page.h"

#include <string.h>

/* Finds where values begin and end; whether they are JSON is for the parser to say. */

static bool is_one_of(char c, const char *letters)
{
        return c && strchr(letters, c);
}

static void skip_blanks(struct page_cursor *cursor)
{
        while (cursor->at < cursor->end && is_one_of(*cursor->at, " \t\r\n"))
                cursor->at++;
}

/* Behind the closing quote; false: there is none. */
static bool skip_text(struct page_cursor *cursor)
{
        for (cursor->at++; cursor->at < cursor->end; cursor->at++) {
                if (*cursor->at == '\\')
                        cursor->at++;
                else if (*cursor->at == '"') {
                        cursor->at++;
                        return true;
                }
        }
        return false;
}

/* An object or a list with all that is in it. */
static bool skip_nested(struct page_cursor *cursor)
{
        size_t depth = 0;

        while (cursor->at < cursor->end) {
                char c = *cursor->at;

                if (c == '"') {
                        if (!skip_text(cursor))
                                return false;
                        continue;
                }
                cursor->at++;
                if (c == '{' || c == '[')
                        depth++;
                else if ((c == '}' || c == ']') && --depth == 0)
                        return true;
        }
        return false;
}

/* Only one that something follows: what ends with a comma is no list. */
static void skip_comma(struct page_cursor *cursor)
{
        struct page_cursor behind;

        skip_blanks(cursor);
        if (cursor->at == cursor->end || *cursor->at != ',')
                return;
        behind = (struct page_cursor){cursor->at + 1, cursor->end};
        skip_blanks(&behind);
        if (behind.at < behind.end)
                *cursor = behind;
}

/* A value, which must not be empty. */
static bool skip_value(struct page_cursor *cursor, const char **ret_text, size_t *ret_length)
{
        bool whole = true;

        skip_blanks(cursor);
        *ret_text = cursor->at;
        if (cursor->at == cursor->end)
                return false;
        if (*cursor->at == '"')
                whole = skip_text(cursor);
        else if (*cursor->at == '{' || *cursor->at == '[')
                whole = skip_nested(cursor);
        else
                while (cursor->at < cursor->end && !is_one_of(*cursor->at, ",]} \t\r\n"))
                        cursor->at++;
        *ret_length = (size_t)(cursor->at - *ret_text);
        return whole && *ret_length > 0;
}

static bool skip_char(struct page_cursor *cursor, char c)
{
        skip_blanks(cursor);
        if (cursor->at == cursor->end || *cursor->at != c)
                return false;
        cursor->at++;
        return true;
}

static bool is_key(const char *text, size_t length, const char *key)
{
        return length == strlen(key) + 2 && memcmp(text + 1, key, length - 2) == 0;
}

static bool read_members(struct page_cursor *cursor, struct page *page)
{
        do {
                const char *key, *value;
                size_t key_length, length;

                if (!skip_value(cursor, &key, &key_length) || *key != '"' || !skip_char(cursor, ':') ||
                    !skip_value(cursor, &value, &length))
                        return false;
                if (is_key(key, key_length, "metadata") && *value == '{') {
                        page->metadata = value;
                        page->metadata_length = length;
                } else if (is_key(key, key_length, "items") && *value == '[') {
                        page->items = value;
                        page->items_length = length;
                }
        } while (skip_char(cursor, ','));
        return skip_char(cursor, '}');
}

bool page_read(const char *text, size_t length, struct page *ret_page, struct error *err)
{
        struct page_cursor cursor = {text, text + length};
        struct page page = {0};

        if (!skip_char(&cursor, '{') || !read_members(&cursor, &page))
                return error_set(err, ERROR_INCOMPLETE, "NotAList", "the answer is no list of objects");
        *ret_page = page;
        return true;
}

struct page_cursor page_cursor(const struct page *page)
{
        if (!page->items)
                return (struct page_cursor){"", ""};
        return (struct page_cursor){page->items + 1, page->items + page->items_length - 1};
}

bool page_next(struct page_cursor *cursor, const char **ret_text, size_t *ret_length)
{
        skip_blanks(cursor);
        if (!skip_value(cursor, ret_text, ret_length))
                return false;
        skip_comma(cursor);
        return true;
}

bool page_ended(const struct page_cursor *cursor)
{
        return cursor->at == cursor->end;
}
