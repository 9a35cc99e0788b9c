/*
 * Has another process make two system calls: socket(2), and connect(2) to a port of 127.0.0.1. Prints the error numbers of
 * both, 0 for success. The process goes on as if it had been interrupted by a signal.
 *
 * connect_inside PID PORT. Source: ptrace(2), syscall(2).
 */
#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#if defined(__x86_64__)
#define SP(r) ((r).rsp)
#define PC(r) ((r).rip)
#define RESULT(r) ((r).rax)
#define INSTRUCTION 2 /* syscall */
#define RED_ZONE 128
static void prepare(struct user_regs_struct *r, long number, long a, long b, long c) {
  r->rax = number, r->orig_rax = -1, r->rdi = a, r->rsi = b, r->rdx = c;
}
#elif defined(__aarch64__)
#define SP(r) ((r).sp)
#define PC(r) ((r).pc)
#define RESULT(r) ((r).regs[0])
#define INSTRUCTION 4 /* svc #0 */
#define RED_ZONE 0
static void prepare(struct user_regs_struct *r, long number, long a, long b, long c) {
  r->regs[8] = number, r->regs[0] = a, r->regs[1] = b, r->regs[2] = c;
}
#endif

static void check(long status, const char *what) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void registers(pid_t pid, int request, struct user_regs_struct *r) {
  struct iovec place = {r, sizeof *r};
  check(ptrace(request, pid, (void *)NT_PRSTATUS, &place), "registers");
}

static long call(pid_t pid, const struct user_regs_struct *before, long number, long a, long b, long c) {
  struct user_regs_struct r = *before;
  int status;
  PC(r) -= INSTRUCTION;
  prepare(&r, number, a, b, c);
  registers(pid, PTRACE_SETREGSET, &r);
  check(ptrace(PTRACE_SINGLESTEP, pid, 0, 0), "step");
  check(waitpid(pid, &status, __WALL), "wait");
  registers(pid, PTRACE_GETREGSET, &r);
  return (long)RESULT(r);
}

int main(int count, char **words) {
  if (count != 3) return 2;
  pid_t pid = atoi(words[1]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
  struct user_regs_struct before;
  int status;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(ptrace(PTRACE_SEIZE, pid, 0, 0), "seize");
  check(ptrace(PTRACE_INTERRUPT, pid, 0, 0), "interrupt");
  check(waitpid(pid, &status, __WALL), "wait");
  registers(pid, PTRACE_GETREGSET, &before);
  long at = (SP(before) - RED_ZONE - 64) & ~15L;
  long words_of[2];
  memcpy(words_of, &address, sizeof words_of);
  for (int i = 0; i < 2; i++) check(ptrace(PTRACE_POKEDATA, pid, at + 8 * i, words_of[i]), "poke");
  long fd = call(pid, &before, SYS_socket, AF_INET, SOCK_STREAM, 0);
  long connected = fd < 0 ? fd : call(pid, &before, SYS_connect, fd, at, sizeof address);
  if (fd >= 0) call(pid, &before, SYS_close, fd, 0, 0);
  RESULT(before) = -EINTR; /* of the wait in which it was */
#if defined(__x86_64__)
  before.orig_rax = -1;
#endif
  registers(pid, PTRACE_SETREGSET, &before);
  check(ptrace(PTRACE_DETACH, pid, 0, 0), "detach");
  printf("%ld %ld\n", fd < 0 ? -fd : 0, -connected);
  return 0;
}
