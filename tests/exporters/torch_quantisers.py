"""Small PyTorch networks through a quantiser: ``python torch_quantisers.py QUANTISER FOLDER``.

QUANTISER is nncf, modelopt, pt2e, brevitas, quark or ort (onnxruntime.quantization, in its
options). Needs torch and onnx, and the quantiser's package, outside CI. On a CPU alone torch 2.13,
NNCF 3.4, modelopt 0.47, torchao 0.18, Brevitas 0.13.4, amd-quark 0.13 and onnxruntime 1.32.0 made
the recorded files.
"""

# pyright: reportMissingImports=false
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch_networks import OPSET, SEED, SHAPE, export, further, networks, samples

Quantiser = Callable[[nn.Module, Path], None]


def nncf(model: nn.Module, path: Path) -> None:
    import nncf as quantiser
    import onnx

    export(model, path)
    proto = onnx.load(path)
    feeds = [{proto.graph.input[0].name: x.numpy()} for x in samples()]
    onnx.save(quantiser.quantize(proto, quantiser.Dataset(feeds), subset_size=8), path)


def modelopt(model: nn.Module, path: Path) -> None:
    import modelopt.torch.quantization as quantiser

    def calibrate(model):
        for x in samples():
            model(x)

    export(quantiser.quantize(model, quantiser.INT8_DEFAULT_CFG, calibrate), path)


def pt2e(model: nn.Module, path: Path) -> None:
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantiser = x86.X86InductorQuantizer()
    quantiser.set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = prepare_pt2e(torch.export.export(model, (samples()[0],)).module(), quantiser)
    for x in samples():
        prepared(x)
    export(convert_pt2e(prepared), path, dynamo=True)


def feeds(path: Path) -> Any:
    """Return the samples as onnxruntime's and Quark's quantisers read them."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader

    class Samples(CalibrationDataReader):
        def __init__(self):
            name = onnx.load(path).graph.input[0].name
            self._feeds = iter([{name: x.numpy()} for x in samples()])

        def get_next(self) -> Any:
            return next(self._feeds, None)

    return Samples()


def brevitas(kind: str, *, dynamo: bool = False) -> Quantiser:
    """Return Brevitas: its whole graph, or each layer by itself."""

    def quantise(model: nn.Module, path: Path) -> None:
        from brevitas.export import export_onnx_qcdq
        from brevitas.graph import quantize as quantiser
        from brevitas.graph.calibrate import calibration_mode

        ready = quantiser.preprocess_for_quantize(model)
        if kind == "graph":
            ready = quantiser.quantize(ready)
        else:  # the newer exporter takes no bias that is quantised
            given = quantiser.LAYERWISE_COMPUTE_LAYER_MAP
            bias = {"bias_quant": None} if dynamo else {}
            layers = {k: v and (v[0], {**v[1], **bias}) for k, v in given.items()}
            ready = quantiser.layerwise_quantize(ready, layers)
        with torch.no_grad(), calibration_mode(ready):
            for x in samples():
                ready(x)
        options: dict[str, Any] = {} if dynamo else {"opset_version": OPSET}
        export_onnx_qcdq(ready, samples()[0], export_path=str(path), dynamo=dynamo, **options)

    return quantise


def quark(name: str) -> Quantiser:
    """Return Quark with one of its presets."""

    def quantise(model: nn.Module, path: Path) -> None:
        from quark.onnx import ModelQuantizer
        from quark.onnx.quantization.config.config import Config
        from quark.onnx.quantization.config.custom_config import get_default_config

        export(model, path)
        config = Config(global_quant_config=get_default_config(name))
        ModelQuantizer(config).quantize_model(str(path), str(path), feeds(path))

    return quantise


def ort(**options: Any) -> Quantiser:
    """Return onnxruntime.quantization with options of ``quantize_static``."""

    def quantise(model: nn.Module, path: Path) -> None:
        from onnxruntime import quantization as quantiser
        from onnxruntime.quantization.shape_inference import quant_pre_process

        export(model, path)
        if options.get("prepared", True):
            quant_pre_process(str(path), str(path))
        kinds = {
            "quant_format": quantiser.QuantFormat,
            "activation_type": quantiser.QuantType,
            "weight_type": quantiser.QuantType,
            "calibrate_method": quantiser.CalibrationMethod,
        }
        given = {k: kinds[k][v] if k in kinds else v for k, v in options.items()}
        given.pop("prepared", None)
        quantiser.quantize_static(str(path), str(path), feeds(path), **given)

    return quantise


_S8 = {"activation_type": "QInt8", "weight_type": "QInt8"}
_U8 = {"activation_type": "QUInt8", "weight_type": "QUInt8"}
_OPERATORS = {"quant_format": "QOperator"}
QUANTISERS: dict[str, dict[str, Quantiser]] = {
    "nncf": {"nncf": nncf},
    "modelopt": {"modelopt": modelopt},
    "pt2e": {"pt2e": pt2e},
    "brevitas": {
        "brevitas_graph": brevitas("graph"),
        "brevitas_layers": brevitas("layers"),
        "brevitas_layers_dynamo": brevitas("layers", dynamo=True),
    },
    "quark": {
        f"quark_{name.lower()}": quark(name)
        for name in ("XINT8", "VINT8", "A8W8", "S8S8_AAWS", "U8S8_AAWS", "INT8_CNN_DEFAULT")
    },
    "ort": {
        "ort_defaults": ort(),
        "ort_unprepared": ort(prepared=False),
        "ort_channels": ort(per_channel=True),
        "ort_unsigned": ort(**_U8, reduce_range=True),
        "ort_mixed": ort(activation_type="QUInt8", weight_type="QInt8", reduce_range=True),
        "ort_symmetric": ort(extra_options={"ActivationSymmetric": True}),
        "ort_asymmetric_weights": ort(extra_options={"WeightSymmetric": False}),
        "ort_bias_float": ort(extra_options={"QuantizeBias": False}),
        "ort_dedicated": ort(extra_options={"DedicatedQDQPair": True}),
        "ort_weight_pairs": ort(extra_options={"AddQDQPairToWeight": True}),
        "ort_microsoft": ort(extra_options={"UseQDQContribOps": True}),
        "ort_convolutions": ort(op_types_to_quantize=["Conv", "Gemm", "MatMul"]),
        "ort_entropy": ort(calibrate_method="Entropy"),
        "ort_percentile": ort(calibrate_method="Percentile"),
        "ort_operators": ort(**_OPERATORS, **_S8),
        "ort_operators_channels": ort(**_OPERATORS, **_S8, per_channel=True),
        "ort_operators_unsigned": ort(**_OPERATORS, **_U8, reduce_range=True),
    },
}


def models() -> Iterator[tuple[str, nn.Module]]:
    """Yield each network, its normalisations with statistics of their own."""
    for collection in (networks, further):
        for name, layers in collection().items():
            model = nn.Sequential(*layers)
            for _ in range(4):
                model(torch.randn(4, *SHAPE[1:]))
            yield name, model.eval()


def main(quantisers: dict[str, Quantiser], folder: Path) -> None:
    """Write a file for each network that a quantiser takes."""
    folder.mkdir(parents=True, exist_ok=True)
    for option, quantise in quantisers.items():
        torch.manual_seed(SEED)
        for name, model in models():
            path = folder / f"{name}.{option}.onnx"
            try:
                with torch.random.fork_rng():
                    quantise(model, path)
            except Exception as error:
                path.unlink(missing_ok=True)
                text = (str(error).splitlines() or [""])[0][:100]
                print(f"{path.stem}: {type(error).__name__}: {text}", flush=True)


if __name__ == "__main__":
    main(QUANTISERS[sys.argv[1]], Path(sys.argv[2]))
