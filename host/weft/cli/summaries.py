"""What ``weft run`` says of each inference's outputs."""

from typing import TYPE_CHECKING, Any

from weft.cli.output import shape_text
from weft.cli.terminal import say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weft.session import InferenceSession

__all__ = ["print_summaries", "summarise"]

_TOP = 5
_MOST_VALUES = 4096  # of an output that is given whole


def summarise(
    session: "InferenceSession", label: str, arrays: "list[NDArray[Any]]"
) -> dict[str, Any]:
    """Return what ``run --json`` says of one inference: small outputs whole, the highest scores."""
    entries = []
    for info, array in zip(session.get_outputs(), arrays, strict=True):
        entry: dict[str, Any] = {
            "name": info.name,
            "shape": list(array.shape),
            "dtype": str(array.dtype),
        }
        if array.size <= _MOST_VALUES:
            entry["values"] = array.reshape(-1).tolist()
        if array.ndim == 2 and array.size > 1:
            flat = array.reshape(-1)
            best = sorted(range(len(flat)), key=lambda i: -float(flat[i]))[:_TOP]
            entry["top"] = [{"index": i, "score": flat[i].item()} for i in best]
        entries.append(entry)
    return {"input": label, "outputs": entries}


def print_summaries(results: list[dict[str, Any]]) -> None:
    """Print a line for each output of each inference."""
    for result in results:
        for entry in result["outputs"]:
            text = f"{result['input']}: {entry['name']} {entry['dtype']} "
            text += shape_text(entry["shape"])
            if "top" in entry:
                ranked = ", ".join(
                    " ".join(filter(None, (str(t["index"]), t.get("label"), f"({t['score']:g})")))
                    for t in entry["top"]
                )
                text += f"; highest: {ranked}"
            say(text)
