/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A day of a live pipeline with a fault every minute, in virtual time: the whole program but its command line
 * (fleet, loop, plan, guardrails, Flink's collector and actuator, HTTP client, ledger) before a job manager
 * that remembers what it was told (tests/support/soak_flink.h). What must hold all the time:
 *
 *   - once a fault is over, the pipeline is measured and decided upon again within STUCK_MS;
 *   - no change takes effect twice, and nothing is written that was not announced in the ledger;
 *   - every change in the ledger has an outcome, but one that is under way;
 *   - what the job is told stays within the knobs' bounds;
 *   - it is never too small for its load for longer than SMALL_MS, and not in the end;
 *   - memory and descriptors stay where they were.
 *
 * "Killed": its ledger is kept as it was at that moment, nothing more reaches the job manager, and another
 * process begins with that ledger. Half of the kills come with a write, before or after it took effect.
 *
 *   soak_test_soak HOURS [SEED]      with kills and without, a line an hour; without HOURS two of each, as
 * ctest runs it
 */
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <dirent.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/live/fleet.h"
#include "controller/registry.h"
#include "core/json.h"
#include "core/random.h"
#include "tests/support/scratch.h"
#include "tests/support/soak_faults.h"
#include "tests/support/soak_flink.h"

#define START_MS    INT64_C(1767571200000) /* 2026-01-05T00:00:00Z */
#define INTERVAL_MS 15000
#define MINUTE_MS   INT64_C(60000)
#define LOOK_MS     5000
#define STUCK_MS    120000 /* of health: an answer that is waited for, two windows */
#define WARM_UP_MS  10000
#define SMALL_MS    (60 * MINUTE_MS)
#define CALM_MS     (40 * MINUTE_MS) /* without faults, in the end */
#define MOST        12
#define LIFE_MS     MS_PER_HOUR

static const char spec[] =
        "apiVersion: optctl.dev/v1alpha1\n"
        "kind: TunedPipeline\n"
        "metadata: {name: soaked}\n"
        "spec:\n"
        "  mode: Auto\n"
        "  strategy: plan\n"
        "  engine: {flink: {url: \"http://127.0.0.1:1\", job: soaked, "
        "rescaleTimeoutSeconds: 120}}\n"
        "  knobs: [{name: parallelism, scope: Operator, operator: work, min: 1, max: 12}]\n"
        "  constraints: {backlogSeconds: 30}\n"
        "  prices: {currency: EUR, worker: {perHour: \"0.25\"}}\n"
        "  guardrails: {maxChangesPerDay: 500}\n"
        "  strategies: {plan: {intervalSeconds: 15}}\n";

/* ---- the stage ---- */

enum killing { LIVES, DIES_SOON, DIES_BEFORE_WRITE, DIES_AFTER_WRITE, DEAD };

struct figures {
        int64_t heap, rss;
        int descriptors;
};

struct stage {
        struct scratch scratch;
        char *spec_path, *ledger_path;
        gsl_rng *rng;
        int64_t end_ms, next_life_ms;
        struct soak_flink flink;
        /* one process */
        struct reactor *reactor;
        struct clock clock;
        struct metrics *metrics;
        struct http_client *http;
        struct ledger *ledger;
        struct fleet *fleet;
        struct scripted_peer *peer;
        sqlite3 *intruder;
        const struct soak_fault *fault; /* NULL: none now */
        bool before_effect;             /* of a write under the fault: it does not take effect */
        enum killing killing;
        /* what was seen */
        int n_faults, lives, turns, idle_writes;
        int64_t healthy_ms, last_look_ms, longest_ms, small_ms, longest_small_ms;
        char longest_why[200], last_fault[60];
        struct figures first, newest;      /* after the first hour, of each later one */
        int64_t after_first, after_newest; /* bytes in use when a process had ended */
        bool print;
};

static int64_t now_of(const struct stage *stage)
{
        return clock_now_ms(&stage->clock);
}

/* ---- a crash ---- */

static void copy_file(const char *from, const char *to)
{
        FILE *in = fopen(from, "rb"), *out;
        char block[65536];
        size_t count;

        (void)unlink(to);
        if (!in)
                return;
        out = fopen(to, "wb");
        assert_non_null(out);
        while ((count = fread(block, 1, sizeof block, in)) > 0)
                assert_int_equal(fwrite(block, 1, count, out), count);
        fclose(in);
        fclose(out);
}

static void copy_ledger(const struct stage *stage, bool back)
{
        static const char *const ends[] = {"", "-wal"};

        for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
                autofree char *there = memory_format("%s%s", stage->ledger_path, ends[i]);
                autofree char *kept = memory_format("%s.kept%s", stage->ledger_path, ends[i]);

                copy_file(back ? kept : there, back ? there : kept);
        }
}

static void die(struct stage *stage)
{
        copy_ledger(stage, false);
        stage->killing = DEAD;
        reactor_stop(stage->reactor);
}

/* ---- the job manager ---- */

static void spoil(const struct stage *stage, char **body, struct scripted_answer *answer)
{
        const struct scripted_answer *fault = &stage->fault->answer;

        if (stage->fault->lie) {
                char *lie = lie_about(*body, stage->fault->lie);

                free(*body);
                *body = lie;
        }
        answer->status = fault->status ? fault->status : answer->status;
        answer->headers = fault->headers ? fault->headers : answer->headers;
        answer->how = fault->how;
        answer->delay_ms = fault->delay_ms;
        answer->drip_ms = fault->drip_ms;
        answer->drip_bytes = fault->drip_bytes;
}

static char *answer_request(void *context, const struct scripted_request *request,
                            struct scripted_answer *answer)
{
        struct stage *stage = context;
        struct soak_flink *flink = &stage->flink;
        bool put = strcmp(request->method, "PUT") == 0, good = !stage->fault;
        bool refused = stage->fault && stage->fault->mischief == REFUSES;
        bool answers = stage->fault && stage->fault->mischief == ANSWERS;
        struct text out = {0};
        char *body;

        soak_advance(flink, now_of(stage));
        if (put && stage->killing == DIES_BEFORE_WRITE)
                die(stage);
        if (stage->killing == DEAD || (put && answers && stage->before_effect)) {
                answer->how = SCRIPTED_RESET;
                return NULL;
        }
        if (put && refused) {
                answer->status = 409;
                return memory_copy_text("{\"errors\":[\"not now\"]}");
        }
        if (!soak_answer(flink, put, request->path, request->body, &out))
                answer->status = 404;
        if (put && flink->n_puts > 0)
                flink->puts[flink->n_puts - 1].answered = good && stage->killing == LIVES;
        body = text_take(&out);
        if (put && stage->killing == DIES_AFTER_WRITE) {
                die(stage);
                answer->how = SCRIPTED_RESET;
        } else if (answers) {
                spoil(stage, &body, answer);
        }
        return body;
}

/* ---- one fault ---- */

static void set_by_hand(struct stage *stage)
{
        stage->flink.shocks++;
        stage->flink.wish[1] = 1 + (int)gsl_rng_uniform_int(stage->rng, MOST);
}

static void allow_bytes(rlim_t bytes)
{
        struct rlimit limit;

        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_FSIZE, &limit);
}

static void intrude(struct stage *stage, bool begin)
{
        if (begin) {
                assert_int_equal(sqlite3_open(stage->ledger_path, &stage->intruder), SQLITE_OK);
                (void)sqlite3_exec(stage->intruder, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        } else {
                (void)sqlite3_exec(stage->intruder, "ROLLBACK", NULL, NULL, NULL);
                sqlite3_close(stage->intruder);
                stage->intruder = NULL;
        }
}

static void order(struct stage *stage, bool begin)
{
        struct error err = ERROR_INIT;
        json_t *result = NULL;

        if (!begin)
                (void)fleet_resume(stage->fleet, "soaked", &err);
        else if (stage->fault->mischief == PAUSED)
                (void)fleet_pause(stage->fleet, "soaked", "a test", &err);
        else if (fleet_rollback(stage->fleet, "soaked", 0, &result, &err))
                json_decref(result);
}

static void begin_job_fault(struct soak_flink *flink, enum mischief mischief)
{
        switch (mischief) {
        case SLOW:
                flink->slow = 2;
                break;
        case SURGE:
                flink->surge = 1.5;
                break;
        case FAILS:
                soak_fails(flink);
                break;
        case LOSES:
                soak_loses_workers(flink, 2);
                break;
        case FORGETS:
        case RENAMES:
                soak_forgets(flink, mischief == RENAMES);
                break;
        case DEAF:
                flink->deaf = true;
                break;
        case SKEWED:
                flink->skew_ms = 600000;
                break;
        default:
                break;
        }
}

static void begin_fault(struct stage *stage)
{
        struct soak_flink *flink = &stage->flink;

        stage->fault = &soak_faults[gsl_rng_uniform_int(stage->rng, ARRAY_LENGTH(soak_faults))];
        stage->before_effect = gsl_rng_uniform(stage->rng) < 0.5;
        snprintf(stage->last_fault, sizeof stage->last_fault, "%s", stage->fault->name);
        stage->n_faults++;
        soak_advance(flink, now_of(stage));
        begin_job_fault(flink, stage->fault->mischief);
        if (stage->fault->mischief == LEAVES)
                scripted_peer_leave(stage->peer);
        else if (stage->fault->mischief == BY_HAND)
                set_by_hand(stage);
        else if (stage->fault->mischief == BUSY)
                intrude(stage, true);
        else if (stage->fault->mischief == FULL)
                allow_bytes(4096);
        else if (stage->fault->mischief == PAUSED || stage->fault->mischief == PULLED)
                order(stage, true);
}

static void end_fault(struct stage *stage)
{
        struct soak_flink *flink = &stage->flink;
        enum mischief mischief = stage->fault->mischief;

        soak_advance(flink, now_of(stage));
        flink->slow = flink->surge = 1;
        flink->deaf = false;
        flink->skew_ms = 0;
        if (mischief == LOSES)
                soak_gets_workers_back(flink);
        else if (mischief == LEAVES && stage->killing != DEAD)
                scripted_peer_return(stage->peer);
        else if (mischief == BUSY)
                intrude(stage, false);
        else if (mischief == FULL)
                allow_bytes(RLIM_INFINITY);
        else if ((mischief == PAUSED || mischief == PULLED) && stage->killing != DEAD)
                order(stage, false);
        stage->fault = NULL;
}

/* ---- looking ---- */

static double number_at(const json_t *object, const char *outer, const char *inner)
{
        const json_t *value = json_object_get(outer ? json_object_get(object, outer) : object, inner);

        return json_is_number(value) ? json_number_value(value) : NAN;
}

/* A turn that had everything it needs; or a pause that was ordered. */
static bool decides(const json_t *status)
{
        const char *state = "";

        (void)json_find_text(status, "state", &state);
        return strcmp(state, "Unreachable") != 0 && strcmp(state, "Starting") != 0 &&
               !isnan(number_at(status, "load", "offered_per_second")) &&
               number_at(status, NULL, "turns") > 0;
}

/* How long it stays too small for its load: it may take a few turns, and what guardrails hold back. */
static void look_at_size(struct stage *stage, int64_t passed_ms)
{
        const struct soak_flink *flink = &stage->flink;
        bool small = flink->wish[1] / SOAK_WORK_COST < soak_load(flink, flink->now_ms) / flink->surge;

        stage->small_ms = small ? stage->small_ms + passed_ms : 0;
        if (stage->small_ms > stage->longest_small_ms)
                stage->longest_small_ms = stage->small_ms;
        if (stage->small_ms > SMALL_MS)
                fail_msg("too small for %lld s, %d subtasks", (long long)stage->small_ms / 1000,
                         flink->wish[1]);
}

static void look_at_health(struct stage *stage, const json_t *status)
{
        const char *why = "";
        int64_t now_ms = now_of(stage);
        int turns = (int)fmax(number_at(status, NULL, "turns"), 0);
        bool again = turns != stage->turns && decides(status);

        soak_advance(&stage->flink, now_ms);
        if (again)
                stage->healthy_ms = 0;
        else if (!stage->fault && stage->flink.now_ms > stage->flink.up_ms + WARM_UP_MS)
                stage->healthy_ms += now_ms - stage->last_look_ms;
        look_at_size(stage, now_ms - stage->last_look_ms);
        stage->turns = turns;
        stage->last_look_ms = now_ms;
        if (stage->healthy_ms <= stage->longest_ms)
                return;
        stage->longest_ms = stage->healthy_ms;
        (void)json_find_text(status, "why", &why);
        snprintf(stage->longest_why, sizeof stage->longest_why, "after %.40s: %.140s", stage->last_fault,
                 why);
        if (stage->healthy_ms > STUCK_MS)
                fail_msg("stuck at %lld s, %s", (long long)(now_ms - START_MS) / 1000, stage->longest_why);
}

static int count_descriptors(void)
{
        DIR *folder = opendir("/proc/self/fd");
        int count = -1; /* the folder's own */

        assert_non_null(folder);
        while (readdir(folder))
                count++;
        closedir(folder);
        return count;
}

static struct figures measure(void)
{
        struct mallinfo2 heap = mallinfo2();
        long pages = 0;
        FILE *file = fopen("/proc/self/statm", "r");

        if (file && fscanf(file, "%*d %ld", &pages) != 1)
                pages = 0;
        if (file)
                fclose(file);
        return (struct figures){(int64_t)(heap.uordblks + heap.hblkhd), pages * sysconf(_SC_PAGESIZE),
                                count_descriptors()};
}

static void note_hour(struct stage *stage, const json_t *status)
{
        struct figures now = measure();
        const char *why = "", *action = "-";

        (void)json_find_text(status, "why", &why);
        (void)json_find_text(status, "action", &action);
        stage->newest = now;
        if (stage->first.rss == 0)
                stage->first = now;
        if (!stage->print)
                return;
        printf("%5.1f h  life %2d  load %5.0f  wish %2d runs %2d  backlog %8.0f  heap %6lld kB  rss %6lld kB "
               " fd %2d  "
               "late %5.0f s  puts %3d  %s: %.60s\n",
               (double)(now_of(stage) - START_MS) / MS_PER_HOUR, stage->lives,
               soak_load(&stage->flink, stage->flink.now_ms), stage->flink.wish[1], stage->flink.runs[1],
               stage->flink.backlog, (long long)now.heap / 1024, (long long)now.rss / 1024, now.descriptors,
               stage->flink.late_seconds, stage->flink.n_puts, action, why);
        fflush(stdout);
}

static bool sleep_for(struct stage *stage, int64_t ms)
{
        struct error err = ERROR_INIT;

        return clock_sleep_until(&stage->clock, now_of(stage) + ms, &err) && stage->killing != DEAD;
}

/* Looks every few seconds; false: it was killed meanwhile, or this life is over. */
static bool pass(struct stage *stage, int64_t ms)
{
        int64_t until_ms = now_of(stage) + ms;
        struct error err = ERROR_INIT;

        while (now_of(stage) < until_ms) {
                int64_t left = until_ms - now_of(stage), hour = now_of(stage) / MS_PER_HOUR;
                json_t *all = NULL;

                if (!sleep_for(stage, left < LOOK_MS ? left : LOOK_MS))
                        return false;
                if (!fleet_status(stage->fleet, "soaked", &all, &err))
                        fail_msg("%s", err.message);
                look_at_health(stage, json_array_get(all, 0));
                if (hour != now_of(stage) / MS_PER_HOUR)
                        note_hour(stage, json_array_get(all, 0));
                json_decref(all);
        }
        return true;
}

/* ---- a life ---- */

static bool is_last_calm(const struct stage *stage)
{
        return now_of(stage) >= stage->end_ms - CALM_MS;
}

static void maybe_doom(struct stage *stage)
{
        static const enum killing ways[] = {DIES_SOON, DIES_SOON, DIES_BEFORE_WRITE, DIES_AFTER_WRITE};

        if (stage->killing == LIVES && stage->next_life_ms > 0 && now_of(stage) >= stage->next_life_ms)
                stage->killing = ways[gsl_rng_uniform_int(stage->rng, ARRAY_LENGTH(ways))];
}

static bool play_minute(struct stage *stage)
{
        int64_t before = (int64_t)gsl_rng_uniform_int(stage->rng, 15000);
        int64_t lasts = 3000 + (int64_t)gsl_rng_uniform_int(stage->rng, 25000);

        if (!pass(stage, before))
                return false;
        maybe_doom(stage);
        begin_fault(stage);
        if (stage->killing == DIES_SOON) {
                bool alive = pass(stage, lasts / 2);

                if (alive)
                        die(stage);
                end_fault(stage);
                return false;
        }
        lasts = pass(stage, lasts) ? MINUTE_MS - before - lasts : 0;
        end_fault(stage);
        return lasts > 0 && pass(stage, lasts);
}

static void direct(void *argument)
{
        struct stage *stage = argument;
        struct error err = ERROR_INIT;

        /* A pause outlives the process; whoever ordered it takes it back a minute later. */
        if (pass(stage, MINUTE_MS))
                (void)fleet_resume(stage->fleet, "soaked", &err);
        while (!is_last_calm(stage) && play_minute(stage))
                ;
        if (stage->killing != DEAD && is_last_calm(stage))
                (void)pass(stage, CALM_MS);
        if (stage->killing != DEAD)
                copy_ledger(stage, false);
        reactor_stop(stage->reactor);
}

static void open_process(struct stage *stage, int64_t now_ms)
{
        const struct reactor_options virtual = {.virtual_start_ms = now_ms};
        const struct ledger_options ledger = {.path = stage->ledger_path, .clock = &stage->clock};
        struct error err = ERROR_INIT;
        autofree char *url = NULL;
        struct fleet_setup setup;

        if (!reactor_new(&virtual, &stage->reactor, &err))
                fail_msg("%s", err.message);
        stage->clock = reactor_clock(stage->reactor);
        stage->metrics = metrics_new();
        stage->peer = scripted_peer_new(stage->reactor);
        scripted_peer_answer(stage->peer, "*",
                             &(struct scripted_answer){.by = answer_request, .context = stage});
        if (!http_client_new(stage->reactor, stage->metrics, NULL, &stage->http, &err) ||
            !ledger_open(&ledger, &stage->ledger, &err))
                fail_msg("%s", err.message);
        setup = (struct fleet_setup){.reactor = stage->reactor,
                                     .http = stage->http,
                                     .metrics = stage->metrics,
                                     .ledger = stage->ledger,
                                     .registry = registry_all()};
        stage->fleet = fleet_new(&setup);
        url = memory_format("spec.engine.flink.url=%s", scripted_peer_url(stage->peer));
        if (!fleet_add(stage->fleet, stage->spec_path, NULL, (const char *const[]){url, NULL}, &err))
                fail_msg("%s", err.message);
        stage->killing = LIVES;
        stage->lives++;
        stage->turns = 0;
        stage->healthy_ms = 0;
        stage->last_look_ms = now_ms;
}

static int64_t close_process(struct stage *stage)
{
        int64_t now_ms = now_of(stage);

        fleet_free(stage->fleet);
        ledger_close(stage->ledger);
        http_client_free(stage->http);
        scripted_peer_free(stage->peer);
        reactor_free(stage->reactor);
        metrics_free(stage->metrics);
        copy_ledger(stage, true);
        return now_ms;
}

/* ---- what the ledger tells ---- */

static sqlite3_stmt *query(sqlite3 *ledger, const char *sql)
{
        sqlite3_stmt *statement = NULL;

        if (sqlite3_prepare_v2(ledger, sql, -1, &statement, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(ledger));
        return statement;
}

static int64_t count_rows(sqlite3 *ledger, const char *sql)
{
        sqlite3_stmt *statement = query(ledger, sql);
        int64_t count;

        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        count = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return count;
}

/* Of the writes between two intents: to each value at most once, unless others had their hands in it. */
static void check_writes(struct stage *stage, int64_t intent, int64_t from_ms, int64_t until_ms)
{
        const struct soak_flink *flink = &stage->flink;
        int n_effects[MOST + 1] = {0}, shocks = -1;

        for (int i = 0; i < flink->n_puts; i++) {
                const struct soak_put *put = &flink->puts[i];

                if (put->at_ms < from_ms || put->at_ms >= until_ms)
                        continue;
                assert_in_range(put->want[1], 1, MOST);
                if (intent == 0)
                        fail_msg("written at %lld s, before any intent",
                                 (long long)(put->at_ms - START_MS) / 1000);
                if (put->shocks != shocks)
                        memset(n_effects, 0, sizeof n_effects);
                shocks = put->shocks;
                if (put->changed && ++n_effects[put->want[1]] > 1)
                        fail_msg("intent %lld: %d subtasks took effect twice, at %lld s", (long long)intent,
                                 put->want[1], (long long)(put->at_ms - START_MS) / 1000);
                if (!put->changed && i > 0 && flink->puts[i - 1].answered &&
                    put->shocks == flink->puts[i - 1].shocks)
                        fail_msg("told again what it had said yes to, at %lld s",
                                 (long long)(put->at_ms - START_MS) / 1000);
                stage->idle_writes += !put->changed;
        }
}

static void check_ledger(struct stage *stage)
{
        sqlite3 *ledger = NULL;
        sqlite3_stmt *intents;
        int64_t last = 0, last_ms = 0;

        assert_int_equal(sqlite3_open(stage->ledger_path, &ledger), SQLITE_OK);
        intents = query(ledger, "SELECT id, time_ms FROM intents ORDER BY id");
        while (sqlite3_step(intents) == SQLITE_ROW) {
                check_writes(stage, last, last_ms, sqlite3_column_int64(intents, 1));
                last = sqlite3_column_int64(intents, 0);
                last_ms = sqlite3_column_int64(intents, 1);
        }
        check_writes(stage, last, last_ms, INT64_MAX);
        sqlite3_finalize(intents);
        assert_true(count_rows(ledger,
                               "SELECT count(*) FROM intents LEFT JOIN outcomes ON intent_id = id WHERE "
                               "outcome IS NULL") <= 1);
        assert_int_equal(count_rows(ledger,
                                    "SELECT count(*) FROM intents JOIN outcomes ON intent_id = intents.id "
                                    "WHERE outcomes.time_ms < intents.time_ms"),
                         0);
        print_message("ledger: %lld intents, %lld confirmed, %lld reverted, %lld failed, %lld unknown\n",
                      (long long)count_rows(ledger, "SELECT count(*) FROM intents"),
                      (long long)count_rows(ledger,
                                            "SELECT count(*) FROM outcomes WHERE outcome='Confirmed'"),
                      (long long)count_rows(ledger, "SELECT count(*) FROM outcomes WHERE outcome='Reverted'"),
                      (long long)count_rows(ledger, "SELECT count(*) FROM outcomes WHERE outcome='Failed'"),
                      (long long)count_rows(ledger, "SELECT count(*) FROM outcomes WHERE outcome='Unknown'"));
        sqlite3_close(ledger);
}

/* Larger than it has to be it may be for a while: what was taken back lately is kept away from for hours. */
static void check_end(const struct stage *stage)
{
        const struct soak_flink *flink = &stage->flink;
        double busy = soak_load(flink, flink->now_ms) * SOAK_WORK_COST;

        print_message("in the end %d subtasks for a load that keeps %.1f busy\n", flink->runs[1], busy);
        assert_true(flink->backlog < 10 * soak_load(flink, flink->now_ms));
        assert_in_range(flink->runs[1], (int)ceil(busy), MOST);
        assert_int_equal(flink->runs[1], flink->wish[1]);
}

/* ---- the test ---- */

struct run {
        double hours;
        uint64_t seed;
        bool kills; /* a life ends in its second hour; else there is one */
        bool print; /* a line an hour */
};

static struct stage *stage_open(const struct run *run)
{
        struct stage *stage = memory_new(1, sizeof *stage);

        stage->scratch = scratch_open();
        stage->spec_path = scratch_path(&stage->scratch, "soaked.yaml");
        stage->ledger_path = scratch_path(&stage->scratch, "soaked.db");
        scratch_write(&stage->scratch, "soaked.yaml", spec);
        stage->rng = random_new(run->seed, 0, 1);
        stage->print = run->print;
        stage->end_ms = START_MS + (int64_t)(run->hours * MS_PER_HOUR);
        soak_flink_init(&stage->flink, START_MS);
        stage->flink.day_ms -= 6 * MS_PER_HOUR; /* it begins in the morning, when the load rises */
        return stage;
}

static void stage_close(struct stage *stage)
{
        gsl_rng_free(stage->rng);
        free(stage->spec_path);
        free(stage->ledger_path);
        scratch_close(&stage->scratch);
        free(stage);
}

static void print_run(const struct stage *stage, const struct run *run)
{
        const struct soak_flink *flink = &stage->flink;

        print_message(
                "seed %llu, %g h: %d faults, %d lives; longest without a decision in health %lld s (%s); "
                "longest too small %lld s; late for %.0f s in all; %d writes, %d of which said nothing new; "
                "%.1f slots on average\n",
                (unsigned long long)run->seed, run->hours, stage->n_faults, stage->lives,
                (long long)stage->longest_ms / 1000, stage->longest_why,
                (long long)stage->longest_small_ms / 1000, flink->late_seconds, flink->n_puts,
                stage->idle_writes, flink->slot_seconds / flink->seconds);
        print_message(
                "memory in use %lld kB, then %lld kB; resident %lld kB, then %lld kB; descriptors %d, then "
                "%d; after each process %lld kB, then %lld kB\n",
                (long long)stage->first.heap / 1024, (long long)stage->newest.heap / 1024,
                (long long)stage->first.rss / 1024, (long long)stage->newest.rss / 1024,
                stage->first.descriptors, stage->newest.descriptors, (long long)stage->after_first / 1024,
                (long long)stage->after_newest / 1024);
}

static void check_figures(const struct stage *stage)
{
        assert_true(stage->newest.descriptors <= stage->first.descriptors + 32);
        assert_true(stage->after_newest <= stage->after_first + 256 * 1024);
#ifndef __SANITIZE_ADDRESS__
        assert_true(stage->newest.heap <= stage->first.heap + 2 * 1024 * 1024);
        assert_true(stage->newest.rss <= stage->first.rss + 8 * 1024 * 1024);
#endif
}

static void soak(void **state)
{
        const struct run *run = *state;
        struct stage *stage = stage_open(run);
        int64_t now_ms = START_MS;

        while (now_ms < stage->end_ms) {
                stage->next_life_ms = run->kills ? now_ms + LIFE_MS : 0;
                open_process(stage, now_ms);
                reactor_spawn(stage->reactor, direct, stage);
                reactor_run(stage->reactor);
                now_ms = close_process(stage);
                stage->after_newest = measure().heap;
                if (stage->lives == 1)
                        stage->after_first = stage->after_newest;
        }
        print_run(stage, run);
        check_ledger(stage);
        check_end(stage);
        check_figures(stage);
        stage_close(stage);
}

int main(int count, char **words)
{
        struct run given = {.hours = count > 1 ? atof(words[1]) : 24,
                            .seed = count > 2 ? strtoull(words[2], NULL, 10) : 1,
                            .print = true};
        struct run killed = given, with_kills = {.hours = 1.75, .seed = 3, .kills = true},
                   without = {.hours = 1.5, .seed = 4};
        const struct CMUnitTest quick[] = {
                {"hours_with_a_fault_every_minute_and_a_kill", soak, NULL, NULL, &with_kills},
                {"hours_with_a_fault_every_minute", soak, NULL, NULL, &without},
        };
        const struct CMUnitTest whole[] = {
                {"with_kills", soak, NULL, NULL, &killed},
                {"without_kills", soak, NULL, NULL, &given},
        };

        killed.kills = true;
        signal(SIGXFSZ, SIG_IGN);
        return count > 1 ? cmocka_run_group_tests(whole, NULL, NULL)
                         : cmocka_run_group_tests(quick, NULL, NULL);
}
