/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/ledger/internal.h"
#include "core/redact.h"

#define TEXT_ROOM 512

/* ---- every write is one transaction ---- */

typedef bool (*write_function)(struct ledger_scope *scope, void *call, struct error *err);

static bool write_once(struct ledger_scope *scope, bool flush, write_function write, void *call,
                       struct error *err)
{
        struct database *database = &scope->ledger->database;

        if (!sql_begin(database, flush, err))
                return false;
        if (!ledger_scope_hold(scope, err) || !write(scope, call, err)) {
                sql_rollback(database);
                return false;
        }
        return sql_commit(database, err);
}

/* A connection that was lost while nothing was written yet. */
static bool was_lost(const struct database *database)
{
        bool in_doubt;

        return database->backend && database->backend->lost && database->backend->lost(database, &in_doubt) &&
               !in_doubt;
}

/* After a connection was made anew: the server may be one that does not know of it. */
static bool is_stored(struct ledger_scope *scope, struct error *err)
{
        return !scope->ledger->postgres || scope->opened == scope->ledger->opened ||
               ledger_scope_store(scope, err);
}

/* Damage that shows now costs the history, not this call: it goes to the new file. So does what a connection
 * did not take that another one may take. */
static bool write_down(struct ledger_scope *scope, bool flush, write_function write, void *call,
                       struct error *err)
{
        struct ledger *ledger = scope->ledger;

        if (!ledger_ready(ledger, err))
                return false;
        if (is_stored(scope, err) && write_once(scope, flush, write, call, err))
                return true;
        return (ledger->database.damaged || was_lost(&ledger->database)) && ledger_ready(ledger, err) &&
               is_stored(scope, err) && write_once(scope, flush, write, call, err);
}

static void describe(const struct ledger_scope *scope, const struct configuration *configuration,
                     char words[TEXT_ROOM])
{
        configuration_describe(scope->subject.pipeline, configuration, words, TEXT_ROOM);
}

/* ---- observation ---- */

/* A run is kept once, as it was first told of. */
static bool put_run(struct ledger_scope *scope, const struct observation *seen, const char *body,
                    struct error *err)
{
        int64_t newest = 0, latest_ms = ledger_latest_ms(scope->ledger);

        if (!seen->run.periodic || seen->run.ended_ms <= 0)
                return true;
        if (seen->run.ended_ms > latest_ms) /* it is our own clock that is wrong */
                latest_ms = seen->run.ended_ms;
        if (!sql_find_integer(&scope->ledger->database,
                              "SELECT coalesce(max(ended_ms), 0) FROM runs WHERE " OF_PIPELINE
                              " AND ended_ms <= ?3",
                              SQL_VALUES(SQL_TEXT(scope->namespace), SQL_TEXT(scope->name),
                                         SQL_INTEGER(latest_ms)),
                              0, &newest, err))
                return false;
        return seen->run.ended_ms <= newest ||
               sql_run(&scope->ledger->database,
                       "INSERT INTO runs (pipeline_id, ended_ms, body) VALUES (?, ?, ?)",
                       SQL_VALUES(SQL_INTEGER(scope->pipeline_id), SQL_INTEGER(seen->run.ended_ms),
                                  SQL_TEXT(body)),
                       err);
}

static bool put_observation(struct ledger_scope *scope, void *call, struct error *err)
{
        const struct observation *seen = *(const struct observation **)call;
        autofree char *body = ledger_json_text(ledger_json_observation(scope->subject.pipeline, seen));

        if (!put_run(scope, seen, body, err))
                return false;
        return sql_run(&scope->ledger->database,
                       "INSERT INTO observations (pipeline_id, time_ms, window_ms, body) VALUES (?, ?, ?, ?)",
                       SQL_VALUES(SQL_INTEGER(scope->pipeline_id), SQL_INTEGER(seen->time_ms),
                                  SQL_INTEGER(seen->window_ms), SQL_TEXT(body)),
                       err);
}

static bool journal_observation(void *context, const struct observation *observation, struct error *err)
{
        return write_down(context, false, put_observation, &observation, err);
}

/* ---- decision ---- */

/* The price in force, unless it is the one stored last. */
static bool put_price(struct ledger_scope *scope, int64_t time_ms, struct error *err)
{
        const struct price_book *prices = scope->subject.prices;
        double price, carbon;

        if (!prices)
                return true;
        price = price_book_worker_hour(prices, time_ms);
        carbon = price_book_carbon_intensity(prices, time_ms);
        return sql_run(
                &scope->ledger->database,
                "INSERT INTO prices (pipeline_id, time_ms, currency, per_worker_hour, "
                "carbon_grams_per_kilowatt_hour) SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM "
                "(SELECT * FROM prices WHERE pipeline_id = ?1 ORDER BY id DESC LIMIT 1) AS newest WHERE "
                "per_worker_hour = ?4 AND carbon_grams_per_kilowatt_hour IS NOT DISTINCT FROM ?5)",
                SQL_VALUES(SQL_INTEGER(scope->pipeline_id), SQL_INTEGER(time_ms), SQL_TEXT(scope->currency),
                           SQL_REAL(price), SQL_REAL(carbon)),
                err);
}

struct decision_call {
        const struct decision *decision;
        int64_t id;
};

static bool put_decision(struct ledger_scope *scope, void *call, struct error *err)
{
        struct decision_call *arguments = call;
        const struct decision *decision = arguments->decision;
        const struct proposal *proposal = decision->proposal;
        const struct pipeline *pipeline = scope->subject.pipeline;
        char before_text[TEXT_ROOM], after_text[TEXT_ROOM];
        autofree char *before = ledger_json_text(ledger_json_configuration(pipeline, &decision->before));
        autofree char *verdict = ledger_json_text(ledger_json_verdict(pipeline, decision->verdict));
        autofree char *made = ledger_json_text(ledger_json_proposal(pipeline, proposal));
        autofree char *reason = redact_text(proposal->reason);
        autofree char *seen = NULL;

        if (decision->observation)
                seen = ledger_json_text(ledger_json_observation(pipeline, decision->observation));
        describe(scope, &decision->before, before_text);
        describe(scope, &decision->verdict->configuration, after_text);
        return sql_insert(
                       &scope->ledger->database,
                       "INSERT INTO decisions (pipeline_id, time_ms, strategy, kind, verdict, before_text, "
                       "after_text, "
                       "reason, before_body, observation_body, proposal_body, verdict_body) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                       SQL_VALUES(SQL_INTEGER(scope->pipeline_id), SQL_INTEGER(decision->time_ms),
                                  SQL_TEXT(proposal->strategy),
                                  SQL_TEXT(proposal->kind == PROPOSAL_CHANGE ? "Change" : "Hold"),
                                  SQL_TEXT(judgement_name(decision->verdict->judgement)),
                                  SQL_TEXT(before_text), SQL_TEXT(after_text), SQL_TEXT(reason),
                                  SQL_TEXT(before), SQL_TEXT(seen), SQL_TEXT(made), SQL_TEXT(verdict)),
                       &arguments->id, err) &&
               put_price(scope, decision->time_ms, err);
}

static bool journal_decision(void *context, const struct decision *decision, int64_t *ret_id,
                             struct error *err)
{
        struct decision_call call = {.decision = decision};

        if (!write_down(context, false, put_decision, &call, err))
                return false;
        *ret_id = call.id;
        return true;
}

/* ---- intent ---- */

struct intent_call {
        const struct intent *intent;
        int64_t id; /* 0: the next one */
};

static bool renumber_intent(struct ledger_scope *scope, int64_t id, int64_t wanted, struct error *err)
{
        return sql_run(&scope->ledger->database, "UPDATE intents SET id = ?2 WHERE id = ?1",
                       SQL_VALUES(SQL_INTEGER(id), SQL_INTEGER(wanted)), err);
}

/* The decision may have gone with a file that was set aside. */
static bool insert_intent(struct ledger_scope *scope, struct intent_call *call, struct error *err)
{
        const struct intent *intent = call->intent;
        const struct pipeline *pipeline = scope->subject.pipeline;
        autofree char *from = ledger_json_text(ledger_json_configuration(pipeline, &intent->from));
        autofree char *to = ledger_json_text(ledger_json_configuration(pipeline, &intent->to));
        autofree char *prediction = ledger_json_text(ledger_json_prediction(&intent->prediction));
        char from_text[TEXT_ROOM], to_text[TEXT_ROOM];
        int64_t id;

        describe(scope, &intent->from, from_text);
        describe(scope, &intent->to, to_text);
        if (!sql_insert(&scope->ledger->database,
                        "INSERT INTO intents (pipeline_id, decision_id, time_ms, from_text, to_text, "
                        "from_body, to_body, prediction_body, applied_ms, ordered) VALUES (?1, "
                        "(SELECT id FROM decisions WHERE id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
                        "RETURNING id",
                        SQL_VALUES(SQL_INTEGER(scope->pipeline_id), SQL_INTEGER(intent->decision_id),
                                   SQL_INTEGER(intent->time_ms), SQL_TEXT(from_text), SQL_TEXT(to_text),
                                   SQL_TEXT(from), SQL_TEXT(to), SQL_TEXT(prediction),
                                   intent->applied ? SQL_INTEGER(intent->applied_ms) : SQL_NULL,
                                   SQL_INTEGER(intent->foreign ? LEDGER_FOREIGN : intent->ordered)),
                        &id, err) ||
            (call->id && !renumber_intent(scope, id, call->id, err)))
                return false;
        if (!call->id)
                call->id = id;
        return true;
}

/*
 * At most one action is in flight on a target. An earlier intent without an outcome can only be one that was
 * reported as not written and came to stand in the file all the same (a commit whose last sync failed): it
 * must not be taken up after a crash.
 */
static bool put_intent(struct ledger_scope *scope, void *call, struct error *err)
{
        struct intent_call *arguments = call;

        return sql_run(&scope->ledger->database,
                       "INSERT INTO outcomes (intent_id, time_ms, outcome, reason) "
                       "SELECT id, ?, ?, 'superseded by another action' FROM intents "
                       "WHERE id NOT IN (SELECT intent_id FROM outcomes) AND pipeline_id IN "
                       "(SELECT id FROM pipelines WHERE namespace = ? AND name = ?)",
                       SQL_VALUES(SQL_INTEGER(arguments->intent->time_ms),
                                  SQL_TEXT(outcome_name(OUTCOME_UNKNOWN)), SQL_TEXT(scope->namespace),
                                  SQL_TEXT(scope->name)),
                       err) &&
               insert_intent(scope, arguments, err);
}

void ledger_scope_fly(struct ledger_scope *scope, const struct intent *intent)
{
        free(scope->in_flight);
        scope->in_flight = NULL;
        if (!intent)
                return;
        scope->in_flight = memory_new(1, sizeof *scope->in_flight);
        *scope->in_flight = *intent;
}

static bool journal_intent(void *context, const struct intent *intent, int64_t *ret_id, struct error *err)
{
        struct ledger_scope *scope = context;
        struct intent_call call = {.intent = intent};

        /* What was in flight is no more, even if the file has to be set aside now. */
        ledger_scope_fly(scope, NULL);
        if (!write_down(scope, true, put_intent, &call, err))
                return false;
        ledger_scope_fly(scope, intent);
        scope->in_flight->id = call.id;
        *ret_id = call.id;
        return true;
}

/* ---- what is done with it ---- */

struct event_call {
        int64_t id, time_ms; /* of the intent or the call */
        bool done;
        const char *text;
        int64_t new_id;
};

static bool put_call_begin(struct ledger_scope *scope, void *call, struct error *err)
{
        struct event_call *event = call;
        autofree char *text = redact_text(event->text);

        return sql_insert(&scope->ledger->database,
                          "INSERT INTO calls (intent_id, begin_ms, call) VALUES (?, ?, ?) RETURNING id",
                          SQL_VALUES(SQL_INTEGER(event->id), SQL_INTEGER(event->time_ms), SQL_TEXT(text)),
                          &event->new_id, err);
}

static bool journal_call_begin(void *context, int64_t intent_id, int64_t time_ms, const char *call,
                               int64_t *ret_id, struct error *err)
{
        struct event_call event = {.id = intent_id, .time_ms = time_ms, .text = call};

        if (!write_down(context, true, put_call_begin, &event, err))
                return false;
        *ret_id = event.new_id;
        return true;
}

static bool put_call_end(struct ledger_scope *scope, void *call, struct error *err)
{
        struct event_call *event = call;
        autofree char *text = redact_text(event->text);

        return sql_run(&scope->ledger->database,
                       "UPDATE calls SET end_ms = ?2, done = ?3, answer = ?4 WHERE id = ?1",
                       SQL_VALUES(SQL_INTEGER(event->id), SQL_INTEGER(event->time_ms),
                                  SQL_INTEGER(event->done), SQL_TEXT(text)),
                       err);
}

static bool journal_call_end(void *context, int64_t call_id, int64_t time_ms, bool done, const char *answer,
                             struct error *err)
{
        struct event_call event = {.id = call_id, .time_ms = time_ms, .done = done, .text = answer};

        return write_down(context, true, put_call_end, &event, err);
}

static bool put_applied(struct ledger_scope *scope, void *call, struct error *err)
{
        struct event_call *event = call;

        return sql_run(&scope->ledger->database,
                       "UPDATE intents SET applied_ms = ?2 WHERE id = ?1 AND applied_ms IS NULL",
                       SQL_VALUES(SQL_INTEGER(event->id), SQL_INTEGER(event->time_ms)), err);
}

static bool journal_applied(void *context, int64_t intent_id, int64_t time_ms, struct error *err)
{
        struct ledger_scope *scope = context;
        struct event_call event = {.id = intent_id, .time_ms = time_ms};

        if (!write_down(scope, true, put_applied, &event, err))
                return false;
        if (scope->in_flight && scope->in_flight->id == intent_id) {
                scope->in_flight->applied = true;
                scope->in_flight->applied_ms = time_ms;
        }
        return true;
}

static bool put_outcome(struct ledger_scope *scope, void *call, struct error *err)
{
        const struct ending *ending = *(const struct ending **)call;
        autofree char *text = redact_text(ending->reason ? ending->reason : "");
        autofree char *back = NULL;

        if (ending->back.count > 0)
                back = ledger_json_text(ledger_json_configuration(scope->subject.pipeline, &ending->back));
        return sql_run(&scope->ledger->database,
                       "INSERT INTO outcomes (intent_id, time_ms, outcome, reason, back_body, "
                       "carried_per_second) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                       SQL_VALUES(SQL_INTEGER(ending->intent_id), SQL_INTEGER(ending->time_ms),
                                  SQL_TEXT(outcome_name(ending->outcome)), SQL_TEXT(text), SQL_TEXT(back),
                                  SQL_REAL(ending->carried_per_second)),
                       err);
}

bool ledger_outcome(void *context, const struct ending *ending, struct error *err)
{
        struct ledger_scope *scope = context;

        if (!write_down(scope, true, put_outcome, &ending, err))
                return false;
        if (scope->in_flight && scope->in_flight->id == ending->intent_id)
                ledger_scope_fly(scope, NULL);
        return true;
}

/* ---- spend ---- */

static bool put_spend(struct ledger_scope *scope, void *call, struct error *err)
{
        const struct spend *spend = *(const struct spend **)call;
        const struct run_spend *run = &spend->run;
        double cost = price_sum_to_money(spend->cost);
        double baseline_cost = price_sum_to_money(spend->baseline_cost);

        return put_price(scope, spend->from_ms, err) &&
               sql_run(&scope->ledger->database,
                       "INSERT INTO spend (pipeline_id, from_ms, to_ms, cost, baseline_cost, observed_ms, "
                       "late_ms, cost_rest, baseline_rest, run_kind, run_failed, run_setting, run_value, "
                       "run_input_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       SQL_VALUES(SQL_INTEGER(scope->pipeline_id), SQL_INTEGER(spend->from_ms),
                                  SQL_INTEGER(spend->to_ms), SQL_REAL(cost), SQL_REAL(baseline_cost),
                                  SQL_INTEGER(spend->observed_ms), SQL_INTEGER(spend->late_ms),
                                  SQL_INTEGER((int64_t)(spend->cost - price_sum_of_money(cost))),
                                  SQL_INTEGER((int64_t)(spend->baseline_cost -
                                                        price_sum_of_money(baseline_cost))),
                                  SQL_INTEGER(run->kind), SQL_INTEGER(run->failed), SQL_INTEGER(run->setting),
                                  SQL_REAL(run->value), SQL_REAL(run->input_bytes)),
                       err);
}

static bool journal_spend(void *context, const struct spend *spend, struct error *err)
{
        return write_down(context, false, put_spend, &spend, err);
}

/* ---- pause ---- */

struct pause_call {
        int64_t time_ms;
        bool paused;
        const char *reason;
};

/* A row for a pipeline of which nothing but the name is known yet. */
static bool put_name(struct ledger_scope *scope, struct error *err)
{
        return sql_insert(
                &scope->ledger->database,
                "INSERT INTO pipelines (namespace, name, currency, layout, settings) VALUES (?, ?, ?, "
                "'{}', 'null') RETURNING id",
                SQL_VALUES(SQL_TEXT(scope->namespace), SQL_TEXT(scope->name), SQL_TEXT(scope->currency)),
                &scope->pipeline_id, err);
}

static bool put_pause(struct ledger_scope *scope, void *call, struct error *err)
{
        const struct pause_call *pause = call;
        autofree char *text = redact_text(pause->reason);

        return (scope->pipeline_id || put_name(scope, err)) &&
               sql_run(&scope->ledger->database,
                       "INSERT INTO pauses (pipeline_id, time_ms, paused, reason) VALUES (?, ?, ?, ?)",
                       SQL_VALUES(SQL_INTEGER(scope->pipeline_id), SQL_INTEGER(pause->time_ms),
                                  SQL_INTEGER(pause->paused), SQL_TEXT(text)),
                       err);
}

static bool journal_pause(void *context, int64_t time_ms, bool paused, const char *reason, struct error *err)
{
        struct ledger_scope *scope = context;
        struct pause_call pause = {.time_ms = time_ms, .paused = paused, .reason = reason ? reason : ""};

        if (!write_down(scope, true, put_pause, &pause, err)) {
                /* Its row went with the rest. */
                if (!scope->layout)
                        scope->pipeline_id = 0;
                return false;
        }
        scope->paused = paused;
        scope->paused_ms = time_ms;
        free(scope->pause_reason);
        scope->pause_reason = memory_copy_text(pause.reason);
        return true;
}

/* A file that was begun anew does not know of it. */
static bool restore_pause(struct ledger_scope *scope, struct error *err)
{
        struct pause_call pause = {scope->paused_ms, true, scope->pause_reason};
        int64_t paused;

        if (!scope->paused)
                return true;
        if (!sql_find_integer(&scope->ledger->database,
                              "SELECT paused FROM pauses WHERE " OF_PIPELINE " ORDER BY id DESC LIMIT 1",
                              SQL_VALUES(SQL_TEXT(scope->namespace), SQL_TEXT(scope->name)), 0, &paused, err))
                return false;
        return paused || put_pause(scope, &pause, err);
}

/* ---- the pipeline ---- */

static bool find_name(struct ledger_scope *scope, struct error *err)
{
        return sql_find_integer(&scope->ledger->database,
                                "SELECT max(id) FROM pipelines WHERE namespace = ? AND name = ?",
                                SQL_VALUES(SQL_TEXT(scope->namespace), SQL_TEXT(scope->name)), 0,
                                &scope->pipeline_id, err);
}

static bool store_pipeline(struct ledger_scope *scope, struct error *err)
{
        struct database *database = &scope->ledger->database;
        const struct sql_value *row =
                SQL_VALUES(SQL_TEXT(scope->namespace), SQL_TEXT(scope->name), SQL_TEXT(scope->currency),
                           SQL_TEXT(scope->layout), SQL_TEXT(scope->settings));

        if (!scope->layout)
                return find_name(scope, err);
        if (!sql_find_integer(
                    database,
                    "SELECT max(id) FROM pipelines WHERE namespace = ? AND name = ? AND currency = ? AND "
                    "layout = ? AND settings = ?",
                    row, 0, &scope->pipeline_id, err))
                return false;
        return scope->pipeline_id ||
               sql_insert(database,
                          "INSERT INTO pipelines (namespace, name, currency, layout, settings) VALUES "
                          "(?, ?, ?, ?, ?) RETURNING id",
                          row, &scope->pipeline_id, err);
}

/* Nor of that. */
static bool restore_intent(struct ledger_scope *scope, struct error *err)
{
        struct intent_call call = {.intent = scope->subject.pipeline ? scope->in_flight : NULL};
        int64_t present;

        if (!call.intent)
                return true;
        call.id = call.intent->id;
        return sql_find_integer(&scope->ledger->database, "SELECT count(*) FROM intents WHERE id = ?",
                                SQL_VALUES(SQL_INTEGER(call.id)), 0, &present, err) &&
               (present || insert_intent(scope, &call, err));
}

bool ledger_scope_store(struct ledger_scope *scope, struct error *err)
{
        struct database *database = &scope->ledger->database;

        /* Of a name alone there is nothing to store: no lock is waited for. */
        if (!scope->layout && !scope->paused)
                return find_name(scope, err);
        scope->opened = 0;
        if (!sql_begin(database, true, err))
                return false;
        if (!ledger_scope_hold(scope, err) || !store_pipeline(scope, err) || !restore_intent(scope, err) ||
            !restore_pause(scope, err)) {
                sql_rollback(database);
                return false;
        }
        if (!sql_commit(database, err))
                return false;
        scope->opened = scope->ledger->opened;
        return true;
}

void ledger_scope_forget(struct ledger_scope *scope)
{
        ledger_scope_fly(scope, NULL);
        scope->paused = false;
}

void ledger_scope_free(struct ledger_scope *scope)
{
        free(scope->namespace);
        free(scope->name);
        free(scope->currency);
        free(scope->layout);
        free(scope->settings);
        free(scope->in_flight);
        free(scope->pause_reason);
        free(scope);
}

static int compare_scopes(const void *a, const void *b)
{
        const struct ledger_scope *first = a, *second = b;
        int order = strcmp(first->name, second->name);

        return order ? order : strcmp(first->namespace, second->namespace);
}

static struct ledger_scope *find_scope(const struct ledger *ledger, const char *namespace, const char *name)
{
        const struct ledger_scope sought = {.namespace = (char *)(uintptr_t) namespace,
                                            .name = (char *)(uintptr_t)name};
        struct ledger_scope **found = tfind(&sought, &ledger->by_name, compare_scopes);

        return found ? *found : NULL;
}

static void keep_scope(struct ledger *ledger, struct ledger_scope *scope)
{
        scope->next = ledger->scopes;
        ledger->scopes = scope;
        (void)tsearch(scope, &ledger->by_name, compare_scopes);
}

static struct ledger_scope *scope_new(struct ledger *ledger, const char *namespace, const char *name)
{
        struct ledger_scope *scope = memory_new(1, sizeof *scope);

        scope->ledger = ledger;
        scope->namespace = memory_copy_text(namespace);
        scope->name = memory_copy_text(name);
        scope->currency = memory_copy_text("");
        return scope;
}

static void replace(char **text, char *by)
{
        free(*text);
        *text = by;
}

/* What is in flight is said in terms of a layout: with that it goes. */
static void describe_scope(struct ledger_scope *scope, const struct ledger_subject *subject)
{
        const json_t *settings = subject->settings;
        char *layout;

        if (!subject->pipeline)
                return;
        layout = ledger_json_text(ledger_json_pipeline(subject->pipeline));
        if (scope->layout && strcmp(scope->layout, layout) != 0)
                ledger_scope_fly(scope, NULL);
        replace(&scope->layout, layout);
        replace(&scope->settings, ledger_json_text(settings ? ledger_json_masked(settings) : json_null()));
        replace(&scope->currency,
                memory_copy_text(subject->prices ? price_book_currency(subject->prices) : ""));
        scope->subject = *subject;
        scope->subject.settings = NULL;
}

static struct journal journal_of(struct ledger_scope *scope)
{
        const struct journal journal = {
                .observation = journal_observation,
                .decision = journal_decision,
                .intent = journal_intent,
                .call_begin = journal_call_begin,
                .call_end = journal_call_end,
                .applied = journal_applied,
                .outcome = ledger_outcome,
                .spend = journal_spend,
                .pause = journal_pause,
                .unfinished = ledger_unfinished,
                .past = ledger_past,
                .standing = ledger_standing,
                .change = ledger_change,
                .context = scope,
        };
        const struct journal of_a_name = {
                .pause = journal_pause,
                .standing = ledger_standing,
                .context = scope,
        };

        return scope->subject.pipeline ? journal : of_a_name;
}

void ledger_let_go(struct ledger *ledger, const char *namespace, const char *name)
{
        struct ledger_scope *scope = find_scope(ledger, namespace ? namespace : "", name);

        if (scope)
                scope->subject = (struct ledger_subject){0};
}

bool ledger_journal(struct ledger *ledger, const struct ledger_subject *subject, struct journal *ret_journal,
                    struct error *err)
{
        const char *namespace = subject->namespace ? subject->namespace : "";
        const char *name = subject->pipeline ? subject->pipeline->name : subject->name;
        struct ledger_scope *known = find_scope(ledger, namespace, name);
        struct ledger_scope *scope = known ? known : scope_new(ledger, namespace, name);

        describe_scope(scope, subject);
        if (!ledger_ready(ledger, err) || !ledger_scope_store(scope, err)) {
                if (!known)
                        ledger_scope_free(scope);
                return false;
        }
        if (!known)
                keep_scope(ledger, scope);
        *ret_journal = journal_of(scope);
        return true;
}
