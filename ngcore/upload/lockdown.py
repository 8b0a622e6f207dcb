"""Permanently taking all rights from a process: no files, no network, no other programs, little memory and time.

On Linux two independent mechanisms of the kernel hold: Landlock takes away every file and TCP port, and a seccomp
filter lets pass only the system calls that computing and answering need. Elsewhere only the limits of `setrlimit`
hold. This module needs the standard library alone, so that a process that uses it starts fast.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446  # system calls, the same on all processors
LANDLOCK_VERSION_FLAG = 1
FIRST_NETWORK_ABI, FIRST_SCOPE_ABI = 4, 6
FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # how many rights exist; 16 from version 5 on
NETWORK_RIGHTS = SCOPES = 0b11  # bind and connect over TCP; abstract sockets and signals

# Numbers of the system calls that pass. In this order: read, write, close, fstat, lseek; mmap, mprotect, munmap, brk,
# mremap, madvise; the three calls of signal handlers and returning from one; sched_yield, getpid, gettid, futex,
# clock_gettime, getrandom; and the two that end a thread and a process.
ALLOWED_CALLS = {
    "x86_64": (0, 1, 3, 5, 8, 9, 10, 11, 12, 25, 28, 13, 14, 15, 24, 39, 186, 202, 228, 318, 60, 231),
    "aarch64": (63, 64, 57, 80, 62, 222, 226, 215, 214, 216, 233, 134, 135, 139, 124, 172, 178, 98, 113, 278, 93, 94),
}
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # instructions of the filter
CALL_NUMBER_AT, ARCH_AT = 0, 4  # offsets in what the filter sees of a system call
ALLOW, DENY, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000


def lock_process(*, cpu_seconds: int, memory_bytes: int) -> list[str]:
    """Permanently give up what computing does not need; open pipes stay usable.

    Args:
        cpu_seconds: Processor time from now on.
        memory_bytes: Address space beyond what the process takes now.

    Returns:
        Which mechanisms of the system hold besides limits: "landlock", "seccomp", both or none.
    """
    address_space = _address_space() + memory_bytes
    libc = _libc_without_new_rights()
    held = ["landlock"] if libc and _drop_files(libc) else []  # before the limits: it needs one more file number
    _set_limits(cpu_seconds, address_space)
    return [*held, "seccomp"] if libc and _filter_calls(libc) else held


def _address_space() -> int:
    """Bytes of address space that the process takes, 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 0


def _libc_without_new_rights() -> ctypes.CDLL | None:
    """Linux's C library once no program can give this process more rights; None on other systems."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return libc if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 else None


def _set_limits(cpu_seconds: int, address_space: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    for limit, value in (
        (resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_seconds),
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 3),  # the three pipes that are open
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS knows no limit on address space
            resource.setrlimit(limit, (value, value))


def _drop_files(libc: ctypes.CDLL) -> bool:
    """Give up every file and, where the kernel is new enough, TCP, sockets of others and signals, by Landlock."""
    abi = libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION_FLAG)
    if abi < 1:
        return False
    fields = [(1 << FILE_RIGHTS_BY_ABI.get(abi, 16)) - 1]
    fields += [NETWORK_RIGHTS] * (abi >= FIRST_NETWORK_ABI) + [SCOPES] * (abi >= FIRST_SCOPE_ABI)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    rules = libc.syscall(LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return False
    held = libc.syscall(LANDLOCK_RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return held


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _filter_calls(libc: ctypes.CDLL) -> bool:
    """Let the kernel refuse every system call but the allowed ones, by a seccomp filter."""
    machine = platform.machine()
    if machine not in ALLOWED_CALLS or struct.calcsize("P") != 8:
        return False
    calls = ALLOWED_CALLS[machine]
    program = [(LOAD, 0, 0, ARCH_AT), (JUMP_IF_EQUAL, 1, 0, AUDIT_ARCH[machine]), (RETURN, 0, 0, KILL)]
    program.append((LOAD, 0, 0, CALL_NUMBER_AT))
    program += [(JUMP_IF_EQUAL, len(calls) - i, 0, number) for i, number in enumerate(calls)]
    program += [(RETURN, 0, 0, DENY), (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    filter_program = _FilterProgram(len(program), code)
    return libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_program), 0, 0) == 0
