"""``.npy`` files from strangers: what NumPy writes is read, all else is one sentence."""

import warnings

import numpy as np
import pytest
from weft.cli import main
from weft.npy import DTYPES, read_npy, read_npy_file, read_npy_shape

GOOD = "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }"


def npy(header=GOOD, content=b"\1\2\3\4\5\6", version=b"\1\0"):
    size = 2 if version == b"\1\0" else 4
    return b"\x93NUMPY" + version + len(header).to_bytes(size, "little") + header.encode() + content


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 3, 4)])
@pytest.mark.parametrize("order", "CF")
def test_what_numpy_writes_is_read(tmp_path, dtype, shape, order):
    values = np.random.default_rng(3).integers(0, 2, shape).astype(dtype).copy(order)
    np.save(tmp_path / "a.npy", values)
    found = read_npy_file(tmp_path / "a.npy")
    assert (found.dtype, found.shape) == (values.dtype, shape)
    np.testing.assert_array_equal(found, values)
    assert read_npy_shape(tmp_path / "a.npy") == shape


@pytest.mark.parametrize("version", [b"\1\0", b"\2\0", b"\3\0"])
def test_versions(version):
    assert read_npy(npy(version=version)).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_bytes_of_either_order():
    header = GOOD.replace("|i1", ">i2").replace("(2, 3)", "(3,)")
    assert read_npy(npy(header)).tolist() == [0x0102, 0x0304, 0x0506]


def shaped(text):
    return npy(GOOD.replace("(2, 3)", text))


BROKEN = {
    "empty": b"",
    "magic alone": b"\x93NUMPY",
    "cut header": npy()[:30],
    "cut content": npy()[:-1],
    "more content": npy() + b"\0",
    "a zip": b"PK\3\4" + bytes(100),
    "version 9": npy(version=b"\x09\0"),
    "negative": shaped("(-2, -3)"),
    "huge": shaped("(1152921504606846976, 1024)"),
    "beyond 64 bits": shaped("(" + "9" * 40 + ",)"),
    "true": shaped("(True, 6)"),
    "real": shaped("(6.0,)"),
    "list": shaped("[2, 3]"),
    "text": shaped("'23'"),
    "65 dimensions": shaped(str((1,) * 65)),
    "objects": npy(GOOD.replace("|i1", "|O")),
    "records": npy(GOOD.replace("'|i1'", "[('a', '|i1')]")),
    "text elements": npy(GOOD.replace("|i1", "<U6")),
    "dates": npy(GOOD.replace("|i1", "<M8[ns]")),
    "vectors": npy(GOOD.replace("|i1", "(6,)i1")),
    "number as descr": npy(GOOD.replace("'|i1'", "7")),
    "order": npy(GOOD.replace("False", "0")),
    "key too many": npy(GOOD.replace("}", "'more': 1}")),
    "key too few": npy("{'descr': '|i1'}"),
    "no dictionary": npy("(1, 2)"),
    "code": npy("__import__('os').abort()"),
    "Python 2": shaped("(2L, 3L)"),
    "deep": npy("(" * 2000 + ")" * 2000),
    "deep and open": npy("{" * 4000),
    "long": npy(GOOD + " " * 60000),
    "not ascii": npy(GOOD + "\xff"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_damage_is_one_sentence_of_the_command(tmp_path, capsys, name):
    path = tmp_path / "x.npy"
    path.write_bytes(BROKEN[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError):
            read_npy(BROKEN[name])
        assert main(["run", "digits", "-i", str(path)]) == 2
    text = capsys.readouterr().err
    assert "x.npy is no .npy array: " in text.replace("\n", " ")
    assert len(text) < len(str(path)) + 250 and "Traceback" not in text
