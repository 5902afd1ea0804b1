/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink/collect.h"

static bool flink_open(const struct source_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        return flink_collect_open(context, options, ret_state, err);
}

const struct collector flink_collector = {
        .name = "flink",
        .summary = "A job of Apache Flink, read through the REST API of its job manager.",
        .section = SECTION_ENGINE,
        .options = &flink_engine_options,
        .open = flink_open,
        .discover = flink_collect_discover,
        .collect = flink_collect,
        .close = flink_collect_close,
};
