/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_PAGE_H
#define OPTCTL_CORE_KUBERNETES_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* A page of a list as text, and where in it each object stands: taken apart as a whole, a page needs ten
 * times the room of its text. What is pointed to is a JSON value's text, which is still to be parsed. */
struct page {
        const char *metadata, *items; /* NULL: there are none */
        size_t metadata_length, items_length;
};

struct page_cursor {
        const char *at, *end;
};

/* ERROR_INCOMPLETE (NotAList): no JSON object, or one that is cut short. */
bool page_read(const char *text, size_t length, struct page *ret_page, struct error *err);

struct page_cursor page_cursor(const struct page *page);
/* The next object. False: there is none; unless page_ended, because what stands there is no list. */
bool page_next(struct page_cursor *cursor, const char **ret_text, size_t *ret_length);
bool page_ended(const struct page_cursor *cursor);

#endif
