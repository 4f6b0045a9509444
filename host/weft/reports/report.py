"""Everything about one model on one accelerator, gathered for a page (see ``report_page``)."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.compiler.fit import compile_to_fit
from weft.configuration import ConfigChoice, get_config
from weft.errors import CapacityError
from weft.graph import Graph
from weft.models.loading import find_model, load
from weft.program import Program
from weft.reports.layer_table import layer_rows, memory_use
from weft.reports.maps import pictures
from weft.runtime.profile import Profile
from weft.session import InferenceSession

__all__ = ["MOST_MAPS", "Output", "Report", "Subject", "subject"]

_TOP = 5
MOST_MAPS = 200  # in a page; a browser enlarges them


@dataclass(frozen=True)
class Subject:
    """A model, and its program for one configuration unless it does not fit (``problem``)."""

    name: str
    graph: Graph
    program: Program | None
    config: Config
    problem: str | None = None

    def report(self, device: str, feed: Mapping[str, NDArray[Any]], label: str) -> "Report":
        """Run one image, called ``label``, on ``device`` and gather what there is to tell.

        Raises
        ------
        ModelError, LinkError, DeviceMismatch
            As sessions do.
        CapacityError
            If the program does not fit and ``device`` is not ``golden``.
        """
        if device != "golden" and self.program is None:
            raise CapacityError(self.problem or "")
        on_golden = device == "golden" or self.program is None
        session = InferenceSession(
            self.graph if on_golden else self.program or self.graph,
            device=device,
            config=self.config,
            keep_tensors=True,
        )
        with session:
            arrays = session.run(None, feed)
            outputs = [
                Output.of(info.name, array)
                for info, array in zip(session.get_outputs(), arrays, strict=True)
            ]
            maps = {
                name: _png(picture)
                for _, _, name, picture in islice(
                    pictures(session.graph, session.tensors, long_side=1), MOST_MAPS
                )
            }
            profile = session.profile
        rows = layer_rows(self.graph, self.program, self.config.multipliers)
        return Report(
            self,
            device,
            label,
            rows,
            memory_use(self.program),
            profile,
            maps,
            outputs,
            None if on_golden else self._counted(profile),
        )

    def _counted(self, profile: Profile) -> dict[str, Any]:
        """Return the profile's rows by the name of the tensor that each layer gives."""
        layers = self.program.layers if self.program else ()
        return {layer.outputs[0]: row for layer, row in zip(layers, profile.layers, strict=True)}


@dataclass(frozen=True)
class Output:
    """An output: its name, what it is, and the highest of a vector's values with their indices."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    top: list[tuple[int, float]] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, array: NDArray[Any]) -> "Output":
        """Describe ``array``, of which the first image counts."""
        flat = (array[0] if array.ndim else array).reshape(-1)
        best = np.argsort(-flat.astype(np.float64), kind="stable")[:_TOP]
        top = [(int(i), flat[i].item()) for i in best] if array.ndim == 2 and flat.size > 1 else []
        return cls(name, array.shape, str(array.dtype), top)


@dataclass(frozen=True)
class Report:
    """What one inference showed.

    Parameters
    ----------
    rows : list of dict
        As :func:`weft.reports.layer_table.layer_rows` returns them.
    maps : mapping
        Tensor name to PNG, base64.
    counted : mapping or None
        Tensor name to the :class:`~weft.runtime.profile.LayerProfile` of its layer, if a device
        counts.
    """

    subject: Subject
    device: str
    label: str
    rows: list[dict[str, Any]]
    memory: dict[str, dict[str, int]] | None
    profile: Profile
    maps: Mapping[str, str]
    outputs: list[Output]
    counted: Mapping[str, Any] | None


def subject(
    model: str | Path,
    config: ConfigChoice,
    rounding: str | None,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
) -> Subject:
    """Load and compile what ``model`` names.

    Raises
    ------
    ModelError, ConfigError
        As :func:`weft.models.loading.load` does.
    """
    name, loaded = find_model(model).stem, load(model, config, rounding, shapes)
    if isinstance(loaded, Program):
        return Subject(name, loaded.graph, loaded, loaded.config)
    size = get_config(config)
    try:
        program = compile_to_fit(loaded, config)
        return Subject(name, loaded, program, program.config)
    except CapacityError as error:  # the golden model still has something to show
        return Subject(name, loaded, None, size, str(error))


def _png(picture: NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
