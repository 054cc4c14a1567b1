import hashlib
import io
import shutil
import time
from dataclasses import replace

import pytest
from PIL import Image

from bench.cli import main
from bench.data import fetching, layout_faults
from bench.data.archives import ARCHIVES
from bench.data.fetching import fetch, is_there
from destseg.errors import InputError
from tests.folders import write_tar

CLASSES = ("banded", "blotchy")


def write_dtd(path):
    """A DTD of two classes with three images each, as the published archive has it."""
    files = {
        "dtd/images/banded/.directory": b"[Dolphin]",
        "dtd/labels/train1.txt": b"banded/banded_0000.jpg\n",
    }
    for name in CLASSES:
        for index in range(3):
            image = io.BytesIO()
            Image.effect_noise((90, 80), 50 + index).save(image, "JPEG")
            files[f"dtd/images/{name}/{name}_{index:04d}.jpg"] = image.getvalue()
    return write_tar(path, files, mode="w:gz").read_bytes()


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return write_dtd(tmp_path_factory.mktemp("archive") / "dtd.tar.gz")


@pytest.fixture
def archive(content, server, monkeypatch):
    """The archive that passes for the published one, on the local server."""
    monkeypatch.setattr(layout_faults, "TEXTURE_CLASSES", CLASSES)
    monkeypatch.setattr(layout_faults, "TEXTURES_PER_CLASS", 3)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    server.script.content = content
    made = replace(
        ARCHIVES["dtd"],
        url=server.url,
        sha256=hashlib.sha256(content).hexdigest(),
        unpacked=4_000_000,
    )
    monkeypatch.setattr(fetching, "ARCHIVES", {**ARCHIVES, "dtd": made})
    monkeypatch.setattr("bench.commands.data.ARCHIVES", {"mvtec": ARCHIVES["mvtec"], "dtd": made})
    return made


@pytest.fixture
def to(tmp_path):
    return tmp_path / "data"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_archive_is_fetched_and_unpacked(archive, to, server):
    assert not is_there("dtd", to)
    assert fetch(archive, to) == to / "dtd"
    assert names(to) == ["dtd"]
    assert names(to / "dtd") == ["images", "labels"]
    assert is_there("dtd", to)
    assert len(server.script.log) == 1


def test_the_archive_may_be_kept(archive, to, content, server):
    fetch(archive, to, keep=True)
    assert names(to) == ["dtd", archive.file]
    assert (to / archive.file).read_bytes() == content
    shutil.rmtree(to / "dtd")
    fetch(archive, to)
    assert len(server.script.log) == 1


def test_an_archive_at_hand_needs_no_network_and_stays(archive, to, content):
    to.mkdir()
    (to / archive.file).write_bytes(content)
    fetch(replace(archive, url="http://nowhere.invalid/"), to)
    assert names(to) == ["dtd", archive.file]


def test_a_cut_download_continues_in_the_next_call(archive, to, server, content):
    server.script.cuts += [5000]
    with pytest.raises(InputError) as caught:
        fetch(archive, to, waits=())
    for said in (server.url, "5000 bytes are kept", "--url", archive.page, str(to), archive.file):
        assert said in str(caught.value)
    assert names(to) == [f"{archive.file}.part", f"{archive.file}.part.json"]
    fetch(archive, to, waits=())
    assert names(to) == ["dtd"]
    assert [sent.body for sent in server.script.log] == [5000, len(content) - 5000]


@pytest.mark.parametrize("at_hand", [True, False])
def test_a_wrong_hash_is_never_unpacked(archive, to, server, content, at_hand):
    wrong = content[:-1] + b"?"
    server.script.content = wrong
    if at_hand:
        to.mkdir()
        (to / archive.file).write_bytes(wrong)
    with pytest.raises(InputError) as caught:
        fetch(archive, to)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert archive.sha256 in str(caught.value)
    assert names(to) == [f"{archive.file}.wrong"]
    assert (to / f"{archive.file}.wrong").read_bytes() == wrong
    server.script.content = content
    fetch(archive, to)
    assert names(to) == ["dtd", f"{archive.file}.wrong"]


def test_an_interrupted_unpacking_needs_no_second_download(archive, to, server, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "unpack", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(archive, to)
    assert f"{archive.file}.part" in names(to)
    fetch(archive, to)
    assert names(to) == ["dtd"]
    assert len(server.script.log) == 1


@pytest.mark.parametrize("at_hand", [True, False])
def test_too_little_room_is_noticed_before_starting(archive, to, content, monkeypatch, at_hand):
    if at_hand:
        to.mkdir()
        (to / archive.file).write_bytes(content)
    usage = shutil.disk_usage(to.parent)._replace(free=archive.unpacked - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"0\.0 GB are needed.*make room or give another folder"):
        fetch(archive, to)
    assert names(to) == ([archive.file] if at_hand else [])


def test_the_room_needed_is_that_of_archive_and_files(archive, to, content, monkeypatch):
    usage = shutil.disk_usage(to.parent)
    needed = archive.unpacked + len(content)
    for free, enough in ((needed - 1, False), (needed, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        if enough:
            fetch(archive, to)
        else:
            with pytest.raises(InputError, match="GB are free"):
                fetch(archive, to)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(28, "No space left on device"), "No space left on device); make room or give"),
        (PermissionError(13, "Permission denied"), "Permission denied); check its mode or give"),
    ],
)
def test_a_full_or_locked_disk_is_named(archive, to, monkeypatch, error, remedy):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(fetching, "unpack", fail)
    with pytest.raises(InputError) as caught:
        fetch(archive, to)
    assert remedy in str(caught.value)
    assert f"{archive.file}.part" in names(to), "what was downloaded is kept"


def test_a_file_in_place_of_the_directory_is_named(archive, to):
    to.write_text("mine")
    with pytest.raises(InputError, match=f"{to}: cannot be written"):
        fetch(archive, to)


def test_an_incomplete_folder_is_neither_taken_nor_touched(archive, to):
    fetch(archive, to)
    (to / "dtd" / "images" / "banded" / "banded_0000.jpg").unlink()
    with pytest.raises(InputError, match="is there but has 2 faults; move it away"):
        is_there("dtd", to)


@pytest.mark.parametrize("kind", ["mvtec", "dtd"])
def test_something_else_in_its_place_is_named(archive, to, kind):
    folder = to / ARCHIVES[kind].folder
    folder.mkdir(parents=True)
    assert not is_there(kind, to), "an empty folder is none"
    (folder / "own").touch()
    with pytest.raises(InputError, match=f"is there but is not {ARCHIVES[kind].title}; move"):
        is_there(kind, to)


def test_the_command_tells_terms_digest_and_what_is_next(archive, to, capsys):
    assert main(["data", "fetch", "dtd", "--to", str(to), "--jobs", "1"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == lines[5] == archive.licence
    assert "for research" in lines[0]
    assert "Cimpoi" in lines[0]
    assert lines[1] == f"{to / 'dtd'}: unpacked."
    assert lines[2] == f"{to / 'dtd'}: 6 images in 2 folders, 90x80 px"
    assert lines[3].startswith("  digest ")
    assert lines[4] == "DTD: 6 images: no faults."
    places = f"--data {to / 'mvtec_ad'} --textures {to / 'dtd'}"
    assert lines[6:] == [
        "next:",
        f"  python -m bench data fetch mvtec --to {to}",
        f"  python -m bench reproduce --dataset mvtec {places} --teacher imagenet",
    ]
    for step in (f"{archive.file}: 100%", f"check {archive.file}: 100%", "unpack", "verify: 100%"):
        assert step in err


def test_the_command_leaves_a_complete_folder_alone(archive, to, capsys, server):
    main(["data", "fetch", "dtd", "--to", str(to), "--jobs", "1"])
    capsys.readouterr()
    server.script.log.clear()
    assert main(["data", "fetch", "dtd", "--to", str(to)]) == 0
    assert capsys.readouterr().out.startswith(f"{to / 'dtd'}: DTD is there already, nothing to do.")
    assert server.script.log == []


def test_the_command_names_what_fails(archive, to, capsys, server):
    server.script.statuses += [404]
    assert main(["data", "fetch", "dtd", "--to", str(to)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {server.url}: the server answered 404 Not Found; give the same")
    assert err.count("\n") == 1


def test_a_mirror_and_keeping_are_options(archive, to, server, monkeypatch):
    elsewhere = {**ARCHIVES, "dtd": replace(archive, url="http://nowhere.invalid/")}
    monkeypatch.setattr("bench.commands.data.ARCHIVES", elsewhere)
    options = ["--url", f"{server.url}?mirror", "--keep-archive", "--jobs", "1"]
    assert main(["data", "fetch", "dtd", "--to", str(to), *options]) == 0
    assert names(to) == ["dtd", archive.file]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_the_published_archives_are_well_formed(kind):
    archive = ARCHIVES[kind]
    assert len(archive.sha256) == 64
    assert archive.url.startswith("https://")
    assert archive.url.endswith(f"/{archive.file}")
