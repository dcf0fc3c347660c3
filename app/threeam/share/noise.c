/* The noise arm of 3am: a library for LD_PRELOAD. Every fifth lock operation of a thread sleeps for up to 2 ms first,
   so threads meet in orders that are rare otherwise. NOISE_SEED seeds the sleeps of each thread, in the order in which
   the threads first use a lock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ONE_IN 5
#define MAX_SLEEP_NS 2000000

static uint64_t thread_count;
static __thread uint64_t random_state;

static uint64_t next_random(void)
{
    if (random_state == 0) {
        const char *seed = getenv("NOISE_SEED");
        uint64_t thread = __atomic_add_fetch(&thread_count, 1, __ATOMIC_RELAXED);
        random_state = (seed ? strtoull(seed, NULL, 10) : 1) * 0x9E3779B97F4A7C15u + thread * 0xD1B54A32D192ED03u;
        random_state += !random_state;
    }
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545F4914F6CDD1Du >> 33;
}

/* The system call itself: nanosleep(3) is a cancellation point, and a lock operation is not. */
static void sleep_now_and_then(void)
{
    int saved_errno = errno;
    if (next_random() % ONE_IN == 0) {
        struct timespec pause = {0, (long)(next_random() % MAX_SLEEP_NS)};
        syscall(SYS_nanosleep, &pause, NULL);
    }
    errno = saved_errno;
}

/* The condition variables of before glibc 2.3.2 have other layouts, and some versions of dlsym find those first. */
static void *find_next(const char *name)
{
    void *function = NULL;
#ifdef __GLIBC__
    function = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
#endif
    return function ? function : dlsym(RTLD_NEXT, name);
}

#define WITH_NOISE(name, parameters, arguments)                                                                        \
    int name parameters                                                                                                \
    {                                                                                                                  \
        static int(*next) parameters;                                                                                  \
        if (!next)                                                                                                     \
            next = (int(*) parameters)find_next(#name);                                                                \
        sleep_now_and_then();                                                                                          \
        return next arguments;                                                                                         \
    }

WITH_NOISE(pthread_create, (pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *p), (t, a, run, p))
WITH_NOISE(pthread_join, (pthread_t t, void **result), (t, result))
WITH_NOISE(pthread_mutex_lock, (pthread_mutex_t *m), (m))
WITH_NOISE(pthread_mutex_trylock, (pthread_mutex_t *m), (m))
WITH_NOISE(pthread_mutex_unlock, (pthread_mutex_t *m), (m))
WITH_NOISE(pthread_rwlock_rdlock, (pthread_rwlock_t *l), (l))
WITH_NOISE(pthread_rwlock_wrlock, (pthread_rwlock_t *l), (l))
WITH_NOISE(pthread_rwlock_unlock, (pthread_rwlock_t *l), (l))
WITH_NOISE(pthread_cond_wait, (pthread_cond_t *c, pthread_mutex_t *m), (c, m))
WITH_NOISE(pthread_cond_timedwait, (pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t), (c, m, t))
WITH_NOISE(pthread_cond_signal, (pthread_cond_t *c), (c))
WITH_NOISE(pthread_cond_broadcast, (pthread_cond_t *c), (c))
WITH_NOISE(sem_wait, (sem_t *s), (s))
WITH_NOISE(sem_post, (sem_t *s), (s))
