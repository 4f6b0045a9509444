"""Names of classes, one per line of a text file."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weft.cli.images import InputError
from weft.graph.signature import TensorInfo
from weft.text import read_text_bytes

__all__ = ["add_labels", "labelled_outputs", "read_labels"]


def read_labels(path: Path) -> list[str]:
    """Return the lines of ``path``: that of index 0 first; empty ones at the end do not count.

    Raises
    ------
    InputError
        If the file is missing, is not UTF-8, or has no line.
    """
    try:
        text = read_text_bytes(path).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from None
    labels = [line.strip() for line in re.split("\r\n?|\n", text.rstrip())]
    if labels == [""]:
        raise InputError(f"{path} has no line; a file of labels has one for each class")
    return labels


def labelled_outputs(outputs: Sequence[TensorInfo], labels: list[str], path: Path) -> set[str]:
    """Return the names of the outputs that give a score to each of the classes.

    Raises
    ------
    InputError
        If there is none.
    """
    sizes = {info.name: info.shape[-1] for info in outputs if len(info.shape) == 2}
    names = {name for name, size in sizes.items() if size == len(labels)}
    if not names:
        found = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise InputError(
            f"{path} has {len(labels)} labels, but "
            + (f"output {found} classes" if sizes else "no output is a list of scores")
        )
    return names


def add_labels(entries: list[dict[str, Any]], outputs: set[str], labels: list[str]) -> None:
    """Put a ``label`` beside each index of the highest scores of ``outputs``."""
    for entry in entries:
        if entry["name"] in outputs:
            for each in entry.get("top", ()):
                each["label"] = labels[each["index"] % len(labels)]
