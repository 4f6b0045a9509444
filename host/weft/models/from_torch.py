"""From a PyTorch module to a program: export, int8 by ``onnxruntime.quantization``, compile."""

import copy
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.files import write_file

from weft.configuration import DEFAULT_CONFIG, ConfigChoice
from weft.errors import ModelError, WeftError
from weft.models.loading import compile
from weft.program import Program

__all__ = ["from_torch", "quantise_torch"]

_OPSET = 18


def from_torch(
    module: Any,
    calibration: Any,
    config: ConfigChoice = DEFAULT_CONFIG,
    *,
    onnx: str | PathLike[str] | None = None,
) -> Program:
    """Export a PyTorch module, quantise it to int8, and compile it for one accelerator.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is; a copy in ``eval()`` mode is exported. Its input is called ``input``, its
        output ``output``.
    calibration : ndarray or tensor, float32, shape (N, ...)
        Inputs like those to come. The ranges of all activations are those that these reach.
    config : Config, str or Path
        As for :func:`weft.compile`.
    onnx : path-like, optional
        Where to write the quantised model, for other tools and for ``weft run``.

    Returns
    -------
    Program
        It takes float32 (batch, ...), as the module does.

    Raises
    ------
    WeftError
        If PyTorch or ONNX Runtime is missing: they come with the extra ``train``.
    ModelError
        If PyTorch cannot export the module, ``calibration`` is no array of finite numbers, or
        Weft does not support a layer.
    ConfigError, CapacityError
        As :func:`weft.compile`.
    """
    model = quantise_torch(module, calibration)
    program = compile(model, config)
    if onnx is not None:
        write_file(Path(onnx), model)
    return program


def quantise_torch(
    module: Any,
    calibration: Any,
    *,
    names: tuple[str, str] = ("input", "output"),
    title: str = "torch",
) -> bytes:
    """Return an ONNX file, int8 between QuantizeLinear and DequantizeLinear.

    ``names`` are those of its input and output, ``title`` that of its graph. Activations are uint8
    with a zero point of their own, so that every ReLU folds into the layer before it. Weights are
    int8 for each channel, of 7 bits: ONNX Runtime's kernels for x86 without VNNI saturate pairs of
    products at 16 bits, which 8 bits could exceed.

    Raises
    ------
    WeftError, ModelError
        As :func:`from_torch`.
    """
    try:
        import onnx
        import torch
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ModuleNotFoundError as error:
        raise WeftError(
            f"{error.name} is missing, which models of PyTorch need: pip install 'weft-fpga[train]'"
        ) from None
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"expected a torch.nn.Module, not {type(module).__name__}")
    inputs = _as_inputs(calibration)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        exported, ready, quantised = (Path(folder, f"{n}.onnx") for n in range(3))
        try:
            torch.onnx.export(
                copy.deepcopy(module).eval().cpu(),
                (torch.from_numpy(inputs[:1]),),
                exported,
                input_names=names[:1],
                output_names=names[1:],
                opset_version=_OPSET,
                dynamo=False,  # plainer graphs, and no package more
            )
        except Exception as error:  # whatever the module or the exporter raises
            raise ModelError(f"PyTorch cannot export the module: {_sentence(error)}") from error
        quant_pre_process(str(exported), str(ready))
        quantize_static(
            str(ready),
            str(quantised),
            _reader(names[0], inputs),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
        )
        model = onnx.load(quantised)
    model.graph.name = title
    for node in model.graph.node:
        node.doc_string = ""  # the exporter's stack traces, paths included
    return model.SerializeToString()


def _reader(name: str, inputs: NDArray[np.float32]) -> Any:
    """Return what feeds ``inputs`` to the quantiser, one at a time."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        feeds = iter([{name: inputs[n : n + 1]} for n in range(len(inputs))])

        def get_next(self) -> Any:
            return next(self.feeds, None)

    return Reader()


def _as_inputs(calibration: Any) -> NDArray[np.float32]:
    try:
        values = calibration.detach().cpu().numpy() if hasattr(calibration, "detach") else None
        inputs = np.ascontiguousarray(calibration if values is None else values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"calibration is no array: {_sentence(error)}") from error
    if inputs.dtype != np.float32 or inputs.ndim < 2 or not len(inputs):
        raise ModelError(
            f"calibration must be float32 of shape (N, ...), not {inputs.dtype} {inputs.shape}"
        )
    if not np.isfinite(inputs).all():
        raise ModelError("calibration holds numbers that are not finite")
    return inputs


def _sentence(error: Exception) -> str:
    lines: Sequence[str] = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the warnings of exporter and quantiser off the user's terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
