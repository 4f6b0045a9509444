"""What a unit of the bundled digits network sees, measured by touching each pixel.

``python -m examples.receptive_field`` draws the page's picture and writes its table.
"""

from pathlib import Path

import numpy as np
import weft
from numpy.typing import NDArray
from PIL import Image
from weft.graph.analysis import LayerFacts, analyse
from weft.importers import load_model
from weft.models.digits import MODEL, held_out_inputs

from examples.training import table, write_block

HERE = Path(__file__).parent
PICTURE = HERE / "fields.png"
_ZOOM, _GAP = 16, 8
_SEEN = np.array([0, 114, 178])  # blue


def layers() -> list[LayerFacts]:
    """Return the facts of the layers that look at a map."""
    return [fact for fact in analyse(load_model(MODEL)) if fact.kernel or fact.operator == "MEAN"]


def seen() -> dict[str, NDArray[np.bool_]]:
    """Return the pixels, bool (8, 8), that change the middle unit of each layer.

    Each pixel of some held-out digits is set to black and to white in turn. What no layer's unit
    reacts to does not reach it.
    """
    images = held_out_inputs()[0][:8]
    names = {fact.name for fact in layers()}
    with weft.InferenceSession(MODEL, keep_tensors=True) as session:
        outputs = [(n.name, n.outputs[0]) for n in session.graph.nodes if n.name in names]

        def middle(image: NDArray[np.float32]) -> dict[str, NDArray[np.int8]]:
            session.run(None, {"image": image[None]})
            maps = {name: session.tensors[tensor][0] for name, tensor in outputs}
            return {
                name: map_[map_.shape[0] // 2, map_.shape[1] // 2].copy()
                for name, map_ in maps.items()
            }

        found = {name: np.zeros((8, 8), np.bool_) for name, _ in outputs}
        for image in images:
            before = middle(image)
            for y, x in np.ndindex(8, 8):
                for value in (0, 1):
                    touched = image.copy()
                    touched[0, y, x] = value
                    for name, unit in middle(touched).items():
                        found[name][y, x] |= bool((unit != before[name]).any())
    return found


def drawn(fields: dict[str, NDArray[np.bool_]]) -> NDArray[np.uint8]:
    """Return uint8 (height, width, 3): a digit for each layer, what its unit sees in blue."""
    digit = 255 * (1 - held_out_inputs()[0][0, 0])
    tiles = []
    for field in fields.values():
        tile = np.repeat(digit[..., None], 3, axis=2)
        tile[field] = 0.45 * tile[field] + 0.55 * _SEEN
        tiles.append(tile.repeat(_ZOOM, 0).repeat(_ZOOM, 1))
        tiles.append(np.full((8 * _ZOOM, _GAP, 3), 255.0))
    return np.rint(np.concatenate(tiles[:-1], axis=1)).astype(np.uint8)


def result(fields: dict[str, NDArray[np.bool_]]) -> str:
    """Return the page's table."""
    rows = []
    for fact in layers():
        touched = fields[fact.name]
        height, width = touched.any(1).sum(), touched.any(0).sum()
        dense = fact.dense_parameters
        rows.append(
            [
                fact.operator.removesuffix("_2D").lower().replace("_", " "),
                "x".join(map(str, fact.kernel or ("-",))),
                "x".join(map(str, fact.receptive_field)),
                f"{height}x{width}",
                fact.parameters or "-",
                dense or "-",
            ]
        )
    heads = ["layer", "kernel", "sees at most", "measured", "parameters", "if fully connected"]
    return table(heads, rows)


if __name__ == "__main__":
    found = seen()
    Image.fromarray(drawn(found)).save(PICTURE)
    write_block(HERE / "README.md", result(found))
    print(result(found))
