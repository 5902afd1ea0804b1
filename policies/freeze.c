/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In a freeze window nothing is changed, whatever it would save. */
#include "core/cron.h"
#include "core/memory.h"
#include "core/plugin.h"

struct freeze_window {
        char *cron;
        int64_t seconds;
        char *time_zone;
};

struct freeze_options {
        struct option_list windows; /* of struct freeze_window */
};

static enum judgement freeze_judge(const void *object, const struct judgement_context *context,
                                   const struct proposal *proposal, struct configuration *configuration,
                                   char *reason)
{
        const struct option_list *windows = &((const struct freeze_options *)object)->windows;

        (void)proposal;
        (void)configuration;
        for (size_t i = 0; i < windows->count; i++) {
                const struct freeze_window *window = &((const struct freeze_window *)windows->items)[i];
                struct error err = ERROR_INIT;
                bool active = false;

                /* The spec was checked when it was read; if the zone has gone since, better frozen than not.
                 */
                if (!cron_active(window->cron, window->seconds, window->time_zone, context->now_ms, &active,
                                 &err))
                        return finding_refuse(reason, "freeze window: %s", err.message);
                if (active)
                        return finding_refuse(reason, "freeze window of %lld s from \"%s\" %s",
                                              (long long)window->seconds, window->cron,
                                              window->time_zone ? window->time_zone : "UTC");
        }
        return JUDGEMENT_ALLOWED;
}

static bool check_window(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct freeze_window *window = object;
        autocall(zone_free) struct zone *zone = NULL;
        struct error found = ERROR_INIT;
        struct cron cron;

        if (cron_parse(window->cron, &cron, &found) && zone_load(window->time_zone, &zone, &found))
                return true;
        return yaml_error(node, err, "%s", found.message);
}

static const struct option window_options[] = {
        {.name = "cron",
         .type = OPTION_TEXT,
         .offset = offsetof(struct freeze_window, cron),
         .required = true,
         .help = "Start of the window as a cron expression of five fields: minute, hour, day of month, "
                 "month, day of "
                 "week."},
        {.name = "seconds",
         .type = OPTION_INT,
         .offset = offsetof(struct freeze_window, seconds),
         .unit = "s",
         .min = 1,
         .max = 31 * 86400,
         .required = true,
         .help = "Length of the window."},
        {.name = "timeZone",
         .type = OPTION_TEXT,
         .offset = offsetof(struct freeze_window, time_zone),
         .help = "IANA time zone of the cron expression, such as Europe/Berlin; UTC when absent."},
        {.name = NULL},
};

static const struct option_table window_table = {
        .name = "freeze",
        .help = "A window in which nothing is changed.",
        .size = sizeof(struct freeze_window),
        .options = window_options,
        .check = check_window,
};

static const struct option options_list[] = {
        {.name = "freeze",
         .type = OPTION_LIST,
         .offset = offsetof(struct freeze_options, windows),
         .max = 100,
         .table = &window_table,
         .help = "Windows in which nothing is changed. What was begun before is still finished or taken "
                 "back."},
        {.name = NULL},
};

static const struct option_table freeze_options = {
        .name = "freezeWindows",
        .help = "Keeps the pipeline as it is at times given by cron expressions.",
        .size = sizeof(struct freeze_options),
        .options = options_list,
};

const struct guardrail freeze_guardrail = {
        .name = "freeze",
        .summary = "no change in freeze windows",
        .options = &freeze_options,
        .judge = freeze_judge,
};
