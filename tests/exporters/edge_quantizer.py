"""Float ``.tflite`` files through ai-edge-quantizer: ``python edge_quantizer.py FLOATS FOLDER``.

FLOATS is what ``keras_networks.py FOLDER float`` wrote. Needs ai-edge-quantizer (0.10.0 made the
recorded files), outside CI.
"""

# pyright: reportMissingImports=false
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_quantizer import qtyping, quantizer, recipe

SEED = 5
SHAPE = (1, 16, 16, 3)
Names = qtyping.TFLOperationName


def static(worker: Any) -> None:
    """Everything in int8, as the package's own recipe says."""
    worker.load_quantization_recipe(recipe.static_wi8_ai8())


def four_bits(worker: Any) -> None:
    """The same with weights of 4 bits."""
    worker.add_static_config(".*", Names.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=4)


def per_tensor(worker: Any) -> None:
    """One scale for the weights of a layer."""
    worker.add_static_config(
        ".*",
        Names.ALL_SUPPORTED,
        activation_num_bits=8,
        weight_num_bits=8,
        weight_granularity=qtyping.QuantGranularity.TENSORWISE,
    )


def convolutions(worker: Any) -> None:
    """Layers with weights alone; the others stay in float."""
    for name in (Names.CONV_2D, Names.DEPTHWISE_CONV_2D, Names.FULLY_CONNECTED):
        worker.add_static_config(".*", name, activation_num_bits=8, weight_num_bits=8)


RECIPES: tuple[Callable[[Any], None], ...] = (static, four_bits, per_tensor, convolutions)


def main(floats: Path, folder: Path) -> None:
    """Write a file for each network and recipe that the package takes."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(floats.glob("*.float.tflite")):
        name = path.name.split(".")[0]
        for configure in RECIPES:
            try:
                worker = quantizer.Quantizer(str(path))
                configure(worker)
                model = _calibrated(worker, path)
            except Exception as error:
                text = (str(error).splitlines() or [""])[0][:100]
                print(f"{name}.{configure.__name__}: {type(error).__name__}: {text}", flush=True)
                continue
            (folder / f"{name}.edge_{configure.__name__}.tflite").write_bytes(model)


def _calibrated(worker: Any, path: Path) -> bytes:
    from ai_edge_litert.interpreter import Interpreter

    signatures = Interpreter(str(path)).get_signature_list()
    rng = np.random.default_rng(SEED)
    data = {
        key: [
            {name: rng.normal(size=SHAPE).astype(np.float32) for name in signature["inputs"]}
            for _ in range(20)
        ]
        for key, signature in signatures.items()
    }
    return bytes(worker.quantize(worker.calibrate(data)).quantized_model)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
