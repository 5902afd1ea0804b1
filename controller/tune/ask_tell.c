/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/ask_tell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tune/earlier.h"
#include "controller/tune/search_document.h"
#include "core/json.h"

#define DIGITS 17 /* a point comes back as the numbers that were proposed */

struct ask_tell {
        struct search *search; /* NULL until the space is declared */
};

struct ask_tell *ask_tell_new(void)
{
        return memory_new(1, sizeof(struct ask_tell));
}

void ask_tell_free(struct ask_tell *session)
{
        if (!session)
                return;
        search_free(session->search);
        free(session);
}

/* ---- answers ---- */

static void answer(json_t *object, struct text *out)
{
        autofree char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));

        json_decref(object);
        text_put(out, line ? line : "{}");
        text_put(out, "\n");
}

static void answer_error(const struct error *err, struct text *out)
{
        answer(json_pack("{s:{s:s, s:s%}}", "error", "reason", err->reason, "message", err->message,
                         strlen(err->message)),
               out);
}

void ask_tell_too_long(struct text *out)
{
        struct error err = ERROR_INIT;

        error_set(&err, ERROR_LIMIT, NULL, "a line may have %d bytes", ASK_TELL_LINE_MAX);
        answer_error(&err, out);
}

/* ---- lines ---- */

static bool declare(struct ask_tell *session, const json_t *line, struct error *err)
{
        struct search_space *space;
        struct search_options options;

        if (session->search)
                return error_set(err, ERROR_CONFLICT, NULL, "the space is declared already");
        if (!search_document_read(line, &space, &options, err))
                return false;
        session->search = search_new(space, &options);
        if (earlier_tell(json_object_get(line, "earlier"), session->search, err))
                return true;
        search_free(session->search);
        session->search = NULL;
        return false;
}

static json_t *suggestion_json(const struct search *search, const struct search_suggestion *suggestion)
{
        json_t *object, *predicted = json_null();
        autofree char *why = earlier_why(search, suggestion);

        if (suggestion->id == 0)
                return json_pack("{s:b, s:s}", "exhausted", 1, "why", "every point has been tried or is out");
        if (suggestion->predicted)
                predicted = json_pack("{s:o, s:o}", "mean", json_from_double(suggestion->mean), "sd",
                                      json_from_double(suggestion->sd));
        object = json_pack("{s:I, s:o, s:o, s:s}", "id", (json_int_t)suggestion->id, "x",
                           search_document_x(search_space_of(search), suggestion->point), "predicted",
                           predicted, "why", why);
        if (isfinite(suggestion->feasible) && suggestion->feasible < 1)
                json_object_set_new(object, "feasible", json_from_double(suggestion->feasible));
        if (isfinite(suggestion->improvement))
                json_object_set_new(object, "improvement", json_from_double(suggestion->improvement));
        if (isfinite(suggestion->left))
                json_object_set_new(object, "left", json_from_double(suggestion->left));
        if (suggestion->stop)
                json_object_set_new(object, "stop", json_true());
        return object;
}

/* Where there is a context, the point that was tried and is expected to be best at this one. */
static void put_best(struct search *search, json_t *object)
{
        const struct search_space *space = search_space_of(search);
        double y = NAN;
        const double *best = space->n_context > 0 ? search_best_now(search, &y) : NULL;

        if (best)
                json_object_set_new(object, "best",
                                    json_pack("{s:o, s:o}", "x", search_document_x(space, best), "mean",
                                              json_from_double(y)));
}

/* All of it is said with every question: what held at the last one may not hold any more. */
static bool set_context(struct search *search, const json_t *given, struct error *err)
{
        double context[SEARCH_MAX_CONTEXT] = {0};

        return search_document_context(search_space_of(search), given, true, context, err) &&
               search_set_context(search, context, err);
}

static bool ask(struct ask_tell *session, const json_t *count, const json_t *context, struct text *out,
                struct error *err)
{
        if (!json_is_integer(count) || json_integer_value(count) < 1 ||
            json_integer_value(count) > ASK_TELL_ASK_MAX)
                return error_set(err, ERROR_INPUT, NULL, "ask: expected a whole number from 1 to %d",
                                 ASK_TELL_ASK_MAX);
        if (!set_context(session->search, context, err))
                return error_wrap(err, "ask");
        for (json_int_t i = 0; i < json_integer_value(count); i++) {
                struct search_suggestion suggestion;
                json_t *object;

                if (!search_ask(session->search, &suggestion, err))
                        return false;
                object = suggestion_json(session->search, &suggestion);
                put_best(session->search, object);
                answer(object, out);
                if (suggestion.id == 0)
                        break;
        }
        return true;
}

static bool read_status(const json_t *tell, enum search_status *ret_status, struct error *err)
{
        const json_t *status = json_object_get(tell, "status");

        *ret_status = SEARCH_OK;
        return !status || search_document_status(status, ret_status) ||
               error_set(err, ERROR_INPUT, NULL, "tell: status has to be ok, failed or censored");
}

/* All of them are looked at before one becomes known by its name. */
static bool check_constraints(const struct search *search, const json_t *constraints, struct error *err)
{
        const char *name;
        json_t *value;
        int unknown = 0;

        json_object_foreach((json_t *)(uintptr_t)constraints, name, value)
        {
                if (!json_is_number(value))
                        return error_set(err, ERROR_INPUT, NULL, "tell: constraint %s has to be a number",
                                         name);
                unknown += !search_has_constraint(search, name);
        }
        return unknown <= search_constraints_open(search) ||
               error_set(err, ERROR_LIMIT, NULL, "there may be %d constraints", SEARCH_MAX_CONSTRAINTS);
}

static bool read_constraints(struct ask_tell *session, const json_t *constraints,
                             struct search_outcome *outcome, struct error *err)
{
        const char *name;
        json_t *value;
        int index;

        for (int c = 0; c < SEARCH_MAX_CONSTRAINTS; c++)
                outcome->constraints[c] = NAN;
        if (constraints &&
            (!json_is_object(constraints) || json_object_size(constraints) > SEARCH_MAX_CONSTRAINTS))
                return error_set(err, ERROR_INPUT, NULL,
                                 "tell: constraints has to be an object of at most %d",
                                 SEARCH_MAX_CONSTRAINTS);
        if (!check_constraints(session->search, constraints, err))
                return false;
        json_object_foreach((json_t *)(uintptr_t)constraints, name, value)
        {
                if (!search_constraint(session->search, name, &index, err))
                        return false;
                outcome->constraints[index] = json_number_value(value);
        }
        return true;
}

static bool tell(struct ask_tell *session, const json_t *tell, struct error *err)
{
        const json_t *id = json_object_get(tell, "id"), *x = json_object_get(tell, "x");
        const json_t *given = json_object_get(tell, "context");
        double point[SEARCH_MAX_PARAMETERS], context[SEARCH_MAX_CONTEXT] = {0};
        struct search_outcome outcome = {.point = point, .y = NAN};

        if (!json_is_object(tell) || !id == !x)
                return error_set(err, ERROR_INPUT, NULL, "tell: expected an object with either id or x");
        if (id && (!json_is_integer(id) || json_integer_value(id) < 1))
                return error_set(err, ERROR_INPUT, NULL, "tell: id has to be that of an answer");
        outcome.id = json_integer_value(id);
        if (x && !search_document_point(search_space_of(session->search), x, point, err))
                return error_wrap(err, "tell");
        if (!read_status(tell, &outcome.status, err))
                return false;
        if (id && given)
                search_asked_context(session->search, outcome.id, context);
        if (x || given) {
                outcome.context = context;
                if (!search_document_context(search_space_of(session->search), given, x != NULL, context,
                                             err))
                        return error_wrap(err, "tell");
        }
        if (outcome.status != SEARCH_FAILED && !json_find_number(tell, "y", &outcome.y))
                return error_set(err, ERROR_INPUT, NULL, "tell: y has to be a number");
        return search_check(session->search, &outcome, err) &&
               read_constraints(session, json_object_get(tell, "constraints"), &outcome, err) &&
               search_tell(session->search, &outcome, err);
}

static bool take(struct ask_tell *session, const json_t *line, struct text *out, struct error *err)
{
        const json_t *asked = json_object_get(line, "ask"), *told = json_object_get(line, "tell"),
                     *context = json_object_get(line, "context");

        if (json_object_get(line, "space"))
                return declare(session, line, err);
        if (!session->search)
                return error_set(err, ERROR_INPUT, NULL, "the first line has to declare the space");
        if (!asked == !told || json_object_size(line) != (asked && context ? 2 : 1))
                return error_set(err, ERROR_INPUT, NULL, "expected {\"ask\":1} or {\"tell\":{...}}");
        return asked ? ask(session, asked, context, out, err) : tell(session, told, err);
}

static bool is_blank(const char *line, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '\n')
                        return false;
        return true;
}

void ask_tell_line(struct ask_tell *session, const char *line, size_t length, struct text *out)
{
        struct error err = ERROR_INIT;
        autojson *value = NULL;

        if (is_blank(line, length))
                return;
        if (!json_parse_text(line, length, "line", &value, &err) || !take(session, value, out, &err))
                answer_error(&err, out);
}
