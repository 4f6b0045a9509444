"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from weft_hw.contract.config import CONFIGS

from weft.cli.completion import known_models
from weft.configuration import DEFAULT_CONFIG
from weft.errors import ModelError

__all__ = [
    "DEFAULT_CONFIG",
    "AgainstOption",
    "CheckOption",
    "ConfigOption",
    "DeviceOption",
    "ExactOption",
    "FallbackOption",
    "JsonOption",
    "LabelsOption",
    "LinkOption",
    "ModelArgument",
    "ModelsArgument",
    "RoundingOption",
    "ShapeOption",
    "WeightsOption",
    "WideOption",
    "parse_shapes",
]


class LinkKind(StrEnum):
    """Links that a board may have."""

    uart = "uart"
    usb = "usb"
    udp = "udp"
    spi = "spi"


ModelsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="MODEL ...",
        autocompletion=known_models,
        help="Files of .tflite, .onnx or .weft, or known names.",
    ),
]
ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        autocompletion=known_models,
        help="A .tflite, .onnx or .weft file, or a known name.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        "-d",
        metavar="D",
        autocompletion=lambda: ["golden", "sim"],
        help="golden (NumPy), sim (the gateware, simulated cycle by cycle), tcp:HOST:PORT, "
        "serial:PATH?baud=N, usb:VID:PID:SERIAL, udp:HOST or spi:PATH?hz=N.",
    ),
]
LinkOption = Annotated[
    LinkKind | None,
    typer.Option(
        "--link",
        help="What carries bytes: the serial port, or USB, Ethernet or SPI at the FPGA's pins. By "
        "default what the board is built with.",
    ),
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        metavar="C",
        autocompletion=lambda: list(CONFIGS),
        help=f"Accelerator: a name or a .toml file; {DEFAULT_CONFIG} by default.",
    ),
]
RoundingOption = Annotated[
    str | None,
    typer.Option(
        "--rounding",
        metavar="R",
        autocompletion=lambda: ["reference", "xnnpack", "onnxruntime", "onnxruntime-uint8"],
        help="Whose bits: reference (default for .tflite), xnnpack, onnxruntime (for ONNX), "
        "onnxruntime-uint8 (its default session on x86-64).",
    ),
]
ShapeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        metavar="NAME=1,3,32,32",
        help="Shape of an ONNX model's input whose dimensions are open; may be given several "
        "times.",
    ),
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Compare every layer with the golden model.")
]
AgainstOption = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="runtime",
        autocompletion=lambda: ["runtime"],
        help="Compare every output with ONNX Runtime's or LiteRT's reading of the file.",
    ),
]
ExactOption = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Refuse layers that ONNX Runtime computes in float32, whose bits are not promised.",
    ),
]
FallbackOption = Annotated[
    bool,
    typer.Option(
        "--fallback",
        help="Run what is not supported, at the network's head or tail, in ONNX Runtime or LiteRT.",
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="link",
        autocompletion=lambda: ["link"],
        help="Keep what does not fit a board without DRAM on the host, and send it for each image.",
    ),
]
WideOption = Annotated[
    bool, typer.Option("--wide", help="Show all columns, also those that do not fit.")
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Names of the classes, one a line, to print beside their indices.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def parse_shapes(texts: list[str] | None) -> dict[str, tuple[int, ...]]:
    """Return what ``--shape`` gives, by input.

    Raises
    ------
    ModelError
        If a text is no name with numbers.
    """
    shapes = {}
    for text in texts or ():
        name, _, numbers = text.rpartition("=")
        try:
            shapes[name] = tuple(int(number) for number in numbers.split(","))
        except ValueError:
            name = ""
        if not name:
            raise ModelError(f"--shape {text} must be like x=1,3,32,32")
    return shapes
