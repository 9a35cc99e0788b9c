/*
 * A patient client. It requests a small file every few milliseconds, in turns over a new connection and over a kept one,
 * and reports the slowest response. If permitted, it runs with priority over all other processes on its processor, so
 * that only the server makes it wait. How late its own sleep ended is the noise of the machine.
 *
 *   cc -O2 -o probe probe.c && ./probe PORT SECONDS PATH [ADDRESS [http2]]
 *
 * With http2 it speaks that with prior knowledge; its status is 200, or 1 for any other. It prints one line of JSON; times are in milliseconds.
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

/* Writes the head of a frame. Returns where its payload begins. */
static unsigned char *frame(unsigned char *at, unsigned length, int type, int flags, unsigned stream) {
    unsigned char head[9] = {(unsigned char)(length >> 16), (unsigned char)(length >> 8), (unsigned char)length,
                             (unsigned char)type,           (unsigned char)flags,         (unsigned char)(stream >> 24),
                             (unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream};
    memcpy(at, head, sizeof head);
    return at + sizeof head;
}

/* Sends a request of HTTP/2 (RFC 9113); on a new connection its beginning, with a window that is never used up. */
static int ask_http2(int fd, unsigned stream, const char *path) {
    static unsigned char bytes[1024];
    unsigned char *at = bytes;
    if (stream == 1) {
        memcpy(at, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
        at = frame(at + 24, 0, 4, 0, 0);
        at = frame(at, 4, 8, 0, 0);
        memcpy(at, "\x3f\0\0\0", 4);
        at += 4;
    }
    unsigned path_length = (unsigned)strlen(path);
    at = frame(at, 2 + 7 + 2 + path_length, 1, 5, stream);
    memcpy(at, "\x82\x86\x01\x05probe\x04", 10); /* GET, http, :authority, :path; RFC 7541, appendix A */
    at[10] = (unsigned char)path_length;
    memcpy(at + 11, path, path_length);
    at += 11 + path_length;
    return send(fd, bytes, (size_t)(at - bytes), 0) == at - bytes;
}

/* Reads the response of a stream. Returns 200, 1 for another status, or 0 when there was none. */
static int read_answer_http2(int fd, unsigned stream) {
    size_t length = 0;
    unsigned char *bytes = (unsigned char *)answer;
    for (int status = 0;;) {
        size_t at = 0;
        while (length - at >= 9) {
            unsigned char *head = bytes + at;
            size_t whole = 9 + ((size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2]);
            if (whole > sizeof answer) return 0;
            if (length - at < whole) break;
            unsigned id = (unsigned)head[5] << 24 | (unsigned)head[6] << 16 | (unsigned)head[7] << 8 | head[8];
            if (head[3] == 7 || (head[3] == 3 && id == stream)) return 0; /* GOAWAY, RST_STREAM */
            if (head[3] == 1 && id == stream) status = head[9] == 0x88 ? 200 : 1;
            if (head[3] <= 1 && id == stream && (head[4] & 1)) return status;
            at += whole;
        }
        memmove(bytes, bytes + at, length - at);
        length -= at;
        ssize_t count = recv(fd, bytes + length, sizeof answer - length, 0);
        if (count <= 0) return 0;
        length += (size_t)count;
    }
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
    int is_http2 = argc > 5 && !strcmp(argv[5], "http2");
    unsigned stream = 1, kept_stream = 1;
    char request[256];
    int request_length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: probe\r\n\r\n", argv[3]);
    double end_ms = now_ms() + atof(argv[2]) * 1e3, late_ms = 0;
    int count = 0, failed = 0, others = 0, status_seen = 0, kept = -1;
    for (double at_ms = now_ms(); at_ms < end_ms && count < REQUESTS_MAX; at_ms += INTERVAL_MS) {
        double late = sleep_late(at_ms), begun_ms = now_ms();
        if (late > late_ms && late < INTERVAL_MS * 1000) late_ms = late;
        int keeps = count % 2, fd = keeps && kept >= 0 ? kept : connect_to_server(), status = 0;
        if (is_http2) {
            stream = keeps && kept >= 0 ? (kept_stream += 2) : 1;
            if (fd >= 0 && ask_http2(fd, stream, argv[3])) status = read_answer_http2(fd, stream);
            if (keeps && stream == 1) kept_stream = 1;
        } else if (fd >= 0 && send(fd, request, request_length, 0) == request_length) status = read_answer(fd);
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
