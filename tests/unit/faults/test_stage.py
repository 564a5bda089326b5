"""A suspended worker leaves the journal's directory to the other one."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.stage import freeze_between_writes

WRITES = """
import fcntl, os, sys, time
while True:
    lock = os.open(sys.argv[1], os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("writes", flush=True)
    time.sleep(0.2)
    os.close(lock)
    time.sleep(0.05)
"""


def test_worker_is_suspended_between_its_writes(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        try:
            for _ in range(3):
                assert worker.stdout.readline() == "writes\n"
                freeze_between_writes(worker.pid, tmp_path)
                lock = os.open(tmp_path, os.O_RDONLY)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises BlockingIOError if the worker holds it
                os.close(lock)
                worker.send_signal(signal.SIGCONT)
        finally:
            worker.kill()
