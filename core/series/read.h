/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SERIES_READ_H
#define OPTCTL_CORE_SERIES_READ_H

#include "core/series/series.h"

/* A series that is being read. */
struct series_builder {
        struct series *series;
        size_t room;
};

/* What became of a point. */
enum series_added { SERIES_ADDED, SERIES_GOES_BACK, SERIES_TOO_LONG };

/* A repeated time replaces the value. */
enum series_added series_add(struct series_builder *builder, int64_t time_ms, double value);

/* The readers behind series_parse. `name` stands for the file in messages. */
bool series_parse_text(const char *bytes, size_t length, const char *name, const struct series_format *format,
                       struct series_builder *builder, struct error *err);
bool series_parse_prometheus(const char *bytes, size_t length, const char *name,
                             const struct series_format *format, struct series_builder *builder,
                             struct error *err);

#endif
