/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/prices.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "controller/operator/internal.h"
#include "core/json.h"
#include "core/node_prices.h"
#include "core/prices.h"
#include "core/yaml.h"

#define DEFAULT_BOOK "default"
#define PATIENCE_MS                                                                                          \
        (10 * INT64_C(1000))          /* for the first list, before anybody is told that there is none yet */
#define AGAIN_MS (60 * INT64_C(1000)) /* a file that a price book names may come later */

static const struct kube_resource book_resource = {"optctl.dev", "v1alpha1", "pricebooks"};

/* What is kept of an object. */
struct book_object {
        char *uid;
        int64_t generation;
        char *text;   /* {"spec": ...} */
        char *status; /* as JSON; NULL: none yet */
};

/* What came of reading it: once for each of its generations, whoever asks. */
struct book {
        char *name, *uid;
        int64_t generation;
        char *wrong; /* NULL: nothing */
        char *currency;
        struct node_prices *nodes; /* NULL: it says nothing of them */
};

struct operator_prices {
        struct cluster_operator *op;
        struct kube_reflector *objects;
        void *books; /* a tree of tsearch, of struct book by name */
};

/* ---- objects ---- */

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        const json_t *status = json_object_get(object, "status");
        autojson *kept_json = json_pack("{s:O*}", "spec", json_object_get(object, "spec"));
        struct book_object *kept = memory_new(1, sizeof *kept);
        double number = 0;

        (void)context;
        (void)json_find_number(json_object_get(object, "metadata"), "generation", &number);
        kept->generation = (int64_t)number;
        kept->uid = memory_copy_text(kube_meta(object, "uid"));
        kept->text = json_dumps(kept_json, JSON_COMPACT);
        kept->status = json_is_object(status) ? json_dumps(status, JSON_COMPACT) : NULL;
        *ret_bytes = sizeof *kept + strlen(kept->text) + (kept->status ? strlen(kept->status) : 0);
        return kept;
}

static void release(void *object)
{
        struct book_object *kept = object;

        free(kept->uid);
        free(kept->text);
        free(kept->status);
        free(kept);
}

static const struct book_object *object_of(const struct operator_prices *prices, const char *name)
{
        return kube_reflector_get(prices->objects, "", name);
}

/* The PriceBook that has a pipeline's prices, if any has. */
static const char *book_of(const struct tuned_object *object)
{
        if (object->has_prices)
                return NULL;
        return object->book ? object->book : DEFAULT_BOOK;
}

/* ---- reading ---- */

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct book *)a)->name, ((const struct book *)b)->name);
}

static void book_free(void *node)
{
        struct book *book = node;

        free(book->name);
        free(book->uid);
        free(book->wrong);
        free(book->currency);
        node_prices_free(book->nodes);
        free(book);
}

static struct book *find(const struct operator_prices *prices, const char *name)
{
        const struct book sought = {.name = (char *)(uintptr_t)name};
        struct book **found = tfind(&sought, &prices->books, compare);

        return found ? *found : NULL;
}

static void forget(struct operator_prices *prices, const char *name)
{
        struct book *book = find(prices, name);

        if (!book)
                return;
        (void)tdelete(book, &prices->books, compare);
        book_free(book);
}

/* ret_nodes: NULL: nobody asks. */
static bool parse(const char *name, const char *text, const char *base, struct price_book **ret_prices,
                  struct node_prices **ret_nodes, struct error *err)
{
        autofree char *shown = memory_format("PriceBook %s", name);
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        const struct yaml_node *spec;

        if (!yaml_parse(text, strlen(text), shown, &document, err))
                return false;
        yaml_forget_lines(document);
        spec = yaml_get(yaml_root(document), "spec");
        return price_book_parse(&price_book_table, spec, base, ret_prices, err) &&
               (!ret_nodes || node_prices_parse(spec, ret_nodes, err));
}

/* Everything a pipeline could stumble on: the section by its table, and the files that it names. */
static bool check(struct book *book, const char *text, const char *base, struct error *err)
{
        autocall(price_book_free) struct price_book *prices = NULL;

        if (!parse(book->name, text, base, &prices, &book->nodes, err))
                return false;
        book->currency = memory_copy_text(price_book_currency(prices));
        return true;
}

/* `again`: what was wrong may be right by now. */
static const struct book *read_book(struct operator_prices *prices, const char *name,
                                    const struct book_object *object, bool again)
{
        struct book *book = find(prices, name);
        struct error err = ERROR_INIT;

        if (book && book->generation == object->generation && strcmp(book->uid, object->uid) == 0 &&
            !(again && book->wrong))
                return book;
        forget(prices, name);
        book = memory_new(1, sizeof *book);
        book->name = memory_copy_text(name);
        book->uid = memory_copy_text(object->uid);
        book->generation = object->generation;
        if (!check(book, object->text, prices->op->setup.data, &err))
                book->wrong = memory_copy_text(err.message);
        (void)tsearch(book, &prices->books, compare);
        return book;
}

/* ---- pricing ---- */

static char *unread_words(const struct operator_prices *prices)
{
        const struct kube_reflector_state state = kube_reflector_state(prices->objects);

        return memory_format("PriceBooks are not read yet%s%.200s", *state.trouble ? ": " : ".",
                             state.trouble);
}

struct pricing operator_pricing(struct cluster_operator *op, const struct tuned_object *object)
{
        const struct operator_prices *prices = op->prices;
        const char *name = book_of(object);
        const struct book_object *kept;
        const struct book *book;

        if (!name)
                return (struct pricing){.how = PRICED_OWN};
        if (prices && !kube_reflector_synced(prices->objects))
                return (struct pricing){.how = PRICED_UNREAD,
                                        .book = memory_copy_text(name),
                                        .why = unread_words(prices)};
        kept = prices ? object_of(prices, name) : NULL;
        if (!kept && !object->book)
                return (struct pricing){.how = PRICED_NONE};
        if (!kept)
                return (struct pricing){
                        .how = PRICED_MISSING,
                        .book = memory_copy_text(name),
                        .why = memory_format(prices ? "There is no PriceBook %s."
                                                    : "PriceBook %s: this operator reads none.",
                                             name)};
        book = read_book(op->prices, name, kept, false);
        if (book->wrong)
                return (struct pricing){.how = PRICED_INVALID,
                                        .book = memory_copy_text(name),
                                        .why = memory_copy_text(book->wrong)};
        return (struct pricing){.how = PRICED_BOOK,
                                .book = memory_copy_text(name),
                                .version = memory_format("%s/%lld", book->uid, (long long)book->generation)};
}

void pricing_clear(struct pricing *pricing)
{
        free(pricing->book);
        free(pricing->version);
        free(pricing->why);
        *pricing = (struct pricing){0};
}

static bool is_same_text(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool pricing_is_same(const struct pricing *a, const struct pricing *b)
{
        return a->how == b->how && is_same_text(a->book, b->book) && is_same_text(a->version, b->version);
}

bool pricing_is_settled(const struct pricing *pricing)
{
        return pricing->how == PRICED_OWN || pricing->how == PRICED_BOOK || pricing->how == PRICED_NONE;
}

char *operator_priced_text(struct cluster_operator *op, const struct tuned_object *object,
                           const struct pricing *pricing)
{
        const struct book_object *kept =
                pricing->how == PRICED_BOOK ? object_of(op->prices, pricing->book) : NULL;
        autojson *priced = NULL, *book = NULL;
        json_t *spec;

        if (!kept)
                return NULL;
        priced = json_loads(object->text, 0, NULL);
        book = json_loads(kept->text, 0, NULL);
        spec = json_object_get(priced, "spec");
        json_object_del(spec, "priceBook");
        json_object_del(json_object_get(book, "spec"), "nodes");
        json_object_set(spec, "prices", json_object_get(book, "spec"));
        return json_dumps(priced, JSON_COMPACT);
}

bool operator_price_book(struct cluster_operator *op, const char *name, struct price_book **ret_book,
                         struct error *err)
{
        const struct tuned_object asked = {.book = (char *)(uintptr_t)(name ? name : DEFAULT_BOOK)};
        struct pricing pricing = operator_pricing(op, &asked);
        bool done = pricing.how == PRICED_BOOK
                            ? parse(pricing.book, object_of(op->prices, pricing.book)->text, op->setup.data,
                                    ret_book, NULL, err)
                            : error_set(err, ERROR_INCOMPLETE, NULL, "%s", pricing.why);

        pricing_clear(&pricing);
        return done;
}

/* ---- nodes ---- */

struct visit {
        void (*visit)(void *context, const struct operator_book *book);
        void *context;
};

static void visit_book(const void *place, VISIT which, void *argument)
{
        const struct book *book = *(struct book *const *)place;
        const struct operator_book shown = {book->name, book->currency, book->nodes};
        const struct visit *visit = argument;

        if ((which == postorder || which == leaf) && !book->wrong)
                visit->visit(visit->context, &shown);
}

void operator_each_book(struct cluster_operator *op,
                        void (*visit)(void *context, const struct operator_book *book), void *context)
{
        struct visit one = {visit, context};

        if (op->prices)
                twalk_r(op->prices->books, visit_book, &one);
}

static void note_nodes(void *context, const struct operator_book *book)
{
        *(bool *)context |= book->nodes != NULL;
}

bool operator_any_nodes(struct cluster_operator *op)
{
        bool any = false;

        operator_each_book(op, note_nodes, &any);
        return any;
}

bool operator_book_has_nodes(struct cluster_operator *op, const struct pricing *pricing)
{
        const struct book *book = pricing->how == PRICED_BOOK ? find(op->prices, pricing->book) : NULL;

        return book && book->nodes;
}

/* ---- what calls for work ---- */

static void want_book(void *context, const char *namespace, const char *name, const void *kept)
{
        const struct operator_prices *prices = context;
        autofree char *key = memory_format("/%s", name);

        (void)namespace;
        (void)kept;
        work_queue_add(prices->op->queue, key);
}

struct users {
        struct cluster_operator *op;
        const char *book; /* NULL: of those that wait for the first list */
};

static void want_user(void *context, const char *namespace, const char *name, const void *kept)
{
        const struct users *users = context;
        const struct tuned_object *object = kept;
        autofree char *key = memory_format("%s/%s", namespace, name);
        const char *book = book_of(object);

        if (book && (!users->book || strcmp(book, users->book) == 0))
                work_queue_add(users->op->queue, key);
}

static void want_users(struct operator_prices *prices, const char *book)
{
        struct users users = {prices->op, book};

        kube_reflector_each(prices->op->pipelines, want_user, &users);
}

static void on_changed(void *context, const char *namespace, const char *name, const void *before,
                       const void *now)
{
        struct operator_prices *prices = context;
        const struct book_object *old = before, *new = now;

        want_book(prices, namespace, name, now);
        if (!old || !new || old->generation != new->generation || strcmp(old->uid, new->uid) != 0)
                want_users(prices, name);
}

void operator_want_books(struct cluster_operator *op)
{
        if (op->prices)
                kube_reflector_each(op->prices->objects, want_book, op->prices);
}

/* ---- status ---- */

static bool write_status(struct operator_prices *prices, const char *name, const struct book_object *object,
                         const struct book *book, struct error *err)
{
        const struct kube_target target = {&book_resource, NULL, name, "status"};
        const struct condition ready =
                book->wrong ? (struct condition){"Ready", "False", "InvalidPrices", book->wrong}
                            : (struct condition){"Ready", "True", "Valid", "The prices are valid."};
        autofree char *uid = memory_copy_text(object->uid);
        autofree char *version = memory_copy_text(kube_reflector_version(prices->objects, "", name));
        const struct kube_write write = {.uid = uid, .resource_version = version};
        autojson *before = object->status ? json_loads(object->status, 0, NULL) : json_object();
        autojson *wanted = json_deep_copy(before), *patch = NULL;

        json_object_set_new(wanted, "observedGeneration", json_integer((json_int_t)object->generation));
        operator_put_conditions(prices->op, wanted, &ready, 1, object->generation);
        if (json_equal(before, wanted))
                return true;
        patch = json_pack("{s:O}", "status", wanted);
        return kube_merge(prices->op->setup.client, &target, patch, &write, NULL, err) ||
               error_wrap(err, "status of PriceBook %s", name);
}

/* What every pipeline here needs to know; the status is written by who has that shard. */
static bool settle_book(struct cluster_operator *op, const char *name, const struct book_object *object,
                        const struct book *book)
{
        struct error err = ERROR_INIT;
        struct fence_scope scope;
        bool done;

        if (!operator_has(op, CLUSTER_SHARD))
                return true;
        operator_enter(op, CLUSTER_SHARD, &scope);
        done = write_status(op->prices, name, object, book, &err);
        operator_leave(op, CLUSTER_SHARD, &scope);
        if (!done)
                log_warning(op->setup.log, "status not written", LOG_TEXT("priceBook", name),
                            LOG_TEXT("reason", err.message));
        return done;
}

enum work_result operator_sync_book(struct cluster_operator *op, const char *key)
{
        struct operator_prices *prices = op->prices;
        const char *name = key + 1;
        const struct book_object *object = object_of(prices, name);
        const struct book *book = find(prices, name);
        bool was_wrong = book && book->wrong;

        if (!object) {
                forget(prices, name);
                return WORK_FORGET;
        }
        if (!operator_has_any(op))
                return WORK_DONE;
        book = read_book(prices, name, object, true);
        if (book->wrong)
                work_queue_add_after(op->queue, key, AGAIN_MS);
        else if (was_wrong)
                want_users(prices, name);
        return settle_book(op, name, object, book) ? WORK_DONE : WORK_FAILED;
}

/* ---- life ---- */

struct operator_prices *operator_prices_new(struct cluster_operator *op)
{
        struct operator_prices *prices = memory_new(1, sizeof *prices);
        const struct kube_reflector_options followed = {.resource = &book_resource,
                                                        .project = project,
                                                        .release = release,
                                                        .changed = on_changed,
                                                        .context = prices,
                                                        .log = op->setup.log};

        prices->op = op;
        prices->objects = kube_reflector_new(op->setup.client, &followed);
        return prices;
}

void operator_prices_free(struct operator_prices *prices)
{
        if (!prices)
                return;
        kube_reflector_free(prices->objects);
        tdestroy(prices->books, book_free);
        free(prices);
}

void operator_prices_wait(struct operator_prices *prices)
{
        struct error ignored = ERROR_INIT;

        if (prices)
                (void)kube_reflector_wait(prices->objects, PATIENCE_MS, &ignored);
}

/* Those that were told that nothing is known yet; others have found it in the cache. */
static void run_late(void *argument)
{
        struct operator_prices *prices = argument;
        struct error ignored = ERROR_INIT;

        if (kube_reflector_wait(prices->objects, PATIENCE_MS, &ignored))
                return;
        if (kube_reflector_wait(prices->objects, INT64_MAX / 4, &ignored))
                want_users(prices, NULL);
}

void operator_prices_start(struct operator_prices *prices)
{
        reactor_spawn(prices->op->setup.reactor, kube_reflector_run, prices->objects);
        reactor_spawn(prices->op->setup.reactor, run_late, prices);
}
