"""A fleet of boards behind TCP: one of them dies, hangs and comes back."""

import importlib
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed: pip install 'weft-fpga[serve]'")
pytest.importorskip("tritonclient.grpc")
pytest.importorskip("onnxruntime")

from fleets.load import steady
from fleets.served import Fleet, environment, fleet, wait_for

pytestmark = [pytest.mark.tools, pytest.mark.slow]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def board(port: int) -> Iterator[subprocess.Popen[str]]:
    words = ["serve-sim", "--config", "tiny", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "weft", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == f"tcp:127.0.0.1:{port}"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def all_answer(served: Fleet, boards: int) -> bool:
    return len(steady(served.grpc, 2 * boards, 1)) == boards


def test_a_board_that_dies_and_comes_back():
    """Every answer comes, and is right, whatever becomes of one board of two."""
    ports = free_port(), free_port()
    names = [f"tcp:127.0.0.1:{port}" for port in ports]
    words = ["digits", "--config", "tiny", "--boards", ",".join(names)]
    with board(ports[0]), board(ports[1]) as first, fleet(*words) as served:
        assert all_answer(served, 2)

        def at(number: int) -> None:
            if number == 20:
                first.kill()

        answered = steady(served.grpc, 60, 8, at)
        assert answered.total() == 60
        assert answered[f"0 {names[0]}"] > answered[f"1 {names[1]}"]
        wait_for(lambda: served.measures()["weft_boards_running"] == 1, "it is not missed")
        with board(ports[1]) as second:  # the same board again
            wait_for(lambda: all_answer(served, 2), "it did not come back")
            second.send_signal(signal.SIGSTOP)  # it hears, and says nothing
            assert steady(served.grpc, 20, 8).total() == 20
            second.send_signal(signal.SIGCONT)
            wait_for(lambda: all_answer(served, 2), "it did not come back")
        assert served.measures()["weft_repeats_total"] >= 2


def test_a_fleet_without_a_board():
    """A request is refused after its time; the server lives, and says that it is not ready."""
    port = free_port()
    words = ["--config", "tiny", "--boards", f"tcp:127.0.0.1:{port}", "--timeout", "3"]
    with board(port) as only, fleet("digits", *words) as served:
        assert served.ask("/v2/health/ready") == (200, b'{"ready":true}')
        only.kill()
        image = {"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": [0] * 64}
        status, answer = served.ask(
            "/v2/models/digits/infer", json.dumps({"inputs": [image]}).encode()
        )
        assert status == 503
        assert re.fullmatch(r"no board answered within 3 s", json.loads(answer)["error"])
        wait_for(lambda: served.ask("/v2/health/ready")[0] == 503, "it is said to be ready")
        assert served.ask("/v2/models/digits/ready")[0] == 503
        assert served.ask("/v2/health/live")[0] == 200


def test_example(monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed: examples share its training")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    page = Path(__file__).parents[2] / "examples" / "serve" / "README.md"
    made = re.search(r"<!-- made -->\n\n(.*?)\n\n<!-- end -->", page.read_text(), re.DOTALL)
    assert made is not None
    assert importlib.import_module("examples.serve.__main__").result() == made[1]
