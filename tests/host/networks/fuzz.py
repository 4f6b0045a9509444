"""Runs many random networks or damaged files: ``python -m networks.fuzz --help``."""

import argparse
import itertools
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from networks.accelerator import FORMS, MORE_FORMS, SMALL, SMALL_PAIRED, Boards
from networks.compare import (
    compare_form,
    compare_islands,
    compare_onnx,
    compare_parts,
    compare_tflite,
)
from networks.mutate import base_files, mutate, outcome_of
from networks.onnx_forms import FORMS as ONNX_FORMS
from networks.plan import SIDES
from networks.streamed import MachineBoards, StreamingBoards

COMPARISONS = {
    "tflite": compare_tflite,
    "tflite-xnnpack": lambda seed: compare_tflite(seed, "xnnpack"),
    **{
        f"tflite-{dtype}{end}": partial(compare_tflite, rounding=rounding, more=dtype)
        for dtype in ("int8", "uint8", "first")
        for end, rounding in (("", "reference"), ("-x", "xnnpack"))
    },
    "tflite-parts": compare_parts,
    "qdq": lambda seed: compare_onnx(seed, "qdq"),
    "qoperator": lambda seed: compare_onnx(seed, "qoperator"),
    "islands": compare_islands,
    **{form: partial(compare_form, form=form) for form in ONNX_FORMS},
}

_STREAMING = {"streamed": MachineBoards, "streamed-sim": StreamingBoards}


def networks(form: str, first: int, count: int) -> int:
    """Compare ``count`` networks with their runtime; return how many differ."""
    compared, refused, different, steps = 0, 0, 0, 0
    for seed in range(first, first + count):
        try:
            outcome = COMPARISONS[form](seed)
        except Exception as error:
            different += 1
            print(f"{form} seed {seed}: {type(error).__name__}: {error}", flush=True)
            continue
        compared += outcome.compared
        steps += outcome.steps
        refused += bool(outcome.refused)
        if outcome.differences:
            different += 1
            print(f"{form} seed {seed}: {outcome.differences}", flush=True)
    print(
        f"{form}: seeds {first} to {first + count - 1}, {compared} values compared, "
        f"{different} networks differ, {refused} refused"
        + (f", {steps} values of float islands one step away" if steps else "")
    )
    return different


def on_accelerator(
    boards: Boards, first: int, count: int, forms: Sequence[str], sides: Sequence[int]
) -> int:
    """Run ``count`` networks, the forms in turn, on ``boards``; return how many differ.

    Their inputs are as high and wide as one of ``sides``. Those without a layer for the accelerator
    come on top.
    """
    fitted, failures, compared, descriptors, cycles = Counter(), 0, 0, 0, 0
    seed = first
    with boards:
        for index in itertools.count():
            if index - fitted["none"] == count:
                break
            seed, form = first + index // len(forms), forms[index % len(forms)]
            try:
                outcome = boards.compare(form, seed, sides)
            except Exception as error:
                failures += 1
                print(f"{form} seed {seed}: {type(error).__name__}: {error}", flush=True)
                continue
            fitted[outcome.config or "none"] += 1
            compared += outcome.compared
            descriptors += outcome.descriptors
            cycles += outcome.cycles
            if outcome.differences:
                failures += 1
                print(f"{form} seed {seed} on {outcome.config}: {outcome.differences}", flush=True)
    print(
        f"accelerator: seeds {first} to {seed} of {', '.join(forms)}, networks {dict(fitted)}, "
        f"{descriptors} descriptors, {cycles} cycles, {compared} values compared, "
        f"{failures} networks differ or fail"
    )
    return failures


def mutations(first: int, count: int, files: list[bytes]) -> int:
    """Import ``count`` damaged files; return how many ended in another way than ModelError."""
    outcomes, failures = Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            rng = np.random.default_rng(seed)
            data = mutate(files[seed % len(files)], rng)
            try:
                outcomes[outcome_of(data, Path(folder))] += 1
            except Exception as error:
                failures += 1
                print(f"mutation seed {seed}: {type(error).__name__}: {error}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"mutations: seeds {first} to {first + count - 1}, {dict(outcomes)}, peak {peak} MiB")
    return failures


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=[*COMPARISONS, "accelerator", *_STREAMING, "mutations"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--bases", type=int, default=20, help="seeds of files to damage")
    parser.add_argument("--model", type=Path, nargs="*", help="files to damage instead")
    parser.add_argument(
        "--config",
        nargs="+",
        help="of virtual boards: configurations, also those of networks.accelerator",
    )
    parser.add_argument(
        "--form",
        nargs="+",
        default=FORMS,
        choices=[*FORMS, *MORE_FORMS],
        help="of the networks that run on virtual boards",
    )
    parser.add_argument(
        "--sides",
        type=int,
        nargs="+",
        default=SIDES,
        help="heights and widths of inputs of networks on virtual boards",
    )
    arguments = parser.parse_args()
    started = time.perf_counter()
    if arguments.kind == "mutations":
        models = [path.read_bytes() for path in arguments.model or ()]
        files = models or base_files(arguments.bases)
        failures = mutations(arguments.first, arguments.count, files)
    elif arguments.kind == "accelerator":
        configs = arguments.config or ["tiny", SMALL.name, SMALL_PAIRED.name]
        failures = on_accelerator(
            Boards(*configs), arguments.first, arguments.count, arguments.form, arguments.sides
        )
    elif arguments.kind in _STREAMING:
        boards = _STREAMING[arguments.kind](*(arguments.config or ()))
        failures = on_accelerator(
            boards, arguments.first, arguments.count, arguments.form, arguments.sides
        )
    else:
        failures = networks(arguments.kind, arguments.first, arguments.count)
    print(f"{time.perf_counter() - started:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
