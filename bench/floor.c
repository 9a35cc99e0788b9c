/*
 * The floor: the least CPU time that any web server on epoll can use. For each read it sends one response, which it has
 * loaded from a file at the start. It parses nothing, opens no files and has no deadlines. With REQUEST_BYTES it sends
 * one response, each by its own call, for every REQUEST_BYTES bytes that it reads: for clients that pipeline. After a
 * response of HTTP/1.0 it closes the connection.
 *
 *   cc -O2 -o floor floor.c && ./floor PORT RESPONSE_FILE [REQUEST_BYTES]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char response[1 << 21];
static char input[16384];

static void die(const char *what) {
    perror(what);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: floor PORT RESPONSE_FILE [REQUEST_BYTES]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int file = open(argv[2], O_RDONLY);
    if (file < 0) die(argv[2]);
    ssize_t length = read(file, response, sizeof response);
    if (length <= 0) die("read");
    int closes = strncmp(response, "HTTP/1.0", 8) == 0;

    ssize_t request = argc == 4 ? atoi(argv[3]) : (ssize_t)sizeof input;

    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(listener, 1024) < 0) die("listen");

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event events[256];
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int client;
                while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    struct epoll_event added = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = client};
                    epoll_ctl(epoll, EPOLL_CTL_ADD, client, &added);
                }
                continue;
            }
            if (!(events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))) continue;
            ssize_t received = recv(fd, input, sizeof input, 0);
            if (received > 0) {
                do {
                    send(fd, response, length, MSG_NOSIGNAL);
                    received -= request;
                } while (received > 0);
                if (closes) close(fd);
            } else if (received == 0 || errno != EAGAIN) close(fd);
        }
    }
}
