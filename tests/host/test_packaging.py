"""The install stays light; the distribution holds, and its hints name, what they should."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain

import numpy as np
import pytest
import weft
from source_files import HEAVY, ROOT, sources
from weft.models import digits

PYPROJECT = (ROOT / "pyproject.toml").read_text()


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_import_is_light_and_quick():
    code = """
import sys, time
start = time.perf_counter(); import weft; print(time.perf_counter() - start)
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    runs = [run_python(code).stdout.splitlines() for _ in range(3)]
    assert min(float(seconds) for seconds, _ in runs) < 0.5
    modules = set(runs[0][1].split())
    assert not modules & {*HEAVY, "onnx", "tflite", "typer", "rich", "PIL"}


def test_a_shell_completes_the_names_of_the_package():
    assert run_python("import weft; print(set(weft.__all__) <= set(dir(weft)))").stdout == "True\n"


def test_a_model_runs_where_only_the_core_is_installed(tmp_path):
    weft.compile("digits", config="tiny").save(tmp_path / "digits.weft")
    code = f"""
import sys
import numpy as np
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r} + tuple(sys.argv[2].split()):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
import weft
session = weft.InferenceSession(sys.argv[1])
[scores] = session.run(None, {{"image": np.zeros((1, 1, 8, 8), np.float32)}})
print(scores.tobytes().hex())
"""
    [expected] = weft.InferenceSession("digits").run(
        None, {"image": np.zeros((1, 1, 8, 8), np.float32)}
    )
    # A compiled program needs no reader either.
    for model, missing in [("digits", ""), (tmp_path / "digits.weft", "onnx tflite google")]:
        result = run_python(code, model, missing)
        assert result.stderr == ""
        assert result.stdout.strip() == expected.tobytes().hex()


def test_every_dependency_has_its_reason_and_a_bound():
    project = tomllib.loads(PYPROJECT)["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    for requirement in wanted:
        if requirement.startswith("weft-fpga["):
            continue
        assert re.search(r"[=<>]", requirement), requirement
        line = next(x for x in PYPROJECT.splitlines() if f'"{requirement}"' in x)
        assert "#" in line, f"{requirement} lacks its reason"
    core = {re.split(r"[=<>\[]", r)[0].replace("-", "_") for r in project["dependencies"]}
    assert not core & set(HEAVY)


def test_every_hint_installs_what_it_says():
    """Each `pip install` that a program prints names this distribution's extras or a dependency."""
    data = tomllib.loads(PYPROJECT)
    project = data["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *chain(*extras.values()), *data["dependency-groups"]["dev"]]
    known = {re.split(r"[=<>\[]", requirement)[0] for requirement in listed}
    hints = []
    for path in [*sources("host"), *sources("sim")]:
        hints += re.findall(r"pip install '?([\w-]+)(?:\[([\w{}]+)\])?", path.read_text())
    assert len(hints) > 10
    for name, extra in hints:
        assert name == project["name"] or (name in known and not extra), name
        assert extra in ("", "{extra}", *extras), extra


def test_no_registry_is_named():
    pattern = re.compile("py" + r"pi\.org|files\.python" + r"hosted|registry\.npm" + r"js")
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, tracked.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            assert not pattern.search(path.read_text(errors="ignore")), name


def test_the_bundled_images_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = digits.held_out()
    assert images.shape == (450, 8, 8) and images.dtype == np.uint8 and images.max() == 16
    source = datasets.load_digits()
    known = {}
    for image, label in zip(source.images.astype(np.uint8), source.target, strict=True):
        known.setdefault(image.tobytes(), set()).add(int(label))
    for image, label in zip(images, labels, strict=True):
        assert int(label) in known[image.tobytes()]
    assert len({image.tobytes() for image in images}) == 450
    assert digits.MODEL.stat().st_size < 50_000


@pytest.mark.timeout(300)
def test_a_wheel_holds_packages_and_data(tmp_path):
    """Built and unpacked without installing: data files lie where the code looks for them."""
    hatchling = pytest.importorskip("hatchling.builders.wheel")
    builder = hatchling.WheelBuilder(str(ROOT))
    [wheel] = builder.build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [entry] = [n for n in names if n.endswith("entry_points.txt")]
        assert "weft = weft.cli:main" in archive.read(entry).decode()
    assert {
        "weft/data/digits_int8.onnx",
        "weft/data/digits_heldout.npz",
        "weft/py.typed",
        "weft_hw/contract/config.py",
        "weft_sim/virtual_board.cpp",
    } <= names
    assert not [n for n in names if n.startswith(("tests", "hw/", "sim/", "host/"))]
    assert not [n for n in names if n.startswith("weft_sim/testing")]
