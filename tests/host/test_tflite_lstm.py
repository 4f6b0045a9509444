"""UNIDIRECTIONAL_SEQUENCE_LSTM of int8 equals LiteRT over many calls; other forms are refused."""

import numpy as np
import pytest
import weft
from weft.errors import ModelError
from weft.importers.tflite.walk import import_tflite

pytest.importorskip("ai_edge_litert")

from networks.litert import reference_interpreter
from networks.tflite_net import Net

CELLS, DEPTH = 12, 10
TANH = 4


def lstm(seed, *, times=5, cell_bits=3, clip=0.0, coarse=False, **changes):
    """Return a network of one such layer and a fully connected one, and its output."""
    rng, net = np.random.default_rng(seed), Net()
    x = net.input((1, times, DEPTH), (0.04, int(rng.integers(-20, 20))))
    scales = rng.uniform(0.004, 0.02, 8) * (10 if coarse else 1)
    weights = [
        net.constant(rng.integers(-127, 128, (CELLS, size)).astype(np.int8), (scale, 0))
        for size, scale in zip(4 * [DEPTH] + 4 * [CELLS], scales, strict=True)
    ]
    biases = [
        net.constant(rng.integers(-3000, 3000, CELLS).astype(np.int32), (scale * 0.04, 0))
        for scale in scales[:4]
    ]
    hidden = (0.0078, int(rng.integers(-9, 9)))
    states = [
        net.tensor((1, CELLS), hidden),
        net.tensor((1, CELLS), (2.0 ** (cell_bits - 15), 0), dtype=np.int16),
    ]
    for state in states:
        net.writer.graph.tensors[state].isVariable = True
    operands = [x, *weights, *3 * [-1], *biases, -1, -1, *states, *4 * [-1]]
    operands = [changes.pop(f"input_{i}", value) for i, value in enumerate(operands)]
    options = {"fusedActivationFunction": TANH, "cellClip": clip, **changes}
    y = net.op(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        operands,
        net.tensor((1, times, CELLS), hidden),
        "UnidirectionalSequenceLSTMOptions",
        **options,
    )
    inside = [net.tensor((0,), (2.0**-12, 0), dtype=np.int16) for _ in range(4)]
    operator = net.writer.graph.operators[-1]
    operator.intermediates = [*inside, net.tensor((0,), hidden)]
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
