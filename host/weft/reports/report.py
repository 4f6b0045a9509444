"""Everything about one model on one accelerator, gathered for a page (see ``page``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.compiler import compile_graph
from weft.configuration import ConfigChoice, get_config
from weft.errors import CapacityError
from weft.graph import Graph
from weft.models.loading import find_model, load
from weft.program import Program
from weft.reports.filters import filter_picture
from weft.reports.layer_table import layer_rows, memory_use
from weft.reports.maps import input_picture, pictures
from weft.runtime.profile import LayerProfile, Profile
from weft.session import InferenceSession

__all__ = ["MOST_MAPS", "Output", "Report", "Score", "Subject", "subject"]

_TOP = 5
MOST_MAPS = 200  # layers of a page that are drawn; a browser enlarges maps

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """A model, and its program for one configuration unless it does not fit (``problem``)."""

    name: str
    graph: Graph
    program: Program | None
    config: Config
    problem: str | None = None

    def report(
        self,
        device: str,
        feed: Mapping[str, NDArray[Any]],
        label: str,
        classes: Sequence[str] = (),
    ) -> "Report":
        """Run one image, called ``label``, on ``device`` and gather what there is to tell.

        ``classes`` are names for the outputs that have as many scores.

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
                Output.of(info.name, array, classes)
                for info, array in zip(session.get_outputs(), arrays, strict=True)
            ]
            found = pictures(session.graph, session.tensors, long_side=1)
            maps = {name: picture for _, _, name, picture in islice(found, MOST_MAPS)}
            profile = session.profile
        nodes = self.graph.nodes[:MOST_MAPS]
        drawn = {node.outputs[0]: filter_picture(self.graph, node) for node in nodes}
        return Report(
            subject=self,
            device=device,
            label=label,
            rows=layer_rows(self.graph, self.program, self.config.multipliers),
            memory=memory_use(self.program),
            profile=profile,
            shown=input_picture(next(iter(feed.values()))),
            maps=maps,
            filters={name: picture for name, picture in drawn.items() if picture is not None},
            outputs=outputs,
            counted=None if on_golden else self._counted(profile),
        )

    def _counted(self, profile: Profile) -> dict[str, LayerProfile]:
        """Return the profile's rows by the name of the tensor that each layer gives."""
        layers = self.program.layers if self.program else ()
        return {layer.outputs[0]: row for layer, row in zip(layers, profile.layers, strict=True)}


@dataclass(frozen=True)
class Score:
    """One of the highest values of a vector: where it is, and what that class is called."""

    index: int
    value: float
    label: str = ""


@dataclass(frozen=True)
class Output:
    """An output: its name, what it is, and the highest of a vector's values."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    top: list[Score] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, array: NDArray[Any], classes: Sequence[str] = ()) -> "Output":
        """Describe ``array``, of which the first image counts."""
        flat = (array[0] if array.ndim else array).reshape(-1)
        if array.ndim != 2 or flat.size < 2:
            return cls(name, array.shape, str(array.dtype))
        best = np.argsort(-flat.astype(np.float64), kind="stable")[:_TOP]
        names = list(classes) if len(classes) == flat.size else [""] * flat.size
        top = [Score(int(i), flat[i].item(), names[i]) for i in best]
        return cls(name, array.shape, str(array.dtype), top)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Results of one inference, for the page.

    Parameters
    ----------
    rows : list of dict
        As :func:`weft.reports.layer_table.layer_rows` returns them.
    shown : ndarray, uint8, (rows, columns, 3), or None
        The first input as a picture.
    maps : mapping
        Tensor name to its activation maps.
    filters : mapping
        Tensor name to the weights that made it, and what is drawn of them.
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
    shown: Picture | None
    maps: Mapping[str, Picture]
    filters: Mapping[str, tuple[Picture, str]]
    outputs: list[Output]
    counted: Mapping[str, LayerProfile] | None


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
        return Subject(name, loaded, compile_graph(loaded, size), size)
    except CapacityError as error:  # the golden model still has something to show
        return Subject(name, loaded, None, size, str(error))
