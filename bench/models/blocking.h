/*
 * What the servers with blocking calls share: the listener, and the conversation with one client.
 */
#ifndef BLOCKING_H
#define BLOCKING_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

static char response[1 << 16];
static ssize_t response_bytes; /* 0 for an echo */

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Reads the arguments, loads the response, and returns a socket that listens on the loopback interface. */
static int start(int argc, char **argv) {
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s PORT [RESPONSE_FILE]\n", argv[0]);
        exit(2);
    }
    if (argc == 3) {
        int file = open(argv[2], O_RDONLY | O_CLOEXEC);
        if (file < 0) die(argv[2]);
        response_bytes = read(file, response, sizeof response);
        if (response_bytes <= 0) die("read");
        close(file);
    }
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(listener, BACKLOG) < 0) die("listen");
    return listener;
}

/* Waits for a client. A client that has left again while it waited is no error. */
static int wait_for_client(int listener) {
    for (;;) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) return client;
        if (errno != ECONNABORTED && errno != EINTR) die("accept");
    }
}

static int send_all(int client, const char *bytes, ssize_t count) {
    while (count > 0) {
        ssize_t sent = send(client, bytes, count, MSG_NOSIGNAL);
        if (sent < 0) return -1;
        bytes += sent;
        count -= sent;
    }
    return 0;
}

/* Answers one client until it leaves: each read by the response, or by the bytes themselves. */
static void serve_client(int client) {
    char input[16384];
    ssize_t received;
    while ((received = recv(client, input, sizeof input, 0)) > 0) {
        int status = response_bytes > 0 ? send_all(client, response, response_bytes)
                                        : send_all(client, input, received);
        if (status < 0) break;
    }
    close(client);
}

#endif
