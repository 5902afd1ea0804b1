/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_REPORT_PAGE_H
#define OPTCTL_SIM_REPORT_PAGE_H

#include <stddef.h>

/* report.html with its styles and scripts inside, put together at build time by cmake/embed.cmake. */
extern const unsigned char report_page[];
extern const size_t report_page_length;

#endif
