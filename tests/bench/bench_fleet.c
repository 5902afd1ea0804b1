/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a fleet of live pipelines costs one optctl on the machine's clock: strategy plan, mode Auto, a ledger,
 * and as many Flink job managers over loopback HTTP (played by a process of their own, one port each). Once
 * all are open, one in twenty begins to hang (it accepts and never answers); an interval later it is
 * measured:
 *
 *   bench_fleet [--pipelines N] [--interval SECONDS] [--intervals N]
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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "controller/live/host.h"
#include "tests/support/played_flink.h"

#define HANGS_EVERY   20
#define LOOK_MS       5000 /* whether all are open */
#define OPEN_PATIENCE 10   /* intervals until then at most */
#define REQUEST_ROOM  8192
#define MAX_EVENTS    256
#define MAX_FDS       65536
#define MAX_PIPELINES 15000

struct arguments {
        long long pipelines, interval, intervals;
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
        int orders; /* a signal is the order to hang */
        bool hanging;
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

        if (!end || !content || (farm->hanging && hangs(farm->connections[fd].peer)))
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

static void handle(struct farm *farm, int fd)
{
        if (fd == farm->orders) {
                struct signalfd_siginfo order;

                farm->hanging = read(fd, &order, sizeof order) > 0;
        } else if (farm->connections[fd].listens) {
                accept_from(farm, fd);
        } else {
                take(farm, fd);
        }
}

static void serve(const int *listeners, int n_peers, const sigset_t *orders)
{
        struct farm farm = {.epoll = epoll_create1(0), .orders = signalfd(-1, orders, 0)};
        struct epoll_event events[MAX_EVENTS];

        farm.peers = memory_new((size_t)n_peers, sizeof *farm.peers);
        farm.connections = memory_new(MAX_FDS, sizeof *farm.connections);
        for (int i = 0; i < n_peers; i++) {
                farm.peers[i] = played_flink_new(i, 300 + 7 * (i % 100), wall_ms());
                farm.connections[listeners[i]] = (struct connection){.peer = i, .listens = true};
                watch(&farm, listeners[i]);
        }
        watch(&farm, farm.orders);
        for (;;) {
                int count = epoll_wait(farm.epoll, events, MAX_EVENTS, -1);

                for (int i = 0; i < count; i++)
                        handle(&farm, events[i].data.fd);
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
        sigset_t orders;
        pid_t child;

        sigemptyset(&orders);
        sigaddset(&orders, SIGUSR1);
        for (int i = 0; i < count; i++)
                if ((listeners[i] = listen_anywhere(&ret_ports[i])) < 0) {
                        perror("bench_fleet: a socket for each pipeline (ulimit -n?)");
                        exit(1);
                }
        child = fork();
        if (child == 0) {
                sigprocmask(SIG_BLOCK, &orders, NULL);
                serve(listeners, count, &orders);
        }
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

#define MAX_BOUNDS 64

struct histogram {
        int count;
        double bounds[MAX_BOUNDS], turns[MAX_BOUNDS]; /* up to each bound */
};

struct snapshot {
        double cpu_seconds, wall_seconds;
        struct histogram answered, silent; /* turns by whether the peer answered */
};

struct stage {
        const struct arguments *arguments;
        struct host host;
        pid_t peers;
        char *ledger, *spec;
        int n_open;
        double open_seconds; /* that it took until all were */
        struct snapshot before, after;
        long resident_kb;
};

static double seconds_of(clockid_t clock)
{
        struct timespec time;

        clock_gettime(clock, &time);
        return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void read_histogram(const char *exposition, bool measured, struct histogram *ret)
{
        autofree char *mark = memory_format("\noptctl_turn_seconds_bucket{measured=\"%s\",le=\"",
                                            measured ? "true" : "false");

        ret->count = 0;
        while (ret->count < MAX_BOUNDS && (exposition = strstr(exposition, mark))) {
                const char *value;

                exposition += strlen(mark);
                ret->bounds[ret->count] = strtod(exposition, NULL);
                value = strchr(exposition, ' ');
                ret->turns[ret->count++] = value ? strtod(value, NULL) : 0;
        }
}

static void shoot(const struct stage *stage, struct snapshot *ret)
{
        autotext exposition = {0};

        metrics_expose(stage->host.metrics, &exposition);
        read_histogram(exposition.data, true, &ret->answered);
        read_histogram(exposition.data, false, &ret->silent);
        ret->cpu_seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        ret->wall_seconds = seconds_of(CLOCK_MONOTONIC);
}

static int count_open(const struct stage *stage)
{
        static const char up[] = "\noptctl_pipeline_up{";
        autotext exposition = {0};
        const char *at;
        int count = 0;

        metrics_expose(stage->host.metrics, &exposition);
        for (at = exposition.data; (at = strstr(at, up)); at += sizeof up) {
                const char *value = strchr(at + 1, ' ');

                count += value && value[1] == '1';
        }
        return count;
}

/* Of this process, now. */
static long resident_kb(void)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        size_t length;
        const char *line;

        if (!text_read_file("/proc/self/status", 1 << 16, &text, &length, &err))
                return 0;
        line = strstr(text, "VmRSS:");
        return line ? strtol(line + strlen("VmRSS:"), NULL, 10) : 0;
}

/* False: the program was interrupted. */
static bool rest(const struct stage *stage, int64_t ms)
{
        struct clock clock = reactor_clock(stage->host.reactor);
        struct error err = ERROR_INIT;

        return clock_sleep_until(&clock, clock_now_ms(&clock) + ms, &err);
}

/* Waits until all are open, lets some hang, waits for an interval, measures. */
static void watch_fleet(void *argument)
{
        struct stage *stage = argument;
        const struct arguments *arguments = stage->arguments;
        int64_t interval_ms = arguments->interval * MS_PER_SECOND;
        double begun = seconds_of(CLOCK_MONOTONIC);

        do {
                if (!rest(stage, LOOK_MS))
                        return;
                stage->n_open = count_open(stage);
                stage->open_seconds = seconds_of(CLOCK_MONOTONIC) - begun;
        } while (stage->n_open < arguments->pipelines &&
                 stage->open_seconds < (double)(OPEN_PATIENCE * arguments->interval));
        kill(stage->peers, SIGUSR1);
        if (!rest(stage, interval_ms))
                return;
        shoot(stage, &stage->before);
        if (!rest(stage, arguments->intervals * interval_ms))
                return;
        stage->resident_kb = resident_kb();
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

static bool run(struct stage *stage, const int *ports, struct error *err)
{
        const struct host_options options = {.ledger = stage->ledger, .quiet = true};

        if (!text_write_file(stage->spec, spec, sizeof spec - 1, err) ||
            !host_open(&options, &stage->host, err))
                return false;
        for (int i = 0; i < stage->arguments->pipelines; i++)
                if (!add(stage, stage->arguments, i, ports[i], err))
                        return false;
        reactor_spawn(stage->host.reactor, watch_fleet, stage);
        reactor_run(stage->host.reactor);
        return stage->after.wall_seconds > 0 || error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
}

/* ---- the figures ---- */

static struct histogram difference(const struct histogram *after, const struct histogram *before)
{
        struct histogram between = *after;

        for (int i = 0; i < before->count; i++)
                between.turns[i] -= before->turns[i];
        return between;
}

static double turns_of(const struct histogram *histogram)
{
        return histogram->count ? histogram->turns[histogram->count - 1] : 0;
}

/* The bound that no turn took longer than. */
static double worst(const struct histogram *histogram)
{
        for (int i = 0; i < histogram->count; i++)
                if (histogram->turns[i] >= turns_of(histogram))
                        return histogram->bounds[i];
        return NAN;
}

/* As Prometheus' histogram_quantile. */
static double quantile(const struct histogram *histogram, double q)
{
        double rank = q * turns_of(histogram);

        for (int i = 0; i < histogram->count; i++) {
                double below = i ? histogram->turns[i - 1] : 0, from = i ? histogram->bounds[i - 1] : 0;
                double width = histogram->bounds[i] - from;

                if (histogram->turns[i] >= rank && histogram->turns[i] > below)
                        return isfinite(width) ? from + width * (rank - below) / (histogram->turns[i] - below)
                                               : from;
        }
        return NAN;
}

static void print_figures(const struct stage *stage)
{
        const struct arguments *arguments = stage->arguments;
        double seconds = stage->after.wall_seconds - stage->before.wall_seconds;
        double cpu_seconds = stage->after.cpu_seconds - stage->before.cpu_seconds;
        int n_hanging = 0;
        double expected;
        struct histogram answered, silent;
        struct rusage usage;

        for (int i = 0; i < arguments->pipelines; i++)
                n_hanging += hangs(i);
        expected = (double)(arguments->pipelines - n_hanging) * seconds / (double)arguments->interval;
        answered = difference(&stage->after.answered, &stage->before.answered);
        silent = difference(&stage->after.silent, &stage->before.silent);
        getrusage(RUSAGE_SELF, &usage);
        printf("fleet of %lld pipelines, turns every %lld s, %lld intervals measured\n", arguments->pipelines,
               arguments->interval, arguments->intervals);
        printf("  open after %.0f s: %d; then %d peers hang\n", stage->open_seconds, stage->n_open,
               n_hanging);
        printf("  CPU %.1f %% of one core, %.2f ms a decision; resident %.0f MB, at most %.0f MB; heap %.1f "
               "kB a pipeline\n",
               100 * cpu_seconds / seconds, 1000 * cpu_seconds / turns_of(&answered),
               (double)stage->resident_kb / 1024, (double)usage.ru_maxrss / 1024,
               (double)(mallinfo2().uordblks + mallinfo2().hblkhd) / 1024 / (double)arguments->pipelines);
        printf("  peers that answer: %.0f decisions, %.0f missed; after p50 %.2f s, p99 %.2f s, worst <= %g "
               "s\n",
               turns_of(&answered), fmax(expected - turns_of(&answered), 0), quantile(&answered, 0.5),
               quantile(&answered, 0.99), worst(&answered));
        printf("  peers that hang: %.0f turns; after p50 %.2f s, worst <= %g s\n", turns_of(&silent),
               quantile(&silent, 0.5), worst(&silent));
}

static bool read_arguments(int count, char **words, struct arguments *arguments)
{
        for (int i = 1; i + 1 < count; i += 2) {
                long long *field = strcmp(words[i], "--pipelines") == 0   ? &arguments->pipelines
                                   : strcmp(words[i], "--interval") == 0  ? &arguments->interval
                                   : strcmp(words[i], "--intervals") == 0 ? &arguments->intervals
                                                                          : NULL;

                if (!field || !text_to_int64(words[i + 1], field) || *field < 1)
                        return false;
        }
        return count % 2 == 1 && arguments->pipelines <= MAX_PIPELINES;
}

int main(int count, char **words)
{
        struct arguments arguments = {5000, 60, 3};
        struct stage stage = {.arguments = &arguments,
                              .ledger = memory_format("bench-fleet-%d.db", (int)getpid()),
                              .spec = memory_format("bench-fleet-%d.yaml", (int)getpid())};
        autofree char *log = memory_format("%s-wal", stage.ledger);
        autofree char *shared = memory_format("%s-shm", stage.ledger);
        autofree char *lock = memory_format("%s-lock", stage.ledger);
        autofree int *ports = NULL;
        struct error err = ERROR_INIT;
        bool done;

        if (!read_arguments(count, words, &arguments)) {
                fprintf(stderr, "bench_fleet [--pipelines N] [--interval SECONDS] [--intervals N]\n");
                return 2;
        }
        ports = memory_new((size_t)arguments.pipelines, sizeof *ports);
        stage.peers = start_peers((int)arguments.pipelines, ports);
        done = run(&stage, ports, &err);
        if (done)
                print_figures(&stage);
        else
                fprintf(stderr, "bench_fleet: %s\n", err.message);
        host_close(&stage.host);
        kill(stage.peers, SIGKILL);
        (void)waitpid(stage.peers, NULL, 0);
        (void)(unlink(stage.ledger) + unlink(stage.spec) + unlink(log) + unlink(shared) + unlink(lock));
        free(stage.ledger);
        free(stage.spec);
        return done ? 0 : 1;
}
