"""What Weft knows of a model by its name: its classes, and an input worth showing."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.models.digits import MODEL, held_out_inputs
from weft.models.public_models import PUBLIC_MODELS

__all__ = ["class_names", "example_feed"]


def class_names(path: Path) -> tuple[str, ...]:
    """Return the names of the classes of the model in ``path``; empty where nobody knows them."""
    if path == MODEL:
        return tuple(map(str, range(10)))
    public = PUBLIC_MODELS.get(path.stem)
    return public.classes if public is not None else ()


def example_feed(path: Path) -> tuple[str, dict[str, NDArray[Any]]] | None:
    """Return a real input of the bundled model in ``path``, and what it is; None for others."""
    if path != MODEL:
        return None
    images, labels = held_out_inputs()
    return f"held-out image 0 (a {labels[0]})", {"image": np.ascontiguousarray(images[:1])}
