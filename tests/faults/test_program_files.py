"""Program files from strangers: whatever they hold is refused in one sentence, or runs."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest
import weft
from msgspec import inspect, structs
from program_files.mutate import change_descriptor
from program_files.samples import members_of, samples
from weft.cli import main
from weft.cli.feeds import random_feed
from weft.compiler.streaming.ring import AHEAD
from weft.errors import DeviceMismatch, ModelError
from weft.npy import npy_bytes
from weft.program import RING_CHUNKS, Program, RunStep
from weft.program.archive import pack_members
from weft.program.follow import follow
from weft.program.record import ProgramRecord
from weft.runtime.device import OpenDevice
from weft.runtime.devices import open_device
from weft_hw.contract.config import CONFIGS, Config, ConfigError
from weft_hw.contract.descriptor import (
    DESCRIPTOR_BYTES,
    Kind,
    decode_descriptor,
    encode_descriptor,
)
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import Move, decode_move, encode_move
from weft_sim.testing.machine import Machine


@pytest.fixture(scope="module")
def programs():
    return samples()


@pytest.fixture(scope="module")
def members(programs):
    return {name: members_of(program) for name, program in programs.items()}


@pytest.fixture
def refusal(tmp_path):
    def refusal(data):
        path = tmp_path / "x.weft"
        path.write_bytes(data if isinstance(data, bytes) else pack_members(data))
        with pytest.raises(ModelError) as caught:
            Program.load(path)
        text = str(caught.value)
        assert text.startswith(f"cannot load {path}: ") and "\n" not in text
        return text.removeprefix(f"cannot load {path}: ")

    return refusal


def changed(members, change):
    """Return ``members`` after ``change`` to what ``program.json`` says."""
    body = json.loads(members["program.json"])
    change(body)
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return {**members, "program.json": text.encode()}


def test_changed_files_are_refused_or_run():
    """Some of the long run that docs/verification.md describes."""
    result = subprocess.run(
        [sys.executable, "-m", "program_files.fuzz", "300", "0"],
        env={"PYTHONPATH": ":".join(p for p in sys.path if p), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "loaded and ran on both" in result.stdout and "refused: " in result.stdout


def rules(kind, path=""):
    """Yield what has no bounds: (path, type)."""
    match kind:
        case inspect.IntType():
            if kind.ge is None or (kind.le is None and kind.lt is None):
                yield path, kind
        case inspect.StrType():
            if kind.max_length is None and kind.pattern is None:
                yield path, kind
        case inspect.DataclassType(cls=cls) if cls is Config:
            return  # see the next test
        case inspect.StructType() | inspect.DataclassType():
            if isinstance(kind, inspect.StructType) and kind.cls.__module__.endswith("record"):
                assert kind.forbid_unknown_fields
            for field in kind.fields:
                yield from rules(field.type, f"{path}.{field.name}")
        case inspect.VarTupleType():
            yield from rules(kind.item_type, f"{path}[]")
        case inspect.TupleType():
            for item in kind.item_types:
                yield from rules(item, f"{path}[]")
        case inspect.DictType():
            yield from rules(kind.key_type, f"{path} key")
            yield from rules(kind.value_type, f"{path} value")
        case inspect.UnionType():
            for one in kind.types:
                yield from rules(one, path)
        case inspect.Metadata():
            yield from rules(kind.type, path)
        case (
            inspect.BoolType()
            | inspect.FloatType()
            | inspect.LiteralType()
            | inspect.EnumType()
            | inspect.NoneType()
        ):
            return
        case _:
            yield path, kind


def test_every_field_of_a_file_has_a_rule():
    assert list(rules(inspect.type_info(ProgramRecord))) == []


def test_a_field_without_a_rule_is_found():
    class Loose(msgspec.Struct):
        count: int
        name: str
        other: object

    assert len(list(rules(inspect.type_info(Loose)))) == 3


@pytest.mark.parametrize("field", [f.name for f in fields(Config) if f.type is int])
@pytest.mark.parametrize("value", [-1, 1 << 40])
def test_every_number_of_a_configuration_has_bounds(field, value):
    with pytest.raises(ConfigError, match=rf"^Config\.{field} "):
        replace(CONFIGS["tiny"], **{field: value})


def test_what_is_saved_is_what_is_loaded(programs, tmp_path):
    for name, program in programs.items():
        program.save(tmp_path / "a.weft")
        loaded = Program.load(tmp_path / "a.weft")
        loaded.save(tmp_path / "b.weft")
        assert (tmp_path / "a.weft").read_bytes() == (tmp_path / "b.weft").read_bytes(), name
        assert loaded.decoded == program.decoded


def test_a_file_takes_no_more_memory_than_its_size(members, refusal):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(1 << 24))
    assert "a member is compressed" in refusal(stream.getvalue())
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(40_000):
            archive.writestr(f"{number:060}", b"")
    assert "too many members" in refusal(many.getvalue())
    assert "member 'more'" in refusal({**members["digits"], "more": b""})
    # The end of the archive says 64 bits.
    data = pack_members(members["digits"])
    assert refusal(data[:-22] + b"PK\6\7" + bytes(16) + data[-22:])


def test_a_member_that_is_read_twice_is_refused(members, refusal):
    """Records of the directory that name the same bytes over and over."""
    data = pack_members(members["digits"])
    start = int.from_bytes(data[-6:-2], "little")
    record = data[start:-22]
    size = 46 + int.from_bytes(record[28:30], "little")
    more = record + record[:size].replace(b"manifest", b"manifes2") * 3000
    end = bytearray(data[-22:])
    end[12:16] = len(more).to_bytes(4, "little")
    assert "damaged" in refusal(data[:start] + more + bytes(end))


CASES = {
    "a foreign contract": (
        "digits",
        lambda b: b.update(fingerprint="0123456789abcdef"),
        "compiled for contract 0123456789abcdef",
    ),
    "a configuration that cannot be": (
        "digits",
        lambda b: b["config"].update(columns=3),
        "Config.columns must be a power of two",
    ),
    "a configuration of other memories": (
        "digits",
        lambda b: b["config"].update(activation_words=4096),
        "compiled for contract",
    ),
    "a shape that exhausts memory": (
        "digits",
        lambda b: b["graph"]["tensors"][0].update(shape=[1 << 28] * 8),
        "",
    ),
    "a unit beyond the end": (
        "digits",
        lambda b: b["images"][0].update(unit=1 << 20),
        "does not fit",
    ),
    "a memory that is not there": (
        "digits",
        lambda b: b["images"][0].update(region=int(Region.DRAM)),
        "has no memory DRAM",
    ),
    "slices that overlap": (
        "streamed",
        lambda b: b["images"][1].update(unit=b["images"][0]["unit"]),
        "two images lie at unit",
    ),
    "a step that does not exist": ("digits", lambda b: b["steps"][0].update(type="Run"), "Run"),
    "a node that does not exist": (
        "digits",
        lambda b: b["steps"][0].update(nodes=[99]),
        "there is no node 99",
    ),
    "a run beyond the descriptors": (
        "digits",
        lambda b: run_of(b).update(count=8),
        "runs have 8 of 7 descriptors",
    ),
    "a tensor that nobody wrote": (
        "digits",
        lambda b: run_of(b).update(loads=[]),
        "which nothing wrote",
    ),
    "a place for nothing": (
        "digits",
        lambda b: b["places"].update(more=next(iter(b["places"].values()))),
        "there is no tensor 'more'",
    ),
    "a layout of other words": (
        "digits",
        lambda b: next(iter(b["places"].values()))["layout"].update(columns=8),
        "pixels of a layout lie across",
    ),
    "a layout of other values": (
        "digits",
        lambda b: next(iter(b["places"].values()))["layout"].update(height=5),
        "does not fit a tensor",
    ),
    "a rounding that does not exist": (
        "digits",
        lambda b: b["graph"].update(rounding="down"),
        "Invalid enum value 'down'",
    ),
    "an operator that does not exist": (
        "digits",
        lambda b: b["graph"]["nodes"][2].update(operator="COS"),
        "operators or tensors that it does not have",
    ),
    "an attribute of another operator": (
        "digits",
        lambda b: b["graph"]["nodes"][2]["attributes"].update(alpha=0.5),
        "",
    ),
    "a stride of text": (
        "digits",
        lambda b: b["graph"]["nodes"][2]["attributes"].update(stride=["1", "1"]),
        "Expected `int`, got `str`",
    ),
    "a state that is resident nowhere": (
        "states on the board",
        lambda b: b.update(resident=["more"]),
        "state 'more' cannot be resident",
    ),
    "a cut where images meet": (
        "digits",
        lambda b: b["stream"].update(cut=6),
        "images that overlap meet in tensor",
    ),
    "a cut of nothing": (
        "digits",
        lambda b: b["stream"].update(cut=7),
        "do not go with a run cut at 7",
    ),
    "a number that is none": ("digits", lambda b: run_of(b).update(first=0.0), "got `float`"),
    "truth for a number": ("digits", lambda b: run_of(b).update(count=True), "got `bool`"),
    "a field that is unknown": ("digits", lambda b: b["config"].update(more=1), "unknown"),
}


def run_of(body):
    return next(step for step in body["steps"] if step["type"] == "RunStep")


@pytest.mark.parametrize("case", CASES)
def test_contents_that_cannot_be(members, refusal, case):
    name, change, text = CASES[case]
    assert text in refusal(changed(members[name], change))


def test_a_field_that_comes_twice_is_refused(members, refusal):
    text = members["digits"]["program.json"].replace(b'{"graph":', b'{"streamed":false,"graph":')
    assert "twice" in refusal({**members["digits"], "program.json": text})


def test_a_constant_must_be_what_the_graph_says(members, refusal):
    name = next(name for name in members["digits"] if name.startswith("tensors/"))
    array = npy_bytes(np.zeros((1, 2), np.int8))
    assert "constant" in refusal({**members["digits"], name: array})
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], object), allow_pickle=True)
    assert "not numbers" in refusal({**members["digits"], name: pickled.getvalue()})


def test_the_command_says_it_in_one_sentence(members, tmp_path, capsys):
    path = tmp_path / "x.weft"
    path.write_bytes(pack_members({**members["digits"], "images/0": b"\1\2\3"}))
    assert main(["run", str(path)]) == 2
    text = capsys.readouterr().err
    assert "cannot load" in text and "Traceback" not in text


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"it is no file$"):
        Program.load("/dev/null")
    os.mkfifo(tmp_path / "x.weft")
    for path in (tmp_path, tmp_path / "x.weft"):
        with pytest.raises(ModelError, match=r"it is no file$"):
            Program.load(path)


def descriptors(program) -> Iterator[tuple[int, int, bytes]]:
    """Yield (image, byte, descriptor) of each descriptor that runs."""
    seen = []
    for number, image in enumerate(program.images):
        if image.region in (Region.DESCRIPTOR, Region.DRAM):
            for at in range(0, len(image.data) - DESCRIPTOR_BYTES + 1, DESCRIPTOR_BYTES):
                seen.append((number, at, image.data[at : at + DESCRIPTOR_BYTES]))
    yield from seen


def with_bytes(program, number, at, data):
    image = program.images[number]
    patched = replace(image, data=image.data[:at] + data + image.data[at + len(data) :])
    images = (*program.images[:number], patched, *program.images[number + 1 :])
    return replace(program, images=images)


def test_a_wait_that_is_left_out_is_seen(programs):
    """One less than what the compiler had a descriptor wait for leaves something unordered."""
    program, refused, tried = programs["streamed"], 0, 0
    for number, at, data in descriptors(program):
        if program.images[number].region is not Region.DESCRIPTOR:
            continue
        is_move = data[0] & 3 == 3
        values = decode_move(data) if is_move else decode_descriptor(data)
        name = "layers" if is_move else "moves"
        if not values[name]:
            continue
        encode = encode_move if is_move else encode_descriptor
        less = with_bytes(program, number, at, encode({**values, name: values[name] - 1}))
        tried += 1
        try:
            follow(less)
        except ModelError as error:
            assert "must wait for" in str(error)
            refused += 1
    assert tried > 5 and refused == tried


def test_counters_that_are_saved_too_early_are_seen(programs):
    """A ring saves the counters of layers that are done, before others take their slots."""
    program, saves = programs["streamed in a ring"], 0
    [counters] = [step.counters for step in program.steps if isinstance(step, RunStep)]
    assert counters is not None
    size = len(program.descriptors) * DESCRIPTOR_BYTES
    for number, at, data in descriptors(program):
        if len(program.images[number].data) != size or data[0] & 3 != Kind.MOVE:
            continue
        values = decode_move(data)
        if values["region"] != Region.COUNTER or values["block"] < counters:
            continue
        early = encode_move({**values, "layers": values["layers"] - 1})
        with pytest.raises(ModelError, match="saves counters and must wait for layer"):
            follow(with_bytes(program, number, at, early))
        saves += 1
    assert saves == len(program.descriptors) // (program.config.descriptor_count // RING_CHUNKS) - 2


def test_images_that_overlap_have_buffers_of_their_own(programs):
    program = programs["branches"]
    number, _, _ = next(descriptors(program))
    data = program.images[number].data
    twice = with_bytes(program, number, len(data) // 2, data[: len(data) // 2])
    first, second = program.stream.sets
    bases = {name: program.places[name].base for name in second.bases}
    stream = replace(program.stream, sets=(first, replace(second, bases=bases)))
    with pytest.raises(ModelError, match="images that overlap meet in tensor 't0'"):
        follow(replace(twice, stream=stream))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"groups": 0}, "groups must be at least 1"),
        ({"out_height": 0}, "out_height must be at least 1"),
        ({"last_beats": 0}, "last_beats must be"),
        ({"row_bits": 12}, "do not fit the line buffers"),
        ({"in_base": 511, "fill_rows": 9}, "touches ACTIVATION"),
        ({"out_base": 1023}, "touches ACTIVATION"),
        ({"weight_base": 2047, "groups": 3}, "touches"),
        ({"window_base": 127, "window_count": 2}, "no window program"),
        ({"wait": 1}, "waits for rows that the layer before does not write"),
        ({"wait": 3}, "there is no wait 3"),
        ({"rounding": 3}, "there is no rounding 3"),
        ({"moves": 1}, "waits for move 1, which comes after it"),
        ({"kind": 3}, ""),
    ],
)
def test_descriptors_that_would_stop_a_board(programs, change, text):
    program = programs["digits"]
    number, at, data = next(
        entry for entry in descriptors(program) if decode_descriptor(entry[2])["kind"] == 0
    )
    data = encode_descriptor({**decode_descriptor(data), **change})
    with pytest.raises(ModelError, match=f"^descriptor 0: .*{text}"):
        follow(with_bytes(program, number, at, data))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"block": (1 << 24) - 1}, "touches DRAM"),
        ({"unit": (1 << 20) - 1}, "touches"),
        ({"region": 7}, "no memory 7"),
        ({"region": 6}, "no memory 6"),
        ({"store": 1}, "no such move|overwrites a constant"),
        ({"count": 0}, "must have units"),
        ({"rows": 2, "unit_step": 0, "block_step": 1}, "rows of a move overlap"),
        ({"layers": 9}, "waits for layer 9, which comes after it"),
    ],
)
def test_moves_that_would_stop_a_board(programs, change, text):
    program = programs["streamed"]
    number, at, data = next(
        (number, at, data)
        for number, at, data in descriptors(program)
        if program.images[number].region is Region.DESCRIPTOR
        and data[0] & 3 == 3
        and decode_move(data)["region"] == Region.WEIGHT
    )
    data = encode_move({**decode_move(data), **change})
    with pytest.raises(ModelError, match=text):
        follow(with_bytes(program, number, at, data))


def test_descriptors_of_a_ring_come_before_they_run(programs):
    """A load of descriptors that no layer waits for before its chunk begins is seen."""
    program, errors = programs["streamed in a ring"], []
    listed, moves = follow(program), 0
    chunk = program.config.descriptor_count // RING_CHUNKS
    for place, item in enumerate(listed):
        moves += isinstance(item, Move)
        begin = (place // chunk + AHEAD) * chunk
        if not isinstance(item, Move) or item.region is not Region.DESCRIPTOR:
            continue
        if begin < len(listed):  # what comes behind is the begin of the next run
            hasty = replace_waits(program, listed, range(place, begin), moves - 1)
            with pytest.raises(ModelError) as error:
                follow(hasty)
            errors.append(str(error.value))
    assert len(errors) > 10
    assert any("fetched before the move that loads it" in error for error in errors)
    assert all("fetched before" in error or "must wait for" in error for error in errors)


def replace_waits(program, listed, places, most):
    """Let layers at ``places`` of the list wait for the first ``most`` moves at most."""
    begin = next(image for image in program.images if image.region is Region.DESCRIPTOR)
    for number, image in enumerate(program.images):
        if image is begin or image.data.startswith(begin.data):  # the ring, and all that goes in
            for place in places:
                at = place * DESCRIPTOR_BYTES
                item = listed[place]
                if not isinstance(item, Move) and item.moves > most and at < len(image.data):
                    data = structs.replace(item, moves=most).encode()
                    program = with_bytes(program, number, at, data)
    return program


def test_a_refused_file_leaves_the_session_untouched(members, tmp_path):
    path = tmp_path / "x.weft"
    path.write_bytes(pack_members({**members["digits"], "images/0": b""}))
    for device in ("golden", "sim"):
        with pytest.raises(ModelError, match="cannot load"):
            weft.InferenceSession(path, device=device)


def test_a_board_without_the_memory_that_a_program_streams_from(programs):
    program = programs["streamed"]
    alone = replace(program.config, dram_bytes=0)
    with pytest.raises(
        DeviceMismatch, match=r"^the program streams .* which this streams has not$"
    ):
        weft.InferenceSession(program, device=OpenDevice("machine", alone, Machine(alone)))


@pytest.mark.tools
def test_descriptors_that_load_never_stop_the_gateware(members, tmp_path):
    """Changed descriptors, as long as they load, run to an end; the board is right afterwards."""
    path, base, ran = tmp_path / "x.weft", members["digits"], 0
    path.write_bytes(pack_members(base))
    program = Program.load(path)
    feed = random_feed(program.graph, 1)
    [expected] = weft.InferenceSession(program).run(None, feed)
    board = open_device("sim", program.config)
    for seed in range(60):
        changed_members = dict(base)
        change_descriptor(changed_members, np.random.default_rng(seed))
        path.write_bytes(pack_members(changed_members))
        try:
            other = Program.load(path)
        except ModelError:
            continue
        weft.InferenceSession(other, device=board).run(None, feed)
        ran += 1
    assert ran > 20
    with weft.InferenceSession(program, device=board) as session:
        np.testing.assert_array_equal(session.run(None, feed)[0], expected)
