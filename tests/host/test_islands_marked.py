"""What says that a network has float islands: explain, --exact, --against."""

import json

import numpy as np
import pytest
import weft
from networks.island import SHAPE, Island, runtime, written
from weft.cli import main
from weft.runtime import file_readings, reading


def command(arguments, capsys):
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def residual(tmp_path):
    net = Island(17)
    a, _ = net.conv("a", channels=3)
    net.node("Add", [a, net.x], "sum")
    path = written(net, tmp_path, net.quantized("sum", 0.05, 1))
    return path


def test_exact_refuses_them_by_name(residual, tmp_path, capsys):
    with pytest.raises(weft.ModelError, match=r"m is not exact: .* bit for bit: a, sum, sum/quan"):
        weft.InferenceSession(residual, exact=True)
    with pytest.raises(weft.ModelError, match="not exact"):
        weft.compile(residual, exact=True)
    for arguments in (["run"], ["explain"], ["compile", "-o", str(tmp_path / "m.weft")]):
        code, _, text = command([arguments[0], str(residual), *arguments[1:], "--exact"], capsys)
        assert code == 2 and "bit for bit: a, sum" in text and text.count("\n") == 1


def test_exact_takes_what_the_runtime_computes_in_integers(tmp_path):
    net = Island(18)
    a, _ = net.conv("a")
    path = written(net, tmp_path, net.quantized(a, 0.05, 1))
    weft.InferenceSession(path, exact=True).close()


def test_explain_marks_them(tmp_path, capsys):
    net = Island(19)
    a, _ = net.conv("a", channels=3)
    net.node("Relu", [a], "kept")
    y = net.quantized("kept", 0.05, 0)
    b = net.node("Conv", [y, net.weights("v", np.ones((3, 3, 1, 1), np.int8))], "b")
    net.node("Add", [b, y], "sum")
    path = written(net, tmp_path, net.quantized("sum", 0.05, 1))
    _, text, _ = command(["explain", str(path)], capsys)
    assert "a is a float island: ONNX Runtime leaves it in float32" in text
    assert "b runs on the host: CONV_2D computes real numbers: a float island" in text
    _, text, _ = command(["explain", str(path), "--json"], capsys)
    rows = {row["name"]: row for row in json.loads(text)["layers"]}
    assert rows["a"]["island"] and rows["a"]["where"] == "accelerator"
    assert rows["b"]["island"] and not rows["x.q"]["island"]


def test_against_reports_them_apart(residual, monkeypatch, capsys):
    """A step of one output is the rule's; a quarter of the range is not."""

    class Away:
        name = "a runtime"

        def __init__(self, away):
            self.away = away

        def inputs(self, names) -> file_readings.Signature:
            return {"x": (np.dtype(np.float32), SHAPE)}

        def reset(self):
            pass

        def run(self, feeds):
            [values] = weft.InferenceSession(residual).run(None, dict(feeds))
            values[0, 0, 0, 0] += self.away * np.ptp(values)
            return [values]

    for away, code in ((0.01, 0), (0.3, 1)):
        second = reading.SecondReading(Away(away))
        monkeypatch.setattr("weft.runtime.prepare.open_reading", lambda *_, _s=second: _s)
        found, text, _ = command(["run", str(residual), "--against", "runtime"], capsys)
        assert found == code and "differs from a runtime in 1 of 90 values" in text
        assert ("a float island lies before it" in text) == (code == 0)


def test_a_program_remembers_the_order_of_float_sums(tmp_path):
    net = Island(20, shape=(1, 16, 6, 5))
    net.node("AveragePool", [net.x], "p", kernel_shape=[2, 2])
    net.node("Identity", ["p"], "again")
    outputs = [net.quantized("p", 0.04, 1), net.quantized("again", 0.05, 1)]
    path = written(net, tmp_path, *outputs)
    weft.compile(path, config="tiny").save(tmp_path / "m.weft")
    with weft.InferenceSession(tmp_path / "m.weft") as session:
        assert "sequence" in [node.attributes.get("real") for node in session.graph.nodes]
        values = session.run(None, {"x": net.feed})
    for got, there in zip(values, runtime(net, *outputs), strict=True):
        np.testing.assert_array_equal(got, there)
