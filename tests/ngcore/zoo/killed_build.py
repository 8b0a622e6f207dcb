"""Builds a tiny zoo in the folder given and kills its own process once half of it is written; run by a test."""

import os
import pickle
import signal
import sys

import ngcore.zoo.inr_zoo
from ngcore.zoo import build_inr_zoo


def kill_halfway(done, total):
    """Die at once, as by a power cut."""
    if done >= total / 2:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    spec, arguments = pickle.load(sys.stdin.buffer)
    ngcore.zoo.inr_zoo.INR_ZOOS["mnist-inrs"] = spec
    build_inr_zoo("mnist-inrs", sys.argv[1], **arguments, progress=kill_halfway)
