/*
 * A patient client. It requests a small file every few milliseconds, in turns over a new connection and over a kept one,
 * and reports the slowest response. If permitted, it runs with priority over all other processes on its processor, so
 * that only the server makes it wait. How late its own sleep ended is the noise of the machine.
 *
 *   cc -O2 -o probe probe.c && ./probe PORT SECONDS PATH [ADDRESS]
 *
 * It prints one line of JSON; times are in milliseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { INTERVAL_MS = 5, REQUESTS_MAX = 100000, PATIENCE_SECONDS = 5 };

static double times[REQUESTS_MAX];
static char answer[1 << 20];
static struct sockaddr_in server, own;

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double sleep_late(double until_ms) {
    struct timespec until = {(time_t)(until_ms / 1e3), 0};
    until.tv_nsec = (long)((until_ms - until.tv_sec * 1e3) * 1e6);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return now_ms() - until_ms;
}

static int connect_to_server(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct timeval patience = {PATIENCE_SECONDS, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    bind(fd, (struct sockaddr *)&own, sizeof own);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0) return fd;
    close(fd);
    return -1;
}

/* Reads one response. Returns its status, or 0 when there was none. */
static int read_answer(int fd) {
    size_t length = 0, whole = sizeof answer - 1;
    while (length < whole) {
        ssize_t count = recv(fd, answer + length, sizeof answer - 1 - length, 0);
        if (count <= 0) return 0;
        length += (size_t)count;
        answer[length] = 0;
        char *end = strstr(answer, "\r\n\r\n"), *field = strstr(answer, "Content-Length: ");
        if (end != NULL) whole = (size_t)(end + 4 - answer) + (field == NULL ? 0 : strtoul(field + 16, NULL, 10));
    }
    return atoi(answer + 9);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    signal(SIGPIPE, SIG_IGN);
    struct sched_param first = {.sched_priority = 1};
    int is_first = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
    server = (struct sockaddr_in){AF_INET, htons(atoi(argv[1])), {htonl(INADDR_LOOPBACK)}, {0}};
    own = (struct sockaddr_in){AF_INET, 0, {inet_addr(argc > 4 ? argv[4] : "127.0.0.9")}, {0}};
    char request[256];
    int request_length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: probe\r\n\r\n", argv[3]);
    double end_ms = now_ms() + atof(argv[2]) * 1e3, late_ms = 0;
    int count = 0, failed = 0, others = 0, status_seen = 0, kept = -1;
    for (double at_ms = now_ms(); at_ms < end_ms && count < REQUESTS_MAX; at_ms += INTERVAL_MS) {
        double late = sleep_late(at_ms), begun_ms = now_ms();
        if (late > late_ms && late < INTERVAL_MS * 1000) late_ms = late;
        int keeps = count % 2, fd = keeps && kept >= 0 ? kept : connect_to_server(), status = 0;
        if (fd >= 0 && send(fd, request, request_length, 0) == request_length) status = read_answer(fd);
        times[count++] = now_ms() - begun_ms;
        if (status == 0) failed++;
        else if (status != 200) others++, status_seen = status;
        if (keeps && status == 200) kept = fd;
        else {
            if (fd >= 0) close(fd);
            if (fd == kept) kept = -1;
        }
        if (now_ms() > at_ms + INTERVAL_MS) at_ms = now_ms() - INTERVAL_MS; /* requests never overlap */
    }
    qsort(times, count, sizeof *times, ascending);
    printf("{\"requests\":%d,\"failed\":%d,\"others\":%d,\"otherStatus\":%d,\"medianMs\":%.3f,\"p99Ms\":%.3f,"
           "\"worstMs\":%.3f,\"lateMs\":%.3f,\"isFirst\":%s}\n",
           count, failed, others, status_seen, times[count / 2], times[count * 99 / 100], times[count - 1], late_ms,
           is_first ? "true" : "false");
    return 0;
}
