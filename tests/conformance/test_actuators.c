/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every actuator before a peer that speaks HTTP, does what it is told and has every fault there is, at every
 * one of its answers: nothing is written that was not announced, what was begun is ended, a dry run writes
 * nothing, and once the peer is well again the same call brings the target where it should be, without doing
 * anything twice. Kafka: conformance/test_kafka.c.
 */
#include "controller/registry.h"
#include "tests/conformance/managers.h"

#define MAX_ANSWERS 64

/* The call that is under way says which path is written to; parameters go without saying. */
static bool is_announced(const struct manager *manager, const struct scripted_request *request)
{
        autofree char *path = memory_format("%.*s", (int)strcspn(request->path, "?"), request->path);

        return manager->n_begun == manager->n_ended + 1 && strstr(manager->call, request->method) &&
               strstr(manager->call, path);
}

static bool is_faulty(struct manager *manager)
{
        int which = manager->n_answers++;

        return manager->fault && which >= manager->after &&
               (manager->times == 0 || which < manager->after + manager->times);
}

/* The answer with the fault laid over it; nothing is done where the peer would not have got to it. */
static char *answer_any(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        struct manager *manager = context;
        const struct fault *fault = is_faulty(manager) ? manager->fault : NULL;
        bool swallowed = fault && !fault->whole && !fault->done && !fault->lie;
        char *body;

        if (is_write(request)) {
                manager->n_writes++;
                manager->n_cancels += !manager->kubernetes && strcmp(request->method, "PATCH") == 0;
                manager->n_unannounced += !is_announced(manager, request);
        }
        if (swallowed && is_write(request))
                body = NULL;
        else
                body = manager->play->answer(manager, request, answer);
        if (!fault)
                return body;
        if (fault->lie && body) {
                char *lie = lie_about(body, fault->lie);

                free(body);
                body = lie;
        }
        if (fault->answer.status)
                answer->status = fault->answer.status;
        answer->headers = fault->answer.headers;
        answer->filler_bytes = fault->answer.filler_bytes;
        answer->how = fault->answer.how;
        answer->delay_ms = fault->answer.delay_ms;
        answer->drip_ms = fault->answer.drip_ms;
        answer->drip_bytes = fault->answer.drip_bytes;
        if (!fault->answer.body)
                return body;
        free(body);
        return memory_copy_text(fault->answer.body);
}

/* ---- the stands ---- */

static const struct play *const plays[] = {&adaptive_play,   &default_play,    &kubernetes_play,
                                           &kubernetes_play, &kubernetes_play, &kubernetes_play,
                                           &deployment_play, &kubernetes_play, &kubernetes_play,
                                           &kubernetes_play};

#define KUBERNETES(plugin_name, options_text)                                                                \
        {                                                                                                    \
                .name = plugin_name, .plugin = plugin_name, .options = options_text, .kubernetes = true,     \
                .pool = true, .longest_ms = 120000                                                           \
        }

static const struct subject subjects[] = {
        {.name = "flink, in place",
         .plugin = "flink",
         .options = "url: %s\njob: rate-job\nrescale: InPlace\n",
         .longest_ms = 60000},
        {.name = "flink, by a savepoint",
         .plugin = "flink",
         .options = "url: %s\njob: rate-job\nrescaleTimeoutSeconds: 60\nprogram: {jar: rate-job.jar}\n",
         .longest_ms = 300000},
        KUBERNETES("deployment", "name: work-deployment\n"),
        KUBERNETES("statefulSet", "name: work-statefulset\n"),
        KUBERNETES("hpa", "name: work-horizontalpodautoscaler\n"),
        KUBERNETES("scaledObject", "name: work-scaledobject\n"),
        {.name = "flinkDeployment",
         .plugin = "flinkDeployment",
         .options = "name: work-flinkdeployment\nurl: %s\njob: rate-job\n",
         .kubernetes = true,
         .longest_ms = 180000},
        KUBERNETES("scheduledSparkApplication", "name: work-scheduledsparkapplication\n"),
        KUBERNETES("cronJob", "name: work-cronjob\n"),
        KUBERNETES("job", "name: work-job\n"),
};

static const char *const elsewhere[] = {"kafka", "spark"};

#define N_SUBJECTS ARRAY_LENGTH(subjects)

_Static_assert(ARRAY_LENGTH(plays) == N_SUBJECTS, "each subject has a peer");

static const struct actuator *actuator_of(const char *name)
{
        const struct actuator *const *list = registry_all()->actuators;

        while (*list && strcmp((*list)->name, name) != 0)
                list++;
        assert_non_null(*list);
        return *list;
}

static const struct option_table *options_of(const char *name)
{
        const struct collector *const *list = registry_all()->collectors;

        while (strcmp((*list)->name, name) != 0)
                list++;
        return (*list)->options;
}

struct show {
        struct stand stand;
        struct manager manager;
        const struct actuator *actuator;
        void *state;
        bool dry_run, done, was_read;
        struct configuration told;
        struct error err;
        int64_t took_ms;
};

static bool begin_call(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        struct manager *manager = context;

        if (++manager->n_begun == manager->begin_fails_at) {
                manager->n_begun--;
                manager->begin_fails_at = 0;
                return error_set(err, ERROR_IO, NULL, "ledger: no space left");
        }
        snprintf(manager->call, sizeof manager->call, "%s", call);
        *ret_id = manager->n_begun;
        return true;
}

static bool end_call(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        struct manager *manager = context;

        (void)err;
        assert_int_equal(id, manager->n_begun);
        assert_non_null(answer);
        manager->n_ended++;
        manager->n_done += done;
        return true;
}

static void show_open_with(struct show *show, const struct subject *subject, const struct scripted_tls *tls,
                           const char *ca_file)
{
        struct error err = ERROR_INIT;

        *show = (struct show){.actuator = actuator_of(subject->plugin)};
        stand_open(&show->stand, subject, options_of(subject->plugin), tls, ca_file);
        show->manager.play = plays[subject - subjects];
        show->manager.play->open(&show->manager);
        scripted_peer_answer(show->stand.http->script, "*",
                             &(struct scripted_answer){.by = answer_any, .context = &show->manager});
        if (!show->actuator->open(&show->stand.context, show->stand.options, &show->state, &err))
                fail_msg("%s: %s", subject->name, err.message);
}

static void show_open(struct show *show, const struct subject *subject)
{
        show_open_with(show, subject, NULL, NULL);
}

static void show_close(struct show *show)
{
        show->actuator->close(show->state);
        stand_close(&show->stand, options_of(show->stand.subject->plugin));
        show->manager.play->close(&show->manager);
}

/* As after a crash: who applies knows nothing of what was done. */
static void restart(struct show *show)
{
        struct error err = ERROR_INIT;

        show->actuator->close(show->state);
        assert_true(show->actuator->open(&show->stand.context, show->stand.options, &show->state, &err));
}

static void run_apply(void *argument)
{
        struct show *show = argument;
        const struct configuration from = {.count = 1, .value = {FIRST}};
        const struct configuration to = {.count = 1, .value = {WANTED}};
        const struct call_recorder calls = {begin_call, end_call, &show->manager};
        int64_t began_ms = clock_now_ms(&show->stand.http->clock);

        error_clear(&show->err);
        show->done = show->actuator->apply(show->state, &from, &to, show->dry_run, &calls, &show->err);
        show->took_ms = clock_now_ms(&show->stand.http->clock) - began_ms;
}

static void run_read(void *argument)
{
        struct show *show = argument;

        error_clear(&show->err);
        show->told = (struct configuration){.count = 1, .value = {NAN}};
        show->was_read = show->actuator->read(show->state, &show->told, &show->err);
}

/* ---- one try ---- */

struct trial {
        const struct subject *subject;
        const struct fault *fault;
        int after, times;
        struct cell *cell;
        int *complaints;
        char row[160];
};

static void set_fault(struct show *show, const struct trial *trial, int after, int times)
{
        struct manager *manager = &show->manager;

        manager->fault = trial->fault;
        manager->after = after;
        manager->times = times;
        manager->n_answers = 0;
        if (trial->fault->leaves)
                scripted_peer_leave(show->stand.http->script);
}

static void lift_fault(struct show *show, const struct trial *trial)
{
        show->manager.fault = NULL;
        if (trial->fault->leaves)
                scripted_peer_return(show->stand.http->script);
}

#define COMPLAIN(trial, ...) complain((trial)->complaints, (trial)->row, __VA_ARGS__)

static void judge_error(const struct trial *trial, struct show *show)
{
        bool always = trial->after == 0 && trial->times == 0;
        const char *flaw =
                error_flaw(&show->err, trial->subject->plugin, scripted_peer_url(show->stand.http->script));

        if (flaw)
                COMPLAIN(trial, "the error \"%s\" %s", show->err.message, flaw);
        if (trial->fault->whole)
                COMPLAIN(trial, "healthy, and %s", show->err.message);
        if (always)
                snprintf(trial->cell->reason, sizeof trial->cell->reason, "%s", show->err.reason);
        if (always && trial->fault->retry != RETRY_EITHER &&
            show->err.retry != (trial->fault->retry == RETRY_YES))
                COMPLAIN(trial, "retry is %d: %s", show->err.retry, show->err.message);
}

static void judge_writes(const struct trial *trial, const struct show *show)
{
        const struct manager *manager = &show->manager;

        if (manager->n_unannounced > 0)
                COMPLAIN(trial, "%d writes were not announced", manager->n_unannounced);
        if (manager->n_begun != manager->n_ended)
                COMPLAIN(trial, "%d calls begun, %d ended", manager->n_begun, manager->n_ended);
        if (manager->n_cancels > 0)
                COMPLAIN(trial, "a job that runs is cancelled");
        if (manager->n_wishes > 1 || manager->n_stops > 1 || manager->n_starts > 1 || manager->n_scales > 1)
                COMPLAIN(trial, "%d wishes, %d stops, %d starts, %d scales", manager->n_wishes,
                         manager->n_stops, manager->n_starts, manager->n_scales);
}

/* The same once more, to a peer that is well: now it is where it should be, and that is read. */
static void judge_repeat(const struct trial *trial, struct show *show, bool after_crash)
{
        struct reactor *reactor = show->stand.http->reactor;

        if (after_crash)
                restart(show);
        reactor_call(reactor, run_apply, show);
        if (!show->done)
                COMPLAIN(trial, "repeated%s: %s", after_crash ? " by another" : "", show->err.message);
        judge_writes(trial, show);
        if (!show->manager.play->is_right(&show->manager))
                COMPLAIN(trial, "repeated%s, and not as wanted", after_crash ? " by another" : "");
        reactor_call(reactor, run_read, show);
        if (!show->was_read || show->told.value[0] != WANTED)
                COMPLAIN(trial, "reads back %g", show->told.value[0]);
}

static void try_apply(struct trial *trial, int after, int times, bool after_crash)
{
        struct show show;

        trial->after = after;
        trial->times = times;
        snprintf(trial->row, sizeof trial->row, "%s, %s, apply, after %d for %d", trial->subject->name,
                 trial->fault->name, after, times);
        show_open(&show, trial->subject);
        set_fault(&show, trial, after, times);
        reactor_call(show.stand.http->reactor, run_apply, &show);
        lift_fault(&show, trial);
        judge_writes(trial, &show);
        if (show.took_ms > trial->subject->longest_ms)
                COMPLAIN(trial, "took %lld ms", (long long)show.took_ms);
        if (show.took_ms > trial->cell->longest_ms)
                trial->cell->longest_ms = show.took_ms;
        trial->cell->whole += show.done;
        trial->cell->failed += !show.done;
        if (!show.done)
                judge_error(trial, &show);
        else if (!trial->fault->lie && !show.manager.play->is_right(&show.manager))
                COMPLAIN(trial, "says that it is done, and it is not");
        judge_repeat(trial, &show, after_crash);
        show_close(&show);
}

static void try_read(struct trial *trial, int after, int times)
{
        struct show show;
        double told = plays[trial->subject - subjects]->first;

        snprintf(trial->row, sizeof trial->row, "%s, %s, read, after %d for %d", trial->subject->name,
                 trial->fault->name, after, times);
        show_open(&show, trial->subject);
        set_fault(&show, trial, after, times);
        reactor_call(show.stand.http->reactor, run_read, &show);
        lift_fault(&show, trial);
        if (show.was_read && !trial->fault->lie && show.told.value[0] != told)
                COMPLAIN(trial, "reads %g, nobody said so", show.told.value[0]);
        if (show.was_read && !isnan(show.told.value[0]) &&
            (show.told.value[0] < 0 || show.told.value[0] > 1e6))
                COMPLAIN(trial, "reads %g, which cannot be", show.told.value[0]);
        if (show.manager.n_writes > 0)
                COMPLAIN(trial, "reading writes");
        show_close(&show);
}

static void try_dry_run(struct trial *trial, int after)
{
        struct show show;

        snprintf(trial->row, sizeof trial->row, "%s, %s, dry run, after %d", trial->subject->name,
                 trial->fault->name, after);
        show_open(&show, trial->subject);
        show.dry_run = true;
        set_fault(&show, trial, after, 0);
        reactor_call(show.stand.http->reactor, run_apply, &show);
        lift_fault(&show, trial);
        if (show.manager.n_writes > 0)
                COMPLAIN(trial, "a dry run writes");
        show_close(&show);
}

/* A ledger that cannot be written to: what cannot be announced is not done. */
static void try_ledger(struct trial *trial, int fails_at)
{
        struct show show;

        snprintf(trial->row, sizeof trial->row, "%s, ledger fails at call %d", trial->subject->name,
                 fails_at);
        show_open(&show, trial->subject);
        show.manager.begin_fails_at = fails_at;
        reactor_call(show.stand.http->reactor, run_apply, &show);
        if (show.done || show.manager.n_writes != fails_at - 1)
                COMPLAIN(trial, "%d writes", show.manager.n_writes);
        judge_writes(trial, &show);
        judge_repeat(trial, &show, true);
        show_close(&show);
}

/* How many answers a healthy change takes, and how many writes. */
static int learn(struct trial *trial, int *ret_writes)
{
        struct show show;
        int answers;

        show_open(&show, trial->subject);
        reactor_call(show.stand.http->reactor, run_apply, &show);
        if (!show.done || !show.manager.play->is_right(&show.manager))
                fail_msg("%s: healthy, and %s", trial->subject->name, show.err.message);
        answers = show.manager.n_answers;
        *ret_writes = show.manager.n_writes;
        show_close(&show);
        assert_true(answers > 0 && answers < MAX_ANSWERS);
        return answers;
}

static void try_row(struct trial *trial, int answers)
{
        try_apply(trial, 0, 0, false);
        try_read(trial, 0, 0);
        try_dry_run(trial, 0);
        /* Endless and huge ones cost more than they tell at every answer. */
        if (!trial->fault->lie && trial->fault->where == WHERE_ALL)
                return;
        for (int n = 0; n < answers; n++) {
                if (n > 0)
                        try_apply(trial, n, 0, n % 2);
                try_apply(trial, n, 1, n % 2 == 0);
        }
        for (int n = 0; n < 3; n++)
                try_read(trial, n, 1);
        try_dry_run(trial, 3);
}

/* ---- the suite ---- */

#define MAX_ROWS 60

struct suite {
        struct cell cells[MAX_ROWS][N_SUBJECTS];
};

struct column {
        struct suite *suite;
        int index;
};

static void test_every_actuator_has_a_healthy_peer(void **state)
{
        const struct actuator *const *list = registry_all()->actuators;

        (void)state;
        for (; *list; list++) {
                bool found = false;

                for (size_t i = 0; i < N_SUBJECTS; i++)
                        found |= strcmp(subjects[i].plugin, (*list)->name) == 0;
                for (size_t i = 0; i < ARRAY_LENGTH(elsewhere); i++)
                        found |= strcmp(elsewhere[i], (*list)->name) == 0;
                if (!found)
                        fail_msg("actuator %s: tests/conformance does not know how its peer answers",
                                 (*list)->name);
        }
}

static void test_subject(void **state)
{
        const struct column *column = *state;
        int answers, writes, complaints = 0;
        struct trial trial = {.subject = &subjects[column->index],
                              .fault = &faults[0],
                              .complaints = &complaints};

        answers = learn(&trial, &writes);
        for (int i = 1; i <= writes; i++)
                try_ledger(&trial, i);
        for (int row = 0; faults[row].name; row++) {
                trial.fault = &faults[row];
                trial.cell = &column->suite->cells[row][column->index];
                try_row(&trial, answers);
        }
        assert_int_equal(complaints, 0);
}

/* Who is not who it should be is told nothing. */
static void try_certificate(const struct scratch *scratch, int which, const struct subject *subject,
                            struct cell *cell)
{
        struct bad_server server;
        struct show show;

        bad_server_make(&server, scratch, which);
        show_open_with(&show, subject, &server.tls, server.ca_file);
        reactor_call(show.stand.http->reactor, run_read, &show);
        assert_false(show.was_read);
        reactor_call(show.stand.http->reactor, run_apply, &show);
        assert_false(show.done);
        assert_int_equal(show.manager.n_answers, 0);
        assert_int_equal(show.manager.n_begun, 0);
        assert_null(error_flaw(&show.err, subject->plugin, scripted_peer_url(show.stand.http->script)));
        cell->failed++;
        snprintf(cell->reason, sizeof cell->reason, "%s", show.err.reason);
        show_close(&show);
        bad_server_forget(&server);
}

static int count_faults(void)
{
        int count = 0;

        while (faults[count].name)
                count++;
        return count;
}

static void test_certificates(void **state)
{
        struct scratch scratch = scratch_open();
        struct suite *suite = *state;

        make_authorities(&scratch);
        for (size_t column = 0; column < N_SUBJECTS; column++)
                for (size_t i = 0; i < ARRAY_LENGTH(bad_certificates); i++)
                        try_certificate(&scratch, (int)i, &subjects[column],
                                        &suite->cells[count_faults() + (int)i][column]);
        scratch_close(&scratch);
}

static void print_table(const struct suite *suite)
{
        const char *names[N_SUBJECTS];

        for (size_t i = 0; i < N_SUBJECTS; i++)
                names[i] = subjects[i].name;
        table_begin("Actuators", names, N_SUBJECTS);
        for (int row = 0; faults[row].name; row++)
                table_row(faults[row].name, suite->cells[row], N_SUBJECTS);
        for (size_t i = 0; i < ARRAY_LENGTH(bad_certificates); i++)
                table_row(bad_certificates[i].name, suite->cells[count_faults() + (int)i], N_SUBJECTS);
}

int main(int argc, char **argv)
{
        struct suite suite = {0};
        struct column columns[N_SUBJECTS];
        struct CMUnitTest tests[N_SUBJECTS + 2] = {
                cmocka_unit_test(test_every_actuator_has_a_healthy_peer),
                cmocka_unit_test_prestate(test_certificates, &suite),
        };
        int failed;

        for (size_t i = 0; i < N_SUBJECTS; i++) {
                columns[i] = (struct column){&suite, (int)i};
                tests[i + 2] = (struct CMUnitTest){.name = subjects[i].name,
                                                   .test_func = test_subject,
                                                   .initial_state = &columns[i]};
        }
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        if (table_wanted(argc, argv))
                print_table(&suite);
        return failed;
}
