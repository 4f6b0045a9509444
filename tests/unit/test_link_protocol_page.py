"""docs/protocol.md tells what the contract says."""

from pathlib import Path

import pytest
from weft_hw.contract.packet import Request, Status
from weft_hw.contract.packet_tables import packet_tables, with_tables

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_page_is_up_to_date():
    """If not: python -m weft_hw.contract.packet_tables docs/protocol.md."""
    page = PAGE.read_text()
    assert with_tables(page) == page


def test_every_request_and_status_is_there():
    tables = packet_tables()
    for request in Request:
        assert f"**{request.name}** ({request.value:#04x})" in tables
        assert f"**{request.name}** ({request.value + 128:#04x})" in tables
    for status in Status:
        assert f"| {status.name} | {status.value} |" in tables


def test_page_without_markers():
    with pytest.raises(ValueError, match="the page must hold"):
        with_tables("nothing here")
