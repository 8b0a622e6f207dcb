"""Asking the C library to keep freed memory."""

import platform
import subprocess
import sys

import pytest

from ngcore import allocator

PROGRAM = """
import resource, sys, torch
from ngcore.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def pages_taken():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(2**26, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(*[pages_taken() for _ in range(24)])
"""


def pages_taken(mode):
    """Pages taken from the system for each of 24 tensors of 64 MiB, one after the other."""
    command = [sys.executable, "-c", PROGRAM, mode]
    return list(map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="nothing to set without glibc")
def test_memory_of_large_tensors_is_soon_taken_from_the_system_no_more():
    assert max(pages_taken("keep")[-8:]) < 0.1 * min(pages_taken("leave"))


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocator.keep_freed_memory()
