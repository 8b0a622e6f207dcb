"""A process that measures one case: reads it from stdin, says "ready", waits for "go", and writes the row to stdout."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

from ngcore.allocator import keep_freed_memory
from ngcore.benchmark.fit_speed import prepare_fit
from ngcore.benchmark.model_speed import measure_model
from ngcore.benchmark.plan import FitCase, ModelCase


def prepare(kind: str, fields: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """What measures a case, given as plain fields."""
    if kind == "fit":
        return prepare_fit(FitCase(**fields))
    return functools.partial(measure_model, ModelCase(**fields | {"layer_sizes": tuple(fields["layer_sizes"])}))


def main() -> None:
    """Measure the case on stdin."""
    keep_freed_memory()
    measure = prepare(**json.loads(sys.stdin.readline()))
    print("ready", flush=True)  # noqa: T201 - the answer to the process that started this one
    sys.stdin.readline()
    print(json.dumps(measure()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
