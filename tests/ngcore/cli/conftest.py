"""A folder of tiny zoos and checkpoints that commands find by name, and a way to run commands."""

import dataclasses
import json

import pytest
from tiny_checkpoints import write_tiny_checkpoints
from tiny_zoos import write_tiny_zoos


@dataclasses.dataclass
class Outcome:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self):
        return json.loads(self.stdout)


@pytest.fixture
def run():
    """A function `run("zoo", "info", "tiny-inrs")` that runs a command in this process."""
    from typer.testing import CliRunner

    from ngcore.cli.program import program

    def invoke(*arguments):
        result = CliRunner().invoke(program, [str(argument) for argument in arguments], prog_name="ngcore")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return invoke


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """A folder with zoos/tiny-inrs, zoos/tiny-cnns and one checkpoint a task, all untrained."""
    import numpy as np

    from ngcore.zoo import Zoo

    folder = tmp_path_factory.mktemp("shelf")
    zoos = write_tiny_zoos(folder / "zoos")
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    np.save(zoos / "tiny-inrs" / "images.npy", images)
    write_tiny_checkpoints(folder / "checkpoints", Zoo.open(zoos / "tiny-inrs"), Zoo.open(zoos / "tiny-cnns"))
    return folder


@pytest.fixture(autouse=True)
def found_by_name(shelf, tmp_path, monkeypatch):
    """Let commands find what is on the shelf, and write into the test's own folder."""
    from ngcore.tasks import checkpoints

    monkeypatch.setattr(checkpoints, "checkpoint_roots", lambda: [shelf / "checkpoints"])
    monkeypatch.setenv("NGCORE_ZOOS", str(shelf / "zoos"))
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("COLUMNS", "200")
