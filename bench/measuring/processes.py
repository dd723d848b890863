"""What processes have cost, from /proc."""

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat behind the name: see proc(5).
_PARENT, _OWN_TIMES, _WAITED_FOR_TIMES = 1, slice(11, 13), slice(13, 15)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """User and system time of one process."""
    return sum(int(field) for field in _stat(pid)[_OWN_TIMES]) / _TICKS_PER_SECOND


def exact_cpu_seconds(pid: int) -> float:
    """The same of a process with one thread, to the nanosecond, and right while the process sleeps."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def family_cpu_seconds(pid: int) -> float:
    """User and system time of a process, of its living children, and of those that have ended."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = _stat(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile; its parent counts it
        if int(entry.name) == pid:
            ticks += sum(int(field) for field in fields[_OWN_TIMES] + fields[_WAITED_FOR_TIMES])
        elif int(fields[_PARENT]) == pid:
            ticks += sum(int(field) for field in fields[_OWN_TIMES])
    return ticks / _TICKS_PER_SECOND


def peak_rss_mb(pid: int) -> float:
    """The most memory the process has had in RAM, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/status has no VmHWM")
