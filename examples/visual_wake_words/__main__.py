"""Is there a person in the picture? MLPerf Tiny's network on scikit-image's photographs.

``weft models get vww_mobilenet_int8``, then ``python -m examples.visual_wake_words``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import weft
from numpy.typing import NDArray
from PIL import Image

from examples.training import CONFIG, table, write_block

HERE = Path(__file__).parent
MODEL = "vww_mobilenet_int8"
PHOTOGRAPHS = {  # whether a person is in it
    "astronaut": True,
    "camera": True,
    "chelsea": False,
    "coffee": False,
    "rocket": False,
    "brick": False,
}


def photograph(name: str) -> NDArray[np.int8]:
    """Return scikit-image's photograph in the network's form: int8 (1, 96, 96, 3)."""
    pixels: Any = getattr(skimage.data, name)()
    side = min(pixels.shape[:2])
    top, left = ((size - side) // 2 for size in pixels.shape[:2])
    square = Image.fromarray(pixels[top : top + side, left : left + side]).convert("RGB")
    small = np.asarray(square.resize((96, 96), Image.Resampling.BILINEAR))
    return (small.astype(np.int16) - 128).astype(np.int8)[None]


def scores() -> dict[str, float]:
    """Return how sure the network is of a person in each photograph, from 0 to 1."""
    with weft.InferenceSession(MODEL) as session:
        name = session.get_inputs()[0].name
        outputs = {each: session.run(None, {name: photograph(each)})[0] for each in PHOTOGRAPHS}
    return {each: (int(output[0, 1]) + 128) / 256 for each, output in outputs.items()}


def result() -> str:
    """Return the page's table."""
    rows = [
        [name, "yes" if PHOTOGRAPHS[name] else "no", f"{100 * score:.0f} %"]
        for name, score in scores().items()
    ]
    cycles = sum(each.predicted_cycles for each in weft.compile(MODEL, CONFIG).descriptors)
    text = table(["photograph", "a person is there", "the network's score"], rows)
    return f"{text}\n\nOne photograph takes {cycles:,} cycles on `{CONFIG}` (predicted)."


if __name__ == "__main__":
    write_block(HERE / "README.md", result())
    print(result())
