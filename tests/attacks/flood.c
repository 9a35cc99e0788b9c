/*
 * Connects as fast as possible, and leaves at once.
 *
 *   cc -O2 -o flood flood.c && ./flood PORT SECONDS close|reset|byte|request ADDRESS
 *
 * close: sends nothing; reset: leaves by a reset; byte: sends one byte, and leaves; request: sends a request, and leaves
 * without reading. ADDRESS is the client's address. 0.0.0.0 means many addresses, because one has too few ports. It prints
 * the number of connections.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    struct sockaddr_in server = {AF_INET, htons(atoi(argv[1])), {htonl(INADDR_LOOPBACK)}, {0}}, own = server;
    own.sin_port = 0;
    own.sin_addr.s_addr = inet_addr(argv[4]);
    int is_many = own.sin_addr.s_addr == 0, one = 1;
    const char *what = argv[3], *request = "GET / HTTP/1.1\r\nHost: flood\r\n\r\n";
    size_t bytes = !strcmp(what, "byte") ? 1 : !strcmp(what, "request") ? strlen(request) : 0;
    struct linger at_once = {1, 0};
    struct timeval patience = {1, 0};
    double end_s = now_s() + atof(argv[2]);
    long connected = 0, failed = 0;
    while (now_s() < end_s) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (is_many) own.sin_addr.s_addr = htonl(0x7f010001u + (unsigned)(connected % 200));
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        bind(fd, (struct sockaddr *)&own, sizeof own);
        if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0) connected++;
        else failed++;
        if (bytes > 0) send(fd, request, bytes, MSG_NOSIGNAL);
        if (!strcmp(what, "reset")) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    printf("{\"connected\":%ld,\"failed\":%ld}\n", connected, failed);
    return 0;
}
