"""Writing a category to disk in MVTec AD's layout."""

from pathlib import Path

import numpy as np
from PIL import Image

from bench.data.cache import publish
from bench.data.miniature.defects import GOOD
from bench.data.miniature.sample import DEFECTS, Sample, render


def write(
    root: Path,
    size: int,
    category: str,
    *,
    first: int = 0,
    train: int = 112,
    good: int = 16,
    per_defect: int = 8,
) -> None:
    """Write one of `CATEGORIES` below `root`, unless its folder is there already.

    The folder appears complete or not at all, see `bench.data.cache.publish`. ``train/good`` has
    `train` images of `size` pixels a side, ``test/good`` has `good`, and each ``test/<defect>`` has
    `per_defect`: RGB PNG files, and masks in ``ground_truth`` of one channel, 0 or 255. Samples and
    files are numbered from `first` on; other numbers are other samples.

    Raises
    ------
    InputError
        When the folder cannot be written.
    """

    def fill(draft: Path) -> None:
        counts = {"train/good": train, f"test/{GOOD}": good}
        counts |= {f"test/{defect}": per_defect for defect in DEFECTS[category]}
        for split, count in counts.items():
            _write_images(draft, split, range(first, first + count), category, size)

    publish(root / category, fill)


def _write_images(folder: Path, split: str, numbers: range, category: str, size: int) -> None:
    """Write these samples of one split, with their masks where the split is defective."""
    (folder / split).mkdir(parents=True)
    truth = folder / "ground_truth" / Path(split).name
    if truth.name != GOOD:
        truth.mkdir(parents=True)
    for index in numbers:
        sample: Sample = render(category, split, index, size)
        Image.fromarray(sample.image).save(folder / split / f"{index:03d}.png", compress_level=1)
        if truth.name != GOOD:
            mask = sample.mask.astype(np.uint8) * 255
            Image.fromarray(mask).save(truth / f"{index:03d}_mask.png", compress_level=1)
