/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_PROMETHEUS_SCRAPE_H
#define OPTCTL_COLLECTORS_PROMETHEUS_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/prometheus/snapshot.h"
#include "core/error.h"
#include "core/exposition.h"

/* Everything of use on a reporter's page. Samples without a time of their own are of `time_ms`. */
bool scrape_add(const char *page, size_t length, enum exposition_format format, int64_t time_ms,
                struct snapshot *snapshot, struct error *err);

#endif
