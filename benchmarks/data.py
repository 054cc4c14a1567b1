"""Training samples on one thread, ours against the authors' way of making them."""

import itertools
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional

from benchmarks.figures import Figure, Setting
from benchmarks.timing import in_turns, median_ratio, seconds
from destseg.batches import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Draws,
    Finish,
    TrainingImages,
    training_batches,
)
from destseg.config import Rotation
from destseg.feeding import mapped
from destseg.textures import procedural_texture
from destseg.turning import ROTATION_FILL

NATIVE, TEXTURE = 900, (640, 480)
"""Sizes of files as MVTec AD's bottle and the textures have them."""

FULL = Rotation(quarter_turns=True, degrees=5)
"""Half of the categories are turned so, bottle among them."""


FINISHES = 20
"""Batches finished one after the other: in a training the device is not waited for either."""


class Authors:
    """Samples as the program makes them, image by image, anew at each access.

    As "Data" and "Synthetic anomalies" in docs/method.md have them: both files are decoded and
    resized each time, the image is turned by Pillow, the noise computed for every pixel in float64,
    turned, and all of it blended. Their library that turns the noise is not at hand: Pillow's
    bilinear rotation stands for it, and what it takes is told.
    """

    def __init__(self, images: list[Path], textures: list[Path], side: int) -> None:
        self._images, self._textures, self._side = images, textures, side
        self._rng = np.random.default_rng(0)
        self.spent: defaultdict[str, float] = defaultdict(float)
        """Seconds of each part so far."""

    def sample(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return a corrupted image, the clean one and the mask."""
        rng = self._rng
        with self._timed("image: decode and resize"):
            image = self._opened(self._images[index % len(self._images)])
        with self._timed("texture: decode and resize"):
            texture = self._opened(self._textures[rng.integers(len(self._textures))])
        with self._timed("turn"):
            for angle in (float(90 * rng.integers(4)), rng.uniform(-5, 5)):
                image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=ROTATION_FILL)
        with self._timed("noise"):
            rows, columns = 2 ** rng.integers(6, size=2)
            noise = perlin(2 * np.pi * rng.random((rows + 1, columns + 1)), self._side)
        with self._timed("turn of the noise"):
            field = Image.fromarray(noise.astype(np.float32))
            turned = field.rotate(rng.uniform(-90, 90), Image.Resampling.BILINEAR)
            mask = (np.asarray(turned) > 0.5).astype(np.float32)[..., None]
        with self._timed("blend"):
            clean = np.asarray(image, np.float32) / 255
            source = np.asarray(texture, np.float32) / 255
            weight = 0.8 * rng.random()
            corrupted = clean * (1 - mask) + (1 - weight) * source * mask + weight * clean * mask
        with self._timed("normalise"):
            shown = [
                functional.normalize(functional.to_tensor(x), IMAGENET_MEAN, IMAGENET_STD)
                for x in (corrupted.astype(np.float32), image)
            ]
            return shown[0], shown[1], functional.to_tensor(mask)

    def _opened(self, path: Path) -> Image.Image:
        size = (self._side, self._side)
        return Image.open(path).convert("RGB").resize(size, Image.Resampling.BILINEAR)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.spent[part] += time.perf_counter() - start


def perlin(angles: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Gradient noise (side, side) on a lattice of angles, by its formula for every pixel."""
    rows, columns = (count - 1 for count in angles.shape)
    y, x = np.mgrid[:side, :side] * np.array([rows, columns])[:, None, None] / side
    a, b = y.astype(int), x.astype(int)
    u, v = y - a, x - b

    def corner(down: int, right: int) -> NDArray[np.float64]:
        angle = angles[a + down, b + right]
        found: NDArray[np.float64] = (u - down) * np.cos(angle) + (v - right) * np.sin(angle)
        return found

    def fade(t: NDArray[np.float64]) -> NDArray[np.float64]:
        return 6 * t**5 - 15 * t**4 + 10 * t**3

    upper = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * fade(u)
    lower = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * fade(u)
    noise: NDArray[np.float64] = np.sqrt(2) * (upper + (lower - upper) * fade(v))
    return noise


def measure(setting: Setting) -> list[Figure]:
    """Time samples, turned and not, in turns with the authors' way.

    With an accelerator also what it takes to finish a batch.
    """
    side, batch, steps = (64, 2, 1) if setting.smoke else (256, 32, 1)
    count = batch * steps
    pictures = [procedural_texture(index, side) for index in range(2 * batch)]
    images, textures = np.stack(pictures[:batch]), np.stack(pictures[batch:])
    drawn = 0

    def ours(rotation: Rotation) -> Callable[[], float]:
        def work() -> float:
            nonlocal drawn
            drawn += 1
            batches = training_batches(
                TrainingImages(images, textures, rotation),
                batch_size=batch,
                steps=steps,
                seed=drawn,
            )
            return seconds(lambda: list(batches)) / count

        return work

    def draft(rotation: Rotation) -> Callable[[], float]:
        draws = Draws(TrainingImages(images, textures, rotation), batch_size=batch, seed=0)
        indices = itertools.count()
        return lambda: seconds(lambda: draws.draft(next(indices))) / count

    with tempfile.TemporaryDirectory() as name:
        authors = Authors(*_files(Path(name), pictures, setting), side)
        works = {
            "ours, turned": ours(FULL),
            "ours, not turned": ours(Rotation()),
            "for an accelerator, turned": draft(FULL),
            "for an accelerator, not turned": draft(Rotation()),
            "authors' way, turned": lambda: (
                seconds(lambda: [authors.sample(index) for index in range(count)]) / count
            ),
        }
        found = in_turns("samples", works, setting.rounds)
    turned, theirs = found["ours, turned"], found["authors' way, turned"]
    figures = [Figure(name, statistics.median(times) * 1e3, "ms") for name, times in found.items()]
    if setting.device != "cpu":
        ways = {"turned": FULL, "not turned": Rotation()}
        finishes = {
            f"a batch finished on {setting.device}, {name}": _finishing(
                TrainingImages(images, textures, rotation), batch, setting.device
            )
            for name, rotation in ways.items()
        }
        for name, times in in_turns("batches", finishes, setting.rounds).items():
            figures.append(Figure(name, statistics.median(times) * 1e3, "ms"))
    samples = count * setting.rounds
    return [
        *figures,
        *(Figure(f"of it {part}", 1e3 * s / samples, "ms") for part, s in authors.spent.items()),
        Figure("times as fast as the authors' way", median_ratio(theirs, turned)),
    ]


def _finishing(data: TrainingImages, batch: int, device: str) -> Callable[[], float]:
    """Return what times the finishing of a batch, not the first, without its way to the device."""
    drawn = Draws(data, batch_size=batch, seed=0).draft(0)
    draft, finish = mapped(lambda part: part.to(device), drawn), Finish(data, device)
    finish(draft)

    def work() -> float:
        return seconds(lambda: [finish(draft) for _ in range(FINISHES)], device) / FINISHES

    return work


def _files(
    folder: Path, pictures: list[NDArray[np.uint8]], setting: Setting
) -> tuple[list[Path], list[Path]]:
    """Write pictures as files: PNG with a camera's noise, and JPEG."""
    rng = np.random.default_rng(0)
    images, textures = [], []
    native = 90 if setting.smoke else NATIVE
    for index, picture in enumerate(pictures[:4]):
        large = Image.fromarray(picture).resize((native, native), Image.Resampling.BICUBIC)
        noisy = np.asarray(large) + rng.normal(0, 2, (native, native, 3))
        images.append(folder / f"{index}.png")
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(images[-1])
        textures.append(folder / f"{index}.jpg")
        Image.fromarray(picture).resize(TEXTURE).save(textures[-1], quality=90)
    return images, textures
