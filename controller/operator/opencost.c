/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/opencost.h"

#include <jansson.h>
#include <stdlib.h>
#include <math.h>

#include "core/exposition.h"
#include "core/json.h"

#define MAX_PAGE_BYTES ((size_t)32 << 20)
#define NAME_ROOM      254 /* of a node's: RFC 1123 allows 253 bytes */

struct opencost {
        struct http_peer *peer;
        json_t *nodes; /* {node: {"core": .., "gibibyte": ..}} */
};

bool opencost_new(struct http_client *http, const char *url, struct opencost **ret_opencost,
                  struct error *err)
{
        struct http_peer *peer;

        if (!http_peer_new(http, url, NULL, NULL, &peer, err))
                return false;
        *ret_opencost = memory_new(1, sizeof **ret_opencost);
        (*ret_opencost)->peer = peer;
        (*ret_opencost)->nodes = json_object();
        return true;
}

void opencost_free(struct opencost *opencost)
{
        if (!opencost)
                return;
        http_peer_free(opencost->peer);
        json_decref(opencost->nodes);
        free(opencost);
}

static bool take(void *context, const struct exposition_sample *sample, struct error *err)
{
        json_t *nodes = context, *node;
        bool core = exposition_equal(sample->name, "node_cpu_hourly_cost");
        const struct exposition_label *label;
        char name[NAME_ROOM];

        (void)err;
        if (!core && !exposition_equal(sample->name, "node_ram_hourly_cost"))
                return true;
        label = exposition_find(sample, "node");
        if (!label || label->value.length >= sizeof name || !isfinite(sample->value) || sample->value < 0)
                return true;
        (void)exposition_unescape(label, name, sizeof name);
        node = json_object_get(nodes, name);
        if (!node) {
                node = json_object();
                json_object_set_new(nodes, name, node);
        }
        json_object_set_new(node, core ? "core" : "gibibyte", json_real(sample->value));
        return true;
}

bool opencost_read(struct opencost *opencost, struct error *err)
{
        const struct http_request request = {.path = "", .accept = "text/plain", .max_bytes = MAX_PAGE_BYTES};
        struct http_response response = {0};
        autojson *nodes = json_object();
        bool done = http_send(opencost->peer, &request, &response, err) &&
                    exposition_parse(response.body, response.length,
                                     exposition_format_of(response.content_type), take, nodes, err);

        http_response_free(&response);
        if (!done)
                return false;
        if (json_object_size(nodes) == 0)
                return error_set(err, ERROR_INCOMPLETE, "NoNodePrices", "%s has no node_cpu_hourly_cost",
                                 http_peer_url(opencost->peer));
        json_decref(opencost->nodes);
        opencost->nodes = TAKE(nodes);
        return true;
}

bool opencost_rates(const struct opencost *opencost, const char *node, struct node_rates *ret_rates)
{
        const json_t *told = json_object_get(opencost->nodes, node);
        const json_t *core = json_object_get(told, "core"), *gibibyte = json_object_get(told, "gibibyte");

        if (!json_is_real(core) || !json_is_real(gibibyte))
                return false;
        *ret_rates = (struct node_rates){json_real_value(core), json_real_value(gibibyte)};
        return true;
}
