"""Unlabelled images on which a small teacher learns to see as ImageNet's does.

Procedural textures and shapes, and crops of the photographs in scikit-image's and scikit-learn's
wheels; no part of the miniature's, of MVTec AD or of DTD. Each is turned, mixed with another under
noise, recoloured, blurred and made noisy at random.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from joblib import Parallel, delayed
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bench.data.pretraining_images import draw_classes
from bench.data.textures import photographs
from destseg.anomalies import corrupt
from destseg.application.progress import progress
from destseg.batches import as_tensor
from destseg.config import AnomalyConfig

SIZE = 64
"""Side of the images in pixels: the miniature's."""

PER_CLASS = 10
"""Procedural images of each class in a chunk, which has as many crops of photographs."""

MIXED = 0.5
"""Share of images in which another one stands under a noise mask."""

NOISE = AnomalyConfig(lattice_exponents=4)

STREAM = 20
"""Images that are altered together: they are turned alike."""


def distillation_images(chunks: int, jobs: int) -> NDArray[np.uint8]:
    """Draw (1280 chunks, 64, 64, 3) uint8 RGB images, the same whatever ``jobs`` is."""
    made = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_chunk)(index) for index in range(chunks)
    )
    return np.concatenate(list(progress(made, "draw images", chunks, unit="chunk")))


def _chunk(index: int) -> NDArray[np.uint8]:
    rng = default_rng((1, index))
    drawn, _ = draw_classes(rng, PER_CLASS, SIZE)
    images = rng.permutation(np.concatenate([drawn, _photograph_crops(rng, len(drawn))]))
    altered = [
        _altered(_turned(part, rng), others, rng)
        for part, others in zip(
            as_tensor(images).split(STREAM), as_tensor(images[::-1]).split(STREAM), strict=True
        )
    ]
    pixels = torch.cat(altered).mul_(255).round_().byte()
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()


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
    noise = torch.from_numpy(rng.standard_normal(tuple(images.shape), dtype=np.float32))
    return (images + noise * drawn(-0.02, 0.05).clamp_(min=0)).clamp_(0, 1)
