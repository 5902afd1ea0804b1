/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a fleet of live pipelines costs one optctl on the machine's clock: strategy plan, mode Auto, a ledger,
 * and as many Flink job managers over loopback HTTP (played by a process of their own, one port each), of
 * which one in twenty accepts and never answers. Measured once all are open:
 *
 *   bench_fleet [--pipelines N] [--interval SECONDS] [--seconds SECONDS]
 *
 * CPU is that of this process alone, as a share of one core; latency is from when a turn is due until it has
 * decided, of the pipelines that answer, read off the histogram that optctl serves.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "controller/host.h"
#include "tests/support/played_flink.h"

#define HANGS_EVERY   20
#define SETTLE_MS     5000 /* after an interval in which all are opened */
#define REQUEST_ROOM  8192
#define MAX_EVENTS    256
#define MAX_FDS       65536
#define MAX_PIPELINES 15000

struct arguments {
        long long pipelines, interval, seconds;
};

/* ---- the peers: one process, a listening socket a pipeline ---- */

struct connection {
        int peer; /* its pipeline */
        bool listens;
        size_t length;
        char *request;
};

struct farm {
        int epoll;
        struct played_flink *peers;
        struct connection *connections; /* by file descriptor */
};

static int64_t wall_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool hangs(int peer)
{
        return peer % HANGS_EVERY == 7;
}

static void watch(const struct farm *farm, int fd)
{
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        (void)epoll_ctl(farm->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void hang_up(struct farm *farm, int fd)
{
        free(farm->connections[fd].request);
        farm->connections[fd] = (struct connection){.peer = 0};
        close(fd);
}

static void answer(const struct farm *farm, int fd, char *request)
{
        autotext body = {0}, whole = {0};
        char *path = strchr(request, ' ');
        char *end = path ? strchr(path + 1, ' ') : NULL;
        const char *content = strstr(request, "\r\n\r\n");
        bool found;

        if (!end || !content || hangs(farm->connections[fd].peer))
                return;
        *end = '\0';
        found = played_answer(&farm->peers[farm->connections[fd].peer], *request == 'P', path + 1,
                              content + 4, wall_ms(), &body);
        text_format(&whole, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                    found ? "200 OK" : "404 Not Found", body.length, body.length ? body.data : "");
        (void)!write(fd, whole.data, whole.length);
}

/* optctl sends a request at a time on each connection. */
static bool is_whole(const char *request)
{
        const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "\r\nContent-Length:");

        return end && strlen(end + 4) >= (length && length < end ? (size_t)atoi(length + 17) : 0);
}

static void take(struct farm *farm, int fd)
{
        struct connection *connection = &farm->connections[fd];
        ssize_t count;

        if (!connection->request)
                connection->request = memory_new(REQUEST_ROOM + 1, 1);
        count = read(fd, connection->request + connection->length, REQUEST_ROOM - connection->length);
        if (count <= 0) {
                hang_up(farm, fd);
                return;
        }
        connection->length += (size_t)count;
        connection->request[connection->length] = '\0';
        if (!is_whole(connection->request))
                return;
        answer(farm, fd, connection->request);
        connection->length = 0;
}

static void accept_from(const struct farm *farm, int listener)
{
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

        if (fd < 0)
                return;
        if (fd >= MAX_FDS) {
                close(fd);
                return;
        }
        farm->connections[fd] = (struct connection){.peer = farm->connections[listener].peer};
        watch(farm, fd);
}

static void serve(const int *listeners, int n_peers)
{
        struct farm farm = {.epoll = epoll_create1(0)};
        struct epoll_event events[MAX_EVENTS];

        farm.peers = memory_new((size_t)n_peers, sizeof *farm.peers);
        farm.connections = memory_new(MAX_FDS, sizeof *farm.connections);
        for (int i = 0; i < n_peers; i++) {
                farm.peers[i] = played_flink_new(i, 300 + 7 * (i % 100), wall_ms());
                farm.connections[listeners[i]] = (struct connection){.peer = i, .listens = true};
                watch(&farm, listeners[i]);
        }
        for (;;) {
                int count = epoll_wait(farm.epoll, events, MAX_EVENTS, -1);

                for (int i = 0; i < count; i++)
                        if (farm.connections[events[i].data.fd].listens)
                                accept_from(&farm, events[i].data.fd);
                        else
                                take(&farm, events[i].data.fd);
        }
}

/* Listens on a free port; -1: not. */
static int listen_anywhere(int *ret_port)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 64) != 0 ||
            getsockname(fd, (struct sockaddr *)&address, &length) != 0)
                return -1;
        *ret_port = ntohs(address.sin_port);
        return fd;
}

/* The process that plays them; their ports. */
static pid_t start_peers(int count, int *ret_ports)
{
        autofree int *listeners = memory_new((size_t)count, sizeof *listeners);
        pid_t child;

        for (int i = 0; i < count; i++)
                if ((listeners[i] = listen_anywhere(&ret_ports[i])) < 0) {
                        perror("bench_fleet: a socket for each pipeline (ulimit -n?)");
                        exit(1);
                }
        child = fork();
        if (child == 0)
                serve(listeners, count);
        for (int i = 0; i < count; i++)
                close(listeners[i]);
        return child;
}

/* ---- the fleet ---- */

static const char spec[] =
        "apiVersion: optctl.dev/v1alpha1\n"
        "kind: TunedPipeline\n"
        "metadata: {name: p}\n"
        "spec:\n"
        "  mode: Auto\n"
        "  strategy: plan\n"
        "  engine: {flink: {url: \"http://127.0.0.1:1\"}}\n"
        "  knobs: [{name: parallelism, scope: Operator, operator: work, min: 1, max: 16}]\n"
        "  constraints: {backlogSeconds: 60}\n"
        "  prices: {currency: EUR, worker: {perHour: \"0.25\"}}\n";

struct snapshot {
        double cpu_seconds, wall_seconds;
        char *exposition;
};

struct stage {
        struct host host;
        char *ledger, *spec;
        struct snapshot before, after;
};

static double seconds_of(clockid_t clock)
{
        struct timespec time;

        clock_gettime(clock, &time);
        return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void shoot(const struct stage *stage, struct snapshot *ret)
{
        struct text exposition = {0};

        metrics_expose(stage->host.metrics, &exposition);
        *ret = (struct snapshot){seconds_of(CLOCK_PROCESS_CPUTIME_ID), seconds_of(CLOCK_MONOTONIC),
                                 text_take(&exposition)};
}

static void begin(void *argument)
{
        struct stage *stage = argument;

        shoot(stage, &stage->before);
}

static void end(void *argument)
{
        struct stage *stage = argument;

        shoot(stage, &stage->after);
        reactor_stop(stage->host.reactor);
}

static bool add(const struct stage *stage, const struct arguments *arguments, int index, int port,
                struct error *err)
{
        autofree char *name = memory_format("metadata.name=p%05d", index);
        autofree char *url = memory_format("spec.engine.flink.url=http://127.0.0.1:%d", port);
        autofree char *interval =
                memory_format("spec.strategies.plan.intervalSeconds=%lld", arguments->interval);
        const char *const overrides[] = {name, url, interval, NULL};

        return fleet_add(stage->host.fleet, stage->spec, NULL, overrides, err);
}

static bool run(struct stage *stage, const struct arguments *arguments, const int *ports, struct error *err)
{
        const struct host_options options = {.ledger = stage->ledger, .quiet = true};
        int64_t start_ms;

        if (!text_write_file(stage->spec, spec, sizeof spec - 1, err) ||
            !host_open(&options, &stage->host, err))
                return false;
        for (int i = 0; i < arguments->pipelines; i++)
                if (!add(stage, arguments, i, ports[i], err))
                        return false;
        start_ms = clock_now_ms(&stage->host.clock) + arguments->interval * MS_PER_SECOND + SETTLE_MS;
        reactor_spawn_at(stage->host.reactor, start_ms, begin, stage);
        reactor_spawn_at(stage->host.reactor, start_ms + arguments->seconds * MS_PER_SECOND, end, stage);
        reactor_run(stage->host.reactor);
        return true;
}

/* ---- the figures ---- */

#define HISTOGRAM "\noptctl_turn_seconds_bucket{le=\""

/* Turns up to each bound, after less before; how many bounds. */
static int read_buckets(const struct stage *stage, double *ret_bounds, double *ret_counts, int room)
{
        const char *before = stage->before.exposition, *after = stage->after.exposition;
        int count = 0;

        while (count < room && (after = strstr(after, HISTOGRAM))) {
                const char *value;

                after += strlen(HISTOGRAM);
                ret_bounds[count] = strtod(after, NULL);
                value = strchr(after, ' ');
                ret_counts[count] = value ? strtod(value, NULL) : 0;
                before = before ? strstr(before, HISTOGRAM) : NULL;
                if (before) {
                        before += strlen(HISTOGRAM);
                        value = strchr(before, ' ');
                        ret_counts[count] -= value ? strtod(value, NULL) : 0;
                }
                count++;
        }
        return count;
}

/* As Prometheus' histogram_quantile. */
static double quantile(const double *bounds, const double *counts, int count, double q)
{
        double rank = q * counts[count - 1];

        for (int i = 0; i < count; i++) {
                double below = i ? counts[i - 1] : 0, from = i ? bounds[i - 1] : 0;

                if (counts[i] >= rank && counts[i] > below)
                        return isfinite(bounds[i])
                                       ? from + (bounds[i] - from) * (rank - below) / (counts[i] - below)
                                       : from;
        }
        return NAN;
}

static void print_figures(const struct stage *stage, const struct arguments *arguments)
{
        double bounds[64], counts[64];
        double seconds = stage->after.wall_seconds - stage->before.wall_seconds;
        int count = read_buckets(stage, bounds, counts, 64);
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        printf("%-24s %8s %8s %10s %10s %9s %9s\n", "fleet", "turns", "% core", "peak MB", "heap kB/p",
               "p50 s", "p99 s");
        printf("%5lld pipelines, %4lld s   %8.0f %8.1f %10.0f %10.1f %9.2f %9.2f\n", arguments->pipelines,
               arguments->interval, count ? counts[count - 1] : 0,
               100 * (stage->after.cpu_seconds - stage->before.cpu_seconds) / seconds,
               (double)usage.ru_maxrss / 1024,
               (double)(mallinfo2().uordblks + mallinfo2().hblkhd) / 1024 / (double)arguments->pipelines,
               count ? quantile(bounds, counts, count, 0.5) : NAN,
               count ? quantile(bounds, counts, count, 0.99) : NAN);
}

static bool read_arguments(int count, char **words, struct arguments *arguments)
{
        for (int i = 1; i + 1 < count; i += 2) {
                long long *field = strcmp(words[i], "--pipelines") == 0  ? &arguments->pipelines
                                   : strcmp(words[i], "--interval") == 0 ? &arguments->interval
                                   : strcmp(words[i], "--seconds") == 0  ? &arguments->seconds
                                                                         : NULL;

                if (!field || !text_to_int64(words[i + 1], field) || *field < 1)
                        return false;
        }
        return count % 2 == 1 && arguments->pipelines <= MAX_PIPELINES;
}

int main(int count, char **words)
{
        struct arguments arguments = {5000, 60, 120};
        struct stage stage = {.ledger = memory_format("bench-fleet-%d.db", (int)getpid()),
                              .spec = memory_format("bench-fleet-%d.yaml", (int)getpid())};
        autofree char *log = memory_format("%s-wal", stage.ledger);
        autofree char *shared = memory_format("%s-shm", stage.ledger);
        autofree char *lock = memory_format("%s-lock", stage.ledger);
        autofree int *ports = NULL;
        struct error err = ERROR_INIT;
        bool done;
        pid_t peers;

        if (!read_arguments(count, words, &arguments)) {
                fprintf(stderr, "bench_fleet [--pipelines N] [--interval SECONDS] [--seconds SECONDS]\n");
                return 2;
        }
        ports = memory_new((size_t)arguments.pipelines, sizeof *ports);
        peers = start_peers((int)arguments.pipelines, ports);
        done = run(&stage, &arguments, ports, &err);
        if (done)
                print_figures(&stage, &arguments);
        else
                fprintf(stderr, "bench_fleet: %s\n", err.message);
        host_close(&stage.host);
        kill(peers, SIGKILL);
        (void)waitpid(peers, NULL, 0);
        (void)(unlink(stage.ledger) + unlink(stage.spec) + unlink(log) + unlink(shared) + unlink(lock));
        free(stage.ledger);
        free(stage.spec);
        free(stage.before.exposition);
        free(stage.after.exposition);
        return done ? 0 : 1;
}
