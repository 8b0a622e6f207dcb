"""How the C library hands out memory, which decides how fast large tensors come and go on a CPU."""

import ctypes
import platform

# Options of mallopt(3), from glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Let this process keep freed memory for its next tensors; for programs that compute, not for servers.

    By default glibc takes every tensor above 32 MB, and many smaller ones, from the system and gives it back, and the
    system clears each page again: a third of the time of a model's step on the CPU.

    Returns:
        Whether it was done: False without glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**26))
    results = [mallopt(option, value) == 1 for option, value in settings]
    return all(results)
