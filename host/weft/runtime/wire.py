"""How many bytes an inference sends and receives, before there is a board."""

from collections.abc import Callable

import numpy as np
from weft_hw.boards import board_of
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import (
    MAX_PAYLOAD_BYTES,
    OVERHEAD_BYTES,
    REPLY_FIELDS,
    REQUEST_FIELDS,
    Request,
    field_bytes,
)

from weft.driver.cutter import Block, RequestCutter, UnitRange
from weft.program import Program, RunStep
from weft.runtime.execute import Memories
from weft.runtime.host_memory import HostMoved
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
        ``"uart"``, ``"usb"`` at the board's fastest, ``"udp"`` or ``"spi"``; by default what the
        board is built with.
        The rate is 0 without such a board or link.
    """
    board = board_of(config)
    kind = link or (board.link if board else "uart")
    return kind, board.bytes_per_second(kind) if board else 0.0


def predicted_link(program: Program, link: str = "", *, by_host: bool = False) -> LinkProfile:
    """Return what one image of ``program`` sends and receives over its board's link.

    ``by_host`` says that the host carries out its moves.

    Of a random image, and if nothing gets lost. All is zero where no board has the configuration;
    ``link`` is as for :func:`link_of`.
    """
    board = board_of(program.config.name)
    if board is None:
        return LinkProfile()
    kind_of_link, rate = link_of(program.config.name, link)
    cutter, random = RequestCutter(program.config), np.random.default_rng(0)
    payload = min(
        MAX_PAYLOAD_BYTES, board.buffer_bytes // 2 - OVERHEAD_BYTES - _fields(Request.PIXELS)
    )
    there = back = 0

    def ask(kind: Request, sent: int = 0, answered: int = 0) -> None:
        nonlocal there, back
        there += OVERHEAD_BYTES + _FRAMING_BYTES + _fields(kind) + sent
        back += OVERHEAD_BYTES + _FRAMING_BYTES + _STATUS_BYTES + answered
        back += field_bytes(REPLY_FIELDS[kind])

    memories: Memories = _Asker(cutter, payload, ask)
    if by_host:
        memories = HostMoved(memories, program.config)
        for image in program.images:
            if image.region in (Region.DRAM, Region.DESCRIPTOR):  # the host's own
                memories.write(image.region, image.unit, image.data)
    for step in program.steps:
        if not isinstance(step, RunStep):
            continue
        for name in step.loads:
            place, shape = program.places[name], program.graph.tensors[name].shape
            image = random.integers(-128, 128, shape, dtype=np.int8)
            memories.write(place.region, place.base, place.pack(image))
        memories.run(step.first % program.config.descriptor_count, step.count)
        for name in step.reads:
            place = program.places[name]
            memories.read(place.region, place.base, place.units)
    return LinkProfile(
        bytes_to_board=there,
        bytes_from_board=back,
        bytes_per_second=rate,
        kind=kind_of_link,
    )


class _Asker:
    """A device that only counts what it is asked: ``ask(kind, sent, answered)``."""

    def __init__(self, cutter: RequestCutter, payload: int, ask: Callable[..., None]):
        self._cutter, self._payload, self._ask = cutter, payload, ask

    def write(self, region: Region, unit: int, data: bytes) -> None:
        """Count a write."""
        for request in self._cutter.writes(Block(region, unit, data), self._payload):
            kind = Request.PIXELS if request.channels else Request.WRITE
            self._ask(kind, sent=len(request.data))

    def read(self, region: Region, unit: int, count: int) -> bytes:
        """Count a read; return what no packing shortens."""
        size = self._cutter.unit_bytes(region)
        for part in self._cutter.reads(UnitRange(region, unit, count), self._payload):
            self._ask(Request.READ, answered=part.units * size)
        return b"\x55" * (count * size)

    def run(self, first: int, count: int) -> None:
        """Count a run, and the wait for its end."""
        self._ask(Request.RUN)
        self._ask(Request.WAIT)


def _fields(kind: Request) -> int:
    return field_bytes(REQUEST_FIELDS[kind])
