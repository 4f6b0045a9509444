"""Files become input arrays by the printed rule, or a sentence says why not."""

import re

import numpy as np
import pytest
from PIL import Image
from weft.cli.images import InputError, find_inputs, picture_rule, read_input
from weft.cli.pictures import read_pixels
from weft.errors import ModelError
from weft.graph import Graph, Node, Quantization, Runtime, Tensor


def quantization(scale, zero_point):
    return Quantization(np.array([scale], np.float32), np.array([zero_point]))


def int8_graph(shape=(1, 4, 6, 3)):
    image = Tensor("image", shape, np.dtype(np.int8), quantization(0.5, -3))
    return Graph("g", (), {"image": image}, ("image",), ("image",), Runtime.REFERENCE)


def float_graph(scale=1 / 255, zero_point=0):
    tensors = {
        "image": Tensor("image", (1, 1, 8, 8), np.dtype(np.float32)),
        "moved": Tensor("moved", (1, 8, 8, 1), np.dtype(np.float32)),
        "q": Tensor("q", (1, 8, 8, 1), np.dtype(np.uint8), quantization(scale, zero_point)),
    }
    nodes = (
        Node("TRANSPOSE", "t", ("image",), ("moved",), {"permutation": (0, 2, 3, 1)}),
        Node("QUANTIZE", "q", ("moved",), ("q",)),
    )
    return Graph("g", nodes, tensors, ("image",), ("q",), Runtime.ONNXRUNTIME)


def save_picture(path, pixels):
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def test_int8_input_takes_the_full_range(tmp_path):
    pixels = np.arange(72, dtype=np.uint8).reshape(4, 6, 3) * 3
    pixels[0, 0], pixels[3, 5] = 0, 255
    [array] = read_input(save_picture(tmp_path / "p.png", pixels), int8_graph(), "image")
    assert array.dtype == np.int8 and array.shape == (1, 4, 6, 3)
    assert np.array_equal(array[0], (pixels.astype(int) - 128))


def test_float_input_takes_the_range_of_its_first_quantisation(tmp_path):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    path = save_picture(tmp_path / "p.png", pixels)
    [array] = read_input(path, float_graph(), "image")
    assert array.dtype == np.float32 and array.shape == (1, 1, 8, 8)
    assert np.allclose(array[0, 0], pixels / 255, atol=1e-6)
    [array] = read_input(path, float_graph(2 / 255, 128), "image")  # about -1 to 1
    assert np.allclose(array[0, 0], (pixels - 128.0) * 2 / 255, atol=1e-6)


def test_a_constant_picture_stays_constant_when_resized_and_converted(tmp_path):
    path = save_picture(tmp_path / "p.jpg", np.full((50, 31), 200))
    [array] = read_input(path, int8_graph(), "image")
    assert array.shape == (1, 4, 6, 3)
    assert np.abs(array.astype(int) - 72).max() <= 1  # JPEG loses a little


def test_sixteen_bit_pictures_keep_their_brightness(tmp_path):
    Image.fromarray(np.full((8, 8), 0xF0F0, np.uint16)).save(tmp_path / "p.png")
    [array] = read_input(tmp_path / "p.png", float_graph(), "image")
    assert np.allclose(array, 240 / 255, atol=1e-6)


@pytest.mark.parametrize("name, head, value", [("p.pgm", b"P5", 0), ("p.ppm", b"P6", 1)])
def test_sixteen_bits_are_cut_but_in_ppm(tmp_path, name, head, value):
    """0x00ff is 0.99 of 255."""
    samples = 1 if head == b"P5" else 3
    (tmp_path / name).write_bytes(head + b" 8 8 65535\n" + b"\0\xff" * (64 * samples))
    assert (read_pixels(tmp_path / name, 8, 8, samples) == value).all()


def test_the_rule_is_a_sentence():
    files = (
        "; read are BMP, GIF, JPEG, PNG, PPM, PGM, PBM and WebP of up to 33,554,432 pixels, turned "
        "as EXIF says, laid on white, 16-bit values cut to 8 (those of PPM rounded), of several "
        "frames the first"
    )
    assert str(picture_rule(int8_graph(), "image")) == (
        "pictures become 6x4 RGB (bilinear), pixels 0..255 become int8 -128..127" + files
    )
    assert str(picture_rule(float_graph(), "image")) == (
        "pictures become 8x8 grey (bilinear), pixels 0..255 become float32 0..1" + files
    )


def test_arrays_come_with_or_without_batch(tmp_path):
    values = np.arange(3 * 72, dtype=np.int8).reshape(3, 4, 6, 3)
    np.save(tmp_path / "a.npy", values)
    batch = read_input(tmp_path / "a.npy", int8_graph(), "image")
    assert len(batch) == 3 and np.array_equal(np.concatenate(batch), values)
    np.save(tmp_path / "a.npy", values[1])
    [one] = read_input(tmp_path / "a.npy", int8_graph(), "image")
    assert np.array_equal(one, values[1:2])
    np.save(tmp_path / "a.npy", values[2:])
    [one] = read_input(tmp_path / "a.npy", int8_graph(), "image")
    assert np.array_equal(one, values[2:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((1, 4, 6, 3), np.float32), "holds float32, but input image is int8"),
        (
            np.zeros((1, 4, 6, 2), np.int8),
            "has shape (1, 4, 6, 2), but input image is (1, 4, 6, 3)",
        ),
        (np.zeros((), np.int8), "has shape (), but input image is (1, 4, 6, 3)"),
    ],
)
def test_wrong_arrays(tmp_path, content, message):
    np.save(tmp_path / "a.npy", content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_input(tmp_path / "a.npy", int8_graph(), "image")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"hello", b"\x80\x04K\x01."])
@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.jpg"])
def test_foreign_bytes(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"a\.(npy|png|jpg)"):
        read_input(tmp_path / name, int8_graph(), "image")


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"is no \.npy array"):
        read_input(tmp_path / "a.npy", int8_graph(), "image")


def test_a_batch_of_none(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 4, 6, 3), np.int8))
    with pytest.raises(InputError, match=r"a\.npy holds no array: its shape is \(0, 4, 6, 3\)"):
        read_input(tmp_path / "a.npy", int8_graph(), "image")


def test_an_archive_is_no_array(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(InputError, match="archive"):
        read_input(tmp_path / "a.npy", int8_graph(), "image")


def test_a_truncated_picture(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = save_picture(tmp_path / "whole.png", noise).read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"cut\.png cannot be read"):
        read_input(tmp_path / "cut.png", int8_graph(), "image")


def test_an_input_that_is_no_image_takes_no_pictures(tmp_path):
    path = save_picture(tmp_path / "p.png", np.zeros((8, 8)))
    with pytest.raises(ModelError, match="takes no pictures"):
        read_input(path, int8_graph((1, 4, 6, 5)), "image")
    with pytest.raises(ModelError, match="takes no pictures"):
        read_input(path, int8_graph((1, 640)), "image")


def test_directories_are_sorted_and_filtered(tmp_path):
    for name in ("b.png", "a.npy", "c.txt", "d.JPG"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_inputs([tmp_path])] == ["a.npy", "b.png", "d.JPG"]
    (tmp_path / "empty").mkdir()
    for path, message in [
        (tmp_path / "empty", "holds no .npy file and no picture"),
        (tmp_path / "missing.png", "does not exist"),
        (tmp_path / "c.txt", "expected .npy or a picture"),
    ]:
        with pytest.raises(InputError, match=message):
            find_inputs([path])
