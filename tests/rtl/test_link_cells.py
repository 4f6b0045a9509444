"""Cells of USB and of Ethernet as the link, each synthesised alone for an ECP5."""

import pytest

pytest.importorskip("luna", reason="USB needs luna-usb")

from links_alone import LINKS, synthesise

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", [name for name in LINKS if name != "uart"])
def test_it_takes_no_block_ram(name, tmp_path):
    """The engine of an 85F leaves one, those of smaller parts leave none."""
    cells, _ = synthesise(tmp_path, name)
    assert cells["TRELLIS_DPR16X4"] > 0
    assert "DP16KD" not in cells and "PDPW16KD" not in cells
