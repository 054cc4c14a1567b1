import csv
import os

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.data.categories import load_category, prepare_category
from bench.data.importing import LAYOUTS, import_dataset
from bench.data.layout import scan_category
from bench.metrics import Protocol
from destseg.errors import InputError
from tests.folders import save

SHAPE = (12, 10)


def image(path):
    save(path, np.full((*SHAPE, 3), 90, np.uint8))


def mask(path, values=(255,)):
    truth = np.zeros(SHAPE, np.uint8)
    for row, value in enumerate(values):
        truth[2 * row : 2 * row + 2, 1:8] = value
    save(path, truth)


def write_visa(root):
    """Masks hold class numbers; one image is in no split."""
    rows = []
    for number in range(3):
        name = f"candle/Data/Images/Normal/{number:04d}.JPG"
        image(root / name)
        rows.append(("candle", "test" if number == 2 else "train", "normal", name, ""))
    for number in range(2):
        name = f"candle/Data/Images/Anomaly/{number:03d}.JPG"
        truth = f"candle/Data/Masks/Anomaly/{number:03d}.png"
        image(root / name)
        mask(root / truth, (1, 2))
        rows.append(("candle", "test", "anomaly", name, truth))
    image(root / "candle/Data/Images/Normal/9999.JPG")
    (root / "split_csv").mkdir()
    with (root / "split_csv" / "1cls.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("object", "split", "label", "image", "mask"), *rows])


def write_btad(root):
    for name in ("train/ok/0000.bmp", "train/ok/0001.bmp", "test/ok/0000.bmp", "test/ko/0000.bmp"):
        image(root / "01" / name)
    image(root / "01/test/ko/0001.bmp")
    for name in ("0000.png", "0001.bmp"):
        mask(root / "01/ground_truth/ko" / name)


def write_mpdd(root):
    for name in ("train/good/000.png", "train/good/001.png", "test/good/000.png"):
        image(root / "tubes" / name)
    for number in range(2):
        image(root / f"tubes/test/anomalous/{number:03d}.png")
        mask(root / f"tubes/ground_truth/anomalous/{number:03d}_mask.png")


WRITERS = {"visa": write_visa, "btad": write_btad, "mpdd": write_mpdd}
DEFECTS = {"visa": "bad", "btad": "ko", "mpdd": "anomalous"}


@pytest.fixture(params=sorted(LAYOUTS))
def kind(request):
    return request.param


@pytest.fixture
def source(tmp_path, kind):
    root = tmp_path / "source"
    WRITERS[kind](root)
    return root


def test_a_set_is_laid_out_by_links_and_decoded(kind, source, tmp_path):
    target = tmp_path / "new" / "data"
    (imported,) = import_dataset(kind, source, target)
    assert (imported.train, imported.test) == (2, 3)
    files = scan_category(target / imported.category)
    assert files.faults == files.passed_over == ()
    assert set(files.defects) == {"good", DEFECTS[kind]}
    assert all(path.is_symlink() and path.is_file() for path in files.paths)
    size = Protocol(name="small", size=12, mask_rule="nearest")
    ref = prepare_category(target, imported.category, 12, tmp_path / "cache", size)
    marked = load_category(ref).masks.any((1, 2))
    assert marked.tolist() == [defect != "good" for defect in files.defects]


def test_class_numbers_of_visas_masks_all_mark(tmp_path):
    write_visa(tmp_path / "source")
    import_dataset("visa", tmp_path / "source", tmp_path / "data")
    rule = Protocol(name="small", size=12, mask_rule="nearest")
    ref = prepare_category(tmp_path / "data", "candle", 12, tmp_path / "cache", rule)
    assert load_category(ref).masks[0].any(axis=1).tolist() == [True] * 4 + [False] * 8


def test_the_command_tells_what_came_out_and_what_is_in_no_split(tmp_path, capsys, caplog):
    write_visa(tmp_path / "source")
    command = ["data", "import", "visa", "--from", str(tmp_path / "source")]
    assert main([*command, "--to", str(tmp_path / "data")]) == 0
    out = capsys.readouterr().out
    assert "candle: 2 training and 3 test images" in out
    assert f"reproduce --dataset mvtec --data {tmp_path / 'data'}" in out
    assert "does not name 1 images, such as" in caplog.text
    assert main([*command, "--to", str(tmp_path / "data")]) == 2
    assert "is there already; give a new folder" in capsys.readouterr().err


def test_nothing_is_left_behind_of_what_lacks_a_file(kind, source, tmp_path):
    places = {
        "visa": "candle/Data/Masks/Anomaly/000.png",
        "btad": "01/ground_truth/ko/0000.png",
        "mpdd": "tubes/ground_truth/anomalous/000_mask.png",
    }
    (source / places[kind]).unlink()
    with pytest.raises(
        InputError, match=r"1 fault found.*\n.*0(_mask)?\.png: (no such mask|cannot be)"
    ):
        import_dataset(kind, source, tmp_path / "data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("candle/Data/Images/Normal/0000.JPG", "../0.JPG", "line 2: '../0.JPG' is no path below"),
        ("anomaly", "odd", "line 5: 'test' and 'odd'"),
        ("label", "kind", "its columns are not object, split, label, image, mask"),
    ],
)
def test_a_split_that_is_not_visas_is_refused(tmp_path, old, new, said):
    write_visa(tmp_path)
    table = tmp_path / "split_csv" / "1cls.csv"
    table.write_text(table.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(InputError, match=said):
        import_dataset("visa", tmp_path, tmp_path / "data")


def test_another_set_is_refused(tmp_path):
    write_mpdd(tmp_path / "mpdd")
    with pytest.raises(InputError, match=r"no folder in it has train/ok; give the one"):
        import_dataset("btad", tmp_path / "mpdd", tmp_path / "data")
    with pytest.raises(InputError, match=r"1cls\.csv: no such file; it comes with VisA's archive"):
        import_dataset("visa", tmp_path / "mpdd", tmp_path / "data")


def test_the_images_are_not_changed(tmp_path):
    write_mpdd(tmp_path / "mpdd")
    before = {path: path.read_bytes() for path in (tmp_path / "mpdd").rglob("*.png")}
    import_dataset("mpdd", tmp_path / "mpdd", tmp_path / "data")
    assert {path: path.read_bytes() for path in before} == before
    with Image.open(tmp_path / "data/tubes/train/good/000.png") as opened:
        assert opened.size == (10, 12)


def test_a_pipe_in_the_place_of_the_table_is_not_waited_for(tmp_path):
    write_visa(tmp_path / "visa")
    table = tmp_path / "visa" / "split_csv" / "1cls.csv"
    table.unlink()
    os.mkfifo(table)
    with pytest.raises(InputError, match=r"1cls\.csv"):
        import_dataset("visa", tmp_path / "visa", tmp_path / "new")
