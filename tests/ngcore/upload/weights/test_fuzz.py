"""Damaged files of every format end in a result or a refusal; `make fuzz` does the same for longer."""

import fuzz
import pytest

ROUNDS = 150


@pytest.mark.parametrize("name", fuzz.TARGETS)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_damaged_files_are_read_or_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fuzz.run(name, seed=1, rounds=ROUNDS) == ROUNDS


def test_an_error_that_no_reader_foresaw_is_found(monkeypatch, tmp_path, caplog):
    from ngcore.upload.weights import opening

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opening, "_check", lambda tensors: 1 / 0)
    with pytest.raises(fuzz.UnforeseenError):
        fuzz.run("npz", seed=1, rounds=1)
    caplog.clear()
