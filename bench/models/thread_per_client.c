/*
 * A server with a thread for each client. All calls block. Without a file it is an echo; with one it sends the file's
 * content for each read, as ../floor.c does.
 *
 *   cc -O2 -pthread -o thread_per_client thread_per_client.c && ./thread_per_client PORT [RESPONSE_FILE]
 */
#include "blocking.h"

#include <pthread.h>
#include <stdint.h>

/*
 * The address space of a thread's stack. Only the pages that the thread touches take memory. The usual 8 MiB would
 * take as much memory, but 18,000 of them are 140 GiB of address space.
 */
#define STACK_BYTES (256 * 1024)

static void *serve(void *client) {
    serve_client((int)(intptr_t)client);
    return NULL;
}

int main(int argc, char **argv) {
    int listener = start(argc, argv);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int client = wait_for_client(listener); // sleeps here
        pthread_t thread;
        if (pthread_create(&thread, &attributes, serve, (void *)(intptr_t)client) != 0) {
            close(client); // no more threads are possible
        }
    }
}
