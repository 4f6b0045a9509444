#!/usr/bin/env bash
# vcdvcd 2.6.0: one would expect the import of a library that reads VCD files to leave the process as it
# is. It gives SIGPIPE its default action, which suits its command vcdcat. From then on a write to a
# closed pipe or socket ends the whole process without a word, where Python raises BrokenPipeError: a
# test run that reads waveforms and also speaks with a server ends in the middle.
# Output seen: before: SIG_IGN, after: SIG_DFL.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check vcdvcd==2.6.0
"$folder/venv/bin/python" - <<'PY'
import signal

before = signal.getsignal(signal.SIGPIPE)
import vcdvcd  # noqa: F401

after = signal.getsignal(signal.SIGPIPE)
print(f"before: {before.name}, after: {after.name}")
assert (before, after) == (signal.SIG_IGN, signal.SIG_DFL), "the behaviour changed"
PY
