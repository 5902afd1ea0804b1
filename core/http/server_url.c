/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/http/server_internal.h"
#include "core/json.h"
#include "core/text.h"

static bool is_utf8(const char *text)
{
        autojson *checked = json_string(text);

        return checked != NULL;
}

/* One part, without its %XX, and with blanks for + in a query. */
static bool decode(const char *from, size_t length, bool query, char **ret_text, struct error *err)
{
        autofree char *text = memory_new(length + 1, 1);
        size_t used = 0;

        for (size_t i = 0; i < length; i++) {
                char c = from[i];

                if (c == '%') {
                        int byte = text_percent_byte(from + i, length - i);

                        if (byte < 0)
                                return error_set(err, ERROR_INPUT, "BadAddress",
                                                 "the address has a %% that two hexadecimal digits do not "
                                                 "follow");
                        c = (char)byte;
                        i += 2;
                } else if (c == '+' && query) {
                        c = ' ';
                }
                if ((unsigned char)c < 0x20 || c == 0x7f)
                        return error_set(err, ERROR_INPUT, "BadAddress",
                                         "the address holds a control character");
                text[used++] = c;
        }
        text[used] = '\0';
        if (!is_utf8(text))
                return error_set(err, ERROR_INPUT, "BadAddress", "the address is not UTF-8");
        *ret_text = TAKE(text);
        return true;
}

static bool too_many(struct error *err)
{
        return error_set(err, ERROR_LIMIT, "BadAddress", "the address has more than %d parts", URL_MAX_PARTS);
}

/* "/" is no segment, "/a" is one. */
static bool parse_path(const char *path, size_t length, struct url *url, struct error *err)
{
        const char *end = path + length;

        if (length == 0 || *path != '/')
                return error_set(err, ERROR_INPUT, "BadAddress", "the address does not begin with /");
        for (path++; path < end; path++) {
                size_t part = strcspn(path, "/?");

                if (url->n_segments == URL_MAX_PARTS)
                        return too_many(err);
                if (!decode(path, part, false, &url->segments[url->n_segments], err))
                        return false;
                url->n_segments++;
                path += part;
        }
        return true;
}

static bool parse_parameter(const char *part, size_t length, struct url *url, struct error *err)
{
        const char *equals = memchr(part, '=', length);
        size_t name = equals ? (size_t)(equals - part) : length;
        size_t value = equals ? length - name - 1 : 0;

        if (url->n_parameters == URL_MAX_PARTS)
                return too_many(err);
        if (!decode(part, name, true, &url->names[url->n_parameters], err) ||
            !decode(part + length - value, value, true, &url->values[url->n_parameters], err))
                return false;
        url->n_parameters++;
        return true;
}

static bool parse_query(const char *query, struct url *url, struct error *err)
{
        while (*query) {
                size_t part = strcspn(query, "&");

                if (part > 0 && !parse_parameter(query, part, url, err))
                        return false;
                query += part;
                query += *query == '&';
        }
        return true;
}

bool url_parse(const char *target, struct url *ret_url, struct error *err)
{
        size_t path = strcspn(target, "?");

        *ret_url = (struct url){0};
        return parse_path(target, path, ret_url, err) &&
               (target[path] == '\0' || parse_query(target + path + 1, ret_url, err));
}

void url_free(struct url *url)
{
        for (size_t i = 0; i < URL_MAX_PARTS; i++) {
                free(url->segments[i]);
                free(url->names[i]);
                free(url->values[i]);
        }
}

/* ---- patterns ---- */

bool url_matches(const struct url *url, const char *pattern)
{
        size_t at = 0;

        while (*pattern == '/' && pattern[1]) {
                size_t length = strcspn(++pattern, "/");
                const char *segment = at < url->n_segments ? url->segments[at] : NULL;

                if (!segment || *segment == '\0')
                        return false;
                if (*pattern != '{' && (strlen(segment) != length || memcmp(segment, pattern, length) != 0))
                        return false;
                pattern += length;
                at++;
        }
        return at == url->n_segments;
}

int url_segment_of(const char *pattern, const char *name)
{
        size_t wanted = strlen(name);

        for (int at = 0; *pattern == '/'; at++) {
                size_t length = strcspn(++pattern, "/");

                if (length == wanted + 2 && *pattern == '{' && memcmp(pattern + 1, name, wanted) == 0)
                        return at;
                pattern += length;
        }
        return -1;
}

/* ---- this machine ---- */

bool url_address_is_loopback(const char *address)
{
        struct in_addr four;
        struct in6_addr six;

        if (inet_pton(AF_INET, address, &four) == 1)
                return ntohl(four.s_addr) >> 24 == 127;
        return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool url_host_is_local(const char *host)
{
        bool brackets = *host == '[';
        const char *name = host + brackets;
        size_t length = strcspn(name, brackets ? "]" : ":");
        const char *rest = name + length + (brackets && name[length] == ']');
        char copy[64]; /* longer than "localhost" and every address */

        if ((*rest != '\0' && *rest != ':') || length >= sizeof copy)
                return false;
        snprintf(copy, sizeof copy, "%.*s", (int)length, name);
        return (!brackets && strcasecmp(copy, "localhost") == 0) || url_address_is_loopback(copy);
}
