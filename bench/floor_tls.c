/*
 * The floor of HTTPS: the least CPU time that a web server on epoll and OpenSSL can use. For each read it sends one
 * response, which it has loaded from a file at the start. It parses nothing, opens no files and has no deadlines.
 *
 *   cc -O2 -o floor_tls floor_tls.c -lssl -lcrypto && ./floor_tls PORT RESPONSE_FILE CERTIFICATE KEY
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A connection. */
struct client {
    int fd;
    SSL *ssl;
    size_t left; /* bytes of the response that are not sent yet */
};

static char *response;
static size_t length;
static char input[16384];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void drop(struct client *client) {
    close(client->fd);
    SSL_free(client->ssl);
    free(client);
}

static int must_wait(const struct client *client, int result) {
    int error = SSL_get_error(client->ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void serve(struct client *client) {
    for (;;) {
        while (client->left > 0) {
            int sent = SSL_write(client->ssl, response + length - client->left, client->left);
            if (sent <= 0) {
                if (!must_wait(client, sent)) drop(client);
                return;
            }
            client->left -= sent;
        }
        int received = SSL_read(client->ssl, input, sizeof input); /* the handshake, too */
        if (received <= 0) {
            if (!must_wait(client, received)) drop(client);
            return;
        }
        client->left = length;
    }
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: floor_tls PORT RESPONSE_FILE CERTIFICATE KEY\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int file = open(argv[2], O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0) die(argv[2]);
    length = status.st_size;
    response = malloc(length);
    for (size_t done = 0; done < length;) {
        ssize_t count = read(file, response + done, length - done);
        if (count <= 0) die("read");
        done += count;
    }

    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* sessions are in the clients' tickets */
    SSL_CTX_set_num_tickets(context, 1);
    if (SSL_CTX_use_certificate_chain_file(context, argv[3]) != 1) die(argv[3]);
    if (SSL_CTX_use_PrivateKey_file(context, argv[4], SSL_FILETYPE_PEM) != 1) die(argv[4]);

    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(listener, 4096) < 0) die("listen");

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event events[256];
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL) {
                serve(events[i].data.ptr);
                continue;
            }
            int fd;
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                struct client *client = calloc(1, sizeof *client);
                client->fd = fd;
                client->ssl = SSL_new(context);
                SSL_set_fd(client->ssl, fd);
                SSL_set_accept_state(client->ssl);
                struct epoll_event added = {
                    .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = client};
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &added);
            }
        }
    }
}
