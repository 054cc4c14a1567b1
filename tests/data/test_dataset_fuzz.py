"""Random folders: what comes out is a right result or one sentence, and no image goes unsaid."""

import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.data.categories import load_category, prepare_category
from bench.data.layout import scan_category
from bench.data.textures import prepare_textures
from bench.metrics import Protocol
from destseg.errors import InputError

SIDE = 6
RULE = Protocol(name="small", size=SIDE, mask_rule="nearest")

PLACES = (
    *("", "train", "train/good", "train/good/day2", "train/bad", "test", "test/good", "test/hole"),
    *("test/hole/day2", "test/ko", "ground_truth/hole", "ground_truth/hole/day2"),
    *("ground_truth/ko", "ground_truth/good", "validation/good"),
    *("train/good/.ipynb_checkpoints", "test/__MACOSX", "test/.hidden"),
)
STEMS = (
    "000",
    "000_mask",
    "001",
    "001_mask",
    "7",
    "7_mask",
    "e\u0301",
    "\u00e9_mask",
    "._0",
    "a b",
)
SUFFIXES = (".png", ".PNG", ".tif", ".jpg", ".webp", ".bmp", ".heic", ".txt", ".png.bak", "")
FORMATS = {".tif": "TIFF", ".jpg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}


def picture(value, kind=np.uint8, corner=0, shape=(SIDE, SIDE)):
    """Make what writes a picture with a mark of a value, and a corner of another."""

    def save(path):
        pixels = np.zeros(shape, kind)
        pixels[1:4, 1:5], pixels[0, 0] = value, corner
        form = "PNG" if kind == np.uint16 else FORMATS.get(path.suffix.lower(), "PNG")
        Image.fromarray(pixels).save(path, form)

    return save


def holding(content):
    return lambda path: path.write_bytes(content)


CONTENTS = {
    "white": picture(255),
    "class": picture(1),
    "classes": picture(1, corner=2),
    "black": picture(0),
    "faint": picture(90, corner=40),
    "12 bits": picture(3000, np.uint16),
    "16 bits": picture(60000, np.uint16),
    "other size": picture(255, shape=(4, 9)),
    "nothing": holding(b""),
    "text": holding(b"text"),
    "cut": holding(b"\x89PNG\r\n\x1a\n"),
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "loop": lambda path: path.symlink_to(path.name),
    "dangling": lambda path: path.symlink_to("absent"),
    "linked folder": lambda path: path.symlink_to(path.parent),
}
USUAL = st.sampled_from(["white", "12 bits", "classes"])
ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(PLACES),
        st.sampled_from(STEMS),
        st.sampled_from(SUFFIXES),
        USUAL | st.sampled_from(sorted(CONTENTS)),
    ),
    max_size=6,
)


def write(path, content):
    """Put something in a place, unless there is something."""
    with suppress(FileExistsError, NotADirectoryError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            CONTENTS[content](path)


def write_tree(folder, entries):
    """A category that is whole, and what has come to it."""
    for name in ("train/good/000", "test/good/000", "test/hole/000", "ground_truth/hole/000_mask"):
        write(folder / f"{name}.png", "white")
    for place, stem, suffix, content in entries:
        write(folder / place / f"{stem}{suffix}", content)


def images_in(folder):
    """Find by content and without our rules what anybody would call the images of a folder."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        for path in (Path(place) / name for name in files if not name.startswith(".")):
            with suppress(Exception):
                if path.is_file():
                    with Image.open(path) as image:
                        image.load()
                    found.append(path)
    return found


def is_told(path, folder, notes):
    own = (folder, folder / "train")
    places = [path, *(place for place in path.parents if folder in place.parents or place in own)]
    places = [place for place in places if place not in own or place == path.parent]
    return any(note.startswith(f"note: {place}: ") for note in notes for place in places)


class Notes(logging.Handler):
    def __init__(self):
        super().__init__()
        self.notes = []

    def emit(self, record):
        self.notes.append(record.getMessage())


def prepared(prepare):
    """Return what comes out, or nothing where the input is refused; and what was told."""
    heard = Notes()
    log = logging.getLogger("destseg.errors")
    log.addHandler(heard)
    result = None
    try:
        result = prepare()
    except InputError as error:
        str(error).encode()
    finally:
        log.removeHandler(heard)
    return result, heard.notes


FUZZED = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@FUZZED
@given(ENTRIES)
def test_a_category_is_read_whole_or_refused(entries):
    with tempfile.TemporaryDirectory() as made:
        root, cache = Path(made) / "data", Path(made) / "cache"
        folder = root / "c"
        write_tree(folder, entries)
        ref, notes = prepared(lambda: prepare_category(root, "c", SIDE, cache, RULE))
        if ref is None:
            return
        files = scan_category(folder)
        read = {*files.train, *files.test}
        for path in images_in(folder):
            if "ground_truth" not in path.parts:
                assert path in read or is_told(path, folder, notes), path
        assert ref.extent.counts == (len(files.train), len(files.test))
        data = load_category(ref)
        marked = data.masks.any((1, 2)).tolist()
        assert marked == [defect != "good" for defect in files.defects]


@FUZZED
@given(ENTRIES)
def test_textures_are_read_whole_or_refused(entries):
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "textures"
        write_tree(folder, entries)
        ref, notes = prepared(lambda: prepare_textures(folder, SIDE, Path(made) / "cache"))
        if ref is not None:
            images = images_in(folder)
            told = sum(is_told(path, folder, notes) for path in images)
            assert ref.count >= len(images) - told
