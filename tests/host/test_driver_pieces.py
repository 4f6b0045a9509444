"""How writes are cut into requests: padding stays on the host, whatever remains is whole."""

import numpy as np
import pytest
from weft.driver.pieces import Block, Pieces
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region

PIECES = Pieces(get_config("ulx3s-85f"))  # words of 16 bytes
PAYLOAD = 1024


def padded(pixels: int, channels: int, pitch: int, seed: int = 3) -> bytes:
    values = np.zeros((pixels, pitch), np.uint8)
    values[:, :channels] = np.random.default_rng(seed).integers(1, 256, (pixels, channels))
    return values.tobytes()


def restored(pieces) -> bytes:
    """What the board makes of them, pixel by pixel."""
    out = b""
    for piece in pieces:
        sent, pitch = piece.channels or 16, 16 >> piece.packing
        pixels = [piece.data[at : at + sent] for at in range(0, len(piece.data), sent)]
        out += b"".join(pixel.ljust(pitch, b"\0") for pixel in pixels)
    return out


@pytest.mark.parametrize(
    ("channels", "pitch", "expected"),
    [(3, 4, (3, 2)), (1, 4, (1, 2)), (5, 8, (5, 1)), (9, 16, (9, 0)), (16, 16, (0, 0))],
)
def test_padding_stays_on_the_host(channels, pitch, expected):
    data = padded(48 * 48, channels, pitch)
    pieces = list(PIECES.of_block(Block(Region.ACTIVATION, 7, data), PAYLOAD))
    assert {(piece.channels, piece.packing) for piece in pieces} == {expected}
    assert sum(len(piece.data) for piece in pieces) == 48 * 48 * channels
    assert all(len(piece.data) <= PAYLOAD for piece in pieces)
    assert restored(pieces) == data
    ends = [piece.address + piece.units for piece in pieces]
    assert [pieces[0].address, *ends] == [7, *(piece.address for piece in pieces[1:]), ends[-1]]


def test_zeros_alone_are_sent_as_one_byte_a_pixel():
    [piece] = PIECES.of_block(Block(Region.ACTIVATION, 0, bytes(160)), PAYLOAD)
    assert (piece.units, piece.channels, piece.packing, piece.data) == (10, 1, 0, bytes(10))


def test_other_memories_are_sent_whole():
    [piece] = PIECES.of_block(Block(Region.PARAMETER, 0, bytes(18)), PAYLOAD)
    assert (piece.channels, piece.data) == (0, bytes(18))
    compact = Pieces(get_config("icebreaker"))
    [piece] = compact.of_block(Block(Region.ACTIVATION, 0, bytes(8)), PAYLOAD)
    assert (piece.channels, piece.data) == (0, bytes(8))
