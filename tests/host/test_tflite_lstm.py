"""UNIDIRECTIONAL_SEQUENCE_LSTM of int8 equals LiteRT over many calls; other forms are refused."""

import numpy as np
import pytest
import weft
from weft.errors import ModelError
from weft.importers.tflite.walk import import_tflite

pytest.importorskip("ai_edge_litert")

from networks import tflite_parts
from networks.litert import reference_interpreter
from networks.tflite_net import Net

CELLS, DEPTH = 12, 10


def lstm(seed, *, times=5, **options):
    """Return a network of one such layer and a fully connected one, and its output."""
    rng, net = np.random.default_rng(seed), Net()
    x = net.input((1, times, DEPTH), (0.04, int(rng.integers(-20, 20))))
    y = tflite_parts.lstm(net, rng, x, cells=CELLS, **options)
    matrix = net.constant(rng.integers(-127, 128, (3, CELLS)).astype(np.int8), (0.01, 0))
    return net, net.op(
        "FULLY_CONNECTED",
        [y, matrix],
        net.tensor((1, times, 3), (0.03, 2)),
        "FullyConnectedOptions",
        keepNumDims=True,
    )


@pytest.mark.parametrize("cell_bits", range(7))
@pytest.mark.parametrize("coarse", [False, True])
def test_equals_litert_over_many_calls(cell_bits, coarse):
    net, y = lstm(cell_bits, cell_bits=cell_bits, coarse=coarse)
    assert net.differences(y, calls=20) == 0


@pytest.mark.parametrize("clip", [0.3, 3.0, 100.0])
def test_cells_are_clipped(clip):
    net, y = lstm(7, clip=clip, coarse=True)
    assert net.differences(y, calls=20) == 0


def test_states_of_a_session_are_kept_and_reset():
    net, y = lstm(11, times=1)
    data = net.bytes(y)
    interpreter = reference_interpreter(data)
    feeds = [net.feeds(seed)[0] for seed in range(6)]
    [x], [output] = interpreter.get_input_details(), interpreter.get_output_details()
    expected = []
    for feed in feeds:
        interpreter.set_tensor(x["index"], feed)
        interpreter.invoke()
        expected.append(interpreter.get_tensor(output["index"]))
    with weft.InferenceSession(data) as session:
        for _ in range(2):
            for feed, right in zip(feeds, expected, strict=True):
                assert np.array_equal(
                    session.run(None, {session.get_inputs()[0].name: feed})[0], right
                )
            session.reset_state()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_1": -1, "input_5": -1, "input_12": -1}, "without an input gate"),
        ({"timeMajor": True}, "time in front"),
        ({"fusedActivationFunction": 1}, "activation other than TANH"),
        ({"diagonalRecurrentTensors": True}, "option DiagonalRecurrentTensors"),
        ({"input_18": 1}, "must be a quantised variable"),
        ({"input_6": 3}, "do not fit an input"),
    ],
)
def test_other_forms_are_refused(changes, message):
    net, y = lstm(1, **changes)
    with pytest.raises(ModelError, match=message):
        import_tflite(net.bytes(y), "m", "reference")
