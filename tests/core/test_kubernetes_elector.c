/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who leads, when servers hang, answers are late, processes are stopped, clocks are set and the lease is
 * deleted: never two. The times are those of client-go's leader election (15 s, 10 s, 2 s). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/kubernetes/elector.h"
#include "core/random.h"
#include "tests/support/http_stage.h"

#define SECOND     INT64_C(1000)
#define LOOK_MS    INT64_C(500)
#define CANDIDATES 3
#define LEASES     "/apis/coordination.k8s.io/v1/namespaces/n/leases"

/* One candidate with a way of its own to the server. */
struct candidate {
        struct scene *scene;
        char name[16];
        struct scripted_peer *way;
        struct kube_client *client;
        struct kube_elector *elector;
        struct clock clock;
        int64_t clock_set_ms; /* off by so much */
        int64_t stopped_ms;   /* it will be stopped for so long before it writes next */
        int gained, lost;
};

struct scene {
        struct http_stage *stage;
        struct candidate candidates[CANDIDATES];
        json_t *lease; /* what the server holds; NULL: none */
        int version;
        bool over;
        int64_t led_ms; /* how long anybody led, at the looks of `watch_all` */
        void (*play)(struct scene *scene);
};

/* ---- the server ---- */

static char *refuse(struct scripted_answer *answer, int status, const char *reason)
{
        answer->status = status;
        return memory_format("{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"%s\",\"code\":%d}",
                             reason, status);
}

static char *store(struct scene *scene, json_t *lease)
{
        char version[16];

        snprintf(version, sizeof version, "%d", ++scene->version);
        json_object_set_new(json_object_get(lease, "metadata"), "resourceVersion", json_string(version));
        json_decref(scene->lease);
        scene->lease = lease;
        return json_dumps(lease, JSON_COMPACT);
}

static char *serve(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        struct scene *scene = context;
        autojson *sent = request->length > 0 ? json_loads(request->body, 0, NULL) : NULL;

        if (strcmp(request->method, "POST") == 0)
                return scene->lease ? refuse(answer, 409, "AlreadyExists") : store(scene, json_incref(sent));
        if (!scene->lease)
                return refuse(answer, 404, "NotFound");
        if (strcmp(request->method, "GET") == 0)
                return json_dumps(scene->lease, JSON_COMPACT);
        if (strcmp(kube_meta(sent, "resourceVersion"), kube_meta(scene->lease, "resourceVersion")) != 0)
                return refuse(answer, 409, "Conflict");
        return store(scene, json_incref(sent));
}

/* ---- candidates ---- */

/* A process may be stopped at any time: here between its look at the lease and its write. */
static int64_t set_clock(void *context)
{
        struct candidate *candidate = context;
        const struct clock *clock = &candidate->scene->stage->clock;
        int64_t stopped_ms = candidate->stopped_ms;
        struct error err = ERROR_INIT;

        candidate->stopped_ms = 0;
        if (stopped_ms > 0)
                (void)clock_sleep_until(clock, clock_now_ms(clock) + stopped_ms, &err);
        return clock_now_ms(clock) + candidate->clock_set_ms;
}

static int leaders(const struct scene *scene)
{
        int count = 0;

        for (int i = 0; i < CANDIDATES; i++)
                count += kube_elector_left_ms(scene->candidates[i].elector) > 0;
        return count;
}

static void on_change(void *context, bool leads)
{
        struct candidate *candidate = context;

        assert_in_range(leaders(candidate->scene), 0, 1);
        candidate->gained += leads;
        candidate->lost += !leads;
}

static void candidate_open(struct candidate *candidate, struct scene *scene, int number)
{
        struct kube_config config = {.namespace = (char *)(uintptr_t) "n",
                                     .shown = (char *)(uintptr_t) "script"};
        const struct kube_elector_options options = {.namespace = "n",
                                                     .name = "optctl",
                                                     .identity = candidate->name,
                                                     .clock = &candidate->clock,
                                                     .changed = on_change,
                                                     .context = candidate};
        struct error err = ERROR_INIT;

        candidate->scene = scene;
        candidate->clock = (struct clock){.now_ms = set_clock, .context = candidate};
        snprintf(candidate->name, sizeof candidate->name, "optctl-%d", number);
        candidate->way = scripted_peer_new(scene->stage->reactor);
        scripted_peer_answer(candidate->way, "* " LEASES "*",
                             &(struct scripted_answer){.by = serve, .context = scene});
        config.server = (char *)(uintptr_t)scripted_peer_url(candidate->way);
        assert_true(kube_client_new(scene->stage->reactor, scene->stage->client, &config, &candidate->client,
                                    &err));
        candidate->elector = kube_elector_new(candidate->client, &options);
}

static void candidate_close(struct candidate *candidate)
{
        kube_elector_free(candidate->elector);
        kube_client_free(candidate->client);
        scripted_peer_free(candidate->way);
}

/* ---- scenes ---- */

static void watch_all(void *argument)
{
        struct scene *scene = argument;
        const struct clock *clock = &scene->stage->clock;
        struct error err = ERROR_INIT;

        while (!scene->over && clock_sleep_until(clock, clock_now_ms(clock) + LOOK_MS, &err)) {
                assert_in_range(leaders(scene), 0, 1);
                scene->led_ms += leaders(scene) * LOOK_MS;
        }
}

static void play_and_stop(void *argument)
{
        struct scene *scene = argument;

        scene->play(scene);
        scene->over = true;
        reactor_stop(scene->stage->reactor);
}

static void run(void (*play)(struct scene *scene))
{
        struct scene *scene = memory_new(1, sizeof *scene);

        scene->stage = http_stage_open(NULL);
        scene->play = play;
        for (int i = 0; i < CANDIDATES; i++) {
                candidate_open(&scene->candidates[i], scene, i);
                reactor_spawn(scene->stage->reactor, kube_elector_run, scene->candidates[i].elector);
        }
        reactor_spawn(scene->stage->reactor, watch_all, scene);
        reactor_spawn(scene->stage->reactor, play_and_stop, scene);
        reactor_run(scene->stage->reactor);
        for (int i = 0; i < CANDIDATES; i++)
                candidate_close(&scene->candidates[i]);
        http_stage_close(scene->stage);
        json_decref(scene->lease);
        free(scene);
}

static void pass(struct scene *scene, int64_t ms)
{
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&scene->stage->clock, clock_now_ms(&scene->stage->clock) + ms, &err));
}

static struct candidate *leader(struct scene *scene)
{
        for (int i = 0; i < CANDIDATES; i++)
                if (kube_elector_left_ms(scene->candidates[i].elector) > 0)
                        return &scene->candidates[i];
        return NULL;
}

static struct candidate *wait_for_leader(struct scene *scene, int64_t within_ms)
{
        int64_t until_ms = http_stage_now(scene->stage) + within_ms;

        while (!leader(scene)) {
                if (http_stage_now(scene->stage) > until_ms)
                        fail_msg("nobody leads within %lld ms", (long long)within_ms);
                pass(scene, LOOK_MS);
        }
        return leader(scene);
}

static const char *spec_text(const struct scene *scene, const char *key)
{
        const char *text = "";

        (void)json_find_text(json_object_get(scene->lease, "spec"), key, &text);
        return text;
}

/* ---- what is usual ---- */

static void play_first(struct scene *scene)
{
        struct candidate *first;
        double number = 0;
        char acquired[64];

        /* Nobody knows who led before there was a lease. */
        pass(scene, 14 * SECOND);
        assert_null(leader(scene));
        first = wait_for_leader(scene, 6 * SECOND);
        assert_string_equal(spec_text(scene, "holderIdentity"), first->name);
        assert_true(json_find_number(json_object_get(scene->lease, "spec"), "leaseDurationSeconds", &number));
        assert_int_equal((int)number, 15);
        assert_int_equal(strlen(spec_text(scene, "renewTime")), strlen("2026-01-05T08:00:00.000000Z"));
        snprintf(acquired, sizeof acquired, "%s", spec_text(scene, "acquireTime"));
        pass(scene, 120 * SECOND);
        assert_ptr_equal(leader(scene), first);
        assert_int_equal(first->gained, 1);
        assert_int_equal(first->lost, 0);
        assert_string_equal(spec_text(scene, "acquireTime"), acquired);
        assert_string_not_equal(spec_text(scene, "renewTime"), acquired);
        assert_int_equal(kube_elector_term(first->elector), 1);
        for (int i = 0; i < CANDIDATES; i++)
                assert_string_equal(kube_elector_holder(scene->candidates[i].elector), first->name);
}

static void test_one_of_three_leads(void **state)
{
        (void)state;
        run(play_first);
}

static void play_cut_off(struct scene *scene)
{
        struct candidate *first = wait_for_leader(scene, 20 * SECOND), *second;
        int64_t cut_ms = http_stage_now(scene->stage);

        scripted_peer_leave(first->way);
        while (leader(scene) == first)
                pass(scene, LOOK_MS);
        /* It gave up by itself, before anybody could take over. */
        assert_in_range(http_stage_now(scene->stage) - cut_ms, 7 * SECOND, 10 * SECOND + LOOK_MS);
        assert_null(leader(scene));
        second = wait_for_leader(scene, 20 * SECOND);
        assert_true(http_stage_now(scene->stage) - cut_ms <= 20 * SECOND + LOOK_MS);
        assert_ptr_not_equal(second, first);
        assert_int_equal(kube_elector_term(second->elector), 2);
        scripted_peer_return(first->way);
        pass(scene, 60 * SECOND);
        assert_ptr_equal(leader(scene), second);
}

static void test_a_leader_that_is_cut_off(void **state)
{
        (void)state;
        run(play_cut_off);
}

static void play_release(struct scene *scene)
{
        struct candidate *first = wait_for_leader(scene, 20 * SECOND);
        struct error err = ERROR_INIT;

        /* It goes: what comes of it is not heard by itself, which would take the lease again. */
        assert_true(kube_elector_release(first->elector, &err));
        scripted_peer_leave(first->way);
        assert_int_equal(kube_elector_left_ms(first->elector), 0);
        assert_string_equal(spec_text(scene, "holderIdentity"), "");
        assert_ptr_not_equal(wait_for_leader(scene, 5 * SECOND), first);
}

static void test_a_lease_that_is_given_up(void **state)
{
        (void)state;
        run(play_release);
}

/* ---- what goes wrong ---- */

static void play_stopped(struct scene *scene)
{
        struct candidate *first = wait_for_leader(scene, 20 * SECOND), *second;

        first->stopped_ms = 60 * SECOND;
        pass(scene, 20 * SECOND);
        assert_ptr_not_equal(leader(scene), first);
        second = wait_for_leader(scene, 20 * SECOND);
        pass(scene, 60 * SECOND);
        /* When it goes on it writes what it meant to, and is told that the lease has changed. */
        assert_ptr_equal(leader(scene), second);
        assert_string_equal(spec_text(scene, "holderIdentity"), second->name);
}

static void test_a_leader_that_is_stopped_for_a_minute(void **state)
{
        (void)state;
        run(play_stopped);
}

static void play_late(struct scene *scene)
{
        struct candidate *first = wait_for_leader(scene, 20 * SECOND);

        /* The server takes what it writes, and the answer comes too late to count. */
        scripted_peer_fault(first->way, &(struct scripted_answer){.delay_ms = 8 * SECOND});
        pass(scene, 11 * SECOND);
        assert_ptr_not_equal(leader(scene), first);
        scripted_peer_fault(first->way, NULL);
        wait_for_leader(scene, 20 * SECOND);
}

static void test_answers_that_come_too_late(void **state)
{
        (void)state;
        run(play_late);
}

static void play_lapsing(struct scene *scene)
{
        struct candidate *first = wait_for_leader(scene, 20 * SECOND);

        /* 2 s of rest and 4.5 s of waiting each time, and 5.5 s left after the first of them. */
        scripted_peer_fault(first->way, &(struct scripted_answer){.delay_ms = 4500});
        pass(scene, 60 * SECOND);
        scripted_peer_fault(first->way, NULL);
        pass(scene, 10 * SECOND);
        assert_ptr_equal(leader(scene), first);
        assert_in_range(first->lost, 5, 12);
        assert_int_equal(first->gained, first->lost + 1);
}

/* Who went by it in between would never come back to what was left undone. */
static void test_a_lease_that_lapses_while_it_is_renewed_is_told(void **state)
{
        (void)state;
        run(play_lapsing);
}

static void play_deleted(struct scene *scene)
{
        struct candidate *first = wait_for_leader(scene, 20 * SECOND);

        json_decref(TAKE(scene->lease));
        pass(scene, 60 * SECOND);
        assert_ptr_equal(leader(scene), first);
        assert_int_equal(first->lost, 0);
        assert_string_equal(spec_text(scene, "holderIdentity"), first->name);
}

static void test_a_lease_that_is_deleted(void **state)
{
        (void)state;
        run(play_deleted);
}

static void play_clocks(struct scene *scene)
{
        static const int64_t jumps_ms[] = {600 * SECOND, -600 * SECOND, 86400 * SECOND};
        struct candidate *first = wait_for_leader(scene, 20 * SECOND);

        for (int i = 0; i < 3; i++) {
                for (int j = 0; j < CANDIDATES; j++)
                        scene->candidates[j].clock_set_ms = jumps_ms[(i + j) % 3];
                pass(scene, 60 * SECOND);
        }
        assert_ptr_equal(leader(scene), first);
        assert_int_equal(first->lost, 0);
}

static void test_clocks_that_are_set_change_nothing(void **state)
{
        (void)state;
        run(play_clocks);
}

/* ---- all of it ---- */

static void disturb(struct scene *scene, struct candidate *candidate, gsl_rng *random)
{
        const struct scripted_answer faults[] = {
                {.how = SCRIPTED_HANG},
                {.how = SCRIPTED_RESET},
                {.how = SCRIPTED_TRUNCATE},
                {.status = 500},
                {.status = 429},
                {.status = 503},
                {.status = 409},
                {.delay_ms = 1000},
                {.delay_ms = 4900},
                {.delay_ms = 5100},
                {.delay_ms = 30 * SECOND},
                {.how = SCRIPTED_GARBAGE},
                {.drip_ms = 100},
                {.how = SCRIPTED_RESET_HALF_WAY},
        };
        unsigned long which = gsl_rng_uniform_int(random, ARRAY_LENGTH(faults) + 6);

        if (which < ARRAY_LENGTH(faults))
                scripted_peer_fault(candidate->way, &faults[which]);
        else if (which == ARRAY_LENGTH(faults))
                candidate->stopped_ms = (int64_t)gsl_rng_uniform_int(random, 60 * SECOND);
        else if (which == ARRAY_LENGTH(faults) + 1)
                candidate->clock_set_ms = (int64_t)gsl_rng_uniform_int(random, 1200 * SECOND) - 600 * SECOND;
        else if (which == ARRAY_LENGTH(faults) + 2 && scene->lease)
                json_decref(TAKE(scene->lease));
        else
                scripted_peer_fault(candidate->way, NULL);
}

static void play_anything(struct scene *scene)
{
        static unsigned seed = 0;
        autocall(gsl_rng_free) gsl_rng *random = random_new(++seed, 0, 0);

        for (int i = 0; i < 60; i++) {
                disturb(scene, &scene->candidates[gsl_rng_uniform_int(random, CANDIDATES)], random);
                pass(scene, (int64_t)gsl_rng_uniform_int(random, 12 * SECOND));
        }
        for (int i = 0; i < CANDIDATES; i++)
                scripted_peer_fault(scene->candidates[i].way, NULL);
        /* Who is stopped still, or has given its peer up for silent, goes on; then somebody leads. */
        pass(scene, 60 * SECOND);
        wait_for_leader(scene, 20 * SECOND);
        /* It was no quiet time, and yet somebody led for some of it. */
        assert_true(scene->led_ms > 30 * SECOND);
}

static void test_never_two_whatever_happens(void **state)
{
        (void)state;
        for (int i = 0; i < 4; i++)
                run(play_anything);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_of_three_leads),
                cmocka_unit_test(test_a_leader_that_is_cut_off),
                cmocka_unit_test(test_a_lease_that_is_given_up),
                cmocka_unit_test(test_a_leader_that_is_stopped_for_a_minute),
                cmocka_unit_test(test_answers_that_come_too_late),
                cmocka_unit_test(test_a_lease_that_lapses_while_it_is_renewed_is_told),
                cmocka_unit_test(test_a_lease_that_is_deleted),
                cmocka_unit_test(test_clocks_that_are_set_change_nothing),
                cmocka_unit_test(test_never_two_whatever_happens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
