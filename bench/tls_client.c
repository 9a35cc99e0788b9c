/*
 * A client for what wrk cannot measure of HTTPS: handshakes, full or resumed, and idle connections.
 *
 *   cc -O2 -o tls_client tls_client.c -lssl -lcrypto
 *   ./tls_client PORT full|resumed SECONDS   makes connection after connection, eight at a time, each with one request;
 *                                            prints the number of connections, and how many of them were resumed
 *   ./tls_client PORT hold COUNT             makes connections, each with one request; prints a line when all are
 *                                            there, and keeps them open until the end of standard input
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 8

static SSL_CTX *context;
static int port;

static void die(const char *what) {
    fprintf(stderr, "tls_client: %s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Connects, sends one request and receives the response, with which tickets come. */
static SSL *fetch(SSL_SESSION *session, const char *connection) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* the request follows the end of the handshake at once */
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) die("cannot connect");
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, "localhost");
    if (session != NULL) SSL_set_session(ssl, session);
    if (SSL_connect(ssl) != 1) die("handshake failed");
    char request[128], response[4096];
    int length = snprintf(request, sizeof request,
                          "GET /small.html HTTP/1.1\r\nHost: localhost:%d\r\nConnection: %s\r\n\r\n", port, connection);
    if (SSL_write(ssl, request, length) != length) die("request failed");
    if (SSL_read(ssl, response, sizeof response) < 12 || memcmp(response, "HTTP/1.1 200", 12) != 0) die("no response");
    return ssl;
}

static void end(SSL *ssl) {
    SSL_shutdown(ssl); /* OpenSSL does not resume sessions that were cut off */
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}

static void handshakes(int resumes, double seconds) {
    int results[2];
    if (pipe(results) < 0) die("no pipe");
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0) continue;
        long counts[2] = {0, 0};
        SSL_SESSION *session = NULL;
        for (double until = now() + seconds; now() < until; counts[0]++) {
            SSL *ssl = fetch(session, "close");
            counts[1] += SSL_session_reused(ssl);
            if (resumes && session == NULL) session = SSL_get1_session(ssl);
            end(ssl);
        }
        _exit(write(results[1], counts, sizeof counts) != sizeof counts);
    }
    long all[2] = {0, 0};
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        wait(&status);
        if (status != 0) die("a process failed");
        long counts[2];
        if (read(results[0], counts, sizeof counts) != sizeof counts) die("no result");
        all[0] += counts[0];
        all[1] += counts[1];
    }
    printf("%ld connections, %ld resumed\n", all[0], all[1]);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: tls_client PORT full|resumed|hold SECONDS|COUNT\n");
        return 2;
    }
    port = atoi(argv[1]);
    context = SSL_CTX_new(TLS_client_method());
    if (strcmp(argv[2], "hold") != 0) {
        handshakes(strcmp(argv[2], "resumed") == 0, atof(argv[3]));
        return 0;
    }
    for (int i = atoi(argv[3]); i > 0; i--) fetch(NULL, "keep-alive");
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF) continue;
    return 0;
}
