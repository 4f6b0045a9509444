"""Program files from strangers: whatever they hold is refused in one sentence, or runs."""

import io
import os
import subprocess
import sys
import zipfile
from dataclasses import fields, replace

import msgspec
import pytest
import weft
from msgspec import inspect
from weft.cli import main
from weft.errors import DeviceMismatch, ModelError
from weft.program import Program
from weft.program.archive import pack_members
from weft.program.record import ProgramRecord
from weft.runtime.device import OpenDevice
from weft_hw.contract.config import CONFIGS, Config, ConfigError
from weft_sim.testing.functional import FunctionalSimulator


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
        weft.InferenceSession(
            program, device=OpenDevice("simulator", alone, FunctionalSimulator(alone))
        )
