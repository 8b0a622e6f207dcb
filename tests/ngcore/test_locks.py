"""One at a time: whoever comes second is told who is at work, and a lock ends with its process."""

import signal
import subprocess
import sys

import pytest

from ngcore.errors import InUseError
from ngcore.locks import only_one

HOLDER = """
import sys, time
from pathlib import Path
from ngcore.locks import only_one
with only_one(Path(sys.argv[1]), "a build of tiny"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_whoever_comes_second_is_told_who_is_at_work_since_when(tmp_path):
    with only_one(tmp_path / "zoo", "a build of tiny"):
        message = (
            r"Expected .*zoo free for a build of tiny, got a build of tiny \(process \d+, since [\d :-]+\) at work"
        )
        with pytest.raises(InUseError, match=message), only_one(tmp_path / "zoo", "a build of tiny"):
            pass
        with only_one(tmp_path / "other", "a build of other"):
            pass
    with only_one(tmp_path / "zoo", "a build of tiny"):
        pass


def test_a_lock_ends_with_a_process_that_is_killed(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "zoo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InUseError, match=f"process {process.pid},"), only_one(tmp_path / "zoo", "a build of tiny"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with only_one(tmp_path / "zoo", "a build of tiny"):
        pass
