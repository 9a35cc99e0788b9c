/*
 * Many slow clients with the same behaviour: they send something, drip more, read or do not read, and wait to be cut off.
 *
 *   cc -O2 -o crowd crowd.c && ./crowd PORT COUNT SECONDS [KEY=VALUE...]
 *
 *   from=ADDRESS     the address of the clients
 *   send=FILE        the bytes that each sends first
 *   drip=FILE        the bytes that each sends after that, in a loop: step= bytes every ms= milliseconds
 *   step=BYTES       0: as fast as possible
 *   read=BYTES       the number of bytes that each reads every ms= milliseconds; 0 (default): none, -1: all
 *   rcvbuf=BYTES     the size of the receive buffer
 *   half=1           each ends its half after the first bytes
 *   vanish=1         each then drops all packets that arrive, as if its cable were cut
 *
 * It prints a line when all are connected and have sent their first bytes, and at the end one line of JSON: how many were
 * cut off, the milliseconds until the first and the last of these, how many got each status, and how many bytes came.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 20000, TURN_MS = 10 };

struct client {
    double begun_ms;
    size_t first, dripped;
    int head_length, is_vanished;
    char head[13];
};
struct text {
    char *bytes;
    size_t length;
};

static struct client clients[CLIENTS_MAX];
static struct pollfd polls[CLIENTS_MAX];
static char buffer[1 << 20];
static struct text first, drip;
static long step, every_ms = 100, reads, rcvbuf, halves, vanishes;
static int cut, statuses[600];
static double first_cut_ms = -1, last_cut_ms;
static long long received, sent;

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static struct text read_file(const char *path) {
    struct text text = {malloc(64 << 20), 0};
    int fd = open(path, O_RDONLY);
    if (fd < 0) die(path);
    for (ssize_t n; (n = read(fd, text.bytes + text.length, (64 << 20) - text.length)) > 0;) text.length += (size_t)n;
    close(fd);
    return text;
}

static void note_end(int i) {
    double ms = now_ms() - clients[i].begun_ms;
    int status = clients[i].head_length == 12 ? atoi(clients[i].head + 9) : 0;
    statuses[status > 0 && status < 600 ? status : 0]++;
    cut++;
    if (first_cut_ms < 0) first_cut_ms = ms;
    if (ms > last_cut_ms) last_cut_ms = ms;
    close(polls[i].fd);
    polls[i].fd = -1;
}

/* Sends at most `most` bytes of `text` from `*at` on. Returns 0 when the client was cut off. */
static int send_some(int i, struct text text, size_t *at, size_t most) {
    while (most > 0) {
        size_t from = *at % text.length, count = text.length - from < most ? text.length - from : most;
        ssize_t n = send(polls[i].fd, text.bytes + from, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        *at += (size_t)n, most -= (size_t)n, sent += n;
        if ((size_t)n < count) return 1;
    }
    return 1;
}

/* Reads at most `most` bytes. Returns 0 when the client was cut off. */
static int read_some(int i, size_t most) {
    struct client *client = &clients[i];
    while (most > 0) {
        ssize_t n = recv(polls[i].fd, buffer, most < sizeof buffer ? most : sizeof buffer, MSG_DONTWAIT);
        if (n == 0) return 0;
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        for (ssize_t k = 0; k < n && client->head_length < 12; k++) client->head[client->head_length++] = buffer[k];
        most -= (size_t)n, received += n;
    }
    return 1;
}

static void after_first(int i) {
    if (halves) shutdown(polls[i].fd, SHUT_WR);
    if (!vanishes || clients[i].is_vanished) return;
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {1, &nothing};
    if (setsockopt(polls[i].fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) die("filter");
    clients[i].is_vanished = 1;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int count = atoi(argv[2]);
    double seconds = atof(argv[3]);
    if (count > CLIENTS_MAX) return 2;
    struct sockaddr_in server = {AF_INET, htons(atoi(argv[1])), {htonl(INADDR_LOOPBACK)}, {0}}, own = server;
    own.sin_port = 0;
    for (int i = 4; i < argc; i++) {
        char *value = strchr(argv[i], '=') + 1;
        if (!strncmp(argv[i], "from=", 5)) own.sin_addr.s_addr = inet_addr(value);
        else if (!strncmp(argv[i], "send=", 5)) first = read_file(value);
        else if (!strncmp(argv[i], "drip=", 5)) drip = read_file(value);
        else if (!strncmp(argv[i], "step=", 5)) step = atol(value);
        else if (!strncmp(argv[i], "ms=", 3)) every_ms = atol(value);
        else if (!strncmp(argv[i], "read=", 5)) reads = atol(value);
        else if (!strncmp(argv[i], "rcvbuf=", 7)) rcvbuf = atol(value);
        else if (!strncmp(argv[i], "half=", 5)) halves = atol(value);
        else if (!strncmp(argv[i], "vanish=", 7)) vanishes = atol(value);
        else return 2;
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = (int)rcvbuf, one = 1;
        if (fd < 0) die("socket");
        if (rcvbuf) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) die("bind");
        fcntl(fd, F_SETFL, O_NONBLOCK);
        clients[i].begun_ms = now_ms();
        if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) die("connect");
        polls[i] = (struct pollfd){fd, POLLRDHUP, 0};
        if (i % 200 == 199) usleep(5000); /* the backlog is finite */
    }
    double begun_ms = now_ms(), step_ms = begun_ms;
    for (int is_said = 0; now_ms() - begun_ms < seconds * 1e3 && cut < count;) {
        int is_step = now_ms() >= step_ms, all_sent = 1;
        if (is_step) step_ms += every_ms;
        for (int i = 0; i < count; i++) {
            if (polls[i].fd < 0) continue;
            struct client *client = &clients[i];
            int lives = 1;
            if (client->first < first.length) {
                lives = send_some(i, first, &client->first, first.length - client->first);
                if (client->first == first.length) after_first(i);
                else all_sent = 0;
            } else if (first.length == 0) after_first(i);
            if (lives && drip.length > 0 && client->first == first.length) {
                if (step == 0) lives = send_some(i, drip, &client->dripped, 1 << 18);
                else if (is_step) lives = send_some(i, drip, &client->dripped, (size_t)step);
            }
            if (!lives) read_some(i, sizeof buffer); /* bytes that came before the end */
            else if (reads < 0) lives = read_some(i, sizeof buffer);
            else if (reads > 0 && is_step) lives = read_some(i, (size_t)reads);
            if (!lives) note_end(i);
        }
        if (!is_said && (all_sent || now_ms() - begun_ms > 1000)) is_said = puts("ready") && fflush(stdout) == 0;
        poll(polls, (nfds_t)count, 0);
        for (int i = 0; i < count; i++) {
            /* A client that reads notices its end by reading. */
            if (polls[i].fd >= 0 && (polls[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) && reads >= 0) {
                read_some(i, sizeof buffer);
                note_end(i);
            }
        }
        usleep(step == 0 && drip.length > 0 ? 100 : TURN_MS * 1000);
    }
    printf("{\"cut\":%d,\"firstCutMs\":%.0f,\"lastCutMs\":%.0f,\"received\":%lld,\"sent\":%lld,\"statuses\":{", cut,
           first_cut_ms, last_cut_ms, received, sent);
    for (int status = 0, some = 0; status < 600; status++)
        if (statuses[status]) printf("%s\"%d\":%d", some++ ? "," : "", status, statuses[status]);
    puts("}}");
    return 0;
}
