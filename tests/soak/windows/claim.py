"""Two workers claim a job by its folder. Between the check and the mkdir(2) of one, the other may make it.

The second starts a little later, so that it finds the folder nearly always. They are processes, or threads with the
argument ``threads``; with ``worker FOLDER DELAY`` this is one of them.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path


def claim(folder: str) -> bool:
    """Make the folder of the job if there is none. Return whether that was right."""
    path = Path(folder, "job")
    if not os.path.exists(path):
        try:
            path.mkdir()
        except FileExistsError:
            print("the job was claimed twice")
            return False
    return True


def work(folder: str, delay_s: float, wrong: list[bool]) -> None:
    """Claim the job after a delay."""
    time.sleep(delay_s)
    wrong += [] if claim(folder) else [True]


def main() -> int:
    """Return 1 if the job was claimed twice."""
    wrong: list[bool] = []
    if sys.argv[1:2] == ["worker"]:
        work(sys.argv[2], float(sys.argv[3]), wrong)
        return len(wrong)
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:] == ["threads"]:
            threads = [threading.Thread(target=work, args=(folder, delay_s, wrong)) for delay_s in (0, 0.003)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return len(wrong)
        pids = []
        for delay_s in (0, 0.003):
            if (pid := os.fork()) == 0:
                work(folder, delay_s, wrong)
                sys.stdout.flush()
                os._exit(len(wrong))
            pids.append(pid)
        return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)


if __name__ == "__main__":
    sys.exit(main())
