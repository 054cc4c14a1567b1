"""Prediction of den+ed+seg at the paper's sizes: uint8 images in, anomaly maps out."""

import statistics
from collections.abc import Callable

import numpy as np

from benchmarks.figures import Figure, Setting
from benchmarks.steps import scale, untrained
from benchmarks.timing import in_turns, seconds
from destseg.inference import anomaly_maps
from destseg.textures import procedural_texture

BATCHES = (1, 32)


def measure(setting: Setting) -> list[Figure]:
    """Time one image by itself, and images in a batch."""
    sizes, device = scale(setting), setting.device
    model = untrained(sizes.model).requires_grad_(False).eval().to(device)
    images = np.stack([procedural_texture(index, sizes.side) for index in range(max(BATCHES))])

    def work(batch: int) -> Callable[[], float]:
        # On an accelerator several: a single one says more of its start than of its speed.
        count = 1 if device == "cpu" else 10

        def predicted() -> None:
            for _ in range(count):
                anomaly_maps(
                    lambda shown: model(shown).segmentation,
                    images[:batch],
                    batch_size=batch,
                    device=device,
                )

        return lambda: seconds(predicted, device) / count

    works = {f"batch {batch}": work(batch) for batch in BATCHES}
    works["batch 1"]()
    found = in_turns("predictions", works, setting.rounds)
    figures = []
    for batch, times in zip(BATCHES, found.values(), strict=True):
        median = statistics.median(times)
        figures.append(Figure(f"batch {batch} of {sizes.side} px", median * 1e3, "ms"))
        figures.append(Figure(f"batch {batch}, rate", batch / median, "images/s"))
    return figures
