"""Names of outputs: each has a place of its own, below the folder that was given."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from weft.cli import main
from weft.cli.images import InputError
from weft.cli.results import check_output_path, save_outputs
from weft.models.digits import MODEL
from weft.reports.maps import map_folders


def test_pictures_of_one_name_have_maps_of_their_own(tmp_path, capsys):
    pictures = []
    for number, folder in enumerate(("a", "b", "c")):
        (tmp_path / folder).mkdir()
        pictures.append(tmp_path / folder / "x.png")
        Image.fromarray(np.full((8, 8), 80 * number, np.uint8)).save(pictures[-1])
    options = [word for picture in pictures for word in ("-i", str(picture))]
    assert main(["run", "digits", "--maps", str(tmp_path / "maps"), *options]) == 0
    assert sorted(p.name for p in (tmp_path / "maps").iterdir()) == ["x_png", "x_png_2", "x_png_3"]
    alone = tmp_path / "alone"
    for picture, folder in zip(pictures, ("x_png", "x_png_2", "x_png_3"), strict=True):
        assert main(["run", "digits", "--maps", str(alone), "-i", str(picture)]) == 0
        for path in alone.iterdir():
            assert path.read_bytes() == (tmp_path / "maps" / folder / path.name).read_bytes()


def test_map_folders_never_meet():
    labels = ["a/x.npy[0]", "b/X.npy[0]", "x_npy[0]", "x.npy[0]_2", "y.png"]
    folders = map_folders(Path("m"), labels)
    assert len({str(folder).casefold() for folder in folders}) == len(labels)
    assert all(folder.parent == Path("m") for folder in folders)


def test_outputs_of_any_name(tmp_path):
    names = ["file", "args", "kwds", "allow_pickle", "a/b:0", "\u00e9"]
    arrays = [np.full((1, 2), number, np.int8) for number in range(len(names))]
    save_outputs(tmp_path / "x.npz", names, [arrays])
    with np.load(tmp_path / "x.npz") as found:
        assert sorted(found) == sorted(names)
        for name, array in zip(names, arrays, strict=True):
            assert np.array_equal(found[name], array)


@pytest.mark.parametrize(
    "names",
    [
        ["../x"],
        [".."],
        ["/etc/x"],
        ["a/../../x"],
        ["C:\\x"],
        ["..\\x"],
        ["\\\\host\\x"],
        ["C:x"],
        [""],
        ["."],
        ["a\0b"],
        ["a\x1b[2J"],
        ["x" * 70_000],
        ["x", "x"],
        ["x", "X"],
    ],
)
def test_outputs_whose_names_lead_elsewhere(tmp_path, names):
    with pytest.raises(InputError, match="cannot hold"):
        check_output_path(tmp_path / "x.npz", names)
    check_output_path(tmp_path / "x.npy", names[:1])


def test_such_a_name_is_one_sentence_and_no_file(tmp_path, capsys):
    model = onnx.load(MODEL)
    model.graph.node[-1].output[0] = model.graph.output[0].name = "../x"
    onnx.save(model, tmp_path / "m.onnx")
    target = tmp_path / "there" / "x.npz"
    target.parent.mkdir()
    assert main(["run", str(tmp_path / "m.onnx"), "-o", str(target)]) == 2
    assert capsys.readouterr().err == (
        f"weft: {target} cannot hold an output called '../x'; give a .npy file\n"
    )
    assert main(["run", str(tmp_path / "m.onnx"), "-o", str(target.with_suffix(".npy"))]) == 0
    assert [path.name for path in target.parent.iterdir()] == ["x.npy"]
