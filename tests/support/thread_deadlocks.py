"""Programs in which two threads take two locks in opposite order, each after the other has its first."""

C = """
#include <pthread.h>
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;
static void *first(void *arg) {
    pthread_mutex_lock(&a);
    pthread_barrier_wait(&both);
    pthread_mutex_lock(&b);
    return arg;
}
static void *second(void *arg) {
    pthread_mutex_lock(&b);
    pthread_barrier_wait(&both);
    pthread_mutex_lock(&a);
    return arg;
}
int main(void) {
    pthread_t x, y;
    pthread_barrier_init(&both, 0, 2);
    pthread_create(&x, 0, first, 0);
    pthread_create(&y, 0, second, 0);
    pthread_join(x, 0);
    pthread_join(y, 0);
    return 0;
}
"""

PYTHON = """
import threading

a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

def take(first, second):
    with first:
        both.wait()
        with second:
            pass

threads = [threading.Thread(target=take, args=locks) for locks in ((a, b), (b, a))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""

JAVA = """
public class Deadlock {
    static final Object A = new Object(), B = new Object();
    static final java.util.concurrent.CyclicBarrier BOTH = new java.util.concurrent.CyclicBarrier(2);
    static void take(Object first, Object second) {
        synchronized (first) {
            try { BOTH.await(); } catch (Exception e) { throw new RuntimeException(e); }
            synchronized (second) { }
        }
    }
    public static void main(String[] words) {
        new Thread(() -> take(A, B)).start();
        new Thread(() -> take(B, A)).start();
    }
}
"""
