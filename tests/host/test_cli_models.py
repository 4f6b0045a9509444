"""Public models are fetched whole, with the right checksum, or not at all. No network is used."""

import hashlib
import json
import os
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from weft.cli import main
from weft.models import public_models
from weft.models.digits import MODEL
from weft.models.public_models import PUBLIC_MODELS, SOURCE, fetch, model_folder

NAME = "kws_dscnn_int8"
CONTENT = MODEL.read_bytes()  # any model stands for the real one
MODELS = Path(os.environ.get("WEFT_MODELS", "/nonexistent"))


class Handler(BaseHTTPRequestHandler):
    answer, asked = (200, CONTENT, len(CONTENT)), []

    def do_GET(self):
        self.asked.append(self.path)
        status, content, length = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *arguments):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server in place of the models' source, and an empty cache."""
    handler = type("Fresh", (Handler,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(public_models, "SOURCE", f"http://127.0.0.1:{server.server_port}/at/")
        monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("WEFT_MODELS", raising=False)
        known = replace(
            PUBLIC_MODELS[NAME],
            path="some/model.onnx",
            size=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
        )
        monkeypatch.setitem(PUBLIC_MODELS, NAME, known)
        yield handler
        server.shutdown()


def cached():
    return sorted(path.name for path in model_folder().glob("*")) if model_folder().exists() else []


def test_get_fetches_once_and_commands_know_the_name(server, capsys):
    for _ in range(2):
        assert main(["models", "get", NAME]) == 0
        assert capsys.readouterr().out.strip() == str(model_folder() / f"{NAME}.onnx")
    assert server.asked == ["/at/some/model.onnx"]
    assert cached() == [f"{NAME}.onnx"]
    assert main(["explain", NAME, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["macs"] == 91456


def test_list_says_where_models_are(server, capsys):
    assert main(["models"]) == 0
    first = capsys.readouterr().out
    assert main(["models", "list"]) == 0
    assert capsys.readouterr().out == first
    assert first.splitlines()[-1].startswith("weft models get ") and NAME in first.split()[-4:]
    path = fetch(NAME)
    assert main(["models", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(PUBLIC_MODELS) and len(rows) == 4
    assert rows[NAME]["path"] == str(path) and rows["ic_resnet8_int8"]["path"] is None


@pytest.mark.parametrize(
    "answer, message",
    [
        (
            (200, CONTENT[:-1] + b"?", len(CONTENT)),
            r"is not kws_dscnn_int8: \d+ bytes with SHA-256",
        ),
        ((200, CONTENT + b"more", len(CONTENT) + 4), "is not kws_dscnn_int8"),
        ((200, CONTENT[:100], len(CONTENT)), "is not kws_dscnn_int8: 100 bytes"),
        ((404, b"", 0), "HTTP Error 404"),
        ((500, b"", 0), "HTTP Error 500"),
    ],
)
def test_what_is_not_the_model_leaves_nothing_behind(server, answer, message, capsys):
    server.answer = answer
    assert main(["models", "get", NAME]) == 2
    output = capsys.readouterr()
    [line] = output.err.splitlines()
    assert output.out == "" and re.search(message, line)
    assert cached() == []


def test_a_source_that_is_not_there(server, monkeypatch, capsys):
    monkeypatch.setattr(public_models, "SOURCE", "http://127.0.0.1:1/")
    assert main(["models", "get", NAME]) == 2
    assert "cannot fetch http://127.0.0.1:1/some/model.onnx: " in capsys.readouterr().err
    assert cached() == []


def test_a_damaged_file_in_the_cache_is_fetched_again(server):
    fetch(NAME).write_bytes(b"cut")
    assert fetch(NAME).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_weft_models_is_looked_in_first(server, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WEFT_MODELS", str(tmp_path))
    path = tmp_path / f"{NAME}.onnx"
    path.write_bytes(CONTENT)
    assert fetch(NAME) == path and server.asked == []
    path.write_bytes(b"something else")
    assert main(["models", "get", NAME]) == 2
    assert f"{path} is not the public file: its SHA-256 is" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["models", "get"], "Missing argument 'NAME"),
        (
            ["models", "get", "alexnet"],
            "there is no public model 'alexnet'; choose from ic_resnet8",
        ),
        (["models", "sell"], "No such command 'sell'"),
        (["run", "ic_resnet8_int8"], "ic_resnet8_int8 is not here yet: weft models get ic_resnet8"),
        (
            ["run", "resnet8"],
            "there is no model resnet8; did you mean ic_resnet8_int8? It is not here yet: "
            "weft models get ic_resnet8_int8",
        ),
        (["run", "IC-ResNet8.tflite"], "no model IC-ResNet8.tflite; did you mean ic_resnet8_int8?"),
        (["explain", "digit"], "there is no model digit; did you mean digits?"),
        (["bench", "kws_dcsnn_int8"], "did you mean kws_dscnn_int8?"),
        (["bench", "net"], "did you mean ic_resnet8_int8 or vww_mobilenet_int8?"),
    ],
)
def test_bad_usage(server, arguments, message, capsys):
    assert main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_files_of_weft_models_are_suggested(monkeypatch, tmp_path, capsys):
    (tmp_path / "lighthouse_v2.onnx").write_bytes(b"")
    (tmp_path / "lighthouse_notes.txt").write_bytes(b"")
    monkeypatch.setenv("WEFT_MODELS", str(tmp_path))
    assert main(["run", "lighthouse"]) == 2
    message = "weft: there is no model lighthouse; did you mean lighthouse_v2?\n"
    assert capsys.readouterr().err == message
    for name in ("alexnet.onnx", "", "x", "8"):
        assert main(["run", name]) == 2
        assert "did you mean" not in capsys.readouterr().err


def test_the_source_is_pinned():
    assert SOURCE.startswith("https://") and len(SOURCE.split("/")[5]) == 40
    for model in PUBLIC_MODELS.values():
        assert len(model.sha256) == 64 and model.path.endswith(".tflite")


@pytest.mark.skipif(not MODELS.is_dir(), reason="WEFT_MODELS is not set")
@pytest.mark.parametrize("name", PUBLIC_MODELS)
def test_the_files_of_the_tests_are_the_public_models(name):
    assert fetch(name) == MODELS / f"{name}.tflite"
    assert fetch(name).stat().st_size == PUBLIC_MODELS[name].size
