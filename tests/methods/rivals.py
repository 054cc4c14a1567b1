"""What tests of the paper's rivals share: golden cases, their inputs, and what a step sees."""

import json
from pathlib import Path

import numpy as np
import torch

from destseg.resnet import ResNet18

GOLDEN = Path(__file__).parents[1] / "golden"


def published(name):
    """Return the arrays and the numbers of a published program."""
    return np.load(GOLDEN / f"{name}.npz"), json.loads((GOLDEN / f"{name}.json").read_text())


def inputs(seed, shape):
    """Draw the standard normal numbers that a golden case has as its images, float32."""
    values = np.random.RandomState(seed).standard_normal(shape)
    return torch.from_numpy(values.astype(np.float32))


class StubSite:
    """What a step sees: a trunk, and images alike but for the last, a patch of which differs."""

    category, device = "one", "cpu"

    def __init__(self, trunk, side, seed=0):
        rng = np.random.default_rng(0)
        shape = (side, side, 3)
        pixels = rng.integers(0, 256, (1, *shape)) + rng.integers(-20, 20, (14, *shape))
        pixels = pixels.clip(0, 255).astype(np.uint8)
        patch = slice(side // 4, side * 5 // 8)
        pixels[-1, patch, patch] = 255 - pixels[-1, patch, patch]
        torch.manual_seed(0)
        images = type("Images", (), {"train": pixels[:10], "test": pixels[10:]})
        self.known = {"images": images, trunk: ResNet18(8, 3).eval()}
        self._seed = seed

    def __getitem__(self, name):
        return self.known[name]

    def seed(self, stream):
        return self._seed

    def beat(self, steps):
        return lambda *_: None
