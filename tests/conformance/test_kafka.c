/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kafka's collector and actuator before a broker that has every fault there is, at every kind of answer: they
 * end in time, say what they were told or nothing, name the peer in one line, write nothing that was not
 * announced, and once the broker is well again the same call ends as it should, with nothing done twice.
 * Brokers and clients run by the machine's clock, so tries run side by side.
 */
#include "controller/registry.h"
#include "tests/support/certificates.h"
#include "tests/support/conformance.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/kafka_scene.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

#define N_THREADS       16
#define TIMEOUT_SECONDS 3
#define LONGEST_MS      60000 /* three calls of a turn, on a busy machine */

/* What is known of a healthy broker: 60 + 50 + 0 records wait, then 30 more. */
#define WAITING_BEFORE 110
#define WAITING        140
#define WANTED         6
#define SEGMENT_BYTES  2097152

enum role { COLLECTOR, ACTUATOR_PARTITIONS, ACTUATOR_SETTINGS, N_ROLES };

static const enum kafka_api apis[N_ROLES][6] = {
        {API_METADATA, API_FIND_COORDINATOR, API_OFFSET_FETCH, API_LIST_OFFSETS, API_DESCRIBE_CONFIGS},
        {API_METADATA, API_DESCRIBE_CONFIGS, API_CREATE_PARTITIONS},
        {API_METADATA, API_DESCRIBE_CONFIGS, API_ALTER_CONFIGS},
};

struct row {
        const char *name;
        struct broker_fault fault;
        enum fault_retry retry; /* what error.retry must be when every answer is so */
        bool whole;             /* no fault: the outcome must be that of a healthy broker */
        bool outlived; /* one such answer among good ones costs who only reads nothing: it is asked again */
        bool lie;      /* what it says may be believed */
        const char *more;        /* options */
        const char *certificate; /* of the broker, in the suite's folder; NULL: it speaks no TLS */
        const char *mechanism;   /* by which it asks who it is; NULL: it does not */
        bool repeats;            /* what it was sent, in its refusal */
};

/* The broker knows the former. */
#define RIGHT "correct-horse-7"
#define WRONG "wrong-battery-81"

#define BY_AUTHORITY "tls: {caFile: authority.crt}\n"

/* Codes as https://kafka.apache.org/protocol#protocol_error_codes has them. */
static const struct row rows[] = {
        {.name = "healthy", .whole = true},
        {.name = "healthy, half a second late", .fault = {.trick = BROKER_LATE}, .whole = true},
        {.name = "healthy, in pieces", .fault = {.trick = BROKER_IN_PIECES}, .whole = true},
        {.name = "asks for two seconds of rest", .fault = {.trick = BROKER_THROTTLES}, .retry = RETRY_EITHER},
        {.name = "lists without entries",
         .fault = {.trick = BROKER_NO_ENTRIES},
         .retry = RETRY_EITHER,
         .lie = true},
        {.name = "slow: a byte each second",
         .fault = {.trick = BROKER_DRIPS, .handshake = true},
         .retry = RETRY_YES},
        {.name = "slow: says nothing",
         .fault = {.trick = BROKER_SAYS_NOTHING, .handshake = true},
         .retry = RETRY_YES},
        {.name = "lies: other names",
         .fault = {.trick = BROKER_OTHER_NAMES},
         .retry = RETRY_EITHER,
         .lie = true},
        {.name = "lies: negative numbers",
         .fault = {.trick = BROKER_NEGATIVE},
         .retry = RETRY_EITHER,
         .lie = true},
        {.name = "lies: greatest numbers",
         .fault = {.trick = BROKER_HUGE},
         .retry = RETRY_EITHER,
         .lie = true},
        {.name = "lies: half of the frame",
         .fault = {.trick = BROKER_CUTS},
         .retry = RETRY_EITHER,
         .lie = true},
        {.name = "lies: noise", .fault = {.trick = BROKER_GARBAGE}, .retry = RETRY_EITHER, .lie = true},
        {.name = "lies: settings that are not UTF-8", .fault = {.trick = BROKER_NO_TEXT}, .retry = RETRY_NO},
        {.name = "answers another question", .fault = {.trick = BROKER_OTHER_QUESTION}, .retry = RETRY_YES},
        {.name = "a frame of 50 MB", .fault = {.trick = BROKER_50_MB, .handshake = true}, .retry = RETRY_YES},
        {.name = "announces a frame of 2 GB",
         .fault = {.trick = BROKER_2_GB, .handshake = true},
         .retry = RETRY_YES},
        {.name = "speaks HTTP", .fault = {.trick = BROKER_HTTP, .handshake = true}, .retry = RETRY_YES},
        {.name = "dies before the answer",
         .fault = {.trick = BROKER_HANGS_UP, .handshake = true},
         .retry = RETRY_YES,
         .outlived = true},
        {.name = "dies half-way",
         .fault = {.trick = BROKER_DIES, .handshake = true},
         .retry = RETRY_YES,
         .outlived = true},
        {.name = "UNKNOWN_TOPIC_OR_PARTITION",
         .fault = {.trick = BROKER_ERROR, .code = 3},
         .retry = RETRY_NO},
        {.name = "TOPIC_AUTHORIZATION_FAILED",
         .fault = {.trick = BROKER_ERROR, .code = 29},
         .retry = RETRY_NO},
        {.name = "GROUP_AUTHORIZATION_FAILED",
         .fault = {.trick = BROKER_ERROR, .code = 30},
         .retry = RETRY_NO},
        {.name = "CLUSTER_AUTHORIZATION_FAILED",
         .fault = {.trick = BROKER_ERROR, .code = 31},
         .retry = RETRY_NO},
        {.name = "REQUEST_TIMED_OUT", .fault = {.trick = BROKER_ERROR, .code = 7}, .retry = RETRY_YES},
        {.name = "NOT_CONTROLLER", .fault = {.trick = BROKER_ERROR, .code = 41}, .retry = RETRY_YES},
        {.name = "COORDINATOR_LOAD_IN_PROGRESS",
         .fault = {.trick = BROKER_ERROR, .code = 14},
         .retry = RETRY_YES},
        {.name = "THROTTLING_QUOTA_EXCEEDED",
         .fault = {.trick = BROKER_ERROR, .code = 89},
         .retry = RETRY_YES},
        {.name = "an error code that nobody knows",
         .fault = {.trick = BROKER_ERROR, .code = 4242},
         .retry = RETRY_EITHER},
        {.name = "SASL: the right password",
         .whole = true,
         .mechanism = "SCRAM-SHA-256",
         .more = "sasl: {mechanism: SCRAM-SHA-256, username: optctl, passwordFile: right}\n"},
        {.name = "SASL: a wrong password",
         .retry = RETRY_NO,
         .mechanism = "SCRAM-SHA-256",
         .more = "sasl: {mechanism: SCRAM-SHA-256, username: optctl, passwordFile: wrong}\n"},
        {.name = "SASL over TLS: the right password",
         .whole = true,
         .certificate = "good",
         .mechanism = "PLAIN",
         .more = BY_AUTHORITY "sasl: {mechanism: PLAIN, username: optctl, passwordFile: right}\n"},
        {.name = "SASL over TLS: a wrong password, which it repeats",
         .repeats = true,
         .retry = RETRY_NO,
         .certificate = "good",
         .mechanism = "PLAIN",
         .more = BY_AUTHORITY "sasl: {mechanism: PLAIN, username: optctl, passwordFile: wrong}\n"},
        {.name = "SASL: no password is sent where one is asked for",
         .retry = RETRY_YES,
         .mechanism = "SCRAM-SHA-256",
         .more = "allowPartitionGrowthOfKeyedTopics: false\n"},
        {.name = "TLS: of a known authority", .whole = true, .certificate = "good", .more = BY_AUTHORITY},
        {.name = "TLS: of an unknown authority",
         .retry = RETRY_NO,
         .certificate = "stranger",
         .more = BY_AUTHORITY},
        {.name = "TLS: for another host",
         .retry = RETRY_NO,
         .certificate = "elsewhere",
         .more = BY_AUTHORITY},
        {.name = "TLS: for another host, which is not looked at",
         .whole = true,
         .certificate = "elsewhere",
         .more = "tls: {caFile: authority.crt, skipHostVerification: true}\n"},
        {.name = "TLS: expired", .retry = RETRY_NO, .certificate = "expired", .more = BY_AUTHORITY},
        {.name = "TLS: is spoken to, and speaks none",
         .retry = RETRY_EITHER,
         .more = "tls: {skipHostVerification: true}\n"},
        {.name = "TLS: wants it, and is not spoken to so",
         .fault = {.trick = BROKER_TLS_ALERT, .handshake = true},
         .retry = RETRY_EITHER},
};

#define N_ROWS ARRAY_LENGTH(rows)

/* ---- one try ---- */

enum ending { WHOLE, IN_PART, REFUSED };

struct trial {
        const struct row *row;
        const char *folder; /* of certificates and passwords */
        enum role role;
        enum kafka_api api; /* or API_ANY */
        int times;          /* 0: always */
        enum ending ending;
        char reason[48];
        char complaint[800]; /* "": none */
};

struct show {
        struct trial *trial;
        struct kafka_broker *broker;
        struct kafka_scene scene;
        struct kafka_look look;
        const struct actuator *actuator;
        void *target;
        int n_begun, n_ended;
        bool done;
        struct configuration told;
        struct error err;
        int64_t took_ms;
};

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void object(struct trial *trial, const char *words, const struct show *show)
{
        size_t length = strlen(trial->complaint);

        snprintf(trial->complaint + length, sizeof trial->complaint - length, "%s%s (%.300s)",
                 length > 0 ? "; " : "", words, show->err.message);
}

static const struct collector *find_collector(void)
{
        const struct collector *const *list = registry_all()->collectors;

        while (strcmp((*list)->name, "kafka") != 0)
                list++;
        return *list;
}

static const struct actuator *find_actuator(void)
{
        const struct actuator *const *list = registry_all()->actuators;

        while (strcmp((*list)->name, "kafka") != 0)
                list++;
        return *list;
}

/* Where the broker answers in the end it is given the time to. */
static bool is_patient(const struct trial *trial)
{
        return trial->row->whole || (trial->row->outlived && trial->times == 1);
}

static struct kafka_broker *open_broker(const struct trial *trial)
{
        const struct kafka_account account = {trial->row->mechanism, "optctl", RIGHT};
        autofree char *certificate = NULL, *key = NULL;

        if (trial->row->certificate) {
                certificate = memory_format("%s/%s.crt", trial->folder, trial->row->certificate);
                key = memory_format("%s/%s.key", trial->folder, trial->row->certificate);
        }
        return kafka_broker_open_secure(certificate, key, &account);
}

static void show_open(struct show *show, struct trial *trial)
{
        autofree char *options =
                memory_format("topicSettings: [segment.bytes]\ntimeoutSeconds: %d\n%s"
                              "topics: [{name: orders, operator: read, group: readers, keyed: false}]\n",
                              is_patient(trial) ? 60 : TIMEOUT_SECONDS,
                              trial->row->more ? trial->row->more : "");

        memset(show, 0, sizeof *show);
        show->trial = trial;
        show->broker = open_broker(trial);
        kafka_broker_move(show->broker, 0, 100, 40);
        kafka_broker_move(show->broker, 1, 50, -1);
        kafka_broker_move(show->broker, 2, 0, -1);
        kafka_scene_open(&show->scene, kafka_broker_servers(show->broker), options);
        show->scene.context.base = trial->folder;
        show->look = (struct kafka_look){.scene = &show->scene, .collector = find_collector()};
        show->actuator = find_actuator();
        assert_true(show->look.collector->open(&show->scene.context, &show->scene.options, &show->look.state,
                                               &show->err));
        assert_true(
                show->actuator->open(&show->scene.context, &show->scene.options, &show->target, &show->err));
}

static void show_close(struct show *show)
{
        show->actuator->close(show->target);
        show->look.collector->close(show->look.state);
        kafka_scene_close(&show->scene);
        kafka_broker_close(show->broker);
}

static void set_fault(struct show *show)
{
        struct broker_fault fault = show->trial->row->fault;

        fault.api = show->trial->api;
        fault.times = show->trial->times;
        kafka_broker_set_fault(show->broker, &fault);
}

static void lift_fault(struct show *show)
{
        kafka_broker_set_fault(show->broker, &(struct broker_fault){0});
}

static bool is_always(const struct trial *trial)
{
        return trial->api == API_ANY && trial->times == 0;
}

/* Rows whose fault is the connection's, which lasts. */
static bool is_for_ever(const struct row *row)
{
        return row->more && !row->whole;
}

static void judge_error(struct show *show)
{
        struct trial *trial = show->trial;
        const char *flaw = error_flaw(&show->err, "kafka", kafka_broker_servers(show->broker));

        trial->ending = REFUSED;
        if (flaw)
                object(trial, flaw, show);
        if (strstr(show->err.message, WRONG) || strstr(show->err.message, RIGHT))
                object(trial, "repeats a password", show);
        if (trial->row->repeats && !strstr(show->err.message, "nobody here has the password ***"))
                object(trial, "does not say what the broker said", show);
        if (trial->row->whole || (trial->role == COLLECTOR && is_patient(trial)))
                object(trial, "fails, and need not", show);
        if (!is_always(trial))
                return;
        snprintf(trial->reason, sizeof trial->reason, "%s", show->err.reason);
        if (trial->row->retry != RETRY_EITHER && show->err.retry != (trial->row->retry == RETRY_YES))
                object(trial, show->err.retry ? "may be tried again" : "may not be tried again", show);
}

/* ---- the collector ---- */

static void run_look(struct show *show)
{
        int64_t began_ms = now_ms();

        reactor_call(show->scene.reactor, kafka_look_run, &show->look);
        show->took_ms = now_ms() - began_ms;
        show->done = show->look.done;
        show->err = show->look.err;
}

static bool is_sound(double value)
{
        return isnan(value) || (value >= 0 && isfinite(value));
}

static void judge_numbers(struct show *show)
{
        const struct observation *seen = &show->look.observation;
        struct trial *trial = show->trial;
        double setting = seen->configuration.value[1];
        bool knows = !isnan(seen->backlog_records) && !isnan(seen->offered_per_second) && !isnan(setting);

        trial->ending = knows ? WHOLE : IN_PART;
        if (!is_sound(seen->backlog_records) || !is_sound(seen->offered_per_second) ||
            !is_sound(seen->operators[0].partition_per_second_max) || isinf(setting))
                object(trial, "says what cannot be", show);
        if (isnan(seen->backlog_records) != ((seen->missing & MISSING_BACKLOG) != 0))
                object(trial, "backlog and missing bit disagree", show);
        if (seen->backlog_records > 1e15 || seen->offered_per_second > 1e15)
                object(trial, "believes too much", show);
        if (trial->row->lie)
                return;
        if (!isnan(seen->backlog_records) && seen->backlog_records != WAITING)
                object(trial, "says another backlog", show);
        if (seen->operators[0].partitions != 3 || (!isnan(setting) && setting != 1000000))
                object(trial, "says another configuration", show);
}

static void judge_whole(struct show *show)
{
        struct trial *trial = show->trial;

        if (trial->ending != WHOLE && is_patient(trial))
                object(trial, "not as from a healthy broker", show);
}

/* Until what must come out comes out. */
static void await_look(struct show *show)
{
        int64_t deadline_ms = now_ms() + LONGEST_MS;

        do
                run_look(show);
        while (now_ms() < deadline_ms && (!show->done || show->look.observation.backlog_records != WAITING));
        if (!show->done || show->look.observation.backlog_records != WAITING)
                object(show->trial, "does not come to itself", show);
}

/* The clock goes on: between two readings of the same millisecond no rate is known. */
static void go_on(void)
{
        int64_t before_ms = now_ms();

        while (now_ms() <= before_ms)
                ;
}

static void try_collector(struct show *show)
{
        struct trial *trial = show->trial;

        if (!is_for_ever(trial->row)) {
                int64_t deadline_ms = now_ms() + LONGEST_MS;

                do
                        run_look(show);
                while (now_ms() < deadline_ms && show->look.observation.backlog_records != WAITING_BEFORE);
        }
        kafka_broker_move(show->broker, 0, 130, 40);
        go_on();
        set_fault(show);
        run_look(show);
        lift_fault(show);
        if (show->took_ms > LONGEST_MS)
                object(trial, "takes too long", show);
        if (show->done) {
                judge_numbers(show);
                judge_whole(show);
        } else {
                judge_error(show);
        }
        if (!is_for_ever(trial->row))
                await_look(show);
}

/* ---- the actuator ---- */

static bool begin_call(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        struct show *show = context;

        (void)call;
        (void)err;
        *ret_id = ++show->n_begun;
        kafka_broker_announce(show->broker, true);
        return true;
}

static bool end_call(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        struct show *show = context;

        (void)done;
        (void)err;
        if (id != show->n_begun || !answer)
                return false;
        show->n_ended++;
        kafka_broker_announce(show->broker, false);
        return true;
}

static void run_apply(void *argument)
{
        struct show *show = argument;
        const struct call_recorder calls = {begin_call, end_call, show};
        struct configuration from = {.count = 3, .value = {3, 1000000, 1}}, to = from;
        int64_t began_ms = now_ms();

        if (show->trial->role == ACTUATOR_PARTITIONS)
                to.value[0] = WANTED;
        else
                to.value[1] = SEGMENT_BYTES;
        error_clear(&show->err);
        show->done = show->actuator->apply(show->target, &from, &to, false, &calls, &show->err);
        show->took_ms = now_ms() - began_ms;
}

static void run_read(void *argument)
{
        struct show *show = argument;

        error_clear(&show->err);
        show->told = (struct configuration){.count = 3, .value = {NAN, NAN, NAN}};
        show->done = show->actuator->read(show->target, &show->told, &show->err);
}

/* All own settings of a topic are sent with the one that changes: a lie about another one is sent, too. */
static bool is_right(struct show *show)
{
        struct broker_state state = kafka_broker_state(show->broker);
        bool kept = state.retention_ms == 123456789 || show->trial->row->lie;

        if (show->trial->role == ACTUATOR_PARTITIONS)
                return state.n_partitions == WANTED && state.n_growths == 1 && state.n_alterations == 0;
        return state.segment_bytes == SEGMENT_BYTES && kept && state.n_alterations == 1 &&
               state.n_growths == 0;
}

static void judge_writes(struct show *show)
{
        struct broker_state state = kafka_broker_state(show->broker);

        if (state.n_unannounced > 0)
                object(show->trial, "writes what was not announced", show);
        if (show->n_begun != show->n_ended)
                object(show->trial, "a call was begun and not ended", show);
        if (state.n_growths > 1 || state.n_alterations > 1)
                object(show->trial, "changes it twice", show);
}

/* The same once more, by one who knows nothing of what was done. */
static void await_apply(struct show *show)
{
        int64_t deadline_ms = now_ms() + LONGEST_MS;

        show->actuator->close(show->target);
        if (!show->actuator->open(&show->scene.context, &show->scene.options, &show->target, &show->err))
                object(show->trial, "does not open", show);
        do
                reactor_call(show->scene.reactor, run_apply, show);
        while (!show->done && now_ms() < deadline_ms);
        if (!show->done || (!is_right(show) && !show->trial->row->lie))
                object(show->trial, "repeated, and not as wanted", show);
        judge_writes(show);
        do
                reactor_call(show->scene.reactor, run_read, show);
        while (!show->done && now_ms() < deadline_ms);
        if (show->told.value[0] != (show->trial->role == ACTUATOR_PARTITIONS ? WANTED : 3) ||
            show->told.value[1] != (show->trial->role == ACTUATOR_SETTINGS ? SEGMENT_BYTES : 1000000))
                object(show->trial, "reads back something else", show);
}

static void try_actuator(struct show *show)
{
        struct trial *trial = show->trial;

        set_fault(show);
        reactor_call(show->scene.reactor, run_apply, show);
        lift_fault(show);
        if (show->took_ms > LONGEST_MS)
                object(trial, "takes too long", show);
        if (show->done) {
                trial->ending = WHOLE;
                if (!trial->row->lie && !is_right(show))
                        object(trial, "says that it is done, and it is not", show);
        } else {
                judge_error(show);
        }
        judge_writes(show);
        if (!is_for_ever(trial->row))
                await_apply(show);
}

/* ---- all tries, side by side ---- */

#define MAX_TRIALS 2000

struct tries {
        struct scratch scratch;
        struct trial trials[MAX_TRIALS];
        int count, next;
        pthread_mutex_t mutex;
};

static struct trial *take_trial(struct tries *tries)
{
        struct trial *trial;

        pthread_mutex_lock(&tries->mutex);
        trial = tries->next < tries->count ? &tries->trials[tries->next++] : NULL;
        pthread_mutex_unlock(&tries->mutex);
        return trial;
}

static void *work(void *argument)
{
        struct trial *trial;

        while ((trial = take_trial(argument))) {
                autofree struct show *show = memory_new(1, sizeof *show);

                show_open(show, trial);
                if (trial->role == COLLECTOR)
                        try_collector(show);
                else
                        try_actuator(show);
                show_close(show);
        }
        return NULL;
}

static void add_trial(struct tries *tries, const struct row *row, enum role role, enum kafka_api api,
                      int times)
{
        assert_true(tries->count < MAX_TRIALS);
        tries->trials[tries->count++] = (struct trial){.row = row,
                                                       .folder = tries->scratch.folder,
                                                       .role = role,
                                                       .api = api,
                                                       .times = times};
}

static void add_trials(struct tries *tries, const struct row *row, enum role role)
{
        add_trial(tries, row, role, API_ANY, 0);
        if (row->whole || row->more)
                return;
        for (const enum kafka_api *api = apis[role]; *api; api++) {
                add_trial(tries, row, role, *api, 0);
                add_trial(tries, row, role, *api, 1);
        }
}

struct suite {
        struct tries tries;
        struct cell cells[N_ROWS][N_ROLES];
};

static void count_trial(struct suite *suite, const struct trial *trial, int *complaints)
{
        static const char *const roles[] = {"collector", "partitions", "settings"};
        struct cell *cell = &suite->cells[trial->row - rows][trial->role];

        cell->whole += trial->ending == WHOLE;
        cell->part += trial->ending == IN_PART;
        cell->failed += trial->ending == REFUSED;
        if (*trial->reason)
                memcpy(cell->reason, trial->reason, sizeof cell->reason);
        if (*trial->complaint)
                complain(complaints, trial->row->name, "%s, api %d, times %d: %s", roles[trial->role],
                         trial->api, trial->times, trial->complaint);
}

static void make_secrets(const struct scratch *scratch)
{
        static const char here[] = "IP:127.0.0.1";

        certificate_make(scratch, "authority", &(struct certificate){.subject = "authority"});
        certificate_make(scratch, "good",
                         &(struct certificate){.subject = "broker", .names = here, .issuer = "authority"});
        certificate_make(scratch, "stranger", &(struct certificate){.subject = "broker", .names = here});
        certificate_make(scratch, "elsewhere",
                         &(struct certificate){.subject = "broker",
                                               .names = "DNS:kafka.example",
                                               .issuer = "authority"});
        certificate_make(scratch, "expired",
                         &(struct certificate){.subject = "broker",
                                               .names = here,
                                               .expired = true,
                                               .issuer = "authority"});
        scratch_write(scratch, "right", RIGHT "\n");
        scratch_write(scratch, "wrong", WRONG "\n");
}

static void test_every_fault(void **state)
{
        struct suite *suite = *state;
        struct tries *tries = &suite->tries;
        pthread_t threads[N_THREADS];
        int complaints = 0;

        tries->scratch = scratch_open();
        make_secrets(&tries->scratch);
        pthread_mutex_init(&tries->mutex, NULL);
        for (size_t row = 0; row < N_ROWS; row++)
                for (int role = 0; role < N_ROLES; role++)
                        add_trials(tries, &rows[row], (enum role)role);
        for (int i = 0; i < N_THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, work, tries), 0);
        for (int i = 0; i < N_THREADS; i++)
                pthread_join(threads[i], NULL);
        pthread_mutex_destroy(&tries->mutex);
        scratch_close(&tries->scratch);
        for (int i = 0; i < tries->count; i++)
                count_trial(suite, &tries->trials[i], &complaints);
        assert_int_equal(complaints, 0);
}

static void print_table(const struct suite *suite)
{
        static const char *const names[] = {"collector", "actuator, partitions", "actuator, settings"};

        table_begin("Kafka", names, N_ROLES);
        for (size_t row = 0; row < N_ROWS; row++)
                table_row(rows[row].name, suite->cells[row], N_ROLES);
}

int main(int argc, char **argv)
{
        autofree struct suite *suite = memory_new(1, sizeof *suite);
        const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_every_fault, suite)};
        int failed = cmocka_run_group_tests(tests, NULL, NULL);

        if (table_wanted(argc, argv))
                print_table(suite);
        return failed;
}
