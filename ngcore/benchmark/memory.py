"""How much memory this process holds and has held at most."""

import contextlib
import importlib.util
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def resident_mb() -> float:
    """Memory that the process holds now; NaN where the system does not tell."""
    return _status_mb("VmRSS") if STATUS.exists() else float("nan")


def peak_mb() -> float:
    """Most memory that the process has held since it began or since `reset_peak`; NaN where nobody tells."""
    if STATUS.exists():
        return _status_mb("VmHWM")
    if importlib.util.find_spec("resource") is None:
        return float("nan")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def reset_peak() -> None:
    """Let `peak_mb` start again, where the system (Linux) can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status_mb(field: str) -> float:
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024
