"""Record what commands printed: ``python docs/tables/record.py bench|builds|links FILE ...``.

``FILE`` holds what ``weft bench --json`` or ``weft explain --json`` printed, or is the
``report.json`` of ``weft build``. A figure replaces the one of the same configuration and model, or
of the same board and link.

``bench`` wants two runs of each model: one with ``--check`` whose values are equal, and one
without, whose cycles are recorded. A check writes every map to memory, which can cost cycles.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weft_hw.files import write_file

FIGURES = Path(__file__).parents[1] / "figures"
_COUNTERS = ("busy", "wait_input", "wait_output", "wait_setup", "wait_memory")


def _benched(profile: dict[str, Any]) -> dict[str, Any]:
    counters = {name: sum(layer[name] for layer in profile["layers"]) for name in _COUNTERS}
    head = {name: profile[name] for name in ("config", "model", "cycles", "predicted_cycles")}
    return head | counters | {"equal": profile["bit_exact"]}


def _counted(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs without ``--check``, if each has one with it whose values are equal."""
    counted = {(run["config"], run["model"]): run for run in runs if run["equal"] is None}
    checked = {
        (run["config"], run["model"]): run["equal"] for run in runs if run["equal"] is not None
    }
    for config, model in sorted({*counted, *checked}):
        if (config, model) not in counted or not checked.get((config, model)):
            raise SystemExit(
                f"{model} on {config}: give a run without --check and one with it that is equal"
            )
    return [{key: run[key] for key in run if key != "equal"} for run in counted.values()]


def _built(report: dict[str, Any]) -> dict[str, Any]:
    return {
        "board": report["board"],
        "config": report["config"],
        "link": report["link"],
        "target_mhz": report["seeds"][0]["target_mhz"],
        "mhz": {str(seed["seed"]): seed["fmax_mhz"] for seed in report["seeds"]},
        "others": {str(seed["seed"]): seed["others"] for seed in report["seeds"]},
        "resources": {
            name: [resource["used"], resource["available"]]
            for name, resource in report["resources"].items()
        },
    }


def _explained(report: dict[str, Any]) -> dict[str, Any]:
    link = report["predicted_link"]
    model = "digits" if report["model"] == "digits_int8" else report["model"]  # the bundled file
    head = {"config": report["config"], "model": model}
    return head | {name: link[name] for name in ("bytes_to_board", "bytes_from_board")}


_ROWS = {"bench": _benched, "builds": _built, "links": _explained}


def _read(kind: str, files: Sequence[Path]) -> list[dict[str, Any]]:
    rows = []
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            rows += map(_ROWS[kind], found if kind == "bench" else [found])
        except OSError as error:
            raise SystemExit(f"cannot read {file}: {error.strerror}") from None
        except (ValueError, LookupError, TypeError):
            raise SystemExit(f"{file} holds no figures of the kind {kind}") from None
    return _counted(rows) if kind == "bench" else rows


def record(kind: str, files: Sequence[Path]) -> None:
    """Take the figures of ``files`` into ``docs/figures/KIND.json``, with the commit of now.

    A kind that there is none of, or a file of another kind, ends the program: nothing is written.
    """
    if kind not in _ROWS or not files:
        raise SystemExit(f"usage: python docs/tables/record.py {'|'.join(_ROWS)} FILE ...")
    head = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    keys = ("board", "link") if kind == "builds" else ("config", "model")
    path = FIGURES / f"{kind}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    rows = {tuple(row[key] for key in keys): row for row in known}
    for row in _read(kind, files):
        rows[tuple(row[key] for key in keys)] = row | {"commit": commit}
    text = ",\n".join(f"  {json.dumps(row)}" for row in rows.values())
    write_file(path, f"[\n{text}\n]\n".encode())


if __name__ == "__main__":
    record("".join(sys.argv[1:2]), [Path(name) for name in sys.argv[2:]])
