/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/redact.h"
#include "core/secret_memory.h"

#define MASK        "***"
#define MASK_LENGTH (sizeof MASK - 1)
#define SHORTEST    6  /* characters of a secret that is masked wherever it stands */
#define BEGINNING   12 /* so many of its first characters are masked, too: messages cut what they repeat */
#define MAX_FORMS   10

/* One secret in all forms that it may be met in, one behind the other in memory that is not dumped. */
struct known {
        char *memory;
        size_t room, used;
        struct form {
                const char *at;
                size_t length;
        } forms[MAX_FORMS]; /* the first is the secret itself */
        size_t n_forms;
        size_t users;
        bool is_short; /* it may be a word or a number that others use, too */
        bool is_number;
};

/*
 * The one thing in core that is known to all of the process: a text may reach a log or an error message on
 * any way, and none of those who write it knows which secrets there are.
 *
 * `starts` has a bit for every pair of bytes that a form starts with, so that looking through a text takes
 * the same time for one secret and for a thousand.
 */
static struct {
        pthread_rwlock_t lock;
        struct known *items;
        size_t count;
        uint8_t starts[65536 / 8];
} registry = {.lock = PTHREAD_RWLOCK_INITIALIZER};

/* ---- forms ---- */

static void form_begin(struct known *known)
{
        known->forms[known->n_forms].at = known->memory + known->used;
        known->forms[known->n_forms].length = 0;
}

static void form_put(struct known *known, char c)
{
        known->memory[known->used++] = c;
        known->forms[known->n_forms].length++;
}

/* Keeps the form unless it says what one before it says, or is too short to be masked. */
static void form_end(struct known *known)
{
        struct form *form = &known->forms[known->n_forms];

        if (form->length < SHORTEST)
                return;
        for (size_t i = 0; i < known->n_forms; i++)
                if (known->forms[i].length == form->length &&
                    memcmp(known->forms[i].at, form->at, form->length) == 0)
                        return;
        known->n_forms++;
}

static void add_plain(struct known *known, const char *secret)
{
        form_begin(known);
        while (*secret)
                form_put(known, *secret++);
        form_end(known);
}

static void add_percent(struct known *known, const char *secret, const char *hex)
{
        form_begin(known);
        for (; *secret; secret++) {
                unsigned char c = (unsigned char)*secret;

                if (isalnum(c) || strchr("-._~", c)) {
                        form_put(known, (char)c);
                } else {
                        form_put(known, '%');
                        form_put(known, hex[c >> 4]);
                        form_put(known, hex[c & 15]);
                }
        }
        form_end(known);
}

static void add_json(struct known *known, const char *secret)
{
        form_begin(known);
        for (; *secret; secret++) {
                if (*secret == '"' || *secret == '\\')
                        form_put(known, '\\');
                form_put(known, *secret);
        }
        form_end(known);
}

/* The characters of Base64 that depend on the secret alone when it stands behind `before` other bytes (modulo
 * 3) and in front of any: six bits each. */
static void add_base64(struct known *known, const char *secret, size_t before, const char *last_two)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        size_t first_bit = before * 8, end_bit = (before + strlen(secret)) * 8;

        form_begin(known);
        for (size_t bit = (first_bit + 5) / 6 * 6; bit + 6 <= end_bit; bit += 6) {
                const unsigned char *byte = (const unsigned char *)secret + (bit / 8 - before);
                unsigned pair = (unsigned)byte[0] << 8 | byte[1]; /* the ending NUL, at worst */
                unsigned six = pair >> (10 - bit % 8) & 63;

                form_put(known, six < 62 ? letters[six] : last_two[six - 62]);
        }
        form_end(known);
}

static struct known known_new(const char *secret)
{
        struct known known = {.room = strlen(secret) * 20 + 64, .users = 1};

        known.memory = secret_memory_new(known.room);
        known.is_short = strlen(secret) < BEGINNING;
        known.is_number = secret[strspn(secret, "0123456789.+-eE")] == '\0';
        add_plain(&known, secret);
        add_percent(&known, secret, "0123456789ABCDEF");
        add_percent(&known, secret, "0123456789abcdef");
        add_json(&known, secret);
        for (size_t before = 0; before < 3; before++) {
                add_base64(&known, secret, before, "+/");
                add_base64(&known, secret, before, "-_");
        }
        return known;
}

/* ---- the registry; its lock is held ---- */

static unsigned pair_of(const char *at)
{
        return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

static void mark_starts(const struct known *known)
{
        for (size_t i = 0; i < known->n_forms; i++) {
                unsigned pair = pair_of(known->forms[i].at);

                registry.starts[pair / 8] |= (uint8_t)(1u << pair % 8);
        }
}

static struct known *find(const char *secret)
{
        size_t length = strlen(secret);

        for (size_t i = 0; i < registry.count; i++) {
                const struct form *plain = &registry.items[i].forms[0];

                if (plain->length == length && memcmp(plain->at, secret, length) == 0)
                        return &registry.items[i];
        }
        return NULL;
}

static void add(const char *secret)
{
        struct known *known = find(secret);

        if (known) {
                known->users++;
                return;
        }
        registry.items = memory_resize(registry.items, registry.count + 1, sizeof *registry.items);
        registry.items[registry.count] = known_new(secret);
        mark_starts(&registry.items[registry.count++]);
}

static void drop(const char *secret)
{
        struct known *known = find(secret);

        if (!known || --known->users > 0)
                return;
        secret_memory_free(known->memory, known->room);
        *known = registry.items[--registry.count];
        memset(registry.starts, 0, sizeof registry.starts);
        for (size_t i = 0; i < registry.count; i++)
                mark_starts(&registry.items[i]);
        if (registry.count == 0) {
                free(registry.items);
                registry.items = NULL;
        }
}

/* Of a form that stands at `at`, as a whole or as far as it was not cut off; 0: it does not. */
static size_t known_part(const struct form *form, const char *at, size_t left)
{
        size_t most = form->length < left ? form->length : left, same = 0;

        while (same < most && at[same] == form->at[same])
                same++;
        return same == form->length || same >= BEGINNING ? same : 0;
}

/* Where a byte of an answer stands. What nobody asks the meaning of is TEXT. */
enum place { TEXT, KEY, BARE };

/* Keys, and numbers, are what an answer is read by, and are not what a peer tells: there a short secret is a
 * word or a number like any other. */
static bool is_harmless(const struct known *known, size_t form, enum place place)
{
        return form == 0 && known->is_short && (place == KEY || (place == BARE && known->is_number));
}

/* Length of the longest form, or beginning of one, that stands at `at`; 0: none. */
static size_t known_at(const char *at, size_t left, enum place place)
{
        unsigned pair = left >= SHORTEST ? pair_of(at) : 0;
        size_t longest = 0;

        if (left < SHORTEST || !(registry.starts[pair / 8] & 1u << pair % 8))
                return 0;
        for (size_t i = 0; i < registry.count; i++) {
                const struct known *known = &registry.items[i];

                for (size_t j = 0; j < known->n_forms; j++) {
                        size_t length =
                                is_harmless(known, j, place) ? 0 : known_part(&known->forms[j], at, left);

                        longest = length > longest ? length : longest;
                }
        }
        return longest;
}

/* ---- where a byte stands, in JSON and in what is like it ---- */

struct scan {
        const char *end;
        enum place place;
        bool quoted, escaped;
};

/* Whether what stands in quotes from `at` on is followed by a colon. */
static bool is_key(const char *at, const char *end)
{
        while (at < end && *at != '"' && *at != '\n')
                at += *at == '\\' && at + 1 < end ? 2 : 1;
        if (at == end || *at++ != '"')
                return false;
        while (at < end && strchr(" \t\r\n", *at) && *at)
                at++;
        return at < end && *at == ':';
}

/* No line ends within quotes: a quote that stands alone says nothing of the next line. */
static void step(struct scan *scan, const char *at)
{
        if (!scan->quoted && *at == '"') {
                scan->quoted = true;
                scan->place = is_key(at + 1, scan->end) ? KEY : TEXT;
        } else if (scan->escaped) {
                scan->escaped = false;
        } else if (scan->quoted && *at == '\\') {
                scan->escaped = true;
        } else if (scan->quoted && (*at == '"' || *at == '\n')) {
                scan->quoted = false;
                scan->place = BARE;
        }
}

/* scan: NULL: all of it is text. */
static size_t mask(char *text, size_t left, struct scan *scan)
{
        const char *end = text + left;
        size_t used = 0;

        for (const char *at = text; left > 0;) {
                size_t length = known_at(at, left, scan ? scan->place : TEXT);

                for (size_t i = 0; scan && i < (length ? length : 1); i++)
                        step(scan, at + i);
                if (length > 0) {
                        memcpy(text + used, MASK, MASK_LENGTH);
                        used += MASK_LENGTH;
                } else {
                        length = 1;
                        text[used++] = *at;
                }
                at += length;
                left -= length;
        }
        /* What stood behind is not left for whoever gets this memory next. */
        explicit_bzero(text + used, (size_t)(end - text) - used);
        return used;
}

/* ---- from any thread ---- */

void redact_learn(const char *secret)
{
        if (strlen(secret) < SHORTEST)
                return;
        pthread_rwlock_wrlock(&registry.lock);
        add(secret);
        pthread_rwlock_unlock(&registry.lock);
}

void redact_forget(const char *secret)
{
        if (strlen(secret) < SHORTEST)
                return;
        pthread_rwlock_wrlock(&registry.lock);
        drop(secret);
        pthread_rwlock_unlock(&registry.lock);
}

static size_t mask_known(char *bytes, size_t length, struct scan *scan)
{
        pthread_rwlock_rdlock(&registry.lock);
        if (registry.count > 0)
                length = mask(bytes, length, scan);
        pthread_rwlock_unlock(&registry.lock);
        return length;
}

void redact_known(char *text)
{
        text[mask_known(text, strlen(text), NULL)] = '\0';
}

size_t redact_answer(char *bytes, size_t length, bool good)
{
        struct scan scan = {.end = bytes + length, .place = BARE};

        return mask_known(bytes, length, good ? &scan : NULL);
}
