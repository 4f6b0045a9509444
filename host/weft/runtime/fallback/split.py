"""Which layers run on the accelerator, which before it and which after it, in a runtime."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from weft.errors import ModelError

__all__ = ["Layer", "Split", "edges", "split_layers"]


@dataclass(frozen=True)
class Layer:
    """One operator of a model file, with the activations that it reads and writes.

    ``heavy``: it multiplies by weights, which is what an accelerator is for.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    heavy: bool


@dataclass(frozen=True)
class Split:
    """Indices of layers, in the file's order."""

    head: tuple[int, ...]
    middle: tuple[int, ...]
    tail: tuple[int, ...]


def split_layers(
    layers: Sequence[Layer], unsupported: Iterable[int], is_cut: Callable[[str], bool]
) -> Split:
    """Return the smallest head and tail that hold ``unsupported``.

    An unsupported layer belongs to the tail, with all that depends on it, if nothing heavy
    depends on it; else to the head, with all that it depends on. Where head and tail meet the
    middle, tensors must be such that ``is_cut`` holds; both grow until that is so.

    Raises
    ------
    ModelError
        If an unsupported layer lies between heavy ones, or nothing remains for the middle.
    """
    bad = set(unsupported)
    before, after = _neighbours(layers)
    head: set[int] = set()
    tail: set[int] = set()
    between = []
    for index in sorted(bad):
        above, below = _reach({index}, before), _reach({index}, after)
        heavy_above = any(layers[i].heavy for i in above - bad)
        heavy_below = any(layers[i].heavy for i in below - bad)
        if heavy_above and heavy_below:
            between.append(layers[index].name)
        elif heavy_below or (not heavy_above and len(above) < len(below)):
            head |= above
        else:
            tail |= below
    if between:
        raise ModelError(
            f"{', '.join(between)}: not at the head or tail of the network but between layers "
            "with weights, where --fallback does not help"
        )
    _grow(layers, head, before, after, is_cut)
    _grow(layers, tail, after, before, is_cut)
    if head & tail or len(head | tail) == len(layers):
        raise ModelError("without its unsupported layers nothing is left for the accelerator")
    middle = [i for i in range(len(layers)) if i not in head and i not in tail]
    return Split(tuple(sorted(head)), tuple(middle), tuple(sorted(tail)))


def edges(layers: Sequence[Layer], part: Iterable[int]) -> tuple[list[str], list[str]]:
    """Return the tensors that ``part`` reads from elsewhere, and those that others read from it."""
    inside = set(part)
    made = {name for i in inside for name in layers[i].outputs}
    read = dict.fromkeys(name for i in sorted(inside) for name in layers[i].inputs)
    elsewhere = {name for i, layer in enumerate(layers) if i not in inside for name in layer.inputs}
    given = [name for i in sorted(inside) for name in layers[i].outputs if name in elsewhere]
    return [name for name in read if name not in made], given


def _neighbours(layers: Sequence[Layer]) -> tuple[list[set[int]], list[set[int]]]:
    """Return for each layer those that it reads from, and those that read from it."""
    maker = {name: i for i, layer in enumerate(layers) for name in layer.outputs}
    before = [{maker[name] for name in layer.inputs if name in maker} for layer in layers]
    after: list[set[int]] = [set() for _ in layers]
    for index, sources in enumerate(before):
        for source in sources:
            after[source].add(index)
    return before, after


def _reach(start: set[int], neighbours: Sequence[set[int]]) -> set[int]:
    found, waiting = set(start), list(start)
    while waiting:
        new = neighbours[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _grow(
    layers: Sequence[Layer],
    part: set[int],
    outwards: Sequence[set[int]],
    inwards: Sequence[set[int]],
    is_cut: Callable[[str], bool],
) -> None:
    """Add layers beyond the inner edge of ``part`` until only cuttable tensors cross it.

    ``part`` is closed under ``outwards`` (towards the model's edge), before and after.
    """
    waiting = list(part)
    while waiting:
        index = waiting.pop()
        for other in inwards[index] - part:
            one, two = layers[index], layers[other]
            crossing = {*one.outputs} & {*two.inputs} | {*two.outputs} & {*one.inputs}
            if not all(map(is_cut, crossing)):
                new = _reach({other}, outwards) - part
                part |= new
                waiting += new
