/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/client_internal.h"
#include "core/kubernetes/page.h"

#define PAGE        500
#define BEGUN_TIMES 4
#define MAX_PAGES   100000

struct listing {
        struct kube_client *client;
        const struct kube_visitor *visitor;
        const struct kube_target *target;
        const struct kube_selection *selection;
        int page, begun;
        bool versioned;                  /* it must say as of when it is */
        bool first;                      /* page of a list that begins */
        char *proceed;                   /* metadata.continue; NULL: no page follows */
        char version[KUBE_VERSION_ROOM]; /* of the list */
};

int kube_version_compare(const char *a, const char *b, bool *ret_known)
{
        size_t length_a = strspn(a, "0123456789"), length_b = strspn(b, "0123456789");

        *ret_known = length_a > 0 && length_b > 0 && !a[length_a] && !b[length_b];
        if (length_a != length_b)
                return length_a < length_b ? -1 : 1;
        return strcmp(a, b);
}

static char *page_path(const struct listing *listing)
{
        autofree char *plain = kube_path(listing->target, true);
        autotext path = {0};
        char limit[16];

        snprintf(limit, sizeof limit, "%d", listing->page);
        text_put(&path, plain);
        kube_query(&path, "limit", limit);
        kube_query(&path, "continue", listing->proceed);
        kube_query(&path, "labelSelector", listing->selection->labels);
        kube_query(&path, "fieldSelector", listing->selection->fields);
        return text_take(&path);
}

static void begin_anew(struct listing *listing)
{
        free(TAKE(listing->proceed));
        listing->first = true;
}

/* The metadata of a page: where the list stands, and whether more follows. */
static bool take_metadata(struct listing *listing, const struct page *page, struct error *err)
{
        autojson *meta = NULL;
        const char *version = "", *proceed = "";

        if (page->metadata && !json_parse_text(page->metadata, page->metadata_length, "list", &meta, err))
                return error_set(err, ERROR_INCOMPLETE, "NotJson", "metadata of a list is not JSON");
        if ((!json_find_text(meta, "resourceVersion", &version) && listing->versioned) ||
            strlen(version) >= KUBE_VERSION_ROOM)
                return error_set(err, ERROR_INCOMPLETE, "NotAList", "the list has no resourceVersion");
        (void)json_find_text(meta, "continue", &proceed);
        free(listing->proceed);
        listing->proceed = *proceed ? memory_copy_text(proceed) : NULL;
        if (!listing->first)
                return true;
        listing->first = false;
        snprintf(listing->version, sizeof listing->version, "%s", version);
        return !listing->visitor->begin ||
               listing->visitor->begin(listing->visitor->context, listing->version, err);
}

static bool visit_all(const struct listing *listing, const struct page *page, struct error *err)
{
        struct page_cursor cursor = page_cursor(page);
        const char *text;
        size_t length;

        while (page_next(&cursor, &text, &length)) {
                autojson *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);

                if (!object)
                        return error_set(err, ERROR_INCOMPLETE, "NotJson",
                                         "an object of the list is not JSON");
                if (!listing->visitor->object(listing->visitor->context, object, err))
                        return false;
        }
        return page_ended(&cursor) ||
               error_set(err, ERROR_INCOMPLETE, "NotAList", "what stands in the list is no list of objects");
}

static bool take_page(struct listing *listing, const struct http_response *response, struct error *err)
{
        struct page page;

        return page_read(response->body, response->length, &page, err) &&
               take_metadata(listing, &page, err) && visit_all(listing, &page, err);
}

/* True: there is something else to try. */
static bool recovers(struct listing *listing, const struct error *err)
{
        if (err->code == ERROR_LIMIT && listing->page > 1) {
                listing->page /= 2;
                return true;
        }
        if (listing->proceed && strcmp(err->reason, "Expired") == 0 && ++listing->begun < BEGUN_TIMES) {
                begin_anew(listing);
                return true;
        }
        return false;
}

static bool ask_page(struct listing *listing, struct error *err)
{
        autofree char *path = page_path(listing);
        const struct kube_ask ask = {.path = path};
        struct http_response response;
        bool good;

        if (!kube_send(listing->client, &ask, &response, err)) {
                if (!recovers(listing, err))
                        return false;
                error_clear(err);
                return true;
        }
        good = take_page(listing, &response, err);
        http_response_free(&response);
        return good || error_wrap(err, "%s", listing->target->resource->plural);
}

bool kube_list(struct kube_client *client, const struct kube_resource *resource,
               const struct kube_selection *selection, const struct kube_visitor *visitor, char *ret_version,
               struct error *err)
{
        static const struct kube_selection all;
        const struct kube_selection *which = selection ? selection : &all;
        const struct kube_target target = {.resource = resource, .namespace = which->namespace};
        struct listing listing = {.client = client,
                                  .visitor = visitor,
                                  .target = &target,
                                  .selection = which,
                                  .page = PAGE,
                                  .versioned = ret_version != NULL,
                                  .begun = 1,
                                  .first = true};
        bool good = true;
        int pages = 0;

        while (good && (listing.first || listing.proceed) && pages++ < MAX_PAGES)
                good = ask_page(&listing, err);
        if (good && listing.proceed)
                good = error_set(err, ERROR_LIMIT, NULL, "%s: the list does not end", resource->plural);
        if (good && ret_version)
                memcpy(ret_version, listing.version, sizeof listing.version);
        free(listing.proceed);
        return good;
}
