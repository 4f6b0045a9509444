"""A fleet of simulated boards behind the Open Inference Protocol, and clients as they are sold."""

import gzip
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import weft
from weft.cli import main
from weft.runtime.devices import open_device
from weft_hw.contract.config import get_config

pytest.importorskip("ray", reason="ray is not installed: pip install 'weft-fpga[serve]'")
pytest.importorskip("tritonclient.grpc")
pytest.importorskip("onnxruntime")

from fleets.load import EXPECTED, IMAGES, burst, digits, steady
from fleets.served import Fleet, fleet, wait_for
from networks.onnx_net import Net
from networks.ort import ort_session, run_ort

pytestmark = [pytest.mark.tools, pytest.mark.slow]
BOARDS = 4
REQUESTS = int(os.environ.get("WEFT_REQUESTS", "300"))
INFER = "/v2/models/digits/infer"


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """A model of other shapes, and names, than the digits."""
    net = Net((1, 4, 6, 5))
    weights = np.random.default_rng(2).integers(-90, 90, (3, 4, 3, 3)).astype(np.int8)
    conv = net.node("Conv", [net.x, net.weights("w", weights)], "conv", pads=[1, 1, 1, 1])
    path = tmp_path_factory.mktemp("models") / "second.onnx"
    path.write_bytes(net.bytes(net.quantized(conv, 0.2, 3)))
    return path


@pytest.fixture(scope="module")
def served(second):
    boards = ",".join(["sim"] * BOARDS)
    with fleet("digits", str(second), "--boards", boards, "--timeout", "600") as running:
        yield running


def body(**changes) -> bytes:
    tensor = {
        "name": "image",
        "datatype": "FP32",
        "shape": [1, 1, 8, 8],
        "data": IMAGES[0].reshape(-1).tolist(),
    }
    return json.dumps({"inputs": [tensor | changes]}).encode()


def test_json(served: Fleet):
    status, answer = served.ask(INFER, body())
    response = json.loads(answer)
    [output] = response["outputs"]
    assert status == 200
    assert (response["model_name"], output["name"], output["shape"]) == (
        "digits",
        "scores",
        [1, 10],
    )
    np.testing.assert_array_equal(np.float32(output["data"]), EXPECTED[0])
    nested = body(data=IMAGES[:1].tolist())
    assert json.loads(served.ask(INFER, nested)[1])["outputs"] == [output]


def test_metadata(served: Fleet):
    answer = json.loads(served.ask("/v2/models/digits")[1])
    assert answer["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8]}]
    assert answer["outputs"] == [{"name": "scores", "datatype": "FP32", "shape": [-1, 10]}]
    assert json.loads(served.ask("/v2")[1])["version"] == weft.__version__
    assert served.ask("/v2/health/live")[0] == served.ask("/v2/health/ready")[0] == 200


@pytest.mark.parametrize("how", ["http", "grpc"])
def test_tritonclient(served: Fleet, how: str):
    client_library = pytest.importorskip(f"tritonclient.{how}")
    client = client_library.InferenceServerClient(served.http if how == "http" else served.grpc)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("digits")
    tensor = client_library.InferInput("image", [3, 1, 8, 8], "FP32")
    for options in ({}, {"binary_data": False}) if how == "http" else ({},):
        tensor.set_data_from_numpy(IMAGES[:3], **options)
        for outputs in (None, [client_library.InferRequestedOutput("scores", **options)]):
            answer = client.infer("digits", [tensor], outputs=outputs, request_id="7")
            np.testing.assert_array_equal(answer.as_numpy("scores"), EXPECTED[:3])
    refused = "|".join([r"\[404\]", "NOT_FOUND"])
    with pytest.raises(Exception, match=rf"({refused}).* there is no model 'nope', only digits"):
        client.infer("nope", [tensor])
    with pytest.raises(Exception, match=r"(400|INVALID_ARGUMENT).* parameter 'sequence_\w+' means"):
        client.infer("digits", [tensor], sequence_id=3, sequence_start=True)
    client.close()


def test_page(served: Fleet, capsys):
    """What docs/serve.md types, on the ports of this fleet: both see a 6."""
    page = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
    sent = re.search(r"infer -d '(.*?)'\n```", page, re.DOTALL)
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert sent is not None and code is not None
    [output] = json.loads(served.ask(INFER, sent[1].encode())[1])["outputs"]
    assert np.argmax(output["data"]) == 6
    np.testing.assert_array_equal(np.float32(output["data"]), EXPECTED[0])
    pytest.importorskip("tritonclient.http")
    exec(code[1].replace("127.0.0.1:8080", served.http), {})
    assert capsys.readouterr().out == "[6 6] [6 6]\n"


_KSERVE = """
import asyncio, sys
import numpy as np
from kserve import InferInput, InferRequest, InferenceGRPCClient, InferenceRESTClient
from kserve.inference_client import RESTConfig
http, grpc, file = sys.argv[1:]
values = np.load(file)
async def main():
    for client, url in ((InferenceRESTClient(RESTConfig(protocol="v2")), "http://" + http),
                        (InferenceGRPCClient(grpc), None)):
        place = {} if url is None else {"base_url": url}
        assert await client.is_server_live(**place) and await client.is_server_ready(**place)
        assert await client.is_model_ready(model_name="digits", **place)
        tensor = InferInput("image", list(values["x"].shape), "FP32")
        tensor.set_data_from_numpy(values["x"], binary_data=False)
        request = InferRequest("digits", [tensor])
        answer = await (client.infer(request) if url is None
                        else client.infer(url, request, model_name="digits"))
        np.testing.assert_array_equal(answer.outputs[0].as_numpy(), values["y"])
        print("equal")
asyncio.run(main())
"""


def test_kserve(served: Fleet, tmp_path: Path):
    """In a process of its own, as its messages have the names of tritonclient's."""
    python = os.environ.get("WEFT_KSERVE", sys.executable)
    if subprocess.run([python, "-c", "import kserve"], capture_output=True, check=False).returncode:
        pytest.skip("kserve is not installed; WEFT_KSERVE names a Python that has it")
    np.savez(tmp_path / "digits.npz", x=IMAGES[:3], y=EXPECTED[:3])
    words = [python, "-c", _KSERVE, served.http, served.grpc, str(tmp_path / "digits.npz")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["equal", "equal"], done.stderr


@pytest.mark.parametrize(
    ("path", "sent", "status", "words"),
    [
        (INFER, b"", 400, "the body is no inference request: Input data was truncated"),
        (INFER, b"\xff\x00garbage", 400, "the body is no inference request"),
        (INFER, body(shape=[1, 1, 8, 9]), 400, "input image has 64 values, not those of shape"),
        (INFER, body(shape=[1, 1, 4, 16]), 400, "input image must have shape (1, 1, 8, 8)"),
        (INFER, body(shape=[0, 1, 8, 8], data=[]), 400, "input image must have shape (1, 1, 8, 8)"),
        (INFER, body(datatype="INT8", data=[1] * 64), 400, "input image must be float32, not int8"),
        (INFER, body(datatype="FP8"), 400, "input image has datatype 'FP8', not one of BOOL"),
        (INFER, body(name="picture"), 400, "the model has no input 'picture', only image"),
        (INFER, body(data=["1"] * 64), 400, "input image holds what is no FP32"),
        ("/v2/models/nope/infer", body(), 404, "there is no model 'nope', only digits"),
        ("/v2/models/digits/versions/2/infer", body(), 404, "model digits has version 1 only"),
        ("/v2/models/digits/load", b"", 404, "Not Found: POST /v2/models/digits/load"),
    ],
)
def test_bad_requests(served: Fleet, path: str, sent: bytes, status: int, words: str):
    got, answer = served.ask(path, sent)
    assert got == status
    [(key, sentence)] = json.loads(answer).items()
    assert key == "error" and sentence.startswith(words) and "\n" not in sentence


def test_a_body_that_is_too_large_is_not_read(served: Fleet):
    """Not even waited for, where its size is told; else no further than the limit."""
    connection = http.client.HTTPConnection(served.http, timeout=60)
    connection.putrequest("POST", INFER)
    connection.putheader("Content-Length", str((1 << 26) + 1))
    connection.endheaders()
    answer = connection.getresponse()
    sentence = {"error": "the body has more than 67108864 bytes"}
    assert (answer.status, json.loads(answer.read())) == (413, sentence)
    connection.close()
    endless = http.client.HTTPConnection(served.http, timeout=60)
    pieces = (bytes(1 << 20) for _ in range(65))
    endless.request("POST", INFER, pieces, encode_chunked=True)
    answer = endless.getresponse()
    assert (answer.status, json.loads(answer.read())) == (413, sentence)
    endless.close()


def test_a_compressed_body_is_refused(served: Fleet):
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    got, answer = served.ask(INFER, gzip.compress(body()), headers)
    assert (got, json.loads(answer)) == (415, {"error": "bodies are not read as 'gzip'"})


def test_two_models_are_served_at_once(served: Fleet, second: Path):
    """Requests for both at the same time: each board runs now the one, now the other."""
    images = np.random.default_rng(5).normal(0, 2, (24, 4, 6, 5)).astype(np.float32)
    session, [name] = ort_session(second.read_bytes())
    expected = [run_ort(session, image[None])[name] for image in images]

    def other(number: int) -> None:
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 4, 6, 5]}
        sent = {"inputs": [tensor | {"data": images[number].reshape(-1).tolist()}]}
        status, answer = served.ask("/v2/models/second/infer", json.dumps(sent).encode())
        [output] = json.loads(answer)["outputs"]
        assert status == 200 and output["shape"] == list(expected[number].shape)
        np.testing.assert_array_equal(np.float32(output["data"]), expected[number].reshape(-1))

    def digit(number: int) -> None:
        sent = body(data=IMAGES[number].reshape(-1).tolist())
        [output] = json.loads(served.ask(INFER, sent)[1])["outputs"]
        np.testing.assert_array_equal(np.float32(output["data"]), EXPECTED[number])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (other if n % 2 else digit)(n // 2), range(2 * len(images))))


def test_four_boards_have_the_throughput_of_four(served: Fleet):
    """In simulated time: the busiest of four boards is done 3.7 times as soon as one alone.

    A board has something to do all the time, so its cycles are its time. Long requests come first:
    the others then wait, and are shared out by the gateway and not by the speed of simulations.
    """
    sizes = [128] * BOARDS + [16] * 12 * BOARDS
    device = open_device("sim", get_config("ulx3s-85f"))
    with weft.InferenceSession("digits", device=device) as session:
        before = device.traffic().simulated_cycles
        for scores in session.stream(IMAGES[digits(n, size)] for n, size in enumerate(sizes)):
            assert len(scores) in sizes
        alone = device.traffic().simulated_cycles - before
    assert len(steady(served.grpc, 2 * BOARDS, 1)) == BOARDS  # one after the other: they take turns
    before = served.boards("simulated_cycles")
    assert burst(served.grpc, sizes, BOARDS).total() == len(sizes)
    after = served.boards("simulated_cycles")
    took = [cycles - before.get(name, 0) for name, cycles in after.items()]
    assert len(took) == BOARDS
    print(f"{alone:,} cycles on one board, {max(took):,.0f} on the busiest of {BOARDS}")
    assert alone / max(took) >= 3.7


def test_a_killed_replica_costs_no_request(served: Fleet):
    """Replicas are killed while they have requests; every answer comes, and is right."""
    seed, step, killed = 22, min(REQUESTS // 4, 1000), []
    print(f"seed {seed}, {REQUESTS} requests, a replica killed after every {step}")
    rng = random.Random(seed)

    def kill(number: int) -> None:
        if number and number % step == 0:
            killed.append(rng.choice(served.replicas()))
            os.kill(killed[-1], signal.SIGKILL)

    before = served.measures()
    assert steady(served.grpc, REQUESTS, 24, kill).total() == REQUESTS
    assert len(killed) == (REQUESTS - 1) // step
    repeats = served.measures()["weft_repeats_total"] - before["weft_repeats_total"]
    print(f"{len(killed)} killed, {repeats:.0f} requests repeated")
    assert repeats > 0
    wait_for(lambda: len(steady(served.grpc, 2 * BOARDS, 1)) == BOARDS, "a board is missing")
    assert served.measures()["weft_boards_running"] == BOARDS


def refusal(capfd, *arguments: str) -> tuple[int, str]:
    code = main(["serve", *arguments, "--config", "tiny"])
    out, err = capfd.readouterr()
    assert not out and err.count("\n") == 1
    return code, err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray itself
def test_refusals(capfd, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        free = ["--grpc-port", "0", "--port"]
        sim = ["--boards", "sim"]
        cases = [
            (["digits", *sim, *free, port], 3, f"cannot listen on 127.0.0.1:{port}: Address"),
            (["nope", *sim, *free, "0"], 2, "there is no model nope"),
            (["digits", "digits", *sim, *free, "0"], 2, "two models are called digits"),
            (["digits", "-b", "golden", *free, "0"], 3, "golden is no board"),
            (["digits", "-b", "x:1", *free, "0"], 3, "board x:1: there is no device 'x:1'"),
            (["digits", "-b", "tcp:127.0.0.1:1", *free, "0"], 3, "board tcp:127.0.0.1:1: cannot"),
            (["digits", "-b", "tcp:a:1,tcp:a:1", *free, "0"], 3, "board tcp:a:1 is named twice"),
            (
                ["digits", "-b", f"tcp:127.0.0.1:{port}", *free, "0"],
                3,
                f"board tcp:127.0.0.1:{port}: the board does not answer",
            ),
        ]
        for arguments, code, words in cases:
            got, sentence = refusal(capfd, *arguments)
            assert (got, sentence.startswith(f"weft: {words}")) == (code, True), sentence
