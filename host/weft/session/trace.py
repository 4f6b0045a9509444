"""The file that ``enable_profiling`` asks for: a trace that Chromium and Perfetto draw."""

import json
import os
import time
from datetime import datetime
from typing import Any

from weft_hw.files import write_file

from weft.runtime.profile import Profile
from weft.session.providers import CPU, WEFT

__all__ = ["Trace"]


class Trace:
    """Runs of a session and their layers, as trace events."""

    def __init__(self, prefix: str):
        self._prefix = prefix
        self.start_ns = time.monotonic_ns()
        self._events: list[dict[str, Any]] = []

    def add(self, begin_ns: int, profile: Profile) -> None:
        """Note a run that began at ``begin_ns`` of the monotonic clock and has just ended.

        A layer's duration is its cycles at the board's clock; without a clock it is 0, and
        ``args`` has the cycles.
        """
        begin = (begin_ns - self.start_ns) / 1000
        seconds = time.monotonic_ns() - begin_ns
        self._event("Session", "model_run", begin, seconds / 1000, {"cycles": profile.cycles})
        at = begin
        for layer in profile.layers:
            took = 1e6 * (layer.cycles or 0) / profile.clock_hz if profile.clock_hz else 0.0
            arguments = {
                "op_name": layer.operator,
                "provider": WEFT if layer.where == "accelerator" else CPU,
                "where": layer.where,
                "cycles": layer.cycles,
                "predicted_cycles": layer.predicted_cycles,
            }
            self._event("Node", f"{layer.name}_kernel_time", at, took, arguments)
            at += took

    def write(self) -> str:
        """Write the file and return its name."""
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S_%f")[:-3]
        path = f"{self._prefix}_{stamp}.json"
        write_file(path, json.dumps(self._events, indent=0).encode())
        return path

    def _event(self, kind: str, name: str, at: float, took: float, arguments: Any) -> None:
        process = os.getpid()
        self._events.append(
            {
                "cat": kind,
                "pid": process,
                "tid": process,
                "ph": "X",
                "name": name,
                "ts": round(at),
                "dur": round(took),
                "args": arguments,
            }
        )
