"""The main job, through every layer: model file, compiler, driver, packets, gateware, result."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import weft
from PIL import Image
from weft.cli import main
from weft.models.digits import MODEL, held_out_inputs

pytestmark = [pytest.mark.tools, pytest.mark.timeout(1200)]

MODELS = Path(os.environ.get("WEFT_MODELS", "/nonexistent"))
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
RESNET = MODELS / "ic_resnet8_int8.tflite"


def test_digits_are_the_same_everywhere_image_by_image():
    """All 450 images: gateware, golden model and ONNX Runtime give the same bits."""
    ort = pytest.importorskip("onnxruntime")
    images, labels = held_out_inputs()
    reference = ort.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    expected = np.concatenate(
        [reference.run(None, {"image": images[i : i + 1]})[0] for i in range(len(images))]
    )
    [golden] = weft.InferenceSession(MODEL).run(None, {"image": images})
    with weft.InferenceSession(MODEL, device="sim") as session:
        [simulated] = session.run(None, {"image": images})
        cycles = session.profile.cycles
    assert np.array_equal(golden, expected)
    assert np.array_equal(simulated, expected)
    accuracy = (simulated.argmax(1) == labels).mean()
    print(f"accuracy {accuracy:.2%}, {cycles} cycles an image")
    assert accuracy >= 0.98
    assert cycles is not None and 91456 / 144 < cycles < 5000


@pytest.mark.parametrize("config", ["tiny", "ulx3s-85f"])
def test_demo_compares_every_layer(config, capsys, tmp_path):
    assert main(["demo", "-c", config, "--images", "25", "--maps", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "compared with the golden model: all equal" in lines[-1]
    rows = [line for line in lines if line.startswith(("CONV ", "DEPTHWISE", "FULLY"))]
    assert len(rows) == 5 and all(row.endswith("equal") for row in rows)
    assert not any("differ" in line for line in lines)
    if config == "ulx3s-85f":  # README's table is what this prints
        assert "\n".join(lines[: lines.index("activation maps of image 0 (a 6):")]) in README
    pictures = [Path(line.strip()) for line in lines if line.endswith(".png")]
    assert len(pictures) >= 8
    for picture in pictures:
        with Image.open(picture) as image:
            image.verify()


@pytest.mark.skipif(not RESNET.exists(), reason="WEFT_MODELS has no ResNet-8")
def test_resnet_runs_unmodified(capsys, tmp_path):
    """Every layer equals the golden model, the scores equal LiteRT's reference kernels."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(
        str(RESNET), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    image = np.random.default_rng(3).integers(-128, 128, (1, 32, 32, 3), np.int8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.save(tmp_path / "image.npy", image)
    assert (
        main(
            [
                "run",
                str(RESNET),
                "-i",
                str(tmp_path / "image.npy"),
                "--device",
                "sim",
                "--check",
                "-o",
                str(tmp_path / "scores.npy"),
                "--json",
            ]
        )
        == 0
    )
    result = json.loads(capsys.readouterr().out)
    assert np.array_equal(np.load(tmp_path / "scores.npy"), expected)
    assert result["bit_exact"] is True and result["mismatches"] == 0
    profile = result["profile"]
    assert profile["macs"] == 12_501_632
    assert profile["cycles"] < 200_000
    assert profile["utilization"] == pytest.approx(12_501_632 / 144 / profile["cycles"])
    compared = [x for x in profile["layers"] if x["mismatches"] is not None]
    assert len(compared) == 16


def test_a_program_for_another_configuration_is_refused(capsys, tmp_path):
    """Nothing is written, the exit code is 2 or 3, and the board still answers afterwards."""
    program = tmp_path / "digits.weft"
    assert main(["compile", "digits", "-o", str(program), "-c", "tiny"]) == 0
    assert main(["run", str(program), "-d", "sim", "-c", "ulx3s-85f"]) == 2
    assert "compiled for tiny, not ulx3s-85f" in capsys.readouterr().err
    images, _ = held_out_inputs()
    with weft.InferenceSession(program, device="sim") as session:
        [expected] = weft.InferenceSession(MODEL).run(None, {"image": images[:1]})
        with pytest.raises(weft.ModelError):
            session.run(None, {"image": images[0]})
        assert np.array_equal(session.run(None, {"image": images[:1]})[0], expected)


@pytest.mark.parametrize("options", [[], ["--pty"]])
def test_a_served_board_runs_the_same_program(options, tmp_path, capsys):
    """Another process serves the board; tcp: and serial: give the bits of the golden model."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    server = subprocess.Popen(
        [sys.executable, "-m", "weft", "serve-sim", "-c", "tiny", *options],
        text=True,
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        assert server.stdout is not None
        device = server.stdout.readline().strip()
        assert device.startswith("serial:" if options else "tcp:127.0.0.1:")
        assert main(["run", "digits", "-c", "tiny", "-d", device, "--check"]) == 0
        assert "all values equal" in capsys.readouterr().out
        # A program for another configuration is refused, and the board still answers.
        assert main(["run", "digits", "-c", "ulx3s-85f", "-d", device]) == 3
        assert "fingerprint" in capsys.readouterr().err
        assert main(["bench", "digits", "-c", "tiny", "-d", device, "--json"]) == 0
    finally:
        server.send_signal(signal.SIGTERM if options else signal.SIGINT)
        assert server.wait(20) == 0
        if server.stdout is not None:
            server.stdout.close()
