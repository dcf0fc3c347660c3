"""What recorded stacks say: threads that wait for locks are counted, and those that wait for something else are not."""

from __future__ import annotations

import pytest

from threeam.process.hang import NO_PYTHON_FRAMES, STACKS_LINE, describe_hang

JOIN = (
    "#0  0x00007f46b87e1f16 __futex_abstimed_wait_common\n#1  0x00007f46b87e6ce3 __pthread_clockjoin_ex\n#2  0x1 main\n"
)
EU_STACK = f"""PID 23846 - process
TID 23846:
{JOIN}TID 23849:
#0  0x00007f46b87e212b __GI___lll_lock_wait
    ../sysdeps/nptl/futex-internal.h:146:13
#1  0x00007f46b87e8482 __pthread_mutex_lock@GLIBC_2.2.5
    ./nptl/pthread_mutex_lock.c:48:5
#2  0x000055d9fd2ba1b2 first
    /src/ab.c:5:86
TID 23850:
#0  0x00007f46b87e212b pthread_mutex_lock
#1  0x000055d9fd2ba1f1 - 1 second
"""
GDB = """[New LWP 23849]
57\t./nptl/futex-internal.c: No such file or directory.

Thread 2 (Thread 0x7f46b87586c0 (LWP 23849) "ab"):
#0  futex_wait (private=..., expected=..., futex_word=...) at ../sysdeps/nptl/futex-internal.h:146
#1  __GI___lll_lock_wait (futex=..., private=...) at ./nptl/lowlevellock.c:49
#2  0x00007f46b87e8482 in lll_mutex_lock_optimized (mutex=...) at ./nptl/pthread_mutex_lock.c:48
#3  ___pthread_mutex_lock (mutex=...) at ./nptl/pthread_mutex_lock.c:93
#4  0x000055d9fd2ba1b2 in first (arg=...) at ab.c:5

Thread 1 (Thread 0x7f46b8759740 (LWP 23846) "ab"):
#0  __futex_abstimed_wait_common64 (private=..., cancel=...) at ./nptl/futex-internal.c:57
#1  0x00007f46b87e6ce3 in __pthread_clockjoin_ex (threadid=...) at ./nptl/pthread_join_common.c:102
#2  0x000055d9fd2ba263 in main () at ab.c:8
"""
CONDITION = """TID 7:
#0  0x00007f46b87e1f16 __futex_abstimed_wait_common
#1  0x00007f46b87e48f8 pthread_cond_wait@@GLIBC_2.3.2
#2  0x000055d9fd2ba1b2 pthread_mutex_lock_of_an_odd_program
"""
PYTHON_NATIVE = "".join(
    f"TID {tid}:\n#0  0x1 __futex_abstimed_wait_common\n#1  0x2 __new_sem_wait_slow64.constprop.0\n"
    "#2  0x3 PyThread_acquire_lock_timed\n#3  0x4 acquire_timed\n"
    for tid in (8, 9, 10)
)
PY_SPY = """Process 8: python3 ab.py
Python v3.11.7 (/usr/bin/python3.11)

Thread 8 (idle): "MainThread"
    Thread._wait_for_tstate_lock (threading.py:1139)
    Thread.join (threading.py:1119)
    <module> (ab.py:10)
Thread 9 (idle): "Thread-1 (take)"
    take (ab.py:7)
    Thread.run (threading.py:982)
Thread 10 (idle)
    take (ab.py:7)
"""
FAULTHANDLER = """Fatal Python error: Aborted

Thread 0x00007f64908a71f5 (most recent call first):
  File "/src/ab.py", line 7 in take
  File "/usr/lib/python3.11/threading.py", line 975 in run

Current thread 0x00007f64908a71f6 [MainThread] (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 1132 in _wait_for_tstate_lock
  File "/usr/lib/python3.11/threading.py", line 1112 in join
"""
GO = """SIGQUIT: quit
PC=0x45d5e1 m=0 sigcode=0

goroutine 1 [semacquire]:
sync.runtime_Semacquire(0xc00001c0b8?)
\t/usr/lib/go-1.19/src/runtime/sema.go:62 +0x25
sync.(*WaitGroup).Wait(0xc000012250?)
\t/usr/lib/go-1.19/src/sync/waitgroup.go:139 +0x52

goroutine 18 [sync.Mutex.Lock, 2 minutes]:
sync.runtime_SemacquireMutex(0xc00001c0b8?, 0x0?, 0x0?)
\t/usr/lib/go-1.19/src/runtime/sema.go:77 +0x25
sync.(*Mutex).lockSlow(0xc00001c0a8)
main.take(...)
\t/src/ab.go:14
"""
JAVA = """Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):

"Thread-0" #12 prio=5 os_prio=0 cpu=1ms elapsed=3s tid=0x1 nid=0x7 waiting for monitor entry  [0x00007fbe5c7fe000]
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat AB.take(AB.java:2)
\t- waiting to lock <0x000000069e2dbae8> (a java.lang.Object)
\t- locked <0x000000069e2dbad8> (a java.lang.Object)

"pool-1" #13 prio=5 os_prio=0 cpu=1ms elapsed=3s tid=0x2 nid=0x8 waiting on condition  [0x00007fbe5c7fe000]
   java.lang.Thread.State: WAITING (parking)
\t- parking to wait for  <0x000000069e2> (a java.util.concurrent.locks.ReentrantLock$NonfairSync)

"pool-2" #14 prio=5 os_prio=0 cpu=1ms elapsed=3s tid=0x3 nid=0x9 waiting on condition  [0x00007fbe5c7fe000]
\t- parking to wait for  <0x000000069e3> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)

Found one Java-level deadlock:
=============================
\t- waiting to lock <0x000000069e2dbae8> (a java.lang.Object)
"""


@pytest.mark.parametrize(
    ("stacks", "description"),
    [
        pytest.param(EU_STACK, "2 threads wait for locks", id="eu-stack"),
        pytest.param(GDB, "1 thread waits for a lock", id="gdb"),
        pytest.param(EU_STACK + GDB, "3 threads wait for locks", id="of two processes"),
        pytest.param("TID 1:\n" + JOIN, "", id="a join"),
        pytest.param(CONDITION, "", id="a condition"),
        pytest.param(PY_SPY + PYTHON_NATIVE, "2 threads wait for locks", id="py-spy"),
        pytest.param(PYTHON_NATIVE + FAULTHANDLER, "2 threads wait for locks", id="faulthandler"),
        pytest.param(
            f"{NO_PYTHON_FRAMES}pip …]\n{PYTHON_NATIVE}",
            "3 threads wait for locks, or for other threads",
            id="no py-spy",
        ),
        pytest.param(PY_SPY, "", id="py-spy alone: a lock is no frame of Python"),
        pytest.param(GO, "1 goroutine waits for a lock", id="Go"),
        pytest.param(JAVA, "2 threads wait for locks", id="Java"),
        pytest.param("[3am: no native frames: there is no gdb]\n", "", id="nothing"),
    ],
)
def test_threads_that_wait_for_locks_are_counted(stacks: str, description: str) -> None:
    assert describe_hang(f"it printed\n\n{STACKS_LINE}\n[3am: process 7, 3 threads: ./ab]\n{stacks}") == description


def test_an_output_without_the_section_says_nothing() -> None:
    assert describe_hang(EU_STACK) == ""
