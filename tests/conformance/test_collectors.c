/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every collector before a peer that speaks HTTP and has every fault there is: it ends in time, says what it
 * was told or nothing, names the peer in one line, and goes on when the peer does. Kafka: test_kafka.c. */
#include "controller/registry.h"
#include "tests/conformance/kube_recording.h"
#include "tests/conformance/subject.h"

#define MAX_ANSWERS 64
#define REPORTERS   4

/* ---- an API server, as it answered then (tests/e2e/kube/record_targets) ---- */

/* Lists as they were; a watch ends at once, as it may at any time. */
static char *answer_list(void *context, const struct scripted_request *request,
                         struct scripted_answer *answer)
{
        (void)answer;
        return strstr(request->path, "watch=true") ? memory_copy_text("")
                                                   : kube_recording_answer(context, "GET", request->path);
}

static void kubernetes_serve(struct scripted_peer *peer, void *recorded, int moment)
{
        (void)moment;
        scripted_peer_forget_answers(peer);
        scripted_peer_answer(peer, "GET *",
                             &(struct scripted_answer){.by = answer_list, .context = recorded});
}

#define KUBERNETES(plugin_name, options_text)                                                                \
        {                                                                                                    \
                .name = plugin_name, .plugin = plugin_name, .options = options_text, .kubernetes = true,     \
                .pool = true, .last = 4, .longest_ms = 90000, .serve = kubernetes_serve,                     \
                .read = kube_recording_read, .forget = kube_recording_forget, .turn_ms = 30000,              \
                .slack = 1e-6                                                                                \
        }

/* ---- both: an API server that knows of a job, and the job's own manager ---- */

struct both {
        void *flink, *kubernetes;
};

static void *both_read(void)
{
        struct both *both = memory_new(1, sizeof *both);

        *both = (struct both){flink_subject_read(), kube_recording_read()};
        return both;
}

static void both_forget(void *recorded)
{
        struct both *both = recorded;

        flink_subject_forget(both->flink);
        kube_recording_forget(both->kubernetes);
        free(both);
}

static void both_serve(struct scripted_peer *peer, void *recorded, int turn)
{
        struct both *both = recorded;

        flink_subject_serve(peer, both->flink, turn + 1);
        scripted_peer_answer(peer, "GET /api*",
                             &(struct scripted_answer){.by = answer_list, .context = both->kubernetes});
}

/* ---- Prometheus, as it answered then (tests/e2e/record_prometheus) ---- */

#define STEADY "tests/fixtures/prometheus/steady/"

static char *read_page(const char *path)
{
        struct error err = ERROR_INIT;
        char *text;

        if (!text_read_file(path, 1 << 20, &text, NULL, &err))
                fail_msg("%s", err.message);
        return text;
}

/* The server, now and a minute ago. */
struct minute {
        char *now, *before;
};

static void *prometheus_read(void)
{
        struct minute *minute = memory_new(1, sizeof *minute);

        *minute = (struct minute){read_page(STEADY "now.json"), read_page(STEADY "before.json")};
        return minute;
}

static void prometheus_forget(void *recorded)
{
        struct minute *minute = recorded;

        free(minute->now);
        free(minute->before);
        free(minute);
}

static char *answer_query(void *context, const struct scripted_request *request,
                          struct scripted_answer *answer)
{
        const struct minute *minute = context;

        (void)answer;
        return memory_copy_text(strstr(request->path, "&time=") ? minute->before : minute->now);
}

static void prometheus_serve(struct scripted_peer *peer, void *recorded, int moment)
{
        (void)moment;
        scripted_peer_forget_answers(peer);
        scripted_peer_answer(peer, "GET /api/v1/query",
                             &(struct scripted_answer){.by = answer_query, .context = recorded});
}

static void *nothing_read(void)
{
        return NULL;
}

static void nothing_forgotten(void *recorded)
{
        (void)recorded;
}

/* The reporters' own pages, a minute ago and now. */
static void reporters_serve(struct scripted_peer *peer, void *recorded, int moment)
{
        (void)recorded;
        scripted_peer_forget_answers(peer);
        for (int i = 0; i < REPORTERS; i++) {
                autofree char *path =
                        memory_format(STEADY "pages-%s/%d.txt", moment == 0 ? "before" : "now", i);
                autofree char *request = memory_format("GET /%d.txt", i);
                autofree char *page = read_page(path);

                scripted_peer_answer(peer, request,
                                     &(struct scripted_answer){.content_type = "text/plain; version=0.0.4",
                                                               .body = page});
        }
}

/* ---- a History Server, as it answered then (tests/fixtures/spark) ---- */

#define HISTORY      "tests/fixtures/spark/history/"
#define APPLICATIONS "GET /api/v1/applications"
#define APPLICATION  APPLICATIONS "/app-20261121162052-0000"

static void history_serve(struct scripted_peer *peer, void *recorded, int moment)
{
        autofree char *plain = read_page(HISTORY "plain.json"), *list = memory_format("[%s]", plain);
        autofree char *bytes = NULL;
        struct error err = ERROR_INIT;
        size_t length;

        (void)recorded;
        (void)moment;
        if (!text_read_file(HISTORY "plain.zip", 1 << 20, &bytes, &length, &err))
                fail_msg("%s", err.message);
        scripted_peer_forget_answers(peer);
        scripted_peer_json(peer, APPLICATION, plain);
        scripted_peer_answer(peer, APPLICATION "/logs",
                             &(struct scripted_answer){.content_type = "application/octet-stream",
                                                       .body = bytes,
                                                       .length = length});
        scripted_peer_json(peer, APPLICATIONS "?limit=*", list);
}

static void flink_serve(struct scripted_peer *peer, void *recorded, int turn)
{
        flink_subject_serve(peer, recorded, turn + 1);
}

static const struct subject subjects[] = {
        {.name = "flink",
         .plugin = "flink",
         .options = "url: %s\nlatencyMetric: work.arrivalLagMs\nlatencyScale: 0.001\nwarmUpSeconds: 5\n",
         .per_operator = true,
         .n_before = 1,
         .last = 4,
         .longest_ms = 60000,
         .serve = flink_serve,
         .read = flink_subject_read,
         .forget = flink_subject_forget,
         .turn_ms = 6000,
         .slack = 1e-6,
         .names_latency = true},
        {.name = "prometheus",
         .plugin = "prometheus",
         .options = "url: %s\njob: rate-job\nworkerCpus: 1\n",
         .per_operator = true,
         .last = 3,
         .longest_ms = 30000,
         .serve = prometheus_serve,
         .read = prometheus_read,
         .forget = prometheus_forget,
         .turn_ms = 60000,
         .slack = 0.1, /* without the minute before, Flink's own rates over a minute are told */
         .says_it_once = true},
        {.name = "prometheus, reporters",
         .plugin = "prometheus",
         .options = "job: rate-job\nscrape: [%s/0.txt, %s/1.txt, %s/2.txt, %s/3.txt]\n",
         .per_operator = true,
         .n_before = 1,
         .last = 4,
         .longest_ms = 30000,
         .serve = reporters_serve,
         .read = nothing_read,
         .forget = nothing_forgotten,
         .turn_ms = 60000,
         .slack = 0.02,
         .names_latency = true},
        KUBERNETES("deployment", "name: work-deployment\n"),
        KUBERNETES("statefulSet", "name: work-statefulset\n"),
        KUBERNETES("hpa", "name: work-horizontalpodautoscaler\n"),
        KUBERNETES("scaledObject", "name: work-scaledobject\n"),
        {.name = "flinkDeployment",
         .plugin = "flinkDeployment",
         .options = "name: work-flinkdeployment\nurl: %s\nlatencyMetric: work.arrivalLagMs\n"
                    "warmUpSeconds: 5\n",
         .per_operator = true,
         .kubernetes = true,
         .n_before = 1,
         .last = 4,
         .longest_ms = 90000,
         .serve = both_serve,
         .read = both_read,
         .forget = both_forget,
         .turn_ms = 6000,
         .slack = 1e-6,
         .names_latency = true},
        KUBERNETES("scheduledSparkApplication", "name: work-scheduledsparkapplication\n"),
        {.name = "spark",
         .plugin = "spark",
         .options = "application: waiting\nhistoryServer: %s\n"
                    "defaults: tests/fixtures/spark/spark-defaults.conf\n",
         .pool = true,
         .last = 4,
         .longest_ms = 400000, /* a log that comes is waited for for as long as it comes */
         .serve = history_serve,
         .read = nothing_read,
         .forget = nothing_forgotten,
         .turn_ms = 60000,
         .slack = 1e-6},
        KUBERNETES("cronJob", "name: work-cronjob\n"),
        KUBERNETES("job", "name: work-job\n"),
};

/* Which speak another protocol. */
static const char *const elsewhere[] = {"kafka"};

static const struct collector *collector_of(const char *name)
{
        const struct collector *const *list = registry_all()->collectors;

        while (*list && strcmp((*list)->name, name) != 0)
                list++;
        assert_non_null(*list);
        return *list;
}

/* ---- what is observed ---- */

struct field {
        const char *name;
        size_t offset;
        double most; /* a share of something cannot be more */
};

#define WHOLE(member, most_of_it)                                                                            \
        {                                                                                                    \
#member, offsetof(struct observation, member), most_of_it                                    \
        }
#define PART(member, most_of_it)                                                                             \
        {                                                                                                    \
#member, offsetof(struct operator_observation, member), most_of_it                           \
        }

static const struct field fields[] = {
        WHOLE(offered_per_second, INFINITY),
        WHOLE(throughput_per_second, INFINITY),
        WHOLE(backlog_records, INFINITY),
        WHOLE(latency_p50_seconds, INFINITY),
        WHOLE(latency_p95_seconds, INFINITY),
        WHOLE(latency_p99_seconds, INFINITY),
        WHOLE(error_ratio, 1),
        WHOLE(cpu_ratio, INFINITY),
        WHOLE(memory.heap.used_bytes, INFINITY),
        WHOLE(memory.heap.max_bytes, INFINITY),
        WHOLE(memory.managed.used_bytes, INFINITY),
        WHOLE(memory.managed.max_bytes, INFINITY),
        WHOLE(memory.network.used_bytes, INFINITY),
        WHOLE(memory.network.max_bytes, INFINITY),
        WHOLE(memory.metaspace.used_bytes, INFINITY),
        WHOLE(memory.metaspace.max_bytes, INFINITY),
        WHOLE(memory.gc_ratio, 1),
        WHOLE(memory.worker.used_bytes, INFINITY),
        WHOLE(memory.worker.max_bytes, INFINITY),
        WHOLE(memory.killed, INFINITY),
        WHOLE(run.worker_seconds, INFINITY),
        WHOLE(run.core_seconds, INFINITY),
        WHOLE(run.byte_seconds, INFINITY),
        WHOLE(run.peak_bytes, INFINITY),
        WHOLE(run.input_bytes, INFINITY),
};

static const struct field operator_fields[] = {
        PART(in_per_second, INFINITY),
        PART(out_per_second, INFINITY),
        PART(busy_ratio, 1),
        PART(busy_ratio_max, 1),
        PART(backpressure_ratio, 1),
        PART(true_rate_per_second, INFINITY),
        PART(backlog_records, INFINITY),
        PART(partition_per_second_max, INFINITY),
};

static double field_of(const void *object, const struct field *field)
{
        return *(const double *)((const char *)object + field->offset);
}

/* One number of a turn, and the same one of the turn with a healthy peer. */
struct pair {
        char name[80];
        double seen, said, most;
        double unknown; /* NAN, -1 or 0, as the field has it */
        bool may_be_infinite;
};

#define MAX_PAIRS 200

static int pair_numbers(const struct observation *seen, const struct observation *said, struct pair *pairs)
{
        int count = 0;

#define ADD(number, most_of_it, nothing)                                                                     \
        do {                                                                                                 \
                pairs[count] = (struct pair){"", seen->number, said->number, most_of_it, nothing, false};    \
                snprintf(pairs[count++].name, sizeof pairs->name, "%s", #number);                            \
        } while (0)
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
                pairs[count] = (struct pair){.seen = field_of(seen, &fields[i]),
                                             .said = field_of(said, &fields[i]),
                                             .most = fields[i].most,
                                             .unknown = NAN};
                snprintf(pairs[count++].name, sizeof pairs->name, "%s", fields[i].name);
        }
        ADD(workers, 1e6, -1);
        ADD(workers_ready, 1e6, -1);
        ADD(brokers, 1e6, -1);
        ADD(restarts, 1e9, -1);
        for (int k = 0; k < PIPELINE_OPERATORS; k++) {
                for (size_t i = 0; i < ARRAY_LENGTH(operator_fields); i++) {
                        const struct field *field = &operator_fields[i];

                        pairs[count] = (struct pair){.seen = field_of(&seen->operators[k], field),
                                                     .said = field_of(&said->operators[k], field),
                                                     .most = field->most,
                                                     .unknown = NAN,
                                                     .may_be_infinite = strcmp(field->name,
                                                                               "true_rate_per_second") == 0};
                        snprintf(pairs[count++].name, sizeof pairs->name, "operator %d %s", k, field->name);
                }
                ADD(operators[k].parallelism, 1e6, 0);
                ADD(operators[k].partitions, 1e6, 0);
                ADD(configuration.value[k], 1e6, NAN);
        }
#undef ADD
        assert_true(count <= MAX_PAIRS);
        return count;
}

static bool is_unknown(const struct pair *pair)
{
        return isnan(pair->seen) || pair->seen == pair->unknown;
}

static bool is_near(double a, double b, double slack)
{
        return a == b || fabs(a - b) <= slack * fmax(fabs(a), fabs(b));
}

/* ---- the stand ---- */

struct show {
        struct stand stand;
        const struct collector *collector;
        void *state, *recorded;
        bool done;
        struct observation seen;
        struct error err;
        int64_t took_ms;
        int asked; /* requests of the last turn */
};

static void show_open(struct show *show, const struct subject *subject, void *recorded,
                      const struct scripted_tls *tls, const char *ca_file)
{
        struct error err = ERROR_INIT;

        *show = (struct show){.collector = collector_of(subject->plugin), .recorded = recorded};
        stand_open(&show->stand, subject, show->collector->options, tls, ca_file);
        stand_pass(&show->stand, tls ? 0 : RECORDED_BY - STAGE_START);
        if (!show->collector->open(&show->stand.context, show->stand.options, &show->state, &err))
                fail_msg("%s: %s", subject->name, err.message);
}

static void show_close(struct show *show)
{
        show->collector->close(show->state);
        stand_close(&show->stand, show->collector->options);
}

/* As the loop calls it (controller/live/gather.c). */
static void collect(void *argument)
{
        struct show *show = argument;
        struct http_stage *http = show->stand.http;
        int64_t began_ms = clock_now_ms(&http->clock);

        error_clear(&show->err);
        observation_clear(&show->seen, began_ms, 1, PIPELINE_OPERATORS);
        show->seen.configuration.count = PIPELINE_OPERATORS;
        for (int i = 0; i < PIPELINE_OPERATORS; i++)
                show->seen.configuration.value[i] = NAN;
        show->done = show->collector->collect(show->state, &show->seen, &show->err);
        show->took_ms = clock_now_ms(&http->clock) - began_ms;
}

static void turn(struct show *show, int moment)
{
        struct scripted_peer *peer = show->stand.http->script;
        const struct subject *subject = show->stand.subject;

        subject->serve(peer, show->recorded, moment);
        scripted_peer_forget_requests(peer);
        reactor_call(show->stand.http->reactor, collect, show);
        show->asked = scripted_peer_count(peer, "GET *");
}

static void next_turn(struct show *show, int moment)
{
        if (moment > 0)
                stand_pass(&show->stand, show->stand.subject->turn_ms);
        turn(show, moment);
}

/* ---- one try ---- */

struct trial {
        const struct subject *subject;
        void *recorded;
        const struct fault *fault;
        int after, times;
        struct observation said; /* by a healthy peer, at the faulty turn */
        struct cell *cell;
        int *complaints;
        char row[120];
};

static char *lie_now(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        const struct trial *trial = context;

        (void)request;
        return lie_about(answer->body, trial->fault->lie);
}

static void lay_fault(struct trial *trial, struct scripted_peer *peer)
{
        struct scripted_answer answer = trial->fault->answer;

        answer.after = trial->after;
        answer.times = trial->times;
        if (trial->fault->lie) {
                answer.by = lie_now;
                answer.context = trial;
        }
        if (trial->fault->leaves)
                scripted_peer_leave(peer);
        else
                scripted_peer_fault(peer, &answer);
}

static void lift_fault(const struct trial *trial, struct scripted_peer *peer)
{
        scripted_peer_fault(peer, NULL);
        if (trial->fault->leaves)
                scripted_peer_return(peer);
}

/* Nothing is said that the peer did not say; what is unknown is named. Returns whether all of it was seen. */
static bool judge_numbers(const struct trial *trial, const struct observation *seen)
{
        struct pair pairs[MAX_PAIRS];
        int count = pair_numbers(seen, &trial->said, pairs);
        bool whole = true;

        for (int i = 0; i < count; i++) {
                const struct pair *pair = &pairs[i];

                if (is_unknown(pair)) {
                        whole &= isnan(pair->said) || pair->said == pair->unknown;
                        continue;
                }
                if (!trial->fault->lie && !is_near(pair->seen, pair->said, trial->subject->slack))
                        complain(trial->complaints, trial->row, "%s is %g, nobody said so (%g)", pair->name,
                                 pair->seen, pair->said);
                if (pair->seen < 0 || pair->seen > pair->most ||
                    (isinf(pair->seen) && !pair->may_be_infinite))
                        complain(trial->complaints, trial->row, "%s is %g, which cannot be", pair->name,
                                 pair->seen);
        }
        return whole;
}

static void judge_missing(const struct trial *trial, const struct observation *seen)
{
        const struct {
                const char *name;
                unsigned bit;
                bool unknown;
        } needed[] = {
                {"offered", MISSING_RATES | MISSING_BACKLOG, isnan(seen->offered_per_second)},
                {"throughput", MISSING_RATES, isnan(seen->throughput_per_second)},
                {"backlog", MISSING_BACKLOG, isnan(seen->backlog_records)},
                {"latency", MISSING_LATENCY,
                 trial->subject->names_latency && isnan(seen->latency_p99_seconds)},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(needed); i++)
                if (needed[i].unknown && !(seen->missing & (needed[i].bit | MISSING_ALL)))
                        complain(trial->complaints, trial->row, "%s is not known, and nothing says so",
                                 needed[i].name);
        if (seen->window_ms <= 0)
                complain(trial->complaints, trial->row, "the window is %lld ms", (long long)seen->window_ms);
}

static void judge_error(const struct trial *trial, const struct show *show)
{
        const char *flaw =
                error_flaw(&show->err, trial->subject->plugin, scripted_peer_url(show->stand.http->script));

        if (flaw)
                complain(trial->complaints, trial->row, "the error \"%s\" %s", show->err.message, flaw);
}

static void judge(struct trial *trial, const struct show *show)
{
        const struct fault *fault = trial->fault;
        bool always = trial->after == 0 && trial->times == 0;
        struct cell *cell = trial->cell;

        if (show->took_ms > trial->subject->longest_ms)
                complain(trial->complaints, trial->row, "took %lld ms", (long long)show->took_ms);
        cell->longest_ms = show->took_ms > cell->longest_ms ? show->took_ms : cell->longest_ms;
        if (show->done) {
                bool whole = judge_numbers(trial, &show->seen);

                judge_missing(trial, &show->seen);
                cell->whole += whole;
                cell->part += !whole;
                if (!whole && (fault->whole || (fault->outlived && trial->times == 1)))
                        complain(trial->complaints, trial->row, "not all was seen");
                return;
        }
        cell->failed++;
        if (fault->whole || (fault->outlived && trial->times == 1))
                complain(trial->complaints, trial->row, "%s", show->err.message);
        judge_error(trial, show);
        if (always)
                snprintf(cell->reason, sizeof cell->reason, "%s", show->err.reason);
        if (always && fault->retry != RETRY_EITHER && show->err.retry != (fault->retry == RETRY_YES))
                complain(trial->complaints, trial->row, "retry is %d: %s", show->err.retry,
                         show->err.message);
}

/* Healthy again: within some turns all is seen as if nothing had been. */
static void judge_recovery(const struct trial *trial, struct show *show)
{
        int moment = trial->subject->n_before + 1;

        if (trial->subject->says_it_once && show->done)
                return;
        for (; moment <= trial->subject->last; moment++) {
                next_turn(show, moment);
                if (show->done && show->seen.missing == trial->said.missing)
                        return;
        }
        complain(trial->complaints, trial->row, "did not recover: %s; missing %#x",
                 show->done ? "it answers" : show->err.message, show->seen.missing);
}

static void begin(struct show *show, const struct trial *trial)
{
        show_open(show, trial->subject, trial->recorded, NULL, NULL);
        for (int i = 0; i < trial->subject->n_before; i++) {
                next_turn(show, i);
                if (!show->done)
                        fail_msg("%s: healthy, and %s", trial->row, show->err.message);
        }
        if (trial->subject->n_before > 0)
                stand_pass(&show->stand, trial->subject->turn_ms);
}

static void try_fault(struct trial *trial, int after, int times)
{
        struct show show;

        trial->after = after;
        trial->times = times;
        snprintf(trial->row, sizeof trial->row, "%s, %s, after %d for %d", trial->subject->name,
                 trial->fault->name, after, times);
        begin(&show, trial);
        lay_fault(trial, show.stand.http->script);
        turn(&show, trial->subject->n_before);
        lift_fault(trial, show.stand.http->script);
        judge(trial, &show);
        judge_recovery(trial, &show);
        show_close(&show);
}

/* What a healthy peer says at that turn, and how many answers it takes. */
static int learn(struct trial *trial)
{
        struct show show;
        int asked;

        begin(&show, trial);
        turn(&show, trial->subject->n_before);
        if (!show.done)
                fail_msg("%s: healthy, and %s", trial->subject->name, show.err.message);
        assert_true(!show.seen.run.periodic || show.seen.run.ended_ms > 0);
        trial->said = show.seen;
        asked = show.asked;
        show_close(&show);
        assert_true(asked > 0 && asked < MAX_ANSWERS);
        return asked;
}

static void try_row(struct trial *trial, int answers)
{
        enum fault_where where = trial->fault->where;

        try_fault(trial, 0, 0);
        for (int n = 0; where == WHERE_EVERY && n < answers; n++) {
                if (n > 0)
                        try_fault(trial, n, 0);
                try_fault(trial, n, 1);
        }
        if (where != WHERE_SOME)
                return;
        try_fault(trial, 1, 0);
        try_fault(trial, 2, 0);
        try_fault(trial, answers - 1, 1);
}

/* ---- certificates; on the machine's clock, which OpenSSL goes by ---- */

static void try_certificate(const struct scratch *scratch, int which, const struct subject *subject,
                            void *recorded, struct cell *cell)
{
        struct bad_server server;
        struct show show;

        bad_server_make(&server, scratch, which);
        show_open(&show, subject, recorded, &server.tls, server.ca_file);
        turn(&show, 0);
        assert_false(show.done);
        assert_int_equal(show.asked, 0);
        assert_null(error_flaw(&show.err, subject->plugin, scripted_peer_url(show.stand.http->script)));
        cell->failed++;
        snprintf(cell->reason, sizeof cell->reason, "%s", show.err.reason);
        show_close(&show);
        bad_server_forget(&server);
}

/* ---- the suite ---- */

#define N_SUBJECTS ARRAY_LENGTH(subjects)
#define MAX_ROWS   60

struct suite {
        struct cell cells[MAX_ROWS][N_SUBJECTS];
};

/* One column of the table. */
struct column {
        struct suite *suite;
        int index;
};

static void test_every_collector_has_a_healthy_peer(void **state)
{
        const struct collector *const *list = registry_all()->collectors;

        (void)state;
        for (; *list; list++) {
                bool found = false;

                for (size_t i = 0; i < N_SUBJECTS; i++)
                        found |= strcmp(subjects[i].plugin, (*list)->name) == 0;
                for (size_t i = 0; i < ARRAY_LENGTH(elsewhere); i++)
                        found |= strcmp(elsewhere[i], (*list)->name) == 0;
                if (!found)
                        fail_msg("collector %s: tests/conformance does not know how its peer answers",
                                 (*list)->name);
        }
}

static void try_subject(const struct column *column)
{
        int answers, complaints = 0;
        struct trial trial = {.subject = &subjects[column->index],
                              .fault = &faults[0],
                              .complaints = &complaints};

        trial.recorded = trial.subject->read();
        answers = learn(&trial);
        for (int row = 0; faults[row].name; row++) {
                trial.fault = &faults[row];
                trial.cell = &column->suite->cells[row][column->index];
                if (trial.fault->done && trial.fault->answer.status == 500) {
                        trial.cell->none = "reads only";
                        continue;
                }
                try_row(&trial, answers);
        }
        trial.subject->forget(trial.recorded);
        assert_int_equal(complaints, 0);
}

static void test_subject(void **state)
{
        try_subject(*state);
}

static void test_certificates(void **state)
{
        struct scratch scratch = scratch_open();
        struct suite *suite = *state;
        int n_faults = 0;

        while (faults[n_faults].name)
                n_faults++;
        make_authorities(&scratch);
        for (size_t column = 0; column < N_SUBJECTS; column++) {
                void *recorded = subjects[column].read();

                for (size_t i = 0; i < ARRAY_LENGTH(bad_certificates); i++)
                        try_certificate(&scratch, (int)i, &subjects[column], recorded,
                                        &suite->cells[n_faults + (int)i][column]);
                subjects[column].forget(recorded);
        }
        scratch_close(&scratch);
}

static void print_table(const struct suite *suite)
{
        const char *names[N_SUBJECTS];
        int row = 0;

        for (size_t i = 0; i < N_SUBJECTS; i++)
                names[i] = subjects[i].name;
        table_begin("Collectors", names, N_SUBJECTS);
        for (; faults[row].name; row++)
                table_row(faults[row].name, suite->cells[row], N_SUBJECTS);
        for (size_t i = 0; i < ARRAY_LENGTH(bad_certificates); i++)
                table_row(bad_certificates[i].name, suite->cells[row + (int)i], N_SUBJECTS);
}

int main(int argc, char **argv)
{
        struct suite suite = {0};
        struct column columns[N_SUBJECTS];
        struct CMUnitTest tests[N_SUBJECTS + 2] = {
                cmocka_unit_test(test_every_collector_has_a_healthy_peer),
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
