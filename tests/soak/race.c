/* A row that a sweeper deletes while a writer still works on it.
 *
 * The writer works on it for ten milliseconds. The sweeper, which it wakes, looks at 1500 rows, which takes no
 * time to speak of, and deletes the last of them if it is due, as one in ten is: then the row is updated after it was
 * deleted. Each look is a system call, and a tracer makes 1500 of these take longer than the writer needs: it hides the
 * race. With RACE_FIXED set, the writer holds the row meanwhile. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WRITE_NS 10000000L
#define ROWS 1500
#define DUE 10

static pthread_mutex_t row = PTHREAD_MUTEX_INITIALIZER;
static volatile int deleted, updated_after;
static int fixed;

static long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000L + at.tv_nsec;
}

static void *sweeper(void *unused) {
    int due = now() / 1000 % DUE == 0;
    for (int i = 0; i < ROWS; i++) syscall(SYS_getppid);
    if (fixed) pthread_mutex_lock(&row);
    deleted = due;
    if (fixed) pthread_mutex_unlock(&row);
    return unused;
}

static void *writer(void *unused) {
    pthread_t other;
    if (fixed) pthread_mutex_lock(&row);
    pthread_create(&other, NULL, sweeper, NULL);
    for (long end = now() + WRITE_NS; now() < end;) { }
    updated_after = deleted;
    if (fixed) pthread_mutex_unlock(&row);
    pthread_join(other, NULL);
    return unused;
}

int main(void) {
    pthread_t one;
    fixed = getenv("RACE_FIXED") != NULL;
    pthread_create(&one, NULL, writer, NULL);
    pthread_join(one, NULL);
    if (updated_after) fputs("row updated after it was deleted\n", stderr);
    return updated_after;
}
