"""What an inference takes over a link, before there is a board."""

from dataclasses import replace

import pytest
from weft.cli import main
from weft.cli.output import time_note
from weft.compiler import compile_graph
from weft.importers import load_model
from weft.models.digits import MODEL
from weft.runtime.profile import LinkProfile
from weft.runtime.wire import link_of, predicted_link
from weft_hw.boards import BOARDS
from weft_hw.contract.config import get_config

FRAME = 2 + 4 + 2  # type and number, CRC, code and zero
REPLY = FRAME + 1  # and the status


def digits_on(config):
    return compile_graph(load_model(MODEL), get_config(config))


def test_bytes_of_the_digits_by_hand():
    """8x8 pixels with padding of a row above and below, 4 bytes each in rows of 16 words."""
    link = predicted_link(digits_on("icebreaker"))
    # Two writes, as a request fills at most half of 512 bytes; run, wait, read of 10 scores.
    assert link.bytes_to_board == 10 * 8 * 4 + 2 * (FRAME + 6) + (FRAME + 6) + FRAME + (FRAME + 6)
    assert link.bytes_from_board == 2 * REPLY + REPLY + (REPLY + 6) + (REPLY + 10)
    assert link.bytes_per_second == 300_000
    assert link.wire_seconds == pytest.approx((384 + 61) * 10 / 3e6)


def test_no_board_no_link():
    link = predicted_link(digits_on("tiny"))
    assert link == LinkProfile() and link.wire_seconds is None


def test_a_rate_is_not_summed():
    a = LinkProfile(bytes_to_board=7, bytes_from_board=3, bytes_per_second=100.0)
    b = LinkProfile(bytes_to_board=5, bytes_per_second=100.0)
    assert (a + b).wire_seconds == pytest.approx(0.15) and (a - b).wire_seconds == 0.05
    assert (LinkProfile() + a).bytes_per_second == 100.0


def test_words_with_and_without_a_link():
    link = LinkProfile(bytes_to_board=2000, bytes_from_board=1000, bytes_per_second=300_000.0)
    assert time_note(110_000, 110_000_000) == " (1.000 ms at 110 MHz, without the link)"
    assert time_note(110_000, 110_000_000, LinkProfile()) == time_note(110_000, 110_000_000)
    assert time_note(110_000, 110_000_000, link) == (
        " (1.000 ms at 110 MHz; 11.000 ms with a link of 3 Mbaud)"
    )
    usb = LinkProfile(bytes_to_board=40_000, bytes_per_second=40e6, kind="usb")
    assert time_note(110_000, 110_000_000, usb) == (
        " (1.000 ms at 110 MHz; 2.000 ms with a link of 40 MB/s)"
    )
    assert time_note(None, 110_000_000, link) == time_note(5, 0, link) == ""


def test_the_link_that_a_board_is_built_with_is_what_counts(monkeypatch):
    board = BOARDS["ecpix-5-85f"]
    assert link_of(board.config) == ("uart", 1_200_000)
    monkeypatch.setitem(BOARDS, board.name, replace(board, link="usb"))
    assert link_of(board.config) == ("usb", 40e6)
    assert link_of(board.config, "uart") == ("uart", 1_200_000)
    assert link_of("tiny") == ("uart", 0)


def test_explain_tells_both(capsys):
    assert main(["explain", "digits", "-c", "icebreaker"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "ms at 24 MHz;" in text and "ms with a link of 3 Mbaud)" in text
