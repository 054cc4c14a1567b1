import tarfile

import pytest

from bench.data import unpacking
from bench.data.unpacking import unpack
from destseg.errors import InputError
from tests.folders import write_tar

FILES = {"bottle/train/good/000.png": b"image", "license.txt": b"terms"}


def member(name, kind=tarfile.REGTYPE, target=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    made.size = 4 if kind == tarfile.REGTYPE else 0
    return made


@pytest.fixture
def place(tmp_path):
    """A folder to unpack into, with something beside it that must not change."""
    (tmp_path / "place").mkdir()
    (tmp_path / "secret").write_text("untouched")
    return tmp_path / "place"


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("mode", ["w:xz", "w:gz", "w:bz2", "w"])
def test_files_and_folders_are_unpacked(tmp_path, place, mode, capsys):
    archive = write_tar(tmp_path / "a.tar", FILES, [member("empty", tarfile.DIRTYPE)], mode)
    unpack(archive, place / "mvtec_ad")
    assert tree(place / "mvtec_ad") == FILES
    assert (place / "mvtec_ad" / "empty").is_dir()
    assert [path.name for path in place.iterdir()] == ["mvtec_ad"]
    assert capsys.readouterr().err.count("unpack a.tar: 100%") == 1


def test_a_top_folder_becomes_the_folder(tmp_path, place):
    archive = write_tar(tmp_path / "a.tar", {f"dtd/{name}": FILES[name] for name in FILES})
    unpack(archive, place / "textures", top="dtd")
    assert tree(place / "textures") == FILES
    with pytest.raises(InputError, match="no folder mvtec in it"):
        unpack(archive, place / "images", top="mvtec")
    assert [path.name for path in place.iterdir()] == ["textures"]


EVIL = {
    "parent": member("../secret"),
    "parent within": member("bottle/../../secret"),
    "parent on Windows": member("..\\secret"),
    "absolute": member("/tmp/destseg-bench-evil"),
    "drive": member("C:secret"),
    "symbolic link": member("bottle/link", tarfile.SYMTYPE, "../../secret"),
    "symbolic link within": member("bottle/link", tarfile.SYMTYPE, "000.png"),
    "hard link": member("bottle/link", tarfile.LNKTYPE, "license.txt"),
    "device": member("null", tarfile.CHRTYPE),
    "block device": member("disk", tarfile.BLKTYPE),
    "pipe": member("pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
def test_an_evil_archive_is_refused_whole(tmp_path, place, evil):
    archive = write_tar(tmp_path / "a.tar", FILES, [evil])
    before = tree(tmp_path)
    with pytest.raises(InputError) as caught:
        unpack(archive, place / "mvtec_ad")
    assert str(archive) in str(caught.value)
    assert repr(evil.name) in str(caught.value)
    assert list(place.iterdir()) == []
    assert tree(tmp_path) == before


def test_a_link_cannot_lead_a_later_file_outside(tmp_path, place):
    link = member("out", tarfile.SYMTYPE, "..")
    archive = write_tar(tmp_path / "a.tar", {}, [link, member("out/secret")])
    with pytest.raises(InputError, match="neither a file nor a folder"):
        unpack(archive, place / "mvtec_ad")
    assert (tmp_path / "secret").read_text() == "untouched"


def test_the_library_filters_too(tmp_path, place, monkeypatch):
    """Even without our own refusal nothing is written outside."""
    monkeypatch.setattr(unpacking, "_require_harmless", lambda *_: None)
    archive = write_tar(tmp_path / "a.tar", {}, [member("../secret")])
    with pytest.raises(InputError, match="outside"):
        unpack(archive, place / "mvtec_ad")
    assert (tmp_path / "secret").read_text() == "untouched"


def test_modes_and_owners_of_the_archive_do_not_matter(tmp_path, place):
    locked = member("locked", tarfile.DIRTYPE)
    locked.mode = 0
    inner = member("locked/file")
    inner.mode, inner.uid, inner.gid = 0o4000, 12345, 12345
    unpack(write_tar(tmp_path / "a.tar", {}, [locked, inner]), place / "x")
    status = (place / "x" / "locked" / "file").stat()
    assert status.st_uid == place.stat().st_uid
    assert status.st_mode & 0o7000 == 0
    assert tree(place / "x") == {"locked/file": b"evil"}


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "flipped"])
def test_a_damaged_archive_is_an_error(tmp_path, place, damage):
    archive = write_tar(tmp_path / "a.tar", {"big": bytes(100_000), **FILES})
    content = archive.read_bytes()
    middle = len(content) // 2
    damaged = {
        "truncated": content[:middle],
        "text": b"hello" * 200,
        "empty": b"",
        "flipped": content[:middle] + b"\xff\x00\xff" + content[middle + 3 :],
    }
    archive.write_bytes(damaged[damage])
    with pytest.raises(InputError, match="not a tar archive that can be read"):
        unpack(archive, place / "mvtec_ad")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_unpacking_leaves_nothing(tmp_path, place, monkeypatch, error):
    archive = write_tar(tmp_path / "a.tar", FILES)
    extract = tarfile.TarFile.extract

    def interrupt(self, member, *rest, **named):
        extract(self, member, *rest, **named)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extract", interrupt)
        with pytest.raises((KeyboardInterrupt, OSError)):
            unpack(archive, place / "mvtec_ad")
    assert list(place.iterdir()) == []
    unpack(archive, place / "mvtec_ad")
    assert tree(place / "mvtec_ad") == FILES


def test_what_a_killed_run_left_is_cleared(tmp_path, place):
    (place / ".mvtec_ad.unpacking" / "old").mkdir(parents=True)
    unpack(write_tar(tmp_path / "a.tar", FILES), place / "mvtec_ad")
    assert tree(place) == {f"mvtec_ad/{name}": FILES[name] for name in FILES}


def test_an_empty_folder_may_be_there_and_a_full_one_may_not(tmp_path, place):
    archive = write_tar(tmp_path / "a.tar", FILES)
    (place / "empty").mkdir()
    unpack(archive, place / "empty")
    assert tree(place / "empty") == FILES
    (place / "full").mkdir()
    (place / "full" / "mine").touch()
    with pytest.raises(OSError, match="not empty"):
        unpack(archive, place / "full")
    assert tree(place / "full") == {"mine": b""}
