import os

import pytest

from destseg.errors import InputError
from destseg.folders import entries_below, image_files, images_below, scan, subfolders


def test_image_files_are_sorted_and_only_images(tmp_path):
    names = ["b.PNG", "a.jpeg", "c.bmp", "d.tiff", "._a.png", "Thumbs.db", "notes.txt"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == ["a.jpeg", "b.PNG", "c.bmp", "d.tiff"]
    assert image_files(tmp_path / "missing") == []


def test_images_below_a_folder_are_in_the_order_of_their_paths(tmp_path):
    for name in ("b/1.png", "a.jpg", "B/x.PNG", "b/.hidden.png", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in images_below(tmp_path, "x")]
    assert found == ["B/x.PNG", "a.jpg", "b/1.png"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "no such folder; give one."),
        ("file.png", "is not a folder; give one."),
        ("empty", "no images in it; give one."),
    ],
)
def test_a_folder_without_images(tmp_path, name, said):
    (tmp_path / "file.png").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        images_below(tmp_path / name, "give one")
    assert str(caught.value) == f"{tmp_path / name}: {said}"


# What belongs to a folder


def made(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def relative(root, paths):
    return [path.relative_to(root).as_posix() for path in paths]


def test_subfolders_belong_and_hidden_and_system_folders_do_not(tmp_path):
    hidden = (".ipynb_checkpoints/0-checkpoint.png", "__MACOSX/0.png", "a/@eaDir/0.jpg", ".x.png")
    junk = ("Thumbs.db", "a/.DS_Store", "a/desktop.ini", "._0.png")
    made(tmp_path, "0.png", "a/1.WEBP", "a/b/2.jfif", "a/c.png/3.ppm", *hidden, *junk)
    found = scan(tmp_path)
    assert relative(tmp_path, found.files) == ["0.png", "a/1.WEBP", "a/b/2.jfif", "a/c.png/3.ppm"]
    assert found.faults == found.passed_over == ()
    assert not found.others
    assert subfolders(tmp_path) == [tmp_path / "a"]


@pytest.mark.parametrize("inner", [(), ("Thumbs.db",), ("deeper/.hidden.png",)])
def test_a_folder_without_images_in_the_place_of_one_is_a_fault(tmp_path, inner):
    place = tmp_path / "a/2.png"
    place.mkdir(parents=True)
    made(place, *inner)
    made(tmp_path, "0.png")
    found = scan(tmp_path)
    assert found.faults == (f"{place}: a folder, not a file; replace or remove it",)
    assert (found.files, found.unread) == ((tmp_path / "0.png",), (place,))


def test_a_missing_folder_and_a_file_have_nothing_below(tmp_path):
    made(tmp_path, "file")
    for place in (tmp_path / "none", tmp_path / "file"):
        assert scan(place).files == ()
        assert list(entries_below(place)) == subfolders(place) == []


def test_linked_folders_are_followed_and_loops_are_not(tmp_path):
    made(tmp_path, "elsewhere/0.png", "data/1.png")
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "data")
    found = scan(tmp_path / "data")
    assert relative(tmp_path / "data", found.files) == ["1.png", "linked/0.png"]


def test_each_folder_counts_once_however_many_links_lead_to_it(tmp_path):
    names = [f"{k:02}" for k in range(12)]
    made(tmp_path, *(f"{name}/0.png" for name in names))
    for name in names:
        for other in names:
            (tmp_path / name / f"to {other}").symlink_to(tmp_path / other)
    made(tmp_path.with_name("away"), "1.png")
    for name in ("a", "b", "00/c"):
        (tmp_path / name).symlink_to(tmp_path.with_name("away"))
    found = relative(tmp_path, scan(tmp_path).files)
    assert found == [*(f"{name}/0.png" for name in names), "a/1.png"]


def test_a_link_called_as_an_image_to_a_folder_that_was_read_is_a_fault(tmp_path):
    made(tmp_path, "0.png")
    (tmp_path / "1.png").symlink_to(tmp_path)
    assert scan(tmp_path).unread == (tmp_path / "1.png",)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "a pipe or device, not a file; replace or remove it"),
        (lambda path: path.symlink_to(path.name), "a link to itself; replace"),
        (lambda path: path.symlink_to("none.png"), "a link to a file that is not there; replace"),
    ],
)
def test_what_is_no_file_is_a_fault(tmp_path, make, said):
    made(tmp_path, "0.png")
    make(tmp_path / "1.png")
    found = scan(tmp_path)
    assert relative(tmp_path, found.files) == ["0.png"]
    assert len(found.faults) == 1
    assert f"{tmp_path / '1.png'}: {said}" in found.faults[0]
    with pytest.raises(InputError, match=said):
        images_below(tmp_path, "give one")


def test_images_that_are_not_read_are_told(tmp_path, caplog):
    made(tmp_path, "0.png", "1.heic", "2.bak")
    (tmp_path / "3").write_bytes(b"\x89PNG\r\n\x1a\n....")
    (tmp_path / "4.bak").write_bytes(b"RIFF....WEBPVP8 ")
    found = scan(tmp_path)
    assert [fault.partition(":")[0] for fault in found.faults] == [str(tmp_path / "1.heic")]
    assert [note.partition(":")[0] for note in found.passed_over] == [
        str(tmp_path / "3"),
        str(tmp_path / "4.bak"),
    ]
    (tmp_path / "1.heic").unlink()
    images_below(tmp_path, "give one")
    assert f"{tmp_path / '3'}: an image by its content" in caplog.text


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["film.MP4"], "skipped what is not an image, 1 file: film.MP4"),
        (["a/2.mov", "b.avi"], "skipped what is not an image, 2 files: a/2.mov, b.avi"),
        (
            ["a.txt", "b.csv", "c.mp4", "d"],
            "skipped what is not an image, 4 files: a.txt, b.csv, ",
        ),
    ],
)
def test_what_is_no_image_is_counted_in_a_line(tmp_path, caplog, names, said):
    made(tmp_path, "0.png", "Thumbs.db", *names)
    assert relative(tmp_path, scan(tmp_path).others) == names
    assert relative(tmp_path, images_below(tmp_path, "give one")) == ["0.png"]
    assert not caplog.records
    assert relative(tmp_path, images_below(tmp_path, "give one", own=True)) == ["0.png"]
    (record,) = caplog.records
    assert record.getMessage().startswith(f"note: {tmp_path}: {said}")


def test_a_name_that_is_not_utf8_is_a_fault_that_can_be_printed(tmp_path):
    place = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        open(place, "wb").close()  # noqa: PTH123 - a path of bytes
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    (fault,) = scan(tmp_path).faults
    assert r"\xff.png: its name is not UTF-8; rename it" in fault
    fault.encode()


def test_a_folder_that_cannot_be_listed_is_a_fault(tmp_path, monkeypatch):
    made(tmp_path, "0.png", "locked/1.png")
    listed = os.scandir

    def deny(folder):
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", deny)
    (fault,) = scan(tmp_path).faults
    assert (
        fault == f"{tmp_path / 'locked'}: cannot be read (Permission denied); check its permissions"
    )
