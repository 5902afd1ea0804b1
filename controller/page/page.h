/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_PAGE_PAGE_H
#define OPTCTL_CONTROLLER_PAGE_PAGE_H

#include <stddef.h>

/* The files of the page that a running optctl serves, embedded at build time (cmake/page.cmake). */
struct page_file {
        const char *name; /* "index.html" */
        const char *content_type;
        const unsigned char *bytes;
        size_t length;
};

extern const struct page_file page_files[]; /* ends with a NULL name */

#endif
