"""Commands do what they say, and bad input gives one sentence and the right exit code."""

import json
from pathlib import Path

import numpy as np
import pytest
import weft.runtime.prepare
from commands import MODELS, failing
from PIL import Image
from weft.cli import main
from weft.models.digits import MODEL, held_out, held_out_inputs
from weft.runtime.device import OpenDevice
from weft_hw.contract.memory_map import Region
from weft_sim.testing.functional import FunctionalSimulator


class CountedSimulator(FunctionalSimulator):
    """The functional simulator; every counter it reports is 100. ``fault`` flips a result."""

    fault = False

    def read(self, region, unit, count):
        if region is Region.COUNTER:
            return (100).to_bytes(4, "little") * count
        data = bytearray(super().read(region, unit, count))
        if self.fault and region is Region.ACTIVATION:
            data[0] ^= 1
        return bytes(data)


@pytest.fixture
def simulated(monkeypatch):
    """Device ``sim`` is the functional simulator; returns what was opened."""
    opened = []

    def open_device(name, config, progress=None):
        opened.append(CountedSimulator(config))
        return OpenDevice(name, config, opened[-1])

    monkeypatch.setattr(weft.runtime.prepare, "open_device", open_device)
    return opened


def test_run_prints_what_the_session_returns(capsys, tmp_path):
    images, labels = held_out_inputs()
    np.save(tmp_path / "a.npy", images[:3])
    output = tmp_path / "out.npy"
    assert main(["run", "digits", "-i", str(tmp_path / "a.npy"), "-o", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split("highest: ")[1].split()[0]) for line in lines[:3]] == list(labels[:3])
    [scores] = weft.InferenceSession(MODEL).run(None, {"image": images[:3]})
    assert np.array_equal(np.load(output), scores)


def test_run_takes_pictures_and_prints_the_rule(capsys, tmp_path):
    images, labels = held_out()
    for index in (1, 0):
        pixels = np.clip(images[index].astype(int) * 16, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    assert main(["run", "digits", "--input", str(tmp_path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["rule"].startswith("pictures become 8x8 grey (bilinear), pixels 0..255")
    assert [Path(r["input"]).name for r in result["results"]] == ["0.png", "1.png"]
    tops = [r["outputs"][0]["top"][0]["index"] for r in result["results"]]
    assert tops == list(labels[:2])


def test_run_writes_maps_and_checks(simulated, capsys, tmp_path):
    arguments = [
        "run",
        "digits",
        "-d",
        "sim",
        "-c",
        "tiny",
        "--check",
        "--maps",
        str(tmp_path / "maps"),
        "--json",
    ]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["bit_exact"] is True and result["mismatches"] == 0
    assert result["config"] == "tiny" and result["device"] == "sim"
    assert [Path(path) for path in result["maps"]] == sorted((tmp_path / "maps").iterdir())
    assert len(result["maps"]) >= 8


def test_differences_give_exit_code_1(simulated, monkeypatch, capsys):
    monkeypatch.setattr(CountedSimulator, "fault", True)
    assert main(["run", "digits", "-d", "sim", "-c", "tiny", "--check"]) == 1
    assert "values differ" in capsys.readouterr().out
    assert main(["bench", "digits", "-c", "tiny", "--check", "--json"]) == 1
    [result] = json.loads(capsys.readouterr().out)
    assert result["bit_exact"] is False and result["mismatches"] > 0
    assert main(["demo", "-c", "tiny", "--images", "2"]) == 1
    assert "differ" in capsys.readouterr().out


def test_bench_json_has_the_fixed_fields(simulated, capsys):
    assert main(["bench", "digits", "digits", "-c", "tiny", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert len(results) == 2
    first = results[0]
    assert set(first) >= {
        "model",
        "config",
        "device",
        "macs",
        "cycles",
        "utilization",
        "predicted_cycles",
        "bit_exact",
        "mismatches",
        "layers",
        "link",
    }
    assert (first["model"], first["config"], first["device"]) == ("digits", "tiny", "sim")
    assert first["bit_exact"] is None and first["mismatches"] is None
    assert first["macs"] == 91456
    assert first["utilization"] == pytest.approx(91456 / (12 * first["cycles"]))
    assert set(first["link"]) >= {"bytes_to_board", "bytes_from_board", "seconds"}
    for layer in first["layers"]:
        assert set(layer) >= {
            "name",
            "operator",
            "where",
            "macs",
            "cycles",
            "predicted_cycles",
            "utilization",
        }
    assert sum(layer["cycles"] for layer in first["layers"]) == first["cycles"]
    assert {x["cycles"] for x in first["layers"] if x["operator"] == "RESHAPE"} == {0}


def test_bench_table(simulated, capsys):
    assert main(["bench", "digits", "-c", "tiny", "--check"]) == 0
    text = capsys.readouterr().out
    assert "every value equals the golden model" in text and "12 multipliers" in text


def test_demo(simulated, capsys, tmp_path):
    assert main(["demo", "-c", "tiny", "--images", "20", "--maps", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "accuracy: 20 of 20" in text or "accuracy: 19 of 20" in text
    assert text.rstrip().endswith("all equal")
    for line in text.splitlines():
        if line.strip().endswith(".png"):
            assert Path(line.strip()).exists()
    assert text.count(".png") >= 8
    assert main(["demo", "--device", "golden", "--images", "1", "--maps", str(tmp_path)]) == 0


def test_explain(capsys):
    assert main(["explain", "digits", "-c", "tiny"]) == 0
    text = capsys.readouterr().out
    assert "91,456 MACs, 5,274 parameters" in text
    assert main(["explain", "digits", "-c", "tiny", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    [conv] = [row for row in result["layers"] if row["name"].endswith("features.7/Conv")]
    assert conv["kernel"] == [3, 3] and conv["stride"] == [1, 1] and conv["padding"] == [1] * 4
    assert conv["input_shape"] == [4, 4, 16] and conv["output_shape"] == [4, 4, 32]
    assert conv["parameters"] == 9 * 16 * 32 + 32
    assert conv["dense_parameters"] == (4 * 4 * 16 + 1) * 4 * 4 * 32
    # 3x3, 3x3, 1x1, 2x2 of stride 2, 3x3: 3, 5, 5, 6, 10, cut to the image.
    fields = [r["receptive_field"] for r in result["layers"] if r["kernel"] is not None]
    assert fields[:5] == [[3, 3], [5, 5], [5, 5], [6, 6], [8, 8]]
    assert conv["macs"] == 4 * 4 * 32 * 9 * 16 and conv["where"] == "accelerator"
    host = [row for row in result["layers"] if row["where"] == "host"]
    assert host and all(row["reason"] for row in host)
    for use in result["memory"].values():
        assert 0 <= use["used"] <= use["available"]


@pytest.mark.skipif(not MODELS.is_dir(), reason="WEFT_MODELS is not set")
def test_explain_what_does_not_fit(capsys):
    assert main(["explain", "ic_resnet8_int8.tflite", "-c", "tiny", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["macs"] == 12501632 and len(result["layers"]) == 16
    assert "bytes" in result["problem"] and result["memory"] is None
    code, text = failing(["run", "ic_resnet8_int8", "-c", "tiny", "-d", "sim"], capsys)
    assert code == 2 and "bytes" in text and "tiny" in text


def test_compile_then_run_and_bench_the_program(simulated, capsys, tmp_path):
    program = tmp_path / "digits.weft"
    assert main(["compile", "digits", "-o", str(program), "-c", "tiny"]) == 0
    assert f"wrote {program}" in capsys.readouterr().out
    assert main(["run", str(program), "-d", "sim", "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bit_exact"] is True
    assert main(["bench", str(program), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["config"] == "tiny"
    code, text = failing(["run", program, "-c", "ulx3s-85f"], capsys)
    assert code == 2 and "compiled for tiny" in text
    code, text = failing(["compile", program, "-o", tmp_path / "again.weft"], capsys)
    assert code == 2 and "compiled already" in text
    data = program.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 3] ^= 1
    for bad in (data[: len(data) // 2], data[:10], b"", bytes(flipped)):
        (tmp_path / "bad.weft").write_bytes(bad)
        code, text = failing(["run", tmp_path / "bad.weft"], capsys)
        assert code == 2 and "bad.weft" in text


def test_devices_and_doctor(capsys):
    assert main(["devices", "--json"]) == 0
    assert [d["device"] for d in json.loads(capsys.readouterr().out)][:2] == ["golden", "sim"]
    assert main(["doctor", "--json"]) == 0
    found = {f["name"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["numpy"]["found"] and found["python"]["found"]
    assert main(["doctor"]) == 0 and main(["devices"]) == 0


def test_doctor_of_no_board(capsys):
    assert main(["doctor", "--device", "golden"]) == 3
    said = capsys.readouterr().err
    assert said == "weft: golden is no board, and needs none: sim simulates one\n"


def test_an_output_without_dimensions_is_written(tmp_path):
    """As a number for one inference, as a vector for several."""
    from weft.cli.results import save_outputs
    from weft.reports.report import Output

    for count, expected in [(1, np.int8(7)), (2, np.array([7, 7], np.int8))]:
        path = tmp_path / f"{count}.npy"
        save_outputs(path, ["y"], [[np.array(7, np.int8)]] * count)
        np.testing.assert_array_equal(np.load(path), expected)
    assert Output.of("y", np.array(7, np.int8)).shape == ()
