"""Unlabelled images on which a small teacher learns to see as ImageNet's does.

Procedural textures and shapes, and crops of the photographs in scikit-image's and scikit-learn's
wheels; no part of the miniature's, of MVTec AD or of DTD. A pool is drawn once; each batch shows
its images anew: turned, mixed under noise, recoloured, blurred, noisy.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from joblib import Parallel, delayed
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bench.data.pretraining_images import CLASSES, draw_classes
from bench.data.textures import photographs
from destseg.anomalies import corrupt
from destseg.application.progress import progress
from destseg.config import AnomalyConfig

SIZE = 64
"""Side of the images in pixels: the miniature's."""

CHUNK = 20
"""Images of each class that are drawn at a time."""

SHARE = 0.5
"""Of photographs in the pool."""

MIXED = 0.5
"""Share of images in which another one stands under a noise mask."""

NOISE = AnomalyConfig(lattice_exponents=4)


def image_pool(count: int, jobs: int) -> NDArray[np.uint8]:
    """Draw (at least ``count``, 64, 64, 3) uint8 images, the same whatever ``jobs`` is."""
    drawn = round(count * (1 - SHARE))
    chunks = -(-drawn // (CHUNK * len(CLASSES)))
    crops = -(-(count - drawn) // chunks)
    tasks = [delayed(_chunk)(index, crops) for index in range(chunks)]
    made = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return np.concatenate(list(progress(made, "draw images", chunks, unit="chunk")))


def image_batches(
    pool: NDArray[np.uint8], *, steps: int, batch: int, seed: int, device: torch.device | str
) -> Iterator[Tensor]:
    """Yield (batch, 3, 64, 64) float32 in [0, 1], drawn from the pool and altered at random."""
    images = torch.from_numpy(np.array(pool)).to(device)
    for step in range(steps):
        rng = default_rng((seed, step))
        chosen = torch.from_numpy(rng.integers(len(pool), size=2 * batch)).to(device)
        first, second = images[chosen].permute(0, 3, 1, 2).float().div_(255).chunk(2)
        yield _altered(_turned(first, rng), second, rng)


def _chunk(index: int, crops: int) -> NDArray[np.uint8]:
    rng = default_rng((1, index))
    drawn, _ = draw_classes(rng, CHUNK, SIZE)
    return np.concatenate([drawn, _photograph_crops(rng, crops)])


def _photograph_crops(rng: Generator, count: int) -> NDArray[np.uint8]:
    """Crop photographs at random places and scales, from a surface to the scene."""
    sources = [image for _, image in photographs()]
    crops = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for crop in crops:
        image = sources[rng.integers(len(sources))]
        shorter = min(image.shape[:2])
        side = round(float(np.exp(rng.uniform(np.log(min(SIZE, shorter)), np.log(shorter)))))
        top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape[:2])
        cut = Image.fromarray(image[top : top + side, left : left + side])
        crop[:] = np.asarray(cut.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    return crops


def _turned(images: Tensor, rng: Generator) -> Tensor:
    """Flip or turn a batch, and exchange its colour channels, each image like the others."""
    images = torch.rot90(images, int(rng.integers(4)), (2, 3))
    if rng.random() < 0.5:
        images = images.flip(3)
    return images[:, rng.permutation(3).tolist()]


def _altered(images: Tensor, others: Tensor, rng: Generator) -> Tensor:
    """Mix with other images under noise, change contrast, level, focus and noise of each."""
    count = len(images)

    def drawn(low: float, high: float) -> Tensor:
        values = rng.uniform(low, high, (count, 1, 1, 1))
        return torch.from_numpy(values).to(images)

    mixed, _ = corrupt(images, others, rng, NOISE)
    images = torch.where(drawn(0, 1) < MIXED, mixed, images)
    mean = images.mean((2, 3), keepdim=True)
    images = (images - mean) * drawn(0.4, 1.3) + mean * drawn(0.6, 1.3) + drawn(-0.08, 0.08)
    soft = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    images = torch.lerp(images, soft, drawn(-0.5, 1).clamp_(min=0))
    seed = int(rng.integers(2**62))
    generator = torch.Generator(images.device).manual_seed(seed)
    noise = torch.empty_like(images).normal_(generator=generator)
    return (images + noise * drawn(-0.02, 0.05).clamp_(min=0)).clamp_(0, 1)
