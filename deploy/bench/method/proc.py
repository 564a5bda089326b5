"""Reads a process's memory and CPU time from the kernel. https://docs.kernel.org/filesystems/proc.html"""

import os
import time
from pathlib import Path

KIB_PER_MIB = 1024
SCHEDULED = 2  # CPUCLOCK_SCHED: the time that the process has run, to the nanosecond


def memory_mib(smaps_rollup: str) -> dict[str, float]:
    """Returns `Rss` and `Pss` (shared pages divided among their processes) of a smaps_rollup, in MiB."""
    sizes = {line.split(":")[0]: line.split()[1] for line in smaps_rollup.splitlines() if line.endswith(" kB")}
    return {name: int(sizes[name]) / KIB_PER_MIB for name in ("Rss", "Pss")}


def memory_of(pid: int) -> dict[str, float]:
    return memory_mib(Path(f"/proc/{pid}/smaps_rollup").read_text())


def cpu_ms(pid: int) -> float:
    """Returns the user and system time of all threads of the process: the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | SCHEDULED) * 1000


def busy_seconds(stat: str, ticks_per_second: int) -> float:
    """Returns how long the machine's cores worked since its start, all together, by the text of /proc/stat.

    https://docs.kernel.org/filesystems/proc.html#miscellaneous-kernel-statistics-in-proc-stat
    """
    user, nice, system, _idle, _waiting, irq, softirq, *_ = map(int, stat.split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + softirq) / ticks_per_second


def machine_seconds() -> float:
    return busy_seconds(Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK"))
