"""How busy array and memory beside the chip are in the course of one image, by the cycle model."""

from dataclasses import dataclass

import numpy as np

from weft.program import Program

__all__ = ["HEIGHT", "WIDTH", "Course", "course"]

_COLUMNS = 240
WIDTH, HEIGHT = 960, 80  # of a picture, in units of its own


@dataclass(frozen=True)
class Course:
    """Shares of what is possible, one for each of equal spans of time, and their mean.

    ``points`` are corners of the area below them, x from 0 to ``WIDTH``, y from ``HEIGHT`` up to 0.
    """

    kind: str
    name: str
    shares: tuple[float, ...]
    mean: float

    @property
    def points(self) -> str:
        """Corners for ``polygon`` of SVG."""
        step = WIDTH / len(self.shares)
        corners = [(0.0, float(HEIGHT))]
        for number, share in enumerate(self.shares):
            y = HEIGHT * (1 - share)
            corners += [(number * step, y), ((number + 1) * step, y)]
        corners.append((float(WIDTH), float(HEIGHT)))
        return " ".join(f"{x:g},{y:.1f}" for x, y in corners)


def course(program: Program | None) -> list[Course]:
    """Return the courses of the array's multiplications and of the pins' words.

    There are none where nothing streams. Descriptors follow each other in time; each one's work is
    even.
    """
    if program is None or not any(info.words for info in program.descriptors):
        return []
    infos = [info for info in program.descriptors if info.predicted_cycles]
    times = np.cumsum([0, *(info.predicted_cycles for info in infos)])
    spans = np.linspace(0, times[-1], min(_COLUMNS, int(times[-1])) + 1)
    found = []
    for kind, name, work in (
        ("busy", "array: multiplying", [info.steps for info in infos]),
        (
            "wait_memory",
            "memory beside the chip: words of what its pins give",
            [info.words for info in infos],
        ),
    ):
        done = np.cumsum([0, *work])
        shares = np.diff(np.interp(spans, times, done)) / np.diff(spans)
        found.append(
            Course(kind, name, tuple(shares.clip(0, 1).tolist()), float(done[-1] / times[-1]))
        )
    return found
