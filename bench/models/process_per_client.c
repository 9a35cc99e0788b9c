/*
 * A server with a process for each client. All calls block. Without a file it is an echo; with one it sends the file's
 * content for each read, as ../floor.c does. The children end with their parent.
 *
 *   cc -O2 -o process_per_client process_per_client.c && ./process_per_client PORT [RESPONSE_FILE]
 */
#include "blocking.h"

#include <sys/prctl.h>
#include <sys/wait.h>

/* Takes the status of each child that has ended, which would stay as a zombie otherwise. */
static void reap(int signal) {
    (void)signal;
    int kept = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    errno = kept;
}

int main(int argc, char **argv) {
    int listener = start(argc, argv);
    pid_t parent = getpid();
    struct sigaction action = {.sa_handler = reap, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    sigaction(SIGCHLD, &action, NULL);
    for (;;) {
        int client = wait_for_client(listener); // sleeps here
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent) _exit(1); // it has ended before the call above
            close(listener);
            serve_client(client);
            _exit(0);
        }
        close(client); // the child has its own descriptor, unless no more processes are possible
    }
}
