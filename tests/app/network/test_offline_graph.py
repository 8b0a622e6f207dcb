"""The page of a graph: it fetches nothing, and hostile text in it stays text."""

import re

import pytest


@pytest.fixture
def view():
    from app.graph_view import view_of
    from ngcore.networks import siren
    from ngcore.testing import random_network

    return view_of(random_network(siren((2, 6, 1))))


def test_no_tag_of_the_page_fetches_anything(view):
    from app.network.offline_graph import offline_page

    page = offline_page(view, 18)
    assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=", page, re.IGNORECASE) == []
    assert '"physics"' in page or "physics" in page
    assert "vis.Network" in page


def test_a_hostile_title_is_escaped(view):
    from app.network.offline_graph import offline_page

    page = offline_page(view, 5, title="</title><script>alert(1)</script>")
    assert "<script>alert(1)</script>" not in page


def test_too_many_edges_are_refused(view):
    from app.network.offline_graph import offline_page
    from ngcore.errors import NeuralGraphError

    with pytest.raises(NeuralGraphError, match="Expected at most 1,000 weights on a page, got 1,001"):
        offline_page(view, 1001)


def test_file_names_are_made_of_safe_letters():
    from app.state import Selection

    assert Selection("zoo", "zoo/../../etc").file_name == "zoo-------etc"
    assert Selection("upload", "ab" * 32).file_name == "network-abababababab"
