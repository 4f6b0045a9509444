"""Requests of the Open Inference Protocol: read, or refused with a sentence; and their queue."""

import json
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weft.errors import LinkError
from weft.serving.messages import parse, render
from weft.serving.refused import Refused
from weft.serving.streams import Streams

RAW = np.arange(6, dtype="<f4").tobytes()


def entry(**changes):
    tensor = {"name": "x", "datatype": "FP32", "shape": [2, 3], "data": [0, 1, 2, 3, 4, 5.5]}
    return {name: value for name, value in (tensor | changes).items() if value is not ...}


def request(*inputs, **more):
    return json.dumps({"inputs": list(inputs), **more}).encode()


def read(body, json_bytes=None):
    return parse(body, json_bytes, "m", "1")


@pytest.mark.parametrize("data", [[0, 1, 2, 3, 4, 5.5], [[0, 1, 2], [3, 4, 5.5]]])
def test_numbers(data):
    query = read(request(entry(data=data), id="a"))
    np.testing.assert_array_equal(query.feeds["x"], np.array([[0, 1, 2], [3, 4, 5.5]]))
    assert (query.feeds["x"].dtype, query.id, query.outputs) == (np.float32, "a", None)


@pytest.mark.parametrize(
    ("datatype", "data", "dtype"),
    [
        ("BOOL", [True, False], np.bool_),
        ("INT8", [-128, 127], np.int8),
        ("UINT8", [0, 255], np.uint8),
        ("INT64", [-(1 << 63), (1 << 63) - 1], np.int64),
        ("UINT64", [0, (1 << 64) - 1], np.uint64),
        ("FP16", [0.5, 65504], np.float16),
    ],
)
def test_datatypes(datatype, data, dtype):
    array = read(request(entry(datatype=datatype, shape=[2], data=data))).feeds["x"]
    assert array.dtype == dtype and array.tolist() == data


def test_bytes_and_what_goes_back():
    head = request(
        entry(data=..., parameters={"binary_data_size": 24}),
        parameters={"binary_data_output": True},
        outputs=[{"name": "y", "parameters": {"binary_data": False}}, {"name": "z"}],
    )
    query = read(head + RAW, len(head))
    np.testing.assert_array_equal(query.feeds["x"], np.arange(6).reshape(2, 3))
    y, z = np.array([[1, -2]], np.int8), np.array([0.5], np.float32)
    body, size = render("m", "1", query, "0 sim", {"y": y, "z": z})
    response = json.loads(body[:size])
    assert response["outputs"] == [
        {"name": "y", "datatype": "INT8", "shape": [1, 2], "data": [1, -2]},
        {"name": "z", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 4}},
    ]
    assert body[size:] == z.tobytes() and response["parameters"] == {"board": "0 sim"}
    with pytest.raises(Refused, match="output y holds infinities or NaN"):
        render("m", "1", query, "0 sim", {"y": np.array([np.nan], np.float32)})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "no inference request: Expected `object`"),
        (b"{}", "missing required field `inputs`"),
        (request(entry(), surprise=1), "unknown field `surprise`"),
        (request(entry(surprise=1)), "unknown field `surprise`"),
        (request(entry(parameters={"classification": 3})), "'classification' means nothing"),
        (request(entry(), parameters={"timeout": 3}), "'timeout' means nothing"),
        (request(entry(), parameters={"binary_data_output": 1}), "is true or false, not 1"),
        (request(entry(), model_name="n"), "the body asks 'n', the path 'm'"),
        (request(entry(), entry()), "input x is given twice"),
        (request(entry(data=...)), "needs data, or binary_data_size"),
        (request(entry(parameters={"binary_data_size": 24})), "needs data, or binary_data_size"),
        (request(entry(data=..., parameters={"binary_data_size": 24})), "24 bytes, 0 are left"),
        (request(entry(data=..., parameters={"binary_data_size": -1})), "-1 bytes, 0 are left"),
        (request(entry()) + RAW, "no inference request: JSON is malformed"),
        (request(entry(shape=[2, -3])), "Expected `int` >= 0"),
        (request(entry(shape=[1] * 17)), "length <= 16"),
        (request(entry(shape=[2, 4])), "has 6 values, not those of shape"),
        (request(entry(data=[[0, 1], [2, 3], [4, 5]])), "is no list of shape .* at depth 0"),
        (request(entry(data=[[0, 1, 2], [3, 4]])), "is no list of shape .* at depth 1"),
        (request(entry(data=["0"] * 6)), "is no FP32: Expected `float`, got `str`"),
        (request(entry(data=[None] * 6)), "is no FP32"),
        (request(entry(data=[1e39] * 6)), "holds a number that no FP32 holds"),
        (request(entry(datatype="INT8", data=[1.5] * 6)), "is no INT8"),
        (request(entry(datatype="INT8", data=[True] * 6)), "is no INT8"),
        (request(entry(datatype="INT8", data=[128] * 6)), "holds a number that no INT8 holds"),
        (request(entry(datatype="UINT8", data=[-1] * 6)), "holds a number that no UINT8 holds"),
        (request(entry(datatype="BOOL", data=[1] * 6)), "is no BOOL"),
        (request(entry(datatype="BYTES", data=["a"] * 6)), "has datatype 'BYTES', not one of BOOL"),
        (b'{"inputs":' + b"[" * 100_000, "no inference request"),
    ],
)
def test_refused(body, words):
    with pytest.raises(Refused, match=words) as error:
        read(body)
    assert "\n" not in str(error.value)


def test_bytes_that_do_not_fit():
    head = request(entry(data=..., parameters={"binary_data_size": 20}))
    with pytest.raises(Refused, match=r"has 20 bytes, not the 24 of \[2, 3\]"):
        read(head + RAW[:20], len(head))
    with pytest.raises(Refused, match="4 bytes of the body belong to no input"):
        head = request(entry(data=..., parameters={"binary_data_size": 24}))
        read(head + RAW + b"1234", len(head))
    with pytest.raises(Refused, match="is 9, the body has 2 bytes"):
        read(b"{}", 9)
    head = request(entry(data=..., datatype="BOOL", parameters={"binary_data_size": 6}))
    with pytest.raises(Refused, match="holds a byte that is no BOOL"):
        read(head + b"\0\1\0\1\0\2", len(head))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.data())
def test_garbage_is_refused(garbage, data):
    """Bytes of any kind, and a request with some of its bytes replaced: read, or refused."""
    with pytest.raises(Refused):
        read(b"\xff" + garbage)
    body = request(entry())
    at = data.draw(st.integers(0, len(body) - 1))
    try:
        query = read(body[:at] + garbage[:3] + body[at + 3 :])
    except Refused:
        return
    assert all(array.dtype.kind in "biuf" for array in query.feeds.values())


class Session:
    """Doubles what it is fed; its stream takes two before it gives one."""

    def __init__(self, log, name):
        self.log, self.name = log, name

    def get_outputs(self):
        return [SimpleNamespace(name="y")]

    def stream(self, feeds):
        self.log.append([])
        waiting = []
        for feed in feeds:
            self.log[-1].append((self.name, int(feed["x"][0])))
            if feed["x"][0] < 0:
                raise LinkError("gone")
            waiting.append(2 * feed["x"])
            if len(waiting) == 2:
                yield waiting.pop(0)
        yield from waiting


def streams(limit, failed=lambda error: None):
    """Return a queue of two models that begins once its gate opens, and what is carried out."""
    log, gate = [], threading.Event()

    class Gated(Session):
        def stream(self, feeds):
            gate.wait(10)
            return super().stream(feeds)

    sessions: Any = {"a": Gated(log, "a"), "b": Gated(log, "b")}
    return Streams(sessions, limit, failed), log, gate


def test_streams_keep_to_their_limit_and_to_the_order():
    queue, log, gate = streams(3)
    futures = [queue.infer(name, {"x": np.array([n])}) for n, name in enumerate("aababaaa")]
    gate.set()
    assert [int(future.result(10)["y"][0]) for future in futures] == [2 * n for n in range(8)]
    assert log == [
        [("a", 0), ("a", 1), ("a", 3)],
        [("b", 2), ("b", 4)],
        [("a", 5), ("a", 6), ("a", 7)],
    ]
    assert queue.images == 8


def test_what_is_cancelled_is_not_carried_out():
    queue, log, gate = streams(8)
    futures = [queue.infer("a", {"x": np.array([n])}) for n in range(4)]
    assert futures[2].cancel()
    gate.set()
    assert [int(futures[n].result(10)["y"][0]) for n in (0, 1, 3)] == [0, 2, 6]
    assert log == [[("a", 0), ("a", 1), ("a", 3)]]


def test_a_board_that_fails_ends_its_queue():
    failed: Future = Future()

    def end(error):
        failed.set_result((str(error), futures[1].done()))

    queue, _, gate = streams(8, end)
    futures = [queue.infer("a", {"x": np.array([n])}) for n in (1, -1, 2)]
    gate.set()
    # A replica's process ends here: had the request heard of it, nobody would ask again elsewhere.
    assert failed.result(10) == ("gone", False)
    with pytest.raises(LinkError, match="gone"):
        futures[1].result(10)
    assert not futures[2].done()


def test_grpc_messages():
    pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")
    from weft.serving import grpc_messages as messages

    def ask(**changes):
        asked = messages.pb.ModelInferRequest(model_name="m", id="a")
        asked.inputs.add(name="x", datatype="INT8", shape=[2], **changes)
        return asked

    typed = ask(contents={"int_contents": [1, -2]})
    raw = ask()
    raw.raw_input_contents.append(b"\1\xfe")
    for asked in (typed, raw):
        query = messages.parse(asked)
        assert query.feeds["x"].tolist() == [1, -2] and query.feeds["x"].dtype == np.int8
        response = messages.render("m", "1", query, "0 sim", {"y": np.array([[300]], np.int16)})
        assert (response.id, response.outputs[0].datatype) == ("a", "INT16")
        assert response.raw_output_contents == [b"\x2c\x01"]
    both = ask(contents={"int_contents": [1, -2]})
    both.raw_input_contents.append(b"\1\xfe")
    parameter = ask()
    parameter.parameters["priority"].int64_param = 1
    for asked, words in [
        (both, "has contents beside raw_input_contents"),
        (parameter, "parameter 'priority' means nothing"),
        (ask(contents={"fp32_contents": [1, 2]}), "has fp32_contents, which hold no INT8"),
        (ask(contents={"int_contents": [1, 200]}), "holds a number that no INT8 holds"),
        (ask(), "has 0 values"),
    ]:
        with pytest.raises(Refused, match=words):
            messages.parse(asked)
