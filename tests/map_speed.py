"""Measures how long it takes from a folder of files to a map: reading, embedding and laying out 10,000 INRs.

Run as `make map-speed`; on a machine that does nothing else. It is no test: figures go to a report, not to a limit.
The files are networks of a zoo that ships, with a little noise on their weights, so that no two are alike.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ZOO, MODEL, NAME = "mnist-inrs", "mnist-ng-sweep", "measured-inrs"
NOISE = 0.02  # of the spread of each tensor


def main() -> None:
    """Make the files, then measure and print one line a part: seconds, and seconds of processor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--format", choices=("safetensors", "pt"), default="safetensors")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        _write_files(files, chosen.networks, chosen.format)
        variables = {name: str(Path(folder) / name.lower()) for name in ("NGCORE_WORK", "NGCORE_CACHE")}
        command = [sys.executable, "-m", "ngcore.cli"]
        shared = ["--workers", str(chosen.workers)]
        hints = ["--activation", "sine", "--convention", "dws"] if chosen.format == "pt" else []
        out = Path(folder) / "embeddings.npz"
        reading = ["zoo", "import", str(files), "--name", NAME, *shared, *hints]
        embedding = ["embed", NAME, "--model", MODEL, "--layout", "none", "--out", str(out), *shared]
        total = _report("reading", lambda: _run([*command, *reading], variables))
        total += _report("embedding", lambda: _run([*command, *embedding], variables))
        total += _report("layout", lambda: _lay_out(out))
        print(f"{total:7.1f} s  in all, for {chosen.networks:,} files ({chosen.format}), {chosen.workers} workers")


def _write_files(folder: Path, count: int, file_format: str) -> None:
    import torch

    from ngcore.paths import ASSETS
    from ngcore.upload import export_network
    from ngcore.zoo import Zoo

    folder.mkdir()
    zoo = Zoo.open(ASSETS / "zoos" / ZOO)
    known = zoo.networks(range(len(zoo)))
    generator = torch.Generator().manual_seed(0)
    for start in range(0, count, len(known)):
        noisy = known.map(lambda x: x + NOISE * x.std() * torch.randn(x.shape, generator=generator))
        for i in range(min(len(known), count - start)):
            path = folder / f"{start + i:06d}.{file_format}"
            if file_format == "pt":
                torch.save({name: tensor[i].clone() for name, tensor in noisy.parameters.items()}, path)
            else:
                path.write_bytes(export_network(noisy[i]))


def _run(command: list[str], variables: dict[str, str]) -> None:
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(json.dumps(command) + "\n" + done.stderr)


def _lay_out(file: Path) -> None:
    """UMAP, as for the map page."""
    import numpy as np
    import torch

    from ngcore.maps.layouts import fit_map

    with np.load(file) as arrays:
        fit_map(torch.from_numpy(arrays["embedding"]), use_cache=False)


def _report(part: str, action: Callable[[], None]) -> float:
    before, started = _processor_seconds(), time.perf_counter()
    action()
    seconds = time.perf_counter() - started
    print(f"{seconds:7.1f} s  {part} ({_processor_seconds() - before:.1f} s of processor)", flush=True)
    return seconds


def _processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
