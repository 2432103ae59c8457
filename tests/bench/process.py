"""What a process group has used, from /proc: a server may have threads (their parent's numbers hold them) and children."""

import os

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def _stats(group):
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry, encoding="latin-1") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[2]) == group:
            yield fields


def cpu(group):
    """(user, system) seconds of all threads, and of children that have ended."""
    user = system = 0
    for fields in _stats(group):
        user += int(fields[11]) + int(fields[13])
        system += int(fields[12]) + int(fields[14])
    return user / TICK, system / TICK


def thread_times(pid):
    """{thread: nanoseconds on a core} of one process: finer than ticks."""
    times = {}
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, thread), encoding="ascii") as stat:
            times[thread] = int(stat.read().split()[0])
    return times


def resident(group):
    """Octets."""
    return sum(int(fields[21]) * PAGE for fields in _stats(group))
