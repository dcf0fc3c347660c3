"""Which lines of code sleep, in the languages that people have; and which only look as if they did."""

from __future__ import annotations

import pytest

from threeam.restore.sleep_statements import SleepCall, added_sleeps, has_sleep_call

SLEEPS = """
time.sleep(1)
await asyncio.sleep(0.5)
sleep 5
sleep .5
sleep "$PAUSE"
sleep ${N:-5}
sleep infinity
setTimeout(resolve, 1000)
Thread.sleep(100);
TimeUnit.SECONDS.sleep(1);
Uninterruptibles.sleepUninterruptibly(1, TimeUnit.SECONDS);
LockSupport.parkNanos(1000);
time.Sleep(50 * time.Millisecond)
thread::sleep(Duration::from_millis(50));
tokio::time::sleep(d).await;
std::this_thread::sleep_for(50ms);
usleep(100);
nanosleep(&ts, NULL);
Sleep(100);
msleep(10);
Kernel.sleep 1
sleep rand(3)
sleep 0.1
sleep DELAY
usleep(250000);
select(undef, undef, undef, 0.25);
Process.sleep(100)
:timer.sleep(100)
timer:sleep(100),
threadDelay 1000000
Thread.sleep 100
delay(500L)
Thread.sleep(forTimeInterval: 0.5)
try await Task.sleep(nanoseconds: 1_000)
Thread.Sleep(100);
await Task.Delay(100);
Start-Sleep -Seconds 5
Start-Sleep 5
SELECT pg_sleep(0.5);
SELECT SLEEP(5);
WAITFOR DELAY '00:00:05'
DBMS_LOCK.SLEEP(5);
DBMS_SESSION.SLEEP(5);
Sys.sleep(1)
sleep(1)
pause(0.5)
(Thread/sleep 100)
Unix.sleep 1;
Unix.sleepf 0.5
do! Async.Sleep 100
sleep(Duration(seconds: 1));
await Future.delayed(Duration(seconds: 1));
std.time.sleep(1_000);
call sleep(1)
delay 1.0;
(sleep 1)
(sleep-for 1)
timeout /t 5
socket.sleep(0.1)
Sleep, 1000
      - sleep 30
	@sleep 5
cmd1 && sleep 2 && cmd2
os.execute("sleep 1")
["sleep", "5"]
subprocess.run(["sleep", "5"])
await page.waitForTimeout(1000)
System.Threading.Thread.Sleep(TimeSpan.FromSeconds(1))
gevent.sleep()
k_sleep(K_MSEC(5));
SDL_Delay(16);
""".strip("\n").split("\n")

INNOCENT = """
sleeping = True
# sleep well, and drink water
from time import sleep
import { sleep } from "./clock"
person.asleep = False
if person.asleep(now):
if is_asleep(user):
sock.settimeout(5)
socket.setTimeout(5000)
clearTimeout(timer)
delay = 5
transition-delay: 1s
display(x)
overlay(image)
replay(events)
relay(message)
player.pause()
plt.delay(x)
timeout = 30
sleep: 8
sleep_s = 0.5
"sleep": 0.5,
self.sleep = sleep
sleepless(night)
noSleep = new NoSleep();
oversleep_hours = 1
WAITFOR_DELAY_MS = 5
const DELAY = 100
await task
wait(lock)
cond.wait(timeout=5)
max_sleep_s: float
def deep_sleep_score(night):
the_usleep_helper
sleepScore(day)
""".strip("\n").split("\n")


@pytest.mark.parametrize("line", SLEEPS)
def test_a_sleep_is_seen(line: str) -> None:
    assert has_sleep_call(line)


@pytest.mark.parametrize("line", INNOCENT)
def test_what_does_not_sleep_is_left_alone(line: str) -> None:
    assert not has_sleep_call(line)


DIFF = """diff --git a/cart.py b/cart.py
--- a/cart.py
+++ b/cart.py
@@ -3,2 +3 @@ def renew():
-time.sleep(9)
-renew()
+renew(row)
@@ -10 +9,4 @@
-x
+    time.sleep(0.1)  # only for tonight
+++ sleep(2) looks like the head of a file
+y
+++ b/other.py
\\ No newline at end of file
diff --git a/b/run.sh b/b/run.sh
new file mode 100755
--- /dev/null
+++ b/b/run.sh
@@ -0,0 +1,2 @@
+#!/bin/sh
+sleep 1
"""


def test_only_what_was_added_is_flagged_by_file_and_line() -> None:
    assert list(added_sleeps(DIFF)) == [
        SleepCall("cart.py", 9, "time.sleep(0.1)  # only for tonight"),
        SleepCall("cart.py", 10, "++ sleep(2) looks like the head of a file"),
        SleepCall("b/run.sh", 2, "sleep 1"),
    ]


def test_a_line_without_end_takes_no_time() -> None:
    assert not has_sleep_call("sleep " * 1_000_000)
