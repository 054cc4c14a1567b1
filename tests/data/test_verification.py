import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.data import contents, layout_faults, verification
from bench.data.categories import prepare_category
from bench.data.kinds.mvtec import PUBLISHED, Published
from bench.data.layout_faults import TEXTURE_CLASSES
from bench.data.textures import prepare_textures
from bench.data.verification import recognise, verify
from bench.metrics import Protocol
from destseg.errors import InputError
from tests.folders import empty, other_size, truncate, write_category

SMALL = {
    "bottle": Published(2, 1, 3, 24, PUBLISHED["bottle"].defects),
    "toothbrush": Published(2, 1, 1, 24, "defective"),
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Two small categories, at other numbers than the published ones: see `published`."""
    root = tmp_path_factory.mktemp("pristine")
    for category, published in SMALL.items():
        tests = dict.fromkeys(["good", *published.defects.split()], 1)
        write_category(root / category, (24, 24), published.train, tests)
    for name in ("license.txt", "readme.txt", "bottle/license.txt", ".DS_Store"):
        (root / name).touch()
    return root


@pytest.fixture(autouse=True)
def published(monkeypatch):
    """A published MVTec AD of two categories and a DTD of two classes of three images."""
    for module in (layout_faults, verification):
        monkeypatch.setattr(module, "PUBLISHED", SMALL)
    monkeypatch.setattr(layout_faults, "TEXTURE_CLASSES", ("banded", "blotchy"))
    monkeypatch.setattr(layout_faults, "TEXTURES_PER_CLASS", 3)


@pytest.fixture
def root(pristine, tmp_path):
    shutil.copytree(pristine, tmp_path / "mvtec")
    return tmp_path / "mvtec"


@pytest.fixture
def dtd(tmp_path):
    folder = tmp_path / "dtd"
    for name in ("banded", "blotchy"):
        (folder / "images" / name).mkdir(parents=True)
        for index in range(3):
            path = folder / "images" / name / f"{name}_{index:04d}.jpg"
            Image.new("RGB", (30 + index, 20), (index, 0, 9)).save(path)
    (folder / "labels").mkdir()
    (folder / "labels" / "train1.txt").touch()
    (folder / "imdb").mkdir()
    (folder / "images" / "banded" / ".directory").touch()
    return folder


def category_digest(root, category, cache):
    return prepare_category(root, category, 8, cache, Protocol(name="tiny", size=8)).digest


def test_a_complete_folder_has_no_faults_and_the_digests_of_the_records(root, tmp_path):
    report = verify("mvtec", root)
    assert report.faults == ()
    assert report.summary == "2 of 2 categories, 4 training and 6 test images"
    bottle, brush = report.parts
    assert bottle.name == "bottle"
    assert bottle.content == ("2 training and 4 test images (1 normal, 3 anomalous), 24x24 px")
    assert bottle.digest == category_digest(root, "bottle", tmp_path / "cache")
    assert brush.digest == category_digest(root, "toothbrush", tmp_path / "cache")


def test_a_changed_file_of_the_same_size_and_time_is_noticed(root, tmp_path):
    path = root / "bottle" / "test" / "good" / "000.png"
    content = path.read_bytes()

    def digests(rest):
        path.write_bytes(content + rest)
        os.utime(path, ns=(1, 1))
        return category_digest(root, "bottle", tmp_path / "cache"), verify("mvtec", root).parts[0]

    (first, before), (second, after) = digests(b"a"), digests(b"b")
    assert first == before.digest
    assert second == after.digest != first


def blank(path):
    Image.new("L", (24, 24), 0).save(path)


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 24), (1, 2, 3)).save(path)


def stray(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")


GOOD = "bottle/train/good"
LARGE = "bottle/test/broken_large"
MASKS = "bottle/ground_truth/broken_large"
DAMAGE = {
    "missing category": ("toothbrush", shutil.rmtree, "1 of 2 categories are missing: toothbrush"),
    "unknown folder at the top": ("visa", Path.mkdir, "unknown folder, not a part of MVTec AD"),
    "stray file at the top": ("list.csv", stray, "stray file, not a part of MVTec AD"),
    "unknown part": ("bottle/valid", Path.mkdir, "unknown folder, not a part of MVTec AD"),
    "stray file of a category": ("bottle/a.csv", stray, "stray file"),
    "unknown training folder": ("bottle/train/bad", Path.mkdir, "unknown folder, unknown in train"),
    "unknown defect": ("bottle/test/bent", Path.mkdir, "unknown folder, unknown in test"),
    "unknown defect's masks": ("bottle/ground_truth/bent", Path.mkdir, "unknown in ground_truth"),
    "missing defect": (LARGE, shutil.rmtree, "no such folder; MVTec AD has that defect"),
    "fewer training images": (f"{GOOD}/000.png", Path.unlink, "good: 1 images, MVTec AD has 2"),
    "more normal images": ("bottle/test/good/001.png", image, "good: 2 images, MVTec AD has 1"),
    "fewer anomalous images": (
        f"{LARGE}/000.png",
        Path.unlink,
        "bottle/test: 2 anomalous images, MVTec AD has 3",
    ),
    "no mask": (f"{MASKS}/000_mask.png", Path.unlink, "no such mask for broken_large/000.png"),
    "mask without an image": (f"{MASKS}/001_mask.png", image, "without an image in test/broken_l"),
    "mask of another size": (f"{MASKS}/000_mask.png", other_size, "10x12 pixels, its image has 24"),
    "mask that marks nothing": (f"{MASKS}/000_mask.png", blank, "marks nothing"),
    "masks of good images": ("bottle/ground_truth/good/000_mask.png", image, "for good images"),
    "unexpected mask name": (f"{MASKS}/000.png", image, "unexpected name, MVTec AD has 000_mask"),
    "empty file": (f"{GOOD}/001.png", empty, "the file is empty (0 bytes)"),
    "truncated image": ("bottle/test/good/000.png", truncate, "truncated or damaged image"),
    "truncated mask": (f"{MASKS}/000_mask.png", truncate, "damaged image"),
    "unexpected suffix": (f"{GOOD}/002.JPG", image, "unexpected name, MVTec AD has 000"),
    "unexpected name": ("bottle/test/good/a.png", image, "unexpected name, MVTec AD has 000.png"),
    "stray file among images": (f"{GOOD}/Thumbs.db", stray, "stray file"),
    "folder among images": (f"{GOOD}/more", Path.mkdir, "unknown folder"),
}


DTD_DAMAGE = {
    "missing image": ("images/banded/banded_0000.jpg", Path.unlink, "banded: 2 images, DTD has 3"),
    "missing class": ("images/banded", shutil.rmtree, "banded: 0 images, DTD has 3"),
    "unknown class": ("images/knitty/a.jpg", image, "unknown folder, not a class of DTD"),
    "unknown folder": ("extra", Path.mkdir, "unknown folder, not in DTD"),
    "other suffix": ("images/banded/banded_0009.png", image, "unexpected name, DTD has .jpg"),
    "stray file": ("images/banded/notes.txt", stray, "stray file, DTD has .jpg files"),
    "image among the labels": ("labels/a.png", image, "an image outside of images/"),
    "damaged": ("images/banded/banded_0001.jpg", truncate, "truncated or damaged"),
    "empty": ("images/banded/banded_0001.jpg", empty, "0 bytes"),
}
ALL_DAMAGE = [
    pytest.param(kind, *case, id=f"{kind} {name}")
    for kind, cases in {"mvtec": DAMAGE, "dtd": DTD_DAMAGE}.items()
    for name, case in cases.items()
]


@pytest.mark.parametrize(("kind", "name", "damage", "said"), ALL_DAMAGE)
def test_each_fault_is_named(request, kind, name, damage, said):
    folder = request.getfixturevalue("root" if kind == "mvtec" else "dtd")
    damage(folder / name)
    (named,) = (fault for fault in verify(kind, folder).faults if said in fault)
    assert str(folder) in named
    assert not named.endswith(".")


def test_all_faults_are_listed_at_once(root):
    for number in range(30):
        stray(root / "bottle" / f"{number}.csv")
    truncate(root / "bottle" / "test" / "good" / "000.png")
    blank(root / "toothbrush" / "ground_truth" / "defective" / "000_mask.png")
    report = verify("mvtec", root)
    assert len(report.faults) == 32
    bottle, brush = report.parts
    assert bottle.digest is None
    assert brush.digest is not None


def test_a_resized_copy_is_one_fault_of_each_category(root):
    for path in root.rglob("*.png"):
        with Image.open(path) as whole:
            small = whole.resize((12, 12))
        small.save(path)
    faults = verify("mvtec", root).faults
    assert [fault.split(";")[0] for fault in faults] == [
        f"{root / name}: images, 12x12 px, MVTec AD has 24x24" for name in SMALL
    ]


def test_a_whole_missing_part_is_one_fault_of_the_layout(root):
    shutil.rmtree(root / "toothbrush" / "test")
    assert len(verify("mvtec", root).faults) == 2  # that, and the mask without an image


def test_names_alone_decode_nothing(root, monkeypatch):
    monkeypatch.setattr(contents, "read_rgb", None)
    report = verify("mvtec", root, read=False)
    assert report.faults == ()
    assert [part.digest for part in report.parts] == [None, None]
    (root / "bottle" / "train" / "good" / "000.png").unlink()
    assert len(verify("mvtec", root, read=False).faults) == 1


def test_a_subset_is_right_when_it_is_asked_for(root):
    shutil.rmtree(root / "toothbrush")
    (root / "own").mkdir()
    assert len(verify("mvtec", root).faults) == 2
    report = verify("mvtec", root, ["bottle", "bottle"])
    assert report.faults == ()
    assert report.summary.startswith("1 of 2 categories, ")
    (fault,) = verify("mvtec", root, ["bottle", "toothbrush"]).faults
    assert fault == f"{root / 'toothbrush'}: no such folder; add the category"


@pytest.mark.parametrize(
    ("folder", "categories", "said"),
    [
        ("mvtec", ["botle"], "--category botle: not a category of MVTec AD; did you mean bottle?"),
        ("mvtec", ["xyz"], "--category xyz: not a category of MVTec AD; there are bottle, toothb"),
        ("nowhere", [], "nowhere: no such folder; give the folder that holds the categories"),
        ("mvtec/bottle", [], "is itself a category"),
        ("mvtec/bottle/train", [], "no category in it"),
        ("own", [], "none of bottle, toothbrush in it but widget"),
    ],
)
def test_nothing_to_compare_is_an_error(root, tmp_path, folder, categories, said):
    (tmp_path / "own" / "widget" / "train").mkdir(parents=True)
    with pytest.raises(InputError, match="^.*" + said.replace("?", "\\?")):
        verify("mvtec", tmp_path / folder, categories)


def test_an_unreadable_folder_is_named(root, monkeypatch):
    def deny(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", deny)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check"):
        verify("mvtec", root)


def test_a_complete_dtd_has_the_digest_of_the_records(dtd, tmp_path):
    report = verify("dtd", dtd)
    assert report.faults == ()
    (part,) = report.parts
    assert part.name == str(dtd)
    assert part.content == "6 images in 2 folders, sides of 20 to 32 px"
    assert part.digest == prepare_textures(dtd, 8, tmp_path / "cache").digest


def test_the_parent_of_dtd_stands_for_dtd(dtd):
    assert verify("dtd", dtd.parent) == verify("dtd", dtd)


def test_a_smaller_dtd_is_told_in_one_fault_and_has_a_digest(dtd):
    for name in ("banded", "blotchy"):
        (dtd / "images" / name / f"{name}_0002.jpg").unlink()
    report = verify("dtd", dtd)
    (fault,) = report.faults
    assert "not the published DTD: 4 of 6 images; " in fault
    assert report.parts[0].digest is not None


@pytest.mark.parametrize(
    ("folder", "said"),
    [("nowhere", "no such folder"), ("dtd/images", "no folder images in it"), ("", "no images")],
)
def test_no_textures_is_an_error(dtd, folder, said):
    if not folder:
        shutil.rmtree(dtd / "images")
        (dtd / "images").mkdir()
    with pytest.raises(InputError, match=said):
        verify("dtd", dtd.parent / folder)


def test_processes_change_nothing(root, monkeypatch):
    alone = verify("mvtec", root)
    monkeypatch.setattr(contents, "WORTH_A_WORKER", 1)
    assert verify("mvtec", root, jobs=2) == alone


def test_the_command_prints_every_fault_then_the_digests(root, capsys):
    digest = verify("mvtec", root).parts[1].digest
    for number in range(12):
        stray(root / "bottle" / f"{number}.csv")
    truncate(root / "bottle" / "test" / "good" / "000.png")
    capsys.readouterr()
    assert main(["data", "verify", "mvtec", str(root), "--jobs", "1"]) == 3
    out, err = capsys.readouterr()
    assert "verify: 100%" in err
    lines = out.splitlines()
    assert lines[0] == f"{root}: 13 faults against the published MVTec AD:"
    assert all(line.startswith(f"  - {root}") for line in lines[1:14])
    assert lines[14].startswith("bottle: 2 training")
    assert lines[15] == "  digest none, since a file cannot be decoded"
    assert lines[17] == f"  digest {digest}"
    assert lines[18:] == ["MVTec AD: 2 of 2 categories, 4 training and 6 test images: 13 faults."]


def test_the_command_succeeds_without_faults(root, dtd, capsys):
    assert main(["data", "verify", "mvtec", str(root), "--category", "bottle"]) == 0
    assert capsys.readouterr().out.endswith(
        "MVTec AD: 1 of 2 categories, 2 training and 4 test images: no faults.\n"
    )
    assert main(["data", "verify", "dtd", str(dtd)]) == 0
    assert capsys.readouterr().out.endswith("DTD: 6 images: no faults.\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["mvtec", "nowhere"], "error: nowhere: no such folder"),
        (["dtd", "nowhere"], "error: nowhere: no such folder"),
        (["dtd", "nowhere", "--category", "banded"], "error: --category banded: DTD has no cat"),
    ],
)
def test_bad_input_is_one_sentence(capsys, options, said):
    assert main(["data", "verify", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize("part", ["train/good", "test/good", "test/broken_large"])
def test_a_dangling_link_is_one_fault(root, part):
    path = next((root / "bottle" / part).iterdir())
    path.unlink()
    path.symlink_to("absent")
    (fault,) = verify("mvtec", root).faults
    assert fault == f"{path}: a link to a file that is not there; replace or remove it"


# Other sets in the same layout


@pytest.fixture
def own(tmp_path):
    """Two categories that nobody has published."""
    for category in ("01", "screws"):
        write_category(tmp_path / "own" / category, (24, 24), 2, {"good": 1, "bad": 2})
    return tmp_path / "own"


def test_another_set_in_the_layout_is_checked_by_its_structure(own, tmp_path, capsys):
    assert recognise(own) == "layout"
    report = verify("layout", own)
    assert report.faults == ()
    assert report.summary == "2 categories, 4 training and 6 test images"
    first = report.parts[0]
    assert first.name == "01"
    assert first.content == "2 training and 3 test images (1 normal, 2 anomalous), 24x24 px"
    assert first.digest == category_digest(own, "01", tmp_path / "cache")
    assert main(["data", "verify", str(own), "--category", "screws"]) == 0
    out = capsys.readouterr().out
    assert "MVTec AD's layout: 1 category, 2 training and 3 test images: no faults.\n" in out
    assert out.endswith(f"note: {report.unchecked}.\n")
    assert "compared with nothing published" in report.unchecked


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("01/train/good/000.png", truncate, "truncated or damaged image"),
        ("01/ground_truth/bad/000_mask.png", Path.unlink, "no such mask for bad/000.png"),
        ("01/ground_truth/bad/000_mask.png", other_size, "10x12 pixels, its image has 24x24"),
        ("01/ground_truth/bad/000_mask.png", blank, "marks nothing"),
        ("01/test/good", shutil.rmtree, "no normal test images"),
        ("03", lambda path: path.symlink_to("away"), "a link to a file that is not there"),
        ("01/extra/000.png", image, "passed over, images outside of train/good and test"),
    ],
)
def test_each_fault_of_another_set_is_named(own, capsys, name, damage, said):
    damage(own / name)
    (named,) = verify("layout", own).faults
    assert said in named
    assert main(["data", "verify", str(own)]) == 3
    assert capsys.readouterr().out.startswith(f"{own}: 1 fault against MVTec AD's layout:\n")


def test_a_name_that_would_break_a_line_is_spelt_out(own, capsys):
    empty(own / "01/test/good/000.png")
    (own / "01/test/good/000.png").rename(own / "01/test/good/a\nb.png")
    (own / "screws").rename(own / "screws\x1b[31m")
    assert main(["data", "verify", str(own)]) == 3
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert r"a\nb.png: the file is empty" in said


def test_another_set_of_deep_images_and_labels_has_the_digest_of_the_records(own, tmp_path):
    for path in (own / "01").rglob("*.png"):
        values = np.array(Image.open(path).convert("L"))
        if "ground_truth" in path.parts:
            values[:12] //= 3
        else:
            values = values.astype(np.uint16) * 16
        Image.fromarray(values).save(path)
    report = verify("layout", own)
    assert report.faults == ()
    assert report.parts[0].digest == category_digest(own, "01", tmp_path / "cache")


def test_a_category_that_another_set_lacks_is_named(own):
    with pytest.raises(InputError, match=r"--category screw: not in .*; did you mean screws\?"):
        verify("layout", own, ["screw"])


def test_the_published_numbers_agree_with_each_other():
    categories = PUBLISHED.values()
    assert sum(category.train for category in categories) == 3629
    assert sum(category.normal for category in categories) == 467
    assert sum(category.anomalous for category in categories) == 1258
    assert sum(len(category.defects.split()) for category in categories) == 73
    assert len(set(TEXTURE_CLASSES)) == 47
    assert list(TEXTURE_CLASSES) == sorted(TEXTURE_CLASSES)


def test_real_bottle(real_data, monkeypatch, tmp_path):
    monkeypatch.undo()
    root = real_data / "mvtec256"
    report = verify("mvtec", root, ["bottle"])
    (resized,) = report.faults
    assert "bottle: images, 256x256 px, MVTec AD has 900x900; a resized copy, " in resized
    (part,) = report.parts
    assert part.content.startswith("209 training and 83 test images (20 normal, 63 anomalous)")
    assert part.digest == category_digest(root, "bottle", tmp_path)
    (absent,) = verify("mvtec", root, read=False).faults
    assert "14 of 15 categories are missing: cable, capsule, " in absent


def test_real_textures(real_data, monkeypatch):
    monkeypatch.undo()
    (fault,) = verify("dtd", real_data / "dtd72", read=False).faults
    assert "not the published DTD: 1128 of 5640 images" in fault


# Which dataset it is


def test_a_folder_is_recognised_by_its_folders(tmp_path):
    for name in ("a/bottle/train", "b/images/banded", "c/dtd/images", "d/other"):
        (tmp_path / name).mkdir(parents=True)
    assert [recognise(tmp_path / name) for name in "abc"] == ["mvtec", "dtd", "dtd"]
    with pytest.raises(InputError, match="has neither categories with a folder train nor"):
        recognise(tmp_path / "d")
    with pytest.raises(InputError, match="no such folder"):
        recognise(tmp_path / "e")
