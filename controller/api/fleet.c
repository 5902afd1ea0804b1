/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/api/api.h"
#include "controller/books/books.h"
#include "controller/live/fleet.h"
#include "core/json.h"
#include "core/ledger/ledger.h"

static bool fleet_source_status(void *context, const char *name, json_t **ret_pipelines, struct error *err)
{
        return fleet_status(((struct api_fleet *)context)->fleet, name, ret_pipelines, err);
}

static bool fleet_source_series(void *context, const char *name, size_t limit, json_t **ret_series,
                                struct error *err)
{
        return fleet_series(((struct api_fleet *)context)->fleet, name, limit, ret_series, err);
}

static bool fleet_source_savings(void *context, const char *name, json_t **ret_books, struct error *err)
{
        return fleet_savings(((struct api_fleet *)context)->fleet, name, ret_books, err);
}

static bool fleet_source_pause(void *context, const char *name, const char *reason, struct error *err)
{
        return fleet_pause(((struct api_fleet *)context)->fleet, name, reason, err);
}

static bool fleet_source_resume(void *context, const char *name, struct error *err)
{
        return fleet_resume(((struct api_fleet *)context)->fleet, name, err);
}

static bool fleet_source_rollback(void *context, const char *name, int64_t decision_id, json_t **ret_result,
                                  struct error *err)
{
        return fleet_rollback(((struct api_fleet *)context)->fleet, name, decision_id, ret_result, err);
}

/* ---- the ledger, read in a thread beside the loops that write it ---- */

struct question {
        const char *path, *name;
        int64_t since_ms, limit, id;
        double confidence;
        json_t *answer;
        struct error err;
        bool done;
};

static void read_history(void *argument)
{
        struct question *question = argument;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;

        question->done = ledger_reader_open(question->path, &reader, &question->err) &&
                         ledger_history_of(reader, question->name, question->since_ms, question->limit,
                                           &question->answer, &question->err);
}

static void read_books(void *argument)
{
        struct question *question = argument;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;

        if (!ledger_reader_open(question->path, &reader, &question->err))
                return;
        question->done = books_read(reader, question->name, question->since_ms, question->confidence,
                                    &question->answer, &question->err);
        if (!question->done && question->err.code == ERROR_INPUT)
                question->err.code = ERROR_NOT_FOUND;
}

static void read_decision(void *argument)
{
        struct question *question = argument;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;

        if (!ledger_reader_open(question->path, &reader, &question->err))
                return;
        question->done = ledger_decision(reader, question->id, &question->answer, &question->err);
        if (!question->done && question->err.code == ERROR_INPUT)
                question->err.code = ERROR_NOT_FOUND;
}

static bool ask_ledger(struct api_fleet *fleet, void (*read)(void *question), struct question *question,
                       json_t **ret_answer, struct error *err)
{
        if (!fleet->ledger_path)
                return error_set(err, ERROR_NOT_FOUND, "NoLedger",
                                 "this optctl keeps no ledger, so there is no history");
        question->path = fleet->ledger_path;
        reactor_offload(fleet->reactor, read, question);
        if (question->done)
                *ret_answer = question->answer;
        else
                *err = question->err;
        return question->done;
}

static bool fleet_source_history(void *context, const char *name, int64_t since_ms, int64_t limit,
                                 json_t **ret_decisions, struct error *err)
{
        struct question question = {.name = name, .since_ms = since_ms, .limit = limit, .err = ERROR_INIT};

        return ask_ledger(context, read_history, &question, ret_decisions, err);
}

static bool fleet_source_books(void *context, const char *name, int64_t since_ms, double confidence,
                               json_t **ret_pipelines, struct error *err)
{
        struct question question = {.name = name,
                                    .since_ms = since_ms,
                                    .confidence = confidence,
                                    .err = ERROR_INIT};

        return ask_ledger(context, read_books, &question, ret_pipelines, err);
}

static bool fleet_source_decision(void *context, int64_t id, json_t **ret_decision, struct error *err)
{
        struct question question = {.id = id, .err = ERROR_INIT};

        return ask_ledger(context, read_decision, &question, ret_decision, err);
}

struct api_source api_source_of_fleet(struct api_fleet *fleet)
{
        return (struct api_source){.status = fleet_source_status,
                                   .series = fleet_source_series,
                                   .savings = fleet_source_savings,
                                   .books = fleet_source_books,
                                   .history = fleet_source_history,
                                   .decision = fleet_source_decision,
                                   .pause = fleet_source_pause,
                                   .resume = fleet_source_resume,
                                   .rollback = fleet_source_rollback,
                                   .context = fleet};
}
