"""Public models: where they come from, the checksums they must have, and fetching them."""

import hashlib
import os
import threading
import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from weft_hw.files import cache_folder, write_file

from weft.errors import ModelError

__all__ = [
    "PUBLIC_MODELS",
    "SOURCE",
    "PublicFile",
    "PublicModel",
    "fetch",
    "fetch_file",
    "locate",
    "model_folder",
]

# MLPerf Tiny's reference models, at a commit of 2025.
SOURCE = (
    "https://raw.githubusercontent.com/mlcommons/tiny/"
    "1afd2c9820f795965a6134facd0b4dfae41ef23f/benchmark/"
)
_CONNECT_SECONDS, _FETCH_SECONDS = 30.0, 300.0
_BLOCK = 1 << 16


@dataclass(frozen=True)
class PublicFile:
    """A file by its name: what it is for, its path below ``SOURCE``, size, SHA-256 and licence."""

    name: str
    task: str
    path: str
    size: int
    sha256: str
    licence: str

    @property
    def file(self) -> str:
        """Name of its file, wherever that lies."""
        return self.name + Path(self.path).suffix


@dataclass(frozen=True)
class PublicModel(PublicFile):
    """A model; ``classes`` are what its outputs score, in their order."""

    classes: tuple[str, ...] = ()


PUBLIC_MODELS = {
    model.name: model
    for model in [
        PublicModel(
            "ic_resnet8_int8",
            "image classification (CIFAR-10), ResNet-8",
            "training/image_classification/trained_models/pretrainedResnet_quant.tflite",
            98_496,
            "3c002613d1b2475eb51dd78dfb85a546c8ae658dee71cf6ade43b022fe205415",
            "Apache-2.0",
            (
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
        ),
        PublicModel(
            "vww_mobilenet_int8",
            "visual wake words (person or none), MobileNetV1 0.25",
            "training/visual_wake_words/trained_models/vww_96_int8.tflite",
            333_288,
            "597a384c8c2c8a1276f04702f25013b7838f2f814f1ca7c174d295b73e3d6b7b",
            "Apache-2.0",
            ("no person", "person"),
        ),
        PublicModel(
            "kws_dscnn_int8",
            "keyword spotting (12 words), DS-CNN",
            "training/keyword_spotting/trained_models/kws_ref_model.tflite",
            53_936,
            "aeea436800704fce17b17292e4412630ad856e9d777c044c64ef748a880bd0ae",
            "Apache-2.0",
            (
                "down",
                "go",
                "left",
                "no",
                "off",
                "on",
                "right",
                "stop",
                "up",
                "yes",
                "silence",
                "unknown",
            ),
        ),
        PublicModel(
            "ad_autoencoder_int8",
            "anomaly detection (machine sounds), autoencoder",
            "training/anomaly_detection/trained_models/ad01_int8.tflite",
            276_976,
            "87cf24194ef93d1d9b11a591d805526b98008e351655d29883c825c9c106ba24",
            "MIT",
        ),
    ]
}


def model_folder() -> Path:
    """Return where fetched models are kept: ``models`` in the cache folder."""
    return cache_folder() / "models"


def locate(public: PublicFile) -> Path | None:
    """Return ``public`` on this machine: in ``WEFT_MODELS``, or one fetched before.

    Raises
    ------
    ModelError
        If ``WEFT_MODELS`` has a file of its name with another content.
    """
    if folder := os.environ.get("WEFT_MODELS"):
        path = Path(folder, public.file)
        if path.is_file():
            if (found := _checksum(path)) != public.sha256:
                raise ModelError(
                    f"{path} is not the public file: its SHA-256 is {found}, not {public.sha256}"
                )
            return path
    path = model_folder() / public.file
    return path if path.is_file() and _checksum(path) == public.sha256 else None


def fetch(name: str) -> Path:
    """Return the file of the public model called ``name``, as :func:`fetch_file` does."""
    if name not in PUBLIC_MODELS:
        raise ModelError(
            f"there is no public model {name!r}; choose from {', '.join(PUBLIC_MODELS)}"
        )
    return fetch_file(PUBLIC_MODELS[name])


def fetch_file(public: PublicFile) -> Path:
    """Return ``public`` on this machine, fetched unless it is here.

    A file appears whole, with the right checksum, or not at all.

    Raises
    ------
    ModelError
        If it cannot be fetched, or what comes is something else.
    """
    if (path := locate(public)) is not None:
        return path
    content = _download(SOURCE + public.path, public.size)
    if (found := hashlib.sha256(content).hexdigest()) != public.sha256:
        raise ModelError(
            f"what came from {SOURCE}{public.path} is not {public.name}: {len(content)} bytes "
            f"with SHA-256 {found}, not {public.sha256}"
        )
    path = model_folder() / public.file
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content)
    return path


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _SafeRedirects(HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urlsplit(newurl).scheme != "https":
            raise URLError(f"it redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, size: int) -> bytes:
    """Return what is at ``url``, one byte more than ``size`` at most, within the time limits."""
    content, failures = bytearray(), []

    def transfer():
        request = Request(url, headers={"User-Agent": "weft"})
        try:
            with build_opener(_SafeRedirects).open(request, timeout=_CONNECT_SECONDS) as answer:
                while (
                    len(content) <= size
                    and time.monotonic() < deadline
                    and (block := answer.read1(min(_BLOCK, size + 1 - len(content))))
                ):
                    content.extend(block)
        except (OSError, HTTPException, ValueError) as error:  # URLError and timeouts are OSErrors
            failures.append(error.reason if type(error) is URLError else error)

    # In a thread: names, handshakes and headers take their time too, and no socket limits it.
    deadline = time.monotonic() + _FETCH_SECONDS
    thread = threading.Thread(target=transfer, daemon=True)
    thread.start()
    thread.join(_FETCH_SECONDS)
    if thread.is_alive() or time.monotonic() >= deadline:
        failures.append(f"not here within {_FETCH_SECONDS:g} s")
    if failures:
        raise ModelError(f"cannot fetch {url}: {failures[-1]}")
    return bytes(content)
