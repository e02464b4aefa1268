/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a server on 127.0.0.1 and says how every request fared:
 *
 *   load -p PORT [-c CONNECTIONS] [-r RATE] [-t SECONDS] [-n REQUESTS] [-T SECONDS] [-k]
 *        [-w SECONDS] [-a ADDRESS] [-A CLIENTS] PATH...
 *
 * Without -r each of CONNECTIONS asks again as soon as it is answered, and the last
 * round of the PATHs, taken in turn, is always whole. With -r requests begin at that
 * rate whatever comes back, as visitors do, each on a connection of its own, and
 * CONNECTIONS bounds how many are open: one for which there is no room then is counted
 * as not begun. What is under way at the end is waited for, -T seconds (30) a request
 * at most. -k keeps connections open between requests; where the server closes one just when
 * it is asked again, that request goes to a new one, as from a browser. -w has so many seconds
 * of the same go before, of whose answers nothing is told. -a is the client's own
 * address, one of 127.0.0.0/8; with -A new connections come from so many addresses in turn,
 * from there on.
 *
 * A request's time runs from when it was due to the last byte of its answer. Prints
 * one JSON object: for each status how many there were, how many of those before the
 * end and with a Retry-After, bytes, and quantiles in milliseconds; the same for requests
 * that failed.
 *
 * Answers are to have a Content-Length or to end with the connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MOST     8192
#define STATUSES      600
#define FAILED        0 /* the status of what got no answer */
#define CONNECTS_MOST 20000
#define RATE_MOST     1000000
#define CLIENTS_MOST  60000

typedef struct load_connection {
    int fd; /* -1: free */
    bool asking, idle;
    double due;
    size_t got;   /* of the head */
    int status;   /* 0 until the head is in */
    int64_t left; /* of the body; -1: until the connection ends */
    bool closing; /* the server said so */
    bool retry;   /* it has a Retry-After */
    bool kept;    /* from the request before */
    const char *path;
    char head[HEAD_MOST];
} load_connection;

/* The times of all answers with one status. */
typedef struct answer_times {
    float *ms;
    size_t count, room, in_time, retry;
    uint64_t bytes;
} answer_times;

typedef struct load_state {
    unsigned port, connections;
    double rate, seconds, timeout, before;
    uint64_t most;
    bool keep;
    uint32_t address; /* of the first client; 0: any */
    uint32_t clients;
    char **paths;
    size_t path_count;

    int epoll, timer;
    load_connection *all;
    unsigned busy, next_free;
    double began, end;
    uint64_t begun, not_begun;
    answer_times by_status[STATUSES];
} load_state;

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what,
            errno ? strerror(errno) : "usage: see tools/measure/load.c");
    exit(2);
}

static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- one request ----------------------------------------------------------------- */

static void note(load_state *load, const load_connection *connection, int status,
                 uint64_t bytes)
{
    answer_times *times = &load->by_status[status];
    double now = now_seconds();

    if (now < load->began + load->before)
        return;
    if (times->count == times->room) {
        times->room = 2 * times->room + 1024;
        times->ms = reallocarray(times->ms, times->room, sizeof *times->ms);
        if (!times->ms)
            die("out of memory");
    }
    times->ms[times->count++] = (float)((now - connection->due) * 1e3);
    times->in_time += now <= load->end;
    times->retry += connection->retry;
    times->bytes += bytes;
}

static void drop(load_connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
    connection->idle = false;
}

/* The request is over, with an answer or without (FAILED). */
static void finish(load_state *load, load_connection *connection, int status, uint64_t bytes,
                   bool reusable)
{
    note(load, connection, status, bytes);
    connection->asking = false;
    load->busy--;
    if (reusable && load->keep && !load->rate)
        connection->idle = true;
    else
        drop(connection);
}

static bool connect_to(load_state *load, load_connection *connection)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)load->port),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLOUT, .data = {.ptr = connection}};
    int one = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return false;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    own.sin_addr.s_addr = htonl(load->address + (uint32_t)(load->begun % load->clients));
    /* The port only when it is known where to: as many as there are for each server. */
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if ((load->address && bind(connection->fd, (struct sockaddr *)&own, sizeof own) != 0) ||
        (connect(connection->fd, (struct sockaddr *)&server, sizeof server) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        drop(connection);
        return false;
    }
    return true;
}

/* RFC 9112, 9.3.1: what a kept connection closed on may be asked for again. */
static bool ask_again(load_state *load, load_connection *connection)
{
    if (!connection->kept || connection->got || connection->status)
        return false;
    connection->kept = false;
    drop(connection);
    return connect_to(load, connection);
}

static void send_request(load_state *load, load_connection *connection)
{
    char text[4096];
    int length = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\n"
                          "Connection: %s\r\n\r\n",
                          connection->path, load->keep ? "keep-alive" : "close");

    /* So small a request always fits into an empty socket's buffer. */
    if (send(connection->fd, text, (size_t)length, MSG_NOSIGNAL) != length &&
        !ask_again(load, connection))
        finish(load, connection, FAILED, 0, false);
}

static load_connection *find_free(load_state *load)
{
    for (unsigned tried = 0; tried < load->connections; tried++) {
        load_connection *connection = &load->all[load->next_free++ % load->connections];
        if (!connection->asking)
            return connection;
    }
    return NULL;
}

static void begin(load_state *load, load_connection *connection, double due)
{
    connection->path = load->paths[load->begun++ % load->path_count];
    connection->due = due;
    connection->got = 0;
    connection->status = 0;
    connection->closing = !load->keep;
    connection->retry = false;
    connection->asking = true;
    connection->kept = connection->idle;
    load->busy++;
    if (connection->idle) {
        connection->idle = false;
        send_request(load, connection);
    } else if (!connect_to(load, connection)) {
        note(load, connection, FAILED, 0);
        connection->asking = false;
        load->busy--;
    }
}

/* ---- the answer ------------------------------------------------------------------ */

/* The head is in `connection->head`, terminated: what does it say? */
static bool read_head(load_connection *connection)
{
    char *line = connection->head;

    if (sscanf(line, "HTTP/1.%*d %d", &connection->status) != 1 || connection->status < 100 ||
        connection->status >= STATUSES)
        return false;
    connection->left = -1;
    while ((line = strstr(line, "\r\n"))) {
        line += 2;
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            connection->left = strtoll(line + 15, NULL, 10);
        else if (strncasecmp(line, "Connection: close", 17) == 0)
            connection->closing = true;
        else if (strncasecmp(line, "Retry-After:", 12) == 0)
            connection->retry = true;
    }
    return true;
}

/* `count` bytes came at the end of the head; false when that is no answer. */
static bool take_head(load_connection *connection, size_t count)
{
    char *end;
    size_t body;

    connection->got += count;
    connection->head[connection->got] = 0;
    end = strstr(connection->head, "\r\n\r\n");
    if (!end)
        return connection->got < HEAD_MOST - 1;
    body = connection->got - (size_t)(end + 4 - connection->head);
    end[2] = 0;
    if (!read_head(connection))
        return false;
    connection->got = body; /* from here on: of the body */
    if (connection->left >= 0)
        connection->left -= (int64_t)body;
    return true;
}

static void receive(load_state *load, load_connection *connection)
{
    static char body[256 * 1024];

    while (connection->asking) {
        bool in_head = connection->status == 0;
        ssize_t count = in_head ? recv(connection->fd, connection->head + connection->got,
                                       HEAD_MOST - 1 - connection->got, 0)
                                : recv(connection->fd, body, sizeof body, 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (count <= 0) {
            bool whole = count == 0 && !in_head && connection->left < 0;
            if (!whole && ask_again(load, connection))
                return;
            finish(load, connection, whole ? connection->status : FAILED, connection->got,
                   false);
            return;
        }
        if (in_head && !take_head(connection, (size_t)count)) {
            finish(load, connection, FAILED, 0, false);
            return;
        }
        if (!in_head) {
            connection->got += (size_t)count;
            connection->left -= connection->left >= 0 ? count : 0;
        }
        if (connection->status && connection->left == 0)
            finish(load, connection, connection->status, connection->got, !connection->closing);
    }
}

static void on_event(load_state *load, load_connection *connection, uint32_t events)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data = {.ptr = connection}};

    if (connection->fd < 0)
        return;
    if (!connection->asking) { /* the server closed a kept connection */
        drop(connection);
    } else if ((events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP))) {
        epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->fd, &wanted);
        send_request(load, connection);
    } else {
        receive(load, connection);
    }
}

static void expire(load_state *load, double now)
{
    for (unsigned at = 0; at < load->connections; at++) {
        load_connection *connection = &load->all[at];
        if (connection->asking && now - connection->due > load->timeout)
            finish(load, connection, FAILED, 0, false);
    }
}

/* ---- the run --------------------------------------------------------------------- */

/* When the next request of an open loop is due. */
static double next_due(const load_state *load)
{
    return load->began + (double)(load->begun + load->not_begun) / load->rate;
}

/*
 * Whether another request is to begin. A closed loop ends with a whole round of paths,
 * an open one with what is due before the end, however late that is noticed.
 */
static bool goes_on(const load_state *load, double now)
{
    if (load->rate)
        return next_due(load) < load->end && load->begun + load->not_begun < load->most;
    return load->begun % load->path_count != 0 || (now < load->end && load->begun < load->most);
}

static void begin_due(load_state *load, double now)
{
    load_connection *connection;

    if (!load->rate) {
        while (load->busy < load->connections && goes_on(load, now) &&
               (connection = find_free(load)))
            begin(load, connection, now_seconds());
        return;
    }
    while (goes_on(load, now)) {
        double due = next_due(load);
        if (due > now)
            break;
        connection = load->busy < load->connections ? find_free(load) : NULL;
        if (connection)
            begin(load, connection, due);
        else
            load->not_begun++;
    }
}

/* Wake up when the next request is due, or to look for what takes too long. */
static void set_timer(const load_state *load, double now)
{
    double wait = 0.1;
    struct itimerspec timer = {{0, 0}, {0, 0}};

    if (load->rate && goes_on(load, now) && next_due(load) - now < wait)
        wait = next_due(load) - now;
    timer.it_value.tv_nsec = wait > 1e-6 ? (long)(wait * 1e9) : 1000;
    timerfd_settime(load->timer, 0, &timer, NULL);
}

static void run(load_state *load)
{
    struct epoll_event events[256];
    double checked, now;

    load->began = now = checked = now_seconds();
    load->end = load->began + load->before + load->seconds;
    while (goes_on(load, now) || load->busy > 0) {
        int count;
        begin_due(load, now);
        set_timer(load, now_seconds());
        count = epoll_wait(load->epoll, events, 256, 1000);
        for (int at = 0; at < count; at++) {
            uint64_t ticks;
            if (!events[at].data.ptr) {
                if (read(load->timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
                    die("timer");
            } else {
                on_event(load, events[at].data.ptr, events[at].events);
            }
        }
        now = now_seconds();
        if (now - checked > 0.1) {
            expire(load, now);
            checked = now;
        }
    }
}

/* ---- the report ------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

static double quantile(const answer_times *times, double part)
{
    return times->ms[(size_t)(part * (double)(times->count - 1) + 0.5)];
}

static void report(load_state *load)
{
    const char *comma = "";

    printf("{\"seconds\": %.6f, \"begun\": %llu, \"not_begun\": %llu, \"answers\": {",
           now_seconds() - load->began, (unsigned long long)load->begun,
           (unsigned long long)load->not_begun);
    for (int status = 0; status < STATUSES; status++) {
        answer_times *times = &load->by_status[status];
        if (times->count == 0)
            continue;
        qsort(times->ms, times->count, sizeof *times->ms, by_value);
        printf("%s\"%s", comma, status == FAILED ? "failed" : "");
        if (status != FAILED)
            printf("%d", status);
        printf("\": {\"count\": %zu, \"in_time\": %zu, \"retry\": %zu, \"bytes\": %llu, "
               "\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f}",
               times->count, times->in_time, times->retry, (unsigned long long)times->bytes,
               quantile(times, 0.5), quantile(times, 0.9), quantile(times, 0.99),
               quantile(times, 1));
        comma = ", ";
    }
    puts("}}");
}

static double number(const char *text, double most)
{
    char *end;
    double value = strtod(text, &end);

    errno = 0;
    if (*end || end == text || !(value > 0) || value > most)
        die(text);
    return value;
}

static uint32_t address_of(const char *text)
{
    struct in_addr address;

    errno = 0;
    if (inet_pton(AF_INET, text, &address) != 1 || ntohl(address.s_addr) >> 24 != 127)
        die(text);
    return ntohl(address.s_addr);
}

static void parse(load_state *load, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "p:c:r:t:n:T:w:a:A:k")) != -1) {
        if (option == 'p')
            load->port = (unsigned)number(optarg, 65535);
        else if (option == 'c')
            load->connections = (unsigned)number(optarg, CONNECTS_MOST);
        else if (option == 'r')
            load->rate = number(optarg, RATE_MOST);
        else if (option == 't')
            load->seconds = number(optarg, 3600);
        else if (option == 'n')
            load->most = (uint64_t)number(optarg, 1e12);
        else if (option == 'T')
            load->timeout = number(optarg, 3600);
        else if (option == 'w')
            load->before = number(optarg, 3600);
        else if (option == 'a')
            load->address = address_of(optarg);
        else if (option == 'A')
            load->clients = (uint32_t)number(optarg, CLIENTS_MOST);
        else if (option == 'k')
            load->keep = true;
        else
            die("options");
    }
    load->paths = argv + optind;
    load->path_count = (size_t)(argc - optind);
    errno = 0;
    if (!load->port || argc == optind || !load->connections || !load->clients ||
        (load->clients > 1 && !load->address))
        die("port, connections, clients with an address, and paths");
}

int main(int argc, char **argv)
{
    static load_state load = {
        .connections = 1, .clients = 1, .seconds = 10, .timeout = 30, .most = UINT64_MAX};
    struct rlimit files;
    struct epoll_event event = {.events = EPOLLIN};

    parse(&load, argc, argv);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    load.all = calloc(load.connections, sizeof *load.all);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (!load.all || load.epoll < 0 || load.timer < 0 ||
        epoll_ctl(load.epoll, EPOLL_CTL_ADD, load.timer, &event) != 0)
        die("start");
    for (unsigned at = 0; at < load.connections; at++)
        load.all[at].fd = -1;
    run(&load);
    report(&load);
    return 0;
}
