"""How writes are cut into requests: padding stays on the host, whatever remains is whole."""

import numpy as np
import pytest
from weft.driver.cutter import Block, RequestCutter
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region

CUTTER = RequestCutter(get_config("ulx3s-85f"))  # words of 16 bytes
PAYLOAD = 1024


def padded(pixels: int, channels: int, pitch: int, seed: int = 3) -> bytes:
    values = np.zeros((pixels, pitch), np.uint8)
    values[:, :channels] = np.random.default_rng(seed).integers(1, 256, (pixels, channels))
    return values.tobytes()


def restored(requests) -> bytes:
    """What the board makes of them, pixel by pixel."""
    out = b""
    for request in requests:
        sent, pitch = request.channels or 16, 16 >> request.packing
        pixels = [request.data[at : at + sent] for at in range(0, len(request.data), sent)]
        out += b"".join(pixel.ljust(pitch, b"\0") for pixel in pixels)
    return out


@pytest.mark.parametrize(
    ("channels", "pitch", "expected"),
    [(3, 4, (3, 2)), (1, 4, (1, 2)), (5, 8, (5, 1)), (9, 16, (9, 0)), (16, 16, (0, 0))],
)
def test_padding_stays_on_the_host(channels, pitch, expected):
    data = padded(48 * 48, channels, pitch)
    requests = list(CUTTER.writes(Block(Region.ACTIVATION, 7, data), PAYLOAD))
    assert {(request.channels, request.packing) for request in requests} == {expected}
    assert sum(len(request.data) for request in requests) == 48 * 48 * channels
    assert all(len(request.data) <= PAYLOAD for request in requests)
    assert restored(requests) == data
    ends = [request.address + request.units for request in requests]
    assert [requests[0].address, *ends] == [
        7,
        *(request.address for request in requests[1:]),
        ends[-1],
    ]


def test_zeros_alone_are_sent_as_one_byte_a_pixel():
    [request] = CUTTER.writes(Block(Region.ACTIVATION, 0, bytes(160)), PAYLOAD)
    assert (request.units, request.channels, request.packing, request.data) == (10, 1, 0, bytes(10))


def test_other_memories_are_sent_whole():
    [request] = CUTTER.writes(Block(Region.PARAMETER, 0, bytes(18)), PAYLOAD)
    assert (request.channels, request.data) == (0, bytes(18))
    compact = RequestCutter(get_config("icebreaker"))
    [request] = compact.writes(Block(Region.ACTIVATION, 0, bytes(8)), PAYLOAD)
    assert (request.channels, request.data) == (0, bytes(8))
