"""Writing a category to disk in MVTec AD's layout."""

from pathlib import Path

import numpy as np
from PIL import Image

from bench.data.cache import publish
from bench.data.miniature.defects import GOOD
from bench.data.miniature.sample import DEFECTS, Sample, render


def write(
    root: Path, size: int, category: str, *, train: int = 64, good: int = 12, per_defect: int = 8
) -> None:
    """Write one of `CATEGORIES` below `root`, unless its folder is there already.

    The folder appears complete or not at all, see `bench.data.cache.publish`. ``train/good`` has
    `train` images of `size` pixels a side, ``test/good`` has `good`, and each ``test/<defect>`` has
    `per_defect`: RGB PNG files, and masks in ``ground_truth`` of one channel, 0 or 255.

    Raises
    ------
    InputError
        When the folder cannot be written.
    """

    def fill(draft: Path) -> None:
        _write_images(draft, "train/good", train, category, size)
        _write_images(draft, f"test/{GOOD}", good, category, size)
        for defect in DEFECTS[category]:
            _write_images(draft, f"test/{defect}", per_defect, category, size)

    publish(root / category, fill)


def _write_images(folder: Path, split: str, count: int, category: str, size: int) -> None:
    """Write `count` samples of one split, with their masks where the split is defective."""
    (folder / split).mkdir(parents=True)
    truth = folder / "ground_truth" / Path(split).name
    if truth.name != GOOD:
        truth.mkdir(parents=True)
    for index in range(count):
        sample: Sample = render(category, split, index, size)
        Image.fromarray(sample.image).save(folder / split / f"{index:03d}.png")
        if truth.name != GOOD:
            mask = sample.mask.astype(np.uint8) * 255
            Image.fromarray(mask).save(truth / f"{index:03d}_mask.png")
