"""Programs that several tests take apart, and how what is wrong with a file is said."""

import pytest
from program_files.samples import members_of, samples
from weft.errors import ModelError
from weft.program import Program
from weft.program.archive import pack_members


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
