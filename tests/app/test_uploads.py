"""Uploaded files are read and converted once, refusals too; a busy reader is asked again, and bytes are bounded."""

import pytest
import torch
from torch import nn

from app import uploads
from app.byte_cache import ByteCache
from ngcore.errors import AmbiguousNetworkError, BusyError, UnknownFormatError
from ngcore.upload import Hints, reader


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """Empty caches, and the numbers of files opened and networks built."""
    monkeypatch.setattr(uploads, "_opened", ByteCache(uploads.MAX_OPENED_BYTES))
    monkeypatch.setattr(uploads, "_built", ByteCache(uploads.MAX_BUILT_BYTES))
    counted = {"open_file": 0, "build_network": 0}

    def counting(name, function):
        def call(*args, **kwargs):
            counted[name] += 1
            return function(*args, **kwargs)

        return call

    for name in counted:
        monkeypatch.setattr(f"ngcore.upload.{name}", counting(name, getattr(reader, name)))
    return counted


def file_of(module):
    from safetensors.torch import save

    return save(module.state_dict())


def test_the_same_bytes_are_opened_once_under_whatever_name(calls):
    data = file_of(nn.Linear(3, 2))
    first, second = (uploads.read_once(data, filename=name) for name in ("a.safetensors", "b.safetensors"))
    assert (first.filename, second.filename) == ("a.safetensors", "b.safetensors")
    assert first.network is second.network
    assert calls == {"open_file": 1, "build_network": 1}


def test_each_answer_about_a_file_is_built_once_and_open_questions_are_asked_again(calls):
    file = uploads.open_once(file_of(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))))
    for _ in range(2):
        with pytest.raises(AmbiguousNetworkError) as asked:
            uploads.build_once(file)
        assert [question.field for question in asked.value.questions][:1] == ["activation"]
        for activation in ("relu", "tanh"):
            name = uploads.build_once(file, Hints(activation=activation)).network.architecture.name
            assert name == f"4-3-2 {activation}"
    assert calls == {"open_file": 1, "build_network": 3}


def test_a_refusal_is_remembered_with_its_recipe_and_a_busy_reader_is_asked_again(calls, monkeypatch):
    for _ in range(2):
        with pytest.raises(UnknownFormatError) as refused:
            uploads.open_once(b"\x80\x04pickled")
        assert "pickle" in refused.value.recipe
    assert calls["open_file"] == 1
    answers = iter([BusyError("Too many."), torch.zeros(3)])

    def read(data, **_):
        answer = next(answers)
        if isinstance(answer, BusyError):
            raise answer
        return reader.open_file(file_of(nn.Linear(2, 2)))

    monkeypatch.setattr("ngcore.upload.open_file", read)
    with pytest.raises(BusyError):
        uploads.open_once(b"anything")
    assert uploads.open_once(b"anything").format == "safetensors"


def test_what_is_kept_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(uploads, "_opened", ByteCache(100_000))
    for seed in range(8):
        torch.manual_seed(seed)
        uploads.open_once(file_of(nn.Linear(100, 100)))
    assert 0 < uploads._opened.num_bytes <= 100_000
