"""Networks that keep a state between calls: against LiteRT, and on a device that is shared."""

import numpy as np
import pytest
import weft
from weft.compiler import compile_graph
from weft.errors import LinkError, ModelError
from weft.golden import run as reference
from weft.importers.tflite.walk import import_tflite
from weft.program import Program, RunStep
from weft.runtime.device import OpenDevice
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.testing.functional import FunctionalSimulator

pytest.importorskip("ai_edge_litert")

from networks.litert import reference_interpreter
from networks.streaming import streaming_network, svdf_network

CONFIG = get_config("ulx3s-85f")
CALLS = 100


class LabelledSimulator(FunctionalSimulator):
    """The functional simulator, with what a link's session tells of a board."""

    def __init__(self):
        super().__init__(CONFIG)
        self.session, self.value, self.breaks = 1, 0, False

    def read(self, region, unit, count):
        if region is Region.COUNTER:
            return bytes(4 * count)
        return super().read(region, unit, count)

    def run(self, first, count):
        super().run(first, count)
        if self.breaks:
            raise LinkError("the link broke")

    def label(self):
        return self.value

    def set_label(self, value):
        self.value = value


def device():
    simulator = LabelledSimulator()
    return simulator, OpenDevice("simulator", CONFIG, simulator, marks=simulator)


@pytest.mark.parametrize("seed", range(4))
def test_variables_equal_litert_over_many_calls(seed):
    net, y = streaming_network(seed)
    assert net.differences(y, calls=CALLS) == 0


@pytest.mark.parametrize("rank", [1, 2])
def test_svdf_equals_litert_over_many_calls(rank):
    net, y = svdf_network(rank, rank)
    assert net.differences(y, calls=CALLS) == 0


def network(seed=0):
    net, y = streaming_network(seed)
    data = net.bytes(y)
    return data, import_tflite(data, "stream", "reference")


def litert(data, images):
    """What LiteRT gives in a row of calls from the first on."""
    interpreter = reference_interpreter(data)
    found = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return found


def images(graph, count, seed=3):
    shape = graph.tensors[graph.inputs[0]].shape
    rng = np.random.default_rng(seed)
    return [rng.integers(-128, 128, shape).astype(np.int8) for _ in range(count)]


def scores(session, image):
    return session.run(None, {session.get_inputs()[0].name: image})[0]


def test_states_stay_on_the_board():
    data, graph = network()
    program = compile_graph(graph, CONFIG)
    assert set(program.resident) == {state.name for state in graph.states}
    [run] = [step for step in program.steps if isinstance(step, RunStep)]
    assert run.loads == graph.inputs and run.reads == graph.outputs
    feeds = images(graph, CALLS)
    session = weft.InferenceSession(program, device=device()[1], check=True)
    assert all(map(np.array_equal, (scores(session, x) for x in feeds), litert(data, feeds)))
    assert not any(row.mismatches for row in session.profile.layers)


def test_states_that_the_host_needs_stay_there():
    """SVDF runs on the host, and so does its state; other layers run on the board."""
    net, y = svdf_network(5)
    data = net.bytes(y)
    graph = import_tflite(data, "svdf", "reference")
    program = compile_graph(graph, CONFIG)
    assert program.resident == ()
    feeds = images(graph, 20)
    session = weft.InferenceSession(program, device=device()[1], check=True)
    assert all(map(np.array_equal, (scores(session, x) for x in feeds), litert(data, feeds)))


@pytest.mark.parametrize("where", ["golden", "board"])
def test_reset_and_batches(where):
    data, graph = network(1)
    feeds = images(graph, 8)
    expected = litert(data, feeds)
    target = "golden" if where == "golden" else device()[1]
    session = weft.InferenceSession(graph, device=target, config=CONFIG.name)
    for _ in range(2):
        # A batch is a row of calls.
        assert np.array_equal(
            scores(session, np.concatenate(feeds[:3])), np.concatenate(expected[:3])
        )
        streamed = list(session.stream(feeds[3:]))
        assert all(map(np.array_equal, streamed, expected[3:]))
        session.reset_state()


def test_a_program_file_keeps_the_states(tmp_path):
    data, graph = network(2)
    compile_graph(graph, CONFIG).save(tmp_path / "stream.weft")
    program = Program.load(tmp_path / "stream.weft")
    feeds = images(graph, 5)
    session = weft.InferenceSession(program, device=device()[1])
    assert all(map(np.array_equal, (scores(session, x) for x in feeds), litert(data, feeds)))


def test_sessions_that_take_turns_keep_their_states():
    (data, graph), (other_data, other) = network(3), network(4)
    board = device()[1]
    first = weft.InferenceSession(compile_graph(graph, CONFIG), device=board)
    second = weft.InferenceSession(compile_graph(other, CONFIG), device=board)
    feeds = images(graph, 6)
    expected = litert(data, feeds), litert(other_data, feeds)
    for index, image in enumerate(feeds):
        assert np.array_equal(scores(first, image), expected[0][index])
        assert np.array_equal(scores(second, image), expected[1][index])


@pytest.mark.parametrize("during", ["a call", "a pause"])
def test_a_state_lost_with_the_link_is_an_error(during):
    data, graph = network(5)
    simulator, board = device()
    session = weft.InferenceSession(compile_graph(graph, CONFIG), device=board)
    feeds = images(graph, 3)
    scores(session, feeds[0])
    if during == "a call":
        simulator.breaks = True
        with pytest.raises(LinkError, match="the link broke"):
            scores(session, feeds[1])
        simulator.breaks = False
    else:
        simulator.session += 1
    for _ in range(2):
        with pytest.raises(LinkError, match="the state of the network was lost"):
            scores(session, feeds[1])
    session.reset_state()
    assert np.array_equal(scores(session, feeds[0]), litert(data, feeds[:1])[0])


def test_a_variable_without_a_value_is_refused():
    net, y = streaming_network(6)
    net.writer.model.subgraphs[1].operators = []
    with pytest.raises(ModelError, match="variable state 0 is read before it has a value"):
        import_tflite(net.bytes(y), "m", "reference")


def test_golden_runs_begin_with_the_first_values():
    data, graph = network(7)
    image = images(graph, 1)[0]
    for _ in range(2):
        values = reference.run(graph, {graph.inputs[0]: image})
        assert np.array_equal(values[graph.outputs[0]], litert(data, [image])[0])
