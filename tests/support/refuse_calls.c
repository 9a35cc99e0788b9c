/*
 * Runs a program under a filter of system calls: `refuse_calls ERRNO CALLS COMMAND ARGUMENT…`. CALLS is a list of numbers
 * with commas, or `newer`: the calls that an old container runtime does not know (statx, and every number from 424 on
 * except clone3, without which glibc creates no threads). Source: seccomp(2), prctl(2).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS_MAX 64

int main(int argc, char **argv)
{
	struct sock_filter filter[2 * CALLS_MAX + 8];
	unsigned short length = 0;

	if (argc < 4)
		return 2;
	unsigned int refused = SECCOMP_RET_ERRNO | (unsigned int)atoi(argv[1]);
#define ADD(...) filter[length++] = (struct sock_filter)__VA_ARGS__
	ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	if (strcmp(argv[2], "newer") == 0) {
		ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 435, 0, 1));
		ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
		ADD(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 1, 0));
		ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statx, 0, 1));
		ADD(BPF_STMT(BPF_RET | BPF_K, refused));
	} else {
		int count = 0;
		for (char *call = strtok(argv[2], ","); call != NULL && count++ < CALLS_MAX; call = strtok(NULL, ",")) {
			ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)atoi(call), 0, 1));
			ADD(BPF_STMT(BPF_RET | BPF_K, refused));
		}
	}
	ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	struct sock_fprog program = { .len = length, .filter = filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
		perror("refuse_calls");
		return 3;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 4;
}
