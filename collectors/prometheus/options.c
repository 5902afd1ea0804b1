/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/prometheus/options.h"

#include <stddef.h>
#include <string.h>

#include "core/redact.h"

#include "core/memory.h"

#define AT(type, member) .offset = offsetof(struct type, member)

static const char *const engines[] = {"Flink", "None", NULL};

/* In the order of enum prometheus_value. */
static const char *const values[] = {"recordsInPerSecond",
                                     "recordsOutPerSecond",
                                     "busyRatio",
                                     "busyRatioMax",
                                     "backpressureRatio",
                                     "backlog",
                                     "partitions",
                                     "partitionPerSecondMax",
                                     "parallelism",
                                     "offeredPerSecond",
                                     "throughputPerSecond",
                                     "latencyP50Seconds",
                                     "latencyP95Seconds",
                                     "latencyP99Seconds",
                                     "errorRatio",
                                     "cpuRatio",
                                     "workers",
                                     "workersReady",
                                     "brokers",
                                     "restarts",
                                     NULL};

/* ---- labels ---- */

static const struct option label_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(prometheus_label, name),
         .max = 100,
         .required = true,
         .help = "Name of the label."},
        {.name = "value",
         .type = OPTION_TEXT,
         AT(prometheus_label, value),
         .max = 200,
         .required = true,
         .help = "The value it must have."},
        {0},
};

static bool check_label(const void *object, const struct yaml_node *node, struct error *err)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
        const char *name = ((const struct prometheus_label *)object)->name;

        return !name || (*name && name[strspn(name, letters)] == '\0' && (*name < '0' || *name > '9')) ||
               yaml_error(yaml_get(node, "name"), err,
                          "\"%.60s\" is not the name of a label; expected letters, digits and _", name);
}

static const struct option_table label_table = {
        .name = "labels",
        .help = "A label that the pipeline's series have.",
        .size = sizeof(struct prometheus_label),
        .options = label_options,
        .check = check_label,
};

/* ---- queries ---- */

static const struct option query_options[] = {
        {.name = "value",
         .type = OPTION_CHOICE,
         AT(prometheus_query, value),
         .choices = values,
         .required = true,
         .help = "What the query gives."},
        {.name = "operator",
         .type = OPTION_TEXT,
         AT(prometheus_query, operator),
         .help = "The operator whose value it is; the values from recordsInPerSecond to parallelism need "
                 "one."},
        {.name = "query",
         .type = OPTION_TEXT,
         AT(prometheus_query, query),
         .max = 2000,
         .required = true,
         .help = "PromQL that gives one number: a scalar, or a vector of one element. Where it gives none, "
                 "the "
                 "value is not known."},
        {0},
};

static bool check_query(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct prometheus_query *query = object;

        if (query->value < VALUE_OFFERED && !query->operator)
                return yaml_error(node, err, "names no operator; %s is a value of one operator",
                                  values[query->value]);
        if (query->value >= VALUE_OFFERED && query->operator)
                return yaml_error(yaml_get(node, "operator"), err,
                                  "stands beside %s, which is a value of the whole pipeline",
                                  values[query->value]);
        return true;
}

static const struct option_table query_table = {
        .name = "queries",
        .help = "A value that a query of your own gives, in place of the built-in one.",
        .size = sizeof(struct prometheus_query),
        .options = query_options,
        .check = check_query,
};

/* ---- the section ---- */

static const struct option options[] = {
        {.name = "url",
         .type = OPTION_TEXT,
         AT(prometheus_options, url),
         .help = "Base URL of the Prometheus server. Either this or scrape."},
        {.name = "scrape",
         .type = OPTION_TEXTS,
         AT(prometheus_options, scrape),
         .max = 64,
         .help = "Where there is no Prometheus server: the URLs of the reporters themselves, such as "
                 "http://localhost:9249/metrics, one for each process of the engine."},
        HTTP_CONNECTION_OPTION(struct prometheus_options, connection),
        {.name = "engine",
         .type = OPTION_CHOICE,
         AT(prometheus_options, engine),
         .choices = engines,
         .fallback = "Flink",
         .help = "Whose metrics are looked for: those of Flink's own Prometheus reporter, or none but what "
                 "queries name."},
        {.name = "job",
         .type = OPTION_TEXT,
         AT(prometheus_options, job),
         .max = 200,
         .help = "Name of the job in the engine, as it was given there; needed when the metrics are those of "
                 "several."},
        {.name = "labels",
         .type = OPTION_LIST,
         AT(prometheus_options, labels),
         .max = 16,
         .table = &label_table,
         .key = "name",
         .help = "Labels that all of the pipeline's series have, such as a namespace; for servers that hold "
                 "the "
                 "metrics of several clusters."},
        {.name = "queries",
         .type = OPTION_LIST,
         AT(prometheus_options, queries),
         .max = 32,
         .table = &query_table,
         .help = "Values that queries of your own give. Each is one more request a turn."},
        {.name = "staleSeconds",
         .type = OPTION_INT,
         AT(prometheus_options, stale_seconds),
         .unit = "s",
         .min = 1,
         .max = 3600,
         .fallback = "120",
         .help = "Samples older than that are not used. At least twice the server's scrape interval."},
        {.name = "windowSeconds",
         .type = OPTION_INT,
         AT(prometheus_options, window_seconds),
         .unit = "s",
         .min = 5,
         .max = 3600,
         .fallback = "60",
         .help = "How far back the first measurement looks; later ones look back to the one before."},
        {.name = "maxSamples",
         .type = OPTION_INT,
         AT(prometheus_options, max_samples),
         .min = 10,
         .max = 1000000,
         .fallback = "20000",
         .help = "Most samples that are accepted in one answer. A job has about eight for each subtask."},
        {.name = "workerCpus",
         .type = OPTION_QUANTITY,
         AT(prometheus_options, worker_cpus),
         .unit = "CPUs",
         .min = 0.001,
         .max = 10000,
         .help = "CPUs that a worker has asked for, so that its CPU time becomes a share. The engine's "
                 "metrics "
                 "do not tell."},
        {0},
};

static bool check_url(const char *url, const struct yaml_node *node, struct error *err)
{
        autofree char *shown = NULL;

        if (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0)
                return true;
        shown = redact_url(url);
        return yaml_error(node, err, "\"%.60s\" is not a URL; expected http://... or https://...", shown);
}

static bool check_options(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct prometheus_options *prometheus = object;
        const struct yaml_node *scrape = yaml_get(node, "scrape");
        char *const *urls = prometheus->scrape.items;

        if (!node)
                return true;
        if (prometheus->url && !check_url(prometheus->url, yaml_get(node, "url"), err))
                return false;
        for (size_t i = 0; i < prometheus->scrape.count; i++)
                if (!check_url(urls[i], scrape->items[i], err))
                        return false;
        if (prometheus->engine == PROMETHEUS_NO_ENGINE && prometheus->queries.count == 0)
                return yaml_error(yaml_get(node, "engine"), err,
                                  "None leaves nothing to measure without queries");
        return true;
}

static const struct option_rule rules[] = {
        {RULE_ONE, {"url", "scrape"}, "names both or none; expected either url or scrape"},
        {RULE_NEEDS, {"queries", "url"}, "need a server, since reporters answer no queries; expected url"},
        {0},
};

const struct option_table prometheus_options_table = {
        .name = "prometheus",
        .help = "Prometheus: a server, or what it would scrape.",
        .size = sizeof(struct prometheus_options),
        .options = options,
        .rules = rules,
        .check = check_options,
};
