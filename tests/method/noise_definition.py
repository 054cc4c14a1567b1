"""Masks of anomalies by their definition, corner by corner of a lattice's cells."""

import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from destseg import perlin


def defined_noise(angles, cells, size):
    """One sample's noise (H, W): angles (R + 1, C + 1) or more, cells (rows, columns)."""
    places = [np.arange(n) * count / n for n, count in zip(size, cells, strict=True)]
    row, column = (np.floor(place).astype(int) for place in places)
    down, right = (place - np.floor(place) for place in places)
    cosines, sines = perlin.gradients(angles)

    def corner(below, beside):
        node = np.ix_(row + below, column + beside)
        return (down[:, None] - below) * cosines[node] + (right - beside) * sines[node]

    def between(start, end, weight):
        return start + (end - start) * weight

    left, far = (between(corner(0, s), corner(1, s), perlin.fade(down)[:, None]) for s in (0, 1))
    return math.sqrt(2) * between(left, far, perlin.fade(right))


def defined_masks(rng, count, size, *, exponents=6, most=90.0, threshold=0.5):
    """Draw masks (count, 1, H, W) as `destseg.anomalies.draw_masks` does by default."""
    cells = 2 ** rng.integers(exponents, size=(count, 2))
    nodes = 2 ** (exponents - 1) + 1
    angles = 2 * math.pi * rng.random((count, nodes, nodes))
    degrees = rng.uniform(-most, most, size=count)
    noise = np.stack([defined_noise(a, c, size) for a, c in zip(angles, cells, strict=True)])
    radians = torch.from_numpy(np.radians(degrees)).float()
    cos, sin, zero = torch.cos(radians), torch.sin(radians), torch.zeros(count)
    aspect = (size[0] - 1) / (size[1] - 1)
    matrix = torch.stack([cos, -sin * aspect, zero, sin / aspect, cos, zero], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, [count, 1, *size], align_corners=True)
    turned = F.grid_sample(torch.from_numpy(noise).float()[:, None], grid, align_corners=True)
    return (turned > threshold).float()
