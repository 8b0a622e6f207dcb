"""Exit codes, and how a process ends when its output pipe is closed; imports nothing that would slow the start."""

import os
import sys

FAILED = 1  # what was asked for could not be done, or not all of it; a wrong command line is 2
INTERRUPTED = 130
BROKEN_PIPE = 141  # as the shell reports programs that wrote into a closed pipe


def silence_stdout() -> None:
    """Discard the remaining output: the reader of the pipe has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
