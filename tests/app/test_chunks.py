"""The parts of Streamlit's client that are loaded ahead."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import chunks

STATIC = Path(st.__file__).parent / "static"


@pytest.mark.parametrize("name", chunks.NEEDED)
def test_every_part_is_there_under_the_address_that_the_page_asks_for(name):
    addresses = [address for address in chunks._addresses() if f"/{name}." in address]
    assert addresses
    assert all((STATIC / address).is_file() for address in addresses)


def test_the_page_asks_for_them_once_a_session():
    def page() -> None:
        from app.chunks import load_chunks_when_idle

        load_chunks_when_idle()

    app = AppTest.from_function(page)
    assert len(app.run().get("html")) == 1
    assert len(app.run().get("html")) == 0
