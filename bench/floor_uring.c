/*
 * The floor on io_uring: the work of floor.c with one system call a turn. Each turn submits the operations that the
 * last one has prepared, waits, and takes the completions.
 *
 * `completion`: a multishot accept, a multishot receive for each client into provided buffers, and sends. `direct`: the
 * same with clients in a table of the ring (direct descriptors), so no operation looks a descriptor up, and with no
 * completion for a send that succeeds. `readiness`: multishot polls take the place of epoll, and accept, recv and send
 * are the calls of floor.c.
 *
 *   cc -O2 -o floor_uring floor_uring.c && ./floor_uring PORT RESPONSE_FILE completion|direct|readiness
 *
 * Needs Linux 6.1. It makes its system calls itself, so liburing is not needed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRIES = 4096, COMPLETIONS = 65536, BUFFERS = 128, BUFFER_BYTES = 4096, GROUP = 1, CLIENTS = 16384 };
/* The upper half of user_data; the lower half is the descriptor. */
enum { ACCEPT, RECEIVE, SEND, CLOSE };

static char response[1 << 21];
static char input[16384];
static ssize_t length;
static int closes; /* a response of HTTP/1.0 ends the connection */
static int is_direct;

static int ring, listener;
static unsigned *sq_tail, *sq_mask, *cq_head, *cq_tail, *cq_mask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static unsigned prepared; /* operations that the next call submits */
static struct io_uring_buf_ring *buffers;
static char *memory;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void *map(size_t bytes, int fd, off_t offset) {
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, offset);
    if (at == MAP_FAILED) die("mmap");
    return at;
}

static void open_ring(void) {
    struct io_uring_params p = {
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        .cq_entries = COMPLETIONS};
    ring = syscall(SYS_io_uring_setup, ENTRIES, &p);
    if (ring < 0) die("io_uring_setup");
    size_t sq_bytes = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    size_t cq_bytes = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *rings = map(sq_bytes > cq_bytes ? sq_bytes : cq_bytes, ring, IORING_OFF_SQ_RING);
    sqes = map(p.sq_entries * sizeof *sqes, ring, IORING_OFF_SQES);
    sq_tail = (unsigned *)(rings + p.sq_off.tail);
    sq_mask = (unsigned *)(rings + p.sq_off.ring_mask);
    cq_head = (unsigned *)(rings + p.cq_off.head);
    cq_tail = (unsigned *)(rings + p.cq_off.tail);
    cq_mask = (unsigned *)(rings + p.cq_off.ring_mask);
    cqes = (struct io_uring_cqe *)(rings + p.cq_off.cqes);
    unsigned *array = (unsigned *)(rings + p.sq_off.array);
    for (unsigned i = 0; i < p.sq_entries; i++) array[i] = i;
}

/* Submits what is prepared, and waits for `wanted` completions. */
static void enter(unsigned wanted) {
    int submitted = syscall(SYS_io_uring_enter, ring, prepared, wanted, IORING_ENTER_GETEVENTS, NULL, 0);
    if (submitted >= 0) prepared -= submitted;
    else if (errno != EINTR && errno != EBUSY && errno != EAGAIN) die("io_uring_enter");
}

static struct io_uring_sqe *next(int opcode, int fd, uint64_t what) {
    if (prepared == ENTRIES) enter(0);
    struct io_uring_sqe *sqe = &sqes[*sq_tail & *sq_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = opcode;
    sqe->fd = fd;
    sqe->user_data = what << 32 | (unsigned)fd;
    __atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
    prepared++;
    return sqe;
}

static void give_back(unsigned id) {
    struct io_uring_buf *entry = &buffers->bufs[buffers->tail & (BUFFERS - 1)];
    entry->addr = (uintptr_t)(memory + (size_t)id * BUFFER_BYTES);
    entry->len = BUFFER_BYTES;
    entry->bid = id;
    __atomic_store_n(&buffers->tail, buffers->tail + 1, __ATOMIC_RELEASE);
}

static void provide_buffers(void) {
    buffers = map(BUFFERS * sizeof(struct io_uring_buf), -1, 0);
    memory = map((size_t)BUFFERS * BUFFER_BYTES, -1, 0);
    struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)buffers, .ring_entries = BUFFERS, .bgid = GROUP};
    if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &reg, 1) < 0) die("io_uring_register");
    for (unsigned id = 0; id < BUFFERS; id++) give_back(id);
}

static void make_table(void) {
    struct rlimit limit; /* it bounds the table, too */
    getrlimit(RLIMIT_NOFILE, &limit);
    struct io_uring_rsrc_register table = {
        .nr = limit.rlim_cur < CLIENTS ? limit.rlim_cur : CLIENTS, .flags = IORING_RSRC_REGISTER_SPARSE};
    if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES2, &table, sizeof table) < 0) die("io_uring_register");
}

static void start_accept(void) {
    struct io_uring_sqe *sqe = next(IORING_OP_ACCEPT, listener, ACCEPT);
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    if (is_direct) sqe->file_index = IORING_FILE_INDEX_ALLOC;
}

static void start_close(int fd) {
    struct io_uring_sqe *sqe = next(IORING_OP_CLOSE, is_direct ? 0 : fd, CLOSE);
    if (is_direct) sqe->file_index = fd + 1;
}

static void start_receive(int fd) {
    struct io_uring_sqe *sqe = next(IORING_OP_RECV, fd, RECEIVE);
    sqe->flags = IOSQE_BUFFER_SELECT | (is_direct ? IOSQE_FIXED_FILE : 0);
    sqe->buf_group = GROUP;
    /* A receive that goes on holds the socket open beyond its close. A client with one request needs only one. */
    sqe->ioprio = closes ? 0 : IORING_RECV_MULTISHOT;
}

static void start_send(int fd) {
    struct io_uring_sqe *sqe = next(IORING_OP_SEND, fd, SEND);
    sqe->addr = (uintptr_t)response;
    sqe->len = length;
    sqe->msg_flags = MSG_NOSIGNAL;
    sqe->flags = is_direct ? IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS : 0;
    if (!closes) return;
    sqe->flags |= IOSQE_IO_HARDLINK; /* the close follows the send, whatever its result */
    start_close(fd);
}

static void complete(const struct io_uring_cqe *cqe) {
    int fd = (int)cqe->user_data;
    switch (cqe->user_data >> 32) {
        case ACCEPT:
            if (cqe->res >= 0) start_receive(cqe->res);
            if (!(cqe->flags & IORING_CQE_F_MORE)) start_accept();
            break;
        case RECEIVE:
            if (cqe->flags & IORING_CQE_F_BUFFER) give_back(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
            if (cqe->res > 0) start_send(fd);
            if (cqe->flags & IORING_CQE_F_MORE || (closes && cqe->res > 0)) break;
            if (cqe->res > 0 || cqe->res == -ENOBUFS) start_receive(fd);
            else start_close(fd);
    }
}

static void start_poll(int fd, uint64_t what) {
    struct io_uring_sqe *sqe = next(IORING_OP_POLL_ADD, fd, what);
    sqe->len = IORING_POLL_ADD_MULTI;
    sqe->poll32_events = POLLIN | POLLRDHUP;
}

static void be_ready(const struct io_uring_cqe *cqe) {
    int fd = (int)cqe->user_data, is_armed = cqe->flags & IORING_CQE_F_MORE;
    if (cqe->user_data >> 32 == CLOSE) return;
    if (fd == listener) {
        int client;
        while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) start_poll(client, RECEIVE);
        if (!is_armed) start_poll(listener, ACCEPT);
        return;
    }
    if (cqe->res < 0) return; /* it was cancelled */
    ssize_t received = recv(fd, input, sizeof input, 0);
    if (received > 0) send(fd, response, length, MSG_NOSIGNAL);
    if (received == 0 || (received < 0 && errno != EAGAIN) || (received > 0 && closes)) {
        if (is_armed) { /* a poll that goes on would hold the socket open beyond its close */
            struct io_uring_sqe *sqe = next(IORING_OP_ASYNC_CANCEL, fd, CLOSE);
            sqe->cancel_flags = IORING_ASYNC_CANCEL_FD;
            sqe->flags = IOSQE_IO_HARDLINK;
        }
        next(IORING_OP_CLOSE, fd, CLOSE);
    } else if (!is_armed) start_poll(fd, RECEIVE);
}

int main(int argc, char **argv) {
    is_direct = argc == 4 && strcmp(argv[3], "direct") == 0;
    int completes = is_direct || (argc == 4 && strcmp(argv[3], "completion") == 0);
    if (!completes && (argc != 4 || strcmp(argv[3], "readiness") != 0)) {
        fprintf(stderr, "usage: floor_uring PORT RESPONSE_FILE completion|direct|readiness\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int file = open(argv[2], O_RDONLY);
    if (file < 0) die(argv[2]);
    length = read(file, response, sizeof response);
    if (length <= 0) die("read");
    closes = strncmp(response, "HTTP/1.0", 8) == 0;

    int one = 1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(listener, 1024) < 0) die("listen");

    open_ring();
    if (completes) {
        provide_buffers();
        if (is_direct) make_table();
        start_accept();
    } else start_poll(listener, ACCEPT);
    for (;;) {
        enter(1);
        unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++) {
            struct io_uring_cqe cqe = cqes[head & *cq_mask];
            if (completes) complete(&cqe);
            else be_ready(&cqe);
        }
        __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
    }
}
