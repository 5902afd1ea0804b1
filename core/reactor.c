/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/reactor.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "core/fiber.h"
#include "core/loopback.h"
#include "core/timers.h"

#define LONGEST_WAIT_MS 3600000 /* for sockets, while no timer is set */

/* For what is on its way between two sockets of this process: */
#define QUIET_SPELLS 3   /* in a row: then nothing comes any more, */
#define SETTLE_MS    1   /* of real time each, where somebody else may be at work, */
#define PATIENCE_MS  500 /* unless bytes are held back: TCP tries again after 200 */

struct fiber {
        struct timer timer; /* first: a due timer is found by it */
        struct fiber_context *context;
        void (*run)(void *argument);
        void *argument;
        bool waiting, woken, sleeping;
        struct fiber *next; /* of those that are ready */
};

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

struct reactor {
        uv_loop_t loop;
        uv_timer_t alarm; /* for the earliest timer */
        uv_signal_t signals[ARRAY_LENGTH(stop_signals)];
        bool catches_signals;
        bool virtual_time, stopped;
        bool looping;        /* in uv_run */
        bool rang;           /* the alarm, since it was set */
        int64_t stuck_bytes; /* on their way when virtual time last jumped */
        int64_t virtual_ms;
        struct loopback *loopback; /* of virtual time */
        struct fiber_stacks *stacks;
        struct timers timers;
        struct fiber *current;
        struct fiber *first_ready, **last_ready;
        size_t n_fibers;    /* that have been started or will be */
        size_t n_offloaded; /* that a thread works for */
};

/* ---- time ---- */

/* Timers go by a clock that is never set; `now` of everybody else is that of the calendar. */
int64_t reactor_steady_ms(const struct reactor *reactor)
{
        return reactor->virtual_time ? reactor->virtual_ms : (int64_t)(uv_hrtime() / 1000000);
}

static int64_t reactor_now_ms(void *context)
{
        const struct reactor *reactor = context;
        struct clock system = clock_system();

        return reactor->virtual_time ? reactor->virtual_ms : clock_now_ms(&system);
}

/* On the steady clock, of an instant of the calendar. */
static int64_t steady_of(struct reactor *reactor, int64_t time_ms)
{
        int64_t left = time_ms - reactor_now_ms(reactor);

        return reactor_steady_ms(reactor) + (left > 0 ? left : 0);
}

/* ---- fibers that are ready ---- */

static void make_ready(struct reactor *reactor, struct fiber *fiber)
{
        /* The loop's timers come before its sockets: who was woken by one does not wait for those. */
        if (reactor->looping)
                uv_stop(&reactor->loop);
        fiber->next = NULL;
        *reactor->last_ready = fiber;
        reactor->last_ready = &fiber->next;
}

static struct fiber *take_ready(struct reactor *reactor)
{
        struct fiber *fiber = reactor->first_ready;

        reactor->first_ready = fiber->next;
        if (!reactor->first_ready)
                reactor->last_ready = &reactor->first_ready;
        return fiber;
}

static void fiber_delete(struct reactor *reactor, struct fiber *fiber)
{
        fiber_context_free(reactor->stacks, fiber->context);
        free(fiber);
        reactor->n_fibers--;
}

/* Its stack is taken when it starts, so that what is spawned for later costs little. */
static void fiber_continue(struct reactor *reactor, struct fiber *fiber)
{
        bool ended;

        if (!fiber->context)
                fiber->context = fiber_context_new(reactor->stacks, fiber->run, fiber->argument);
        reactor->current = fiber;
        ended = fiber_enter(fiber->context);
        reactor->current = NULL;
        if (ended)
                fiber_delete(reactor, fiber);
}

static void run_ready(struct reactor *reactor)
{
        struct fiber *last = NULL;

        if (!reactor->first_ready)
                return;
        /* Who becomes ready meanwhile has its turn after sockets were looked at. */
        for (last = reactor->first_ready; last->next; last = last->next)
                ;
        for (struct fiber *fiber = NULL; fiber != last;) {
                fiber = take_ready(reactor);
                fiber_continue(reactor, fiber);
        }
}

static void expire_timers(struct reactor *reactor)
{
        int64_t now_ms = reactor_steady_ms(reactor);
        struct timer *first;

        while ((first = timers_first(&reactor->timers)) && first->due_ms <= now_ms) {
                struct fiber *fiber = (struct fiber *)first;

                timers_remove(&reactor->timers, first);
                fiber->waiting = false;
                make_ready(reactor, fiber);
        }
}

/* ---- life ---- */

bool reactor_new(const struct reactor_options *options, struct reactor **ret_reactor, struct error *err)
{
        struct reactor *reactor = memory_new(1, sizeof *reactor);
        int failed = uv_loop_init(&reactor->loop);

        if (failed != 0) {
                free(reactor);
                return error_set(err, ERROR_IO, NULL, "no event loop: %s", uv_strerror(failed));
        }
        uv_timer_init(&reactor->loop, &reactor->alarm);
        reactor->alarm.data = reactor;
        uv_unref((uv_handle_t *)&reactor->alarm);
        reactor->virtual_time = options && options->virtual_start_ms != 0;
        reactor->virtual_ms = options ? options->virtual_start_ms : 0;
        reactor->loopback = reactor->virtual_time ? loopback_open() : NULL;
        reactor->last_ready = &reactor->first_ready;
        reactor->stacks = fiber_stacks_new();
        *ret_reactor = reactor;
        return true;
}

static void drop_unstarted(struct reactor *reactor)
{
        while (timers_first(&reactor->timers)) {
                struct fiber *fiber = (struct fiber *)timers_first(&reactor->timers);

                timers_remove(&reactor->timers, &fiber->timer);
                fiber_delete(reactor, fiber);
        }
}

void reactor_free(struct reactor *reactor)
{
        if (!reactor)
                return;
        drop_unstarted(reactor);
        uv_close((uv_handle_t *)&reactor->alarm, NULL);
        for (size_t i = 0; reactor->catches_signals && i < ARRAY_LENGTH(reactor->signals); i++)
                uv_close((uv_handle_t *)&reactor->signals[i], NULL);
        uv_run(&reactor->loop, UV_RUN_DEFAULT);
        uv_loop_close(&reactor->loop);
        fiber_stacks_free(reactor->stacks);
        timers_free(&reactor->timers);
        loopback_close(reactor->loopback);
        free(reactor);
}

static struct fiber *fiber_new(struct reactor *reactor, void (*run)(void *argument), void *argument)
{
        struct fiber *fiber = memory_new(1, sizeof *fiber);

        fiber->run = run;
        fiber->argument = argument;
        reactor->n_fibers++;
        return fiber;
}

void reactor_spawn(struct reactor *reactor, void (*run)(void *argument), void *argument)
{
        make_ready(reactor, fiber_new(reactor, run, argument));
}

void reactor_spawn_at(struct reactor *reactor, int64_t time_ms, void (*run)(void *argument), void *argument)
{
        struct fiber *fiber;

        if (reactor->stopped)
                return;
        fiber = fiber_new(reactor, run, argument);
        timers_add(&reactor->timers, &fiber->timer, steady_of(reactor, time_ms));
}

/* ---- the loop ---- */

static void note_alarm(uv_timer_t *alarm)
{
        struct reactor *reactor = alarm->data;

        reactor->rang = true;
}

static void look_at_sockets(struct reactor *reactor, uv_run_mode mode)
{
        reactor->looping = true;
        uv_run(&reactor->loop, mode);
        reactor->looping = false;
}

/* One turn of the loop, which waits for sockets for `wait_ms` at most. The alarm rings again and again: it
 * may be due before the loop begins to wait, and would be no reason to wake up then. */
static void run_loop(struct reactor *reactor, int64_t wait_ms)
{
        reactor->rang = false;
        uv_update_time(&reactor->loop);
        uv_timer_start(&reactor->alarm, note_alarm, (uint64_t)wait_ms, 1);
        uv_ref((uv_handle_t *)&reactor->alarm);
        look_at_sockets(reactor, UV_RUN_ONCE);
        uv_unref((uv_handle_t *)&reactor->alarm);
        uv_timer_stop(&reactor->alarm);
}

static void wait_for_sockets(struct reactor *reactor)
{
        const struct timer *first = timers_first(&reactor->timers);
        int64_t left = first ? first->due_ms - reactor_steady_ms(reactor) : LONGEST_WAIT_MS;

        run_loop(reactor, left < 0 ? 0 : left < LONGEST_WAIT_MS ? left : LONGEST_WAIT_MS);
}

static bool something_came(struct reactor *reactor)
{
        struct pollfd backend = {.fd = uv_backend_fd(&reactor->loop), .events = POLLIN};

        return reactor->first_ready || poll(&backend, 1, 0) != 0;
}

/* True when nothing came for a millisecond. What comes may take so long that the alarm rings, too: so it is
 * also looked whether there is more. */
static bool millisecond_is_quiet(struct reactor *reactor)
{
        run_loop(reactor, SETTLE_MS);
        return reactor->rang && !something_came(reactor);
}

/* True when there is nothing more to do for the loop now that all that was sent has come. */
static bool turn_is_quiet(struct reactor *reactor)
{
        if (something_came(reactor))
                return false;
        look_at_sockets(reactor, UV_RUN_NOWAIT);
        return !something_came(reactor);
}

struct moving {
        int64_t unsent_bytes;
        bool others; /* threads or processes, who take real time */
};

/* A pair of sockets is what threads tell each other things by, those of libcurl that look up names. */
static bool is_of_others(const uv_handle_t *handle, int fd)
{
        int domain = AF_UNSPEC;
        socklen_t length = sizeof domain;

        if (handle->type == UV_ASYNC || handle->type == UV_PROCESS || handle->type == UV_NAMED_PIPE)
                return true;
        return handle->type == UV_POLL && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
               domain == AF_UNIX;
}

static void add_moving(uv_handle_t *handle, void *context)
{
        struct moving *moving = context;
        int fd = -1, bytes;

        (void)uv_fileno(handle, &fd);
        moving->others |= is_of_others(handle, fd);
        if ((handle->type == UV_TCP || handle->type == UV_POLL) && ioctl(fd, SIOCOUTQNSD, &bytes) == 0)
                moving->unsent_bytes += bytes;
}

/* Unsent: bytes that were written and that TCP has not sent yet, because the other side has no room. It holds
 * them back for longer than a spell after there is room again. A timer of the loop that is about to ring is
 * libcurl's, which goes by the machine's clock. */
static struct moving what_moves(struct reactor *reactor)
{
        struct moving moving = {0};
        int rings_in_ms;

        uv_update_time(&reactor->loop);
        rings_in_ms = uv_backend_timeout(&reactor->loop);
        moving.others = rings_in_ms >= 0 && rings_in_ms <= QUIET_SPELLS * SETTLE_MS;
        uv_walk(&reactor->loop, add_moving, &moving);
        return moving;
}

static bool spell_is_quiet(struct reactor *reactor, const struct moving *moving)
{
        if (moving->others || moving->unsent_bytes > 0 || !loopback_is_through(reactor->loopback))
                return millisecond_is_quiet(reactor);
        return turn_is_quiet(reactor);
}

/* True when nothing moves on any socket. One spell is not enough: what came in it may have begun
 * something that the loop looks at in the next one only, and who connects gets an answer to that, and answers
 * in turn. Bytes that nobody takes are waited for once. */
static bool sockets_are_quiet(struct reactor *reactor)
{
        uint64_t end = uv_hrtime() + PATIENCE_MS * UINT64_C(1000000);
        struct moving moving = what_moves(reactor);
        int64_t first = moving.unsent_bytes;

        do {
                for (int spell = 0; spell < QUIET_SPELLS; spell++)
                        if (!spell_is_quiet(reactor, &moving))
                                return false;
                moving = what_moves(reactor);
                if (moving.unsent_bytes != first)
                        return false;
        } while (first > 0 && first != reactor->stuck_bytes && uv_hrtime() < end);
        reactor->stuck_bytes = first;
        return true;
}

static void wait_in_virtual_time(struct reactor *reactor)
{
        const struct timer *first;

        look_at_sockets(reactor, UV_RUN_NOWAIT);
        if (reactor->first_ready || (uv_loop_alive(&reactor->loop) && !sockets_are_quiet(reactor)))
                return;
        if (reactor->n_offloaded > 0) {
                look_at_sockets(reactor, UV_RUN_ONCE);
                return;
        }
        first = timers_first(&reactor->timers);
        if (first && first->due_ms > reactor->virtual_ms)
                reactor->virtual_ms = first->due_ms;
}

/* Does not wait for anything once `ended`, which a fiber may set. */
static void turn(struct reactor *reactor, const bool *ended)
{
        run_ready(reactor);
        expire_timers(reactor);
        if (reactor->first_ready || *ended)
                look_at_sockets(reactor, UV_RUN_NOWAIT);
        else if (reactor->n_fibers > 0 && reactor->virtual_time)
                wait_in_virtual_time(reactor);
        else if (reactor->n_fibers > 0)
                wait_for_sockets(reactor);
        expire_timers(reactor);
}

void reactor_run(struct reactor *reactor)
{
        const bool ended = false;

        while (reactor->n_fibers > 0)
                turn(reactor, &ended);
}

struct call {
        void (*run)(void *argument);
        void *argument;
        bool ended;
};

static void call_run(void *argument)
{
        struct call *call = argument;

        call->run(call->argument);
        call->ended = true;
}

void reactor_call(struct reactor *reactor, void (*run)(void *argument), void *argument)
{
        struct call call = {.run = run, .argument = argument};

        reactor_spawn(reactor, call_run, &call);
        while (!call.ended)
                turn(reactor, &call.ended);
}

/* ---- stopping ---- */

static void wake_sleepers(struct reactor *reactor)
{
        struct timers old = reactor->timers;

        reactor->timers = (struct timers){0};
        for (size_t i = 1; i <= old.count; i++) {
                struct fiber *fiber = (struct fiber *)old.heap[i];

                fiber->timer.place = 0;
                if (!fiber->context)
                        fiber_delete(reactor, fiber);
                else if (fiber->sleeping)
                        reactor_wake(reactor, fiber);
                else
                        timers_add(&reactor->timers, &fiber->timer, fiber->timer.due_ms);
        }
        timers_free(&old);
}

void reactor_stop(struct reactor *reactor)
{
        if (reactor->stopped)
                return;
        reactor->stopped = true;
        wake_sleepers(reactor);
}

bool reactor_stopped(const struct reactor *reactor)
{
        return reactor->stopped;
}

/* The second signal does what it does to any program; but a terminal that goes away sends SIGHUP twice, once
 * by its shell. */
static void on_signal(uv_signal_t *handle, int number)
{
        struct reactor *reactor = handle->data;

        (void)number;
        clock_stop();
        reactor_stop(reactor);
        for (size_t i = 0; i < ARRAY_LENGTH(reactor->signals); i++) {
                if (!uv_is_active((uv_handle_t *)&reactor->signals[i]))
                        continue;
                uv_signal_stop(&reactor->signals[i]);
                signal(stop_signals[i], stop_signals[i] == SIGHUP ? SIG_IGN : SIG_DFL);
        }
}

/* Of a terminal that goes away nohup wants nothing to be heard. */
static bool is_ignored(int number)
{
        struct sigaction now;

        return number == SIGHUP && sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

bool reactor_catch_signals(struct reactor *reactor, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(stop_signals); i++) {
                int failed = uv_signal_init(&reactor->loop, &reactor->signals[i]);

                reactor->signals[i].data = reactor;
                if (failed == 0 && !is_ignored(stop_signals[i]))
                        failed = uv_signal_start(&reactor->signals[i], on_signal, stop_signals[i]);
                if (failed != 0)
                        return error_set(err, ERROR_IO, NULL, "signals cannot be caught: %s",
                                         uv_strerror(failed));
                uv_unref((uv_handle_t *)&reactor->signals[i]);
        }
        reactor->catches_signals = true;
        if (clock_stopped())
                reactor_stop(reactor);
        return true;
}

/* ---- in a fiber ---- */

struct fiber *reactor_current(struct reactor *reactor)
{
        return reactor->current;
}

void reactor_suspend(struct reactor *reactor)
{
        struct fiber *fiber = reactor->current;

        if (!fiber->woken) {
                fiber->waiting = true;
                fiber_leave(fiber->context);
        }
        fiber->woken = false;
}

void reactor_wake(struct reactor *reactor, struct fiber *fiber)
{
        if (fiber->woken)
                return;
        fiber->woken = true;
        timers_remove(&reactor->timers, &fiber->timer);
        if (!fiber->waiting)
                return;
        fiber->waiting = false;
        make_ready(reactor, fiber);
}

bool reactor_suspend_until(struct reactor *reactor, int64_t time_ms)
{
        struct fiber *fiber = reactor->current;
        bool woken;

        if (!fiber->woken) {
                timers_add(&reactor->timers, &fiber->timer, steady_of(reactor, time_ms));
                fiber->waiting = true;
                fiber_leave(fiber->context);
        }
        woken = fiber->woken;
        fiber->woken = false;
        return woken;
}

void reactor_yield(struct reactor *reactor)
{
        struct fiber *fiber = reactor->current;
        bool woken = fiber->woken;

        fiber->woken = false;
        woken |= reactor_suspend_until(reactor, reactor_now_ms(reactor));
        fiber->woken = woken;
}

bool reactor_wait_until(struct reactor *reactor, int64_t time_ms)
{
        struct fiber *fiber = reactor->current;
        bool woken;

        if (reactor->stopped)
                return true;
        fiber->sleeping = true;
        woken = reactor_suspend_until(reactor, time_ms);
        fiber->sleeping = false;
        return woken;
}

static bool reactor_sleep_until(void *context, int64_t until_ms, struct error *err)
{
        struct reactor *reactor = context;
        bool woken = true;

        while (woken && !reactor->stopped)
                woken = reactor_wait_until(reactor, until_ms);
        return !reactor->stopped || error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
}

struct clock reactor_clock(struct reactor *reactor)
{
        return (struct clock){.now_ms = reactor_now_ms,
                              .sleep_until = reactor_sleep_until,
                              .context = reactor};
}

/* ---- work that blocks ---- */

struct offload {
        uv_work_t request; /* first: uv hands out a pointer to it */
        struct reactor *reactor;
        struct fiber *fiber;
        void (*work)(void *argument);
        void *argument;
        bool ended;
};

static void offload_run(uv_work_t *request)
{
        struct offload *offload = (struct offload *)request;

        offload->work(offload->argument);
}

static void offload_ended(uv_work_t *request, int status)
{
        struct offload *offload = (struct offload *)request;

        (void)status;
        offload->ended = true;
        reactor_wake(offload->reactor, offload->fiber);
}

void reactor_offload(struct reactor *reactor, void (*work)(void *argument), void *argument)
{
        struct offload offload = {.reactor = reactor,
                                  .fiber = reactor->current,
                                  .work = work,
                                  .argument = argument};

        reactor->n_offloaded++;
        uv_queue_work(&reactor->loop, &offload.request, offload_run, offload_ended);
        while (!offload.ended)
                reactor_suspend(reactor);
        reactor->n_offloaded--;
}

uv_loop_t *reactor_loop(struct reactor *reactor)
{
        return &reactor->loop;
}
