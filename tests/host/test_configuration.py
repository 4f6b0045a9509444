"""Configurations from TOML files: what is read, and one sentence for what is wrong."""

import re
from dataclasses import fields

import pytest
import weft
from weft.cli import main
from weft.configuration import get_config, read_config
from weft.errors import ConfigError
from weft_hw.contract.config import CONFIGS, Config

SMALL = """
base = "tiny"
columns = 8
lanes = 4
paired = true
"""


def write(folder, text, name="small.toml"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_names_fields_and_a_base(tmp_path):
    config = get_config(str(write(tmp_path, SMALL)))
    assert (config.name, config.columns, config.lanes, config.paired) == ("small", 8, 4, True)
    # The rest is that of `tiny`, a table row in docs and tests alike.
    assert (config.tap_rows, config.tap_columns, config.activation_words) == (1, 3, 512)
    assert read_config(write(tmp_path, 'name = "own"')) == Config(name="own")


@pytest.mark.parametrize("name", CONFIGS)
def test_what_show_prints_is_the_same_configuration(name, tmp_path, capsys):
    assert main(["config", "show", name]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) == len(fields(Config))
    assert get_config(write(tmp_path, text)) == CONFIGS[name] == get_config(CONFIGS[name])


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("columns =", r"is not TOML: Invalid value .*"),
        ("colums = 8", r"a configuration has no field 'colums'; did you mean columns\?"),
        ("xyz = 8", r"a configuration has no field 'xyz'; there are name, tap_rows, .*"),
        ("columns = '8'", r"columns must be a whole number, not '8'"),
        ("columns = 8.0", r"columns must be a whole number, not 8\.0"),
        ("columns = true", r"columns must be a whole number, not True"),
        ("columns = [8]", r"columns must be a whole number, not \[8\]"),
        ("paired = 1", r"paired must be true or false, not 1"),
        ("name = 7", r"name must be a text, not 7"),
        ("columns = 3", r"Config\.columns must be a power of two from 2 to 16, not 3"),
        ("base = 'huge'", r"base must be one of ulx3s-85f, .*, not 'huge'"),
        ("name = 'tiny'", r"the name tiny belongs to another configuration"),
        ("[array]\ncolumns = 8", r"a configuration has no field 'array'; .*"),
    ],
)
def test_a_wrong_file_gets_one_sentence(text, sentence, tmp_path):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        get_config(path)
    assert re.fullmatch(f"{re.escape(str(path))}:? {sentence}", str(raised.value), re.DOTALL)


def test_a_missing_file_or_name(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*none\.toml: No such file"):
        get_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"no configuration 'huge'; choose .* a \.toml file$"):
        get_config("huge")


def test_a_file_goes_wherever_a_name_does(tmp_path, capsys):
    path = str(write(tmp_path, SMALL))
    program = weft.compile("digits", config=path)
    assert program.config == get_config(path)
    program.save(tmp_path / "digits.weft")
    # A program carries its configuration: nobody needs the file any more.
    assert weft.compile("digits", config=program.config).fingerprint == program.fingerprint
    assert main(["explain", "digits", "-c", path]) == 0
    assert "digits_int8 on small" in capsys.readouterr().out
    assert main(["run", str(tmp_path / "digits.weft"), "-c", path]) == 0
    assert main(["run", str(tmp_path / "digits.weft"), "-c", "tiny"]) == 2
    assert "the program was compiled for small, not tiny" in capsys.readouterr().err


def test_check_prints_what_follows_from_the_fields(tmp_path, capsys):
    assert main(["config", "check", str(write(tmp_path, SMALL))]) == 0
    # By hand: 1 x 3 taps, 8 columns; 512 words of 8 bytes; 2,048 words of 3 x 8 weights.
    assert capsys.readouterr().out.splitlines()[:2] == [
        "small: an array of 3 rows x 8 columns, 24 multipliers",
        "activation memory 4,096 bytes, weight memory 49,152 bytes",
    ]
    assert main(["config"]) == 0
    assert "ulx3s-85f-wide" in capsys.readouterr().out
