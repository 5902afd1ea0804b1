/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/play.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/yaml.h"

#define SOURCE_RATE 1000 /* records/s one subtask of the source reads */
#define START_MS    1768478400000

struct configuration play_configuration(double source, double work)
{
        return (struct configuration){.count = 2, .value = {source, work}};
}

double play_capacity(const struct play *play, const struct configuration *configuration)
{
        return fmin(configuration->value[0] * SOURCE_RATE, configuration->value[1] * play->rate_per_second);
}

static double ratio_of_wanted(const struct play *play)
{
        return configuration_equal(&play->target, &play->wanted) ? play->rate_of_wanted_ratio : 1;
}

/* Numbers a callback; false when it must fail. *ret_effect: whether it does its work. */
static bool enter(struct play *play, bool fails, bool *ret_effect, struct error *err)
{
        bool crash = play->callbacks++ == play->crash_at;

        *ret_effect = !play->dead && !fails && (!crash || play->crash_after);
        if (play->dead || crash) {
                play->dead = true;
                return error_set(err, ERROR_INTERRUPTED, NULL, "the process is gone");
        }
        if (*ret_effect && play->fault_ratio > 0 && gsl_rng_uniform(play->random) < play->fault_ratio)
                *ret_effect = !(fails = true);
        return fails ? error_set(err, ERROR_UNAVAILABLE, NULL, "it does not answer") : true;
}

/* ---- clock ---- */

static int64_t now_ms(void *context)
{
        return ((struct play *)context)->now_ms;
}

static bool sleep_until(void *context, int64_t until_ms, struct error *err)
{
        (void)err;
        ((struct play *)context)->now_ms = until_ms;
        return true;
}

/* ---- engine as a collector ---- */

/* What fits of what it is told. */
static struct configuration running(const struct play *play)
{
        struct configuration configuration = play->target;

        if (play->slots > 0)
                configuration.value[1] = fmin(configuration.value[1], play->slots);
        return configuration;
}

static void run_engine(struct play *play, struct observation *observation)
{
        double seconds = (double)(play->now_ms - play->engine_ms) / MS_PER_SECOND;
        const struct configuration configuration = running(play);
        double capacity = play_capacity(play, &configuration) * ratio_of_wanted(play);
        double taken = fmin(play->load_per_second * seconds + play->backlog_records, capacity * seconds);
        double busy = taken / (capacity * seconds);

        play->backlog_records += play->load_per_second * seconds - taken;
        play->engine_ms = play->now_ms;
        *observation = (struct observation){
                .time_ms = play->now_ms,
                .window_ms = (int64_t)(seconds * MS_PER_SECOND),
                .missing = play->missing,
                .restarting = play->restarting,
                .counters_reset = play->counters_reset,
                .configuration = configuration,
                .workers = (int)fmax(configuration.value[0], configuration.value[1]),
                .offered_per_second = play->load_per_second,
                .throughput_per_second = play->nan ? NAN : taken / seconds,
                .backlog_records = play->backlog_records,
                .latency_p99_seconds = play->latency_seconds + play->backlog_records / capacity,
                .n_operators = 2,
        };
        observation->workers_ready = observation->workers;
        observation->operators[0].busy_ratio = observation->operators[0].busy_ratio_max = busy / 4;
        observation->operators[1].busy_ratio = observation->operators[1].busy_ratio_max = busy;
}

static bool collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct play *play = state;
        bool effect;

        play->last_is_good = false;
        if (!enter(play, play->collect_fails, &effect, err))
                return false;
        if (!play->frozen)
                run_engine(play, &play->last);
        /* A new process cannot know that it is the same answer again; the rule about age is for that. */
        play->last_is_good = !(play->frozen && play->collected) && play->last.missing == 0 &&
                             !play->last.restarting && !isnan(play->last.throughput_per_second);
        play->collected = true;
        *ret_observation = play->last;
        return true;
}

/* ---- engine as an actuator ---- */

/* Whose write it is says the call that was announced last. */
static void count_write(struct play *play, int knob, double value)
{
        struct play_intent *intent =
                play->n_calls > 0 ? &play->intents[play->call_intent[play->n_calls - 1]] : NULL;

        play->writes++;
        if (!intent || intent->ended)
                play->writes_without_intent++;
        else if (value == intent->intent.from.value[knob])
                intent->writes_back[knob]++;
        else if (value == intent->intent.to.value[knob])
                intent->writes_forth[knob]++;
}

static bool write_knob(struct play *play, int knob, double value, const struct call_recorder *calls,
                       struct error *err)
{
        bool fails = play->applies_to_fail > 0 || play->knob_to_fail == knob, effect, done;
        struct error answer = ERROR_INIT;
        char call[64];
        int64_t id;

        snprintf(call, sizeof call, "set %s to %g", play->knobs[knob].name, value);
        if (!calls->begin(calls->context, call, &id, err))
                return false;
        play->applies_to_fail -= play->applies_to_fail > 0;
        done = enter(play, fails, &effect, &answer);
        if (play->writes_to_lose > 0) {
                play->writes_to_lose--;
                effect = false;
        }
        if (effect) {
                count_write(play, knob, value);
                play->target.value[knob] = value;
        }
        if (play->answers_to_lose > 0) {
                play->answers_to_lose--;
                done = error_set(&answer, ERROR_TIMEOUT, NULL, "it did not answer in time");
        }
        if (!calls->end(calls->context, id, done, done ? "ok" : answer.message, err))
                return false;
        if (done)
                return true;
        *err = answer;
        err->retry = !play->fail_for_good;
        return false;
}

static bool apply(void *state, const struct configuration *from, const struct configuration *to, bool dry_run,
                  const struct call_recorder *calls, struct error *err)
{
        struct play *play = state;

        (void)from;
        if (dry_run)
                return true;
        play->applies++;
        for (int i = 0; i < 2; i++)
                if (play->target.value[i] != to->value[i] && !write_knob(play, i, to->value[i], calls, err))
                        return false;
        return true;
}

static bool read_target(void *state, struct configuration *ret_configuration, struct error *err)
{
        struct play *play = state;
        bool effect;

        if (!enter(play, false, &effect, err))
                return false;
        *ret_configuration = play->target;
        if (play->reads_to_lie > 0) {
                play->reads_to_lie--;
                ret_configuration->value[1] += 1;
        }
        return true;
}

/* ---- strategy ---- */

static bool propose(void *state, const struct observation *observation, struct proposal *ret_proposal,
                    struct error *err)
{
        struct play *play = state;

        if (play->propose_fails)
                return error_set(err, ERROR_NUMERIC, NULL, "the fit did not converge");
        ret_proposal->strategy = play->strategy.name;
        ret_proposal->kind = play->holds || (!play->keeps_proposing &&
                                             configuration_equal(&observation->configuration, &play->wanted))
                                     ? PROPOSAL_HOLD
                                     : PROPOSAL_CHANGE;
        ret_proposal->configuration =
                ret_proposal->kind == PROPOSAL_HOLD ? observation->configuration : play->wanted;
        ret_proposal->prediction = play->prediction;
        ret_proposal->expected_saving = NAN;
        ret_proposal->n_alternatives = 0;
        ret_proposal->unsure = play->unsure;
        snprintf(ret_proposal->reason, sizeof ret_proposal->reason, "%s",
                 ret_proposal->kind == PROPOSAL_HOLD ? "as wanted" : "the script says so");
        return true;
}

static void told(void *state, const struct proposal *proposal, const struct verdict *verdict,
                 enum outcome outcome, const struct observation *observation)
{
        struct play *play = state;

        (void)proposal;
        (void)observation;
        play->told[outcome]++;
        if (verdict->n_findings > 0)
                snprintf(play->last_finding, sizeof play->last_finding, "%s",
                         verdict->findings[verdict->n_findings - 1].reason);
}

/* ---- journal ---- */

static bool journal_enter(struct play *play, bool *ret_effect, struct error *err)
{
        return enter(play, play->journal_fails, ret_effect, err);
}

static bool journal_observation(void *context, const struct observation *observation, struct error *err)
{
        struct play *play = context;
        bool effect, done = journal_enter(play, &effect, err);

        (void)observation;
        play->observations += effect;
        return done;
}

static bool journal_decision(void *context, const struct decision *decision, int64_t *ret_id,
                             struct error *err)
{
        struct play *play = context;
        bool effect, done = journal_enter(play, &effect, err);

        if (effect) {
                *ret_id = ++play->decisions;
                play->refusals += decision->verdict->judgement == JUDGEMENT_REFUSED;
                if (decision->proposal->kind == PROPOSAL_HOLD) {
                        play->holds_written++;
                        snprintf(play->last_hold, sizeof play->last_hold, "%s", decision->proposal->reason);
                }
        }
        return done;
}

static bool journal_intent(void *context, const struct intent *intent, int64_t *ret_id, struct error *err)
{
        struct play *play = context;
        bool effect, done = journal_enter(play, &effect, err);

        if (effect && play->n_intents < PLAY_MAX_INTENTS) {
                play->intents[play->n_intents] = (struct play_intent){.intent = *intent};
                play->intents[play->n_intents].intent.id = play->n_intents + 1;
                *ret_id = ++play->n_intents;
                play->intents_on_bad_data += !play->last_is_good;
                play->intents_shrinking_while_behind +=
                        observation_falls_behind(&play->last) &&
                        pipeline_change(&play->pipeline, &intent->from, &intent->to).shrinks;
        }
        return done;
}

static bool journal_call_begin(void *context, int64_t intent_id, int64_t time_ms, const char *call,
                               int64_t *ret_id, struct error *err)
{
        struct play *play = context;
        bool effect, done = journal_enter(play, &effect, err);

        (void)time_ms;
        (void)call;
        if (effect && play->n_calls < PLAY_MAX_CALLS) {
                play->intents[intent_id - 1].calls_begun++;
                play->call_intent[play->n_calls] = (int)intent_id - 1;
                *ret_id = ++play->n_calls;
        }
        return done;
}

static bool journal_call_end(void *context, int64_t call_id, int64_t time_ms, bool call_done,
                             const char *answer, struct error *err)
{
        struct play *play = context;
        bool effect, done = journal_enter(play, &effect, err);

        (void)time_ms;
        (void)call_done;
        (void)answer;
        if (effect)
                play->intents[play->call_intent[call_id - 1]].calls_ended++;
        return done;
}

static bool journal_applied(void *context, int64_t intent_id, int64_t time_ms, struct error *err)
{
        struct play *play = context;
        bool effect, done = journal_enter(play, &effect, err);

        (void)time_ms;
        if (effect)
                play->intents[intent_id - 1].intent.applied = true;
        return done;
}

static bool journal_outcome(void *context, const struct ending *ending, struct error *err)
{
        struct play *play = context;
        struct play_intent *intent = &play->intents[ending->intent_id - 1];
        bool effect, done = journal_enter(play, &effect, err);

        if (effect) {
                intent->ended = true;
                intent->outcome = ending->outcome;
                snprintf(intent->reason, sizeof intent->reason, "%s", ending->reason);
        }
        return done;
}

static bool journal_spend(void *context, const struct spend *spend, struct error *err)
{
        struct play *play = context;
        bool effect, done = journal_enter(play, &effect, err);

        if (effect) {
                play->spent += price_sum_to_money(spend->cost);
                play->baseline_spent += price_sum_to_money(spend->baseline_cost);
        }
        return done;
}

static bool journal_unfinished(void *context, struct intent *ret_intent, bool *ret_found, struct error *err)
{
        struct play *play = context;
        bool effect, done = journal_enter(play, &effect, err);

        if (!done)
                return false;
        *ret_found = false;
        for (int i = play->n_intents - 1; i >= 0 && !*ret_found; i--)
                if (!play->intents[i].ended) {
                        *ret_intent = play->intents[i].intent;
                        *ret_found = true;
                }
        return true;
}

/* ---- the stage ---- */

static struct price_book *open_prices(void)
{
        const char *yaml = "{currency: USD, worker: {perHour: \"1\"}}";
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;
        struct price_book *book = NULL;
        void *options = NULL;

        if (yaml_parse(yaml, strlen(yaml), "prices", &document, &err) &&
            option_new(&prices_table, yaml_root(document), &options, &err))
                (void)price_book_new(options, ".", &book, &err);
        option_delete(&prices_table, options);
        return book;
}

static void build_pipeline(struct play *play)
{
        play->operators[0] = (struct operator_info){.name = "source", .source = true};
        play->operators[1] = (struct operator_info){.name = "work"};
        play->edges[0] = (struct edge){.from = 0, .to = 1, .selectivity = 1};
        play->knobs[0] = (struct knob){"parallelism.source", KNOB_PARALLELISM, 0, 1, 64, 1, KNOB_SCALE_AUTO};
        play->knobs[1] = (struct knob){"parallelism.work", KNOB_PARALLELISM, 1, 1, 64, 1, KNOB_SCALE_AUTO};
        play->pipeline = (struct pipeline){.name = "play",
                                           .n_operators = 2,
                                           .operators = play->operators,
                                           .n_edges = 1,
                                           .edges = play->edges,
                                           .slots_per_worker = 1,
                                           .n_knobs = 2,
                                           .knobs = play->knobs};
}

void play_restart(struct play *play)
{
        play->dead = play->collected = false;
        play->crash_at = -1;
}

void play_want(struct play *play, double source, double work)
{
        play->wanted = play_configuration(source, work);
        play->prediction = (struct prediction){
                .present = true,
                .capacity_mean = play_capacity(play, &play->wanted),
                .capacity_sd = 0.02 * play_capacity(play, &play->wanted),
                .latency_p99_mean = play->latency_seconds,
                .latency_p99_sd = 0.05 * play->latency_seconds,
                .cost_per_hour_mean = NAN,
                .cost_per_hour_sd = NAN,
                .settle_ms = 2 * PLAY_WINDOW_MS,
        };
}

struct play *play_new(void)
{
        struct play *play = memory_new(1, sizeof *play);

        *play = (struct play){
                .load_per_second = 250,
                .rate_per_second = 100,
                .rate_of_wanted_ratio = 1,
                .latency_seconds = 0.5,
                .target = play_configuration(2, 4),
                .crash_at = -1,
                .knob_to_fail = -1,
                .now_ms = START_MS,
                .engine_ms = START_MS,
                .constraints = {.latency_p99_seconds = 2,
                                .backlog_seconds = 60,
                                .error_ratio = NAN,
                                .confidence = 0.95},
                .prices = open_prices(),
                .clock = {.now_ms = now_ms, .sleep_until = sleep_until, .context = play},
                .collector = {.name = "play", .collect = collect},
                .actuator = {.name = "play", .apply = apply, .read = read_target},
                .strategy = {.name = "script", .propose = propose, .told = told},
                .journal = {.observation = journal_observation,
                            .decision = journal_decision,
                            .intent = journal_intent,
                            .call_begin = journal_call_begin,
                            .call_end = journal_call_end,
                            .applied = journal_applied,
                            .outcome = journal_outcome,
                            .spend = journal_spend,
                            .unfinished = journal_unfinished,
                            .context = play},
        };
        build_pipeline(play);
        play_want(play, 2, 4);
        return play;
}

void play_free(struct play *play)
{
        price_book_free(play->prices);
        if (play->random)
                gsl_rng_free(play->random);
        free(play);
}
