"""Cases measured in fresh processes, several at the same time where that is asked for."""

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from ngcore.benchmark.plan import FitCase, ModelCase
from ngcore.errors import NeuralGraphError


def measure_in_processes(cases: Sequence[ModelCase | FitCase]) -> list[dict[str, Any]]:
    """One row a case, each from a process of its own; all start to measure at the same moment.

    Raises:
        NeuralGraphError: If one fails; the message ends with the last line that it wrote.
    """
    with tempfile.TemporaryFile("w+") as errors:
        workers = [_start(case, errors) for case in cases]
        try:
            for worker in workers:
                _read_line(worker, errors)
            for worker in workers:
                print("go", file=worker.stdin, flush=True)
            return [json.loads(_read_line(worker, errors)) for worker in workers]
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()


def _start(case: ModelCase | FitCase, errors: IO[str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ngcore.benchmark.worker"]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
    kind = "fit" if isinstance(case, FitCase) else "model"
    print(json.dumps({"kind": kind, "fields": dataclasses.asdict(case)}), file=worker.stdin, flush=True)
    return worker


def _read_line(worker: "subprocess.Popen[str]", errors: IO[str]) -> str:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        errors.seek(0)
        last = (errors.read().strip().splitlines() or ["no message"])[-1]
        raise NeuralGraphError(f"Expected a row of the benchmark, but its process ended: {last}")
    return line
