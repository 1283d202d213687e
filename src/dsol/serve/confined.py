"""What takes from a process what a broken decoder could do harm with: memory, time, files, and the network.

Memory, time and files are limits of the system (`resource`). The network is taken by a filter of system calls
(seccomp): it needs no rights, holds for all threads, and cannot be lifted again. Where the system has neither, a
process goes on without, and `take_network` says so.
"""

import ctypes
import platform
import struct
import sys
from contextlib import suppress

MOST_FILES = 512  # open at once
CALLS = {  # machine -> its mark in the filter, and the numbers of seccomp, socket, socketpair and io_uring_setup
    "x86_64": (0xC000003E, 317, 41, 53, 425),
    "aarch64": (0xC00000B7, 277, 198, 199, 425),
}
SET_FILTER, ALL_THREADS, NO_NEW_RIGHTS = 1, 1, 38
ALLOW, DENY = 0x7FFF0000, 0x00050000 | 13  # 13: EACCES
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
CALL, MACHINE, FIRST = 0, 4, 16  # where a filter finds what is called, on what machine, and the first argument
OTHER_NUMBERS = 0x40000000  # of x86's second set of calls
LOCAL = 1  # AF_UNIX: pipes to the server


def limit(memory_mb: int = 0, cpu_s: int = 0, file_mb: int | None = None) -> None:
    """Limits of this process from now on; what needs more gets an error, and beyond `cpu_s` it is killed.

    Args:
        memory_mb: memory, millions of bytes; 0: as much as there is.
        cpu_s: seconds of the processor; 0: any.
        file_mb: of a file that it writes, millions of bytes; None: any.
    """
    with suppress(ImportError):  # Windows has none
        import resource

        wanted = [("RLIMIT_CORE", 0), ("RLIMIT_NOFILE", MOST_FILES)]
        wanted += [("RLIMIT_DATA", memory_mb * 1_000_000)] if memory_mb else []
        wanted += [("RLIMIT_CPU", cpu_s)] if cpu_s else []
        wanted += [("RLIMIT_FSIZE", file_mb * 1_000_000)] if file_mb is not None else []
        for name, most in wanted:
            with suppress(AttributeError, ValueError, OSError):  # not every system has or allows each
                resource.setrlimit(getattr(resource, name), (most, most))


def take_network() -> bool:
    """Deny this process every connection from now on; whether the system can do that.

    Sockets of this machine's own kind (AF_UNIX) stay: by them it talks to the server.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in CALLS:
        return False
    mark, seccomp, *denied = CALLS[platform.machine()]
    rules = _rules(mark, *denied)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(NO_NEW_RIGHTS, 1, 0, 0, 0):
        return False
    return system.syscall(seccomp, SET_FILTER, ALL_THREADS, filter) == 0


def _rules(mark: int, socket: int, socketpair: int, io_uring: int) -> list[tuple[int, int, int, int]]:
    """The filter: (what to do, rules to skip if so, if not, value) each; the last two are its answers."""
    tests = [
        (LOAD, None, None, MACHINE), (EQUAL, None, "deny", mark),
        (LOAD, None, None, CALL), (AT_LEAST, "deny", None, OTHER_NUMBERS), (EQUAL, "deny", None, io_uring),
        (EQUAL, "family", None, socket), (EQUAL, "family", "allow", socketpair),
        (LOAD, None, None, FIRST), (EQUAL, "allow", "deny", LOCAL),
    ]  # fmt: skip
    places = {None: 0, "family": 7, "allow": len(tests), "deny": len(tests) + 1}
    rules = [
        (what, max(places[so] - at - 1, 0), max(places[not_so] - at - 1, 0), value)
        for at, (what, so, not_so, value) in enumerate(tests)
    ]
    return [*rules, (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, DENY)]
