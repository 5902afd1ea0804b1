/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/redact.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/text.h"

#define MASK           "***"
#define NAME_MAX_BYTES 63
#define SHORTEST_TOKEN 8 /* "Basic idea" is no credential */

bool redact_key(const char *key)
{
        static const char *const secrets[] = {"token",     "password",   "passwd",        "passphrase",
                                              "secret",    "credential", "authorization", "apikey",
                                              "accesskey", "privatekey", "cookie"};
        char plain[NAME_MAX_BYTES + 1];
        size_t used = 0;

        for (; *key && used < NAME_MAX_BYTES; key++)
                if (isalnum((unsigned char)*key))
                        plain[used++] = (char)tolower((unsigned char)*key);
        plain[used] = '\0';
        for (size_t i = 0; i < ARRAY_LENGTH(secrets); i++)
                if (strstr(plain, secrets[i]))
                        return true;
        return false;
}

static bool is_name(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool ends_value(char c)
{
        return c == '\0' || isspace((unsigned char)c) || strchr("\"'&,;}])", c) != NULL;
}

/* Length of the value after a secret's name that ends at `at` ("token", then `=`, `": "` ...): *ret_from is
 * where it begins. 0: no value follows. */
static size_t value_after_name(const char *at, const char **ret_from)
{
        const char *from = at;
        size_t length = 0;

        if (*from == '"' || *from == '\'')
                from++;
        from += strspn(from, " ");
        if (*from != '=' && *from != ':')
                return 0;
        from++;
        from += strspn(from, " ");
        if (*from == '"' || *from == '\'') {
                char quote = *from++;

                while (from[length] && from[length] != quote)
                        length += from[length] == '\\' && from[length + 1] ? 2 : 1;
        } else {
                while (!ends_value(from[length]))
                        length++;
        }
        *ret_from = from;
        return length;
}

/* After "Bearer" or "Basic": the credential behind one blank. */
static size_t value_after_scheme(const char *at, const char **ret_from)
{
        size_t length = 0;

        if (*at != ' ')
                return 0;
        while (!ends_value(at[1 + length]))
                length++;
        *ret_from = at + 1;
        return length >= SHORTEST_TOKEN ? length : 0;
}

/* After the scheme of a URL: what stands between "://" and "@", when that comes before the path. */
static size_t value_in_url(const char *at, const char **ret_from)
{
        size_t length;

        if (strncmp(at, "://", 3) != 0)
                return 0;
        length = strcspn(at + 3, "/?# \t\r\n\"'<>");
        while (length > 0 && at[3 + length - 1] != '@')
                length--;
        *ret_from = at + 3;
        return length > 0 ? length - 1 : 0;
}

/* What has to be masked behind the name [start, end); 0: nothing. */
static size_t secret_behind(const char *start, const char *end, const char **ret_from)
{
        size_t length = (size_t)(end - start) < NAME_MAX_BYTES ? (size_t)(end - start) : NAME_MAX_BYTES;
        char name[NAME_MAX_BYTES + 1];
        size_t found;

        /* Of a longer name the end counts: that is where "…_token" stands. */
        memcpy(name, end - length, length);
        name[length] = '\0';
        if (strcasecmp(name, "bearer") == 0 || strcasecmp(name, "basic") == 0)
                return value_after_scheme(end, ret_from);
        found = value_in_url(end, ret_from);
        if (found || !redact_key(name))
                return found;
        found = value_after_name(end, ret_from);
        /* "Authorization: Bearer abc": the scheme is no secret, what follows it is found next. */
        if (found == 6 && strncasecmp(*ret_from, "bearer", 6) == 0)
                return 0;
        if (found == 5 && strncasecmp(*ret_from, "basic", 5) == 0)
                return 0;
        return found;
}

/* Adds one character, or U+FFFD for a byte that is none; returns the bytes read. */
static size_t add_character(struct text *out, const char *at)
{
        size_t length = text_utf8_length(at, strnlen(at, 4));

        if (length)
                text_add(out, at, length);
        else
                text_put(out, "\xef\xbf\xbd");
        return length ? length : 1;
}

static void add_all(struct text *out, const char *from, const char *to)
{
        while (from < to)
                from += add_character(out, from);
}

static char *redact_named(const char *text)
{
        autotext out = {0};

        while (*text) {
                const char *end = text, *secret;
                size_t masked;

                while (is_name(*end))
                        end++;
                if (end == text) {
                        text += add_character(&out, text);
                        continue;
                }
                masked = secret_behind(text, end, &secret);
                if (masked) {
                        add_all(&out, text, secret);
                        text_put(&out, MASK);
                        text = secret + masked;
                } else {
                        text_add(&out, text, (size_t)(end - text));
                        text = end;
                }
        }
        return text_take(&out);
}

char *redact_text(const char *text)
{
        autofree char *copy = memory_copy_text(text);

        if (!copy)
                return NULL;
        redact_known(copy);
        return redact_named(copy);
}

char *redact_url(const char *url)
{
        const char *scheme = strstr(url, "://"), *at = strrchr(url, '@');
        autofree char *shown = NULL;

        if (!at)
                return redact_text(url);
        shown = memory_format("%.*s" MASK "%s", scheme && scheme < at ? (int)(scheme + 3 - url) : 0, url, at);
        return redact_text(shown);
}
