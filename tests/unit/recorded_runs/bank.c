/* Transfers between two accounts: an update may be lost, a check may abort, and with "locks" two threads may wait for
   each other for ever. */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static volatile int balance = 1000, in_transfer;
static int use_locks;

static void deposit(int amount) {
    int seen = balance;
    if (rand() % 200 == 0) usleep(300);
    balance = seen + amount;
}

static void begin_transfer(void) {
    in_transfer++;
    if (rand() % 14 == 0) usleep(500);
    assert(in_transfer <= 2);
    in_transfer--;
}

static void lock_both(pthread_mutex_t *one, pthread_mutex_t *other) {
    pthread_mutex_lock(one);
    if (rand() % 4 == 0) usleep(100);
    pthread_mutex_lock(other);
    pthread_mutex_unlock(other);
    pthread_mutex_unlock(one);
}

static void *withdraw_all(void *name) {
    fprintf(stderr, "[%d] %s at %p: begins\n", getpid(), (char *)name, (void *)&name);
    for (int i = 0; i < 20; i++) {
        if (use_locks) lock_both(&first, &second);
        begin_transfer();
        deposit(-1);
    }
    return NULL;
}

static void *deposit_all(void *name) {
    fprintf(stderr, "[%d] %s at %p: begins\n", getpid(), (char *)name, (void *)&name);
    for (int i = 0; i < 20; i++) {
        if (use_locks) lock_both(&second, &first);
        begin_transfer();
        deposit(1);
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[3];
    use_locks = argc > 1 && strcmp(argv[1], "locks") == 0;
    srand(getpid());
    pthread_create(&threads[0], NULL, withdraw_all, "withdraw");
    pthread_create(&threads[1], NULL, deposit_all, "deposit");
    pthread_create(&threads[2], NULL, deposit_all, "deposit");
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    if (balance != 1020) {
        printf("balance is %d in place of 1020\n", balance);
        return 3;
    }
    printf("done in process %d\n", getpid());
    return 0;
}
