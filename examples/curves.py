"""The curve of an alarm: what it finds, beside how often it is false."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "area", "curve", "drawn"]

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
_COLOURS = ("#0072b2", "#d55e00", "#008060", "#8f4b78")


def curve(error: NDArray[np.float64], anomaly: NDArray[np.bool_]) -> Curve:
    """Return false and true alarms, as shares, for each threshold from the highest down."""
    order = np.argsort(-error, kind="stable")
    found = np.concatenate([[0], np.cumsum(anomaly[order])]) / anomaly.sum()
    false = np.concatenate([[0], np.cumsum(~anomaly[order])]) / (~anomaly).sum()
    return false, found


def area(each: Curve) -> float:
    """Return the area under a curve: 1 where it finds all without a false alarm, 0.5 by chance."""
    false, found = each
    return float(np.trapezoid(found, false))


def drawn(curves: Mapping[str, Curve]) -> str:
    """Return curves as an SVG picture, those with a name with that below."""
    lines = []
    for n, (name, (false, found)) in enumerate(curves.items()):
        points = " ".join(
            f"{40 + 300 * x:.1f},{320 - 300 * y:.1f}" for x, y in zip(false, found, strict=True)
        )
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{_COLOURS[n]}" stroke-width="2"/>'
        )
        if name:
            lines.append(f'<text x="230" y="{220 + 20 * n}" fill="{_COLOURS[n]}">{name}</text>')
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 360" '
            'font-family="sans-serif" font-size="14">',
            '<rect width="360" height="360" fill="#fff"/>',
            '<path d="M40 20V320H340" fill="none" stroke="#57606a"/>',
            '<path d="M40 320L340 20" stroke="#d0d7de"/>',
            *lines,
            '<text x="110" y="345">false alarms, 0 to 100 %</text>',
            '<text transform="translate(25 260) rotate(-90)">anomalies found, 0 to 100 %</text>',
            "</svg>\n",
        ]
    )
