"""Anomaly source images: a folder of textures, or the embedded set that needs no download.

The embedded set is drawn by `destseg.textures` and cropped from the photographs that
scikit-image and scikit-learn carry inside their wheels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from bench.data.cache import content_digest, publish, recipe_key, require_whole
from destseg.errors import InputError, input_faults
from destseg.folders import images_below, require_folder
from destseg.images import bit_depth, read_rgb, resize_rgb
from destseg.procedural import FAMILIES
from destseg.textures import VARIATIONS, procedural_texture

EMBEDDED_VERSION = 1
"""Raised when the embedded set changes."""

DECODING_VERSION = 2
"""Raised when the decoded array changes for the same files."""

PHOTOGRAPHS: tuple[str, ...] = tuple(
    "skimage/data/astronaut.png skimage/data/brick.png skimage/data/chelsea.png "  # noqa: SIM905
    "skimage/data/coffee.png skimage/data/coins.png skimage/data/grass.png skimage/data/gravel.png "
    "skimage/data/hubble_deep_field.jpg skimage/data/ihc.png skimage/data/moon.png "
    "skimage/data/motorcycle_left.png skimage/data/retina.jpg skimage/data/rocket.jpg "
    "sklearn/datasets/images/china.jpg sklearn/datasets/images/flower.jpg".split()
)
"""Files inside of packages; the wheels carry these, nothing is fetched."""

CROPS = 3
"""Crops of each photograph."""


@dataclass(frozen=True)
class TexturesRef:
    """Decoded anomaly source images on disk."""

    path: Path  # the decoded folder in the cache
    digest: str  # of the source files' relative paths and contents
    count: int  # number of images


def prepare_textures(folder: Path | None, size: int, cache: Path) -> TexturesRef:
    """Validate anomaly source images and decode them into the cache, unless they are there.

    Every image below the folder is used, in the order of the relative paths: the Describable
    Textures layout ``images/<class>/*.jpg`` or any other; None means the embedded set. The decoded
    images have ``size`` pixels a side; their aspect ratio is ignored, as in the paper's program.

    Raises
    ------
    InputError
        When the folder is missing or has no image, or with every image that is damaged.
    """
    if folder is not None:
        remedy = "give --textures a folder of images, such as DTD's, or leave it out for the"
        require_folder(folder, f"{remedy} embedded ones")
    source = embedded_textures(size, cache) if folder is None else folder
    files = texture_files(source)
    digest = content_digest(source, files, cache)
    key = recipe_key([DECODING_VERSION, digest, size])
    path = cache / "textures" / f"decoded-{size}-{key}"
    publish(path, lambda draft: _decode(source, files, size, draft))
    return TexturesRef(path, digest, len(files))


def texture_files(folder: Path) -> list[Path]:
    """List the anomaly sources in a folder.

    Raises
    ------
    InputError
        When the folder is missing or has no image.
    """
    return images_below(folder, "give a folder of texture images, such as DTD's")


def load_textures(ref: TexturesRef) -> NDArray[np.uint8]:
    """Map what `prepare_textures` decoded into memory, (T, S, S, 3) uint8, read-only.

    Raises
    ------
    InputError
        When it is not what was decoded.
    """
    require_whole(ref.path)
    images: NDArray[np.uint8] = np.load(ref.path / "images.npy", mmap_mode="r")
    return images


def embedded_textures(size: int, cache: Path) -> Path:
    """Write the embedded set as PNG into the cache, for people to look at; return its folder."""
    folder = cache / "textures" / f"textures-v{EMBEDDED_VERSION}-{size}"
    return publish(folder, lambda draft: _write_embedded(draft, size))


def photographs() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the name and (H, W, 3) uint8 RGB of each of the wheels' photographs."""
    for photograph in PHOTOGRAPHS:
        package, _, inside = photograph.partition("/")
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise InputError(f"{package}: not installed; install it for the embedded textures.")
        file = Path(spec.origin).parent / inside
        yield file.stem, read_rgb(file, None)


def photograph_crops(size: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield a name and (size, size, 3) uint8 for each crop of the wheels' photographs.

    Each crop takes half of the shorter side, so that it is rather a surface than a scene.
    """
    for number, (name, image) in enumerate(photographs()):
        side = min(image.shape[:2]) // 2
        rng = default_rng((EMBEDDED_VERSION, number))
        for crop in range(CROPS):
            top = int(rng.integers(0, image.shape[0] - side + 1))
            left = int(rng.integers(0, image.shape[1] - side + 1))
            cut = image[top : top + side, left : left + side]
            yield f"{name}_{crop}", resize_rgb(cut, size)


def _write_embedded(draft: Path, size: int) -> None:
    for name in ("procedural", "photographs"):
        (draft / name).mkdir()
    families = list(FAMILIES)
    for index in range(VARIATIONS * len(families)):
        file = f"{index:02d}_{families[index % len(families)]}.png"
        Image.fromarray(procedural_texture(index, size)).save(draft / "procedural" / file)
    for name, crop in photograph_crops(size):
        Image.fromarray(crop).save(draft / "photographs" / f"{name}.png")


def _decode(source: Path, files: list[Path], size: int, draft: Path) -> None:
    """Write all images into one array, or raise one error with all faults."""
    images = np.lib.format.open_memmap(
        draft / "images.npy", mode="w+", dtype=np.uint8, shape=(len(files), size, size, 3)
    )
    faults = []
    # Those of fewer bits are refused: results on them would have the digest of results that an
    # earlier release gave, on nearly black ones.
    depth = 16 if bit_depth(files) == 16 else None
    for index, file in enumerate(tqdm(files, "decode textures", unit="image", delay=2)):
        try:
            images[index] = read_rgb(file, size, depth=depth)
        except InputError as error:
            faults.append(str(error))
    images.flush()
    if faults:
        raise input_faults(str(source), faults)
