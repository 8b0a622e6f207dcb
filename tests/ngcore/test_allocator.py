"""Asking the C library to keep freed memory."""

import platform
import subprocess
import sys

from ngcore import allocator

TOUCH = """
import resource, torch
from ngcore.allocator import keep_freed_memory
assert keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(2**24, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first, second = faults(), faults()
print(first, second)
"""


def test_memory_is_taken_from_the_system_only_once():
    if platform.libc_ver()[0] != "glibc":
        assert not allocator.keep_freed_memory()
        return
    run = subprocess.run([sys.executable, "-c", TOUCH], capture_output=True, text=True, check=True)
    _, second = map(int, run.stdout.split())
    assert second < 100  # 4,096 pages of 4 KiB would be taken anew


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocator.keep_freed_memory()
