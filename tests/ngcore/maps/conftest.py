"""A cache for each test."""

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Let nothing that another test computed be in the cache."""
    monkeypatch.setenv("NGCORE_CACHE", str(tmp_path / "cache"))
