/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was written down before, for the loop that goes on after a restart. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ledger/internal.h"

#define NAME_OF(scope) SQL_TEXT((scope)->namespace), SQL_TEXT((scope)->name)

static const char *text_at(struct sql_cursor *row, int column)
{
        const char *text = sql_text(row, column);

        return text ? text : "";
}

static double number_at(struct sql_cursor *row, int column)
{
        return sql_is_null(row, column) ? NAN : sql_real(row, column);
}

/* ---- actions ---- */

#define INTENT_COLUMNS                                                                                       \
        "i.id, i.decision_id, i.time_ms, i.applied_ms, i.from_body, i.to_body, i.prediction_body, i.ordered"

/* False when the pipeline no longer has the knobs that the intent was about. */
static bool read_intent(const struct ledger_scope *scope, struct sql_cursor *row, struct intent *intent)
{
        const struct pipeline *pipeline = scope->subject.pipeline;

        *intent = (struct intent){
                .id = sql_integer(row, 0),
                .decision_id = sql_integer(row, 1),
                .time_ms = sql_integer(row, 2),
                .applied = !sql_is_null(row, 3),
                .applied_ms = sql_integer(row, 3),
                .ordered = sql_integer(row, 7) != 0,
                .foreign = sql_integer(row, 7) == LEDGER_FOREIGN,
        };
        ledger_parse_prediction(text_at(row, 6), &intent->prediction);
        return ledger_parse_configuration(pipeline, text_at(row, 4), &intent->from) &&
               ledger_parse_configuration(pipeline, text_at(row, 5), &intent->to);
}

static bool find_unfinished(struct ledger_scope *scope, struct intent *intent, bool *ret_found,
                            bool *ret_fits, struct error *err)
{
        struct database *database = &scope->ledger->database;
        autocursor *cursor = NULL;

        if (!sql_prepare(database,
                         "SELECT " INTENT_COLUMNS " FROM intents i WHERE " OF_PIPELINE
                         " AND id NOT IN (SELECT intent_id FROM outcomes) ORDER BY id DESC LIMIT 1",
                         SQL_VALUES(NAME_OF(scope)), &cursor, err) ||
            !sql_next(cursor, ret_found, err))
                return false;
        *ret_fits = *ret_found && read_intent(scope, cursor, intent);
        return true;
}

static bool give_up(struct ledger_scope *scope, const struct intent *intent, struct error *err)
{
        const struct ending ending = {.intent_id = intent->id,
                                      .time_ms = clock_now_ms(scope->ledger->options.clock),
                                      .outcome = OUTCOME_UNKNOWN,
                                      .carried_per_second = NAN,
                                      .reason = "the pipeline's knobs changed before it could be judged"};

        log_warning(scope->ledger->options.log, "an action from before the restart cannot be taken up",
                    LOG_TEXT("pipeline", scope->name), LOG_INTEGER("intent", intent->id),
                    LOG_TEXT("reason", "the pipeline's knobs have changed"));
        return ledger_outcome(scope, &ending, err);
}

bool ledger_unfinished(void *context, struct intent *ret_intent, bool *ret_found, struct error *err)
{
        struct ledger_scope *scope = context;
        struct intent intent;
        bool found, fits;

        if (!ledger_ready(scope->ledger, err) || !find_unfinished(scope, &intent, &found, &fits, err) ||
            (found && !fits && !give_up(scope, &intent, err)))
                return false;
        *ret_found = found && fits;
        if (*ret_found) {
                *ret_intent = intent;
                ledger_scope_fly(scope, &intent);
        }
        return true;
}

/* What became of an action, under its name in the table. */
static enum outcome parse_outcome(const char *name)
{
        for (enum outcome outcome = OUTCOME_PENDING; outcome < OUTCOME_UNKNOWN; outcome++)
                if (strcmp(name, outcome_name(outcome)) == 0)
                        return outcome;
        return OUTCOME_UNKNOWN;
}

static void read_ending(const struct ledger_scope *scope, struct sql_cursor *row, struct ending *ending)
{
        *ending = (struct ending){
                .intent_id = sql_integer(row, 0),
                .time_ms = sql_integer(row, 8),
                .outcome = parse_outcome(text_at(row, 9)),
                .carried_per_second = number_at(row, 12),
                .reason = text_at(row, 10),
        };
        if (!ledger_parse_configuration(scope->subject.pipeline, text_at(row, 11), &ending->back))
                ending->back.count = 0;
}

static void hand_over_action(const struct ledger_scope *scope, struct sql_cursor *row,
                             const struct journal_past *past)
{
        struct intent intent;
        struct ending ending;

        if (!read_intent(scope, row, &intent))
                return;
        read_ending(scope, row, &ending);
        past->action(past->context, &intent, &ending);
}

static const char actions_sql[] =
        "SELECT " INTENT_COLUMNS ", o.time_ms, o.outcome, o.reason, o.back_body, o.carried_per_second"
        " FROM intents i JOIN outcomes o ON o.intent_id = i.id WHERE " OF_PIPELINE
        " AND (o.time_ms >= ?3 OR i.id = (SELECT max(n.id) FROM intents n JOIN outcomes c"
        " ON c.intent_id = n.id WHERE n." OF_PIPELINE " AND c.outcome = 'Confirmed')) ORDER BY i.id";

/* ---- spend ---- */

static const char spend_sql[] =
        "SELECT " SPEND_COLUMNS " FROM spend x WHERE " OF_PIPELINE " AND to_ms <= ?3 ORDER BY from_ms, id";

void ledger_parse_spend(struct sql_cursor *row, struct spend *ret_spend)
{
        *ret_spend = (struct spend){
                .from_ms = sql_integer(row, 0),
                .to_ms = sql_integer(row, 1),
                .cost = price_sum_of_money(sql_real(row, 2)) + sql_integer(row, 6),
                .baseline_cost = price_sum_of_money(sql_real(row, 3)) + sql_integer(row, 7),
                .observed_ms = sql_integer(row, 4),
                .late_ms = sql_integer(row, 5),
                .run = {.kind = (enum spend_kind)sql_integer(row, 8),
                        .failed = sql_integer(row, 9) != 0,
                        .setting = sql_integer(row, 10),
                        .value = number_at(row, 11),
                        .input_bytes = number_at(row, 12)},
        };
}

static void hand_over_spend(const struct ledger_scope *scope, struct sql_cursor *row,
                            const struct journal_past *past)
{
        struct spend spend;

        (void)scope;
        ledger_parse_spend(row, &spend);
        past->spend(past->context, &spend);
}

/* ---- observations ---- */

static const char observations_sql[] = "SELECT body FROM observations WHERE " OF_PIPELINE " AND time_ms > ?3"
                                       " AND time_ms <= ?4 ORDER BY time_ms, id";

static void hand_over_observation(const struct ledger_scope *scope, struct sql_cursor *row,
                                  const struct journal_past *past)
{
        struct observation observation;

        ledger_parse_observation(scope->subject.pipeline, text_at(row, 0), &observation);
        past->observation(past->context, &observation);
}

/* ---- runs ---- */

static const char runs_sql[] =
        "SELECT body FROM (SELECT id, ended_ms, body FROM runs WHERE " OF_PIPELINE
        " AND ended_ms <= ?4 ORDER BY ended_ms DESC, id DESC LIMIT ?3) AS newest ORDER BY ended_ms, id";

static void hand_over_run(const struct ledger_scope *scope, struct sql_cursor *row,
                          const struct journal_past *past)
{
        struct observation observation;

        ledger_parse_observation(scope->subject.pipeline, text_at(row, 0), &observation);
        past->run(past->context, &observation);
}

/* ---- all of it ---- */

typedef void (*hand_over)(const struct ledger_scope *scope, struct sql_cursor *row,
                          const struct journal_past *past);

static bool read_rows(struct ledger_scope *scope, const char *sql, const struct sql_value *values,
                      hand_over deliver, const struct journal_past *past, struct error *err)
{
        struct database *database = &scope->ledger->database;
        autocursor *cursor = NULL;
        bool row = true;

        if (!sql_prepare(database, sql, values, &cursor, err))
                return false;
        while (row) {
                if (!sql_next(cursor, &row, err))
                        return false;
                if (row)
                        deliver(scope, cursor, past);
        }
        return true;
}

int64_t ledger_latest_ms(const struct ledger *ledger)
{
        return clock_now_ms(ledger->options.clock) + LEDGER_AHEAD_MS;
}

/* Runs and sums that a clock which ran ahead once left behind. */
static bool warn_of_what_is_ahead(const struct ledger_scope *scope, int64_t latest_ms, struct error *err)
{
        int64_t ahead = 0;

        if (!sql_find_integer(&scope->ledger->database,
                              "SELECT (SELECT count(*) FROM runs WHERE " OF_PIPELINE " AND ended_ms > ?3)"
                              " + (SELECT count(*) FROM spend WHERE " OF_PIPELINE " AND to_ms > ?3)",
                              SQL_VALUES(NAME_OF(scope), SQL_INTEGER(latest_ms)), 0, &ahead, err))
                return false;
        if (ahead > 0)
                log_warning(scope->ledger->options.log,
                            "the ledger has runs or sums of a time that is yet to come; they are left out",
                            LOG_TEXT("pipeline", scope->name), LOG_INTEGER("rows", ahead));
        return true;
}

bool ledger_past(void *context, int64_t since_ms, const struct journal_past *past, struct error *err)
{
        struct ledger_scope *scope = context;
        int64_t now_ms = clock_now_ms(scope->ledger->options.clock);
        struct sql_value latest = SQL_INTEGER(ledger_latest_ms(scope->ledger));

        if (!ledger_ready(scope->ledger, err))
                return false;
        if (past->action &&
            !read_rows(scope, actions_sql, SQL_VALUES(NAME_OF(scope), SQL_INTEGER(now_ms - JOURNAL_PAST_MS)),
                       hand_over_action, past, err))
                return false;
        if (past->spend &&
            (!warn_of_what_is_ahead(scope, latest.integer, err) ||
             !read_rows(scope, spend_sql, SQL_VALUES(NAME_OF(scope), latest), hand_over_spend, past, err)))
                return false;
        if (past->run &&
            !read_rows(scope, runs_sql, SQL_VALUES(NAME_OF(scope), SQL_INTEGER(JOURNAL_RUNS), latest),
                       hand_over_run, past, err))
                return false;
        return !past->observation ||
               read_rows(scope, observations_sql, SQL_VALUES(NAME_OF(scope), SQL_INTEGER(since_ms), latest),
                         hand_over_observation, past, err);
}

/* ---- how things stood ---- */

static bool read_pause(struct ledger_scope *scope, struct journal_standing *standing, struct error *err)
{
        struct database *database = &scope->ledger->database;
        autocursor *cursor = NULL;
        bool row;

        if (!sql_prepare(database,
                         "SELECT paused, time_ms, reason FROM pauses WHERE " OF_PIPELINE
                         " ORDER BY id DESC LIMIT 1",
                         SQL_VALUES(NAME_OF(scope)), &cursor, err) ||
            !sql_next(cursor, &row, err))
                return false;
        if (!row || !sql_integer(cursor, 0))
                return true;
        standing->paused = true;
        snprintf(standing->pause_reason, sizeof standing->pause_reason, "%s", text_at(cursor, 2));
        scope->paused = true;
        scope->paused_ms = sql_integer(cursor, 1);
        free(scope->pause_reason);
        scope->pause_reason = memory_copy_text(standing->pause_reason);
        return true;
}

static bool read_last_hold(struct ledger_scope *scope, struct journal_standing *standing, struct error *err)
{
        struct database *database = &scope->ledger->database;
        autocursor *cursor = NULL;
        bool row;

        if (!sql_prepare(database,
                         "SELECT kind, reason FROM decisions WHERE " OF_PIPELINE " ORDER BY id DESC LIMIT 1",
                         SQL_VALUES(NAME_OF(scope)), &cursor, err) ||
            !sql_next(cursor, &row, err))
                return false;
        if (row && strcmp(text_at(cursor, 0), "Hold") == 0)
                snprintf(standing->last_hold, sizeof standing->last_hold, "%s", text_at(cursor, 1));
        return true;
}

/* Of the pipeline as it is: what ran before its knobs were changed cannot be said in today's. */
static bool read_first(struct ledger_scope *scope, struct journal_standing *standing, struct error *err)
{
        struct database *database = &scope->ledger->database;
        autocursor *cursor = NULL;
        bool row = true;

        if (!scope->subject.pipeline)
                return true;
        if (!sql_prepare(database,
                         "SELECT before_body FROM decisions WHERE " OF_PIPELINE
                         " AND before_body <> '{}' ORDER BY id LIMIT 1",
                         SQL_VALUES(NAME_OF(scope)), &cursor, err) ||
            !sql_next(cursor, &row, err))
                return false;
        if (row && !ledger_parse_configuration(scope->subject.pipeline, text_at(cursor, 0), &standing->first))
                standing->first.count = 0;
        return true;
}

bool ledger_standing(void *context, struct journal_standing *ret_standing, struct error *err)
{
        struct journal_standing standing = {0};
        struct ledger_scope *scope = context;

        if (!ledger_ready(scope->ledger, err) || !read_pause(scope, &standing, err) ||
            !read_last_hold(scope, &standing, err) || !read_first(scope, &standing, err))
                return false;
        *ret_standing = standing;
        return true;
}

/* ---- one action, to go back before it ---- */

static bool no_change(struct ledger_scope *scope, int64_t decision_id, struct error *err)
{
        const char *name = scope->name;
        int64_t known = 0;

        if (decision_id > 0 &&
            !sql_find_integer(&scope->ledger->database,
                              "SELECT count(*) FROM decisions WHERE " OF_PIPELINE " AND id = ?3",
                              SQL_VALUES(NAME_OF(scope), SQL_INTEGER(decision_id)), 0, &known, err))
                return false;
        if (decision_id == 0)
                return error_set(err, ERROR_INPUT, "NothingToGoBackTo",
                                 "%s: optctl has changed nothing that could be taken back", name);
        return error_set(err, ERROR_INPUT, "NothingToGoBackTo",
                         known ? "%s: decision %lld changed nothing" : "%s: there is no decision %lld", name,
                         (long long)decision_id);
}

static const char change_sql[] =
        "SELECT " INTENT_COLUMNS " FROM intents i WHERE " OF_PIPELINE " AND applied_ms IS NOT NULL"
        " AND CASE WHEN ?3 = 0 THEN ordered = 0 ELSE decision_id = ?3 END"
        " ORDER BY id DESC LIMIT 1";

bool ledger_change(void *context, int64_t decision_id, struct intent *ret_intent, struct error *err)
{
        struct ledger_scope *scope = context;
        struct database *database = &scope->ledger->database;
        autocursor *cursor = NULL;
        bool row;

        if (!ledger_ready(scope->ledger, err) ||
            !sql_prepare(database, change_sql, SQL_VALUES(NAME_OF(scope), SQL_INTEGER(decision_id)), &cursor,
                         err) ||
            !sql_next(cursor, &row, err))
                return false;
        if (!row)
                return no_change(scope, decision_id, err);
        return read_intent(scope, cursor, ret_intent) ||
               error_set(err, ERROR_INPUT, "KnobsChanged",
                         "%s: its knobs have changed since decision %lld, so what ran before cannot be set",
                         scope->name, (long long)sql_integer(cursor, 1));
}
