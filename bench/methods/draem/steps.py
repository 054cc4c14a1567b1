"""DRAEM's steps: one training, and the maps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench.methods.codecs import SCORES, WEIGHTS
from bench.methods.steps import Scores, Site, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from bench.methods.draem.config import Anomalies
    from bench.methods.draem.networks import DRAEM
    from destseg.config import Precision

LEAST_SIDE = 32

DECAYS = {"program": (0.2, 8 / 10, 9 / 10), "paper": (0.1, 4 / 7, 6 / 7)}
"""Factor of the learning rates, and after which parts of the updates it comes in."""

BATCHES_OF_AN_EPOCH = 30
"""Of eight images, on average over MVTec AD's categories; for forecasts only."""


@dataclass(frozen=True)
class Train(Step["dict[str, Tensor]"]):
    """Both networks, trained together."""

    width: int
    discriminative_width: int
    anomalies: Anomalies
    batch_size: int
    epochs: int | None
    """None where `steps` is given, or what is the same would be trained twice."""
    steps: int | None
    lr: float
    decay: Literal["program", "paper"]
    precision: Precision | None = field(default=None, kw_only=True)
    """None for float32."""

    kind = "draem.training"
    reads = ("images", "textures")
    codec = WEIGHTS

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return about the multiply-accumulates of the forward passes."""
        epochs = settings.get("epochs", 1)
        steps = settings.get("steps", epochs * BATCHES_OF_AN_EPOCH)
        w, v = settings["width"], settings["discriminative_width"]
        a_pixel = 148.5 * w**2 + 54 * w + 140.625 * v**2 + 72 * v
        return float(steps * settings["batch_size"] * settings["size"] ** 2 * a_pixel)

    def run(self, site: Site, *parents: Any) -> dict[str, Tensor]:  # noqa: ARG002 - it has none
        """Return the weights of both."""
        from bench.methods._perlin import fitted
        from bench.methods.draem.batches import training_batches
        from bench.methods.draem.training import train_networks

        images = fitted(site["images"].train, LEAST_SIDE)
        steps = self.steps
        if steps is None:
            assert self.epochs is not None
            steps = self.epochs * math.ceil(len(images) / self.batch_size)
        batches = training_batches(
            images,
            fitted(site["textures"], LEAST_SIDE),
            batch_size=self.batch_size,
            steps=steps,
            seed=site.seed("data"),
            anomalies=self.anomalies,
            device=site.device,
        )
        networks = self.untrained(site.seed("weights")).to(site.device)
        factor, *parts = DECAYS[self.decay]
        train_networks(
            networks,
            batches,
            lr=self.lr,
            precision=self.precision or "float32",
            milestones=[int(part * steps) for part in parts],
            factor=factor,
            on_step=site.beat(steps),
        )
        return networks.state_dict()

    def untrained(self, seed: int) -> DRAEM:
        """Initialise the networks."""
        import torch

        from bench.methods.draem.networks import DRAEM

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return DRAEM(self.width, self.discriminative_width)


@dataclass(frozen=True)
class Map(Step[Scores]):
    """The probability of an anomaly at every pixel; image scores are largest means in a window."""

    networks: Train

    kind = "draem.maps"
    seeded = False
    reads = ("images",)
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:
        """Return maps and image scores of the test images."""
        import torch

        from bench.methods._perlin import fitted
        from bench.methods._two_class import pooled_scores, score_window, shown

        (state,) = parents
        networks = self.networks.untrained(0)
        networks.load_state_dict(state)
        networks.requires_grad_(False).to(site.device).eval()
        images = fitted(site["images"].test, LEAST_SIDE)
        with torch.no_grad():
            found = [networks(batch)[1][:, 1].cpu() for batch in shown(images, site.device)]
        maps = torch.cat(found).numpy()
        return Scores(maps, pooled_scores(maps, score_window(maps.shape[-1])))
