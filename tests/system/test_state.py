"""A network that keeps a state, on the simulated board: a hundred calls against LiteRT."""

import numpy as np
import pytest
import weft

pytest.importorskip("ai_edge_litert")

from networks.litert import reference_interpreter
from networks.streaming import streaming_network

pytestmark = pytest.mark.tools
CALLS = 100


def test_calls_on_the_simulated_board(tmp_path):
    net, y = streaming_network(11)
    path = tmp_path / "streaming.tflite"
    path.write_bytes(net.bytes(y))
    interpreter = reference_interpreter(str(path))
    rng = np.random.default_rng(12)
    with weft.InferenceSession(path, device="sim") as session:
        name = session.get_inputs()[0].name
        for call in range(CALLS):
            x = rng.integers(-128, 128, (1, 2, 1, 5)).astype(np.int8)
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
            interpreter.invoke()
            expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
            assert np.array_equal(session.run(None, {name: x})[0], expected), call
        assert session.program is not None and len(session.program.resident) == 3
