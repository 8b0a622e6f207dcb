"""Uploads that must be refused, and in which words."""

import pytest

from ngcore.upload import read_network


def assert_refused(error, message, data, *, recipe="", **options):
    """Check type and text of the refusal, and the code that converts the file."""
    with pytest.raises(error) as caught:
        read_network(data, **options)
    assert type(caught.value) is error
    assert str(caught.value) == message
    assert caught.value.recipe == recipe
