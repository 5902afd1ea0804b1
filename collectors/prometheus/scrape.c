/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/prometheus/scrape.h"

#include <string.h>

#define MAX_LABEL 1024 /* bytes of a label with escapes in it; the rest is cut */

struct scrape {
        struct snapshot *snapshot;
        int64_t time_ms;
        /* Reporters tell all samples of a metric in a row. */
        char metric[128];
        bool of_use;
        char unescaped[LABEL_SAMPLE][MAX_LABEL];
};

static bool is_of_use(struct scrape *scrape, struct exposition_text metric)
{
        if (metric.length == 0 || metric.length >= sizeof scrape->metric)
                return false;
        if (!exposition_equal(metric, scrape->metric)) {
                memcpy(scrape->metric, metric.bytes, metric.length);
                scrape->metric[metric.length] = '\0';
                scrape->of_use = measure_find(metric) != NULL;
        }
        return scrape->of_use;
}

static bool take(void *context, const struct exposition_sample *sample, struct error *err)
{
        struct scrape *scrape = context;
        struct snapshot_sample known = {.metric = sample->name,
                                        .value = sample->value,
                                        .time_ms = sample->timed ? sample->time_ms : scrape->time_ms};

        if (!is_of_use(scrape, sample->name))
                return true;
        for (int i = 0; i < LABEL_SAMPLE; i++) {
                const struct exposition_label *label =
                        exposition_find(sample, label_name((enum known_label)i));

                if (!label)
                        continue;
                known.label[i] = label->value;
                if (label->escaped) {
                        known.label[i].bytes = scrape->unescaped[i];
                        known.label[i].length = exposition_unescape(label, scrape->unescaped[i], MAX_LABEL);
                }
        }
        return snapshot_add(scrape->snapshot, &known, err);
}

bool scrape_add(const char *page, size_t length, enum exposition_format format, int64_t time_ms,
                struct snapshot *snapshot, struct error *err)
{
        struct scrape scrape;

        scrape.snapshot = snapshot;
        scrape.time_ms = time_ms;
        scrape.metric[0] = '\0';
        scrape.of_use = false;
        return exposition_parse(page, length, format, take, &scrape, err);
}
