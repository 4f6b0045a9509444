"""Descriptors of a program file that would stop a board, or let it read what is not there yet."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import weft
from msgspec import structs
from program_files.mutate import change_descriptor
from weft.cli.feeds import random_feed
from weft.compiler.streaming.ring import AHEAD
from weft.errors import ModelError
from weft.program import RING_CHUNKS, Program, RunStep
from weft.program.archive import pack_members
from weft.program.follow import follow
from weft.runtime.devices import open_device
from weft_hw.contract.descriptor import DESCRIPTOR_BYTES, Kind, decode_descriptor, encode_descriptor
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import Move, decode_move, encode_move


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
        ({"other_base": 4095}, "touches ACTIVATION"),
        ({"sum_parameter": 1023}, "touches PARAMETER"),
    ],
)
def test_sums_that_would_stop_a_board(programs, change, text):
    """What a layer adds, and the parameters of the sum, are within their memories."""
    program = programs["branches"]
    number, at, data = next(
        entry
        for entry in descriptors(program)
        if (values := decode_descriptor(entry[2]))["kind"] == Kind.MAC and values["adds"]
    )
    data = encode_descriptor(decode_descriptor(data) | change)
    with pytest.raises(ModelError, match=f"^descriptor [0-9]+: .*{text}"):
        follow(with_bytes(program, number, at, data))


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
        ({"adds": 1}, "it reads TABLE 0, which nothing wrote"),
        ({"adds": 1, "use_table": 1}, "adds cannot pass its results through the table"),
        ({"sum_rounding": 3}, "there is no sum_rounding 3"),
        ({"kind": 3}, ""),
    ],
)
def test_descriptors_that_would_stop_a_board(programs, change, text):
    program = programs["digits"]
    number, at, data = next(
        entry for entry in descriptors(program) if decode_descriptor(entry[2])["kind"] == 0
    )
    values = decode_descriptor(data)
    values["other_base"] = values["in_base"]  # what is there may be added
    data = encode_descriptor(values | change)
    with pytest.raises(ModelError, match=f"^descriptor 0: .*{text}"):
        follow(with_bytes(program, number, at, data))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"block": (1 << 24) - 1}, "touches DRAM"),
        ({"unit": (1 << 20) - 1}, "touches"),
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
