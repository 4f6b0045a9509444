"""What a picture file can say is understood or refused; the values are worked out by hand."""

import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image
from weft.cli.pictures import MAX_PIXELS, MAX_SIDE, InputError, read_pixels

# An upright picture of 2x3 pixels, and what a file holds whose EXIF orientation is the key.
UPRIGHT = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),  # shown after a quarter turn clockwise
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, *more):
    """Return a PNG file of these bytes, with more chunks before the pixels."""
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
            *(chunk(*each) for each in more),
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))),
            chunk(b"IEND", b""),
        ]
    )


def saved(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def read(tmp_path, content, width, height, channels=1, name="x.png"):
    path = tmp_path / name
    path.write_bytes(content)
    return read_pixels(path, width, height, channels)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_pictures_are_turned_as_exif_says(tmp_path, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation])).convert("RGB")
    lossless = {"lossless": True} if kind == "WEBP" else {}
    content = saved(stored, kind, exif=exif, **lossless)
    assert np.array_equal(read(tmp_path, content, 3, 2)[..., 0], UPRIGHT)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "PPM", "WEBP"])
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.pbm"])
def test_the_content_decides_and_not_the_name(tmp_path, kind, name):
    content = saved(Image.new("RGB", (4, 4), (200, 200, 200)), kind)
    pixels = read(tmp_path, content, 4, 4, 3, name)
    assert pixels.shape == (4, 4, 3) and np.abs(pixels.astype(int) - 200).max() <= 1


@pytest.mark.parametrize("kind", ["EPS", "TIFF", "ICNS", "PDF", "TGA", "SGI", "PCX"])
def test_other_formats_are_refused_and_start_nothing(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(
        EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("it started Ghostscript")
    )
    content = saved(Image.new("RGB", (16, 16), "red"), kind)
    with pytest.raises(InputError, match=r"x\.png is no picture of a format that is read \(BMP, "):
        read(tmp_path, content, 4, 4, 3)


@pytest.mark.parametrize("alpha, value", [(0, 255), (255, 40), (51, 212)])  # 40/5 + 255*4/5
def test_transparency_lies_on_white(tmp_path, alpha, value):
    rows = [bytes([40, alpha])]
    assert read(tmp_path, png(1, 1, 8, 4, rows), 1, 1)[0, 0, 0] == value
    rows = [bytes([40, 40, 40, alpha])]
    assert list(read(tmp_path, png(1, 1, 8, 6, rows), 1, 1, 3)[0, 0]) == [value] * 3
    palette = (b"PLTE", bytes([40, 40, 40])), (b"tRNS", bytes([alpha]))
    assert list(read(tmp_path, png(1, 1, 8, 3, [b"\0"], *palette), 1, 1, 3)[0, 0]) == [value] * 3


def test_a_transparent_colour_lies_on_white(tmp_path):
    content = png(2, 1, 8, 0, [b"\x12\x13"], (b"tRNS", b"\0\x12"))
    assert list(read(tmp_path, content, 2, 1)[0, :, 0]) == [255, 0x13]
    content = png(2, 1, 8, 2, [b"\1\2\3\4\5\6"], (b"tRNS", b"\0\1\0\2\0\3"))
    assert read(tmp_path, content, 2, 1, 3)[0].tolist() == [[255] * 3, [4, 5, 6]]
    content = png(2, 1, 1, 0, [b"\x40"], (b"tRNS", b"\0\0"))
    assert list(read(tmp_path, content, 2, 1)[0, :, 0]) == [255, 255]


@pytest.mark.parametrize(
    "depth, colour, row, key",
    [
        (2, 0, b"\x40", b"\0\1"),
        (4, 0, b"\x10", b"\0\1"),
        (16, 0, b"\1\2", b"\1\2"),
        (16, 2, b"\1\2\1\2\1\2", b"\1\2\1\2\1\2"),
    ],
)
def test_a_transparent_colour_of_scaled_pixels_is_refused(tmp_path, depth, colour, row, key):
    content = png(1, 1, depth, colour, [row], (b"tRNS", key))
    with pytest.raises(InputError, match="transparent colour in pixels of 2, 4 or 16 bits"):
        read(tmp_path, content, 1, 1)
    assert read(tmp_path, png(1, 1, depth, colour, [row]), 1, 1).shape == (1, 1, 1)


def test_sixteen_bits_are_cut_to_eight(tmp_path):
    values = struct.pack(">4H", 0x00FF, 0x7F80, 0xF0F0, 0xFFFF)
    content = png(4, 1, 16, 0, [values])
    assert list(read(tmp_path, content, 4, 1)[0, :, 0]) == [0, 0x7F, 0xF0, 0xFF]
    content = b"P5 4 1 65535\n" + values
    assert list(read(tmp_path, content, 4, 1)[0, :, 0]) == [0, 0x7F, 0xF0, 0xFF]


@pytest.mark.parametrize(
    "picture, kind",
    [(Image.new("CMYK", (4, 4), (10, 20, 30, 40)), "JPEG"), (Image.new("F", (4, 4)), "PPM")],
)
def test_other_colours_are_refused(tmp_path, picture, kind):
    with pytest.raises(InputError, match=f"has {picture.mode} pixels; expected grey, RGB or a pal"):
        read(tmp_path, saved(picture, kind), 4, 4, 3)


def test_of_several_frames_the_first_counts(tmp_path):
    frames = [Image.new("L", (2, 2), value) for value in (7, 90, 200)]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read(tmp_path, content, 2, 2).ravel().tolist() == [7] * 4


@pytest.mark.parametrize("size", [(1 << 16, 1), (1, 1 << 16)])
def test_a_side_has_a_limit_of_its_own(tmp_path, size):
    with pytest.raises(InputError, match=r"x\.png is more than 65,535 pixels wide or high$"):
        read(tmp_path, saved(Image.new("L", size), "PNG"), 8, 8)
    assert read(tmp_path, saved(Image.new("L", (MAX_SIDE, 1)), "PNG"), 8, 8).shape == (8, 8, 1)


@pytest.mark.parametrize("width", [1 << 13, 1 << 14, 1 << 20, (1 << 31) - 1])
def test_a_bomb_is_one_sentence_and_no_memory(tmp_path, width, recwarn):
    content = png(width, (1 << 13) + 1, 8, 0, [bytes(1000)])
    tracemalloc.start()
    with pytest.raises(InputError, match=rf"^\S+x\.png has more than {MAX_PIXELS:,} pixels$"):
        read(tmp_path, content, 8, 8)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000 and not recwarn.list
    tracemalloc.stop()


# Of its own memory: a process inherits ru_maxrss of the one that started it.
MEASURED = """
import re, sys, pathlib, numpy as np, PIL.Image, PIL.PngImagePlugin
from weft.cli.pictures import read_pixels
peak = lambda: int(re.search(r"VmHWM:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
before = peak()
values = read_pixels(pathlib.Path(sys.argv[1]), 2000, 3000, 1)[..., 0]
assert (values == 255 - np.arange(3000)[:, None] % 256).all()
print((peak() - before) << 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel keeps no peak there")
@pytest.mark.parametrize(("mode", "most"), [("LA", 14), ("I;16", 9)])  # bytes a pixel
def test_a_large_picture_takes_few_copies(tmp_path, mode, most):
    """Of black, which hides the white behind it more row by row, or of 16 bits; all rows right."""
    rows = np.arange(3000, dtype=np.uint16)[:, None] % 256 + np.zeros((1, 2000), np.uint16)
    if mode == "LA":
        picture = Image.merge("LA", [Image.new("L", (2000, 3000)), Image.fromarray(np.uint8(rows))])
    else:
        picture = Image.fromarray((255 - rows) * 256 + 7)
    picture.save(tmp_path / "x.png", compress_level=1)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "x.png")],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert int(done.stdout) < most * picture.width * picture.height


def test_damaged_pictures_raise_one_type_and_warn_of_nothing(tmp_path, recwarn):
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = np.random.default_rng(2).integers(0, 256, (12, 12, 4), np.uint8)
    rng = np.random.default_rng(3)
    for kind, mode in [("PNG", "RGBA"), ("GIF", "P"), ("JPEG", "RGB"), ("WEBP", "RGB")]:
        options = {} if kind == "GIF" else {"exif": exif}
        whole = saved(Image.fromarray(noise).convert(mode), kind, **options)
        for _ in range(150):
            data = bytearray(whole)
            for at in rng.integers(0, len(data), rng.integers(1, 6)):
                data[at] = rng.integers(0, 256)
            with suppress(InputError):
                assert read(tmp_path, bytes(data), 8, 8, 3).shape == (8, 8, 3)
    assert not recwarn.list
