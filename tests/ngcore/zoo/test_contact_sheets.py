"""The contact sheet of a zoo of INRs."""

import numpy as np
import pytest
from tiny_zoos import write_cnns, write_inrs

from ngcore.errors import ZooError
from ngcore.inr import render
from ngcore.zoo import contact_sheet, write_contact_sheet


@pytest.fixture(scope="module")
def inrs(tmp_path_factory):
    return write_inrs(tmp_path_factory.mktemp("zoos") / "sheet-inrs")


def test_a_sheet_shows_the_first_networks_of_each_class_in_a_row(inrs):
    """Three classes, five columns of 8 pixels and gaps of 2; the second of class 1 is network 4."""
    sheet = contact_sheet(inrs, columns=5, side=8)
    assert sheet.shape == (2 + 3 * 10, 2 + 5 * 10, 3)
    expected = (255 * render(inrs.networks([4]), (8, 8))[0].clamp(0, 1).numpy()).round()
    cell = sheet[12:20, 12:20]
    assert all(np.array_equal(cell[..., channel], expected) for channel in range(3))
    assert (sheet[:2] == 255).all()
    assert (sheet[2:10, 42:50] == 255).all()  # four networks a class: the fifth place is empty


def test_a_sheet_becomes_a_picture(inrs, tmp_path):
    assert write_contact_sheet(inrs, tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ZooError, match=r"Expected the name of a picture, such as sheet\.png"):
        write_contact_sheet(inrs, tmp_path / "sheet.zoo")


def test_a_zoo_of_other_networks_has_no_sheet(tmp_path):
    with pytest.raises(ZooError, match="Expected a zoo of INRs"):
        contact_sheet(write_cnns(tmp_path / "sheet-cnns"))
