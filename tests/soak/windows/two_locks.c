/* Two threads buy the last piece, on each of twenty days. Each looks in one critical section, and takes it in the next
   one. No system call is between the two, unless a thread has to wait for the lock. */
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stock, sold;

static void *buy(void *unused)
{
    pthread_mutex_lock(&lock);
    int is_there = stock > 0;
    pthread_mutex_unlock(&lock);
    if (is_there) {
        pthread_mutex_lock(&lock);
        stock--;
        sold++;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

int main(void)
{
    for (int day = 0; day < 20; day++) {
        pthread_t buyers[2];
        stock = 1;
        sold = 0;
        for (int i = 0; i < 2; i++)
            pthread_create(&buyers[i], NULL, buy, NULL);
        for (int i = 0; i < 2; i++)
            pthread_join(buyers[i], NULL);
        if (sold > 1) {
            puts("the last piece was sold twice");
            return 1;
        }
    }
    return 0;
}
