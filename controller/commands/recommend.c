/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "controller/cli/command.h"
#include "controller/cli/parameters.h"
#include "controller/live/host.h"
#include "controller/cli/output.h"
#include "controller/cli/recommendation_text.h"
#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/reactor.h"

#define TICK_MS 250

struct recommend_arguments {
        const char *kubeconfig, *kube_context;
        char **specs, **sets;
        const char *data, *json;
        int64_t window_seconds, windows;
};

#define AT(member) .offset = offsetof(struct recommend_arguments, member)

static const struct parameter parameters[] = {
        PARAMETERS_SPECS(struct recommend_arguments),
        {.name = "window",
         .type = PARAMETER_INTEGER,
         AT(window_seconds),
         .value = "SECONDS",
         .min = 1,
         .max = 3600,
         .fallback = "10",
         .help = "Rates are measured over so long."},
        {.name = "windows",
         .type = PARAMETER_INTEGER,
         AT(windows),
         .value = "N",
         .min = 1,
         .max = 1000,
         .fallback = "3",
         .help = "Looks so often before it says anything."},
        PARAMETERS_DATA(struct recommend_arguments),
        PARAMETERS_SET(struct recommend_arguments,
                       "every spec: spec.constraints.latencyP99Milliseconds=500."),
        PARAMETERS_JSON(struct recommend_arguments, "the answer as JSON (docs/schema/recommend.schema.json)"),
        HOST_KUBERNETES_PARAMETERS(recommend_arguments),
        {.name = NULL},
};

struct measuring {
        const struct recommend_arguments *arguments;
        struct host *host;
        json_t *answer;
        struct error err;
};

/* ---- what a person sees meanwhile ---- */

/* A fiber that draws while the other one waits for an answer. */
struct ticker {
        struct reactor *reactor;
        struct progress *progress;
        struct fiber *fiber;
        bool over, ended;
};

static void tick(void *argument)
{
        struct ticker *ticker = argument;
        struct clock clock = reactor_clock(ticker->reactor);

        ticker->fiber = reactor_current(ticker->reactor);
        while (!ticker->over) {
                progress_add(ticker->progress, 0);
                reactor_suspend_until(ticker->reactor, clock_now_ms(&clock) + TICK_MS);
        }
        ticker->ended = true;
}

static void ticker_end(struct ticker *ticker)
{
        ticker->over = true;
        if (ticker->fiber)
                reactor_wake(ticker->reactor, ticker->fiber);
        while (!ticker->ended)
                reactor_yield(ticker->reactor);
}

static void show(const struct measuring *measuring, struct ticker *ticker, const char *what, const char *unit,
                 int64_t total)
{
        progress_free(ticker->progress);
        ticker->progress = progress_new(stderr, true, &measuring->host->clock, what, unit, total);
}

/* ---- measuring ---- */

/* What nobody answered is not asked again: each request was repeated already. */
static bool is_in_vain(const struct fleet *fleet)
{
        return fleet_is_refused(fleet) || fleet_is_unreachable(fleet);
}

static void look(struct measuring *measuring)
{
        json_decref(measuring->answer);
        measuring->answer = fleet_recommend(measuring->host->fleet);
}

/* The first look opens the pipelines and begins the first window. */
static void measure_windows(struct measuring *measuring, struct ticker *ticker)
{
        const struct recommend_arguments *arguments = measuring->arguments;
        struct clock clock = reactor_clock(measuring->host->reactor);
        int64_t specs = 0;

        while (arguments->specs[specs])
                specs++;
        show(measuring, ticker, "waiting for an answer", specs == 1 ? "pipeline" : "pipelines", specs);
        reactor_spawn(ticker->reactor, tick, ticker);
        look(measuring);
        show(measuring, ticker, "measuring", "windows", arguments->windows);
        for (int64_t i = 0; i < arguments->windows && !is_in_vain(measuring->host->fleet); i++) {
                int64_t until_ms = clock_now_ms(&clock) + arguments->window_seconds * MS_PER_SECOND;

                if (!clock_sleep_until(&clock, until_ms, &measuring->err))
                        break;
                look(measuring);
                progress_add(ticker->progress, 1);
        }
}

static void measure(void *argument)
{
        struct measuring *measuring = argument;
        struct ticker ticker = {.reactor = measuring->host->reactor};

        measure_windows(measuring, &ticker);
        ticker_end(&ticker);
        progress_free(ticker.progress);
}

/* Status 4 tells a script that something should change, 1 that a pipeline could not be judged. */
static bool verdict(const json_t *answer, struct error *err)
{
        size_t changes = 0;
        const json_t *unknown = NULL, *one;
        size_t i;

        json_array_foreach(answer, i, one)
        {
                changes += json_is_true(json_object_get(one, "change"));
                if (json_is_null(json_object_get(one, "change")))
                        unknown = one;
        }
        if (unknown)
                return error_set(err, ERROR_UNAVAILABLE, NULL, "%s: %s",
                                 json_string_value(json_object_get(unknown, "name")),
                                 json_string_value(json_object_get(unknown, "why")));
        return changes == 0 ||
               error_set(err, ERROR_FINDING, NULL, "%zu of %zu pipeline%s should change", changes,
                         json_array_size(answer), text_plural((double)json_array_size(answer)));
}

static bool print(const struct recommend_arguments *arguments, const json_t *answer, struct error *err)
{
        autojson *document = NULL;

        if (!arguments->json) {
                recommendation_print(answer, stdout, terminal_has_color(stdout));
                return true;
        }
        document = json_pack("{s:s, s:s, s:O}", "kind", "recommend", "version", OPTCTL_VERSION, "pipelines",
                             answer);
        return output_json(arguments->json, document, err);
}

static bool recommend_run(const void *object, struct error *err)
{
        const struct recommend_arguments *arguments = object;
        const struct host_options options = {.one_shot = true,
                                             .dry_run = true,
                                             .quiet = true,
                                             .kubeconfig = arguments->kubeconfig,
                                             .kube_context = arguments->kube_context};
        struct measuring measuring = {.arguments = arguments, .err = ERROR_INIT};
        struct host host;
        bool done;

        if (!host_open(&options, &host, err))
                return false;
        measuring.host = &host;
        done = host_add_specs(&host, arguments->specs, arguments->data, arguments->sets, err);
        if (done) {
                reactor_call(host.reactor, measure, &measuring);
                done = measuring.err.code == ERROR_NONE;
                *err = measuring.err;
        }
        done = done && print(arguments, measuring.answer, err) && verdict(measuring.answer, err);
        json_decref(measuring.answer);
        host_close(&host);
        return done;
}

const struct command recommend_command = {
        .name = "recommend",
        .group = COMMAND_LIVE,
        .summary = "what a live pipeline should run on, and why",
        .description =
                "Measures live pipelines for a few windows and says what should change. Nothing is "
                "changed, whatever the spec's mode. Exit status 4 says that something should change, 0 "
                "that nothing should.",
        .example = "optctl recommend clickstream.yaml",
        .size = sizeof(struct recommend_arguments),
        .parameters = parameters,
        .run = recommend_run,
};
