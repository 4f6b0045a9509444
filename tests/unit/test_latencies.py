"""The engine's latencies, one by one: each is the time between two of its signals."""

from dataclasses import replace
from itertools import pairwise

import pytest
from graph_builder import Builder
from weft.compiler import compile_graph
from weft_hw.contract import timing
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.descriptor import TABLE_ENTRIES, TABLE_ENTRY_BYTES
from weft_hw.contract.layers import Elementwise, Mac, Table
from weft_hw.contract.memory_map import Region, memory_map
from weft_hw.engine.engine import Engine
from weft_hw.engine.output.output_lanes import OutputLanes
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench as benches
from weft_sim.testing.record import record

FAST = replace(CONFIGS["tiny"], name="fast", activation_words=2048, weight_words=512)
COMPACT = replace(CONFIGS["icebreaker"], name="compact", line_words=64, weight_words=512)
pytestmark = pytest.mark.slow
SIGNALS = (
    *("sequencer.busy", "sequencer.fetched", "sequencer.done"),
    *("sequencer.front_begin", "sequencer.front_done", "sequencer.back_begin"),
    *("fill.read_enable", "fill.filled_rows", "walker.issue", "walker.valid"),
    *("feeder.columns__valid", "feeder.columns__ready", "feeder.step.valid"),
    *("array.o_step.valid", "lanes.result_valid"),
)


class Run:
    """One run of a network, on an engine whose memories but for two are empty: values are 0."""

    def __init__(self, config, graph, signals):
        self.config, program = config, compile_graph(graph, config)
        self.layers = program.decoded
        assert isinstance(self.layers[0], Mac)
        self.first = self.layers[0]
        engine = Engine(config, Portable())
        units = [
            {
                "region": image.region,
                "address": image.unit + at // size,
                "data": int.from_bytes(image.data[at:][:size], "little"),
            }
            for image in program.images
            if image.region in (Region.DESCRIPTOR, Region.WINDOW)
            for size in [memory_map(config)[image.region].unit_bytes]
            for at in range(0, len(image.data), size)
        ]

        async def bench(ctx):
            await benches.send(ctx, engine.write, units)
            await benches.send(ctx, engine.start, [{"first": 0, "count": len(self.layers)}])
            for _ in range(10_000):
                await ctx.tick()
                if not ctx.get(engine.busy):
                    return
            raise AssertionError("the run does not end")

        self.values = record(engine, bench, signals)
        start = self.rises("sequencer.busy")[0]
        self.values = {name: [*values[start - 1 :]] for name, values in self.values.items()}

    def high(self, *names):
        """Cycles in which all of these are not 0."""
        columns = zip(*(self.values[name] for name in names), strict=True)
        return [cycle for cycle, values in enumerate(columns) if all(values)]

    def rises(self, name):
        """Cycles in which it is not 0, but was in the cycle before."""
        pairs = enumerate(pairwise(self.values[name]), 1)
        return [cycle for cycle, (before, now) in pairs if now and not before]

    def spans(self, kind):
        """For each layer of a kind: when it begins to compute, and when it is done."""
        begins, ends = self.high("sequencer.back_begin"), self.high("sequencer.done")
        spans = zip(self.layers, begins, ends, strict=True)
        return [(begin, end) for layer, begin, end in spans if isinstance(layer, kind)]

    def rows(self):
        """For each output row of the first layer: its fetches."""
        issues, height = self.high("walker.issue"), self.first.out_height
        count = self.first.out_width * self.first.window_count
        return [issues[row * count : (row + 1) * count] for row in range(height)]

    def reads(self):
        """First and last read of each input row of the first layer; rows come apart."""
        begin = self.high("sequencer.front_begin")[0]
        high = [c for c in self.high("fill.read_enable") if c > begin]
        firsts = [c for c in high if c - 1 not in high]
        lasts = [c for c in high if c + 1 not in high]
        return list(zip(firsts, lasts, strict=True))[: self.first.fill_rows]


def graph_of(rows, width, channels, out, more):
    """A layer that begins in the padding and outlives the line buffers, and others behind it."""
    b = Builder(1)
    x = b.conv(b.input(rows, width, channels), out, kernel=(1, 1), padding=(1, 0, 0, 0))
    if more:
        x = b.conv(x, out, padding=(1, 1, 1, 1))
        x = b.binary("ADD", x, b.conv(x, out, padding=(1, 1, 1, 1)))
        x = b.binary("ADD", x, b.unary("LOGISTIC", x))
    return b.build(x)


@pytest.fixture(scope="module")
def fast():
    beside = "elementwise.read_enable", "fill.rows_ready", "lanes.valid"
    beside += "lanes.beat.second", "lanes.result_second", "second.read_enable"
    return Run(FAST, graph_of(8, 4, 64, 4, True), (*SIGNALS, *beside))


@pytest.fixture(scope="module")
def compact():
    return Run(COMPACT, graph_of(8, 1, 64, 2, False), SIGNALS)


@pytest.fixture(params=["fast", "compact"])
def run(request):
    return request.getfixturevalue(request.param)


def test_fetch_descriptor(run):
    after = [*run.rises("sequencer.busy"), *run.high("sequencer.front_begin")][: len(run.layers)]
    if run.config.compact:
        after = run.rises("sequencer.busy")
    got = run.rises("sequencer.fetched")
    assert got == [cycle + timing.FETCH_DESCRIPTOR for cycle in after]


def test_next_front(fast):
    """Behind a layer with windows: the next descriptor is there before they end."""
    begins = fast.high("sequencer.front_begin")
    begins = [b for b, layer in zip(begins[1:], fast.layers, strict=False) if type(layer) is Mac]
    done = [max(c for c in fast.rises("sequencer.front_done") if c < begin) for begin in begins]
    assert begins == [cycle + timing.NEXT_FRONT for cycle in done]


def test_next_back(fast):
    begins = fast.high("sequencer.back_begin")[1:]
    assert begins == [c + timing.NEXT_BACK for c in fast.high("sequencer.done")[:-1]]


def test_first_fetch(run):
    first = "walker.valid" if run.config.compact else "walker.issue"
    begin = run.high("sequencer.front_begin")[0]
    assert run.rises(first)[0] - begin == timing.fetch_latency(run.config).first


def test_row_filled(run):
    filled = run.values["fill.filled_rows"]
    counted = [c for c, (a, b) in enumerate(pairwise(filled), 1) if b == a + 1]
    counted = counted[: run.first.fill_rows]
    assert counted == [last + timing.ROW_FILLED for _, last in run.reads()]


def test_column(run):
    latency = timing.fetch_latency(run.config)
    taken = run.high("feeder.columns__valid", "feeder.columns__ready")
    if run.config.compact:
        assert run.rises("walker.valid")[0] + latency.column == taken[0]
    else:
        assert run.high("walker.issue")[0] + latency.column == run.high("feeder.columns__valid")[0]


def test_next_row(run):
    latency, rows = timing.fetch_latency(run.config), run.rows()
    gap = min(after[0] - before[-1] for before, after in pairwise(rows))
    extra = latency.column + latency.entry if run.config.compact else 0
    assert gap == latency.row + extra


def test_next_entry(compact):
    latency = timing.fetch_latency(compact.config)
    gap = min(b - a for row in compact.rows() for a, b in pairwise(row))
    assert gap == 1 + latency.column + latency.entry


def test_place_in_the_queue(fast):
    issued = fast.high("walker.issue")
    taken = fast.high("feeder.columns__valid", "feeder.columns__ready")
    assert len(issued) == len(taken)
    waits = [later - left for later, left in zip(issued[timing.TAP_QUEUE :], taken, strict=False)]
    assert min(waits) == timing.TAP_PLACE


def test_low_row(run):
    latency, rows, reads = timing.fetch_latency(run.config), run.rows(), run.reads()
    held = run.config.line_banks * (run.config.line_words >> run.first.row_bits)
    assert held < len(reads)
    # Row n of the output needs row n - 1 of the input, whose place row n - 1 + held takes.
    freed = [rows[number - held + 1][-1] + latency.entry for number in range(held, len(reads))]
    waits = [first - last for (first, _), last in zip(reads[held:], freed, strict=True)]
    assert min(waits) == latency.low_row


def test_collect(fast):
    for _, end in fast.spans(Mac):
        last = max(c for c in fast.high("feeder.step.valid") if c < end)
        beats = {c for c in fast.high("lanes.valid") if last < c < end}
        beats = sorted(beats - {*fast.high("lanes.beat.second")})[-FAST.beats :]
        assert beats[0] - last == timing.array_latency(FAST) + timing.COLLECT


def test_array(run):
    steps = run.high("feeder.step.valid")
    latency = timing.array_latency(run.config)
    assert run.high("array.o_step.valid") == [step + latency for step in steps]


def test_output_lanes(fast):
    assert timing.OUTPUT_LATENCY == OutputLanes.LATENCY
    beats = fast.high("lanes.valid")
    assert fast.high("lanes.result_valid") == [c + timing.OUTPUT_LATENCY for c in beats]


def test_store(fast):
    for _, end in fast.spans((Mac, Elementwise)):
        assert end - max(c for c in fast.high("lanes.result_valid") if c < end) == timing.STORE


def test_second_pass(fast):
    """Of the third layer, which adds its results to those of the second."""
    begin, end = fast.spans(Mac)[2]
    firsts = {c for c in fast.high("lanes.result_valid") if begin < c < end}
    firsts = sorted(firsts - {*fast.high("lanes.result_second")})
    reads = [c for c in fast.high("second.read_enable") if begin < c < end]
    assert reads == [c + timing.SECOND_READ for c in firsts]
    assert fast.high("lanes.beat.second")[-1] == firsts[-1] + timing.SECOND_PASS


def test_row_written(fast):
    """The second layer waits for the last row of the first, when it has begun itself."""
    _, end = fast.spans(Mac)[0]
    ready = fast.values["fill.rows_ready"]
    height = fast.first.out_height
    last = max(c for c in fast.high("lanes.result_valid") if c < end)
    assert ready[last + timing.ROW_WRITTEN] == height
    assert ready[last + timing.ROW_WRITTEN - 1] == height - 1


def test_compact_drain(compact):
    [(_, end)] = compact.spans(Mac)
    last = compact.high("feeder.step.valid")[-1]
    beats = compact.first.last_beats * timing.LANE_CYCLES
    assert end - last == timing.array_latency(COMPACT) + timing.COMPACT_DRAIN + beats


def test_table_end(fast):
    reads = TABLE_ENTRIES * max(1, TABLE_ENTRY_BYTES // FAST.columns)
    assert [end - begin for begin, end in fast.spans(Table)] == [reads + timing.TABLE_END] * 3


def test_operands(fast):
    spans, layers = (
        fast.spans(Elementwise),
        [x for x in fast.layers if isinstance(x, Elementwise)],
    )
    for (begin, end), layer in zip(spans, layers, strict=True):
        reads = [c for c in fast.high("elementwise.read_enable") if begin <= c <= end]
        beats = [c for c in fast.high("lanes.valid") if begin <= c <= end]
        assert beats[0] - reads[0 if layer.unary else 1] == timing.OPERANDS
