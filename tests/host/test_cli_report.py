"""A report is one page that holds everything and asks for nothing."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import weft.reports.report
from networks.configurations import FEW
from PIL import Image
from weft.cli import main
from weft.models.digits import held_out_inputs
from weft.program.program import DescriptorInfo
from weft.reports.filters import filter_picture
from weft.reports.over_time import HEIGHT, course
from weft.reports.report_page import render
from weft.reports.traffic import traffic
from weft.runtime.device import OpenDevice
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.memory_map import COUNTERS, Region
from weft_sim.testing.functional import FunctionalSimulator

VOID = {"meta", "img"}


class Page(HTMLParser):
    """What a browser would load and show."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.sources, self.text = [], [], [], ""
        self.feed(text.replace("<wbr>", ""))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text = " ".join([*self.text.split(), *data.split(), ""])


@pytest.fixture
def simulated(monkeypatch):
    """Device ``sim`` is the functional simulator; its counters are 0, 1000, 2000 and so on."""

    class Counting(FunctionalSimulator):
        def read(self, region, unit, count):
            if region is Region.COUNTER:
                return b"".join(
                    (1000 * (u // len(COUNTERS))).to_bytes(4, "little")
                    for u in range(unit, unit + count)
                )
            return super().read(region, unit, count)

    monkeypatch.setattr(
        weft.runtime.prepare,
        "open_device",
        lambda name, config, progress=None: OpenDevice(name, config, Counting(config)),
    )


def write(tmp_path, *arguments):
    path = tmp_path / "report.html"
    assert main(["report", *map(str, arguments), "-o", str(path)]) == 0
    assert [each.name for each in tmp_path.glob("report*")] == ["report.html"]
    page = Page(path.read_text("utf-8"))
    assert page.open == [] and not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "url(" not in path.read_text("utf-8") and "@import" not in path.read_text("utf-8")
    return page


def pictures(page):
    for source in page.sources:
        if source == "#shown":  # the input, which the page has once
            continue
        assert source.startswith("data:image/png;base64,")
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
            yield picture.size


def test_a_page_from_the_device(simulated, tmp_path, capsys):
    images, labels = held_out_inputs()
    np.save(tmp_path / "one.npy", images[:1])
    page = write(tmp_path, "digits", "-d", "sim", "-c", "tiny", "-i", tmp_path / "one.npy")
    assert capsys.readouterr().out.startswith(f"wrote {tmp_path / 'report.html'}: ")
    assert "digits_int8 on tiny" in page.text and "91,456" in page.text  # MACs
    layers = weft.compile("digits", config="tiny").layers
    for layer in layers:
        assert layer.name in page.text and layer.operator in page.text
    for words in (
        "cycles predicted",
        "cycles counted",
        "utilisation",
        "4,000",
        "waits for input",
        "weight",
        "activation",
        "waits for output",
        "waits for setup",
        "bytes used",
        "host: image is float32, not int8",
    ):
        assert words in page.text, words
    assert re.search(rf"highest: {labels[0]} ", page.text)
    assert len(list(pictures(page))) >= 5


def test_a_page_from_the_golden_model(tmp_path):
    page = write(tmp_path, "digits")
    assert "digits_int8 on ulx3s-85f" in page.text
    assert "held-out image 0 (a 6)" in page.text
    assert "cycles predicted" in page.text and "cycles counted" not in page.text
    assert re.search(r"ms to compute, at 100 MHz +0\.013 ", page.text)  # 1,339 cycles
    # 64 pixels there and 16 bytes of scores back, 94 bytes of framing: 0.580 ms more at 300 kB/s.
    assert re.search(r"ms end to end, with 174 bytes at 3 Mbaud +0\.593 ", page.text)
    assert len(list(pictures(page))) >= 8


def test_labels_of_classes(tmp_path, capsys):
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"class {n}" for n in range(10)))
    page = write(tmp_path, "digits", "--labels", names)
    assert re.search(r"highest: +6 +class 6", page.text)
    names.write_text("one\ntwo\n")
    assert main(["report", "digits", "--labels", str(names), "-o", str(tmp_path / "b.html")]) == 2
    assert "has 2 labels, but output scores has 10 classes" in capsys.readouterr().err


def test_filters_are_the_weights():
    graph = weft.compile("digits", config="tiny").graph
    node = next(node for node in graph.nodes if node.operator == "CONV_2D")
    weights = graph.tensors[str(node.inputs[1])]
    drawn = filter_picture(graph, node)
    assert drawn is not None and weights.data is not None and weights.quantization is not None
    picture, what = drawn
    assert what == "2x4 filters of 3x3"
    real = weights.data[..., 0] * weights.quantization.scale[:, None, None]
    for number, kernel in enumerate(real):  # eight kernels in two rows of four, a pixel between
        top, left = 1 + number // 4 * 4, 1 + number % 4 * 4
        red = picture[top : top + 3, left : left + 3, 0].astype(int)
        blue = picture[top : top + 3, left : left + 3, 2].astype(int)
        strong = np.abs(kernel) > 0.1 * np.abs(real).max()
        np.testing.assert_array_equal((red > blue)[strong], (kernel > 0)[strong])
    assert tuple(picture.reshape(-1, 3)[picture.reshape(-1, 3).sum(1).argmin()]) == (24, 24, 24)


def test_the_timeline_adds_up(simulated, tmp_path):
    path = tmp_path / "report.html"
    assert main(["report", "digits", "-d", "sim", "-c", "tiny", "-o", str(path)]) == 0
    spans = re.findall(r"from cycle ([\d,]+) to ([\d,]+)", path.read_text("utf-8"))
    spans = [tuple(int(n.replace(",", "")) for n in span) for span in spans]
    assert spans[0] == (0, 1000) and spans[1] == (1000, 3000)  # the fixture's counters
    assert all(before[1] == after[0] for before, after in pairwise(spans))


def test_a_program_is_shown_as_well(tmp_path):
    weft.compile("digits", config="tiny").save(tmp_path / "digits.weft")
    page = write(tmp_path, tmp_path / "digits.weft")
    assert "digits on tiny" in page.text and "cycles predicted" in page.text


def test_a_model_that_does_not_fit(tmp_path, monkeypatch):
    def full(graph, config):
        raise weft.CapacityError("it needs 9 bytes; there are <8>")

    monkeypatch.setattr(weft.reports.report, "compile_graph", full)
    page = write(tmp_path, "digits")
    assert "it needs 9 bytes; there are <8>" in page.text
    assert "cycles predicted" not in page.text and "Memory" not in page.text
    assert main(["report", "digits", "-d", "sim", "-o", str(tmp_path / "b.html")]) == 2
    assert not (tmp_path / "b.html").exists()


def test_names_are_not_markup(tmp_path):
    (tmp_path / "<b>").mkdir()
    np.save(tmp_path / "<b>" / "&.npy", held_out_inputs()[0][:1])
    page = write(tmp_path, "digits", "-i", tmp_path / "<b>" / "&.npy")
    assert "<b>/&.npy" in page.text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["digits"], "Missing option '--output'"),
        (["digits", "-o", "page.pdf"], "page.pdf: a report's name ends in .html"),
        (["digits", "-o", "/dev/null/a.html"], "/dev/null is no directory"),
        (["nothing.onnx", "-o", "a.html"], "there is no model nothing.onnx"),
        (["digits", "-o", "a.html", "-i", "nothing.npy"], "nothing.npy does not exist"),
        (["digits", "-o", "a.html", "-c", "huge"], "no configuration 'huge'"),
    ],
)
def test_bad_usage(arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["report", *arguments]) == 2
    output = capsys.readouterr()
    [line] = output.err.splitlines()
    assert message in line and output.out == "" and list(tmp_path.iterdir()) == []


def test_a_program_that_streams_shows_its_traffic():
    streams = replace(FEW, weight_words=64, dram_bytes=1 << 20)
    about = weft.reports.report.subject("digits", streams, None)
    assert about.program is not None and about.program.streamed
    moved = traffic(about.program)
    page = Page(render(about.report("golden", {"image": held_out_inputs()[0][:1]}, "a six")))
    assert "Traffic with the memory beside the chip" in page.text
    name = max(filter(None, moved), key=lambda each: moved[each].constants)
    layer = moved[name]
    assert layer.constants > 0
    assert f"{name} {layer.constants + layer.loaded + layer.stored:,}" in page.text
    assert f"{layer.constants:,} bytes of constants, {layer.loaded:,} loaded" in page.text
    infos = about.program.descriptors
    cycles = sum(info.predicted_cycles for info in infos)
    for text, work in (
        ("array: multiplying", sum(info.steps for info in infos)),
        ("words of what its pins give", sum(info.words for info in infos)),
    ):
        assert f"{text}, {100 * work / cycles:.1f} % on average" in page.text


def test_a_course_has_the_work_of_its_time():
    """Two layers: all of the pins and no array for 100 cycles, then the other way for 300."""
    infos = [
        DescriptorInfo("a", "CONV", 0, 0, (), predicted_cycles=100, steps=0, words=100),
        DescriptorInfo("", "MOVE", None, 0, ()),
        DescriptorInfo("b", "CONV", 1, 0, (), predicted_cycles=300, steps=300, words=0),
    ]
    about = weft.reports.report.subject("digits", FEW, None)
    assert about.program is not None
    program = replace(about.program, descriptors=tuple(infos))
    array, pins = course(program)
    count = len(array.shares)
    assert count % 4 == 0
    assert array.shares == pytest.approx([0] * (count // 4) + [1] * (3 * count // 4))
    assert pins.shares == pytest.approx([1 - share for share in array.shares])
    assert (array.mean, pins.mean) == (0.75, 0.25)
    assert array.points.split()[:2] == [f"0,{HEIGHT}.0", f"0,{HEIGHT}.0"]
    assert pins.points.split()[1] == "0,0.0"


def test_a_network_that_stays_has_no_course():
    about = weft.reports.report.subject("digits", CONFIGS["ulx3s-85f"], None)
    assert about.program is not None and not about.program.streamed
    assert course(about.program) == course(None) == []
