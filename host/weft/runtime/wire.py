"""How many bytes an inference sends and receives, before there is a board."""

import numpy as np
from weft_hw.boards import board_of
from weft_hw.contract.packet import (
    MAX_PAYLOAD_BYTES,
    OVERHEAD_BYTES,
    REPLY_FIELDS,
    REQUEST_FIELDS,
    Request,
    field_bytes,
)

from weft.driver.pieces import Block, Pieces, Place
from weft.program import Program, RunStep
from weft.runtime.profile import LinkProfile

__all__ = ["link_of", "predicted_link"]

_FRAMING_BYTES = 2  # a code and a zero; of long frames without a zero inside one more in 254 bytes
_STATUS_BYTES = 1


def link_of(config: str, link: str = "") -> tuple[str, float]:
    """Return kind and bytes a second of a link of the board with a configuration.

    Parameters
    ----------
    config : str
    link : str
        ``"uart"``, or ``"usb"`` at the board's fastest; by default what the board is built with.
        The rate is 0 without such a board or link.
    """
    board = board_of(config)
    kind = link or (board.link if board else "uart")
    return kind, board.bytes_per_second(kind) if board else 0.0


def predicted_link(program: Program, link: str = "") -> LinkProfile:
    """Return what one image of ``program`` sends and receives over its board's link.

    Of a random image, and if nothing gets lost. All is zero where no board has the configuration;
    ``link`` is as for :func:`link_of`.
    """
    board = board_of(program.config.name)
    if board is None:
        return LinkProfile()
    kind_of_link, rate = link_of(program.config.name, link)
    pieces, random = Pieces(program.config), np.random.default_rng(0)
    payload = min(
        MAX_PAYLOAD_BYTES, board.buffer_bytes // 2 - OVERHEAD_BYTES - _fields(Request.PIXELS)
    )
    there = back = 0

    def ask(kind: Request, sent: int = 0, answered: int = 0) -> None:
        nonlocal there, back
        there += OVERHEAD_BYTES + _FRAMING_BYTES + _fields(kind) + sent
        back += OVERHEAD_BYTES + _FRAMING_BYTES + _STATUS_BYTES + answered
        back += field_bytes(REPLY_FIELDS[kind])

    for step in program.steps:
        if not isinstance(step, RunStep):
            continue
        for name in step.loads:
            place, shape = program.places[name], program.graph.tensors[name].shape
            image = random.integers(-128, 128, shape, dtype=np.int8)
            block = Block(place.region, place.base, place.pack(image))
            for piece in pieces.of_block(block, payload):
                kind = Request.PIXELS if piece.channels else Request.WRITE
                ask(kind, sent=len(piece.data))
        ask(Request.RUN)
        ask(Request.WAIT)
        for name in step.reads:
            place = program.places[name]
            whole = Place(place.region, place.base, place.units)
            for part in pieces.of_place(whole, payload):
                size = pieces.unit_bytes(part.region)
                ask(Request.READ, answered=part.units * size)
    return LinkProfile(
        bytes_to_board=there,
        bytes_from_board=back,
        bytes_per_second=rate,
        kind=kind_of_link,
    )


def _fields(kind: Request) -> int:
    return field_bytes(REQUEST_FIELDS[kind])
