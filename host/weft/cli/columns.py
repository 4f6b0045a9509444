"""Which columns of a table a terminal has room for."""

from collections.abc import Sequence

__all__ = ["fit_columns"]

_GAP = 2
_FIRST = 18


def fit_columns(
    names: Sequence[str], rows: Sequence[Sequence[str]], order: Sequence[str], room: int
) -> tuple[list[int], list[list[str]]]:
    """Return the columns that are kept, and the rows of them, so that lines fit ``room``.

    Where they do not fit, those without a value go first, then those in ``order``, one after the
    other. Of the first column a front may be cut, down to 18 characters.
    """
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    least = min(widths[0], max(_FIRST, len(names[0])))
    kept = list(range(len(names)))
    empty = [name for at, name in enumerate(names) if at and not any(row[at] for row in rows)]
    going = [*empty, *(name for name in order if name not in empty)]
    while (others := sum(_GAP + widths[at] for at in kept[1:])) + least > room and going:
        name = going.pop(0)
        kept = [at for at in kept if names[at] != name]
    first = max(least, room - others)
    return kept, [[_cut(row[0], first), *(row[at] for at in kept[1:])] for row in rows]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]
