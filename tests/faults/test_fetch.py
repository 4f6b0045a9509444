"""Fetching a model: one limit for the whole transfer, and no way out of https."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest
from weft.errors import ModelError
from weft.models import public_models
from weft.models.public_models import fetch

NAME = "kws_dscnn_int8"
HEAD = b"HTTP/1.0 200 OK\r\nContent-Length: 53936\r\n"


@contextmanager
def speaking(monkeypatch, tmp_path, parts, pause):
    """Serve ``parts`` one after the other, ``pause`` seconds apart, to everybody."""
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    monkeypatch.delenv("WEFT_MODELS", raising=False)
    asked = []

    def serve(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            asked.append(client)
            with client:
                try:
                    client.recv(1000)
                    for part in parts:
                        client.sendall(part)
                        time.sleep(pause)
                except OSError:
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(
            public_models, "SOURCE", f"http://127.0.0.1:{listener.getsockname()[1]}/"
        )
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield asked


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD[at : at + 1] for at in range(len(HEAD))],
        [HEAD + b"\r\n", *[b"x"] * 1000],
        [HEAD, *[b"X-More: y\r\n"] * 1000],
        [],
    ],
)
def test_a_server_that_drips(monkeypatch, tmp_path, parts):
    monkeypatch.setattr(public_models, "_FETCH_SECONDS", 0.5)
    with speaking(monkeypatch, tmp_path, parts or [b""] * 100, 0.05):
        start = time.monotonic()
        with pytest.raises(ModelError, match=r"^cannot fetch .*: not here within 0.5 s$"):
            fetch(NAME)
        assert time.monotonic() - start < 1.5


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/x", "ftp://127.0.0.1/x"])
def test_redirects_go_to_https_only(monkeypatch, tmp_path, target):
    answer = f"HTTP/1.0 302 Found\r\nLocation: {target}\r\n\r\n".encode()
    with speaking(monkeypatch, tmp_path, [answer], 0) as asked:
        with pytest.raises(ModelError, match=f"it redirects to {target}, which is not https"):
            fetch(NAME)
        assert len(asked) == 1
